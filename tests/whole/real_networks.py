#!/usr/bin/env python3
"""Compiles the real networks beside the repository, runs them on real pictures through axrunmodel and
compares with ONNX Runtime in fp32: share of MACs in int8, verification, signal-to-noise of every output,
top-1 agreement, and equality of quantized outputs with ONNX Runtime on the exported QDQ model.

    real_networks.py [--bin DIR] [--shared DIR] [--work DIR] [--pictures N] [--target T] [NAME ...]

Needs numpy, Pillow, onnxruntime. Exit 0: everything listed in LIMITS holds; 77: nothing could be run.
"""
import argparse
import csv
import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

try:
    import numpy as np
    import onnxruntime as ort
    from PIL import Image, ImageOps
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

CLASSIFIERS = {
    # name: least agreement with fp32's top-1 on the -eval set
    "squeezenet1_1": 0.93,
    "mobilenet_v2_fp32_deq": 0.93,
    "mobilenet_v1_025_224_imagenet": 0.93,
    "mlperf_resnet8_cifar_fp32": 0.97,
    "resnet20_cifar10": 0.97,
    "mlperf_vww_mnv1_025_fp32": 0.97,
    "lenet_mnist": 0.97,
}
OTHERS = ["yunet_n_320", "ultraface_rfb_320", "fastestdet_352", "super_resolution_espcn_224", "yolov8n_320_fp32_deq"]
MIN_SNR_DB = 15.0
MIN_INT8_SHARE = 0.99
MIN_EQUAL = 0.999


def load_transform(path):
    spec = importlib.util.spec_from_file_location("transform", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_preprocess_transform


def read_picture(path, color):
    image = ImageOps.exif_transpose(Image.open(path))
    if color == "GRAY":
        return image.convert("L")
    image = image.convert("RGB")
    if color == "BGR":
        image = Image.merge("RGB", image.split()[::-1])
    return image


def pictures_in(folder):
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".bmp"))


class Network:
    def __init__(self, shared, work, name):
        index = {m["name"]: m for m in json.loads((shared / "models/index.json").read_text())}
        self.info, self.name = index[name], name
        self.dir = shared / "models" / name
        self.out = work / name
        images = shared / "images"
        base = self.info["imageset"]
        if (images / f"{base}-calib").is_dir():
            self.calib, self.eval = images / f"{base}-calib", images / f"{base}-eval"
        else: # no split: the even pictures calibrate, the odd ones measure
            self.calib, self.eval = (self.half(images / base, work / f"{base}-{k}", k) for k in (0, 1))
        self.transform = self.dir / self.info["transform"]

    @staticmethod
    def half(source, links, rest):
        links.mkdir(parents=True, exist_ok=True)
        for p in pictures_in(source)[rest::2]:
            if not (links / p.name).exists():
                (links / p.name).symlink_to(p.resolve())
        return links

    def compile(self, bindir, extra):
        cmd = [str(bindir / "compile"), "-i", str(self.dir / "model.onnx"), "-o", str(self.out), "--overwrite",
               "--imageset", str(self.calib), "--transform", str(self.transform),
               "--color-format", self.info["color_format"], "--no-progress", "-q"]
        if self.info["layout"] in ("NCHW", "NHWC"):
            cmd += ["--input-data-layout", self.info["layout"]]
        if self.info.get("input_shape"):
            cmd += ["--input-shape", self.info["input_shape"]]
        start = time.time()
        done = subprocess.run(cmd + extra, capture_output=True, text=True)
        self.seconds = time.time() - start
        if done.returncode:
            raise RuntimeError(f"compile exited {done.returncode}: {done.stderr[-600:]}")

    def pictures(self, most):
        """Names, inputs [n, ...] and labels (None without labels.csv) of the evaluation pictures."""
        labels = {}
        table = self.eval / "labels.csv"
        if table.exists():
            for row in csv.reader(table.open()):
                if len(row) >= 2 and row[1].strip().lstrip("-").isdigit():
                    labels[row[0]] = int(row[1])
        files = pictures_in(self.eval)
        transform = load_transform(self.transform)
        xs, ys = [], []
        for p in files[:most]:
            x = np.asarray(transform(read_picture(p, self.info["color_format"])))
            shape = [int(d) for d in self.info["input_shape"].split(",")] if self.info.get("input_shape") else list(x.shape)
            xs.append(x.reshape([1] + shape[1:]).astype(np.float32))
            ys.append(labels.get(p.name))
        return np.concatenate(xs), ys if all(y is not None for y in ys) else None


