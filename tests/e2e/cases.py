"""The table of command-line cases. A simple row is one command and what must come of it; a row that needs
more is a function that gets a Row (run.py)."""
import json
import os
import pty
import re
import signal
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CASES = []


class Case:
    def __init__(self, name, run, needs_models=True):
        self.name, self.run, self.needs_models = name, run, needs_models


def row(name, args, code, *texts, status=None, absent=(), needs_models=True):
    """One command: its arguments ({O} output directory, {M} test models, {D} the row's folder), the exit
    code, texts that the output must have, the status in the report (None: no directory is made)."""

    def run(r):
        r.run(*args)
        r.expect(code, *texts, absent=absent)
        if status:
            r.status(status)
        else:
            r.check(not os.path.exists(r.out), "the output directory was made")

    CASES.append(Case(name, run, needs_models))


def case(function):
    CASES.append(Case(function.__name__, function))
    return function


TINY = ["-i", "{M}/tiny.onnx", "-o", "{O}"]

# ---- options ----

row("help", ["--help"], 0, "usage: compile", "--imageset DIR", "(default: RGB)", needs_models=False)
row("help_short", ["-h"], 0, "usage: compile", needs_models=False)
row("version", ["--version"], 0, "axcompile ", needs_models=False)
row("no_input", [], 2, "INITIALIZE_CLI_ERROR", "-i FILE is missing", "usage:", needs_models=False)
row("no_output", ["-i", "{M}/tiny.onnx"], 2, "-o DIR is missing", "usage:")
row("unknown_option", TINY + ["--imageste", "x"], 2, "there is no option '--imageste'", "did you mean --imageset?")
row("unknown_option_value", TINY + ["--quantise-only=1"], 2, "did you mean --quantize-only?")
row("unknown_short", TINY + ["-z"], 2, "there is no option '-z'")
row("stray_argument", ["{M}/tiny.onnx"], 2, "unexpected argument", "the network is given as -i FILE")
row("missing_value", ["-i", "{M}/tiny.onnx", "-o"], 2, "-o wants a value: -o DIR")
row("missing_value_before_option", ["-i", "--output", "{O}"], 2, "-i wants a value")
row("flag_with_value", TINY + ["--quantize-only=yes"], 2, "--quantize-only takes no value, found 'yes'")
row("bad_integer", TINY + ["--dataset-len", "many"], 2, "--dataset-len wants an integer from 1", "found 'many'")
row("integer_out_of_range", TINY + ["--jobs=0"], 2, "--jobs wants an integer from 1 to 256, found '0'")
row("bad_choice", TINY + ["--color-format", "CMYK"], 2, "--color-format wants RGB, BGR or GRAY, found 'CMYK'")
row("bad_log_level", TINY + ["--log-level", "LOUD"], 2, "--log-level wants TRACE, DEBUG, INFO, WARNING or ERROR")
row("bad_dump_stage", TINY + ["--dump-after", "lunch"], 2, "--dump-after wants import, clean")
row("control_characters", TINY + ["--\x1b[31m"], 2, "\\x1b", absent=["\x1b"])

# ---- configuration ----

row("set_without_value", TINY + ["--set", "cal_seed"], 2, "--set wants KEY=VALUE, found 'cal_seed'",
    status="INITIALIZE_CLI_ERROR")
row("set_unknown", TINY + ["--set", "tilling_depth=2"], 2, 'there is no property "tilling_depth"',
    'did you mean "tiling_depth"?', status="INITIALIZE_CLI_ERROR")
row("set_out_of_range", TINY + ["--set", "aipu_cores_used=0"], 2,
    'the property "aipu_cores_used" is an integer from 1 to 256, found 0', status="INITIALIZE_CLI_ERROR")
row("unknown_target", TINY + ["--target", "x86-64-v9"], 2, "there is no target 'x86-64-v9'", "did you mean x86-64-v3?",
    status="INITIALIZE_CLI_ERROR")
row("conf_missing", TINY + ["--conf", "{D}/nix.json"], 2, "cannot open the configuration", "nix.json",
    status="INITIALIZE_CLI_ERROR")
row("images_and_data", TINY + ["--imageset", "a", "--calibration-data", "b"], 2, "exclude each other",
    status="INITIALIZE_CLI_ERROR")


def conf_row(name, text, *texts):
    def run(r):
        r.write("conf.json", text)
        r.run(*TINY, "--conf", "{D}/conf.json")
        r.expect(2, *texts)
        r.status("INITIALIZE_CLI_ERROR")

    CASES.append(Case(name, run))


conf_row("conf_not_json", '{\n  "target": c\n}', "conf.json:2:13: not valid JSON: expected a value, found 'c'")
conf_row("conf_truncated", '{"target": "c"', "conf.json:1:15: not valid JSON", "the end of the file")
conf_row("conf_no_object", "[1]", "a configuration is an object, found a list")
conf_row("conf_unknown_key", '{\n\n  "quantisation_scheme": "per_tensor_min_max"}', "conf.json:3:3",
         'did you mean "quantization_scheme"?')
conf_row("conf_wrong_type", '{"build_kernel": 1}', 'the property "build_kernel" is true or false, found an integer, 1')
conf_row("conf_wrong_range", '{"resources_used": 1.5}', "a number above 0.0, at most 1.0, found 1.5")
conf_row("conf_wrong_enum", '{"precision": "int4"}', 'found "int4"', 'did you mean "int8"?')
conf_row("conf_duplicate", '{"target": "c",\n "target": "c"}', "conf.json:2:2", "a second time")
conf_row("conf_version", '{"format_version": 2}', '"format_version" must be 1')


@case
def generate_config(r):
    """All properties of the reference with their defaults, and ours; not replaced when edited."""
    r.run("--generate-config", "{D}/gc")
    r.expect(0)
    path = r.path("gc", "default_conf.json")
    conf = json.load(open(path))
    r.check(list(conf)[0] == "format_version", "format_version is not first")
    r.check(conf["target"] == "host" and conf["keep_float"] == [] and conf["cal_seed"] is None, "our defaults")
    r.check(len(conf) == 1 + 93 + 10, "%d keys" % len(conf))
    reference = os.path.join(r.shared, "reference", "config_properties.json")
    if os.path.exists(reference):
        for p in json.load(open(reference))["properties"]:
            r.check(p["name"] in conf and conf[p["name"]] == p["default"], p["name"])
    r.run("--generate-config", "{D}/gc")
    r.expect(0)
    conf["cal_seed"] = 3
    json.dump(conf, open(path, "w"))
    r.run("--generate-config", "{D}/gc")
    r.expect(2, "exists and differs", "--overwrite replaces it")
    r.check(json.load(open(path)) == conf, "it was replaced")
    r.run("--generate-config", "{D}/gc", "--overwrite")
    r.expect(0)
    r.check(json.load(open(path))["cal_seed"] is None, "it was not replaced")
    r.check(os.listdir(r.path("gc")) == ["default_conf.json"], "more files")


@case
def generate_config_unwritable(r):
    r.write("file", "")
    r.run("--generate-config", "{D}/file/gc")
    r.expect(2, "cannot create the directory")


# ---- input ----

row("input_missing", ["-i", "{D}/nix.onnx", "-o", "{O}"], 2, "INITIALIZE_CLI_ERROR", "cannot open the model",
    "nix.onnx", "No such file", status="INITIALIZE_CLI_ERROR")
row("input_is_a_directory", ["-i", "{D}/../x.onnx", "-o", "{O}"], 2, status="INITIALIZE_CLI_ERROR")
row("input_of_no_known_kind", ["-i", "{D}/picture.jpg", "-o", "{O}"], 2, "neither an .onnx file nor",
    status="INITIALIZE_CLI_ERROR")
row("not_onnx", ["-i", "{M}/not_onnx.onnx", "-o", "{O}"], 1, "ONNX_GRAPH_CLEANER_ERROR", "not_onnx.onnx",
    status="ONNX_GRAPH_CLEANER_ERROR")
row("empty_file", ["-i", "{M}/empty.onnx", "-o", "{O}"], 1, "empty.onnx", status="ONNX_GRAPH_CLEANER_ERROR")
row("truncated", ["-i", "{M}/truncated.onnx", "-o", "{O}"], 1, "truncated.onnx", status="ONNX_GRAPH_CLEANER_ERROR")
row("unknown_operator", ["-i", "{M}/unknown_op.onnx", "-o", "{O}"], 1, "Frobnicate", "node: act",
    status="ONNX_GRAPH_CLEANER_ERROR")
