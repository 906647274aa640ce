#!/bin/sh
# Installs the Debian packages that a purpose needs: install-deps.sh build|run|test|fuzz
# As root without asking, otherwise it prints what to run and fails. Does nothing (and is quick) when
# all are there; on systems without dpkg it says what is needed and goes on.
set -eu

build="gcc g++ make cmake ninja-build pkg-config protobuf-c-compiler libprotobuf-c-dev libzip-dev"
run="python3 python3-numpy python3-pil"
test="libcmocka-dev clang python3-opencv python3-torch python3-onnx python3-venv python3-jsonschema
	libonnx-testdata locales qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross zsh"
fuzz="clang libclang-rt-14-dev"

case "${1:-}" in
build) wanted="$build" ;;
run) wanted="$build $run" ;;
test) wanted="$build $run $test" ;;
fuzz) wanted="$build $fuzz" ;;
*)
	echo "usage: $0 build|run|test|fuzz" >&2
	exit 2
	;;
esac

if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "note: no dpkg here; make sure that these (Debian names) are installed:" $wanted >&2
	exit 0
fi

missing=""
for package in $wanted; do
	state=$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null || true)
	case "$state" in
	ii*) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "These Debian packages are missing; install them with:" >&2
	echo "    sudo apt-get install --no-install-recommends$missing" >&2
	exit 1
fi

echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # the list is meant to split
if ! apt-get install -y -q --no-install-recommends $missing; then
	apt-get update -q
	apt-get install -y -q --no-install-recommends $missing
fi
