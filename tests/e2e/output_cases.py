"""Rows of the table for the output directory: whose it is, and what a run may remove."""
import json
import os
import time

from cases import TINY, case
from run_cases import TOP, files_of


# ---- the output directory ----


@case
def output_not_empty(r):
    os.mkdir(r.out)
    r.write("out/mine.txt", "mine")
    r.run(*TINY)
    r.expect(2, "INITIALIZE_CLI_ERROR", "is not empty")
    r.check(os.listdir(r.out) == ["mine.txt"], "something was written")


@case
def output_with_default_conf(r):
    r.run("--generate-config", "{O}")
    r.run(*TINY, "--conf", "{O}/default_conf.json")
    r.expect(0)
    r.check(os.path.exists(r.out + "/default_conf.json"), "default_conf.json is gone")


@case
def output_is_a_file(r):
    r.write("out", "")
    r.run(*TINY)
    r.expect(2, "is a file, not a directory")


@case
def output_below_a_file(r):
    r.write("file", "")
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/file/out")
    r.expect(2, "cannot create the directory")


@case
def output_not_writable(r):
    if os.geteuid() != 0:
        os.mkdir(r.out)
        os.chmod(r.out, 0o555)
        r.run(*TINY)
        r.expect(2, "cannot write into the output directory")
    else:  # root may write anywhere but here
        r.run("-i", "{M}/tiny.onnx", "-o", "/proc/axcompile-out")
        r.expect(2, "INITIALIZE_CLI_ERROR", "cannot create the directory", "/proc/axcompile-out")


@case
def overwrite(r):
    """Removes what the earlier run wrote, and nothing else."""
    r.run(*TINY, "--dump-after=all")
    r.expect(0)
    r.write("out/mine.txt", "mine")
    r.write("out/dumps/mine.txt", "mine")
    r.run(*TINY, "--quantize-only")
    r.expect(2, "is not empty", "--overwrite")
    r.run(*TINY, "--quantize-only", "--overwrite")
    r.expect(2, "dumps/mine.txt", "no earlier run made")
    os.rename(r.out + "/dumps/mine.txt", r.path("mine.txt"))
    r.run(*TINY, "--quantize-only", "--overwrite")
    r.expect(0)
    r.check(sorted(os.listdir(r.out)) == sorted(set(TOP) - {"compiled_model"} | {"mine.txt"}), os.listdir(r.out))
    r.check(open(r.out + "/mine.txt").read() == "mine", "mine.txt")


@case
def overwrite_keeps_all_when_the_input_is_bad(r):
    r.run(*TINY)
    r.expect(0)
    before = files_of(r.out + "/compiled_model")
    r.run("-i", "{M}/truncated.onnx", "-o", "{O}", "--overwrite")
    r.expect(1)
    r.check(files_of(r.out + "/compiled_model") == before, "compiled_model/ was touched")
    r.check(any(f["path"] == "compiled_model/model.json" for f in r.report()["earlier_files"]), "earlier_files")
    r.run(*TINY, "--overwrite", "--quantize-only")
    r.expect(0)
    r.check("compiled_model" not in os.listdir(r.out), "compiled_model/ is still there")


@case
def overwrite_is_not_led_astray(r):
    """A report that names files elsewhere removes nothing there."""
    r.run(*TINY, "--quantize-only")
    r.expect(0)
    r.write("precious.txt", "keep")
    os.mkdir(r.path("linked"))
    r.write("linked/precious.txt", "keep")
    os.symlink(r.path("linked"), r.out + "/link")
    report = r.report()
    for path in ("../precious.txt", r.path("precious.txt"), "link/precious.txt", "a/../../precious.txt"):
        report["files"].append({"path": path, "bytes": 4, "hash": "0"})
    json.dump(report, open(r.out + "/compilation_report.json", "w"))
    r.run(*TINY, "--overwrite")
    r.check(os.path.exists(r.path("precious.txt")) and os.path.exists(r.path("linked", "precious.txt")), "it is gone")


@case
def foreign_artifacts(r):
    """--overwrite without an earlier report does not write over artifacts of unknown origin."""
    os.makedirs(r.out + "/compiled_model")
    r.write("out/compiled_model/precious.bin", "mine")
    r.run(*TINY, "--overwrite")
    r.expect(2, "compiled_model/precious.bin", "no earlier run made")
    r.check(os.listdir(r.out) == ["compiled_model"], "something was written")


@case
def remove_output_dir(r):
    r.run(*TINY)
    r.expect(0)
    r.run(*TINY, "--set", "remove_output_dir=true", "--quantize-only")
    r.expect(0)
    r.check("compiled_model" not in os.listdir(r.out), "compiled_model/ is still there")
    r.write("out/mine.txt", "mine")
    r.run(*TINY, "--set", "remove_output_dir=true")
    r.expect(2, "mine.txt")


@case
def output_dir_property(r):
    r.run("-i", "{M}/tiny.onnx", "--set", "output_dir=" + r.out, "--quantize-only")
    r.expect(0)
    r.status("SUCCEEDED")


@case
def two_at_once(r):
    """The second compile into one directory is told so, and the first is not disturbed."""
    r.write("cc", "#!/bin/sh\nsleep 3\nexec cc \"$@\"\n")
    os.chmod(r.path("cc"), 0o755)
    first = r.start(*TINY, "--set", "cc=" + r.path("cc"))
    deadline = time.time() + 60
    while not os.path.exists(r.out + "/quantized_model") and time.time() < deadline:
        time.sleep(0.05)
    r.run(*TINY, "--overwrite")
    r.expect(2, "another compile is writing")
    r.end(first)
    r.expect(0)
    r.status("SUCCEEDED")


@case
def lock_held_for_a_moment(r):
    """What remains of a killed compile holds the directory a little longer: waited for."""
    import fcntl
    import threading
    os.mkdir(r.out)
    held = os.open(r.out, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    timer = threading.Timer(0.4, os.close, [held])
    timer.start()
    r.run(*TINY, "--quantize-only")
    timer.join()
    r.expect(0)
    r.status("SUCCEEDED")


@case
def odd_paths(r):
    """Blanks, quotes, newlines, UTF-8 and leading dashes in paths."""
    folder = r.path("-a 'b\" $(c)\n\u00e4")
    os.mkdir(folder)
    data = open(r.model("tiny.onnx"), "rb").read()
    open(os.path.join(folder, "-m ;x.onnx"), "wb").write(data)
    r.run("-i", "-m ;x.onnx", "-o", "-o 'ut", cwd=folder)
    r.expect(0)
    r.status("SUCCEEDED", folder=os.path.join(folder, "-o 'ut"))