row("unknown_domain", ["-i", "{M}/unknown_domain.onnx", "-o", "{O}"], 1, "my.domain",
    status="ONNX_GRAPH_CLEANER_ERROR")
row("dynamic_not_given", ["-i", "{M}/dynamic.onnx", "-o", "{O}"], 1, "'H'", "--input-shape",
    status="ONNX_GRAPH_CLEANER_ERROR")
row("shape_of_wrong_rank", TINY + ["--input-shape", "1,3,8"], 1, "1,3,8", status="ONNX_GRAPH_CLEANER_ERROR")
row("shape_of_unknown_input", TINY + ["--input-shape", "z:1,3,8,8"], 1, "'z'", status="ONNX_GRAPH_CLEANER_ERROR")

# ---- the whole way, and what it leaves ----

QUANTIZED = ["quantized_model.bin", "quantized_model.json", "quantized_model.onnx", "quantized_model.txt",
             "quantized_model_manifest.json", "report.json"]
COMPILED = ["kernel_function.c", "kernel_function.h", "kernel_function.so", "manifest.json", "model.json",
            "pool_l2_const.bin", "quantized_model.json", "report.json"]
TOP = ["cli_args.json", "compilation_log.txt", "compilation_report.json", "compiled_model", "conf.json", "input_model",
       "quantized_model"]


def files_of(folder):
    return {os.path.relpath(os.path.join(d, f), folder): open(os.path.join(d, f), "rb").read()
            for d, _, names in os.walk(folder) for f in names}


def same_files(r, a, b, *below):
    for part in below:
        x, y = files_of(os.path.join(a, part)), files_of(os.path.join(b, part))
        r.check(sorted(x) == sorted(y), "%s: %s and %s" % (part, sorted(x), sorted(y)))
        for name in x:
            r.check(x[name] == y[name], "%s/%s differs" % (part, name))


@case
def tree(r):
    """Every artifact is there, the report lists all files with size, and nothing is left over."""
    r.run(*TINY, "--verify", "3")
    r.expect(0, "random numbers", "verified: 3 samples")
    report = r.status("SUCCEEDED")
    r.check(sorted(os.listdir(r.out)) == TOP, sorted(os.listdir(r.out)))
    r.check(sorted(os.listdir(r.out + "/quantized_model")) == QUANTIZED, os.listdir(r.out + "/quantized_model"))
    r.check(sorted(os.listdir(r.out + "/compiled_model")) == COMPILED, os.listdir(r.out + "/compiled_model"))
    files = files_of(r.out)
    listed = {f["path"]: f for f in report["files"]}
    r.check(sorted(listed) == sorted(files), "listed: %s" % sorted(listed))
    for name, f in listed.items():
        r.check(f["bytes"] is None or f["bytes"] == len(files[name]), "size of " + name)
    r.check(files["input_model/fp32_model.onnx"] == open(r.model("tiny.onnx"), "rb").read(), "copy of the model")
    r.check(report["verify"] == {"samples": 3, "equal": True, "skipped": False, "note": None}, report["verify"])
    r.check(report["calibration"]["random_data"] is True and report["calibration"]["samples"] == 100, "calibration")
    r.check(any("random numbers" in w for w in report["warnings"]), "no warning about random data")
    r.check([s["stage"] for s in report["time"]["stages"]][:3] == ["start", "import", "clean"], "stages")
    r.check(all(s["peak_bytes"] > 0 for s in report["time"]["stages"]), "peak memory")
    for manifest in ("quantized_model/quantized_model_manifest.json", "compiled_model/manifest.json"):
        r.check(len(json.loads(files[manifest])) == 17, "keys of " + manifest)


@case
def program_is_also_axcompile(r):
    r.run(*TINY, program="axcompile")
    r.expect(0)
    r.status("SUCCEEDED")


@case
def two_runs_are_equal(r):
    """Also with another number of jobs, another working directory and a locale with decimal commas."""
    r.run(*TINY)
    r.expect(0)
    os.mkdir(r.path("elsewhere"))
    env = dict(r.env, LC_ALL="de_DE.UTF-8", LANG="de_DE.UTF-8")
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/out2", "--jobs", "3", cwd=r.path("elsewhere"), env=env)
    r.expect(0)
    same_files(r, r.out, r.path("out2"), "input_model", "quantized_model", "compiled_model")
    r.check(open(r.out + "/conf.json").read() == open(r.path("out2", "conf.json")).read(), "conf.json differs")
    a, b = r.report(), r.report(r.path("out2"))
    del a["time"], b["time"]
    r.check(a == b, "the reports differ")


@case
def quantize_only_then_compile(r):
    """The two-step way gives the same bytes as the one-step way, in one directory and in another."""
    r.run(*TINY)
    r.expect(0)
    r.run("-i", "{M}/tiny.onnx", "--quantize-only", "-o", "{D}/two")
    r.expect(0)
    two = r.path("two")
    r.check("compiled_model" not in os.listdir(two), "compiled_model after --quantize-only")
    manifest = "{D}/two/quantized_model/quantized_model_manifest.json"
    r.run("-i", manifest, "-o", "{D}/three")
    r.expect(0)
    r.status("SUCCEEDED", folder=r.path("three"))
    r.run("-i", manifest, "-o", "{D}/two")
    r.expect(0)
    r.status("SUCCEEDED", folder=two)
    same_files(r, r.out, two, "input_model", "quantized_model", "compiled_model")
    same_files(r, r.out, r.path("three"), "input_model", "quantized_model", "compiled_model")
    r.run("-i", manifest, "-o", "{D}/two")
    r.expect(2, "is not empty")
    r.run("-i", manifest, "-o", "{D}/two", "--overwrite")
    r.expect(0)
    same_files(r, r.out, two, "input_model", "quantized_model", "compiled_model")


@case
def manifest_alone(r):
    """quantized_model/ is relocatable; without input_model/ beside it the report says so."""
    r.run("-i", "{M}/tiny.onnx", "--quantize-only", "-o", "{O}")
    r.expect(0)
    os.rename(r.out + "/quantized_model", r.path("moved"))
    r.run("-i", "{D}/moved/quantized_model_manifest.json", "-o", "{D}/o2")
    r.expect(0)
    r.check("input_model" not in os.listdir(r.path("o2")), "input_model")
    r.check(any("input_model" in n for n in r.report(r.path("o2"))["notes"]), "no note")


@case
def quantize_only_with_manifest(r):
    r.run("-i", "{M}/tiny.onnx", "--quantize-only", "-o", "{O}")
    r.expect(0)
    r.run("-i", "{O}/quantized_model/quantized_model_manifest.json", "--quantize-only", "-o", "{D}/o2")
    r.expect(2, "quantized already")
    r.status("INITIALIZE_CLI_ERROR", folder=r.path("o2"))


