"""Rows of the table on reproducibility and odd surroundings."""
import json
import os
import resource
import subprocess

from cases import TINY, case
from data_cases import TRANSFORM, image_case
from run_cases import files_of, same_files

EVERYTHING = ("input_model", "quantized_model", "compiled_model", "dumps")


def same_runs(r, a, b):
    """Trees and reports but for what may differ."""
    same_files(r, a, b, *[part for part in EVERYTHING if os.path.isdir(os.path.join(a, part))])
    r.check(open(a + "/conf.json").read() == open(b + "/conf.json").read(), "conf.json differs")
    x, y = r.report(a), r.report(b)
    del x["time"], y["time"]
    r.check(x == y, "the reports differ")


def with_locale(r, name):
    """An environment with that locale, made for the test if the system can."""
    where = r.path("locale")
    os.makedirs(where, exist_ok=True)
    made = any(os.access(os.path.join(d, "localedef"), os.X_OK) for d in os.environ["PATH"].split(":")) and subprocess.run(
        ["localedef", "-c", "-i", name, "-f", "UTF-8", os.path.join(where, name + ".UTF-8")], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=False)
    env = dict(r.env, LOCPATH=where, LC_ALL=name + ".UTF-8", LANG=name + ".UTF-8")
    if not made or subprocess.run(["locale", "decimal_point"], env=env, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, check=False).stdout.strip() != b",":
        r.skip("no locale %s could be made (localedef, /usr/share/i18n)" % name)
    return env


def locale_row(name, about):
    def run(r):
        env = with_locale(r, name)
        options = ["--set", "calibration_percentile=99.5", "--set", "calibration_method=percentile", "--set",
                   "resources_used=0.75", "--dump-after", "ALL", "--log-level", "info", "--set", "keep_float=[\"nothing*\"]"]
        r.run(*TINY, *options)
        r.expect(0)
        r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o2", *options, env=env)
        r.expect(0)
        same_runs(r, r.out, r.path("o2"))
        r.check("0.75" in open(r.path("o2", "conf.json")).read(), "conf.json")
        r.run("-i", "{O}/quantized_model/quantized_model_manifest.json", "-o", "{D}/o3", "--conf", "{O}/conf.json", env=env)
        r.expect(0)
        same_files(r, r.out, r.path("o3"), "quantized_model", "compiled_model")
        r.run(r.path("o2") + "/compiled_model/model.json", "--frames", "2", "--json", program="axrunmodel", env=env)
        r.expect(0, '"frames": 2')

    run.__name__, run.__doc__ = "locale_" + name, about
    case(run)


locale_row("de_DE", "A locale that writes 0,5 for 0.5.")
locale_row("tr_TR", "A locale in which the capital of i is no I.")


@image_case("PIL")
def surroundings(r):
    """File mode mask, time zone, temporary directory, size of the terminal and the compiler's own variables."""
    options = ["--imageset", "{D}/pictures", "--python", "/usr/bin/python3", "--set", "quantization_debug=true", "--dump-after", "all"]
    r.run(*TINY, *options)
    r.expect(0)
    os.makedirs(r.path("temp orary"))
    env = dict(r.env, TZ="Asia/Kolkata", TMPDIR=r.path("temp orary"), COLUMNS="20", TERM="dumb", CFLAGS="-O0 -DAXK_H", CC="/nix",
               OMP_NUM_THREADS="1", PYTHONHASHSEED="7", SOURCE_DATE_EPOCH="1", LANGUAGE="de", HOME="/nix")
    r.run("-i", "{M}/tiny.onnx", "-o", "{D}/o2", *options, env=env, umask=0o077)
    r.expect(0)
    same_runs(r, r.out, r.path("o2"))
    same_files(r, r.out, r.path("o2"), "quantization_debug")
    r.check(os.listdir(r.path("temp orary")) == [], "left in TMPDIR: %s" % os.listdir(r.path("temp orary")))


