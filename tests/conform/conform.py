#!/usr/bin/env python3
"""Runs the ONNX project's operator tests (Debian package libonnx-testdata) through conform-run.

Every case that is listed in passing.txt must pass; a case that passes and is not listed is reported, so that
the list grows. `--update` rewrites the list. Inputs are given as the test has them; parameters that a compiler must
know (shapes, axes, pads, ...) arrive as graph inputs there, so inputs that are int64 vectors or empty are
turned into constants first, and float ones where a first try is refused.
"""
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    from onnx import numpy_helper
except ImportError:
    print("skipped: needs python3-onnx and python3-numpy")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
LIST = os.path.join(HERE, "passing.txt")


def test_root():
    try:
        listing = subprocess.run(["dpkg", "-L", "libonnx-testdata"], capture_output=True, text=True)
    except OSError:
        return []
    return sorted({os.path.dirname(p) for p in listing.stdout.split("\n") if p.endswith("/model.onnx")})


def load(path, value_info):
    with open(path, "rb") as f:
        tensor = onnx.TensorProto()
        tensor.ParseFromString(f.read())
    return numpy_helper.to_array(tensor)


NARROW = {"float64": np.float32, "float16": np.float32, "uint16": np.int32, "uint32": np.int64, "uint64": np.int64}


def narrowed(a):
    return a.astype(NARROW.get(str(a.dtype), a.dtype))


def with_constants(model, arrays, which):
    """The model with the inputs numbered in `which` as initializers."""
    m = onnx.ModelProto()
    m.CopyFrom(model)
    for i in sorted(which, reverse=True):
        m.graph.initializer.append(numpy_helper.from_array(arrays[i], m.graph.input[i].name))
        del m.graph.input[i]
    return m


def same(found, wanted):
    if found.shape != wanted.shape:
        return False
    if wanted.dtype.kind == "f":
        return np.allclose(found, wanted, rtol=1e-3, atol=1e-5, equal_nan=True)
    return np.array_equal(found, wanted)


DTYPES = {"float32": np.float32, "int8": np.int8, "uint8": np.uint8, "int16": np.int16, "int32": np.int32,
          "int64": np.int64, "bool": np.bool_}


def run(program, model, arrays, wanted, tmp):
    onnx.save(model, os.path.join(tmp, "m.onnx"))
    files = []
    for i, a in enumerate(arrays):
        files.append(os.path.join(tmp, f"i{i}.raw"))
        narrowed(np.ascontiguousarray(a)).tofile(files[-1])
    r = subprocess.run([program, os.path.join(tmp, "m.onnx"), os.path.join(tmp, "o")] + files,
                       capture_output=True, text=True)
    if r.returncode != 0:
        return "refused" if r.returncode == 3 else f"exit {r.returncode}", (r.stdout + r.stderr).strip()[-200:]
    for i, line in enumerate(r.stdout.strip().split("\n")):
        dtype, shape = line.split(" ")
        dims = [] if shape == "scalar" else [int(d) for d in shape.split("x")]
        found = np.fromfile(os.path.join(tmp, f"o{i}.raw"), DTYPES[dtype]).reshape(dims)
        if i < len(wanted) and not same(found, narrowed(wanted[i])):
            return "differs", f"output {i}: found {found.shape} {found.ravel()[:6]} wanted {wanted[i].shape} {wanted[i].ravel()[:6]}"
    return "ok", ""


def case(program, folder, tmp):
    model = onnx.load(os.path.join(folder, "model.onnx"))
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx") and opset.version < 7:
            opset.version = 7  # the tests of unchanged operators still say 1 to 6
    data = os.path.join(folder, "test_data_set_0")
    try:
        names = {i.name for i in model.graph.initializer}
        inputs = [i for i in model.graph.input if i.name not in names]
        del model.graph.input[:]
        model.graph.input.extend(inputs)
        arrays = [load(os.path.join(data, f"input_{i}.pb"), v) for i, v in enumerate(inputs)]
        wanted = [load(os.path.join(data, f"output_{i}.pb"), v) for i, v in enumerate(model.graph.output)]
    except Exception as e:
        return "unreadable", str(e)[:80]
    if "BFLOAT16" in os.path.basename(folder) or any(a.dtype.kind in "OUSc" for a in arrays + wanted):
        return "other types", ""
    fixed = {i for i, a in enumerate(arrays) if (a.dtype == np.int64 and a.ndim <= 1) or a.size == 0}
    tries = [fixed, fixed | {i for i in range(1, len(arrays))}, set()]
    first = None
    for which in tries:
        rest = [a for i, a in enumerate(arrays) if i not in which]
        result = run(program, with_constants(model, arrays, which), rest, wanted, tmp)
        if result[0] == "ok":
            return result
        first = result if first is None or result[0] == "differs" else first
    return first


def main():
    update, show = "--update" in sys.argv, "-v" in sys.argv
    args = [a for a in sys.argv[1:] if not a.startswith("-")]
    folders = test_root()
    if not folders:
        print("skipped: needs the package libonnx-testdata")
        return 77
    with open(LIST) as f:
        listed = set(f.read().split())
    passed, bad = set(), 0
    with tempfile.TemporaryDirectory() as tmp:
        for folder in folders:
            name = os.path.basename(folder)
            if len(args) > 1 and not any(a in name for a in args[1:]):
                continue
            if len(args) == 1 and name not in listed and not update and not show:
                continue
            status, text = case(args[0], folder, tmp)
            if status == "ok":
                passed.add(name)
            elif name in listed:
                bad += 1
            if show or (status != "ok" and name in listed):
                print(f"{name}: {status} {text}")
    if update:
        with open(LIST, "w") as f:
            f.write("\n".join(sorted(passed)) + "\n")
    print(f"{len(passed)} pass, {bad} that should do not")
    return 1 if bad else 0


sys.exit(main())
