"""Our kernel against ONNX Runtime on the same INT8 network, in one run, one core each.

Every network is compiled (INT8, host target); then bursts of `axrunmodel --io float` and of ONNX
Runtime on the exported quantized_model/quantized_model.onnx take turns on one pinned core, so that slow
phases of the machine hit both. Median over all bursts; ratio above 1: we are faster. Outputs are
compared too.

usage: compare.py [--bursts N] [--burst-seconds S] [--cpu N] [--json FILE] [--no-compile] MODEL...
MODEL: a directory with model.onnx (and transform.py, images) listed in ../shared/models/index.json, an .onnx
file with static shape, or the output directory of an earlier compile.

Runs in a Python that has onnxruntime and numpy: `make bench` makes build/venv for it.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(ROOT, "build", "bin")
SHARED = os.path.join(ROOT, "..", "shared")
IMAGES = "40"


def index_entry(directory):
    path = os.path.join(os.path.dirname(os.path.abspath(directory)), "index.json")
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        return next((e for e in json.load(file) if e["name"] == os.path.basename(directory.rstrip("/"))), {})


def compile_options(directory):
    """What INDEX.md says: image set, transform, colours, layout, shape."""
    entry = index_entry(directory)
    options = ["--input-shape", entry["input_shape"]] if entry.get("input_shape") else []
    images = entry.get("imageset")
    if images:
        folders = [os.path.join(SHARED, "images", name) for name in (images + "-calib", images)]
        folder = next((f for f in folders if os.path.isdir(f)), None)
        if folder:
            options += ["--imageset", folder, "--transform", os.path.join(directory, entry["transform"]),
                        "--color-format", entry["color_format"], "--input-data-layout", entry["layout"],
                        "--dataset-len", IMAGES]
    return options


def name_of(model):
    """Of a directory or a file; a file called model.onnx has its directory's."""
    path = os.path.abspath(model)
    if os.path.basename(path) == "model.onnx":
        path = os.path.dirname(path)
    return os.path.basename(path).removesuffix(".onnx")


def compiled(model, build):
    """The output directory of the compiled network, or None."""
    if os.path.isdir(os.path.join(model, "compiled_model")):
        return model
    source, options = model, []
    if os.path.isdir(model):
        source, options = os.path.join(model, "model.onnx"), compile_options(model)
    name = name_of(model)
    out = os.path.join(ROOT, "build", "bench", name)
    if build or not os.path.isdir(os.path.join(out, "compiled_model")):
        os.makedirs(os.path.dirname(out), exist_ok=True)
        done = subprocess.run([os.path.join(BIN, "compile"), "-i", source, "-o", out, "--overwrite", "-q",
                               "--verify", "0", *options])
        if done.returncode:
            return None
    return out


class Peer:
    """ONNX Runtime on the exported network, outputs bound once, one thread."""

    def __init__(self, path, inputs):
        import onnxruntime as ort
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        for name, value in inputs.items():
            self.binding.bind_cpu_input(name, value)
        for output in self.session.get_outputs():
            self.binding.bind_output(output.name, "cpu")

    def burst(self, seconds):
        """Times in ms; the first two runs are not counted."""
        run, times = self.session.run_with_iobinding, []
        run(self.binding)
        run(self.binding)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(times) < 3:
            start = time.perf_counter()
            run(self.binding)
            times.append((time.perf_counter() - start) * 1e3)
        return times

    def outputs(self):
        self.session.run_with_iobinding(self.binding)
        return {o.name: v for o, v in zip(self.session.get_outputs(), self.binding.copy_outputs_to_cpu())}


def axrunmodel(out, *args):
    command = [os.path.join(BIN, "axrunmodel"), os.path.join(out, "compiled_model", "model.json"), "--io", "float",
               "--aipu-cores", "1", "--no-double-buffer", "--json", *args]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def write_inputs(out):
    """Seeded inputs of the ONNX model's types as .npy, and the options that name them."""
    with open(os.path.join(out, "compiled_model", "model.json")) as file:
        tensors = json.load(file)["inputs_f32"]
    generator, arrays, options = np.random.default_rng(0), {}, []
    for i, t in enumerate(tensors):
        value = generator.standard_normal(t["shape"]) if t["dtype"] == "float32" else np.zeros(t["shape"])
        arrays[t["name"]] = value.astype(t["dtype"])
        path = os.path.join(out, f"bench_input_{i}.npy")
        np.save(path, arrays[t["name"]])
        options += ["--input", f"{t['name']}={path}"]
    return arrays, options


def snr_db(a, b):
    noise = float(((a.astype(np.float64) - b) ** 2).sum())
    return float("inf") if noise == 0 else 10 * np.log10(float((b.astype(np.float64) ** 2).sum()) / noise + 1e-30)


def compare(out, args):
    arrays, inputs = write_inputs(out)
    peer = Peer(os.path.join(out, "quantized_model", "quantized_model.onnx"), arrays)
    report = axrunmodel(out, *inputs, "--frames", "1", "--output-dir", os.path.join(out, "bench_outputs"))
    theirs = peer.outputs()
    snr = min(snr_db(np.load(o["file"]).astype(np.float64).reshape(-1), theirs[o["name"]].reshape(-1))
              for o in report["outputs"])
    ours_median, ours_min, their_times = [], [], []
    for _ in range(args.bursts):
        latency = axrunmodel(out, *inputs, "--seconds", str(args.burst_seconds))["latency_ms"]
        ours_median.append(latency["median"])
        ours_min.append(latency["min"])
        their_times.append(peer.burst(args.burst_seconds))
    return {"network": os.path.basename(out.rstrip("/")),
            "ours_ms": {"min": min(ours_min), "median": statistics.median(ours_median)},
            "onnxruntime_ms": {"min": min(map(min, their_times)),
                               "median": statistics.median(statistics.median(t) for t in their_times)},
            "snr_db": snr}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--bursts", type=int, default=7)
    parser.add_argument("--burst-seconds", type=float, default=0.7)
    parser.add_argument("--cpu", type=int, default=None)
    parser.add_argument("--json")
    parser.add_argument("--no-compile", action="store_true", help="take what an earlier run compiled")
    args = parser.parse_args()
    outs = [(model, compiled(model, not args.no_compile)) for model in args.models]
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {args.cpu if args.cpu is not None else cpus[-1]})
    rows = []
    print(f"{'network':32} {'ours ms':>9} {'min':>9} {'ORT ms':>9} {'min':>9} {'ORT/ours':>9} {'min':>6} {'SNR dB':>7}")
    for model, out in outs:
        if not out:
            print(f"{name_of(model):32} does not compile")
            continue
        row = compare(out, args)
        rows.append(row)
        ours, peer = row["ours_ms"], row["onnxruntime_ms"]
        print(f"{row['network']:32} {ours['median']:9.3f} {ours['min']:9.3f} {peer['median']:9.3f} {peer['min']:9.3f} "
              f"{peer['median'] / ours['median']:9.2f} {peer['min'] / ours['min']:6.2f} {row['snr_db']:7.1f}", flush=True)
    if args.json:
        with open(args.json, "w") as file:
            json.dump({"format_version": 1, "rows": rows}, file, indent=2)
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