@case
def float_kernels_of_older_cpus(r):
    """AVX-512, AVX2 and portable float kernels calibrate to the same bytes, with any number of jobs."""
    for i, (isa, jobs) in enumerate((("", "1"), ("avx2", "2"), ("c", "5"))):
        env = dict(r.env, AXK_CPU_ISA=isa) if isa else r.env
        os.makedirs(r.path("in%d" % i), exist_ok=True)
        r.run("-i", "{M}/wide.onnx", "-o", "{D}/o%d" % i, "--target", "c", "--jobs", jobs, "--dataset-len", "8",
              "--dump-after", "all", "--verify", "2", env=env, cwd=r.path("in%d" % i))
        r.expect(0, "every byte equal")
        if i:
            same_runs(r, r.path("o0"), r.path("o%d" % i))
    r.run("-i", "{M}/wide.onnx", "-o", "{D}/older", "--dataset-len", "8", env=dict(r.env, AXK_CPU_ISA="c"))
    r.check(r.report(r.path("older"))["kernel"]["target"] == "c" or os.uname().machine != "x86_64", "AXK_CPU_ISA=c has no effect")


@case
def same_arguments_again(r):
    """cli_args.json reproduces the run whatever it was given: nothing is lost on the way through the file."""
    r.write("c.json", '{"calibration_method": "min_max", "float_outputs": false, "tiling_depth": 2}')
    r.run("-i", "{M}/dynamic.onnx", "-o", "{O}", "--input-shape", "x:1,3,12,10", "--conf", "{D}/c.json", "--set",
          "apply_pword_padding=false", "--target", "c", "--aipu-cores", "2", "--cal-seed", "3", "--dataset-len", "6",
          "--verify", "2", "--jobs", "2", "--dump-after", "clean", "--log-level", "debug", "--no-progress")
    r.expect(0)
    r.run("--cli-args", "{O}/cli_args.json", "-o", "{D}/o2")
    r.expect(0, "debug: ")
    same_runs(r, r.out, r.path("o2"))
    a, b = (open(os.path.join(d, "cli_args.json")).read() for d in (r.out, r.path("o2")))
    r.check(a.replace(r.out, "OUT") == b.replace(r.path("o2"), "OUT"), "cli_args.json differs")


@image_case("PIL")
def arguments_from_elsewhere(r):
    """Paths given relative to the working directory: cli_args.json reproduces the run from any other."""
    os.makedirs(r.path("here"))
    os.makedirs(r.path("there"))
    os.symlink(r.model("tiny.onnx"), r.path("here", "net.onnx"))
    r.write("here/t.py", TRANSFORM % "return x")
    r.write("here/c.json", '{"calibration_method": "min_max"}')
    r.run("-i", "net.onnx", "-o", "out", "--imageset", "../pictures", "--transform", "t.py:get_preprocess_transform", "--conf", "c.json",
          "--python", "/usr/bin/python3", "--quantize-only", cwd=r.path("here"))
    r.expect(0)
    r.run("--cli-args", "../here/out/cli_args.json", "-o", "again", cwd=r.path("there"))
    r.expect(0)
    same_runs(r, r.path("here", "out"), r.path("there", "again"))


@image_case("PIL")
def odd_paths_everywhere(r):
    """Every path option with blanks, quotes, newlines, UTF-8, shell characters and a leading dash."""
    odd = "-x 'y\" $(touch gone)\n\u00e4\u65e5;|&*?\\"
    folder = r.path(odd)
    os.mkdir(folder)
    os.rename(r.path("pictures"), os.path.join(folder, "- pictures"))
    os.rename(os.path.join(folder, "- pictures", "1.ppm"), os.path.join(folder, "- pictures", odd + ".ppm"))
    os.symlink(os.path.join(r.models, "tiny.onnx"), os.path.join(folder, odd + ".onnx"))
    with open(os.path.join(folder, "-t 'x.py"), "w", encoding="utf-8") as f:
        f.write(TRANSFORM % "return x")
    with open(os.path.join(folder, "-c\n.json"), "w", encoding="utf-8") as f:
        f.write('{"cal_seed": 4}')
    r.run("-i", odd + ".onnx", "-o", odd, "--imageset", "- pictures", "--transform", "-t 'x.py", "--conf", "-c\n.json",
          "--python", "/usr/bin/python3", "--dump-after=clean", cwd=folder)
    r.expect(0, absent=["\u65e5"])
    out = os.path.join(folder, odd)
    report = r.status("SUCCEEDED", folder=out)
    r.check(report["calibration"]["samples"] == 4, report["calibration"])
    r.run("--cli-args", odd + "/cli_args.json", "--output=-again", cwd=folder)
    r.expect(0)
    same_runs(r, out, os.path.join(folder, "-again"))
    r.run("-i", odd + "/quantized_model/quantized_model_manifest.json", "-o", "--third--", cwd=folder)
    r.expect(0)
    r.run("./-again/compiled_model/model.json", "--frames", "1", "--output-dir", odd + "/y\n", program="axrunmodel",
          cwd=folder)
    r.expect(0)
    r.run("--generate-config", odd + "/ conf'", cwd=folder)
    r.expect(0)
    found = {name for d, dirs, names in os.walk(r.dir) for name in dirs + names}
    r.check("gone" not in found, "a shell ran what stands in a file's name")
    r.check(len(files_of(os.path.join(folder, "-again"))) > 10, "no tree")


