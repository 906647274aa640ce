#!/bin/sh
# build/venv: ONNX Runtime from PyPI, the peer that tests and benchmarks compare with. When PyPI cannot
# be reached this says so and succeeds; what needs it is then skipped.
set -eu
cd "$(dirname "$0")/.."
venv=build/venv
[ ! -e $venv/complete ] || exit 0
mkdir -p build
if python3 -m venv $venv >build/venv.log 2>&1 &&
	$venv/bin/pip install --disable-pip-version-check -q --retries 1 --timeout 20 \
		onnxruntime onnx numpy pillow >>build/venv.log 2>&1; then
	touch $venv/complete
else
	echo "note: ONNX Runtime could not be installed (see build/venv.log); comparisons with it are skipped" >&2
	rm -rf $venv
fi
