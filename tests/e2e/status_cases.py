"""Rows for statuses and properties that the other files have none for."""
import json
import os
import resource
import signal

import onnx
from onnx import TensorProto, helper, numpy_helper

from cases import TINY, case
from graph_cases import Net, build, load, with_ends
from run_cases import same_files


def save(path, nodes, inputs, outputs, weights=()):
    graph = helper.make_graph(nodes, "net", [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs],
                              [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs],
                              [numpy_helper.from_array(v, k) for k, v in weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)])
    model.ir_version = 8
    onnx.save(model, path)


def with_indices(path):
    """A known operator with an output that nothing can compile, behind a convolution."""
    import numpy as np
    save(path, [helper.make_node("Conv", ["x", "w"], ["c"], "conv"),
                helper.make_node("MaxPool", ["c"], ["y", "where"], "pool", kernel_shape=[2, 2])],
         [("x", [1, 3, 4, 4])], [("y", [1, 3, 3, 3])], [("w", np.full((3, 3, 1, 1), 0.5, np.float32))])


def file_size_limit(limit):
    """For preexec_fn: files of the program end there, as on a full disk."""

    def apply():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return apply


# ---- statuses ----


@case
def status_lower_frontend(r):
    """Seen before calibration, unless validate_operators is off."""
    with_indices(r.path("t.onnx"))
    r.run("-i", "{D}/t.onnx", "-o", "{O}")
    r.expect(1, "LOWER_FRONTEND_ERROR", "Indices", "node: pool")
    report = r.status("LOWER_FRONTEND_ERROR")
    r.check(report["stage"] == "check" and report["nodes"] == [{"name": "pool", "op": "MaxPool"}], report)
    r.check(report["calibration"] is None, "it calibrated first")
    r.run("-i", "{D}/t.onnx", "-o", "{D}/o2", "--set", "validate_operators=false")
    r.check(r.report(r.path("o2"))["stage"] not in ("check", "clean", "import"), "validate_operators has no effect")


@case
def status_frontend_to_midend(r):
    """A tensor of 2^31 bytes."""
    r.run("-i", "{M}/dynamic.onnx", "--input-shape", "1,3,13000,13000", "-o", "{O}")
    r.expect(1, "FRONTEND_TO_MIDEND_ERROR", "13000")
    r.check(r.status("FRONTEND_TO_MIDEND_ERROR")["calibration"] is None, "it calibrated first")


@case
def status_graph_exporter(r):
    """The disk is full when quantized_model/ is written."""
    r.run("-i", "{M}/wide.onnx", "-o", "{O}", "--quantize-only")
    r.expect(0)
    sizes = {f: os.path.getsize(r.out + "/quantized_model/" + f) for f in os.listdir(r.out + "/quantized_model")}
    others = max(os.path.getsize(os.path.join(d, f)) for d, _, n in os.walk(r.out) for f in n if "quantized_model" not in d)
    r.check(max(sizes.values()) > others + 1000, "the files are too small: %s, %d" % (sizes, others))
    r.run("-i", "{M}/wide.onnx", "-o", "{D}/o2", "--quantize-only", preexec_fn=file_size_limit(max(sizes.values()) - 500))
    r.expect(1, "GRAPH_EXPORTER_ERROR", "File too large")
    r.status("GRAPH_EXPORTER_ERROR", folder=r.path("o2"))
    r.check(not os.path.exists(r.path("o2", "quantized_model")), "a part of quantized_model/ is there")


@case
def status_of_publishing(r):
    """Somebody puts a directory of that name there while the kernel is built: it stays, and the run fails."""
    r.write("cc", "#!/bin/sh\nmkdir -p \"$OUT/compiled_model/mine\"\nexec cc \"$@\"\n")
    os.chmod(r.path("cc"), 0o755)
    r.run(*TINY, "--set", "cc=" + r.path("cc"), env=dict(r.env, OUT=r.out))
    r.expect(1, "TIR_TO_RUNTIME_ERROR", "compiled_model")
    report = r.report()
    r.check((report["status"], report["stage"]) == ("TIR_TO_RUNTIME_ERROR", "publish"), report["status"] + report["stage"])
    r.check(os.listdir(r.out + "/compiled_model") == ["mine"], os.listdir(r.out + "/compiled_model"))


