"""Rows of what the compiled network carries for the runtime: multicore modes, double buffering, file descriptors,
profiles, names. Each compiles, runs axrunmodel, and looks."""
import json
import os
import struct

from cases import case
from data_cases import npy

MODES = ("multiprocess", "multithread", "batch", "cooperative", "pipeline")
SHAPE = (1, 8, 32, 32)
FRAMES = 5


def compile_wide(r, name, *properties):
    """wide.onnx with the properties into {D}/name; from the quantized model of the first time."""
    first = not os.path.exists(r.path("first"))
    source = "{M}/wide.onnx" if first else "{D}/first/quantized_model/quantized_model_manifest.json"
    r.run("-i", source, "-o", "{D}/" + ("first" if first else name), *[a for p in properties for a in ("--set", p)])
    r.expect(0)
    if first and name != "first":
        return compile_wide(r, name, *properties)
    return r.path(name, "compiled_model")


def load(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as f:
        return json.load(f)


def text(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as f:
        return f.read()


def float_input(r):
    count = FRAMES * SHAPE[1] * SHAPE[2] * SHAPE[3]
    with open(r.path("x.npy"), "wb") as f:
        f.write(npy((FRAMES,) + SHAPE[1:], [((i * 7919) % 1009) / 500 - 1 for i in range(count)]))
    return r.path("x.npy")


def int8_input(r, tensor):
    """FRAMES frames of the int8 entry point's input as model.json describes it."""
    count = FRAMES
    for d in tensor["shape"]:
        count *= d
    header = "{'descr': '|i1', 'fortran_order': False, 'shape': %s, }" % str((FRAMES,) + tuple(tensor["shape"][1:]))
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(r.path("q.npy"), "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        f.write(bytes((i * 7919) % 251 for i in range(count)))
    return r.path("q.npy")


def run_model(r, folder, out, *args):
    """axrunmodel's report and the bytes of its output files."""
    r.run(folder + "/model.json", "--output-dir", r.path(out), "--json", *args, program="axrunmodel")
    r.expect(0)
    report = json.loads(r.text[r.text.index("{"):])
    data = {}
    for name in sorted(os.listdir(r.path(out))):
        with open(r.path(out, name), "rb") as f:
            data[name] = f.read()
    r.check(data, "no outputs")
    return report, data


@case
def multicore_modes(r):
    """Five modes on three cores: the same bytes of five frames through both entry points; what model.json,
    manifest.json, report.json, the C file and axrunmodel say of each."""
    folder = compile_wide(r, "first")
    x, q = float_input(r), int8_input(r, load(folder, "model.json")["inputs"][0])
    one = load(folder, "report.json")
    wanted = [run_model(r, folder, "y_%d" % k, "--input", data)[1] for k, data in enumerate((x, q))]
    r.check(load(folder, "model.json")["multicore_mode"] == "multiprocess", "the default mode")
    shape = load(folder, "manifest.json")["input_shapes"][0]
    for mode in MODES:
        folder = compile_wide(r, mode, "multicore_mode=" + mode, "aipu_cores_used=3")
        model, built = load(folder, "model.json"), load(folder, "report.json")
        r.check((model["multicore_mode"], model["cores"]) == (mode, 3), "model.json of " + mode)
        cooperative, batch = mode == "cooperative", mode == "batch"
        r.check(built["workspaces"] == (1 if cooperative else 3), "%s: %d workspaces" % (mode, built["workspaces"]))
        if not cooperative:
            r.check(built["workspace_bytes"] == 3 * one["workspace_bytes"], "workspace of " + mode)
        shapes = load(folder, "manifest.json")["input_shapes"]
        r.check(shapes == [[3 if batch else 1] + shape[1:]], "%s: %s" % (mode, shapes))
        r.check(("stage(" in text(folder, "kernel_function.h")) == (mode == "pipeline"), "stages in the header")
        r.check(("_NUM_STAGES 3" in text(folder, "kernel_function.h")) == (mode == "pipeline"), "NUM_STAGES")
        r.check((", 3, " in text(folder, "kernel_function.c").split("run_i8_0(struct")[1]) == cooperative, "pieces")
        for k, data in enumerate((x, q)):
            for options in ((), ("--no-double-buffer",))[:2 - k]:
                report, got = run_model(r, folder, "y%d_%s" % (k, mode), "--input", data, *options)
                r.check(got == wanted[k], "%s, %s: the outputs differ" % (mode, "int8" if k else "float"))
                r.check(report["frames"] == FRAMES and report["cores"] == 3, report)
                r.check(report["multicore_mode"] == mode, report)
                r.check(report["frames_per_run"] == (3 if batch else 1), report)
                r.check(report["workspace_bytes"] == built["workspace_bytes"], report)
                several = mode in ("multithread", "pipeline")
                r.check(report["double_buffer"] == (options != ("--no-double-buffer",) and not several), report)
                r.check((report["buffer_bytes"] > 0) == report["double_buffer"], report)
        for cores in ("1", "4"):
            r.check(run_model(r, folder, "y0_" + mode, "--input", x, "--aipu-cores", cores)[1] == wanted[0],
                    "%s on %s cores: the outputs differ" % (mode, cores))


@case
def multicore_budget(r):
    """The budget holds for the workspaces of all cores; in cooperative mode there is one."""
    folder = compile_wide(r, "first")
    one = load(folder, "report.json")
    budget = "ddr_constraint=%d" % (2 * one["workspace_bytes"] + one["const_bytes"])
    compile_wide(r, "two", budget, "aipu_cores_used=2")
    source = "{D}/first/quantized_model/quantized_model_manifest.json"
    r.run("-i", source, "-o", "{D}/three", "--set", budget, "--set", "aipu_cores_used=3")
    r.expect(1, "LOWER_MIDEND_ERROR", "use fewer cores", "%d too many" % one["workspace_bytes"])
    r.status("LOWER_MIDEND_ERROR", folder=r.path("three"))
    compile_wide(r, "together", budget, "aipu_cores_used=3", "multicore_mode=cooperative")


@case
def pipeline_without_enough_steps(r):
    r.run("-i", "{M}/tiny.onnx", "-o", "{O}", "--set", "multicore_mode=pipeline", "--aipu-cores", "200")
    r.expect(1, "LOWER_TIR_ERROR", "a pipeline of 200 stages")
    r.status("LOWER_TIR_ERROR", "use at most")


@case
def pipeline_compiles_for_others(r):
    """The stages called from a program without the runtime give what the entry point gives."""
    folder = compile_wide(r, "p", "multicore_mode=pipeline", "aipu_cores_used=4")
    name = load(folder, "model.json")["entry_prefix"]
    big = name.upper()
    r.write("main.c", """
#include "kernel_function.h"
#include <stdio.h>
#include <string.h>
static _Alignas(64) char consts[NAME_CONST_BYTES + 64], ws[2][NAME_WS_BYTES_DDR + 64];
static float x[8 * 32 * 32], y[2][16 * 8 * 8];
int main(int argc, char **argv)
{
	void *const a[3] = {ws[0], ws[0], ws[0]}, *const b[3] = {ws[1], ws[1], ws[1]};
	const void *in[] = {x};
	void *out[] = {y[0]}, *out_b[] = {y[1]};
	FILE *f = fopen(argv[argc - 1], "rb");
	if (!f || fread(consts, 1, NAME_CONST_BYTES, f) == 0)
		return 1;
	for (int i = 0; i < 8 * 32 * 32; i++)
		x[i] = (float)(i % 97) / 48.0f - 1.0f;
	if (name_run_f32(NULL, consts, a, in, out))
		return 2;
	for (int s = 0; s < NAME_NUM_STAGES; s++)
		if (name_run_f32_stage(NULL, consts, b, in, out_b, s))
			return 3;
	if (name_run_f32_stage(NULL, consts, b, in, out_b, NAME_NUM_STAGES) != -3)
		return 4;
	if (name_run_f32_stage(NULL, NULL, b, in, out_b, 0) != -1)
		return 5;
	return memcmp(y[0], y[1], sizeof y[0]) ? 6 : 0;
}
""".replace("NAME", big).replace("name_", name + "_"))
    done = r.start("-O1", "-Wall", "-Wextra", "-Werror", "-I", folder, r.path("main.c"), folder + "/kernel_function.c",
                   "-o", r.path("main"), program="/usr/bin/cc")
    r.end(done)
    r.expect(0)
    r.run(folder + "/pool_l2_const.bin", program=r.path("main"))
    r.expect(0)


@case
def descriptors(r):
    """input_dmabuf and output_dmabuf: axrunmodel passes memfds, and says so; the outputs are the same."""
    folder = compile_wide(r, "first")
    x = float_input(r)
    report, wanted = run_model(r, folder, "y", "--input", x)
    r.check(not report["input_dmabuf"] and not report["output_dmabuf"], report)
    folder = compile_wide(r, "both", "input_dmabuf=true", "output_dmabuf=true", "double_buffer=false")
    r.check(load(folder, "model.json")["runtime"] == {"double_buffer": False, "input_dmabuf": True, "output_dmabuf": True,
                                                      "profiling_drop_percentile": 0.25}, "model.json")
    for options in ((), ("--no-input-dmabuf",), ("--no-output-dmabuf",), ("--double-buffer",)):
        report, got = run_model(r, folder, "y2", "--input", x, *options)
        r.check(got == wanted, "the outputs differ: %s" % (options,))
        r.check(report["input_dmabuf"] == ("--no-input-dmabuf" not in options), report)
        r.check(report["output_dmabuf"] == ("--no-output-dmabuf" not in options), report)
        r.check(report["double_buffer"] == ("--double-buffer" in options), report)


@case
def double_buffer_off(r):
    folder = compile_wide(r, "off", "double_buffer=false")
    report, _ = run_model(r, folder, "y", "--frames", "3")
    r.check(not report["double_buffer"] and report["buffer_bytes"] == 0, report)


@case
def profile_drop(r):
    """Per-layer times over all calls; the share that is left out comes from the property."""
    for drop, name in ((0.25, "p1"), (0.5, "p2")):
        folder = compile_wide(r, name, "profiling_levels=[B]", "profiling_drop_percentile=%s" % drop)
        report, _ = run_model(r, folder, "y" + name, "--frames", "40", "--profile")
        r.check(report["profile"] == {"samples": 40, "drop": drop}, report.get("profile"))
        r.check(len(report["layers"]) > 5 and any(layer["us"] > 0 for layer in report["layers"]), report["layers"])
        r.run(folder + "/model.json", "--frames", "8", "--profile", program="axrunmodel")
        r.expect(0, "without %g %% at either end" % (drop * 50), "conv0_0")


@case
def names_left_out(r):
    """propagate_span_information=false: no node name of the model in compiled_model/; the same numbers."""
    folder = compile_wide(r, "first")
    x = float_input(r)
    wanted = run_model(r, folder, "y", "--input", x)[1]
    r.check("Conv conv0_1" in text(folder, "kernel_function.c"), "names in comments")
    folder = compile_wide(r, "unnamed", "propagate_span_information=false", "profiling_levels=[B]")
    for name in sorted(os.listdir(folder)):
        if not name.endswith((".so", ".bin", ".onnx")):
            for word in ("conv0_", "conv1_", "y0_1", "add0"):
                r.check(word not in text(folder, name), "%s: %s" % (name, word))
    layers = [layer["name"] for layer in load(folder, "model.json")["layers"]]
    r.check(any(layer.startswith("Conv_") for layer in layers), layers)
    report, got = run_model(r, folder, "y2", "--input", x, "--profile")
    r.check(got == wanted, "the outputs differ")
    r.check([layer["name"] for layer in report["layers"]] == layers, "names of the profile")
    r.check(load(folder, "model.json")["inputs"][0]["name"] == "x", "the input's name")
    budget = ("-i", "{D}/first/quantized_model/quantized_model_manifest.json", "--set", "ddr_constraint=64")
    r.run(*budget, "-o", "{D}/e1")
    r.expect(1, "node: ", absent=("node: Conv_",))
    r.run(*budget, "-o", "{D}/e2", "--set", "propagate_span_information=false")
    r.expect(1, "node: ", absent=("node: conv", "node: add", "node: pool"))
