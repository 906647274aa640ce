#!/bin/sh
# What `make test` runs: release build and tests, the same under ASan+UBSan, a Clang build, a build in
# which allocations and file operations fail on demand, and its test; each build counts as one test. Ends with "N passed, N failed, N skipped"; fails if something failed.
#   run-tests.sh        tests labelled "long" are left out, those labelled "release" run in the release build only
#   run-tests.sh long   everything, in both builds
set -u
cd "$(dirname "$0")/.."
mode=${1:-short}
jobs=$(nproc)
passed=0 failed=0 skipped=0

count() { # name, exit status
	if [ "$2" = 0 ]; then
		echo "PASS: $1"
		passed=$((passed + 1))
	else
		echo "FAIL: $1"
		failed=$((failed + 1))
	fi
}

build() { # preset
	cmake --preset "$1" >/dev/null && cmake --build --preset "$1" -- --quiet -k 0
	status=$?
	count "build $1 (warnings are errors)" $status
	return $status
}

attribute() { # file, name: the number in the <testsuite> element
	sed -n "s/.*[[:space:]]$2=\"\([0-9]*\)\".*/\1/p" "$1" | head -n 1
}

run_ctest() { # directory, further arguments
	directory=$1
	shift
	report=$PWD/$directory/ctest.xml
	rm -f "$report"
	ctest --test-dir "$directory" --output-on-failure --timeout 900 -j "$jobs" \
		--output-junit "$report" "$@"
	status=$?
	if [ ! -s "$report" ]; then
		count "ctest in $directory" 1
		return
	fi
	# one attribute to a line, so that sed finds them wherever CTest breaks lines
	tr '[:space:]' '\n' <"$report" | sed 's/^/ /' >"$report.lines"
	n=$(attribute "$report.lines" tests)
	bad=$(attribute "$report.lines" failures)
	off=$(($(attribute "$report.lines" skipped) + $(attribute "$report.lines" disabled)))
	passed=$((passed + n - bad - off))
	failed=$((failed + bad))
	skipped=$((skipped + off))
	[ "$status" = 0 ] || [ "$bad" -gt 0 ] || count "ctest in $directory" "$status"
}

if [ "$mode" = long ]; then
	export AXC_LONG=1
	release="" sanitized=""
else
	release="-LE long" sanitized="-LE long|release"
fi
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:allocator_may_return_null=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"

if [ ! -e build/venv/complete ]; then
	echo "SKIP: comparisons with ONNX Runtime (no build/venv: PyPI could not be reached)"
	skipped=$((skipped + 1))
fi
# shellcheck disable=SC2086 # empty or two words
build release && run_ctest build $release
# shellcheck disable=SC2086
build asan && run_ctest build-asan $sanitized
build clang
build fault && run_ctest build-fault -R '^fault'

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
