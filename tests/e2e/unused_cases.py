"""Rows of the table for what a run cannot follow (it says so), for empty and contradictory values, and for the odd
ways in which a process may be started."""
import json
import os
import resource
import shutil
import signal
import subprocess
import time

from cases import TINY, case, row
from run_cases import COMPILED

NO_STAGE = "writes nothing: this run has no such stage"


@case
def not_reached_is_told(r):
    """Dump stages, options and properties of a half that does not run."""
    r.run(*TINY, "--quantize-only", "--dump-after", "midend", "--verify", "3", "--set", "tiling_depth=6", "--target", "c")
    r.expect(0, "--dump-after=midend " + NO_STAGE, "--verify is not used: --quantize-only ends",
             "the property tiling_depth is not used: --quantize-only", "the property target is not used")
    r.check(len(r.report()["warnings"]) == 5, r.report()["warnings"])  # with that of random data
    manifest = "{O}/quantized_model/quantized_model_manifest.json"
    r.run("-i", manifest, "-o", "{D}/lower", "--dump-after=import", "--imageset", "{D}", "--verify", "0", "--set",
          "model_name=another name", "--set", "quantized_graph_export=false")
    r.expect(0, "--dump-after=import " + NO_STAGE, "--imageset is not used: nothing is calibrated",
             "the property quantized_graph_export is not used")
    header = open(r.path("lower", "compiled_model", "kernel_function.h")).read()
    r.check("ANOTHER_NAME_CONST_BYTES" in header and "TINY_NET" not in header, "model_name: " + header[:100])
    r.run("-i", "{M}/tiny.onnx", "--check", "--dump-after=all", "--verify", "2", "--dataset-len", "3",
          "--overwrite", "--set", "trace_tvm_passes=true", "--input-data-layout", "NHWC")
    r.expect(0, "--input-data-layout is not used without --imageset", "--overwrite is not used without -o", "trace_tvm_passes is not used: without -o nothing is written",
             "--dump-after is not used without -o", "--verify is not used by --check", "--dataset-len is not used by")
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/f", "--set", "precision=float32", "--dump-after", "calibrate", "--set",
          "calibration_method=mse")
    r.expect(0, "--dump-after=calibrate " + NO_STAGE, "calibration_method is not used: precision is float32")


@case
def scheme_and_method(r):
    for method, told in (("mse", True), ("percentile", True), ("min_max", False), ("auto", False)):
        r.run(*TINY, "--check", "--overwrite", "--set", "quantization_scheme=per_tensor_min_max", "--set",
              "calibration_method=" + method)
        r.expect(0)
        text = "the property quantization_scheme is not used: calibration_method is " + method
        r.check((text in r.text) == told, method + ": " + r.text)


ALONE = {"graph_cleaner_condition": "maximum_weight_tensor_size", "graph_cleaner_threshold": 4, "cflags": "-g",
         "model_debug_save_dir": "x", "calibration_percentile": 99, "max_tiling_attempts": 2, "resources_used": 0.5,
         "profiling_drop_percentile": 0.1, "randomize_onnx_model": False}


@case
def needs_another_property(r):
    """Properties that say how something else is done, while nothing does it; told once each. With it, they are not."""
    r.write("c.json", json.dumps(dict(ALONE, build_kernel=False)))
    r.run(*TINY, "--check", "--conf", "{D}/c.json")
    r.expect(0)
    warnings = [w for w in r.report()["warnings"] if " is not used: " in w]
    r.check(sorted(w.split()[2] for w in warnings) == sorted(ALONE), warnings)
    r.write("c.json", json.dumps(dict(ALONE, graph_cleaner_node="Gemm", graph_cleaner_threshold=-1, tiling_depth=2,
                                      calibration_method="percentile", ddr_constraint=1000000, profiling_levels=["[K]"],
                                      save_error_artifact=True, quantization_debug=True)))
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o2", "--conf", "{D}/c.json")
    r.expect(0, absent=[" is not used"])


@case
def threshold_above_all(r):
    for threshold, told in ((1000, True), (20, True), (19, False)):  # the Gemm's weights are 4x5
        r.run("-i", "{M}/tiny.onnx", "--check", "--set", "graph_cleaner_node=Gemm", "--set",
              "graph_cleaner_threshold=%d" % threshold)
        r.expect(0)
        text = "no Gemm of the cleaned network has a weight tensor above graph_cleaner_threshold=%d" % threshold
        r.check((text in r.text) == told, r.text)