def run_ort(path, xs):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    names = [o.name for o in session.get_outputs()]
    runs = [session.run(None, {name: x[None]}) for x in xs]
    return {n: np.stack([r[i] for r in runs]) for i, n in enumerate(names)}


def run_ours(bindir, model, xs, work, io="float"):
    inp = work / "input.npy"
    np.save(inp, xs)
    out = work / f"outputs-{io}"
    done = subprocess.run([str(bindir / "axrunmodel"), str(model), "--input", str(inp), "--output-dir", str(out),
                           "--io", io, "--json"], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"axrunmodel exited {done.returncode}: {done.stderr[-400:]}")
    result = json.loads(done.stdout)
    return {o["name"]: np.load(out / Path(o["file"]).name) for o in result["outputs"]}, result


def snr_db(want, got):
    want, got = want.astype(np.float64).ravel(), got.astype(np.float64).ravel()
    noise = float(((want - got) ** 2).sum())
    return 10 * np.log10(float((want ** 2).sum()) / noise) if noise else float("inf")


def equal_to_ort(net, args, xs):
    """Share of equal quantized outputs: run_i8 on the quantized pictures, against ONNX Runtime on the exported
    model cut at the same tensors; a tensor that is float there is quantized like run_i8's output. Also how many
    convolutions ONNX Runtime runs as QLinearConv."""
    import onnx
    port = json.loads((net.out / "compiled_model/model.json").read_text())
    i, outs = port["inputs"][0], port["outputs"]
    scale, zero = np.float32(i["scale"][0]), i["zero_point"][0]
    q = np.clip(np.rint(xs / scale) + np.float32(zero), -128, 127).astype(np.int8)
    if i["layout"] == "NHWC":
        q = q.transpose(0, 2, 3, 1)
        pad = i["shape"][3] - q.shape[3]
        q = np.pad(q, ((0, 0), (0, 0), (0, 0), (0, pad)), constant_values=zero)
    got, _ = run_ours(args.bin, net.out / "compiled_model/model.json", np.ascontiguousarray(q), net.out, "int8")
    model = onnx.load(str(net.out / "quantized_model/quantized_model.onnx"))
    convs = sum(n.op_type == "Conv" for n in model.graph.node)
    have = {o.name for o in model.graph.output}
    for o in outs:
        if o["name"] not in have:
            model.graph.output.append(onnx.helper.make_tensor_value_info(o["name"], onnx.TensorProto.FLOAT, None))
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.optimized_model_filepath = str(net.out / "optimized.onnx")
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    optimized = onnx.load(str(net.out / "optimized.onnx"))
    fused = sum(n.op_type == "QLinearConv" for n in optimized.graph.node)
    same = total = 0
    for k, x in enumerate(xs):
        for o, w in zip(outs, session.run([o["name"] for o in outs], {session.get_inputs()[0].name: x[None]})):
            want = np.clip(np.rint(w / np.float32(o["scale"][0])) + o["zero_point"][0], -128, 127)
            if o["layout"] == "NHWC":
                want = want.transpose(0, 2, 3, 1)
            mine = got[o["name"]][k].reshape(o["shape"])
            mine = mine[tuple(slice(0, d) for d in want.shape)]
            same += int((mine == want).sum())
            total += want.size
    return same / total, f"{fused} of {convs} convolutions fused"


