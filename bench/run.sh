#!/bin/sh
# `make bench`: the networks named on the command line (or MODELS), else those of ../shared/models that the
# project measures itself by, else the shipped example, against ONNX Runtime.
set -eu
cd "$(dirname "$0")/.."
if [ ! -x build/venv/bin/python ]; then
	echo "bench: build/venv is missing (PyPI could not be reached); nothing to compare with" >&2
	exit 1
fi
if [ $# -eq 0 ]; then
	# shellcheck disable=SC2086 # a list
	set -- ${MODELS:-squeezenet1_1 mobilenet_v2_fp32_deq mobilenet_v1_025_224_imagenet mlperf_resnet8_cifar_fp32 yunet_n_320 yolov8n_320_fp32_deq}
fi
n=$#
for name in "$@"; do
	if [ -e "../shared/models/$name" ]; then
		set -- "$@" "../shared/models/$name"
	elif [ -e "$name" ]; then
		set -- "$@" "$name"
	fi
done
shift "$n"
[ $# -gt 0 ] || set -- examples/digits/digits.onnx
exec build/venv/bin/python bench/compare.py "$@"
