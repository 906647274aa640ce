#!/bin/sh
# The shipped example, as `make run` shows it: a trained network is quantized on real images and compiled
# to C, once in INT8 and once in float32; both run on images that neither training nor
# calibration has seen.
set -eu
cd "$(dirname "$0")/.."
bin=build/bin
out=build/example
python=${PYTHON:-/usr/bin/python3}
mkdir -p $out

compile() { # directory, further options
	directory=$1
	shift
	$bin/compile -i examples/digits/digits.onnx -o "$out/$directory" --overwrite \
		--imageset examples/digits/calib --transform examples/digits/transform.py --color-format GRAY \
		--python "$python" "$@"
}

echo "== compile to INT8"
compile int8
echo "== compile to float32, for comparison"
compile float32 --set precision=float32 -q

echo "== run on held-out images"
"$python" examples/evaluate.py $bin/axrunmodel $out examples/digits

echo "== a C program that uses libaxruntime (examples/classify.c)"
cc -O2 -Iruntime/include examples/classify.c -o $out/classify -Lbuild/lib -laxruntime -lm -Wl,-rpath,"$PWD/build/lib"
$out/classify $out/int8/compiled_model/model.json $out/digit.pgm
