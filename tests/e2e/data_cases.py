"""Rows of the table for calibration data, and the command sequences of the Compiler CLI page."""
import os
import pty
import re
import subprocess

from cases import CASES, Case, TINY, case
from run_cases import files_of, same_files


# ---- calibration data ----


def make_images(r, n=4):
    """Small grey PPM pictures: every reader knows them, and the script needs no library."""
    os.makedirs(r.path("pictures", "sub"), exist_ok=True)
    for i in range(n):
        data = bytes((i * 40 + k * 7) % 256 for k in range(10 * 9 * 3))
        name = ("pictures/%d.ppm" if i % 2 else "pictures/sub/%d.ppm") % i
        open(r.path(name), "wb").write(b"P6 10 9 255\n" + data)
    return r.path("pictures")


def have(*modules):
    return subprocess.call(["/usr/bin/python3", "-c", "import " + ", ".join(modules)],
                           stderr=subprocess.DEVNULL) == 0


def image_case(*modules):
    def wrap(function):
        def run(r):
            if not have("numpy", *modules):
                r.skip("/usr/bin/python3 lacks numpy or " + ", ".join(modules))
            make_images(r)
            function(r)

        CASES.append(Case(function.__name__, run))
        return function

    return wrap


IMAGES = TINY + ["--imageset", "{D}/pictures", "--python", "/usr/bin/python3"]
TRANSFORM = """
import numpy as np
def get_preprocess_transform(image):
    x = np.asarray(image.resize((8, 8)), np.float32).transpose(2, 0, 1) / 255
    %s
"""


@image_case("PIL")
def images_without_transform(r):
    r.run(*IMAGES, "--verify", "2")
    r.expect(0, "--transform", "verified: 2 samples")
    report = r.status("SUCCEEDED")
    r.check(report["calibration"] == {"samples": 4, "skipped_files": 0, "random_data": False}, report["calibration"])


@image_case("PIL")
def images_with_transform(r):
    r.write("t.py", TRANSFORM % "return x")
    r.write("pictures/notes.txt", "not a picture")
    r.run(*IMAGES, "--transform", "{D}/t.py", "--jobs", "2")
    r.expect(0, "1 ")
    report = r.status("SUCCEEDED")
    r.check(report["calibration"]["samples"] == 4 and report["calibration"]["skipped_files"] == 1, report["calibration"])
    r.check(any("skip" in w or "not" in w for w in report["warnings"]), "no warning about the skipped file")


@image_case("PIL")
def images_do_not_depend_on_jobs(r):
    r.write("t.py", TRANSFORM % "return x")
    r.run(*IMAGES, "--transform", "{D}/t.py", "--jobs", "1")
    r.expect(0)
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o2", "--imageset", "{D}/pictures", "--transform", "{D}/t.py", "--jobs", "3",
          "--python", "/usr/bin/python3")
    r.expect(0)
    same_files(r, r.out, r.path("o2"), "quantized_model", "compiled_model")


def transform_row(name, body, *texts, option="{D}/t.py"):
    def run(r):
        r.write("t.py", body)
        r.run(*IMAGES, "--transform", option)
        r.expect(1, "QTOOLS_ERROR", *texts)
        r.status("QTOOLS_ERROR")

    run.__name__ = name
    image_case("PIL")(run)


