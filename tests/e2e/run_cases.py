"""Rows of the table for whole runs: what they leave, cli_args.json and conf.json."""
import json
import os
import time

from cases import ROOT, TINY, case


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
    r.check(report["time"]["peak_bytes"] == max(s["peak_bytes"] for s in report["time"]["stages"]), "peak memory of all")
    seconds = sum(s["seconds"] for s in report["time"]["stages"])
    r.check(report["time"]["seconds"] / 2 < seconds <= report["time"]["seconds"], "the stages' times: %s" % report["time"])
    parameters, macs = 4 * 27 + 4 + 20 + 5, 64 * 4 * 27 + 20
    r.check((report["model"]["nodes"], report["model"]["macs"], report["model"]["parameters"], report["model"]["opset"]) ==
            (5, macs, parameters, 13), report["model"])
    r.check(report["coverage"]["int8_macs"] == macs and report["coverage"]["float_macs"] == 0, report["coverage"])
    r.check(json.loads(files["conf.json"])["target"] == report["kernel"]["target"] != "host", "host is not resolved")
    for manifest in ("quantized_model/quantized_model_manifest.json", "compiled_model/manifest.json"):
        r.check(len(json.loads(files[manifest])) == 17, "keys of " + manifest)


@case
def peak_memory_of_stages(r):
    """What the report calls a stage's peak is its own: large pictures pass through calibrate and export alone."""
    r.unsanitized("keeps what is freed")
    r.run("-i", "{M}/dynamic.onnx", "--input-shape", "1,3,1500,1500", "-o", "{O}", "--dataset-len", "2", "--jobs", "1", "--target",
          "c", "--set", "build_kernel=false")
    r.expect(0)
    peak = {s["stage"]: s["peak_bytes"] for s in r.report()["time"]["stages"]}
    r.check(peak["calibrate"] > 2 * peak["quantize"] and peak["export"] > 2 * peak["frontend"] > 2 * peak["start"], peak)


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
    os.mkdir(r.path("moved", "private"))
    r.write("moved/private/key", "nobody's business")
    os.mkfifo(r.path("moved", "fifo"))
    r.run("-i", "{D}/moved/quantized_model_manifest.json", "-o", "{D}/moved/o3")
    r.expect(0)
    r.check(sorted(os.listdir(r.path("moved", "o3", "quantized_model"))) == QUANTIZED, "what lies beside it is copied")


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
    r.check(any("'N' is taken as 1" in n for n in r.report()["notes"]), r.report()["notes"])


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
def verify_finds_a_difference(r):
    """A C compiler that breaks what it is given: one bit of one output, in either entry point, or an error code."""
    r.write("cc", """#!/usr/bin/python3
import os, sys
args = sys.argv[1:]
for i, arg in enumerate(args):
    if arg.endswith(".c"):
        text = open(arg).read()
        entry = os.environ["BREAK"].split()[0]
        at = text.index("return bad ? -2 : 0;", text.index(entry + "(const axk_env"))
        text = text[:at] + os.environ["BREAK"].split(" ", 1)[1] + text[at:]
        args[i] = os.path.join(os.path.dirname(__file__), "broken.c")
        args += ["-I", os.path.dirname(arg)]
        open(args[i], "w").write(text)
os.execvp("cc", ["cc"] + args)
""")
    os.chmod(r.path("cc"), 0o755)
    for i, (what, words) in enumerate((("run_i8 ((unsigned char *)out[0])[0] ^= 1;", "differs from the interpreter in 1 of"),
                                       ("run_f32 ((unsigned char *)out[0])[0] ^= 1;", "differs from the interpreter in 1 of"),
                                       ("run_f32 return -7;", "returned -7"))):
        out = r.path("o%d" % i)
        env = dict(r.env, BREAK=what)
        r.run("-i", "{M}/tiny.onnx", "-o", out, "--set", "cc=" + r.path("cc"), env=env)
        r.expect(1, "verification failed: ", what.split()[0], words)
        report = r.status("TIR_TO_RUNTIME_ERROR", folder=out)
        r.check(report["stage"] == "verify", report["stage"])
        r.run("-i", "{M}/tiny.onnx", "-o", out + "off", "--set", "cc=" + r.path("cc"), "--verify", "0", env=env)
        r.expect(0)


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