@case
def status_top_level_lower(r):
    """The disk is full when the program is dumped, in the middle of the lower half."""
    r.run("-i", "{M}/wide.onnx", "-o", "{O}", "--set", "force_h_tiling=32", "--dump-after", "midend", "--set",
          "build_kernel=false")
    r.expect(0)
    size = os.path.getsize(r.out + "/dumps/midend.txt")
    r.run("-i", "{O}/quantized_model/quantized_model_manifest.json", "-o", "{D}/o2", "--set", "force_h_tiling=32",
          "--dump-after", "midend", "--set", "build_kernel=false", preexec_fn=file_size_limit(size - 1))
    r.expect(1, "TOP_LEVEL_LOWER_ERROR", "midend.txt")
    r.status("TOP_LEVEL_LOWER_ERROR", folder=r.path("o2"))


@case
def status_top_level_quantize(r):
    """--check cannot say what it found."""
    with open("/dev/full", "wb") as full, open(r.path("stderr"), "wb") as err:
        process = r.start("-i", "{M}/tiny.onnx", "-o", "{O}", "--check", "--log-level", "error", stdout=full, stderr=err)
        r.end(process)
    r.text = open(r.path("stderr"), encoding="utf-8").read()
    r.check(r.code == 1, "exit code %s" % r.code)
    report = r.status("TOP_LEVEL_QUANTIZE_ERROR")
    r.check("standard output" in report["message"], report["message"])


# ---- properties ----


@case
def compiler_mode(r):
    r.run(*TINY, "--set", "compiler_mode=quantize_only")
    r.expect(0)
    r.check(r.status("SUCCEEDED")["mode"] == "quantize_only" and "compiled_model" not in os.listdir(r.out), "quantize_only")
    r.run(*TINY[:2], "-o", "{D}/o2", "--set", "compiler_mode=lower_only")
    r.expect(2, "compiler_mode lower_only wants a quantized_model_manifest.json")
    r.run("-i", "{O}/quantized_model/quantized_model_manifest.json", "-o", "{D}/o3", "--set", "compiler_mode=lower_only")
    r.expect(0)
    r.check(r.report(r.path("o3"))["mode"] == "lower_only", "lower_only")


@case
def onnx_opset_version(r):
    """Every ONNX file that is written."""
    for opset in (17, 21):
        out = r.path("o%d" % opset)
        r.run("-i", "{M}/tiny.onnx", "-o", out, "--set", "onnx_opset_version=%d" % opset, "--set",
              "graph_cleaner_dump_full_opt_onnx=clean.onnx", "--set", "build_kernel=false")
        r.expect(0)
        for name in ("quantized_model/quantized_model.onnx", "clean.onnx"):
            found = onnx.load(os.path.join(out, name)).opset_import[0].version
            r.check(found == opset, "%s has opset %d" % (name, found))


@case
def model_name(r):
    r.run(*TINY, "--set", "model_name=my_net")
    r.expect(0)
    model = json.load(open(r.out + "/compiled_model/model.json"))
    r.check(model["model_name"] == model["entry_prefix"] == "my_net", model["model_name"])
    r.check("my_net_run_f32" in open(r.out + "/compiled_model/kernel_function.h").read(), "the header")
    r.run(r.out + "/compiled_model/model.json", "--frames", "1", "--json", program="axrunmodel")
    r.expect(0, '"my_net"')
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o2", "--set", "model_name=no identifier")
    r.check(r.code != 0 or json.load(open(r.path("o2", "compiled_model", "model.json")))["model_name"] == "no_identifier",
            "model_name is no identifier")