@case
def shorthand_and_set(r):
    r.run(*TINY, "--target", "c", "--set", "target=x86-64-v3")
    r.expect(0, "--target wins over --set target")
    r.check(json.load(open(r.out + "/conf.json"))["target"] == "c", "the target")


row("empty_shape", TINY + ["--input-shape="], 1, "the shape scalar (rank 0); the model has 1,3,8,8",
    status="ONNX_GRAPH_CLEANER_ERROR")
row("end_of_options", TINY + ["--"], 0, status="SUCCEEDED")
row("after_the_end_of_options", TINY + ["--", "x"], 2, "unexpected argument '--'")
row("long_option_with_one_dash", TINY + ["-overwrite"], 2, "there is no option '-overwrite'", "did you mean --overwrite?")
row("case_of_an_option", TINY + ["--IMAGESET", "x"], 2, "did you mean --imageset?")
row("case_of_a_property", TINY + ["--set", "TARGET=c"], 2, 'did you mean "target"?', status="INITIALIZE_CLI_ERROR")


for _property in ("output_dir", "model_debug_save_dir"):
    row("empty_" + _property, TINY + ["--set", _property + "="], 2, "is a path or null, found an empty text",
        status="INITIALIZE_CLI_ERROR")


@case
def set_now_over_stored(r):
    """A --set given now wins over the stored options that decide the same."""
    r.run(*TINY, "--quantize-only")
    r.expect(0)
    r.run("--cli-args", "{O}/cli_args.json", "--set", "output_dir=" + r.path("o2"), "--set",
          "compiler_mode=quantize_and_lower")
    r.expect(0)
    r.check(sorted(os.listdir(r.path("o2", "compiled_model"))) == COMPILED, "compiled_model")


@case
def check_overwrites(r):
    """--check with --overwrite leaves nothing of the earlier run beside its own conf.json and report."""
    r.run(*TINY)
    r.expect(0)
    r.check(sorted(os.listdir(r.out + "/compiled_model")) == COMPILED, "compiled_model")
    r.run(*TINY, "--check", "--overwrite", "--set", "target=c", "--dump-after=clean")
    r.expect(0)
    r.check(sorted(os.listdir(r.out)) == ["cli_args.json", "compilation_log.txt", "compilation_report.json", "conf.json",
                                          "dumps"], os.listdir(r.out))
    r.check("earlier_files" not in r.report() or not r.report()["earlier_files"], "earlier files")


@case
def closed_descriptors(r):
    """Without standard descriptors no message ends up in an artifact."""
    command = "exec %s -i tiny.onnx -o '%s' %s" % (os.path.join(r.bin, "compile"), "%s", "%s")
    env = dict(r.env)
    for i, closed in enumerate(("2>&-", ">&- 2>&-", "<&- >&- 2>&-", "<&-")):
        out = r.path("o%d" % i)
        code = subprocess.call(["sh", "-c", command % (out, closed)], cwd=r.models, env=env, stderr=subprocess.DEVNULL)
        r.check(code == 0, "%s: exit code %d" % (closed, code))
        for line in open(out + "/compilation_log.txt"):
            r.check(line.startswith("2") and line[10] == "T", closed + ": in the log: " + line)
    code = subprocess.call(["sh", "-c", command % (r.path("o9"), "--check >&- 2>&-")], cwd=r.models, env=env)
    r.check(code == 1, "--check that cannot print: exit code %d" % code)


@case
def file_size_limit(r):
    """A file over the limit of the shell is a write that fails, not a crash."""
    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    r.run(*TINY, preexec_fn=limited)
    r.expect(1, "File too large", absent=["crashed"])
    r.status("TIR_TO_RUNTIME_ERROR")


@case
def interrupted_at_once(r):
    """From claiming the directory on a signal is answered with a report; before, there is no directory."""
    seen = 0
    for i in range(24):
        out = r.path("o%d" % i)
        process = r.start("-i", "{M}/tiny.onnx", "-o", out)
        time.sleep(0.0002 * i * i)
        number = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)[i % 4]
        process.send_signal(number)
        r.end(process, timeout=20)
        if os.path.exists(out + "/compilation_report.json"):
            seen += 1
            r.check(r.code == 128 + number, "exit code %d: %s" % (r.code, r.text))
            r.check(r.report(out)["finished"] is True, "the report is not finished")
        else:
            r.check(r.code == -number, "exit code %d: %s" % (r.code, r.text))
    r.check(seen, "no signal came late enough")


@case
def ignored_signals_stay_ignored(r):
    """As nohup has it, and a script's background."""
    def ignore():
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    process = r.start(*TINY, preexec_fn=ignore)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        time.sleep(0.03)
        process.send_signal(number)
    r.end(process)
    r.expect(0)
    r.status("SUCCEEDED")


