#!/usr/bin/env python3
"""Random networks through the whole compiler: each is generated, compiled for every target this CPU runs
and verified byte for byte against the interpreter (compile --verify); the interpreter's float outputs are
compared with ONNX's meaning by ONNX Runtime where that is installed (--set precision=float32).

    random_graphs.py [--bin DIR] [--work DIR] [--count N] [--seed S] [--targets a,b] [--set KEY=VALUE]...
                     [--random-properties]

--set goes to every compilation that is verified: networks tiled, on several cores, with another input layout.
--random-properties: each network gets some of the properties that shape graph, core, entry points, tiles and memory,
and more kinds of operators (NHWC inputs, masked Softmax, arithmetic around activations, float islands).

Needs python3-onnx and numpy (exit 77 without them). A failure prints the seed that repeats it.
"""
import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)


class Graph:
    """Grows a network node by node; `live` holds (name, shape) of tensors that may be read."""

    def __init__(self, seed):
        self.r = np.random.default_rng(seed)
        self.nodes, self.inits, self.live, self.n = [], [], [], 0

    def name(self, what):
        self.n += 1
        return f"{what}_{self.n}"

    def pick(self, *options):
        return options[int(self.r.integers(len(options)))]

    def const(self, array):
        name = self.name("const")
        self.inits.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def weights(self, *shape):
        fan = max(1, int(np.prod(shape[1:])))
        w = self.r.normal(0, 1, shape) * np.sqrt(2.0 / fan)
        if self.r.random() < 0.1 and shape[0] > 1:
            w[0] = 0  # a dead channel
        return self.const(w.astype(np.float32))

    def add(self, op, inputs, shape, **attrs):
        out = self.name(op.lower())
        self.nodes.append(helper.make_node(op, inputs, [out], name=self.name("n_" + op), **attrs))
        if shape is not None:
            self.live.append((out, tuple(int(d) for d in shape)))
        return out

    def any(self, rank=None):
        fits = [t for t in self.live if rank is None or len(t[1]) == rank]
        if not fits:
            return None
        recent = fits[-3:] if self.r.random() < 0.7 else fits
        return recent[int(self.r.integers(len(recent)))]


