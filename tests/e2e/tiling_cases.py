"""Rows of the table for tiling."""
import json
import os

from cases import case
from run_cases import files_of
from data_cases import npy


# ---- tiling ----


def compile_tiled(r, name, *properties, quantized=True):
    """Compiles wide.onnx with the properties into {D}/name, and runs it. Returns report, C text, output bytes."""
    source = "{D}/whole/quantized_model/quantized_model_manifest.json" if quantized else "{M}/wide.onnx"
    r.run("-i", source, "-o", "{D}/" + name, "--verify", "2", "--log-level", "DEBUG",
          *[a for p in properties for a in ("--set", p)])
    r.expect(0, "every byte equal")
    log = r.text
    folder = r.path(name, "compiled_model")
    npy_path = r.path("x.npy")
    if not os.path.exists(npy_path):
        values = [((i * 7919) % 1000) / 500 - 1 for i in range(8 * 32 * 32)]
        open(npy_path, "wb").write(npy((1, 8, 32, 32), values))
    r.run(folder + "/model.json", "--input", npy_path, "--output-dir", r.path(name, "y"), "--json", program="axrunmodel")
    r.expect(0)
    r.text = log
    outputs = [data for _, data in sorted(files_of(r.path(name, "y")).items())]
    r.check(outputs, "no outputs")
    return json.load(open(folder + "/report.json")), open(folder + "/kernel_function.c").read(), outputs


@case
def tiling(r):
    """Each tiling property changes the program and no byte of the outputs; weights are packed once."""
    whole, c, y = compile_tiled(r, "whole", quantized=False)
    deep, c_deep, y_deep = compile_tiled(r, "deep", "tiling_depth=6")
    r.expect(0, "depth-first tiling:", "bands:")
    r.check(deep["workspace_bytes"] < whole["workspace_bytes"] / 2,
            "workspace %d of %d" % (deep["workspace_bytes"], whole["workspace_bytes"]))
    r.check(deep["const_bytes"] == whole["const_bytes"], "the bands have weights of their own")
    rows, c_rows, y_rows = compile_tiled(r, "rows", "force_h_tiling=3")
    r.check(rows["steps"] == whole["steps"] + 2 * 7, "force_h_tiling: %d steps" % rows["steps"])
    r.check(rows["const_bytes"] == whole["const_bytes"], "the row tiles have weights of their own")
    channels, c_channels, y_channels = compile_tiled(r, "channels", "force_oc_tiling=2")
    r.expect(0, "force_oc_tiling: ")
    r.check(channels["steps"] > whole["steps"], "force_oc_tiling: %d steps" % channels["steps"])
    r.check(len({c, c_deep, c_rows, c_channels}) == 4, "two programs are the same")
    r.check(y == y_deep == y_rows == y_channels, "the outputs differ")


@case
def tiling_to_fit_a_budget(r):
    """A budget that only the tiled program fits: refused at depth 1, and when too few band counts may be tried."""
    whole = compile_tiled(r, "whole", quantized=False)[0]
    deep = compile_tiled(r, "deep", "tiling_depth=6")[0]
    budget = "ddr_constraint=%d" % (deep["workspace_bytes"] + deep["const_bytes"])
    r.check(deep["workspace_bytes"] < whole["workspace_bytes"], "nothing was tiled")
    source = "{D}/whole/quantized_model/quantized_model_manifest.json"
    r.run("-i", source, "-o", "{D}/o1", "--set", budget)
    r.expect(1, "LOWER_MIDEND_ERROR", "tiling_depth=6")
    r.run("-i", source, "-o", "{D}/o2", "--set", budget, "--set", "tiling_depth=6", "--set", "max_tiling_attempts=1")
    r.expect(1, "LOWER_MIDEND_ERROR")
    r.status("LOWER_MIDEND_ERROR", folder=r.path("o2"))
    fits = compile_tiled(r, "o3", budget, "tiling_depth=6")[0]
    r.check(fits["workspace_bytes"] == deep["workspace_bytes"], "workspace %d" % fits["workspace_bytes"])


@case
def refused_with_what_would_help(r):
    """The pool that is too small for inputs and outputs: they are given another home."""
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/io", "--set", "io_memory_pool=global.l1", "--set", "l1_constraint=100")
    r.expect(1, "bytes of l1 ", "; the workspace is fullest at ", "or set io_memory_pool=global.ddr", absent=["node: \n"])
