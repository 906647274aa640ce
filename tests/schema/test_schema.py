#!/usr/bin/env python3
"""Every JSON file that compile and axrunmodel write is what docs/schema says: the shipped example is compiled in
many ways, failures among them, and all JSON files of the trees are validated. One without a schema fails; so
does a schema that nothing was validated against, and one that accepts an unknown key or an empty object.

    test_schema.py BIN_DIR ROOT
"""
import copy
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

try:
    import jsonschema
    import numpy  # noqa: F401  (the example's transform needs both)
    import PIL  # noqa: F401
except ImportError as error:
    print("skipped: %s (python3-jsonschema, python3-numpy, python3-pil)" % error)
    sys.exit(77)

SCHEMA_OF = {  # path in the output directory -> file in docs/schema
    "cli_args.json": "cli_args",
    "conf.json": "conf",
    "default_conf.json": "conf",
    "compilation_report.json": "compilation_report",
    "pass_dependency_graph.json": "pass_dependency_graph",
    "quantized_model/quantized_model_manifest.json": "quantized_model_manifest",
    "quantized_model/quantized_model.json": "quantized_model",
    "quantized_model/report.json": "quantization_report",
    "compiled_model/manifest.json": "manifest",
    "compiled_model/model.json": "model",
    "compiled_model/quantized_model.json": "lowered_model",
    "compiled_model/report.json": "kernel_report",
    "axrunmodel --json": "axrunmodel",
}
OPEN = {("model", "properties")}  # objects with free keys
SECRET = "a key that no schema has"