@case
def damaged_quantized_model(r):
    r.run("-i", "{M}/tiny.onnx", "--quantize-only", "-o", "{O}")
    r.expect(0)
    manifest = "{O}/quantized_model/quantized_model_manifest.json"
    path = r.out + "/quantized_model/quantized_model.bin"
    data = bytearray(open(path, "rb").read())
    data[len(data) // 2] ^= 1
    open(path, "wb").write(data)
    r.run("-i", manifest, "-o", "{D}/o2")
    r.expect(1, "quantized_model.bin")
    r.status("TVM_FRONTEND_ERROR", folder=r.path("o2"))
    open(path, "wb").write(data[:-1])
    r.run("-i", manifest, "-o", "{D}/o3")
    r.expect(1, "quantized_model.bin")
    r.status("TVM_FRONTEND_ERROR", folder=r.path("o3"))
    r.write("other.json", "{}")
    r.run("-i", "{D}/other.json", "-o", "{D}/o4")
    r.expect(1, "other.json")
    r.status("TVM_FRONTEND_ERROR", folder=r.path("o4"))


@case
def external_data(r):
    r.run("-i", "{M}/external.onnx", "-o", "{O}")
    r.expect(0)
    r.check(sorted(os.listdir(r.out + "/input_model")) == ["fp32_model.onnx", "weights.bin"], "input_model")


@case
def batch_taken_as_one(r):
    r.run("-i", "{M}/batch.onnx", "-o", "{O}")
    r.expect(0, "'N'")


@case
def input_shape_forms(r):
    for i, shape in enumerate(("1,3,12,10", "x:1,3,12,10", "H=12,W=10")):
        out = r.path("o%d" % i)
        r.run("-i", "{M}/dynamic.onnx", "--input-shape", shape, "--quantize-only", "-o", out)
        r.expect(0)
        manifest = json.load(open(out + "/quantized_model/quantized_model_manifest.json"))
        r.check(manifest["input_shapes_original"] == [[1, 3, 12, 10]], manifest["input_shapes_original"])


@case
def hostile_names(r):
    """Node names made of comment ends, trigraphs, newlines and escape sequences compile, harmlessly."""
    r.run("-i", "{M}/hostile.onnx", "-o", "{O}", "--verify", "2", "--log-level", "TRACE")
    r.expect(0, absent=["\x1b"])
    r.status("SUCCEEDED")
    text = open(r.out + "/compiled_model/kernel_function.c", encoding="ascii").read()
    r.check("*/ int x" not in text and "??/" not in text and "\x1b" not in text and "\n#error" not in
            text.replace("\n#error \"", ""), "a hostile name is in the C file")
    r.check("\x1b" not in open(r.out + "/compilation_log.txt").read(), "an escape sequence is in the log")


@case
def dump_after(r):
    r.run(*TINY, "--dump-after", "all")
    r.expect(0)
    names = ["calibrate", "clean", "frontend", "import", "midend", "program", "quantize"]
    files = os.listdir(r.out + "/dumps")
    r.check(sorted(f for f in files if f.endswith(".txt")) == [n + ".txt" for n in names], files)
    r.check(all(os.path.getsize("%s/dumps/%s.txt" % (r.out, n)) for n in names), "an empty dump")
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o2", "--dump-after=CLEAN")
    r.expect(0)
    r.check(sorted(os.listdir(r.path("o2", "dumps"))) in (["clean.bin", "clean.txt"], ["clean.txt"]), "--dump-after clean")
    for name in ("import", "clean", "quantize", "frontend"): # constants and all: each comes back as it is
        dump = os.path.join(r.out, "dumps", name + ".txt")
        r.run("-o", "{D}/blob", dump, program="axc-pass")
        r.expect(0)
        r.check(r.text == open(dump, encoding="utf-8").read(), "axc-pass prints another graph than " + name)
    r.check(os.path.exists(r.out + "/dumps/clean.bin"), "no constants beside the dump")


@case
def check(r):
    r.run("-i", "{M}/tiny.onnx", "--check")
    r.expect(0, "Conv", "MACs", "It can be compiled")
    r.check(os.listdir(r.dir) == [], "--check wrote something")
    r.run("-i", "{M}/unknown_op.onnx", "--check")
    r.expect(1, "Frobnicate")
    r.run("-i", "{M}/many_mistakes.onnx", "--check")
    r.expect(1, "Frobnicate", "node: stride (MaxPool)", "node: axis (Softmax)", "node: perm (Transpose)", absent=["behind"])
    r.run("-i", "{M}/tiny.onnx", "--check", "-o", "{O}")
    r.expect(0)
    r.check(r.status("SUCCEEDED")["mode"] == "check", "mode")
    r.check(sorted(os.listdir(r.out)) == ["cli_args.json", "compilation_log.txt", "compilation_report.json", "conf.json"],
            os.listdir(r.out))


@case
def verify_off(r):
    r.run(*TINY, "--verify", "0")
    r.expect(0, "not verified")
    r.check(r.status("SUCCEEDED")["verify"]["skipped"] is True, "verify")


@case
def build_kernel_off(r):
    """Without a C compiler the C file alone can be had."""
    os.mkdir(r.path("bin"))
    r.run(*TINY, "--set", "build_kernel=false", env=dict(r.env, PATH=r.path("bin")))
    r.expect(0)
    r.check("kernel_function.so" not in os.listdir(r.out + "/compiled_model"), "it was built")


@case
def precision_float32(r):
    r.run(*TINY, "--set", "precision=float32", "--verify", "2")
    r.expect(0, "verified: 2 samples")
    r.check(r.status("SUCCEEDED")["coverage"]["int8_macs"] == 0, "int8 MACs")


@case
def no_c_compiler(r):
    os.mkdir(r.path("bin"))
    started = time.time()
    r.run(*TINY, env=dict(r.env, PATH=r.path("bin")))
    r.expect(1, "no C compiler on PATH", "--set build_kernel=false")
    report = r.status("TIR_TO_RUNTIME_ERROR")
    r.check(report["calibration"] is None and time.time() - started < 30, "it calibrated first")
    r.check("quantized_model" not in os.listdir(r.out), "quantized_model/ was made")


@case
def c_compiler_not_found(r):
    r.run(*TINY, "--set", "cc=/nix/gcc")
    r.expect(1, "/nix/gcc")
    r.status("TIR_TO_RUNTIME_ERROR")


@case
def c_compiler_fails(r):
    r.write("badcc", "#!/bin/sh\necho this compiler is broken >&2\nexit 1\n")
    os.chmod(r.path("badcc"), 0o755)
    r.run(*TINY, "--set", "cc=" + r.path("badcc"))
    r.expect(1, "this compiler is broken")
    r.status("TIR_TO_RUNTIME_ERROR")


@case
def budget_refused(r):
    r.run(*TINY, "--set", "ddr_constraint=64")
    r.expect(1, "LOWER_MIDEND_ERROR")
    r.status("LOWER_MIDEND_ERROR")


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


# ---- cli_args.json and conf.json ----


@case
def cli_args_round_trip(r):
    r.run(*TINY, "--set", "cal_seed=5", "--dataset-len", "7", "--target", "c", "--color-format", "bgr", "--overwrite")
    r.expect(0)
    args = json.load(open(r.out + "/cli_args.json"))
    r.check(args["set"] == ["cal_seed=5"] and args["dataset_len"] == 7 and args["target"] == "c" and
            args["color_format"] == "BGR" and args["overwrite"] is True and args["quantize_only"] is None and
            args["input"] == r.model("tiny.onnx") and args["output"] == r.out, args)
    r.check(not {"check", "help", "version", "cli_args", "generate_config"} & set(args), "keys that are never stored")
    r.run("--cli-args", "{O}/cli_args.json", "--output", "{D}/o2")
    r.expect(0)
    same_files(r, r.out, r.path("o2"), "quantized_model", "compiled_model")
    r.check(open(r.out + "/conf.json").read() == open(r.path("o2", "conf.json")).read(), "conf.json")
    r.run("--cli-args", "{O}/cli_args.json")
    r.expect(2, "is not empty")  # overwrite is not taken over


@case
def cli_args_precedence(r):
    r.write("a.json", '{"precision": "float32", "cal_seed": 1, "cflags": "-O1"}')
    r.write("b.json", '{"cal_seed": 2}')
    r.run(*TINY, "--quantize-only", "--conf", "{D}/a.json", "--set", "cal_seed=3", "--target", "c")
    r.expect(0)
    stored = "{O}/cli_args.json"

    def conf(name, *args):
        r.run("--cli-args", stored, "-o", "{D}/" + name, *args)
        r.expect(0)
        return json.load(open(r.path(name, "conf.json")))

    c = conf("o1")
    r.check((c["precision"], c["cal_seed"], c["target"]) == ("float32", 3, "c"), "stored values")
    c = conf("o2", "--set", "cal_seed=4", "--set", "target=x86-64-v3")
    r.check((c["precision"], c["cal_seed"], c["target"]) == ("float32", 4, "x86-64-v3"), "--set given now")
    c = conf("o3", "--conf", "{D}/b.json")
    r.check((c["precision"], c["cal_seed"], c["cflags"]) == ("int8", 2, "") and c["target"] != "c", "--conf given now")
    c = conf("o4", "--cal-seed", "9", "--no-quantize-only")
    r.check(c["cal_seed"] == 9 and os.path.exists(r.path("o4", "compiled_model")), "--no-quantize-only")


@case
def cli_args_wrong(r):
    for text, message in (('{"inptu": "x"}', 'did you mean "input"?'), ('{"jobs": "many"}', '"jobs" must be an integer'),
                          ('{"color_format": "CMYK"}', "RGB, BGR or GRAY"), ("[", "not valid JSON"),
                          ('{\n "set": ["cal_seed=1",\n  "foo=1"]}', 'args.json:3:3: there is no property "foo"'),
                          ('{"set": ["cal_seed=x"]}', 'args.json:1:10: the property "cal_seed" is an integer'),
                          ('{"set": ["cal_seed"]}', 'args.json:1:10: "set" is a list of KEY=VALUE, found'), ('{"set": [1]}', "list of texts")):
        r.write("args.json", text)
        r.run("--cli-args", "{D}/args.json", *TINY)
        r.expect(2, "INITIALIZE_CLI_ERROR", message, absent=["--set: "])
    for name in ("help", "check", "version", "cli_args", "generate_config"):
        r.write("args.json", '{"%s": true}' % name)
        r.run("--cli-args", "{D}/args.json", *TINY)
        r.expect(2, 'args.json:1:2: the option "%s" is never taken from a file' % name, absent=["did you mean"])
    r.write("args.json", '{"hepl": true, "set": ["cal_seed=1"]}')
    r.run("--cli-args", "{D}/args.json", *TINY)
    r.expect(2, 'no option "hepl"', absent=["did you mean"])
    r.write("args.json", '{"set": ["cal_seed=1"]}')
    r.run("--cli-args", "{D}/args.json", *TINY, "--set", "foo=1")
    r.expect(2, '--set: there is no property "foo"', absent=["args.json"])


@case
def conf_reproduces(r):
    r.run(*TINY, "--set", "calibration_method=min_max", "--set", "float_outputs=false")
    r.expect(0)
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o2", "--conf", "{O}/conf.json")
    r.expect(0)
    same_files(r, r.out, r.path("o2"), "quantized_model", "compiled_model")
    r.check(open(r.out + "/conf.json").read() == open(r.path("o2", "conf.json")).read(), "conf.json")


# every property that describes hardware which CPUs lack, with a value that is not its default
HARDWARE = {
    "rewrite_concat_to_resadd": False, "host_processes_used": 2, "pipeline_spatial_tiles": False,
    "pipeline_channel_tiles": False, "inter_operator_async": False, "use_list_scheduler": True,
    "unroll_prologue_epilogue": True, "use_hw_tokens": False, "group_ifdw_tasks": True, "dfs_search_constraint": 1,
    "split_buffer_promotion": True, "l1_size_reserved": 524289, "l1_virtual_address": 206175207425,
    "l1_core0_physical_address": 402653185, "l2_size_reserved": 1245185, "l2_size_reserved_tasklist": 1048577,
    "ddr_size_reserved": 33554433, "use_sysdma": True, "ignore_weight_buffers": False, "dma_dual_channel": False,
    "dpu_constants_home": "global.ddr", "dpu_instructions_home": "l2", "dwpu_instructions_home": "l2",
    "page_memory": False, "elf_in_ddr": False, "stream_tasklist": False, "mvm_utilization_limit": 0.5,
    "enable_icr": False, "icrx_force": 0, "icrx_parallel_block_threshold": 1, "icrx_max_factor": 2,
    "enable_swicr": False, "imc_double_buffer_pipeline": True, "imc_double_buffer_sequential": True,
    "dpu_allocation_algorithm": "graph", "compiler_dir": "/x", "frequency": 20000000, "runtime_dir": "/x",
    "device_dir": "/x"
}


@case
def hw_properties_warn(r):
    """Each warns once and changes nothing."""
    documented = open(os.path.join(ROOT, "docs", "config.md"), encoding="utf-8").read().split("\n")
    names = {line.split("`")[1] for line in documented if "Effect: none" in line}
    r.check(names == set(HARDWARE), "without a row here: %s; no longer without effect: %s" %
            (names - set(HARDWARE), set(HARDWARE) - names))
    r.write("hw.json", json.dumps(HARDWARE))
    r.run(*TINY, "--conf", "{D}/hw.json")
    r.expect(0)
    warnings = [w for w in r.report()["warnings"] if "has no effect on the target" in w]
    for name in HARDWARE:
        r.check(len([w for w in warnings if "property %s=" % name in w]) == 1, "warnings of " + name)
    r.check(len(warnings) == len(HARDWARE), warnings)
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/plain")
    r.expect(0)
    for name in ("kernel_function.c", "pool_l2_const.bin"):
        r.check(open(r.path("out", "compiled_model", name), "rb").read() ==
                open(r.path("plain", "compiled_model", name), "rb").read(), "another " + name)


@case
def what_is_not_used_is_told(r):
    r.run(*TINY, "--color-format", "BGR", "--imreader-backend", "PIL", "--set", 'keep_float=["nosuch"]', "--set",
          "graph_cleaner_node=MatMul")
    r.expect(0, "--color-format is not used without --imageset", "--imreader-backend is not used",
             "no node of the cleaned network matches 'nosuch'", "no node of the operator 'MatMul'")
    r.run("-i", "{O}/quantized_model/quantized_model_manifest.json", "-o", "{D}/lower", "--input-shape", "1,3,4,4",
          "--set", "precision=float32", "--set", "calibration_method=min_max")
    r.expect(0, "--input-shape is not used", "the property precision is not used", "calibration_method is not used")
    r.write("c.json", '{\n  "target": "z80"\n}')
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o3", "--conf", "{D}/c.json")
    r.expect(2, "c.json:2:3: there is no target 'z80'; there are host, c")


@case
def log_levels(r):
    r.run(*TINY, "-q")
    r.expect(0)
    r.check(r.text == "", "-q printed: " + r.text)
    r.check(" DEBUG " in open(r.out + "/compilation_log.txt").read(), "the log lacks DEBUG")
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o2", "--log-level", "warning")
    r.expect(0, "warning: ", absent=["verified"])
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o3", "--log-level=DEBUG")
    r.expect(0, "debug: ")


# ---- the output directory ----


@case
def output_not_empty(r):
    os.mkdir(r.out)
    r.write("out/mine.txt", "mine")
    r.run(*TINY)
    r.expect(2, "INITIALIZE_CLI_ERROR", "is not empty")
    r.check(os.listdir(r.out) == ["mine.txt"], "something was written")


@case
def output_with_default_conf(r):
    r.run("--generate-config", "{O}")
    r.run(*TINY, "--conf", "{O}/default_conf.json")
    r.expect(0)
    r.check(os.path.exists(r.out + "/default_conf.json"), "default_conf.json is gone")


@case
def output_is_a_file(r):
    r.write("out", "")
    r.run(*TINY)
    r.expect(2, "is a file, not a directory")


@case
def output_below_a_file(r):
    r.write("file", "")
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/file/out")
    r.expect(2, "cannot create the directory")


@case
def output_not_writable(r):
    if os.geteuid() != 0:
        os.mkdir(r.out)
        os.chmod(r.out, 0o555)
        r.run(*TINY)
        r.expect(2, "cannot write into the output directory")
    else:  # root may write anywhere but here
        r.run("-i", "{M}/tiny.onnx", "-o", "/proc/axcompile-out")
        r.expect(2, "INITIALIZE_CLI_ERROR", "cannot create the directory", "/proc/axcompile-out")


@case
def overwrite(r):
    """Removes what the earlier run wrote, and nothing else."""
    r.run(*TINY, "--dump-after=all")
    r.expect(0)
    r.write("out/mine.txt", "mine")
    r.write("out/dumps/mine.txt", "mine")
    r.run(*TINY, "--quantize-only")
    r.expect(2, "is not empty", "--overwrite")
    r.run(*TINY, "--quantize-only", "--overwrite")
    r.expect(2, "dumps/mine.txt", "no earlier run made")
    os.rename(r.out + "/dumps/mine.txt", r.path("mine.txt"))
    r.run(*TINY, "--quantize-only", "--overwrite")
    r.expect(0)
    r.check(sorted(os.listdir(r.out)) == sorted(set(TOP) - {"compiled_model"} | {"mine.txt"}), os.listdir(r.out))
    r.check(open(r.out + "/mine.txt").read() == "mine", "mine.txt")


@case
def overwrite_keeps_all_when_the_input_is_bad(r):
    r.run(*TINY)
    r.expect(0)
    before = files_of(r.out + "/compiled_model")
    r.run("-i", "{M}/truncated.onnx", "-o", "{O}", "--overwrite")
    r.expect(1)
    r.check(files_of(r.out + "/compiled_model") == before, "compiled_model/ was touched")
    r.check(any(f["path"] == "compiled_model/model.json" for f in r.report()["earlier_files"]), "earlier_files")
    r.run(*TINY, "--overwrite", "--quantize-only")
    r.expect(0)
    r.check("compiled_model" not in os.listdir(r.out), "compiled_model/ is still there")


@case
def overwrite_is_not_led_astray(r):
    """A report that names files elsewhere removes nothing there."""
    r.run(*TINY, "--quantize-only")
    r.expect(0)
    r.write("precious.txt", "keep")
    os.mkdir(r.path("linked"))
    r.write("linked/precious.txt", "keep")
    os.symlink(r.path("linked"), r.out + "/link")
    report = r.report()
    for path in ("../precious.txt", r.path("precious.txt"), "link/precious.txt", "a/../../precious.txt"):
        report["files"].append({"path": path, "bytes": 4, "hash": "0"})
    json.dump(report, open(r.out + "/compilation_report.json", "w"))
    r.run(*TINY, "--overwrite")
    r.check(os.path.exists(r.path("precious.txt")) and os.path.exists(r.path("linked", "precious.txt")), "it is gone")


@case
def foreign_artifacts(r):
    """--overwrite without an earlier report does not write over artifacts of unknown origin."""
    os.makedirs(r.out + "/compiled_model")
    r.write("out/compiled_model/precious.bin", "mine")
    r.run(*TINY, "--overwrite")
    r.expect(2, "compiled_model/precious.bin", "no earlier run made")
    r.check(os.listdir(r.out) == ["compiled_model"], "something was written")


@case
def remove_output_dir(r):
    r.run(*TINY)
    r.expect(0)
    r.run(*TINY, "--set", "remove_output_dir=true", "--quantize-only")
    r.expect(0)
    r.check("compiled_model" not in os.listdir(r.out), "compiled_model/ is still there")
    r.write("out/mine.txt", "mine")
    r.run(*TINY, "--set", "remove_output_dir=true")
    r.expect(2, "mine.txt")


@case
def output_dir_property(r):
    r.run("-i", "{M}/tiny.onnx", "--set", "output_dir=" + r.out, "--quantize-only")
    r.expect(0)
    r.status("SUCCEEDED")


@case
def two_at_once(r):
    """The second compile into one directory is told so, and the first is not disturbed."""
    r.write("cc", "#!/bin/sh\nsleep 3\nexec cc \"$@\"\n")
    os.chmod(r.path("cc"), 0o755)
    first = r.start(*TINY, "--set", "cc=" + r.path("cc"))
    deadline = time.time() + 60
    while not os.path.exists(r.out + "/quantized_model") and time.time() < deadline:
        time.sleep(0.05)
    r.run(*TINY, "--overwrite")
    r.expect(2, "another compile is writing")
    r.end(first)
    r.expect(0)
    r.status("SUCCEEDED")


@case
def lock_held_for_a_moment(r):
    """What remains of a killed compile holds the directory a little longer: waited for."""
    import fcntl
    import threading
    os.mkdir(r.out)
    held = os.open(r.out, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    timer = threading.Timer(0.4, os.close, [held])
    timer.start()
    r.run(*TINY, "--quantize-only")
    timer.join()
    r.expect(0)
    r.status("SUCCEEDED")


@case
def odd_paths(r):
    """Blanks, quotes, newlines, UTF-8 and leading dashes in paths."""
    folder = r.path("-a 'b\" $(c)\n\u00e4")
    os.mkdir(folder)
    data = open(r.model("tiny.onnx"), "rb").read()
    open(os.path.join(folder, "-m ;x.onnx"), "wb").write(data)
    r.run("-i", "-m ;x.onnx", "-o", "-o 'ut", cwd=folder)
    r.expect(0)
    r.status("SUCCEEDED", folder=os.path.join(folder, "-o 'ut"))


# ---- calibration data ----


def make_images(r, n=4):
    """Small grey PPM pictures: every reader knows them, and the script needs no library."""
    os.makedirs(r.path("pictures", "sub"), exist_ok=True)
    for i in range(n):
        data = bytes((i * 40 + k * 7) % 256 for k in range(10 * 9 * 3))
        name = ("pictures/%d.ppm" if i % 2 else "pictures/sub/%d.ppm") % i
        open(r.path(name), "wb").write(b"P6 10 9 255\n" + data)
    return r.path("pictures")


def have(*modules):
    return subprocess.call(["/usr/bin/python3", "-c", "import " + ", ".join(modules)],
                           stderr=subprocess.DEVNULL) == 0


def image_case(*modules):
    def wrap(function):
        def run(r):
            if not have("numpy", *modules):
                r.skip("/usr/bin/python3 lacks numpy or " + ", ".join(modules))
            make_images(r)
            function(r)

        CASES.append(Case(function.__name__, run))
        return function

    return wrap


IMAGES = TINY + ["--imageset", "{D}/pictures", "--python", "/usr/bin/python3"]
TRANSFORM = """
import numpy as np
def get_preprocess_transform(image):
    x = np.asarray(image.resize((8, 8)), np.float32).transpose(2, 0, 1) / 255
    %s
"""


@image_case("PIL")
def images_without_transform(r):
    r.run(*IMAGES, "--verify", "2")
    r.expect(0, "--transform", "verified: 2 samples")
    report = r.status("SUCCEEDED")
    r.check(report["calibration"] == {"samples": 4, "skipped_files": 0, "random_data": False}, report["calibration"])


@image_case("PIL")
def images_with_transform(r):
    r.write("t.py", TRANSFORM % "return x")
    r.write("pictures/notes.txt", "not a picture")
    r.run(*IMAGES, "--transform", "{D}/t.py", "--jobs", "2")
    r.expect(0, "1 ")
    report = r.status("SUCCEEDED")
    r.check(report["calibration"]["samples"] == 4 and report["calibration"]["skipped_files"] == 1, report["calibration"])
    r.check(any("skip" in w or "not" in w for w in report["warnings"]), "no warning about the skipped file")


@image_case("PIL")
def images_do_not_depend_on_jobs(r):
    r.write("t.py", TRANSFORM % "return x")
    r.run(*IMAGES, "--transform", "{D}/t.py", "--jobs", "1")
    r.expect(0)
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o2", "--imageset", "{D}/pictures", "--transform", "{D}/t.py", "--jobs", "3",
          "--python", "/usr/bin/python3")
    r.expect(0)
    same_files(r, r.out, r.path("o2"), "quantized_model", "compiled_model")


def transform_row(name, body, *texts, option="{D}/t.py"):
    def run(r):
        r.write("t.py", body)
        r.run(*IMAGES, "--transform", option)
        r.expect(1, "QTOOLS_ERROR", *texts)
        r.status("QTOOLS_ERROR")

    run.__name__ = name
    image_case("PIL")(run)


transform_row("transform_raises", TRANSFORM % "raise ValueError('no such luck')", "no such luck", ".ppm", "Traceback")
transform_row("transform_wrong_shape", TRANSFORM % "return x[:, :5]", ".ppm", "3x5x8")
transform_row("transform_not_an_array", TRANSFORM % "return 'hello'", ".ppm")
transform_row("transform_syntax_error", "def (:\n", "SyntaxError")
transform_row("transform_import_error", "import nosuchmodule\n", "nosuchmodule")
transform_row("transform_function_missing", TRANSFORM % "return x", "other", option="{D}/t.py:other")
transform_row("transform_file_missing", "", "nix.py", option="{D}/nix.py")
transform_row("transform_killed", TRANSFORM % "import os; os.kill(os.getpid(), 9)", ".ppm", "signal 9")
transform_row("transform_exits", TRANSFORM % "import os; os._exit(3)", ".ppm")


@case
def imageset_missing(r):
    r.run(*TINY, "--imageset", "{D}/nix")
    r.expect(1, "nix")
    r.status("QTOOLS_ERROR")


@image_case("PIL")
def progress_on_a_terminal(r):
    """Count, rate and time left in every stage that reads samples; nothing of it without a terminal."""
    r.write("t.py", "import time\n" + TRANSFORM % "time.sleep(0.15)\n    return x")
    args = IMAGES + ["--transform", "{D}/t.py", "--jobs", "1"]
    terminal, inside = pty.openpty()
    process = r.start(*args, stderr=inside)
    os.close(inside)
    text = b""
    try:
        while part := os.read(terminal, 4096):
            text += part
    except OSError: # its other end is closed
        pass
    os.close(terminal)
    r.end(process)
    r.expect(0)
    for stage in (b"calibrate", b"quantize"):
        r.check(re.search(stage + rb" \[#* *\] \d+/\d+  \d+\.\d/s  \d+ s left", text), "no progress in %s" % stage)
    r.run(*args, "--overwrite")
    r.expect(0, absent=["s left"])


@case
def imageset_empty(r):
    os.mkdir(r.path("empty"))
    r.run(*TINY, "--imageset", "{D}/empty")
    r.expect(1, "QTOOLS_ERROR", "empty")
    r.status("QTOOLS_ERROR")


@image_case("PIL")
def imageset_only_text(r):
    os.mkdir(r.path("texts"))
    for i in range(3):
        r.write("texts/%d.txt" % i, "no picture")
    r.run(*TINY, "--imageset", "{D}/texts", "--python", "/usr/bin/python3")
    r.expect(1, "QTOOLS_ERROR", "texts")
    r.status("QTOOLS_ERROR")


@image_case("PIL")
def python_missing(r):
    r.run(*IMAGES[:-1], "{D}/nix/python3")
    r.expect(1, "nix/python3")
    r.status("QTOOLS_ERROR")


def npy(shape, values):
    import struct
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }" % (shape,)
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack("<%df" % len(values), *values)


