"""examples/run.sh works, INT8 is as accurate as float32, and classify.c names the digits.

test_example.py ROOT
"""
import glob
import os
import re
import subprocess
import sys

try:
    import numpy  # noqa: F401  (examples/evaluate.py needs it)
    from PIL import Image
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

ROOT = sys.argv[1]
OUT = os.path.join(ROOT, "build", "example")


def main():
    done = subprocess.run([os.path.join(ROOT, "examples", "run.sh")], stdout=subprocess.PIPE, text=True,
                          env=os.environ | {"PYTHON": sys.executable})
    print(done.stdout)
    if done.returncode:
        return "examples/run.sh failed"
    right = {kind: int(n) for kind, n in re.findall(r"^(float32|int8) +(\d+) of 100", done.stdout, re.M)}
    if right.get("float32", 0) < 97 or right.get("int8", 0) < right["float32"] - 1:
        return f"digits right: {right}"
    wrong = 0
    for kind in ("int8", "float32"):
        model = os.path.join(OUT, kind, "compiled_model", "model.json")
        for path in sorted(glob.glob(os.path.join(ROOT, "examples", "digits", "eval", "*.png")))[::7]:
            pgm = os.path.join(OUT, "test.pgm")
            Image.open(path).convert("L").save(pgm)
            text = subprocess.run([os.path.join(OUT, "classify"), model, pgm], check=True, stdout=subprocess.PIPE,
                                  text=True).stdout
            wrong += not text.startswith(f"class {os.path.basename(path)[0]},")
    return f"classify: {wrong} of 30 digits wrong" if wrong > 1 else 0


if __name__ == "__main__":
    sys.exit(main())
