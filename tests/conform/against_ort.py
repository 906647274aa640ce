#!/usr/bin/env python3
"""Real networks in the float interpreter against ONNX Runtime in float: against_ort.py PROGRAM MODELS [name ...]

MODELS holds one folder per network with model.onnx and an index.json that gives concrete input shapes. Inputs
are random with a fixed seed. The largest difference, relative to the largest magnitude of the output (at least 0.001), must
stay below 1e-3; two summation orders in float32 explain about 1e-5 to 1e-4. Networks that conform-run refuses
are listed; they fail the test only if named on the command line.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnxruntime
except ImportError:
    print("skipped: needs onnxruntime and numpy")
    sys.exit(77)

TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_,
         "tensor(uint8)": np.uint8, "tensor(int8)": np.int8}
OUT = {"float32": np.float32, "int64": np.int64, "int32": np.int32, "bool": np.bool_, "uint8": np.uint8,
       "int8": np.int8}


def make_inputs(session, shapes):
    rng = np.random.default_rng(1)
    feed = {}
    for i in session.get_inputs():
        shape = [d if isinstance(d, int) else 1 for d in shapes.get(i.name) or i.shape]
        dtype = TYPES[i.type]
        if dtype == np.float32:
            feed[i.name] = rng.uniform(0, 1, shape).astype(dtype)
        else:
            feed[i.name] = rng.integers(0, 100, shape).astype(dtype)
    return feed


def compare(found, wanted):
    if found.shape != wanted.shape:
        return f"shape {found.shape} instead of {wanted.shape}", 1.0
    if wanted.dtype.kind != "f":
        share = float(np.mean(found == wanted)) if wanted.size else 1.0
        return f"{share * 100:.1f} % equal", 0.0 if share > 0.99 else 1.0
    top = max(float(np.abs(wanted).max()), 1e-3) if wanted.size else 1.0
    worst = float(np.abs(found - wanted).max()) / top if wanted.size else 0.0
    return f"{worst:.1e}", worst


def check(program, folder, shapes, tmp, repeat):
    model = os.path.join(folder, "model.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception:
        return "not for ONNX Runtime", None
    feed = make_inputs(session, shapes)
    try:
        wanted = session.run(None, feed)
    except Exception:
        return "random inputs do not fit it", None
    files = []
    for i, a in enumerate(feed.values()):
        files.append(os.path.join(tmp, f"i{i}.raw"))
        a.tofile(files[-1])
    text = ";".join(f"{n}:{','.join(str(d) for d in a.shape)}" for n, a in feed.items())
    run = subprocess.run([program, "--input-shape", text, "--repeat", str(repeat), model, os.path.join(tmp, "o")] + files,
                         capture_output=True, text=True)
    if run.returncode != 0:
        return "refused: " + (run.stdout + run.stderr).strip().split("\n")[-1][:150], None
    lines, note, worst = run.stdout.strip().split("\n"), [], 0.0
    if lines[0].endswith(" ms"):
        note.append(lines.pop(0))
    for i, line in enumerate(lines):
        dtype, shape = line.split(" ")
        dims = [] if shape == "scalar" else [int(d) for d in shape.split("x")]
        found = np.fromfile(os.path.join(tmp, f"o{i}.raw"), OUT[dtype]).reshape(dims)
        what, bad = compare(found, wanted[i])
        note.append(what)
        worst = max(worst, bad)
    return " ".join(note), worst


def main():
    program, models = sys.argv[1:3]
    index = os.path.join(models, "index.json")
    if not os.path.exists(index):
        print("skipped: no networks at", models)
        return 77
    bad = ran = 0
    with open(index) as f:
        networks = json.load(f)
    for n in networks:
        if len(sys.argv) > 3 and n["name"] not in sys.argv[3:]:
            continue
        with tempfile.TemporaryDirectory() as tmp:
            text, worst = check(program, os.path.join(models, n["name"]), n.get("concrete_shapes") or {}, tmp, 3)
        ran += worst is not None
        failed = worst > 1e-3 if worst is not None else len(sys.argv) > 3
        bad += failed
        print(f"{'BAD ' if failed else ''}{n['name']}: {text}", flush=True)
    print(f"{ran} compared, {bad} bad")
    return 1 if bad or not ran else 0


sys.exit(main())
