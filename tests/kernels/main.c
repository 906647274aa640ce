/* The checker: axk-check [--bench] [--cases N] [--rows N] [--seed N] [part of a kernel's name].
 * It cannot pass by checking nothing. The exit code is 1 when a row differs from its reference, when a row took
 * fewer than ENOUGH cases, when (without a name) a kind had no row checked or its cases are missing, or when fewer
 * rows than --rows asks for were checked; a row that did not run is printed as skipped. */
#include "tests/kernels/check.h"

#include <stdio.h>
#include <stdlib.h>

typedef void Generator(Case *c);

static Generator *const generators[AXK_KIND_COUNT] = {
	[AXK_CONV_U8] = gen_conv,
	[AXK_DWCONV_U8] = gen_conv,
	[AXK_CONVT_U8] = gen_conv,
	[AXK_DENSE_U8] = gen_conv,
	[AXK_MAXPOOL_U8] = gen_pool,
	[AXK_AVGPOOL_U8] = gen_pool,
	[AXK_MEAN_U8] = gen_mean,
	[AXK_REQUANT] = gen_requant,
	[AXK_ADD_U8] = gen_binary,
	[AXK_MUL_U8] = gen_binary,
	[AXK_LUT_U8] = gen_lut,
	[AXK_SOFTMAX_U8] = gen_softmax,
	[AXK_RESIZE_LINEAR_U8] = gen_resize,
	[AXK_CONV_F32] = gen_conv_f32,
	[AXK_CONVT_F32] = gen_conv_f32,
	[AXK_CONV3D_F32] = gen_conv3d_f32,
	[AXK_MATMUL_F32] = gen_matmul_f32,
	[AXK_MAXPOOL_F32] = gen_pool_f32,
	[AXK_AVGPOOL_F32] = gen_pool_f32,
	[AXK_GAVGPOOL_F32] = gen_gpool_f32,
	[AXK_GMAXPOOL_F32] = gen_gpool_f32,
	[AXK_BATCHNORM_F32] = gen_batchnorm_f32,
	[AXK_NORM_F32] = gen_norm_f32,
	[AXK_LRN_F32] = gen_lrn_f32,
	[AXK_RESIZE_F32] = gen_resize_f32,
	[AXK_UNARY_F32] = gen_unary_f32,
	[AXK_BINARY_F32] = gen_binary_f32,
	[AXK_BINARY_INT] = gen_binary_int,
	[AXK_COMPARE] = gen_binary_int,
	[AXK_WHERE] = gen_where,
	[AXK_CAST] = gen_cast,
	[AXK_REDUCE_F32] = gen_reduce,
	[AXK_REDUCE_INT] = gen_reduce,
	[AXK_SOFTMAX_F32] = gen_softmax_f32,
	[AXK_ARGMAX] = gen_argmax,
	[AXK_CUMSUM] = gen_cumsum,
	[AXK_TOPK] = gen_topk,
	[AXK_GATHER] = gen_gather,
	[AXK_GATHER_ELEMENTS] = gen_gather_elements,
	[AXK_GATHER_ND] = gen_gather_nd, [AXK_SCATTER_ND] = gen_scatter_nd,
	[AXK_SCATTER_ELEMENTS] = gen_scatter_elements,
	[AXK_COPY] = gen_copy,
	[AXK_FILL] = gen_fill,
	[AXK_MOVE] = gen_move,
	[AXK_QUANTIZE] = gen_quant,
	[AXK_DEQUANTIZE] = gen_quant,
};

/* Cases that each row has to take, and how many are tried for them, in multiples of --cases. */
enum { ENOUGH = 40, TRIES = 20 };

static int n_checked, n_skipped, n_failed;
static int checked_of_kind[AXK_KIND_COUNT];

/* The portable row that serves a case; portable rows are their own reference (plain against AVX2
 * build). */
static const AxkInfo *reference(const AxkInfo *row, const Case *c)
{
	for (const AxkInfo *k = axk_table; k->name && row->isa != AXK_ISA_C; k++)
		if (k->kind == row->kind && k->isa == AXK_ISA_C && (!k->fits || k->fits(&c->p)))
			return k;
	return row;
}

static void print_params(const Case *c)
{
	int n;
	const AxkField *f = axk_kind_fields(c->kind, &n);
	for (int i = 0; i < n; i++, f++) {
		const char *at = c->p.bytes + f->offset;
		for (int j = 0; j < f->count; j++, at += 4) {
			int32_t v;
			float x;
			memcpy(&v, at, 4);
			memcpy(&x, at, 4);
			if (f->type == AXK_FIELD_FLOAT)
				printf(" %s=%g", f->name, (double)x);
			else
				printf("%s%s%d", j ? "," : " ", j ? "" : f->name, v);
		}
	}
	printf("\n");
}

/* Runs the units in random pieces and in random order. */
static void run_split(Run *r, const Case *c, const AxkInfo *row, axk_fn *fn)
{
	int units = run_unit_count(c, row), cut[4] = {0, 0, 0, units};
	cut[1] = rng_range(0, units);
	cut[2] = rng_range(cut[1], units);
	bool backwards = rng_chance(2);
	for (int i = 0; i < 3; i++) {
		int piece = backwards ? 2 - i : i;
		if (cut[piece] < cut[piece + 1])
			run_units(r, c, fn, cut[piece], cut[piece + 1]);
	}
}