@case
def calibration_data(r):
    n = 3 * 3 * 8 * 8
    open(r.path("d.npy"), "wb").write(npy((3, 3, 8, 8), [((i * 37) % 101) / 50 - 1 for i in range(n)]))
    r.run(*TINY, "--calibration-data", "{D}/d.npy")
    r.expect(0)
    report = r.status("SUCCEEDED")
    r.check(report["calibration"] == {"samples": 3, "skipped_files": 0, "random_data": False}, report["calibration"])


@case
def calibration_data_wrong_shape(r):
    open(r.path("d.npy"), "wb").write(npy((3, 5), [0.0] * 15))
    r.run(*TINY, "--calibration-data", "{D}/d.npy")
    r.expect(1, "QTOOLS_ERROR", "d.npy")
    r.status("QTOOLS_ERROR")


@case
def seeds(r):
    """cal_seed changes random data; the same seed gives the same bytes."""
    for out, args in (("a", []), ("b", ["--cal-seed", "0"]), ("c", ["--cal-seed", "7"]), ("d", ["--set", "cal_seed=7"])):
        r.run("-i", "{M}/tiny.onnx", "-o", "{D}/" + out, "--quantize-only", "--dataset-len", "5", *args)
        r.expect(0)
    same_files(r, r.path("a"), r.path("b"), "quantized_model")
    same_files(r, r.path("c"), r.path("d"), "quantized_model")
    r.check(files_of(r.path("a", "quantized_model")) != files_of(r.path("c", "quantized_model")), "the seed has no effect")