def check(net, args, failures):
    net.compile(args.bin, args.extra)
    report = json.loads((net.out / "compiled_model/report.json").read_text())
    share = report["int8_macs"] / max(1, report["int8_macs"] + report["float_macs"])
    xs, labels = net.pictures(args.pictures)
    want = run_ort(net.dir / "model.onnx", xs)
    got, _ = run_ours(args.bin, net.out / "compiled_model/model.json", xs, net.out)
    line = f"{net.name:32s} {net.seconds:5.1f} s  int8 {100 * share:6.2f} %  verify {report['verify']}"
    worst = float("inf")
    for name, w in want.items():
        snr = snr_db(w, got[name].reshape(w.shape))
        worst = min(worst, snr)
        if snr < MIN_SNR_DB:
            failures.append(f"{net.name}: output {name} has {snr:.1f} dB against fp32")
    line += f"  worst output {worst:5.1f} dB"
    if share < MIN_INT8_SHARE:
        failures.append(f"{net.name}: only {100 * share:.2f} % of the MACs in int8")
    if report["verify"].get("equal") is not True:
        failures.append(f"{net.name}: not verified: {report['verify']}")
    if net.name in CLASSIFIERS:
        name = next(iter(want))
        w, g = want[name].reshape(len(xs), -1), got[name].reshape(len(xs), -1)
        same = float((w.argmax(1) == g.argmax(1)).mean())
        line += f"  top-1 agreement {100 * same:5.1f} %"
        if same < CLASSIFIERS[net.name]:
            failures.append(f"{net.name}: top-1 agrees on {100 * same:.1f} % only")
        if labels is not None:
            y = np.array(labels)
            a, b = float((w.argmax(1) == y).mean()), float((g.argmax(1) == y).mean())
            line += f"  top-1 fp32 {100 * a:5.2f} int8 {100 * b:5.2f}"
            differ = int((w.argmax(1) != g.argmax(1)).sum())
            # by chance n differing pictures change the count of right ones by about sqrt(n)
            if (a - b) > 0.015 + np.sqrt(differ) / len(xs):
                failures.append(f"{net.name}: loses {100 * (a - b):.2f} points of top-1")
        equal, fused = equal_to_ort(net, args, xs[: args.ort])
        line += f"  equal to ONNX Runtime on QDQ {100 * equal:7.3f} %, {fused}"
        if equal < MIN_EQUAL:
            failures.append(f"{net.name}: only {100 * equal:.2f} % of the quantized outputs equal ONNX Runtime's")
        if fused.split()[0] != fused.split()[2]:
            failures.append(f"{net.name}: ONNX Runtime fuses {fused}")
    print(line, flush=True)


def main():
    here = Path(__file__).resolve().parents[2]
    p = argparse.ArgumentParser()
    p.add_argument("--bin", type=Path, default=here / "build/bin")
    p.add_argument("--shared", type=Path, default=here.parent / "shared")
    p.add_argument("--work", type=Path, default=here / "build/real_networks")
    p.add_argument("--pictures", type=int, default=100000)
    p.add_argument("--ort", type=int, default=50, help="pictures compared with ONNX Runtime on the QDQ model")
    p.add_argument("--target")
    p.add_argument("--verify", type=int, default=4)
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    if not (args.shared / "models/index.json").exists():
        print(f"skipped: {args.shared} is absent")
        return 77
    args.extra = ["--verify", str(args.verify)] + (["--target", args.target] if args.target else [])
    args.work.mkdir(parents=True, exist_ok=True)
    failures = []
    for name in args.names or list(CLASSIFIERS) + OTHERS:
        try:
            check(Network(args.shared, args.work, name), args, failures)
        except (RuntimeError, OSError, KeyError, ValueError) as e:
            failures.append(f"{name}: {e}")
            print(f"{name}: FAILED {e}", flush=True)
    for f in failures:
        print("FAIL:", f)
    print(f"{len(args.names or list(CLASSIFIERS) + OTHERS)} networks, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