@image_case("PIL", "cv2")
def what_the_transform_receives(r):
    """--color-format and --imreader-backend: order and number of channels, as which type; FUNC of --transform."""
    for i in range(4):
        name = ("pictures/%d.ppm" if i % 2 else "pictures/sub/%d.ppm") % i
        open(r.path(name), "wb").write(b"P6 8 8 255\n" + bytes((200, 100, 10)) * 64)
    r.write("t.py", """
import numpy as np
def get_preprocess_transform(image):
    raise ValueError("the other function was named")
def other(image):
    a = np.asarray(image)
    print("GOT", type(image).__module__.split(".")[0], a.shape, a[3, 4].tolist(), file=open(%r, "a"))
    return np.zeros((3, 8, 8), np.float32)
""" % r.path("got"))
    for reader, module in (("PIL", "PIL"), ("OPENCV", "numpy")):
        for color, shape, pixel in (("RGB", (8, 8, 3), [200, 100, 10]), ("BGR", (8, 8, 3), [10, 100, 200]), ("GRAY", (8, 8), 120)):
            r.write("got", "")
            r.run("-i", "{M}/tiny.onnx", "-o", "{D}/%s%s" % (reader, color), "--imageset", "{D}/pictures", "--python",
                  "/usr/bin/python3", "--transform", "{D}/t.py:other", "--color-format", color, "--imreader-backend", reader,
                  "--quantize-only")
            r.expect(0)
            got = set(open(r.path("got")).read().split("\n")) - {""}
            r.check(got == {"GOT %s %s %s" % (module, shape, pixel)}, "%s %s: %s" % (reader, color, got))


@image_case("PIL")
def layout_of_the_input(r):
    """--input-data-layout, where no transform says it."""
    args = ["-i", "{M}/nhwc.onnx", "--input-shape", "1,8,8,3", "--imageset", "{D}/pictures", "--python", "/usr/bin/python3",
            "--quantize-only"]
    r.run(*args, "-o", "{D}/nhwc", "--input-data-layout", "NHWC")
    r.expect(0)
    r.run(*args, "-o", "{D}/nchw", "--input-data-layout", "NCHW")
    r.expect(1, "QTOOLS_ERROR", "give --input-data-layout NHWC")
    r.run(*args, "-o", "{D}/none")
    r.expect(1, "give --input-data-layout NHWC")


@image_case("PIL")
def order_of_images(r):
    """By name, or shuffled by --cal-seed: another two of four pictures are then used. --python is what reads them, in
    as many workers as --jobs."""
    r.write("python", "#!/bin/sh\necho started >> \"$(dirname \"$0\")/started\"\nexec /usr/bin/python3 \"$@\"\n")
    os.chmod(r.path("python"), 0o755)
    r.write("t.py", TRANSFORM % ("open(%r, 'a').write('%%d\\n' %% np.asarray(image)[0, 0, 0]); return x" % r.path("seen")))
    seen = {}
    for name, more in (("plain", ["--jobs", "1"]), ("again", ["--jobs", "1"]), ("seed 3", ["--cal-seed", "3"]), ("seed 4", ["--cal-seed", "4"]),
                       ("seed 5", ["--set", "cal_seed=5"])):
        r.write("seen", "")
        r.run("-i", "{M}/tiny.onnx", "-o", "{D}/" + name, "--imageset", "{D}/pictures", "--transform", "{D}/t.py",
              "--dataset-len", "2", "--quantize-only", "--python", "{D}/python", *more)
        r.expect(0)
        seen[name] = tuple(sorted(set(open(r.path("seen")).read().split())))
    r.check(seen["plain"] == seen["again"] == ("120", "40"), seen)  # 1.ppm and 3.ppm stand before sub/
    r.check(len({seen[k] for k in seen}) > 1 and all(len(v) == 2 for v in seen.values()), seen)
    r.check("started" in open(r.path("started")).read(), "--python was not started")
    make_images(r, 40)
    for jobs, words in (("1", "(1 worker)"), ("2", "(2 workers)")):
        r.run("-i", "{M}/tiny.onnx", "-o", "{D}/jobs" + jobs, "--imageset", "{D}/pictures", "--transform", "{D}/t.py",
              "--quantize-only", "--python", "{D}/python", "--jobs", jobs)
        r.expect(0, words)


