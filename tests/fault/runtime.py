#!/usr/bin/env python3
"""Fault injection in the runtime: axrunmodel runs a small network again and again, and the k-th allocation (its own or the
library's), mapping, thread, process or file operation fails (wrap.c), for a spread of 200 k (AXC_LONG: for
every k). Each run must end with exit code 0, 1 or 2, with a message unless it succeeded, in time, without crash or
leak; and every output file that is there has the right content.

    runtime.py BIN_DIR
"""
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

# name: how the network is compiled, how it is run
CASES = {
    "files": ([], ["--json", "--frames", "4"]),
    "int8": (["--set", "double_buffer=true", "--set", 'profiling_levels=["[B]"]'],
             ["--io", "int8", "--profile", "--frames", "4"]),
    "pipeline": (["--set", "multicore_mode=pipeline", "--aipu-cores", "2"], ["--frames", "4"]),
    "cooperative": (["--set", "multicore_mode=cooperative", "--aipu-cores", "2"], ["--frames", "4"]),
    "multithread": (["--set", "multicore_mode=multithread", "--aipu-cores", "2"], ["--frames", "4"]),
    "multiprocess": (["--aipu-cores", "2"], ["--frames", "4"]),
    "batch": (["--set", "multicore_mode=batch", "--aipu-cores", "2"], ["--frames", "4"]),
    "dmabuf": (["--set", "input_dmabuf=true", "--set", "output_dmabuf=true"], ["--frames", "4"]),
}


class Case:
    def __init__(self, bin_dir, folder, name):
        self.program, self.name, self.folder = os.path.join(bin_dir, "axrunmodel"), name, os.path.join(folder, name)
        compile_args, self.args = CASES[name]
        self.out = os.path.join(self.folder, "y")
        subprocess.run([os.path.join(bin_dir, "compile"), "-i", os.path.join(folder, "tiny.onnx"), "-o", self.folder,
                        "-q", "--dataset-len", "2", *compile_args], check=True)
        self.args = self.args + ([] if "int8" in self.args else ["--input", os.path.join(folder, "x.npy")])
        code, text = self.run(0)
        if code != 0:
            raise SystemExit("%s without a fault: exit code %d\n%s" % (name, code, text))
        with open(os.path.join(self.folder, "count")) as f:
            self.points = int(f.read())
        self.right = os.path.join(self.folder, "right")
        os.rename(self.out, self.right)

    def run(self, k):
        shutil.rmtree(self.out, ignore_errors=True)
        env = dict(os.environ, AXC_FAULT_AT=str(k), AXC_FAULT_COUNT=os.path.join(self.folder, "count"),
                   ASAN_OPTIONS="detect_leaks=1:exitcode=99:allocator_may_return_null=1")
        try:
            p = subprocess.run([self.program, os.path.join(self.folder, "compiled_model", "model.json"), "--output-dir",
                                self.out, *self.args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env,
                               timeout=30)
        except subprocess.TimeoutExpired:
            return None, "it did not end"
        return p.returncode, p.stdout.decode("utf-8", "replace")

    def problem(self, code, text):
        if "Sanitizer" in text or code not in (0, 1, 2):
            return "exit code %s" % code
        if code != 0 and "axrunmodel: " not in text:
            return "no message"
        there = os.listdir(self.out) if os.path.isdir(self.out) else []
        if code == 0 and sorted(there) != sorted(os.listdir(self.right)):
            return "outputs %s" % there
        wrong = [f for f in there if not filecmp.cmp(os.path.join(self.out, f), os.path.join(self.right, f), False)]
        return "wrong content: %s" % wrong if wrong else None


def main():
    try:
        import models
        import numpy as np
        import onnx
    except ImportError as e:
        print("skipped: %s (python3-onnx, python3-numpy)" % e)
        return 77
    bin_dir, folder = os.path.abspath(sys.argv[1]), tempfile.mkdtemp(prefix="axc-fault-")
    failed = tried = points = 0
    try:
        network = models.network()
        onnx.save(network, os.path.join(folder, "tiny.onnx"))
        dims = [d.dim_value for d in network.graph.input[0].type.tensor_type.shape.dim]
        frames = np.random.default_rng(0).standard_normal([4] + dims).astype(np.float32)
        np.save(os.path.join(folder, "x.npy"), frames)
        for name in sys.argv[2:] or CASES:
            case = Case(bin_dir, folder, name)
            points += case.points
            step = 1 if os.environ.get("AXC_LONG") else max(1, case.points * len(CASES) // 200)
            for k in range(1, case.points + 1, step):
                tried += 1
                code, text = case.run(k)
                what = case.problem(code, text)
                if what:
                    failed += 1
                    print("%s, k = %d: %s\n%s" % (name, k, what, text[-2000:]))
            print("%s: %d points" % (name, case.points), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("%d of %d points tried, %d failed" % (tried, points, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
