"""Rows of the table for the properties that shape the graph: the cleaner, the core and its entry points, the
rewrites of the midend, memory budgets. Each compiles small networks made here and looks at what came of it; most
compare bytes of runs that must not differ."""
import json
import os
import subprocess

from cases import ROOT, case
from run_cases import files_of, same_files

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError:  # the rows are skipped then
    np = None


# ---- networks ----


class Net:
    """Nodes in a row, with weights from one generator."""

    def __init__(self, name, inputs, seed=5):
        self.name, self.inputs, self.nodes, self.weights = name, inputs, [], []
        self.rng = np.random.default_rng(seed)

    def const(self, value, dtype="float32"):
        name = "c%d" % len(self.weights)
        self.weights.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def random(self, *shape):
        return self.const(self.rng.standard_normal(shape) * 0.4)

    def add(self, op, *inputs, name=None, **attrs):
        out = "t%d" % len(self.nodes)
        self.nodes.append(helper.make_node(op, list(inputs), [out], name or "%s%d" % (op.lower(), len(self.nodes)), **attrs))
        return out

    def conv(self, x, ic, oc, k=3, **attrs):
        return self.add("Conv", x, self.random(oc, ic, k, k), self.random(oc), kernel_shape=[k, k], pads=[k // 2] * 4,
                        **attrs)

    def save(self, path, outputs):
        """outputs: {name in the graph: (public name, shape)}"""
        for node in self.nodes:
            for i, o in enumerate(node.output):
                if o in outputs:
                    node.output[i] = outputs[o][0]
            for i, o in enumerate(node.input):
                if o in outputs:
                    node.input[i] = outputs[o][0]
        info = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes, self.name, [info(n, TensorProto.FLOAT, s) for n, s in self.inputs],
            [info(n, t, s) for n, s, t in [(o + (TensorProto.FLOAT,))[:3] for o in outputs.values()]], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        onnx.save(model, path)
        return path


def plain(path):
    """Rank 4 in and out: 3 channels become 4, 10 become 64."""
    n = Net("plain", [("x", [2, 3, 7, 9])])
    y = n.conv(n.add("Relu", n.conv("x", 3, 6)), 6, 10, strides=[2, 2])
    return n.save(path, {y: ("y", [2, 10, 4, 5])})


def two_outputs(path):
    """5 channels in; a rank 2 and a rank 4 output."""
    n = Net("two outputs", [("x", [1, 5, 8, 6])])
    a = n.add("Relu", n.conv("x", 5, 8))
    y = n.conv(a, 8, 4)
    f = n.add("Flatten", n.add("GlobalAveragePool", a))
    z = n.add("Gemm", f, n.random(8, 7), n.random(7))
    return n.save(path, {y: ("y", [1, 4, 8, 6]), z: ("z", [1, 7])})


def with_ends(path):
    """Float in front of the core (a preamble) and behind it (a postamble): box decoding keeps no int8."""
    n = Net("with ends", [("x", [1, 3, 8, 8])])
    a = n.add("Exp", n.add("Clip", "x", n.const(-1), n.const(1)))
    a = n.conv(n.add("Relu", n.conv(a, 3, 8)), 8, 6, k=1)
    y = n.add("Softmax", n.add("Exp", n.add("Clip", a, n.const(-2), n.const(2))), axis=1)
    return n.save(path, {y: ("y", [1, 6, 8, 8])})


def nhwc(path, ends=False):
    """An input in NHWC behind a Transpose; with `ends` a float node between that and the core."""
    n = Net("nhwc", [("x", [1, 6, 5, 3])])
    a = n.add("Transpose", "x", perm=[0, 3, 1, 2], name="layout")
    if ends:
        a = n.add("Exp", n.add("Clip", a, n.const(-1), n.const(1)))
    y = n.conv(n.add("Relu", n.conv(a, 3, 8)), 8, 5, k=1)
    return n.save(path, {y: ("y", [1, 5, 6, 5])})


def one_channel_nhwc(path):
    """The same change of layout as a Reshape: one channel."""
    n = Net("one channel", [("x", [1, 6, 5, 1])])
    a = n.add("Reshape", "x", n.const([1, 1, 6, 5], "int64"), name="layout")
    y = n.conv(n.add("Relu", n.conv(a, 1, 8)), 8, 5, k=1)
    return n.save(path, {y: ("y", [1, 5, 6, 5])})


def around_tables(path):
    """Multiplications and additions around activations, behind a convolution and behind a concatenation."""
    n = Net("around tables", [("x", [1, 4, 8, 8])])
    a = n.conv("x", 4, 8)
    a = n.add("Sigmoid", n.add("Mul", n.add("Tanh", a), n.const(1.5)))
    b = n.add("Concat", a, n.add("Relu", n.conv("x", 4, 8)), axis=1)
    b = n.add("Add", n.add("Mul", b, n.add("Sigmoid", b)), n.const(0.25))
    y = n.conv(n.add("MaxPool", b, kernel_shape=[2, 2], strides=[2, 2]), 16, 6, k=1)
    return n.save(path, {y: ("y", [1, 6, 4, 4])})


def products(path):
    """A product of many rows with a residual, and one of a row with an activation."""
    n = Net("products", [("x", [1, 12, 20])])
    a = n.add("MatMul", "x", n.random(20, 20))
    a = n.add("Relu", n.add("Add", n.add("MatMul", a, n.random(20, 20)), a))
    a = n.add("Sigmoid", n.add("Gemm", n.add("Flatten", a), n.random(240, 33), n.random(33)))
    y = n.add("Gemm", a, n.random(33, 9), n.random(9))
    return n.save(path, {y: ("y", [1, 9])})


# ---- compiling and running ----


def build(r, model, name, *properties, more=()):
    """Compiles into {D}/name, verified; returns the folder compiled_model/."""
    r.run("-i", model, "-o", "{D}/" + name, "--verify", "2", "--dataset-len", "4", *more,
          *[a for p in properties for a in ("--set", p)])
    r.expect(0, "every byte equal")
    return r.path(name, "compiled_model")


def load(folder, name="model.json"):
    with open(os.path.join(folder, name), encoding="utf-8") as f:
        return json.load(f)


def kernels(folder):
    return [k["kernel"] for k in load(folder, "report.json")["kernels"]]


def run_model(r, folder, io, inputs, frames=None):
    """Runs inputs {name: array} through an entry point; outputs in model order."""
    out = r.path("run")
    args = []
    for i, (name, x) in enumerate(inputs.items()):
        np.save(r.path("in%d.npy" % i), x)
        args += ["--input", "%s=%s" % (name, r.path("in%d.npy" % i))]
    r.run(os.path.join(folder, "model.json"), "--io", io, "--output-dir", out, "--frames", "1", "--json", *args,
          program="axrunmodel")
    r.expect(0)
    said = json.loads(r.text[r.text.index("{"):])["outputs"]
    return {o["name"]: np.load(os.path.join(out, os.path.basename(o["file"]))) for o in said}


def sample(shape, seed=3):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def quantize(x, port):
    q = np.rint(x / np.float32(port["scale"][0])) + port["zero_point"][0]
    return np.clip(q, -128, 127).astype(np.int8)


def into_port(q, port, rng):
    """The ONNX-shaped tensor in the port's layout; padding holds noise, which must not matter."""
    if port["layout"] != "NHWC":
        return q
    memory = rng.integers(-128, 128, port["shape"]).astype(np.int8)
    q = q if port["layout_original"] == "NHWC" else q.transpose(0, 2, 3, 1)
    memory[..., : q.shape[3]] = q
    return memory


def out_of_port(r, memory, port):
    if port["layout"] != "NHWC":
        return memory
    c = port["shape_original"][1]
    r.check((memory[..., c:] == port["zero_point"][0]).all(), "padding of %s is not its zero point" % port["name"])
    return memory[..., :c].transpose(0, 3, 1, 2)


def run_int8(r, folder, inputs):
    """run_i8 on float inputs quantized as the ports say; outputs as int8 in ONNX shape, with their ports."""
    model, rng = load(folder), np.random.default_rng(11)
    fed = {p["name"]: into_port(quantize(inputs[p["name"]], p), p, rng) if p["dtype"] == "int8" else inputs[p["name"]]
           for p in model["inputs"]}
    got = run_model(r, folder, "int8", fed)
    return {p["name"]: (out_of_port(r, got[p["name"]].reshape(p["shape"]), p), p) for p in model["outputs"]}


# ---- the I/O table of the design ----


def padded(shape, nhwc_io, padding):
    """Shape, layout and padding of an int8 tensor at run_i8, as the design says."""
    if not nhwc_io or len(shape) != 4:
        return shape, [[0, 0]] * len(shape), {4: "NCHW", 3: "NCL", 2: "NC"}.get(len(shape), "")
    n, c, h, w = shape
    room = c if not padding else 4 if c <= 4 else (c + 63) // 64 * 64
    return [n, h, w, room], [[0, 0], [0, 0], [0, 0], [0, room - c]], "NHWC"


def check_ports(r, folder, shapes, nhwc_io, padding, has_f32):
    model, manifest = load(folder), load(folder, "manifest.json")
    header = open(os.path.join(folder, "kernel_function.h")).read()
    r.check(model["entry_points"] == ["run_i8"] + ["run_f32"] * has_f32, model["entry_points"])
    r.check(("_run_f32(" in header) == has_f32, "run_f32 in the header")
    r.check(len(manifest) == 17, "manifest keys")
    for side in ("inputs", "outputs"):
        for i, p in enumerate(model[side]):
            shape, pads, layout = padded(shapes[p["name"]], nhwc_io, padding)
            r.check(p["dtype"] == "int8" and p["shape"] == shape and p["layout"] == layout,
                    "%s: %s, wanted %s %s" % (p["name"], p, shape, layout))
            r.check(p["padding"] == pads and p["shape_original"] == shapes[p["name"]], "%s: %s" % (p["name"], p))
            r.check(manifest[side[:-1] + "_shapes"][i] == shape, "manifest shape of " + p["name"])
            r.check(manifest["n_padded_ch_" + side][i] == [v for pair in pads for v in pair], "manifest padding")
            r.check(manifest[side[:-1] + "_shapes_original"][i] == shapes[p["name"]], "manifest original shape")
            params = manifest[("quantize" if side == "inputs" else "dequantize") + "_params"][i]
            r.check(params == [p["scale"][0], p["zero_point"][0]], "manifest parameters")
    for side in ("inputs_f32", "outputs_f32"):
        r.check(bool(model[side]) == has_f32, side)
        for p in model[side]:
            r.check(p["dtype"] == "float32" and p["shape"] == shapes[p["name"]], "%s: %s" % (p["name"], p))


def io_table(r, model, shapes):
    """Every row: both entry points hold what the design says, and give the same bytes in every row. Without
    float_outputs the float entry point is exactly quantize, run_i8, dequantize."""
    inputs = {"x": sample(shapes["x"])}
    first, manifest = None, None
    rows = [(q, t, p) for q in (False, True) for t in (True, False) for p in (True, False)]
    for i, (no_float, nhwc_io, padding) in enumerate(rows):
        properties = ["remove_io_quantization=%s" % str(no_float).lower(), "apply_pword_padding=%s" % str(padding).lower(),
                      "remove_io_padding_and_layout_transform=%s" % str(nhwc_io).lower(), "float_outputs=false"]
        folder = build(r, manifest or model, "io%d" % i, *properties, more=("--target", "host" if i == 3 else "c"))
        manifest = manifest or r.path("io0", "quantized_model", "quantized_model_manifest.json")
        check_ports(r, folder, shapes, nhwc_io, padding, not no_float)
        int8 = run_int8(r, folder, inputs)
        first = first or int8
        for name, (q, port) in int8.items():
            r.check(q.tobytes() == first[name][0].tobytes(), "row %d: int8 bytes of %s" % (i, name))
            r.check(len(np.unique(q)) > 3, "row %d: %s is no picture of anything" % (i, name))
        if no_float:
            r.run(os.path.join(folder, "model.json"), "--io", "float", "--frames", "1", program="axrunmodel")
            r.check(r.code not in (0, None) and "run_f32" in r.text or "float" in r.text, "float without run_f32")
            continue
        for name, y in run_model(r, folder, "float", inputs).items():
            q, port = first[name]
            real = (q.astype(np.int32) - port["zero_point"][0]).astype(np.float32) * np.float32(port["scale"][0])
            r.check(y.tobytes() == real.reshape(y.shape).tobytes(), "row %d: float bytes of %s" % (i, name))


@case
def io_table_plain(r):
    io_table(r, plain(r.path("m.onnx")), {"x": [2, 3, 7, 9], "y": [2, 10, 4, 5]})


@case
def io_table_two_outputs(r):
    io_table(r, two_outputs(r.path("m.onnx")), {"x": [1, 5, 8, 6], "y": [1, 4, 8, 6], "z": [1, 7]})


@case
def io_with_pre_and_postamble(r):
    """Float in front of the core and behind it: run_i8 is the core alone, run_f32 the whole model; the two graphs
    beside them complete the core. In every row of the table, and without the graphs where they are not wanted."""
    model, x = with_ends(r.path("m.onnx")), sample((1, 3, 8, 8))
    whole, first = None, None
    for i, (nhwc_io, padding, split) in enumerate([(True, True, True), (True, False, True), (False, True, False)]):
        folder = build(r, model, "o%d" % i, "remove_io_padding_and_layout_transform=%s" % str(nhwc_io).lower(),
                       "apply_pword_padding=%s" % str(padding).lower(),
                       "graph_cleaner_split_pre_post_processing=%s" % str(split).lower())
        said = load(folder)
        r.check(len(said["inputs"]) == 1 and len(said["outputs"]) == 1, "ports")
        core_in, core_out = said["inputs"][0], said["outputs"][0]
        for p, shape in ((core_in, [1, 3, 8, 8]), (core_out, [1, 6, 8, 8])):
            want, _, layout = padded(shape, nhwc_io, padding)
            r.check(p["shape"] == want and p["layout"] == layout and p["dtype"] == "int8", p)
        for name in ("preprocess_graph", "postprocess_graph"):
            there = os.path.exists(os.path.join(folder, name + ".onnx"))
            r.check(there == split, "%s.onnx: %s" % (name, there))
            r.check((load(folder, "manifest.json")[name] == name + ".onnx") == split, "manifest: " + name)
        y = run_model(r, folder, "float", {"x": x})["y"]
        whole = y if whole is None else whole
        r.check(y.tobytes() == whole.tobytes(), "run_f32 differs in row %d" % i)
        made = np.exp(np.clip(x, -1, 1))
        q = run_int8(r, folder, {core_in["name"]: made})[core_out["name"]][0]
        first = q if first is None else first
        r.check(q.tobytes() == first.tobytes(), "run_i8 differs in row %d" % i)
        real = (q.astype(np.float32) - core_out["zero_point"][0]) * core_out["scale"][0]
        e = np.exp(np.exp(np.clip(real, -2, 2)))
        r.check(np.abs(e / e.sum(1, keepdims=True) - y).max() < 0.05, "core and parts do not make the whole")
    for name in ("preprocess_graph", "postprocess_graph"):
        onnx.checker.check_model(onnx.load(r.path("o0", "compiled_model", name + ".onnx")))


@case
def io_of_a_network_without_int8(r):
    """precision=float32: there is only run_f32, also where remove_io_quantization would take it away."""
    folder = build(r, plain(r.path("m.onnx")), "o", "precision=float32", "remove_io_quantization=true")
    said = load(folder)
    r.check(said["entry_points"] == ["run_f32"] and said["inputs"][0]["dtype"] == "float32", said["entry_points"])


# ---- layouts in front ----


@case
def leading_layout_dropped(r):
    """The Transpose to NCHW leaves run_i8 and the preprocess graph; run_f32 and every byte stay."""
    for i, (make, c) in enumerate(((nhwc, 3), (one_channel_nhwc, 1))):
        model, x = make(r.path("m%d.onnx" % i)), sample((1, 6, 5, c))
        kept = build(r, model, "kept%d" % i)
        bare = build(r, r.path("kept%d" % i, "quantized_model", "quantized_model_manifest.json"), "bare%d" % i,
                     "remove_layout_transform_from_preamble=true")
        a, b = load(kept)["inputs"][0], load(bare)["inputs"][0]
        r.check(a["name"] == b["name"] == "x" and a["shape_original"] == [1, 6, 5, c], a)
        r.check(b["shape_original"] == [1, c, 6, 5] and b["shape"] == [1, 6, 5, 4] and b["layout"] == "NHWC", b)
        r.check(load(bare)["inputs_f32"][0]["shape"] == [1, 6, 5, c], "run_f32 changed")
        steps = [k["node"] for k in load(bare, "report.json")["kernels"]]
        r.check("layout" not in steps, "the Transpose is still a step")
        y = [run_model(r, f, "float", {"x": x})["y"].tobytes() for f in (kept, bare)]
        r.check(y[0] == y[1], "run_f32 differs")
        q = [run_int8(r, f, {"x": v})["y"][0].tobytes() for f, v in ((kept, x), (bare, x.transpose(0, 3, 1, 2)))]
        r.check(q[0] == q[1], "run_i8 differs")
    model = nhwc(r.path("ends.onnx"), ends=True)
    pre = [onnx.load(os.path.join(build(r, model, "p%d" % i, "remove_layout_transform_from_preamble=" + v),
                                  "preprocess_graph.onnx")).graph for i, v in enumerate(("false", "true"))]
    ops = [[n.op_type for n in g.node] for g in pre]
    r.check("Transpose" in ops[0] and ops[1] == [o for o in ops[0] if o != "Transpose"], ops)
    dims = [[d.dim_value for d in g.input[0].type.tensor_type.shape.dim] for g in pre]
    r.check(dims == [[1, 6, 5, 3], [1, 3, 6, 5]] and pre[1].input[0].name == "x", dims)


# ---- the graph cleaner ----


@case
def cleaner_off(r):
    """Without the cleaner no-ops stay, nothing is split off, and run_i8 is the whole network."""
    n = Net("ends and no-ops", [("x", [1, 3, 8, 8])])
    a = n.add("Exp", n.add("Clip", n.add("Identity", "x", name="nothing"), n.const(-1), n.const(1)))
    a = n.conv(n.add("Relu", n.conv(a, 3, 8)), 8, 6, k=1)
    s = n.add("Softmax", a, axis=1)
    best = n.add("ArgMax", s, axis=1, keepdims=0)
    model = n.save(r.path("m.onnx"), {a: ("logits", [1, 6, 8, 8]), s: ("y", [1, 6, 8, 8]),
                                      best: ("best", [1, 8, 8], TensorProto.INT64)})
    x = sample((1, 3, 8, 8))
    on, off = build(r, model, "on"), build(r, model, "off", "run_graph_cleaner=false")
    graph = open(r.path("off", "quantized_model", "quantized_model.txt")).read()
    r.check("nothing" in graph and "nothing" not in open(r.path("on", "quantized_model", "quantized_model.txt")).read(),
            "the Identity")
    said = load(off)
    r.check([(p["name"], p["dtype"]) for p in said["inputs"]] == [("x", "float32")], said["inputs"])
    r.check([(p["name"], p["dtype"]) for p in said["outputs"]] ==
            [("logits", "float32"), ("y", "float32"), ("best", "int64")], said["outputs"])
    r.check(load(on)["inputs"][0]["dtype"] == "int8", "with the cleaner")
    files = os.listdir(off)
    r.check("preprocess_graph.onnx" not in files and "postprocess_graph.onnx" not in files, files)
    y8, yf = run_model(r, off, "int8", {"x": x}), run_model(r, off, "float", {"x": x})
    r.check(sorted(y8) == sorted(yf) == ["best", "logits", "y"], sorted(y8))
    for name in yf:
        r.check(y8[name].tobytes() == yf[name].tobytes(), name + ": run_i8 and run_f32 differ")
    r.check(np.abs(yf["y"] - run_model(r, on, "float", {"x": x})["y"]).max() < 0.1, "another network")
    build(r, model, "off2", "run_graph_cleaner=false", "graph_cleaner_node=MatMul",
          "graph_cleaner_condition=maximum_weight_tensor_size")
    c = [open(r.path(name, "compiled_model", "kernel_function.c")).read() for name in ("off", "off2")]
    r.check(c[0] == c[1], "graph_cleaner_node was looked at")


def onnx_runtime(model, inputs):
    """Outputs of ONNX Runtime, by whichever Python has it; None if none has."""
    code = ("import sys, numpy as np, onnxruntime as o\n"
            "o.set_default_logger_severity(3)\n"
            "s = o.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n"
            "y = s.run(None, dict(np.load(sys.argv[2])))\n"
            "np.savez(sys.argv[3], **{v.name: a for v, a in zip(s.get_outputs(), y)})\n")
    np.savez(model + ".in.npz", **inputs)
    for python in (os.environ.get("AXC_ORT_PYTHON"), "python3"):
        if python and subprocess.call([python, "-c", code, model, model + ".in.npz", model + ".out.npz"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
            return dict(np.load(model + ".out.npz"))
    return None


@case
def core_dump(r):
    """The core as ONNX: what lies between the ends. It loads in ONNX Runtime where that is installed, and gives the
    numbers of the same piece of the model; in any case it compiles and gives them here."""
    model, x = with_ends(r.path("m.onnx")), sample((1, 3, 8, 8))
    build(r, model, "o", "graph_cleaner_dump_core_onnx=core.onnx", "graph_cleaner_dump_full_opt_onnx=full.onnx")
    core_path = r.path("o", "core.onnx")
    r.check({"core.onnx", "full.onnx"} <= {f["path"] for f in r.report(r.path("o"))["files"]}, "not listed")
    core = onnx.load(core_path)
    onnx.checker.check_model(core)
    ops = [n.op_type for n in core.graph.node]
    r.check(ops == ["Conv", "Relu", "Conv"], ops)
    r.check(len(core.graph.input) == 1 and len(core.graph.output) == 1, "ends")
    name, out = core.graph.input[0].name, core.graph.output[0].name
    made = np.exp(np.clip(x, -1, 1)).astype(np.float32)
    build(r, core_path, "core", "precision=float32")
    here = run_model(r, r.path("core", "compiled_model"), "float", {name: made})[out]
    e = np.exp(np.exp(np.clip(here, -2, 2)))
    build(r, model, "whole", "precision=float32")
    whole = run_model(r, r.path("whole", "compiled_model"), "float", {"x": x})["y"]
    r.check(np.abs(e / e.sum(1, keepdims=True) - whole).max() < 1e-5, "the core is not that of the model")
    theirs = onnx_runtime(core_path, {name: made})
    r.check(theirs is None or np.abs(theirs[out] - here).max() < 1e-4, "ONNX Runtime says otherwise")
    r.run("-i", model, "-o", "{D}/o2", "--set", "graph_cleaner_dump_core_onnx=c.onnx", "--set", "run_graph_cleaner=false",
          "--quantize-only")
    r.expect(0)
    ops = [n.op_type for n in onnx.load(r.path("o2", "c.onnx")).graph.node]
    r.check(ops == [n.op_type for n in onnx.load(model).graph.node], "all of it is core: %s" % ops)
    n = Net("product with a bias", [("x", [1, 6, 8])])
    y = n.add("Add", n.add("MatMul", n.add("Tanh", n.add("MatMul", "x", n.random(8, 5))), n.random(5, 4)), n.random(4))
    n.save(r.path("bias.onnx"), {y: ("y", [1, 6, 4])})
    build(r, r.path("bias.onnx"), "bias", "graph_cleaner_dump_core_onnx=core.onnx", "keep_float=[\"*\"]")
    kept = r.path("bias", "quantized_model", "quantized_model.onnx")
    for path in (r.path("bias", "core.onnx"), kept):
        onnx.checker.check_model(onnx.load(path), full_check=True)
        theirs = onnx_runtime(path, {"x": sample((1, 6, 8))})
        ours = run_model(r, r.path("bias", "compiled_model"), "float", {"x": sample((1, 6, 8))})["y"]
        r.check(theirs is None or np.abs(theirs["y"] - ours).max() < 1e-4, path + ": ONNX Runtime says otherwise")
    for i, (key, value, text) in enumerate((("core", "conf.json", "must be a file name"), ("core", "../c", "must be a file name"),
                                            ("core", "same.onnx", "are both"))):
        r.run("-i", model, "-o", "{D}/bad%d" % i, "--set", "graph_cleaner_dump_core_onnx=" + value, "--set",
              "graph_cleaner_dump_full_opt_onnx=same.onnx")
        r.expect(2, "INITIALIZE_CLI_ERROR", text)


# ---- rewrites ----


@case
def dense_as_convolution(r):
    """Products run as convolutions or as products; the bytes are the same on every target."""
    model, x = products(r.path("m.onnx")), sample((1, 12, 20))
    build(r, model, "a")
    source = r.path("a", "quantized_model", "quantized_model_manifest.json")
    seen = set()
    for target in ("c", "host"):
        for value, has, lacks in (("true", "axk_conv_u8", "axk_dense_u8"), ("false", "axk_dense_u8", "axk_conv_u8")):
            folder = build(r, source, target + value, "rewrite_dense_to_conv2d=" + value, "target=" + target)
            names = " ".join(kernels(folder))
            r.check(has in names and lacks not in names, "%s: %s" % (value, names))
            q = run_int8(r, folder, {"x": x})["y"][0]
            seen.add((q.tobytes(), run_model(r, folder, "float", {"x": x})["y"].tobytes()))
    r.check(len(seen) == 1, "bytes differ")
    tiled = build(r, source, "tiled", "rewrite_dense_to_conv2d=false", "force_oc_tiling=2")
    r.check(kernels(tiled).count("axk_dense_u8_c") > kernels(r.path("hostfalse", "compiled_model")).count("axk_dense_u8_c"),
            "force_oc_tiling leaves products alone")
    seen.add((run_int8(r, tiled, {"x": x})["y"][0].tobytes(), run_model(r, tiled, "float", {"x": x})["y"].tobytes()))
    r.check(len(seen) == 1, "bytes of tiles differ")


@case
def tables_take_arithmetic(r):
    """Multiplications and additions around activations are part of the table, or steps; the same bytes."""
    model, x = around_tables(r.path("m.onnx")), sample((1, 4, 8, 8))
    merged = build(r, model, "merged")
    source = r.path("merged", "quantized_model", "quantized_model_manifest.json")
    apart = build(r, source, "apart", "simplify_mac_before_after_lut=false")
    count = [len([k for k in kernels(f) if "lut" in k or "mul" in k or "add" in k]) for f in (merged, apart)]
    r.check(count[0] == 1 and count[1] >= 4, "steps for tables and arithmetic: %s" % count)
    for io in (lambda f: run_int8(r, f, {"x": x})["y"][0], lambda f: run_model(r, f, "float", {"x": x})["y"]):
        r.check(io(merged).tobytes() == io(apart).tobytes(), "bytes differ")


def masked(path):
    """Softmax over padded, masked scores, weighed again: what attention does."""
    n = Net("masked", [("x", [1, 6, 8])])
    s = n.add("MatMul", "x", n.random(8, 6))
    lowest = float(np.finfo(np.float32).min)
    s = n.add("Add", s, n.const(np.triu(np.full((6, 6), lowest), 1)))
    s = n.add("Where", n.const(np.arange(6) < 5, "bool"), s, n.const(-np.inf))
    s = n.add("Pad", s, n.const([0, 0, 0, 0, 0, 2], "int64"), n.const(-np.inf))
    p = n.add("Softmax", s, axis=2)
    y = n.add("MatMul", p, n.random(8, 4))
    return n.save(path, {p: ("p", [1, 6, 8]), y: ("y", [1, 6, 4])})


@case
def softmax_padding(r):
    """What stands for nothing in front of a Softmax takes the neutral value: with the default it still counts for
    nothing and the ranges stay sane; a larger value can be seen in the result. Interpreter and kernel agree."""
    model, x = masked(r.path("m.onnx")), sample((1, 6, 8))
    far = build(r, model, "far", "precision=float32")
    p = run_model(r, far, "float", {"x": x})["p"]
    r.check((p[0][np.triu_indices(6, 1)] == 0).all() and (p[0, :, 5:] == 0).all(), "padding counts")
    r.check(np.abs(p.sum(2) - 1).max() < 1e-5 and (p[0][np.tril_indices(5)] > 0).all(), "no Softmax")
    near = build(r, model, "near", "precision=float32", "softmax_neutral_value=-3")
    p = run_model(r, near, "float", {"x": x})["p"]
    r.check((p > 0).all() and np.abs(p.sum(2) - 1).max() < 1e-5, "the neutral value is not seen")
    r.check((p[0, :, 6:] == p[0, :, 5:6]).all(), "Pad and Where differ")
    int8 = [build(r, model, "int8" + v, "softmax_neutral_value=" + v) for v in ("-100000", "-3")]
    y = [run_model(r, f, "float", {"x": x})["p"] for f in int8]
    r.check(np.isfinite(y[0]).all() and np.abs(y[0].sum(2) - 1).max() < 0.05, "int8 with the default")
    r.check((y[1][0, :, 6:] > y[0][0, :, 6:]).all(), "int8: the neutral value is not seen")
    ranges = open(r.path("int8-100000", "quantized_model", "report.json")).read()
    r.check("inf" not in ranges.lower() and "e+38" not in ranges, "an infinite range")


@case
def quantized_graph_not_exported(r):
    """No quantized_model.json and .bin; everything else is the same, and the manifest says that it leads nowhere."""
    model = plain(r.path("m.onnx"))
    build(r, model, "with")
    build(r, model, "without", "quantized_graph_export=false")
    a, b = files_of(r.path("with")), files_of(r.path("without"))
    gone = {"quantized_model/quantized_model.json", "quantized_model/quantized_model.bin"}
    r.check(set(a) - set(b) == gone and not set(b) - set(a), "files: %s" % sorted(set(a) ^ set(b)))
    r.check(json.loads(b["quantized_model/quantized_model_manifest.json"])["quantized_model_file"] is None, "manifest")
    same_files(r, r.path("with"), r.path("without"), "compiled_model", "input_model")
    r.check(gone.isdisjoint(f["path"] for f in r.report(r.path("without"))["files"]), "the report lists them")
    r.run("-i", "{D}/without/quantized_model/quantized_model_manifest.json", "-o", "{D}/o2")
    r.expect(1, "the quantized graph was not written", "quantized_graph_export")
    r.status("TVM_FRONTEND_ERROR", folder=r.path("o2"))
    r.run("-i", model, "-o", "{D}/only", "--quantize-only", "--set", "quantized_graph_export=false", "--dataset-len", "4")
    r.expect(0)
    same_files(r, r.path("without"), r.path("only"), "quantized_model")


# ---- memory ----


@case
def budgets(r):
    """Each limit of each pool is kept, or refused by the bytes that lack, with the layer at the peak and the
    property to raise; resources_used takes its part of all."""
    whole = build(r, "{M}/wide.onnx", "whole", "target=c")
    report = load(whole, "report.json")
    need = report["workspace_bytes"] + report["const_bytes"]
    source = "{D}/whole/quantized_model/quantized_model_manifest.json"
    y = run_model(r, whole, "float", {"x": sample((1, 8, 32, 32))})["y"].tobytes()

    def refused(name, missing, *properties, hint=None):
        r.run("-i", source, "-o", "{D}/" + name, *[a for p in properties for a in ("--set", p)], "--target", "c")
        r.expect(1, "LOWER_MIDEND_ERROR", "%d too many" % missing, "the workspace is fullest at " + report["workspace_peak_layer"],
                 hint or "raise " + properties[0].split("=")[0])
        told = r.status("LOWER_MIDEND_ERROR", folder=r.path(name))
        r.check(told["nodes"] and told["nodes"][0]["op"] == "Conv", "no node in the report")
        r.check(int(told["found"].split()[0]) - int(told["wanted"].split()[2]) == missing, told)

    for key in ("ddr_constraint", "ddr_size_used", "ddr_size_max"):
        refused("no_" + key, 1, "%s=%d" % (key, need - 1))
        build(r, source, "yes_" + key, "%s=%d" % (key, need), "target=c")
    refused("least", 100, "ddr_size_max=%d" % (need - 100), "ddr_size_used=%d" % (need - 50), "ddr_constraint=%d" % need)
    refused("part", need - (need * 2 - 2) // 2, "ddr_constraint=%d" % (need * 2 - 2), "resources_used=0.5",
            hint="or resources_used")
    build(r, source, "half", "ddr_constraint=%d" % (need * 2), "resources_used=0.5", "target=c")
    for pool in ("l2", "l1"):
        home = ["workspace_memory_pool=global." + pool, "io_memory_pool=global." + pool]
        only = report["workspace_bytes"]
        for key in (pool + "_constraint", pool + "_size_used"):
            refused("no_" + key, 1, "%s=%d" % (key, only - 1), *home)
            folder = build(r, source, "yes_" + key, "%s=%d" % (key, only), "target=c", *home)
            bytes_of = load(folder)["workspace_bytes"]
            r.check(bytes_of[2 if pool == "l1" else 1] <= only and sum(bytes_of) == max(bytes_of), bytes_of)
            r.check(run_model(r, folder, "float", {"x": sample((1, 8, 32, 32))})["y"].tobytes() == y, "bytes")
        refused("const_" + pool, 1, "%s_constraint=%d" % (pool, report["const_bytes"] - 1),
                "constant_memory_pool=global." + pool, "enable_buffer_promotion=false")
    promoted = load(build(r, source, "promoted", "l2_constraint=%d" % (only // 2), "target=c"))["workspace_bytes"]
    r.check(0 < promoted[1] <= only // 2 and promoted[0] < only, "promotion: %s" % promoted)
    kept = load(build(r, source, "kept", "l2_constraint=%d" % (only // 2), "target=c", "enable_buffer_promotion=false"))
    r.check(kept["workspace_bytes"][1] == 0, "no promotion: %s" % kept["workspace_bytes"])


@case
def tiling_of_a_real_network(r):
    """mobilenet_v2: depth-first tiling at 6 takes most of the workspace away; forced tiles cut every convolution;
    no byte changes, and what does not fit is refused at the layer where the peak is."""
    model = os.path.join(r.shared, "models", "mobilenet_v2_fp32_deq", "model.onnx")
    if not os.path.exists(model):
        r.skip("no ../shared/models")
    x = sample((1, 3, 224, 224))
    whole = build(r, model, "whole")
    source = r.path("whole", "quantized_model", "quantized_model_manifest.json")
    outputs, reports = set(), []
    for i, properties in enumerate(([], ["tiling_depth=6"], ["force_h_tiling=4"], ["force_oc_tiling=2"])):
        folder = build(r, source, "t%d" % i, *properties)
        reports.append(load(folder, "report.json"))
        outputs |= {y.tobytes() for y in run_model(r, folder, "float", {load(folder)["inputs_f32"][0]["name"]: x}).values()}
    r.check(len(outputs) == 1, "bytes differ")
    plain_report, deep, rows, channels = reports
    r.check(deep["workspace_bytes"] < plain_report["workspace_bytes"] / 4,
            "workspace %d of %d" % (deep["workspace_bytes"], plain_report["workspace_bytes"]))
    r.check(deep["const_bytes"] == plain_report["const_bytes"], "weights were copied")
    convolutions = len([k for k in kernels(whole) if "conv_u8" in k])
    r.check(rows["steps"] >= plain_report["steps"] + 3 * (convolutions - 1), "force_h_tiling: %d steps" % rows["steps"])
    r.check(channels["steps"] >= plain_report["steps"] + convolutions - 1, "force_oc_tiling: %d steps" % channels["steps"])
    budget = "ddr_constraint=%d" % (deep["workspace_bytes"] + deep["const_bytes"])
    r.run("-i", source, "-o", "{D}/no", "--set", budget)
    r.expect(1, "LOWER_MIDEND_ERROR", "fullest at " + plain_report["workspace_peak_layer"])
    build(r, source, "yes", budget, "tiling_depth=6")