@case
def split_point(r):
    """graph_cleaner_node, _condition and _threshold choose the core's last node by its weights."""
    import numpy as np
    rng = np.random.default_rng(3)
    shapes = {"a": (16, 24), "b": (24, 40), "c": (40, 8)}
    nodes = [helper.make_node("Gemm", [x, "w" + y], [y], "gemm_" + y) for x, y in (("x", "a"), ("a", "b"), ("b", "c"))]
    save(r.path("g.onnx"), nodes, [("x", [1, 16])], [("c", [1, 8])],
         [("w" + k, rng.standard_normal(s).astype(np.float32)) for k, s in shapes.items()])

    def floats(name, *properties):
        r.run("-i", "{D}/g.onnx", "-o", "{D}/" + name, "--quantize-only",
              *[a for p in ("graph_cleaner_node=Gemm",) + properties for a in ("--set", p)])
        r.expect(0)
        return [n["name"] for n in json.load(open(r.path(name, "quantized_model", "report.json")))["float_nodes"]]

    size, first = "graph_cleaner_condition=maximum_weight_tensor_size", "graph_cleaner_condition=maximum_weight_tensor_first_dimension_size"
    r.check(floats("size", size) == ["gemm_c"], "by size")
    r.check(floats("first", first) == [], "by first dimension")
    r.check(floats("above", size, "graph_cleaner_threshold=959") == ["gemm_c"], "a threshold below the largest")
    r.check(floats("none", size, "graph_cleaner_threshold=1000000") == [], "a threshold that nothing exceeds")
    r.check(not os.path.exists(r.path("size", "compiled_model")), "--quantize-only")


@case
def names_at_the_ends(r):
    """The core's outputs are called the same in the core dump, in model.json and where the postprocess graph takes them."""
    model = with_ends(r.path("m.onnx"))
    for floats in ("true", "false"):
        folder = build(r, model, "o" + floats, "float_outputs=" + floats, "graph_cleaner_dump_core_onnx=core.onnx")
        names = [p["name"] for p in load(folder)["outputs"]]
        for path, ports in ((r.path("o" + floats, "core.onnx"), "output"), (folder + "/postprocess_graph.onnx", "input")):
            found = [p.name for p in getattr(onnx.load(path).graph, ports)]
            r.check(found == names, "%s: %s, model.json: %s" % (path, found, names))


@case
def ports_in_the_order_of_the_model(r):
    """Also where the nodes stand the other way round."""
    n = Net("crossed", [("first", [1, 2, 8, 8]), ("second", [1, 3, 8, 8])])
    a, b = n.conv("second", 3, 4), n.conv("first", 2, 4)
    model = n.save(r.path("m.onnx"), {b: ("one", [1, 4, 8, 8]), a: ("two", [1, 4, 8, 8])})
    for floats in ("true", "false"):
        said = load(build(r, model, "o" + floats, "float_outputs=" + floats))
        r.check([p["name"] for p in said["inputs"]] == ["first", "second"], said["inputs"])
        r.check([p["name"] for p in said["outputs"]] == ["one", "two"], said["outputs"])


@case
def pools_of_sizes(r):
    """l1_size_used and l2_size_used bind when they are set."""
    for pool in ("l1", "l2"):
        r.run(*TINY[:2], "-o", "{D}/" + pool, "--set", pool + "_size_used=64", "--set",
              "workspace_memory_pool=global." + pool, "--set", "io_memory_pool=global." + pool)
        r.expect(1, "LOWER_MIDEND_ERROR", pool + "_size_used")
        r.status("LOWER_MIDEND_ERROR", folder=r.path(pool))


