#!/bin/sh
# The kernels as they appear in an emitted file: all of them pasted into one, behind a target pragma
# instead of flags, with -O2 and every warning an error, by each compiler that is here; and no symbol
# left undefined but mem*. Usage: paste.sh SOURCE_ROOT [avx512vnni|avx2|c ...]
root=$1
shift
[ $# -gt 0 ] || set -- c avx2 avx512vnni
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

gcc_target() {
	case $1 in
	avx2) echo 'avx2,fma,f16c,bmi,bmi2' ;;
	avx512vnni) echo 'avx2,fma,f16c,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni' ;;
	esac
}

# Rows of the target: the instruction sets are in the function's name. One line of files per row.
files() {
	tr '\n' ' ' <"$root/kernels/kernels.def" | sed 's|/\*[^*]*\*/||g; s/AXK_KERNEL_/\nAXK_KERNEL_/g' |
		sed -n 's/^AXK_KERNEL_[A-Z0-9]*(\([a-z0-9_]*\),[^"]*"\([^"]*\)".*/\1 \2/p' |
		while read -r name list; do
			[ "$name" = function ] && continue
			case $1:$name in
			*:*_neon* | *:*_dotprod* | *:*_amx*) continue ;;
			c:*_avx* | avx2:*_avx512*) continue ;;
			esac
			echo "$list"
		done | tr ' ' '\n' | awk 'NF && !seen[$0]++'
}

paste_all() {
	echo '#include <immintrin.h>'
	echo '#define AXK_FN static __attribute__((unused))'
	[ "$1" = c ] || echo '#define AXK_HAS_FMA 1'
	echo '#include "kernels/axk.h"'
	echo '#pragma GCC poison axk_fn AxkInfo AxkKind axk_select' # emitted files have the structs alone
	if [ "$1" != c ]; then
		echo '#ifdef __clang__'
		echo "#pragma clang attribute push(__attribute__((target(\"$(gcc_target "$1")\"))), apply_to = function)"
		echo '#else'
		echo "#pragma GCC target(\"$(gcc_target "$1")\")"
		echo '#endif'
	fi
	echo '#ifdef __clang__'
	echo '#pragma STDC FP_CONTRACT OFF'
	echo '#else'
	echo '#pragma GCC optimize("fp-contract=off")'
	echo '#pragma GCC optimize("no-aggressive-loop-optimizations")'
	echo '#pragma GCC optimize("no-delete-null-pointer-checks")'
	echo '#endif'
	for file in $(files "$1"); do
		echo "#line 1 \"kernels/$file\""
		sed '/^#include "/d' "$root/kernels/$file"
	done
	if [ "$1" != c ]; then
		echo '#ifdef __clang__'
		echo '#pragma clang attribute pop'
		echo '#endif'
	fi
}

status=0
for target in "$@"; do
	paste_all "$target" >"$tmp/$target.c"
	for cc in gcc clang; do
		command -v $cc >/dev/null || { echo "skip $cc: not installed"; continue; }
		if ! $cc -std=c11 -O2 -Wall -Wextra -Werror -I"$root" -c "$tmp/$target.c" -o "$tmp/$target.o"; then
			echo "FAIL $cc $target"
			status=1
			continue
		fi
		# functions that nothing calls are dropped, so look at a build that keeps them
		sed 's/static __attribute__((unused))$//' "$tmp/$target.c" | sed 's/^#define AXK_FN.*/#define AXK_FN/' >"$tmp/keep.c"
		$cc -std=c11 -O2 -w -I"$root" -c "$tmp/keep.c" -o "$tmp/keep.o" || status=1
		other=$(nm -u "$tmp/keep.o" | awk '{print $2}' | grep -v '^mem' | grep -v '^_GLOBAL_OFFSET_TABLE_$')
		if [ -n "$other" ]; then
			echo "FAIL $cc $target: undefined symbols: $(echo $other)"
			status=1
		else
			echo "ok   $cc $target: $(wc -l <"$tmp/$target.c") lines"
		fi
	done
done
exit $status