@case
def stored_shorthand(r):
    """A shorthand from cli_args.json is told with its place."""
    r.write("args.json", '{\n "target": "Z80"}')
    r.run(*TINY, "--cli-args", "{D}/args.json")
    r.expect(2, "args.json:2:2: ", "there is no target 'Z80'")


@case
def compiler_that_makes_no_library(r):
    """It ends well, having done something else; and a library for another processor is not loaded."""
    for i, flags in enumerate(("-c", "-fsyntax-only")):
        r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o%d" % i, "--verify", "0", "--set", "cflags=" + flags)
        r.expect(1, "ended without an error but made no shared library", "check the properties cc and cflags")
        r.status("TIR_TO_RUNTIME_ERROR", folder=r.path("o%d" % i))
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o3", "--set", "cc=" + r.dir)
    r.expect(1, "the C compiler", "was not found")
    r.status("TIR_TO_RUNTIME_ERROR", folder=r.path("o3"))


@case
def cross_compiler(r):
    cross = shutil.which("aarch64-linux-gnu-gcc")
    if not cross:
        r.skip("aarch64-linux-gnu-gcc")
    r.run(*TINY, "--target", "c", "--set", "cc=" + cross)
    r.expect(0, "not verified: the C compiler builds for another processor")


@case
def library_that_ends_the_process(r):
    """Code of the library built runs as soon as --verify loads it; if it exits, that is told as any other end."""
    r.write("quit.h", "#include <stdlib.h>\n__attribute__((constructor)) static void quit(void) { _Exit(0); }\n")
    r.run(*TINY, "--set", "cflags=-include quit.h")
    r.expect(1, "ended before its time, with exit status 0 in the stage verify")
    r.status("TIR_TO_RUNTIME_ERROR")


@case
def quantize_only_taken_back(r):
    r.write("c.json", '{"compiler_mode": "quantize_only"}')
    r.run(*TINY, "--conf", "{D}/c.json")
    r.expect(0)
    r.check("compiled_model" not in os.listdir(r.out), "compiled_model")
    manifest = "{O}/quantized_model/quantized_model_manifest.json"
    r.run("-i", manifest, "-o", "{D}/o2", "--conf", "{D}/c.json")
    r.expect(2, "compiler_mode quantize_only wants an .onnx file", "hint: --no-quantize-only")
    r.run("-i", manifest, "-o", "{O}", "--conf", "{D}/c.json", "--no-quantize-only")
    r.expect(0)
    r.check(sorted(os.listdir(r.out + "/compiled_model")) == COMPILED, "compiled_model")


@case
def leftovers_of_dumps(r):
    """What a killed run leaves of a dump does not stand in the way of the next one, and goes; a file of the user's does."""
    more = ("--dump-after=clean", "--set", "graph_cleaner_dump_core_onnx=core.onnx")
    r.run(*TINY, *more)
    r.expect(0)
    left = ("dumps/quantize.bin.tmp-4711", "dumps/clean.txt.tmp-1", "core.onnx.tmp-99")
    for how in (["--overwrite"], ["--set", "remove_output_dir=true"]):
        for name in left:
            open(os.path.join(r.out, name), "w").close()
        os.unlink(r.out + "/core.onnx")  # was being written
        r.run(*TINY, *more, *how)
        r.expect(0)
        r.check(not any(os.path.exists(os.path.join(r.out, name)) for name in left), os.listdir(r.out))
    r.write("out/dumps/mine.dat.tmp-5", "")
    r.run(*TINY, "--overwrite")
    r.expect(2, "holds 'dumps/mine.dat.tmp-5', which no earlier run made")
    os.unlink(r.out + "/dumps/mine.dat.tmp-5")


@case
def interrupted_while_dumping(r):
    """At any moment of a run that writes dumps: nothing temporary is left, and the next run goes on."""
    command = (*TINY, "--overwrite", "--dump-after=all", "--set", "graph_cleaner_dump_full_opt_onnx=full.onnx")
    for i in range(12):
        process = r.start(*command)
        time.sleep(0.004 + 0.006 * i)
        process.send_signal((signal.SIGINT, signal.SIGTERM, signal.SIGKILL)[i % 3])
        r.end(process, timeout=20)
        if i % 3 < 2:
            found = [f for _, d, n in os.walk(r.out) for f in d + n if ".tmp-" in f]
            r.check(not found, found)
    r.run(*command)
    r.expect(0)