# ---- ends that nobody wants ----


def interrupt_row(name, number):
    def run(r):
        r.write("t.py", "import time\n" + TRANSFORM % "time.sleep(30); return x")
        process = r.start(*IMAGES, "--transform", "{D}/t.py", "--jobs", "2")
        deadline = time.time() + 60
        while time.time() < deadline:
            try:
                if r.report()["stage"] == "calibrate":
                    break
            except (OSError, ValueError):
                pass
            time.sleep(0.05)
        time.sleep(1)
        process.send_signal(number)
        r.end(process, timeout=20)
        r.expect(128 + number, "interrupted by " + signal.Signals(number).name)
        report = r.status("QTOOLS_ERROR", "interrupted by " + signal.Signals(number).name)
        r.check(report["stage"] == "calibrate", report["stage"])

    run.__name__ = name
    image_case("PIL")(run)


interrupt_row("sigint_during_calibration", signal.SIGINT)
interrupt_row("sigterm_during_calibration", signal.SIGTERM)


@case
def sigint_while_building(r):
    """The C compiler and what it started end too, its temporary files go."""
    r.write("cc", "#!/bin/sh\nsleep 60 &\necho > $TMPDIR/left-over.s\nwait\n")
    os.chmod(r.path("cc"), 0o755)
    process = r.start(*TINY, "--set", "cc=" + r.path("cc"))
    deadline = time.time() + 60
    while time.time() < deadline and not any("left-over" in f for _, _, n in os.walk(r.dir) for f in n):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    r.end(process, timeout=20)
    r.expect(130, "interrupted by SIGINT")
    r.status("TIR_TO_RUNTIME_ERROR")
    r.check("left-over" not in str(list(os.walk(r.dir))), "the C compiler's temporary file is left")


