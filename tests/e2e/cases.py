"""The table of command-line cases. A simple row is one command and what must come of it; a row that needs
more is a function that gets a Row (run.py)."""
import json
import os

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
