"""Rows of the table for ends that nobody wants, and for the documents made from the tables."""
import json
import os
import pty
import re
import select
import signal
import time

from cases import ROOT, TINY, case
from run_cases import TOP
from data_cases import IMAGES, TRANSFORM, image_case


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


def typed(terminal, keys, quiet=0.6, most=20):
    """Types the keys; returns what the terminal shows until it is quiet."""
    os.write(terminal, keys.encode())
    shown, end = b"", time.time() + most
    while time.time() < end and select.select([terminal], [], [], quiet if shown else most)[0]:
        try:
            shown += os.read(terminal, 65536)
        except OSError:
            break
    return shown.decode("utf-8", "replace")


@case
def zsh_completion(r):
    """An interactive zsh in a terminal: the line behind the tab key."""
    if not os.path.exists("/usr/bin/zsh"):
        r.skip("no zsh")
    for program, name, start in (("zsh", "compile", "#compdef compile axcompile"),
                                 ("axrunmodel-zsh", "axrunmodel", "#compdef axrunmodel")):
        r.run(program, program="axc-doc")
        r.expect(0, start)
        r.write("_" + name, r.text)
        r.run("-n", "_" + name, program="/usr/bin/zsh")
        r.expect(0)
    r.write("my model.onnx", "")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(r.dir)
        os.environ.update(TERM="dumb", LC_ALL="C")
        os.execv("/usr/bin/zsh", ["zsh", "-f", "-i"])
    typed(terminal, "PS1=; fpath=($PWD $fpath); autoload -U compinit; compinit -u -D; setopt nobeep nolistambiguous\n")
    rows = [("compile --quantize-o", "--quantize-only "), ("compile --set aipu_cores_u", "aipu_cores_used="),
            ("compile --set multicore_mode=coo", "multicore_mode=cooperative"),
            ("axcompile --imreader-backend P", "--imreader-backend PIL"), ("compile -i my", "my\\ model.onnx"),
            ("compile --no-ov", "--no-overwrite"), ("axrunmodel m.json --show-h", "--show-histogram"),
            ("axrunmodel m.json --io fl", "--io float")]
    found = []
    for line, _ in rows:
        found.append(typed(terminal, line + "\t"))
        typed(terminal, "\x15print\n")  # the line is forgotten
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)
    for (line, wanted), text in zip(rows, found):
        r.check(wanted in text, "%s<tab>: %r, wanted %s" % (line, text, wanted))


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
    r.run("-i", "{M}/truncated.onnx", "-o", "{D}/o2", "--set", "trace_tvm_passes=true")
    r.expect(1)
    passes = json.load(open(r.path("o2", "pass_dependency_graph.json")))["passes"]
    r.check([p["pass"] for p in passes] == ["start", "import"], "of a failed run: %s" % passes)


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
    r.unsanitized("needs the address space itself")
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
