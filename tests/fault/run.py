#!/usr/bin/env python3
"""Fault injection: a small network is compiled again and again, and the k-th allocation, write, fsync or
rename fails, for a spread of 200 k (AXC_LONG: for every k). Each run must end with an error of its own: exit
code 1 or 2, a finished report with a message (unless the report itself could not be written), no
compiled_model/, no temporary file, no leak, no crash.

    run.py BIN_DIR
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))


def run(program, folder, k, mode):
    out = os.path.join(folder, "out")
    shutil.rmtree(out, ignore_errors=True)
    env = dict(os.environ, AXC_FAULT_AT=str(k), AXC_FAULT_COUNT=os.path.join(folder, "count"),
               ASAN_OPTIONS="detect_leaks=1:exitcode=99")
    p = subprocess.run([program, "-i", os.path.join(folder, "tiny.onnx"), "-o", out, "--jobs", "1", "--dataset-len",
                        "1", "--set", "build_kernel=false"] + mode, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       env=env, timeout=120)
    return p.returncode, p.stdout.decode("utf-8", "replace"), out


def named_faults(program, folder):
    """The statuses that nothing but a wrong decision inside reaches: the table of the command line lists them."""
    import coverage
    for status, (name, _) in sorted(coverage.NO_CAUSE.items()):
        os.environ["AXC_FAULT_NAME"] = name
        code, text, out = run(program, folder, 0, [])
        del os.environ["AXC_FAULT_NAME"]
        what = problem(code, text, out)
        if what or code != 1 or status not in text:
            yield "%s by AXC_FAULT_NAME=%s: %s, exit code %d\n%s" % (status, name, what, code, text[-2000:])


def problem(code, text, out):
    if "Sanitizer" in text or "crash" in text or code not in (0, 1, 2):
        return "exit code %s" % code
    if code == 0:  # what failed was optional (the log, a measurement)
        return None if os.path.exists(os.path.join(out, "compiled_model")) else "no compiled_model/"
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
        import models
        import onnx
    except ImportError as e:
        print("skipped: %s (python3-onnx, python3-numpy)" % e)
        return 77
    program = os.path.join(os.path.abspath(sys.argv[1]), "compile")
    folder = tempfile.mkdtemp(prefix="axc-fault-")
    failed = tried = 0
    try:
        onnx.save(models.network(), os.path.join(folder, "tiny.onnx"))
        code, text, _ = run(program, folder, 0, [])
        with open(os.path.join(folder, "count")) as f:
            points = int(f.read())
        if code != 0 or points < 100:
            print("without a fault: exit code %s, %d points\n%s" % (code, points, text))
            return 1
        for what in named_faults(program, folder):
            failed += 1
            print(what)
        spread = range(1, points + 1) if os.environ.get("AXC_LONG") else range(1, points + 1, max(1, points // 200))
        for k in spread:
            tried += 1
            result = run(program, folder, k, [])
            what = problem(*result)
            if what:
                failed += 1
                print("k = %d: %s\n%s" % (k, what, result[1][-2000:]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("%d of %d points tried, %d failed" % (tried, points, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
