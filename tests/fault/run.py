#!/usr/bin/env python3
"""Fault injection: a small network is compiled again and again, and the k-th allocation, write, fsync or
rename fails, for a spread of 200 k (AXC_LONG: for every k). Each run must end with an error of its own: exit
code 1 or 2, a finished report with a message (unless the report itself could not be written), no
compiled_model/, no temporary file, no leak, no crash.

    run.py BIN_DIR [CASE ...]
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))


# name: arguments; where the points begin that no case before has, counted from the end (None: all)
CASES = {
    "onnx": (["-i", "tiny.onnx", "--set", "build_kernel=false"], None),
    "built": (["-i", "tiny.onnx"], 200),
    "manifest": (["-i", "quantized/quantized_model/quantized_model_manifest.json", "--set", "build_kernel=false"], None),
    "images": (["-i", "tiny.onnx", "--imageset", "images", "--transform", "transform.py", "--quantize-only"], None),
    "error_artifact": (["-i", "tiny.onnx", "--set", "save_error_artifact=true", "--set", "ddr_constraint=1",
                        "--set", "build_kernel=false"], 400),
}


def prepare(program, folder):
    import models
    import numpy as np
    import onnx
    from PIL import Image
    network = models.network()
    onnx.save(network, os.path.join(folder, "tiny.onnx"))
    dims = [d.dim_value for d in network.graph.input[0].type.tensor_type.shape.dim]
    os.mkdir(os.path.join(folder, "images"))
    for i in range(2):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(os.path.join(folder, "images", "%d.png" % i))
    with open(os.path.join(folder, "transform.py"), "w") as f:
        f.write("import numpy as np\ndef get_preprocess_transform(image):\n"
                "    return np.full(%r, np.asarray(image).mean() / 255, np.float32)\n" % (tuple(dims),))
    subprocess.run([program, "-i", "tiny.onnx", "-o", "quantized", "--quantize-only", "--dataset-len", "1", "-q"],
                   cwd=folder, check=True)


def run(program, folder, k, mode):
    out = os.path.join(folder, "out")
    shutil.rmtree(out, ignore_errors=True)
    env = dict(os.environ, AXC_FAULT_AT=str(k), AXC_FAULT_COUNT=os.path.join(folder, "count"),
               ASAN_OPTIONS="detect_leaks=1:exitcode=99")
    p = subprocess.run([program, "-o", "out", "--jobs", "1", "--dataset-len", "1"] + mode, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, env=env, cwd=folder, timeout=120)
    return p.returncode, p.stdout.decode("utf-8", "replace"), out


def points_of(program, folder, name):
    """How many operations can fail, and which of them are tried."""
    args, last = CASES[name]
    code, text, _ = run(program, folder, 0, args)
    with open(os.path.join(folder, "count")) as f:
        points = int(f.read())
    if code != (1 if name == "error_artifact" else 0) or points < 100:
        raise SystemExit("%s without a fault: exit code %s, %d points\n%s" % (name, code, points, text))
    first = max(1, points - last) if last else 1
    step = 1 if os.environ.get("AXC_LONG") else max(1, (points - first) * len(CASES) // 200)
    return points, range(first, points + 1, step)


def named_faults(program, folder):
    """The statuses that nothing but a wrong decision inside reaches: the table of the command line lists them."""
    import coverage
    for status, (name, _) in sorted(coverage.NO_CAUSE.items()):
        os.environ["AXC_FAULT_NAME"] = name
        code, text, out = run(program, folder, 0, CASES["onnx"][0])
        del os.environ["AXC_FAULT_NAME"]
        what = problem(code, text, out)
        if what or code != 1 or status not in text:
            yield "%s by AXC_FAULT_NAME=%s: %s, exit code %d\n%s" % (status, name, what, code, text[-2000:])


def problem(code, text, out, not_lowered=False):
    if "Sanitizer" in text or "crash" in text or code not in (0, 1, 2):
        return "exit code %s" % code
    if code == 0:  # what failed was optional (the log, a measurement)
        done = "quantized_model" if not_lowered else "compiled_model"
        return None if os.path.exists(os.path.join(out, done)) else "no %s/" % done
    left = [f for d, dirs, files in os.walk(out) for f in dirs + files if ".tmp-" in f]
    if left:
        return "left: %s" % left
    if os.path.exists(os.path.join(out, "compiled_model")):
        return "compiled_model/ is there"
    if "error: " not in text:
        return "no message"
    path = os.path.join(out, "compilation_report.json")
    if os.path.exists(path) and "the report: " not in text:
        with open(path) as f:
            report = json.load(f)
        if report["finished"] and (report["status"] == "SUCCEEDED" or not report["message"]):
            return "the report says %s" % report["status"]
    return None


def main():
    try:
        import numpy
        import onnx
        import PIL
        print("onnx %s, numpy %s, Pillow %s" % (onnx.__version__, numpy.__version__, PIL.__version__))
    except ImportError as e:
        print("skipped: %s (python3-onnx, python3-numpy, python3-pil)" % e)
        return 77
    program = os.path.join(os.path.abspath(sys.argv[1]), "compile")
    folder = tempfile.mkdtemp(prefix="axc-fault-")
    failed = tried = points = 0
    try:
        prepare(program, folder)
        for what in named_faults(program, folder):
            failed += 1
            print(what)
        for name in sys.argv[2:] or CASES:
            here, spread = points_of(program, folder, name)
            points += here
            for k in spread:
                tried += 1
                result = run(program, folder, k, CASES[name][0])
                what = problem(*result, "--quantize-only" in CASES[name][0])
                if what:
                    failed += 1
                    print("%s, k = %d: %s\n%s" % (name, k, what, result[1][-2000:]))
            print("%s: %d points, %d tried" % (name, here, len(spread)), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("%d of %d points tried, %d failed" % (tried, points, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