class Test:
    def __init__(self, bin_dir, root, folder):
        self.bin, self.root, self.folder = bin_dir, root, folder
        self.problems, self.validated, self.probed = [], set(), set()
        self.schemas, self.validators = {}, {}
        for name in sorted(os.listdir(os.path.join(root, "docs", "schema"))):
            if not name.endswith(".schema.json"):
                continue
            with open(os.path.join(root, "docs", "schema", name), encoding="utf-8") as f:
                schema = json.load(f)
            jsonschema.Draft202012Validator.check_schema(schema)
            self.schemas[name[:-12]] = schema
            self.validators[name[:-12]] = jsonschema.Draft202012Validator(schema)

    def bad(self, text):
        self.problems.append(text)
        print("FAIL " + text)

    def check(self, ok, text):
        if not ok:
            self.bad(text)

    # ---- validating ----

    def probe(self, name, value, path=()):
        """An unknown key, and no key at all, at every kind of place once."""
        if isinstance(value, list):
            for item in value[:1]:
                self.probe(name, item, path + (0,))
            return
        if not isinstance(value, dict):
            return
        place = (name,) + tuple(p for p in path if p != 0)
        if place not in self.probed and place not in OPEN:
            self.probed.add(place)
            worse = [dict(value, **{SECRET: 1})]
            if name not in ("conf", "cli_args"):  # there every key is optional
                worse.append({})
            for w in worse:
                document = copy.deepcopy(self.document)
                at = document
                for p in path[:-1]:
                    at = at[p]
                if path:
                    at[path[-1]] = w
                else:
                    document = w
                self.check(not self.validators[name].is_valid(document),
                           "%s.schema.json accepts a wrong object at %s" % (name, "/".join(map(str, path)) or "top"))
        for key, item in value.items():
            if place + (key,) not in OPEN:
                self.probe(name, item, path + (key,))

    def validate(self, where, relative, text):
        name = SCHEMA_OF.get(relative)
        if not name or name not in self.schemas:
            return self.bad("%s: %s has no schema" % (where, relative))
        value = json.loads(text, parse_constant=lambda c: self.bad("%s: %s: %s" % (where, relative, c)))
        self.validated.add(name)
        for e in sorted(self.validators[name].iter_errors(value), key=lambda e: list(map(str, e.absolute_path)))[:5]:
            self.bad("%s: %s: %s: %s" % (where, relative, "/".join(map(str, e.absolute_path)), e.message[:300]))
        self.document = value
        self.probe(name, value)

    def validate_tree(self, out):
        where = os.path.basename(out)
        for d, _, names in os.walk(out):
            for n in names:
                path = os.path.join(d, n)
                if n.endswith(".json"):
                    with open(path, encoding="utf-8") as f:
                        self.validate(where, os.path.relpath(path, out), f.read())
                elif n.endswith(".zip"):
                    with zipfile.ZipFile(path) as z:
                        for member in z.namelist():
                            if member.endswith(".json"):
                                self.validate(where + ".zip", member, z.read(member).decode("utf-8"))

    # ---- running ----

    def compile(self, name, *args, code=0, status="SUCCEEDED", model="examples/digits/digits.onnx", images=True):
        """One run; its tree is validated, the report looked at. Returns the report."""
        out = os.path.join(self.folder, name)
        digits = os.path.join(self.root, "examples", "digits")
        command = [os.path.join(self.bin, "compile"), "-i", os.path.join(self.root, model), "-o", out]
        if images:
            command += ["--imageset", os.path.join(digits, "calib"), "--transform", os.path.join(digits, "transform.py"),
                        "--color-format", "GRAY", "--python", sys.executable, "--dataset-len", "5"]
        done = subprocess.run(command + list(args), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=dict(os.environ, LC_ALL="C.UTF-8"), timeout=300)
        text = done.stdout.decode("utf-8", "backslashreplace")
        self.check(done.returncode == code, "%s: exit code %d\n%s" % (name, done.returncode, text))
        self.validate_tree(out)
        with open(os.path.join(out, "compilation_report.json"), encoding="utf-8") as f:
            report = json.load(f)
        self.check(report["status"] == status, "%s: %s" % (name, report["status"]))
        for warning in re.findall(r"^warning: (.*)$", text, re.M):
            self.check(any(w.startswith(warning[:60]) for w in report["warnings"]), "%s: not in the report: %s" %
                       (name, warning))
        if status == "SUCCEEDED":
            self.check([s for s in report["time"]["stages"] if s["seconds"] > 0] == report["time"]["stages"],
                       name + ": a stage without time")
        return report

    def run_model(self, name, *args):
        model = os.path.join(self.folder, name, "compiled_model", "model.json")
        done = subprocess.run([os.path.join(self.bin, "axrunmodel"), model, "--json", "--frames", "3", *args],
                              stdout=subprocess.PIPE, timeout=120)
        self.check(done.returncode == 0, "axrunmodel: exit code %d" % done.returncode)
        self.validate(name, "axrunmodel --json", done.stdout.decode("utf-8"))


def successes(t):
    t.compile("int8", "--verify", "2")
    t.run_model("int8", "--output-dir", os.path.join(t.folder, "outputs"))
    t.compile("quantize_only", "--quantize-only", "--set", "use_sysdma=true")
    t.compile("from_manifest", images=False,
              model=os.path.join(t.folder, "quantize_only", "quantized_model", "quantized_model_manifest.json"))
    t.compile("profiled", "--set", 'profiling_levels=["[T]"]', "--set", "trace_tvm_passes=true", "--dump-after", "all",
              "--set", "quantization_scheme=hybrid_per_tensor_per_channel", "--aipu-cores", "2")
    t.run_model("profiled", "--profile")
    t.compile("float32", "--set", "precision=float32", "--set", "build_kernel=false", images=False)
    t.compile("int8_only", "--set", "remove_io_quantization=true", "--set", "build_kernel=false", images=False)
    t.compile("check", "--check", images=False)
    subprocess.run([os.path.join(t.bin, "compile"), "--generate-config", os.path.join(t.folder, "generated")], check=True)
    t.validate_tree(os.path.join(t.folder, "generated"))


