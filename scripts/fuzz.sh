#!/bin/sh
# Fuzzes every target of tests/fuzz for FUZZ_SECONDS each (default 600), starting from its corpus in
# tests/fuzz/corpus/NAME; findings are left in build-fuzz/findings.
set -eu
cd "$(dirname "$0")/.."
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz
mkdir -p build-fuzz/findings
status=0
for program in build-fuzz/bin/fuzz_*; do
	[ -x "$program" ] || continue
	name=$(basename "$program" | sed 's/^fuzz_//')
	mkdir -p "build-fuzz/corpus/$name" "tests/fuzz/corpus/$name"
	echo "== $name"
	"$program" -max_total_time="${FUZZ_SECONDS:-600}" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
		-artifact_prefix="build-fuzz/findings/$name-" \
		"build-fuzz/corpus/$name" "tests/fuzz/corpus/$name" || status=1
done
exit $status
