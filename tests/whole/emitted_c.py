#!/usr/bin/env python3
"""What DESIGN section 5 promises of kernel_function.c, checked on a compiled network:

  - compiles with gcc and clang under plain -O2 -Wall -Wextra -Werror -c, in time, without any other flag
  - defines nothing but its entry points and needs nothing but mem*
  - a 30-line harness under AddressSanitizer and UBSan gives the bytes that axrunmodel gives
  - the targets c, x86-64-v3 and x86-64-avx512vnni, from one quantized_model/, give equal bytes

    emitted_c.py [--bin DIR] [--model FILE.onnx] [--work DIR] [--compile-args ...]
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

TARGETS = ["c", "x86-64-v3", "x86-64-avx512vnni"]
MAX_LINES = 20000
MAX_SECONDS = 30

HARNESS = r"""
#include "kernel_function.h"
#include <stdio.h>
#include <stdlib.h>

static void *get(const char *path, size_t bytes)
{
	void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
	FILE *f = path ? fopen(path, "rb") : NULL;
	if (path && (!f || fread(p, 1, bytes, f) != bytes))
		exit(3);
	if (f)
		fclose(f);
	return p;
}

int main(int argc, char **argv)
{
	void *consts = get(argv[1], CONST_BYTES), *ws[3] = {get(NULL, WS0), get(NULL, WS1), get(NULL, WS2)};
	const size_t in_bytes[] = {IN_BYTES}, out_bytes[] = {OUT_BYTES};
	const void *in[8];
	void *out[64];
	int i, k = 2;
	for (i = 0; i < NUM_IN; i++) { /* exact sizes: reading behind the end is an error here */
		void *p = malloc(in_bytes[i]);
		FILE *f = fopen(argv[k++], "rb");
		if (!f || fread(p, 1, in_bytes[i], f) != in_bytes[i])
			return 4;
		fclose(f);
		in[i] = p;
	}
	for (i = 0; i < NUM_OUT; i++)
		out[i] = malloc(out_bytes[i]);
	if (ENTRY(NULL, consts, ws, in, out))
		return 5;
	for (i = 0; i < NUM_OUT && k < argc; i++) {
		FILE *f = fopen(argv[k++], "wb");
		fwrite(out[i], 1, out_bytes[i], f);
		fclose(f);
		free(out[i]);
	}
	for (i = 0; i < NUM_IN; i++)
		free((void *)in[i]);
	for (i = 0; i < 3; i++)
		free(ws[i]);
	free(consts);
	return 0;
}
"""

SIZES = {"float32": 4, "int8": 1, "uint8": 1, "int16": 2, "int32": 4, "int64": 8, "bool": 1}


def npy_bytes(path):
    """Payload of a .npy file."""
    data = path.read_bytes()
    header = int.from_bytes(data[8:10], "little") if data[6] == 1 else int.from_bytes(data[8:12], "little")
    return data[(10 if data[6] == 1 else 12) + header:]


def npy_write(path, shape, dtype, payload):
    descr = {"float32": "<f4", "int8": "|i1", "uint8": "|u1", "int64": "<i8", "int32": "<i4", "bool": "|b1"}[dtype]
    text = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (descr, "".join(f"{d}, " for d in shape))
    text += " " * ((64 - (10 + len(text) + 1) % 64) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + payload)


def run(cmd, **kw):
    done = subprocess.run([str(c) for c in cmd], capture_output=True, text=True, **kw)
    if done.returncode:
        raise SystemExit(f"FAIL: {' '.join(str(c) for c in cmd)}\nexit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def random_input(port, seed):
    import random
    import struct
    r = random.Random(seed)
    n = 1
    for d in port["shape"]:
        n *= d
    if port["dtype"] == "float32":
        return b"".join(struct.pack("<f", r.gauss(0, 1)) for _ in range(n))
    return bytes(r.randrange(256) for _ in range(n * SIZES[port["dtype"]]))


def bytes_of(port):
    n = SIZES[port["dtype"]]
    for d in port["shape"]:
        n *= d
    return n


def check_source(compiled, prefix):
    source = compiled / "kernel_function.c"
    lines = source.read_text().count("\n")
    assert lines < MAX_LINES, f"kernel_function.c has {lines} lines"
    for cc in ("gcc", "clang"):
        if not shutil.which(cc):
            print(f"  {cc} is not installed: skipped")
            continue
        obj = compiled / f"check-{cc}.o"
        start = time.time()
        run([cc, "-O2", "-Wall", "-Wextra", "-Werror", "-c", source, "-o", obj])
        seconds = time.time() - start
        assert seconds < MAX_SECONDS, f"{cc} took {seconds:.1f} s"
        undefined = run(["nm", "-u", obj]).split()
        undefined = [s for s in undefined if s not in ("U", "_GLOBAL_OFFSET_TABLE_")]
        assert all(s in ("memcpy", "memset", "memmove", "memcmp") for s in undefined), undefined
        defined = [l.split()[-1] for l in run(["nm", "-g", "--defined-only", obj]).splitlines()]
        assert sorted(defined) == sorted(f"{prefix}_{e}" for e in ("contract", "run_i8", "run_f32")), defined
        writable = [l for l in run(["nm", obj]).splitlines() if l.split()[-2] in "dDbB"]
        assert not writable, f"mutable state: {writable}"
        print(f"  {cc}: {lines} lines, {seconds:.1f} s, no undefined symbols but {sorted(set(undefined))}")
        obj.unlink()


def harness(compiled, model, io, inputs, work):
    prefix = model["entry_prefix"]
    ins = model["inputs_f32" if io == "float" else "inputs"]
    outs = model["outputs_f32" if io == "float" else "outputs"]
    (work / "harness.c").write_text(HARNESS)
    define = {
        "CONST_BYTES": model["constants"]["bytes"], "WS0": model["workspace_bytes"][0], "WS1": model["workspace_bytes"][1],
        "WS2": model["workspace_bytes"][2], "NUM_IN": len(ins), "NUM_OUT": len(outs),
        "IN_BYTES": ",".join(str(bytes_of(p)) for p in ins), "OUT_BYTES": ",".join(str(bytes_of(p)) for p in outs),
        "ENTRY": f"{prefix}_run_{'f32' if io == 'float' else 'i8'}",
    }
    exe = work / "harness"
    run(["gcc", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-I", compiled,
         *[f"-D{k}={v}" for k, v in define.items()], work / "harness.c", compiled / "kernel_function.c", "-o", exe])
    results = [work / f"out{i}.bin" for i in range(len(outs))]
    run([exe, compiled / "pool_l2_const.bin", *inputs, *results])
    return [r.read_bytes() for r in results]


def check_target(args, target, quantized, work):
    out = work / target
    run([args.bin / "compile", "-i", quantized, "-o", out, "--overwrite", "--target", target, "-q"])
    compiled = out / "compiled_model"
    model = json.loads((compiled / "model.json").read_text())
    print(f"{target}:")
    check_source(compiled, model["entry_prefix"])
    with open("/proc/cpuinfo") as f:
        flags = f.read()
    if any(x not in flags for x in model["cpu_features"] if x not in ("bmi1", "avx512vnni")):
        print("  this CPU cannot run it: not run")
        return None
    results = {}
    for io in ("float", "int8"):
        ports = model["inputs_f32" if io == "float" else "inputs"]
        raw, npys = [], []
        for i, port in enumerate(ports):
            payload = random_input(port, 17 + i)
            raw.append(work / f"in{i}-{io}.bin")
            raw[-1].write_bytes(payload)
            npys.append(work / f"in{i}-{io}.npy")
            npy_write(npys[-1], port["shape"], port["dtype"], payload)
        flags = []
        for port, npy in zip(ports, npys):
            flags += ["--input", f"{port['name']}={npy}"]
        outdir = work / f"run-{target}-{io}"
        shutil.rmtree(outdir, ignore_errors=True)
        said = json.loads(run([args.bin / "axrunmodel", compiled / "model.json", *flags, "--io", io, "--output-dir", outdir, "--json"]))
        ran = [npy_bytes(outdir / Path(o["file"]).name) for o in said["outputs"]]
        mine = harness(compiled, model, io, raw, work)
        assert ran == mine, f"{target} {io}: the harness and axrunmodel differ"
        results[io] = mine
    print("  sanitized harness gives axrunmodel's bytes on both entry points")
    return results


def main():
    here = Path(__file__).resolve().parents[2]
    p = argparse.ArgumentParser()
    p.add_argument("--bin", type=Path, default=here / "build/bin")
    p.add_argument("--model", type=Path, default=None)
    p.add_argument("--work", type=Path, default=here / "build/emitted_c")
    p.add_argument("--compile-args", nargs=argparse.REMAINDER, default=[])
    args = p.parse_args()
    if args.model is None:
        found = sorted((here / "examples").glob("**/*.onnx"))
        args.model = found[0] if found else Path("absent")
    if not args.model.exists():
        print(f"skipped: {args.model} is absent")
        return 77
    work = args.work / args.model.resolve().parent.name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    run([args.bin / "compile", "-i", args.model, "-o", work / "quantized", "--quantize-only", "-q", *args.compile_args])
    manifest = work / "quantized/quantized_model/quantized_model_manifest.json"
    results = {t: check_target(args, t, manifest, work) for t in TARGETS}
    ran = {t: r for t, r in results.items() if r is not None}
    first = next(iter(ran))
    for t, r in ran.items():
        assert r == ran[first], f"{t} and {first} give different bytes"
    print(f"{', '.join(ran)}: equal bytes")
    return 0


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    sys.exit(main())