@case
def killed(r):
    """After SIGKILL of everything the report is there, unfinished, and --overwrite cleans up."""
    r.write("cc", "#!/bin/sh\nsleep 60\n")
    os.chmod(r.path("cc"), 0o755)
    process = r.start(*TINY, "--set", "cc=" + r.path("cc"))
    deadline = time.time() + 60
    while time.time() < deadline and not any(".compiled_model.tmp-" in n for n in (
            os.listdir(r.out) if os.path.isdir(r.out) else [])):
        time.sleep(0.05)
    time.sleep(0.3)
    process.kill()
    r.end(process, timeout=20)
    for _ in range(100):
        try:
            if r.report()["finished"] is False:
                break
        except ValueError:
            pass
        time.sleep(0.05)
    r.check(r.report()["finished"] is False, "the report says finished")
    for pid in r.processes():
        os.kill(pid, signal.SIGKILL)
    r.run(*TINY)
    r.expect(2, "--overwrite")
    r.run(*TINY, "--overwrite")
    r.expect(0)
    r.check(sorted(os.listdir(r.out)) == TOP, os.listdir(r.out))


@case
def full_disk(r):
    """A small tmpfs in a mount namespace of its own; skipped where that is not permitted."""
    mount = r.path("small")
    os.mkdir(mount)
    inner = ('mount -t tmpfs -o size=%s tmpfs "$1" || exit 99; shift; "$0" "$@"; code=$?; '
             'cat "$KEEP/out/compilation_report.json" > "$KEEP.json"; ls -aR "$KEEP" > "$KEEP.ls"; exit $code')
    env = dict(r.env, KEEP=mount)
    seen = set()
    for size in ("16k", "24k", "28k", "32k", "40k", "48k"):
        r.run("-m", "sh", "-c", inner % size, os.path.join(r.bin, "compile"), mount, "-i", "{M}/tiny.onnx", "-o",
              "{D}/small/out", program="/usr/bin/unshare", env=env)
        if r.code in (99, 1) and ("permi" in r.text.lower() and "tmpfs" in r.text or "unshare" in r.text):
            r.skip("mounting is not permitted here")
        if r.code == 0:
            continue
        r.check("No space left" in r.text, "no word of the full disk at " + size)
        r.check(r.code in (1, 2), "exit code %s" % r.code)
        listing = open(mount + ".ls").read()
        r.check(".tmp-" not in listing, "temporary files at %s: %s" % (size, listing))
        r.check("compiled_model" not in listing, "compiled_model/ at " + size)
        text = open(mount + ".json").read()
        if text:
            seen.add(json.loads(text)["status"])
    r.check(seen - {"INITIALIZE_CLI_ERROR"}, "no size filled the disk behind the start: %s" % seen)


# ---- documents made from the tables ----


@case
def documents(r):
    r.run("config", program="axc-doc")
    r.expect(0)
    wanted = open(os.path.join(ROOT, "docs", "config.md"), encoding="utf-8").read()
    r.check(r.text == wanted, "docs/config.md is not what `axc-doc config` prints")
    r.run("man", program="axc-doc")
    r.expect(0, ".TH COMPILE 1", "\\-\\-quantize\\-only")
    r.run("axrunmodel-man", program="axc-doc")
    r.expect(0, ".TH AXRUNMODEL 1", "\\-\\-throttle\\-fps")
    for program, name in (("zsh", "compile axcompile"), ("axrunmodel-zsh", "axrunmodel")):
        r.run(program, program="axc-doc")
        r.expect(0, "#compdef " + name, "_arguments")
        if os.path.exists("/usr/bin/zsh"):
            r.write("_completion", r.text)
            r.run("-n", "_completion", program="/usr/bin/zsh")
            r.expect(0)
    r.run("nonsense", program="axc-doc")
    r.expect(2, "usage: axc-doc")


