#!/usr/bin/env python3
"""Long and large networks, with time and peak memory as they were measured on the last line of each.

    large.py BIN_DIR chain N M [build]   chains of N and of M > N nodes, on a stack of 1 MiB: linear time and memory.
                                         build: the longer one is also built and verified
    large.py BIN_DIR table N                         a chain with more steps than become functions, in modes that
                                                     change how they are run: the same outputs
    large.py BIN_DIR external            more than 2 GB of weights in external data: memory for these and about
                                         twice the largest tensor
"""
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    print("skipped: %s (python3-onnx, python3-numpy)" % error)
    sys.exit(77)


def save(path, nodes, inputs, outputs, weights):
    graph = helper.make_graph(nodes, "large", [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs],
                              [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, path)


def compile_it(bin_dir, folder, model, *args, stack=None):
    """Runs compile; returns report, seconds, and the most memory any of its processes had."""

    def limit():
        resource.setrlimit(resource.RLIMIT_STACK, (stack, stack))

    out = os.path.join(folder, "out")
    shutil.rmtree(out, ignore_errors=True)
    started = time.time()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    process = subprocess.Popen([os.path.join(bin_dir, "compile"), "-i", model, "-o", out, "-q", *args],
                               preexec_fn=limit if stack else None)
    code = process.wait()
    seconds = time.time() - started
    with open(os.path.join(out, "compilation_report.json")) as f:
        report = json.load(f)
    if code != 0:
        sys.exit("exit code %d: %s" % (code, report["message"]))
    peak = max(report["time"]["peak_bytes"], resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
               if before == 0 else 0)
    return report, seconds, peak


def stages(report):
    return {s["stage"]: s["seconds"] for s in report["time"]["stages"]}


# ---- chains ----


def chain(path, n):
    nodes, x = [], "x"
    for i in range(n):
        y = "t%d" % i
        nodes.append(helper.make_node("Sigmoid", [x], [y]) if i % 2 else helper.make_node("Conv", [x, "w"], [y]))
        x = y
    save(path, nodes, [("x", [1, 1, 2, 2])], [(x, [1, 1, 2, 2])],
         [numpy_helper.from_array(np.full((1, 1, 1, 1), 3, np.float32), "w")])


def chain_test(bin_dir, folder, short, long, build):
    seen = {}
    for n in (short, long):
        path = os.path.join(folder, "chain%d.onnx" % n)
        chain(path, n)
        best = None
        for _ in range(2 if n == short else 1):  # the short one is measured twice: noise there counts most
            report, seconds, peak = compile_it(bin_dir, folder, path, "--dataset-len", "2", "--jobs", "2", "--set",
                                               "build_kernel=false", stack=1 << 20)
            if report["coverage"]["int8_nodes"] < n - 2:
                sys.exit("only %d of %d nodes are in int8" % (report["coverage"]["int8_nodes"], n))
            best = (stages(report), seconds, peak) if not best or seconds > best[1] else best
        seen[n] = best
        print("%d nodes: %.1f s, %.0f MB" % (n, best[1], best[2] / 1e6), flush=True)
    times = long / short
    problems = []
    for stage, seconds in seen[long][0].items():
        least = seen[short][0].get(stage, 0)
        # quadratic would be times ** 2; a quarter of a second is noise
        if seconds > 0.25 + 2.2 * times * max(least, 0.02 * short / 5000):
            problems.append("stage %s: %.2f s for %d nodes, %.2f s for %d" % (stage, least, short, seconds, long))
    if seen[long][2] > 1.3 * times * seen[short][2]:
        problems.append("memory: %d and %d bytes" % (seen[short][2], seen[long][2]))
    if build:
        report, seconds, peak = compile_it(bin_dir, folder, os.path.join(folder, "chain%d.onnx" % long), "--dataset-len",
                                           "2", "--jobs", "2", stack=8 << 20)
        print("%d nodes, built and verified: %.1f s, %.0f MB" % (long, seconds, peak / 1e6))
        if not report["verify"]["equal"] or report["verify"]["samples"] != 1:
            problems.append("not verified: %s" % report["verify"])
    return problems


def table_test(bin_dir, folder, n):
    path, seen, problems = os.path.join(folder, "chain.onnx"), [], []
    chain(path, n)
    for args in ([], ["--set", "multicore_mode=pipeline", "--aipu-cores", "3"],
                 ["--set", 'profiling_levels=["[B]"]', "--set", "multicore_mode=cooperative", "--aipu-cores", "2"]):
        report, _, _ = compile_it(bin_dir, folder, path, "--dataset-len", "2", *args)
        with open(os.path.join(folder, "out", "compiled_model", "kernel_function.c")) as f:
            if "axk_steps[]" not in f.read():
                problems.append("%s: no table" % args)
        if not report["verify"]["equal"] or report["verify"]["samples"] != 1:
            problems.append("%s: not verified: %s" % (args, report["verify"]))
        subprocess.run([os.path.join(bin_dir, "axrunmodel"), os.path.join(folder, "out", "compiled_model", "model.json"),
                        "--frames", "3", "--output-dir", os.path.join(folder, "y")], check=True, stdout=subprocess.DEVNULL)
        seen.append([np.load(os.path.join(folder, "y", f)).tobytes() for f in sorted(os.listdir(os.path.join(folder, "y")))])
        shutil.rmtree(os.path.join(folder, "y"))
    if any(s != seen[0] for s in seen) or not seen[0]:
        problems.append("outputs differ between the modes")
    return problems


# ---- external data ----

ROWS, COLUMNS, LAYERS = 16384, 8192, 5


def external(folder):
    """Gemm layers whose weights are one sparse file."""
    nodes, weights, offset, x = [], [], 0, "x"
    for i in range(LAYERS):
        k, n = (ROWS, COLUMNS) if i % 2 == 0 else (COLUMNS, ROWS)
        t = TensorProto(name="w%d" % i, data_type=TensorProto.FLOAT, dims=[k, n], data_location=TensorProto.EXTERNAL)
        for key, value in (("location", "weights.bin"), ("offset", str(offset)), ("length", str(k * n * 4))):
            entry = t.external_data.add()
            entry.key, entry.value = key, value
        offset += k * n * 4
        weights.append(t)
        nodes.append(helper.make_node("Gemm", [x, "w%d" % i], ["y%d" % i], "gemm%d" % i))
        x = "y%d" % i
    with open(os.path.join(folder, "weights.bin"), "wb") as f:
        f.truncate(offset)
        for at in range(0, offset, 1 << 24):
            f.seek(at)
            f.write(np.float32(0.01).tobytes() * 16)
    path = os.path.join(folder, "external.onnx")
    save(path, nodes, [("x", [1, ROWS])], [(x, [1, n])], weights)
    return path, offset


def external_test(bin_dir, folder):
    if shutil.disk_usage(folder).free < 10 << 30:
        print("skipped: 10 GB of free disk are needed in %s" % folder)
        sys.exit(77)
    path, weights = external(folder)
    report, seconds, peak = compile_it(bin_dir, folder, path, "--dataset-len", "1", "--jobs", "1")
    largest = ROWS * COLUMNS * 4
    most = weights + 2 * largest
    print("%.2f GB of weights, the largest %.2f GB: %.0f s, peak %.2f GB of %.2f" %
          (weights / 1e9, largest / 1e9, seconds, peak / 1e9, most / 1e9))
    problems = [] if report["verify"]["equal"] else ["not verified"]
    if weights <= 2 << 30 or peak > 1.05 * most:
        problems.append("peak %d bytes, about %d are wanted" % (peak, most))
    return problems


def main():
    bin_dir = os.path.abspath(sys.argv[1])
    folder = tempfile.mkdtemp(prefix="axc-large-", dir=os.environ.get("TMPDIR", "/var/tmp"))
    try:
        if sys.argv[2] == "chain":
            problems = chain_test(bin_dir, folder, int(sys.argv[3]), int(sys.argv[4]), "build" in sys.argv)
        elif sys.argv[2] == "table":
            problems = table_test(bin_dir, folder, int(sys.argv[3]))
        else:
            problems = external_test(bin_dir, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for p in problems:
        print("FAIL " + p)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
