"""Runs the compiled example on its held-out images and compares INT8 with float32.

usage: evaluate.py AXRUNMODEL OUT EXAMPLE   (OUT holds int8/ and float32/, EXAMPLE eval/ and transform.py)
"""
import glob
import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
from PIL import Image


def load_transform(path):
    spec = importlib.util.spec_from_file_location("transform", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_preprocess_transform


def load_images(directory, transform):
    """Frames [n, 1, 8, 8] and the digits, which are the first letter of the file names."""
    paths = sorted(glob.glob(os.path.join(directory, "*.png")))
    frames = [transform(Image.open(path).convert("L")) for path in paths]
    return np.stack(frames), np.array([int(os.path.basename(path)[0]) for path in paths])


def run(axrunmodel, out, kind, frames):
    """The network's scores for all frames, and its median latency in ms from a second, longer run."""
    model = os.path.join(out, kind, "compiled_model", "model.json")
    scores_dir = os.path.join(out, kind + "_scores")
    command = [axrunmodel, model, "--input", frames, "--io", "float", "--json"]
    report = json.loads(subprocess.run(command + ["--output-dir", scores_dir], check=True,
                                       stdout=subprocess.PIPE).stdout)
    timed = json.loads(subprocess.run(command + ["--seconds", "1"], check=True, stdout=subprocess.PIPE).stdout)
    return np.load(report["outputs"][0]["file"]), timed


def main():
    axrunmodel, out, example = sys.argv[1:4]
    x, digits = load_images(os.path.join(example, "eval"), load_transform(os.path.join(example, "transform.py")))
    frames = os.path.join(out, "frames.npy")
    np.save(frames, x)
    answers = {}
    for kind in ("float32", "int8"):
        scores, timed = run(axrunmodel, out, kind, frames)
        answers[kind] = scores.argmax(axis=1)
        right = int((answers[kind] == digits).sum())
        print(f"{kind:8} {right} of {len(digits)} digits right, median {timed['latency_ms']['median'] * 1000:.1f} us, "
              f"constants {timed['const_bytes'] / 1024:.0f} KiB, workspace {timed['workspace_bytes'] / 1024:.0f} KiB")
    same = int((answers["int8"] == answers["float32"]).sum())
    print(f"INT8 and float32 agree on {same} of {len(digits)}")
    Image.fromarray(np.uint8(x[0, 0] * 255)).save(os.path.join(out, "digit.pgm"))
    if same < 0.95 * len(digits):
        sys.exit("that is less than 95 %")


if __name__ == "__main__":
    main()