def quantized(r, model, name, *properties):
    """quantized_model/report.json and .json of a run with these properties."""
    r.run("-i", model, "-o", "{D}/" + name, "--quantize-only", "--dataset-len", "10",
          *[a for p in properties for a in ("--set", p)])
    r.expect(0)
    return [json.load(open(r.path(name, "quantized_model", f))) for f in ("report.json", "quantized_model.json")]


@case
def observers(r):
    """Methods, percentile and scheme change the ranges as their names say."""
    ranges = {}
    for name, *properties in (("auto",), ("min_max", "calibration_method=min_max"), ("mse", "calibration_method=mse"),
                              ("p90", "calibration_method=percentile", "calibration_percentile=90"),
                              ("p99", "calibration_method=percentile", "calibration_percentile=99"),
                              ("scheme", "quantization_scheme=per_tensor_min_max")):
        report, _ = quantized(r, "{M}/tiny.onnx", name, *properties)
        ranges[name] = {t["name"]: t for t in report["tensors"] if "lo" in t}
    name = next(iter(ranges["auto"]))
    t = {k: v[name] for k, v in ranges.items()}

    def width(k):
        return t[k]["hi"] - t[k]["lo"]

    r.check(t["min_max"]["lo"] <= t["min_max"]["seen_min"] + 1e-6 and width("min_max") >= width("mse") > 0, t)
    r.check(width("p90") < width("p99") < width("min_max"), t)
    r.check(t["p90"]["clipped"] > t["p99"]["clipped"] >= t["min_max"]["clipped"] == 0, t)
    r.check(width("scheme") == width("min_max") and t["auto"] == t["mse"], t)


@case
def channels_of_depthwise(r):
    """Two properties give what a depthwise convolution reads a scale per channel."""
    _, plain = quantized(r, "{M}/wide.onnx", "plain")
    r.check(all(t["axis"] is None or t.get("offset") is not None for t in plain["tensors"]), "per channel by itself")
    for i, p in enumerate(("quantization_scheme=hybrid_per_tensor_per_channel", "quantize_dw_channel_wise=true")):
        _, model = quantized(r, "{M}/wide.onnx", "o%d" % i, p)
        found = [t["name"] for t in model["tensors"] if t["axis"] is not None and "offset" not in t]
        r.check(len(found) == 2, "%s: %s" % (p, found))


@case
def nodes_kept_in_float(r):
    report, _ = quantized(r, "{M}/wide.onnx", "plain")
    r.check(not any(n["name"] == "conv0_0" for n in report["float_nodes"]), report["float_nodes"])
    report, model = quantized(r, "{M}/wide.onnx", "kept", 'keep_float=["conv0_*", "nothing"]')
    kept = [n["name"] for n in report["float_nodes"] if n["op"] == "Conv"]
    r.check(sorted(kept) == ["conv0_0", "conv0_1", "conv0_2"], kept)
    report, _ = quantized(r, "{M}/tiny.onnx", "outputs")
    r.check(any(t["float_output"] for t in report["tensors"]), "float_outputs")
    report, _ = quantized(r, "{M}/tiny.onnx", "int8_outputs", "float_outputs=false")
    r.check(not any(t["float_output"] for t in report["tensors"]), "float_outputs=false")


@case
def arithmetic_simplification(r):
    """A multiplication is folded into the convolution in front of it, or is not."""
    import numpy as np
    save(r.path("m.onnx"), [helper.make_node("Conv", ["x", "w"], ["c"], "conv"), helper.make_node("Mul", ["c", "k"], ["y"], "mul")],
         [("x", [1, 2, 4, 4])], [("y", [1, 2, 4, 4])],
         [("w", np.ones((2, 2, 1, 1), np.float32)), ("k", np.array([[[2]], [[3]]], np.float32))])
    ops = {}
    for value in ("true", "false"):
        r.run("-i", "{D}/m.onnx", "-o", "{D}/" + value, "--quantize-only", "--set", "apply_arithmetic_simplification=" + value,
              "--set", "graph_cleaner_dump_full_opt_onnx=c.onnx")
        r.expect(0)
        ops[value] = [n.op_type for n in onnx.load(r.path(value, "c.onnx")).graph.node]
    r.check(ops["true"] == ["Conv"] and "Mul" in ops["false"], ops)