transform_row("transform_raises", TRANSFORM % "raise ValueError('no such luck')", "no such luck", ".ppm", "Traceback")
transform_row("transform_wrong_shape", TRANSFORM % "return x[:, :5]", ".ppm", "3x5x8")
transform_row("transform_not_an_array", TRANSFORM % "return 'hello'", ".ppm")
transform_row("transform_syntax_error", "def (:\n", "SyntaxError")
transform_row("transform_import_error", "import nosuchmodule\n", "nosuchmodule")
transform_row("transform_function_missing", TRANSFORM % "return x", "other", option="{D}/t.py:other")
transform_row("transform_file_missing", "", "nix.py", option="{D}/nix.py")
transform_row("transform_killed", TRANSFORM % "import os; os.kill(os.getpid(), 9)", ".ppm", "signal 9")
transform_row("transform_exits", TRANSFORM % "import os; os._exit(3)", ".ppm")


@case
def imageset_missing(r):
    r.run(*TINY, "--imageset", "{D}/nix")
    r.expect(1, "nix")
    r.status("QTOOLS_ERROR")


@image_case("PIL")
def progress_on_a_terminal(r):
    """Count, rate and time left in every stage that reads samples; nothing of it without a terminal."""
    r.write("t.py", "import time\n" + TRANSFORM % "time.sleep(0.15)\n    return x")
    args = IMAGES + ["--transform", "{D}/t.py", "--jobs", "1"]
    terminal, inside = pty.openpty()
    process = r.start(*args, stderr=inside)
    os.close(inside)
    text = b""
    try:
        while part := os.read(terminal, 4096):
            text += part
    except OSError: # its other end is closed
        pass
    os.close(terminal)
    r.end(process)
    r.expect(0)
    for stage in (b"calibrate", b"quantize"):
        r.check(re.search(stage + rb" \[#* *\] \d+/\d+  \d+\.\d/s  \d+ s left", text), "no progress in %s" % stage)
    r.run(*args, "--overwrite")
    r.expect(0, absent=["s left"])


@case
def imageset_empty(r):
    os.mkdir(r.path("empty"))
    r.run(*TINY, "--imageset", "{D}/empty")
    r.expect(1, "QTOOLS_ERROR", "empty")
    r.status("QTOOLS_ERROR")


@image_case("PIL")
def imageset_only_text(r):
    os.mkdir(r.path("texts"))
    for i in range(3):
        r.write("texts/%d.txt" % i, "no picture")
    r.run(*TINY, "--imageset", "{D}/texts", "--python", "/usr/bin/python3")
    r.expect(1, "QTOOLS_ERROR", "texts")
    r.status("QTOOLS_ERROR")


@image_case("PIL")
def python_missing(r):
    r.run(*IMAGES[:-1], "{D}/nix/python3")
    r.expect(1, "nix/python3")
    r.status("QTOOLS_ERROR")


def npy(shape, values):
    import struct
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }" % (shape,)
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack("<%df" % len(values), *values)


@case
def calibration_data(r):
    n = 3 * 3 * 8 * 8
    open(r.path("d.npy"), "wb").write(npy((3, 3, 8, 8), [((i * 37) % 101) / 50 - 1 for i in range(n)]))
    r.run(*TINY, "--calibration-data", "{D}/d.npy")
    r.expect(0)
    report = r.status("SUCCEEDED")
    r.check(report["calibration"] == {"samples": 3, "skipped_files": 0, "random_data": False}, report["calibration"])


@case
def calibration_data_wrong_shape(r):
    open(r.path("d.npy"), "wb").write(npy((3, 5), [0.0] * 15))
    r.run(*TINY, "--calibration-data", "{D}/d.npy")
    r.expect(1, "QTOOLS_ERROR", "d.npy")
    r.status("QTOOLS_ERROR")


@case
def seeds(r):
    """cal_seed changes random data; the same seed gives the same bytes."""
    for out, args in (("a", []), ("b", ["--cal-seed", "0"]), ("c", ["--cal-seed", "7"]), ("d", ["--set", "cal_seed=7"])):
        r.run("-i", "{M}/tiny.onnx", "-o", "{D}/" + out, "--quantize-only", "--dataset-len", "5", *args)
        r.expect(0)
    same_files(r, r.path("a"), r.path("b"), "quantized_model")
    same_files(r, r.path("c"), r.path("d"), "quantized_model")
    r.check(files_of(r.path("a", "quantized_model")) != files_of(r.path("c", "quantized_model")), "the seed has no effect")