def failures(t):
    """What stands against a run is in its report: nodes, shapes found and wanted, a hint."""
    report = t.compile("budget", "--set", "ddr_constraint=64", "--set", "save_error_artifact=true", "--set",
                       "trace_tvm_passes=true", code=1, status="LOWER_MIDEND_ERROR", images=False)
    t.check(report["stage"] == "plan" and report["hint"] and report["nodes"], "budget: %s" % report)
    report = t.compile("shape", "--input-shape", "1,2,3", code=1, status="ONNX_GRAPH_CLEANER_ERROR", images=False)
    t.check(report["stage"] == "import" and report["found"] and report["wanted"], "shape: %s" % report)
    t.compile("conf", "--set", "tilling_depth=2", code=2, status="INITIALIZE_CLI_ERROR", images=False)
    with open(os.path.join(t.folder, "t.py"), "w") as f:
        f.write("import numpy as np\ndef get_preprocess_transform(image):\n    return np.zeros((1, 5, 7), np.float32)\n")
    report = t.compile("transform", "--transform", os.path.join(t.folder, "t.py"), code=1, status="QTOOLS_ERROR")
    t.check(report["stage"] == "calibrate" and report["found"] and report["wanted"], "transform: %s" % report)
    with open(os.path.join(t.folder, "t.py"), "w") as f:
        f.write("def get_preprocess_transform(image):\n    raise ValueError('no')\n")
    report = t.compile("raises", "--transform", os.path.join(t.folder, "t.py"), code=1, status="QTOOLS_ERROR")
    t.check("ValueError" in (report["traceback"] or ""), "raises: %s" % report)
    with open(os.path.join(t.folder, "no.onnx"), "wb") as f:
        f.write(b"no model")
    t.compile("not_onnx", code=1, status="ONNX_GRAPH_CLEANER_ERROR", images=False, model=os.path.join(t.folder, "no.onnx"))
    manifest = os.path.join(t.folder, "quantize_only", "quantized_model", "quantized_model_manifest.json")
    with open(os.path.join(os.path.dirname(manifest), "quantized_model.bin"), "ab") as f:
        f.write(b"x")
    t.compile("damaged", code=1, status="TVM_FRONTEND_ERROR", images=False, model=manifest)


def documented(t):
    """Every key of every schema is explained in docs; those of conf and cli_args are the properties and options."""
    text = ""
    for name in ("artifacts.md", "model_json.md"):
        with open(os.path.join(t.root, "docs", name), encoding="utf-8") as f:
            text += f.read()

    def keys(schema):
        if isinstance(schema, list):
            return set().union(*map(keys, schema)) if schema else set()
        if not isinstance(schema, dict):
            return set()
        found = set(schema.get("properties", {}))
        for key, value in schema.items():
            if key in ("properties", "$defs"):
                found = found.union(*map(keys, value.values()))
            elif isinstance(value, (dict, list)):
                found |= keys(value)
        return found

    for name, schema in t.schemas.items():
        for key in sorted(keys(schema)) if name not in ("conf", "cli_args") else ():
            t.check("`%s`" % key in text or '"%s"' % key in text, "docs: no word of `%s` of %s" % (key, name))


def main():
    folder = tempfile.mkdtemp(prefix="axc schema ")
    try:
        t = Test(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), folder)
        successes(t)
        failures(t)
        documented(t)
        for name in sorted(set(t.schemas) - t.validated):
            t.bad("%s.schema.json: nothing was validated against it" % name)
        for name, document in (("conf", "schema-conf"), ("cli_args", "schema-cli-args")):
            text = subprocess.run([os.path.join(t.bin, "axc-doc"), document], check=True, stdout=subprocess.PIPE).stdout
            with open(os.path.join(t.root, "docs", "schema", name + ".schema.json"), "rb") as f:
                t.check(f.read() == text, "docs/schema/%s.schema.json is not what `axc-doc %s` prints" % (name, document))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("%d schemas, %d kinds of object probed, %d problems" % (len(t.validated), len(t.probed), len(t.problems)))
    return 1 if t.problems else 0


if __name__ == "__main__":
    sys.exit(main())