@case
def kernel_that_does_not_fit(r):
    """Sizes in model.json that the code does not have, and the user's own build of another network's code."""
    r.run(*TINY, "--set", "build_kernel=false", "--set", "model_name=net")
    r.expect(0)
    r.run("-i", "{M}/wide.onnx", "-o", "{D}/wide", "--set", "build_kernel=false", "--set", "model_name=net")
    r.expect(0)
    ours, other = r.out + "/compiled_model", r.path("wide") + "/compiled_model"
    model = ours + "/model.json"
    for folder in (other, ours):
        done = subprocess.run(["cc", "-O1", "-shared", "-fPIC", folder + "/kernel_function.c", "-o", ours + "/kernel_function.so"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        r.check(done.returncode == 0, done.stdout)
        r.run(model, "--frames", "1", program="axrunmodel")
        if folder == other:
            r.expect(1, "the kernel library does not match model.json: bytes of constants: ")
    r.expect(0)
    text = open(model, encoding="utf-8").read()
    data = json.loads(text)

    def refused(part, **changes):
        with open(model, "w", encoding="utf-8") as f:
            json.dump(dict(data, **changes), f)
        r.run(model, "--frames", "1", program="axrunmodel")
        r.expect(1, "the kernel library does not match model.json: " + part)

    ws = data["workspace_bytes"]
    refused("bytes of workspace: %d in it, 5 in model.json" % ws[0], workspace_bytes=[5] + ws[1:])
    refused("layers: ", layers=data["layers"][1:])
    refused("number of outputs: 1 in it, 0 ", outputs=[])
    for key in ("inputs", "outputs", "inputs_f32", "outputs_f32"):
        tensor = dict(data[key][0], shape=[1] + data[key][0]["shape"][1:-1] + [1], padding=[[0, 0]] * len(data[key][0]["shape"]))
        refused("bytes of %sput%s 0: " % (key[:key.index("put")], " of run_f32" if "_" in key else ""), **{key: [tensor]})
    refused("run_f32: 1 in it, 0 ", entry_points=["run_i8"])


@case
def split_into_many(r):
    """Memory grows with the number of outputs of a node, not with its square."""
    r.unsanitized("needs the address space itself")
    import onnx
    from onnx import TensorProto, helper
    n = 20000
    names = ["y%d" % i for i in range(n)]
    graph = helper.make_graph([helper.make_node("Split", ["x"], names, "split", axis=0)], "many",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [n])],
                              [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in names])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), r.path("many.onnx"))
    limit = 1 << 30
    r.run("-i", r.path("many.onnx"), "--check", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    r.expect(0, "It can be compiled")


@case
def path_of_no_utf8(r):
    """A file name that is no UTF-8 is still a file name."""
    name = os.fsencode(r.dir) + b"/\xff\xfe \x80.onnx"
    with open(r.model("tiny.onnx"), "rb") as f, open(name, "wb") as g:
        g.write(f.read())
    r.run("-i", os.fsdecode(name), "-o", os.fsdecode(os.fsencode(r.dir) + b"/o\xff"), "--quantize-only")
    r.expect(0)
    r.status("SUCCEEDED", folder=os.fsdecode(os.fsencode(r.dir) + b"/o\xff"))
    r.run("--cli-args", os.fsdecode(os.fsencode(r.dir) + b"/o\xff/cli_args.json"), "-o", "{D}/again")
    r.check(r.code == 2 and "INITIALIZE_CLI_ERROR" in r.text or r.code == 0, "exit code %s" % r.code)