# ---- the commands of the Compiler CLI page, as they stand there, into one directory where the page does so ----


@image_case("PIL", "cv2", "torch")
def page_sequences(r):
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/basic")
    r.expect(0)
    r.run("--generate-config", "{O}")
    r.expect(0)
    r.run("-i", "{M}/tiny.onnx", "--conf", "{O}/default_conf.json", "-o", "{O}")
    r.expect(0)
    same_files(r, r.path("basic"), r.out, "quantized_model", "compiled_model")
    r.run("--generate-config", "{D}/two")
    r.run("-i", "{M}/tiny.onnx", "--conf", "{D}/two/default_conf.json", "--quantize-only", "-o", "{D}/two")
    r.expect(0)
    r.run("-i", "{D}/two/quantized_model/quantized_model_manifest.json", "-o", "{D}/two")
    r.expect(0)
    same_files(r, r.out, r.path("two"), "quantized_model", "compiled_model")
    r.run("-i", "{M}/dynamic.onnx", "--input-shape", "1,3,24,24", "-o", "{D}/dynamic")
    r.expect(0)
    r.write("preprocess_transform.py", """
import numpy as np
import torch
def get_preprocess_transform(image: np.ndarray) -> torch.Tensor:
    assert image.shape == (9, 10, 3) and image.dtype == np.uint8
    return torch.from_numpy(image[:8, :8].astype(np.float32) / 255)
""")
    r.run("-i", "{M}/nhwc.onnx", "--input-shape", "1,8,8,3", "--imageset", "{D}/pictures", "--transform",
          "{D}/preprocess_transform.py", "--input-data-layout", "NHWC", "--color-format", "BGR", "--imreader-backend",
          "OPENCV", "--python", "/usr/bin/python3", "-o", "{D}/images")
    r.expect(0)
    report = r.status("SUCCEEDED", folder=r.path("images"))
    r.check(report["calibration"]["samples"] == 4, report["calibration"])
    r.run("-i", "{M}/nhwc.onnx", "--cli-args", "{D}/images/cli_args.json", "--output", "{D}/new")
    r.expect(0)
    same_files(r, r.path("images"), r.path("new"), "quantized_model", "compiled_model")


@case
def quantization_debug(r):
    """Every layer's tensors in float32 and as quantized, readable with numpy."""
    import numpy
    r.run(*TINY, "--set", "quantization_debug=true")
    r.expect(0)
    files = os.listdir(r.out + "/quantization_debug/sample_2")
    r.check(any(f.endswith("_c.fp32.npy") or f.endswith("_r.fp32.npy") for f in files), files)
    int8 = [f for f in files if f.endswith("_r.int8.npy")]
    r.check(int8 and numpy.load(r.out + "/quantization_debug/sample_2/" + int8[0]).shape == (1, 4, 8, 8), files)
    a = [numpy.load("%s/quantization_debug/sample_%d/%s" % (r.out, i, f)) for i in (0, 1)
         for f in files if f.endswith("_x.fp32.npy")]
    r.check(len(a) == 2 and a[0].dtype == numpy.float32 and (a[0] != a[1]).any(), "the inputs of two samples")
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o2", "--set", "quantization_debug=true", "--set",
          "model_debug_save_dir=" + r.path("debug"), "--quantize-only")
    r.expect(0)
    r.check(sorted(os.listdir(r.path("debug"))) == ["sample_0", "sample_1", "sample_2"], "model_debug_save_dir")
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o3", "--set", "quantization_debug=true", "--set",
          "model_debug_save_dir=" + r.path("debug"), "--quantize-only")
    r.expect(2, "INITIALIZE_CLI_ERROR", "is not an empty directory")