def conv(g):
    x = g.any(4)
    if not x:
        return
    name, (n, c, h, w) = x
    k = (int(g.pick(1, 1, 2, 3, 3, 5)), int(g.pick(1, 1, 3, 3, 4)))
    s, d = [int(g.pick(1, 1, 2)) for _ in "hw"], [int(g.pick(1, 1, 1, 2)) for _ in "hw"]
    pads = [int(g.r.integers(0, 3)) for _ in range(4)]
    size = [(v + pads[i] + pads[i + 2] - (d[i] * (k[i] - 1) + 1)) // s[i] + 1 for i, v in enumerate((h, w))]
    if min(size) < 1:
        return
    kind = g.pick("dense", "dense", "dw", "group")
    if kind == "dw" and c > 1:
        groups, oc = c, c
    elif kind == "group" and c % 2 == 0:
        groups, oc = 2, 2 * int(g.r.integers(1, 20))
    else:
        groups, oc = 1, int(g.pick(1, 3, 8, 15, 16, 17, 32, 40, 64, 70))
    inputs = [name, g.weights(oc, c // groups, *k)]
    if g.r.random() < 0.7:
        inputs.append(g.const(g.r.normal(0, 0.3, oc).astype(np.float32)))
    g.add("Conv", inputs, (n, oc, *size), kernel_shape=list(k), strides=s, dilations=d, pads=pads, group=groups)


def conv_transpose(g):
    x = g.any(4)
    if not x or x[1][1] > 32:
        return
    name, (n, c, h, w) = x
    k, s, oc = int(g.pick(2, 3, 4)), int(g.pick(1, 2)), int(g.pick(1, 8, 12))
    groups = int(g.pick(1, 1, 2, 4, c))
    if c % groups:
        groups = 1
    pads = [int(g.r.integers(0, k // 2 + 1)) for _ in range(4)]
    more = [int(g.r.integers(0, s)) for _ in "hw"]
    size = [(v - 1) * s + k - pads[i] - pads[i + 2] + more[i] for i, v in enumerate((h, w))]
    if min(size) < 1:
        return
    w_ = g.const((g.r.normal(0, 1, (c, oc, k, k)) / np.sqrt(c * k)).astype(np.float32))
    g.add("ConvTranspose", [name, w_], (n, oc * groups, *size), kernel_shape=[k, k], strides=[s, s], pads=pads,
          group=groups, output_padding=more)


def batch_norm(g):
    x = g.any(4)
    if x:
        c = x[1][1]
        f = [g.r.uniform(0.5, 1.5, c), g.r.normal(0, 0.3, c), g.r.normal(0, 0.3, c), g.r.uniform(0.5, 2, c)]
        g.add("BatchNormalization", [x[0]] + [g.const(v.astype(np.float32)) for v in f], x[1])


def activation(g):
    x = g.any()
    op = g.pick("Relu", "Relu", "Sigmoid", "Tanh", "LeakyRelu", "HardSwish", "HardSigmoid", "Elu", "Clip", "Exp", "silu", "hsw")
    if op == "Clip":
        g.add("Clip", [x[0], g.const(np.float32(0)), g.const(np.float32(6))], x[1])
    elif op == "Exp":
        g.add("Exp", [g.add("Clip", [x[0], g.const(np.float32(-2)), g.const(np.float32(2))], None)], x[1])
    elif op == "silu":
        g.add("Mul", [x[0], g.add("Sigmoid", [x[0]], None)], x[1])
    elif op == "hsw":
        t = g.add("Add", [x[0], g.const(np.float32(3))], None)
        t = g.add("Clip", [t, g.const(np.float32(0)), g.const(np.float32(6))], None)
        t = g.add("Div", [t, g.const(np.float32(6))], None)
        g.add("Mul", [x[0], t], x[1])
    else:
        g.add(op, [x[0]], x[1])


def binary(g):
    a = g.any()
    op = g.pick("Add", "Add", "Mul", "Sub")
    same = [t for t in g.live if t[1] == a[1]]
    form = g.pick("same", "same", "scalar", "channel", "se")
    if form == "same":
        b = same[int(g.r.integers(len(same)))]
        g.add(op, [a[0], b[0]] if g.r.random() < 0.5 else [b[0], a[0]], a[1])
    elif form == "scalar":
        g.add(op, [a[0], g.const(np.float32(g.r.uniform(0.5, 2)))], a[1])
    elif len(a[1]) == 4 and form == "channel":
        g.add(op, [a[0], g.const(g.r.uniform(0.5, 1.5, (1, a[1][1], 1, 1)).astype(np.float32))], a[1])
    elif len(a[1]) == 4:
        m = g.add("GlobalAveragePool", [a[0]], None)
        g.add("Mul", [a[0], g.add("Sigmoid", [m], None)], a[1])


def pool(g):
    x = g.any(4)
    if not x or min(x[1][2:]) < 3:
        return
    n, c, h, w = x[1]
    op = g.pick("MaxPool", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean")
    if op.startswith("Global"):
        g.add(op, [x[0]], (n, c, 1, 1))
    elif op == "ReduceMean":
        keep = int(g.r.integers(2))
        g.add(op, [x[0]], (n, c, 1, 1) if keep else (n, c), axes=[2, 3], keepdims=keep)
    else:
        k, s, pad = int(g.pick(2, 3)), int(g.pick(1, 2)), int(g.pick(0, 0, 1))
        ceil = int(g.pick(0, 0, 1)) if pad == 0 else 0
        size = [-(-(v + 2 * pad - k) // s) + 1 if ceil else (v + 2 * pad - k) // s + 1 for v in (h, w)]
        size = [v - 1 if ceil and (v - 1) * s >= full + pad else v for v, full in zip(size, (h, w))]
        attrs = {"count_include_pad": int(g.r.integers(2))} if op == "AveragePool" else {}
        g.add(op, [x[0]], (n, c, *size), kernel_shape=[k, k], strides=[s, s], pads=[pad] * 4, ceil_mode=ceil, **attrs)


def join(g):
    a = g.any(4)
    if not a:
        return
    axis = int(g.pick(1, 1, 1, 2, 3))
    fits = [t for t in g.live if len(t[1]) == 4 and all(t[1][d] == a[1][d] for d in range(4) if d != axis)]
    parts = [a] + [fits[int(g.r.integers(len(fits)))] for _ in range(int(g.r.integers(1, 3)))]
    shape = list(a[1])
    shape[axis] = sum(p[1][axis] for p in parts)
    if shape[axis] <= 300:
        g.add("Concat", [p[0] for p in parts], shape, axis=axis)


def split(g):
    x = g.any(4)
    if not x or x[1][1] < 2:
        return
    n, c, h, w = x[1]
    a = int(g.r.integers(1, c))
    outs = [g.name("split"), g.name("split")]
    g.nodes.append(helper.make_node("Split", [x[0], g.const(np.array([a, c - a], np.int64))], outs, name=g.name("n_Split"), axis=1))
    g.live += [(outs[0], (n, a, h, w)), (outs[1], (n, c - a, h, w))]


def move(g):
    x = g.any(4)
    if not x:
        return
    n, c, h, w = x[1]
    op = g.pick("slice", "shuffle", "transpose", "pad", "nearest", "linear", "d2s", "s2d", "gather", "reflect")
    i64 = lambda *v: g.const(np.array(v, np.int64))
    if op == "slice" and h > 2:
        g.add("Slice", [x[0], i64(1), i64(h), i64(2), i64(int(g.pick(1, 2)))], None)
        step = int(numpy_helper.to_array(g.inits[-1])[0])
        g.live.append((g.nodes[-1].output[0], (n, c, len(range(1, h, step)), w)))
    elif op == "shuffle" and c % 2 == 0:
        t = g.add("Reshape", [x[0], i64(n, 2, c // 2, h, w)], None)
        t = g.add("Transpose", [t], None, perm=[0, 2, 1, 3, 4])
        g.add("Reshape", [t, i64(n, c, h, w)], x[1])
    elif op == "transpose":
        g.add("Transpose", [x[0]], (n, c, w, h), perm=[0, 1, 3, 2])
    elif op in ("pad", "reflect") and h > 2 and w > 2:
        mode = "constant" if op == "pad" else "reflect"
        g.add("Pad", [x[0], i64(0, 0, 1, 0, 0, 0, 1, 2)], (n, c, h + 2, w + 2), mode=mode)
    elif op in ("nearest", "linear") and h * w < 2000:
        coordinate = g.pick("asymmetric", "half_pixel", "align_corners")
        attrs = {"nearest_mode": g.pick("floor", "round_prefer_floor", "round_prefer_ceil", "ceil")} if op == "nearest" else {}
        sizes = [n, c, int(h * g.pick(1, 2)), int(w * g.pick(2, 3))]
        g.add("Resize", [x[0], "", "", i64(*sizes)], sizes, mode=op, coordinate_transformation_mode=coordinate, **attrs)
    elif op == "d2s" and c % 4 == 0:
        g.add("DepthToSpace", [x[0]], (n, c // 4, h * 2, w * 2), blocksize=2, mode=g.pick("DCR", "CRD"))
    elif op == "s2d" and h % 2 == 0 and w % 2 == 0 and c < 30:
        g.add("SpaceToDepth", [x[0]], (n, c * 4, h // 2, w // 2), blocksize=2)
    elif op == "gather":
        index = [int(i) for i in g.r.integers(0, c, size=max(1, c // 2))]
        g.add("Gather", [x[0], i64(*index)], (n, len(index), h, w), axis=1)


def around_table(g):
    x = g.any()
    t, scalar = x[0], lambda lo, hi: g.const(np.float32(g.r.uniform(lo, hi)))
    for _ in range(int(g.r.integers(1, 6))):
        op = g.pick("Mul", "Add", "Sub", "Sigmoid", "Tanh", "HardSigmoid", "gate")
        if op == "gate":
            t = g.add("Mul", [t, g.add("Sigmoid", [t], None)], None)
        elif op in ("Mul", "Add", "Sub"):
            t = g.add(op, [t, scalar(-1.5, 1.5)] if g.r.random() < 0.7 else [scalar(-1.5, 1.5), t], None)
        else:
            t = g.add(op, [t], None)
    g.live.append((t, x[1]))


def island(g):
    x = g.any()
    t = g.add("Abs", [x[0]], None)
    t = g.add("Sqrt", [g.add("Add", [t, g.const(np.float32(0.1))], None)], None)
    g.live.append((t, x[1]))


def attention(g):
    x = g.any(4)
    if not x or x[1][2] * x[1][3] > 60:
        return
    n, c, h, w = x[1]
    i64 = lambda *v: g.const(np.array(v, np.int64))
    t = g.add("Transpose", [g.add("Reshape", [x[0], i64(n, c, h * w)], None)], None, perm=[0, 2, 1])
    s = g.add("MatMul", [t, g.weights(c, h * w)], None)
    mask = np.where(g.r.random((h * w, h * w)) < 0.3, np.float32(np.finfo(np.float32).min), np.float32(0))
    mask[:, 0] = 0
    pad = int(g.pick(0, 3))
    s = g.add("Add", [s, g.const(mask.astype(np.float32))], None)
    if pad:
        s = g.add("Pad", [s, i64(0, 0, 0, 0, 0, pad), g.const(np.float32(-np.inf))], None)
    p = g.add("Softmax", [s], None, axis=2)
    g.add("MatMul", [p, g.weights(h * w + pad, 8)], (n, h * w, 8))


STEPS = [conv] * 8 + [activation] * 4 + [binary] * 4 + [pool, pool, join, join, split, move, move, batch_norm, conv_transpose]


def tail(g, x):
    kind = g.pick("none", "gemm", "matmul", "softmax", "argmax", "last conv")
    flat = int(np.prod(x[1][1:]))
    if kind == "last conv" and len(x[1]) == 4:
        return g.add("Conv", [x[0], g.weights(10, x[1][1], 1, 1)], (x[1][0], 10, *x[1][2:]))
    if kind in ("gemm", "softmax", "argmax") and flat <= 4000:
        f = g.add("Flatten", [x[0]], None, axis=1)
        y = g.add("Gemm", [f, g.weights(10, flat), g.const(g.r.normal(0, 1, 10).astype(np.float32))], (x[1][0], 10), transB=1)
        if kind == "softmax":
            return g.add("Softmax", [y], (x[1][0], 10), axis=1)
        return g.add("ArgMax", [y], None, axis=1) if kind == "argmax" else y
    if kind == "matmul":
        return g.add("MatMul", [x[0], g.const((g.r.normal(0, 1, (x[1][-1], 6)) / x[1][-1]).astype(np.float32))], (*x[1][:-1], 6))
    return x[0]


MORE_STEPS = STEPS + [around_table] * 4 + [island, attention, attention]


def generate(seed, more=False):
    g = Graph(seed)
    c, h, w = int(g.pick(1, 2, 3, 3, 4, 8)), int(g.r.integers(6, 30)), int(g.r.integers(6, 30))
    n = int(g.pick(1, 1, 1, 2))
    nhwc = more and g.r.random() < 0.3
    if nhwc:
        g.add("Transpose", ["input"], (n, c, h, w), perm=[0, 3, 1, 2])
    else:
        g.live.append(("input", (n, c, h, w)))
    if not more or g.r.random() < 0.8:
        conv(g)
    for _ in range(int(g.r.integers(3, 22))):
        g.pick(*(MORE_STEPS if more else STEPS))(g)
        if np.prod(g.live[-1][1]) > 200000:
            break
    outputs = {tail(g, g.live[-1])}
    if g.r.random() < 0.4:
        outputs.add(tail(g, g.any()))
    outputs.discard("input")
    if not outputs or not g.nodes:
        return None
    used_int = {o.output[0] for o in g.nodes if o.op_type == "ArgMax"}
    outs = [helper.make_tensor_value_info(o, TensorProto.INT64 if o in used_int else TensorProto.FLOAT, None) for o in sorted(outputs)]
    inp = helper.make_tensor_value_info("input", TensorProto.FLOAT, [n, h, w, c] if nhwc else [n, c, h, w])
    graph = helper.make_graph(g.nodes, f"random_{seed}", [inp], outs, g.inits)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


# what shapes graph, core, entry points, tiles and memory: (property, values)
PROPERTIES = [
    ("run_graph_cleaner", ["false"]), ("rewrite_dense_to_conv2d", ["false"]), ("simplify_mac_before_after_lut", ["false"]),
    ("remove_layout_transform_from_preamble", ["true"]), ("softmax_neutral_value", ["-1", "-20", "-1e30"]),
    ("quantized_graph_export", ["false"]), ("apply_arithmetic_simplification", ["false"]),
    ("remove_io_padding_and_layout_transform", ["false"]), ("apply_pword_padding", ["false"]),
    ("remove_io_quantization", ["true"]), ("float_outputs", ["false"]), ("quantize_dw_channel_wise", ["true"]),
    ("quantization_scheme", ["per_tensor_min_max", "hybrid_per_tensor_per_channel"]),
    ("force_h_tiling", ["2", "5"]), ("force_oc_tiling", ["2", "3"]), ("tiling_depth", ["3", "6"]),
    ("aipu_cores_used", ["3"]), ("max_memplan_attempts", ["1"]), ("l2_constraint", ["20000"]), ("l1_constraint", ["3000"]),
    ("io_memory_pool", ["global.l2"]), ("enable_buffer_promotion", ["false"]),
]


def some_properties(seed):
    r = np.random.default_rng(seed + 77)
    chosen = [(name, values[int(r.integers(len(values)))]) for name, values in PROPERTIES if r.random() < 0.3]
    names = [name for name, _ in chosen]
    if "io_memory_pool" in names:  # a pool that buffers live in by decree may not fit a budget
        chosen = [c for c in chosen if c[0] != "l2_constraint"]
    return [word for name, value in chosen for word in ("--set", f"{name}={value}")]


def compile_one(args, path, out, extra):
    shutil.rmtree(out, ignore_errors=True)
    return subprocess.run([str(args.bin / "compile"), "-i", str(path), "-o", str(out), "--dataset-len", "4", "-q", *extra],
                          capture_output=True, text=True, timeout=600)


def check_float(args, path, out, chosen=()):
    """precision=float32 against ONNX Runtime, if that is installed."""
    try:
        import onnxruntime as ort
    except ImportError:
        return None
    rewrites = [w for w in chosen if w.startswith(("run_graph_cleaner", "apply_arithmetic"))]
    done = compile_one(args, path, out, ["--set", "precision=float32", *[w for r in rewrites for w in ("--set", r)]])
    if done.returncode:
        return f"float32: exit {done.returncode}: {done.stderr[-500:]}"
    ort.set_default_logger_severity(3)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(1).normal(0, 1, session.get_inputs()[0].shape).astype(np.float32)
    np.save(out / "x.npy", x)
    ran = subprocess.run([str(args.bin / "axrunmodel"), str(out / "compiled_model/model.json"), "--input", str(out / "x.npy"),
                          "--output-dir", str(out / "y"), "--json"], capture_output=True, text=True)
    if ran.returncode:
        return f"axrunmodel: exit {ran.returncode}: {ran.stderr[-300:]}"
    for want, said in zip(session.run(None, {"input": x}), json.loads(ran.stdout)["outputs"]):
        got = np.load(out / "y" / Path(said["file"]).name).reshape(want.shape)
        scale = max(1e-6, float(np.abs(want).max()))
        if want.dtype != np.int64 and float(np.abs(want - got).max()) > 1e-4 * scale:
            return f"float32: output {said['name']} differs from ONNX Runtime by {float(np.abs(want - got).max() / scale):.2g}"
    return None


def main():
    here = Path(__file__).resolve().parents[2]
    p = argparse.ArgumentParser()
    p.add_argument("--bin", type=Path, default=here / "build/bin")
    p.add_argument("--work", type=Path, default=here / "build/random_graphs")
    p.add_argument("--count", type=int, default=20)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--targets", default="host,x86-64-v3,c")
    p.add_argument("--no-float", action="store_true")
    p.add_argument("--random-properties", action="store_true")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    args = p.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    properties = [word for value in args.set for word in ("--set", value)]
    failures, done = [], 0
    for seed in range(args.seed, args.seed + args.count):
        model = generate(seed, args.random_properties)
        chosen = some_properties(seed) if args.random_properties else []
        if model is None:
            continue
        path = args.work / f"{seed}.onnx"
        path.write_bytes(model.SerializeToString())
        try:
            onnx.checker.check_model(onnx.shape_inference.infer_shapes(model))
        except Exception as e:  # the generator's mistake, not the compiler's
            print(f"seed {seed}: generated an invalid model: {e}")
            failures.append(seed)
            continue
        problem = None if args.no_float else check_float(args, path, args.work / "out", chosen)
        for target in args.targets.split(","):
            if problem:
                break
            run = compile_one(args, path, args.work / "out", ["--target", target, "--verify", "2", *properties, *chosen])
            if run.returncode:
                problem = f"{target}: exit {run.returncode}: {run.stderr[-700:]}"
        done += 1
        if problem:
            failures.append(seed)
            print(f"seed {seed}: {[n.op_type for n in model.graph.node]} {' '.join(chosen)}\n  {problem}", flush=True)
    print(f"{done} random networks, {len(failures)} failures {failures if failures else ''}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