static bool both_nan(const Case *c, const Run *r, const Run *q, int i, size_t at)
{
	float x, y;
	if (!c->float_out || i)
		return false;
	memcpy(&x, r->buf[i].data + at / 4 * 4, sizeof x);
	memcpy(&y, q->buf[i].data + at / 4 * 4, sizeof y);
	return x != x && y != y;
}

static bool equal(const Case *c, const Run *a, const Run *b)
{
	for (int i = 0; i < AXK_MAX_BUFS; i++) {
		if (c->buf[i].role == ROLE_NONE)
			continue;
		if (!guarded_intact(&a->buf[i]) || !guarded_intact(&b->buf[i])) {
			printf("  buffer %d: bytes outside of it were written\n", i);
			return false;
		}
		if (c->buf[i].role == ROLE_PACKED)
			continue;
		for (size_t at = 0; at < a->buf[i].bytes; at++) {
			if (a->buf[i].data[at] != b->buf[i].data[at] && !both_nan(c, a, b, i, at)) {
				printf("  buffer %d byte %zu of %zu: %d, reference %d\n", i, at,
				       a->buf[i].bytes, a->buf[i].data[at], b->buf[i].data[at]);
				return false;
			}
		}
	}
	if (!guarded_intact(&a->scratch)) {
		printf("  scratch: bytes outside of it were written\n");
		return false;
	}
	return true;
}

/* 1: equal, 0: different, -1: the row does not take this case. */
static int check_case(const AxkInfo *row, axk_fn *fn, uint64_t seed)
{
	Case c = {.kind = row->kind};
	rng_state = seed;
	generators[row->kind](&c);
	const AxkInfo *ref = reference(row, &c);
	int result = -1;
	if (!row->fits || row->fits(&c.p)) {
		Run got, want;
		run_new(&want, &c, ref, seed);
		run_units(&want, &c, axk_run_fn(ref) == fn ? ref->fn : axk_run_fn(ref), 0,
			  run_unit_count(&c, ref));
		run_new(&got, &c, row, seed);
		run_split(&got, &c, row, fn);
		result = equal(&c, &got, &want);
		if (!result) {
			printf("FAIL %s seed %llu:", row->name, (unsigned long long)seed);
			print_params(&c);
		}
		run_free(&got);
		run_free(&want);
	}
	case_free(&c);
	return result;
}

static void check_row(const AxkInfo *row, axk_fn *fn, const char *what, uint64_t seed, int cases)
{
	const int enough = cases < ENOUGH ? cases : ENOUGH;
	int ran = 0, failed = 0;
	for (int i = 0; (i < cases || (ran < enough && i < cases * TRIES)) && failed < 3; i++) {
		int result = check_case(row, fn, seed * 1000003 + (uint64_t)i);
		ran += result >= 0;
		failed += result == 0;
	}
	if (failed || ran >= enough)
		printf("%s %s%s: %d cases\n", failed ? "FAIL" : "ok  ", row->name, what, ran);
	else
		printf("FAIL %s%s: only %d of %d cases fit, at least %d have to\n", row->name, what, ran,
		       cases * TRIES, enough);
	n_failed += failed || ran < enough;
	n_checked++;
	checked_of_kind[row->kind]++;
}

static void skip(const AxkInfo *row, const char *why)
{
	printf("skip %s: %s\n", row->name, why);
	n_skipped++;
}

static void check_all(const char *filter, uint64_t seed, int cases)
{
	unsigned isa = axk_cpu_isa();
	for (const AxkInfo *k = axk_table; k->name; k++) {
		if (filter && !strstr(k->name, filter))
			continue;
		if (!generators[k->kind])
			skip(k, "this checker has no cases of its kind");
		else if (!k->fn)
			skip(k, "not built for this machine");
		else if (k->isa & ~isa)
			skip(k, "the CPU lacks its instructions");
		else if (k->isa != AXK_ISA_C)
			check_row(k, k->fn, "", seed, cases);
		else if (k->fn_native && (isa & AXK_ISA_AVX2))
			check_row(k, k->fn_native, " (AVX2 build against plain build)", seed,
				  cases);
		else
			skip(k, "the reference itself, and this CPU has no second build of it");
		fflush(stdout);
	}
}

/* On x86-64 with AVX2 every kind has a row that something can be compared with. */
static void require_kinds(void)
{
	for (int kind = 0; kind < AXK_KIND_COUNT && (axk_cpu_isa() & AXK_ISA_AVX2); kind++)
		if (!checked_of_kind[kind]) {
			printf("FAIL %s: no row of this kind was checked\n", axk_kind_name((AxkKind)kind));
			n_failed++;
		}
}

int main(int argc, char **argv)
{
	const char *filter = NULL;
	int cases = 150, rows = 1;
	uint64_t seed = 1;
	bool measure = false;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--bench") == 0)
			measure = true;
		else if (strcmp(argv[i], "--cases") == 0 && i + 1 < argc)
			cases = atoi(argv[++i]);
		else if (strcmp(argv[i], "--rows") == 0 && i + 1 < argc)
			rows = atoi(argv[++i]);
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 10);
		else
			filter = argv[i];
	}
	if (cases < 1 || rows < 1) {
		printf("axk-check: --cases and --rows take positive numbers\n");
		return 2;
	}
	if (measure)
		return bench(filter);
	check_all(filter, seed, cases);
	if (!filter)
		require_kinds();
	printf("%d checked, %d failed, %d skipped\n", n_checked, n_failed, n_skipped);
	if (n_checked < rows)
		printf("FAIL: %d rows checked, at least %d wanted\n", n_checked, rows);
	return n_failed || n_checked < rows;
}