@case
def c_compiler_flags(r):
    """cc and cflags are what is started, without a shell."""
    r.write("my cc", '#!/bin/sh\nprintf "%s\\n" "$@" > "$(dirname "$0")/arguments"\nexec cc "$@"\n')
    os.chmod(r.path("my cc"), 0o755)
    r.run(*TINY, "--set", "cc=" + r.path("my cc"), "--set", "cflags=-O1 -DWORD=$(touch${IFS}gone)")
    r.expect(0)
    arguments = open(r.path("arguments")).read().split("\n")
    r.check("-O1" in arguments and "-DWORD=$(touch${IFS}gone)" in arguments, arguments)
    r.check("gone" not in str(list(os.walk(r.dir))), "a shell was involved")


@case
def verbose(r):
    """With -v an error also names the line of the compiler."""
    import re
    r.run("-i", "{M}/truncated.onnx", "-o", "{O}")
    r.check(not re.search(r"\.c:[0-9]+", r.text), r.text)
    r.run("-i", "{M}/truncated.onnx", "-o", "{D}/o2", "-v")
    r.check(re.search(r" at src/.*\.c:[0-9]+", r.text), "no line of the compiler: " + r.text)


@case
def progress(r):
    """A progress bar on a terminal, unless --no-progress; none into a pipe."""
    def on_terminal(*more):
        terminal, theirs = os.openpty()
        process = r.start("-i", "{M}/dynamic.onnx", "--input-shape", "1,3,96,96", "-o", "{D}/o%d" % len(more), "--quantize-only",
                          "--dataset-len", "3000", "--jobs", "1", *more, stderr=theirs)
        os.close(theirs)
        seen = b""
        try:
            while True:
                data = os.read(terminal, 65536)
                if not data:
                    break
                seen += data
        except OSError:  # the terminal's other end was closed
            pass
        r.end(process)
        os.close(terminal)
        return seen

    shown, hidden = on_terminal(), on_terminal("--no-progress")
    r.check(b"calibrate" in shown and b"/3000" in shown, shown[-300:])
    r.check(b"/3000" not in hidden, hidden[-300:])
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/piped", "--quantize-only")
    r.check("\r" not in r.text, "a progress bar in a pipe")


@case
def plan_attempts(r):
    """More orders tried give a smaller workspace: skips of different widths that cross."""
    import numpy as np
    nodes, weights, kept, x, c = [], [], [], "x", 4

    def conv(width):
        i = len(weights)
        weights.append(("w%d" % i, np.full((width, c, 1, 1), 0.1, np.float32)))
        nodes.append(helper.make_node("Conv", [x, "w%d" % i], ["c%d" % i], "conv%d" % i))
        return "c%d" % i

    for i, width in enumerate((32, 256, 64, 8, 128, 128)):
        x, c = conv(width), width
        if i % 2 == 0:
            kept.append((x, c))
    while len(kept) > 1:
        other, width = kept.pop(0)
        y = conv(width)
        nodes.append(helper.make_node("Add", [y, other], ["s" + y], "add" + y))
        x, c = "s" + y, width
    save(r.path("s.onnx"), nodes, [("x", [1, 4, 16, 16])], [(x, [1, c, 16, 16])], weights)
    size = {}
    for n in (1, 5):
        r.run("-i", "{D}/s.onnx", "-o", "{D}/o%d" % n, "--target", "c", "--set", "build_kernel=false", "--dataset-len", "1",
              "--set", "max_memplan_attempts=%d" % n)
        r.expect(0)
        size[n] = json.load(open(r.path("o%d" % n, "compiled_model", "report.json")))["workspace_bytes"]
    r.check(size[5] < size[1], size)