@case
def bash_completion(r):
    """The words that the function offers for the last word of a line as bash splits it."""
    for name in ("bash", "axrunmodel-bash"):
        r.run(name, program="axc-doc")
        r.expect(0)
        r.write(name, r.text)
    rows = [("axcompile", "compile --set aipu", "aipu_cores_used="),
            ("axcompile", "compile --set multicore_mode = coo", "cooperative"),
            ("axcompile", "compile --set = build_kernel = ''", "true false"),
            ("axcompile", "compile --color-format = G", "GRAY"), ("axcompile", "compile --imreader-backend P", "PIL"),
            ("axcompile", "compile --target x86", "x86-64-v3 x86-64-avx512vnni"), ("axcompile", "compile -j ''", ""),
            ("axcompile", "compile -o ''", ""), ("axcompile", "compile --no-ov", "--no-overwrite"),
            ("axrunmodel", "axrunmodel m.json --io ''", "float int8"),
            ("axrunmodel", "axrunmodel m.json --show-h", "--show-histogram")]
    script = "source ./bash; source ./axrunmodel-bash; compopt() { :; }\n"
    for function, line, _ in rows:
        script += "COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _%s; echo \"${COMPREPLY[*]}\"\n" % (line, function)
    r.write("ask", script)
    r.run("ask", program="/bin/bash")
    r.expect(0)
    for (_, line, wanted), found in zip(rows, r.text.split("\n")):
        r.check(found == wanted, "%s: %s, wanted %s" % (line, found, wanted))


@case
def wrong_command_leaves_an_earlier_run_alone(r):
    r.run("-i", "{M}/tiny.onnx", "--quantize-only", "-o", "{O}")
    r.expect(0)
    before = r.report()
    manifest = ["-i", "{O}/quantized_model/quantized_model_manifest.json", "-o", "{O}"]
    r.run(*manifest, "--quantize-only")
    r.expect(2, "is quantized already")
    r.run(*manifest, "--set", "tiling_depht=3", "--overwrite")
    r.expect(2, "did you mean")
    r.check(r.report() == before, "the report of the earlier run is another")
    r.run(*manifest)
    r.expect(0)


@case
def trace_passes(r):
    r.run(*TINY, "--set", "trace_tvm_passes=true")
    r.expect(0)
    passes = json.load(open(r.out + "/pass_dependency_graph.json"))["passes"]
    names = {p["pass"]: p for p in passes}
    r.check(names["calibrate"]["parent"] == "compile" and any(p["parent"] == "clean" for p in passes), names.keys())
    r.check(all(p["time"]["start_ms"] <= p["time"]["end_ms"] for p in passes), "an end before a start")
    r.check("pass_dependency_graph.json" in [f["path"] for f in r.report()["files"]], "not listed")


@case
def cleaned_model(r):
    r.run(*TINY, "--set", "graph_cleaner_dump_full_opt_onnx=clean.onnx")
    r.expect(0)
    r.check(os.path.getsize(r.out + "/clean.onnx") > 100, "clean.onnx")
    r.run("-i", "{O}/clean.onnx", "-o", "{D}/o2")
    r.expect(0)
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o3", "--set", "graph_cleaner_dump_full_opt_onnx=../x.onnx")
    r.expect(2, "INITIALIZE_CLI_ERROR", "must be a file name")


def zipped(r, *out):
    """The members of a run's error_artifact.zip."""
    import zipfile
    with zipfile.ZipFile(os.path.join(*(out or (r.out,)), "error_artifact.zip")) as z:
        r.check(z.testzip() is None, "a damaged member")
        return {name: z.read(name) for name in z.namelist()}


@case
def error_artifact(r):
    """What a failed run knows in one ZIP, the weights replaced."""
    r.run(*TINY, "--set", "save_error_artifact=true", "--set", "ddr_constraint=64")
    r.expect(1, "error_artifact.zip")
    report = r.status("LOWER_MIDEND_ERROR")
    r.check("error_artifact.zip" in [f["path"] for f in report["files"]], "not listed")
    z = zipped(r)
    r.check(sorted(z) == ["cli_args.json", "compilation_log.txt", "compilation_report.json", "conf.json", "model.onnx",
                          "program.txt", "quantized_model.txt"], z.keys())
    r.check(json.loads(z["compilation_report.json"])["status"] == "LOWER_MIDEND_ERROR", "its report")
    open(r.path("again.onnx"), "wb").write(z["model.onnx"])
    r.run("-i", "{D}/again.onnx", "-o", "{D}/o2")
    r.expect(0)
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o3", "--set", "save_error_artifact=true", "--set", "ddr_constraint=64",
          "--set", "randomize_onnx_model=false")
    z = zipped(r, r.path("o3"))
    r.check(z["model.onnx"] == open(r.model("tiny.onnx"), "rb").read(), "the model itself")
    r.check(b" int32 [4] data {" in z["quantized_model.txt"], "the biases of the model itself")


@case
def error_artifact_has_no_weights(r):
    """Slopes, biases, factors of one element: nothing of them is in any file; what a Resize does stays."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    rng = np.random.default_rng(3)
    secret = {"w": rng.standard_normal((4, 3, 3, 3)), "b": rng.standard_normal(4), "s": rng.uniform(0.1, 0.4, (4, 1, 1)),
              "f": np.array([0.7431]), "ones": np.full(4, 1.625), "v": rng.standard_normal((2, 4, 1, 1))}
    kept = {"scales": np.array([1, 1, 2, 2], np.float32), "shape": np.array([1, -1])}
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
             helper.make_node("PRelu", ["c", "s"], ["p"]), helper.make_node("Mul", ["p", "f"], ["m"]),
             helper.make_node("Resize", ["m", "", "scales"], ["u"], mode="nearest"),
             helper.make_node("Conv", ["u", "v"], ["k"]), helper.make_node("Sigmoid", ["k"], ["g"]),
             helper.make_node("Reshape", ["g", "shape"], ["y"]), helper.make_node("Softplus", ["m"], ["sp"]),
             helper.make_node("Gemm", ["q", "gw", "ones"], ["z"], transB=1),
             helper.make_node("GlobalAveragePool", ["sp"], ["ga"]), helper.make_node("Flatten", ["ga"], ["q"])]
    nodes = nodes[:8] + nodes[9:] + [nodes[8]]
    secret["gw"] = rng.standard_normal((4, 4))
    weights = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in secret.items()]
    weights += [numpy_helper.from_array(v, k) for k, v in kept.items()]
    graph = helper.make_graph(nodes, "secret", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
                              [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in "yz"], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="the producer")
    model.ir_version = 8
    onnx.save(model, r.path("m.onnx"))
    r.run("-i", "{D}/m.onnx", "-o", "{O}", "--set", "save_error_artifact=true", "--set", "ddr_constraint=64",
          "--set", "precision=int8")
    r.expect(1, "error_artifact.zip")
    z = zipped(r)
    text = z["quantized_model.txt"].decode()
    data = [line for line in text.splitlines() if line.startswith("value ") and " data " in line]
    r.check(len(data) > 5 and all(" data ..." in line or " int64 " in line for line in data), data)
    r.check(all("scale ..." in line for line in data if " scale " in line), data)
    r.check(" int64 [2] data {1," in text, "shapes")
    random = {i.name: numpy_helper.to_array(i) for i in onnx.load_from_string(z["model.onnx"]).graph.initializer}
    there = np.concatenate([v.ravel() for v in random.values() if v.dtype == np.float32])
    for name, value in secret.items():
        r.check(not np.isin(value.astype(np.float32), there).any(), name + " is in model.onnx")
        for number in value.astype(np.float32).ravel():
            r.check(not any(("%.6g" % number).encode() in member for member in z.values()), name + " is told")
    r.check(any(np.array_equal(v, kept["scales"]) for v in random.values()), "the scales of the Resize")
    r.check(b"the producer" in z["compilation_report.json"], "the producer")
    open(r.path("again.onnx"), "wb").write(z["model.onnx"])
    r.run("-i", "{D}/again.onnx", "-o", "{D}/o2")
    r.expect(0)


def nothing_private(r, z, *words):
    for name, member in z.items():
        for word in (r.dir, r.dir.replace(" ", "\\x20"), r.models, "axc e2e", os.path.expanduser("~"), "/usr/") + words:
            r.check(word.encode() not in member, "%s has %s" % (name, word))


@image_case("PIL")
def error_artifact_is_not_private(r):
    """Paths as base names; of the user's Python only types, lines and the file's name."""
    r.write("my \u00e4 tf.py", TRANSFORM % "print('printed'); raise ValueError('confided ' + __file__)  # a source line")
    os.rename(r.path("pictures", "1.ppm"), r.path("pictures", "0 holiday.ppm"))
    r.run(*IMAGES, "--transform", "{D}/my \u00e4 tf.py", "--set", "save_error_artifact=true", "--conf", r.write("c.json", "{}"))
    r.expect(1, "confided", "holiday", "a source line")
    z = zipped(r)
    nothing_private(r, z, "confided", "printed", "holiday", "a source line")
    report = json.loads(z["compilation_report.json"])
    r.check(report["traceback"] == 'Traceback (most recent call last):\n  File "my \u00e4 tf.py", line 5, in '
            "get_preprocess_transform\nValueError\n", report["traceback"])
    r.check(report["message"] == "image '*.ppm': the transform failed: ValueError", report["message"])
    args = json.loads(z["cli_args.json"])
    r.check((args["input"], args["imageset"], args["python"], args["conf"]) ==
            ("tiny.onnx", "pictures", "python3", "c.json"), args)
    r.check(b"the transform failed: ValueError\n" in z["compilation_log.txt"], "the log")
    r.write("k.py", TRANSFORM % "import os; os.write(2, b'confided\\n'); os.kill(os.getpid(), 9)")
    r.run(*IMAGES, "--transform", "{D}/k.py", "--set", "save_error_artifact=true", "--overwrite")
    r.expect(1, "confided", "signal 9")
    nothing_private(r, zipped(r), "confided", "holiday")


@case
def error_artifact_compiler(r):
    """The compiler's command is in its message: without directories, the node's name as it is."""
    r.write("cc", "#!/bin/sh\necho \"failed: $0 $* /model.22/Concat\" >&2\nexit 1\n")
    os.chmod(r.path("cc"), 0o755)
    r.run(*TINY, "--set", "save_error_artifact=true", "--set", "cc=" + r.path("cc"), "--set", "cflags=-I/usr/include/secret",
          "--set", "model_debug_save_dir={D}/debug dir")
    r.expect(1)
    r.status("TIR_TO_RUNTIME_ERROR")
    z = zipped(r)
    nothing_private(r, z)
    message = json.loads(z["compilation_report.json"])["message"]
    r.check("failed: cc " in message and "-Isecret" in message and " /model.22/Concat" in message and
            re.search(r" \.compiled_model\.tmp-\d+/kernel_function\.c ", message), message)
    conf = json.loads(z["conf.json"])
    r.check((conf["cc"], conf["cflags"], conf["model_debug_save_dir"]) == ("cc", "-Isecret", "debug dir"), conf)


@case
def killed_at_random_moments(r):
    """SIGKILL at any moment leaves a directory that --overwrite cleans up."""
    import random
    rng = random.Random(5)
    started = time.time()
    r.run(*TINY)
    r.expect(0)
    whole = time.time() - started
    for _ in range(20):
        process = r.start(*TINY, "--overwrite")
        time.sleep(rng.uniform(0, whole))
        process.kill()
        r.end(process, timeout=60)
        deadline = time.time() + 20
        while r.processes() and time.time() < deadline:
            for pid in r.processes():
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        r.report()
    r.run(*TINY, "--overwrite")
    r.expect(0)
    r.status("SUCCEEDED")
    r.check(sorted(os.listdir(r.out)) == TOP, os.listdir(r.out))


@case
def out_of_memory(r):
    """An address space that the network does not fit into: a clean end in whatever stage it happens."""
    import resource
    if b"__asan_init" in open(os.path.join(r.bin, "compile"), "rb").read():
        r.skip("AddressSanitizer needs the address space itself")
    seen = set()
    for megabytes in (20, 40, 60, 90, 150):
        limit = megabytes << 20
        r.run("-i", "{M}/dynamic.onnx", "--input-shape", "1,3,1500,1500", "-o", "{D}/o%d" % megabytes, "--jobs", "1",
              "--dataset-len", "2", "--quantize-only",
              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        if r.code == 0:
            continue
        r.check(r.code in (1, 2) and ("memory" in r.text or "Cannot allocate" in r.text), "at %d MB" % megabytes)
        report = r.report(r.path("o%d" % megabytes))
        r.check(report["finished"] and report["message"], "the report at %d MB" % megabytes)
        seen.add(report["stage"])
    r.check(seen & {"calibrate", "quantize", "export"}, "memory never ran out behind the import: %s" % seen)


# ---- the commands of the Compiler CLI page, as they stand there, into one directory where the page does so ----


@image_case("PIL", "cv2", "torch")
def page_sequences(r):
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/basic")
    r.expect(0)
    r.run("--generate-config", "{O}")
    r.expect(0)
    r.run("-i", "{M}/tiny.onnx", "--conf", "{O}/default_conf.json", "-o", "{O}")
    r.expect(0)
    same_files(r, r.path("basic"), r.out, "quantized_model", "compiled_model")
    r.run("--generate-config", "{D}/two")
    r.run("-i", "{M}/tiny.onnx", "--conf", "{D}/two/default_conf.json", "--quantize-only", "-o", "{D}/two")
    r.expect(0)
    r.run("-i", "{D}/two/quantized_model/quantized_model_manifest.json", "-o", "{D}/two")
    r.expect(0)
    same_files(r, r.out, r.path("two"), "quantized_model", "compiled_model")
    r.run("-i", "{M}/dynamic.onnx", "--input-shape", "1,3,24,24", "-o", "{D}/dynamic")
    r.expect(0)
    r.write("preprocess_transform.py", """
import numpy as np
import torch
def get_preprocess_transform(image: np.ndarray) -> torch.Tensor:
    assert image.shape == (9, 10, 3) and image.dtype == np.uint8
    return torch.from_numpy(image[:8, :8].astype(np.float32) / 255)
""")
    r.run("-i", "{M}/nhwc.onnx", "--input-shape", "1,8,8,3", "--imageset", "{D}/pictures", "--transform",
          "{D}/preprocess_transform.py", "--input-data-layout", "NHWC", "--color-format", "BGR", "--imreader-backend",
          "OPENCV", "--python", "/usr/bin/python3", "-o", "{D}/images")
    r.expect(0)
    report = r.status("SUCCEEDED", folder=r.path("images"))
    r.check(report["calibration"]["samples"] == 4, report["calibration"])
    r.run("-i", "{M}/nhwc.onnx", "--cli-args", "{D}/images/cli_args.json", "--output", "{D}/new")
    r.expect(0)
    same_files(r, r.path("images"), r.path("new"), "quantized_model", "compiled_model")


@case
def quantization_debug(r):
    """Every layer's tensors in float32 and as quantized, readable with numpy."""
    import numpy
    r.run(*TINY, "--set", "quantization_debug=true")
    r.expect(0)
    files = os.listdir(r.out + "/quantization_debug/sample_2")
    r.check(any(f.endswith("_c.fp32.npy") or f.endswith("_r.fp32.npy") for f in files), files)
    int8 = [f for f in files if f.endswith("_r.int8.npy")]
    r.check(int8 and numpy.load(r.out + "/quantization_debug/sample_2/" + int8[0]).shape == (1, 4, 8, 8), files)
    a = [numpy.load("%s/quantization_debug/sample_%d/%s" % (r.out, i, f)) for i in (0, 1)
         for f in files if f.endswith("_x.fp32.npy")]
    r.check(len(a) == 2 and a[0].dtype == numpy.float32 and (a[0] != a[1]).any(), "the inputs of two samples")
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o2", "--set", "quantization_debug=true", "--set",
          "model_debug_save_dir=" + r.path("debug"), "--quantize-only")
    r.expect(0)
    r.check(sorted(os.listdir(r.path("debug"))) == ["sample_0", "sample_1", "sample_2"], "model_debug_save_dir")
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o3", "--set", "quantization_debug=true", "--set",
          "model_debug_save_dir=" + r.path("debug"), "--quantize-only")
    r.expect(2, "INITIALIZE_CLI_ERROR", "is not an empty directory")
