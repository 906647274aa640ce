/* Random cases of the element-wise kinds, reductions, softmax, copies and other data movement. */
#include "tests/kernels/check.h"

static const float specials[] = {0.0f,
				 -0.0f,
				 1.0f,
				 -1.0f,
				 0.5f,
				 -2.5f,
				 1e-40f,
				 3e38f,
				 -3e38f,
				 88.8f,
				 -104.0f,
				 __builtin_inff(),
				 -__builtin_inff(),
				 __builtin_nanf("")};

/* Floats of all sizes, a few of them special; with `mild` none is. */
static void *floats(Case *c, size_t n, bool mild)
{
	float *x = case_own(c, n * sizeof *x);
	float scale = mild ? 8.0f : (float)RNG_PICK(1, 8, 100, 100000);
	for (size_t i = 0; i < n; i++) {
		x[i] = rng_float(-scale, scale);
		if (!mild && rng_chance(30))
			x[i] = specials[rng_range(0,
						  (int)(sizeof specials / sizeof *specials) - 1)];
	}
	return x;
}

static void buffer(Case *c, int i, Role role, size_t bytes, void *data)
{
	c->buf[i] = (Buffer){role, bytes, data};
}

static void float_out(Case *c, size_t n)
{
	buffer(c, 0, ROLE_OUT, n * sizeof(float), NULL);
	c->float_out = true;
}

/* Up to 4 dimensions at the end of 8, small but with long ones. */
static int shape(int dims[8])
{
	int count = 1, rank = rng_range(1, 4);
	for (int i = 0; i < 8; i++)
		dims[i] = 1;
	for (int i = 8 - rank; i < 8; i++) {
		dims[i] = rng_chance(4) ? RNG_PICK(1, 7, 8, 15, 16, 17, 31, 33, 64, 65, 130)
					: rng_range(1, 9);
		if (count * dims[i] > 6000)
			dims[i] = 2;
		count *= dims[i];
	}
	return count;
}

/* Strides of a tensor over dims, in which the dimensions lie in a random order with random gaps; or
 * broadcast ones. Returns the elements spanned. */
static size_t strides(const int dims[8], bool broadcast, bool gaps, int s[8])
{
	int order[8], run = 1;
	for (int i = 0; i < 8; i++)
		order[i] = 7 - i;
	if (gaps)
		for (int i = 0; i < 8; i++) {
			int j = rng_range(0, 7), t = order[i];
			order[i] = order[j];
			order[j] = t;
		}
	for (int i = 0; i < 8; i++) {
		int d = order[i];
		if (dims[d] == 1 || (broadcast && rng_chance(3))) {
			s[d] = 0;
			continue;
		}
		s[d] = run;
		run = run * dims[d] + (gaps && rng_chance(3) ? rng_range(1, 5) : 0);
	}
	size_t span = 1;
	for (int i = 0; i < 8; i++)
		span += (size_t)(dims[i] - 1) * (size_t)s[i];
	return span;
}

void gen_unary_f32(Case *c)
{
	struct axk_unary_f32 *p = &c->p.unary_f32;
	p->op = rng_range(0, AXK_U_ATANH);
	p->n = rng_chance(3) ? rng_range(4000, 9000) : rng_range(1, 100);
	p->alpha = rng_float(0.01f, 2.0f);
	p->beta = p->alpha + rng_float(0.0f, 2.0f);
	float_out(c, (size_t)p->n);
	buffer(c, 1, ROLE_IN, (size_t)p->n * 4, floats(c, (size_t)p->n, false));
}

void gen_binary_f32(Case *c)
{
	struct axk_binary_f32 *p = &c->p.binary_f32;
	int count = shape(p->dims);
	size_t a = strides(p->dims, true, rng_chance(4), p->sa),
	       b = strides(p->dims, true, rng_chance(4), p->sb);
	p->op = rng_range(0, AXK_B_POW);
	bool mild = p->op == AXK_B_MOD || p->op == AXK_B_FMOD;
	float_out(c, (size_t)count);
	buffer(c, 1, ROLE_IN, a * 4, floats(c, a, mild));
	buffer(c, 2, ROLE_IN, b * 4, floats(c, b, mild));
}

static int type_bytes(int type)
{
	return type == AXK_T_I64                        ? 8
	       : type == AXK_T_I32 || type == AXK_T_F32 ? 4
	       : type == AXK_T_I16                      ? 2
							: 1;
}

/* Integers, half of them small. */
static void *integers(Case *c, size_t n, int type)
{
	uint8_t *x = case_bytes(c, n * (size_t)type_bytes(type));
	for (size_t i = 0; i < n; i++) {
		int64_t small = rng_range(-4, 4);
		if (rng_chance(2))
			memcpy(x + i * (size_t)type_bytes(type), &small, (size_t)type_bytes(type));
	}
	return x;
}

void gen_binary_int(Case *c)
{
	struct axk_binary_int *p = &c->p.binary_int;
	int count = shape(p->dims);
	size_t a = strides(p->dims, true, false, p->sa), b = strides(p->dims, true, false, p->sb);
	bool compare = c->kind == AXK_COMPARE;
	p->type = compare && rng_chance(2) ? AXK_T_F32 : rng_range(AXK_T_I8, AXK_T_BOOL);
	p->op = compare ? rng_range(0, AXK_C_GE) : rng_range(0, AXK_B_SIGN);
	size_t bytes = (size_t)type_bytes(p->type);
	buffer(c, 0, ROLE_OUT, (size_t)count * (compare ? 1 : bytes), NULL);
	buffer(c, 1, ROLE_IN, a * bytes,
	       p->type == AXK_T_F32 ? floats(c, a, false) : integers(c, a, p->type));
	buffer(c, 2, ROLE_IN, b * bytes,
	       p->type == AXK_T_F32 ? floats(c, b, false) : integers(c, b, p->type));
}

void gen_where(Case *c)
{
	struct axk_where *p = &c->p.where;
	int count = shape(p->dims);
	size_t k = strides(p->dims, true, false, p->sc), a = strides(p->dims, true, false, p->sa);
	size_t b = strides(p->dims, true, false, p->sb);
	p->elem_bytes = RNG_PICK(1, 2, 4, 8);
	buffer(c, 0, ROLE_OUT, (size_t)count * (size_t)p->elem_bytes, NULL);
	buffer(c, 1, ROLE_IN, k, integers(c, k, AXK_T_I8));
	buffer(c, 2, ROLE_IN, a * (size_t)p->elem_bytes, case_bytes(c, a * (size_t)p->elem_bytes));
	buffer(c, 3, ROLE_IN, b * (size_t)p->elem_bytes, case_bytes(c, b * (size_t)p->elem_bytes));
}

void gen_cast(Case *c)
{
	struct axk_cast *p = &c->p.cast;
	p->from = rng_range(0, AXK_T_BOOL);
	p->to = rng_range(0, AXK_T_BOOL);
	p->n = rng_chance(3) ? rng_range(4000, 9000) : rng_range(1, 100);
	size_t n = (size_t)p->n;
	buffer(c, 0, ROLE_OUT, n * (size_t)type_bytes(p->to), NULL);
	buffer(c, 1, ROLE_IN, n * (size_t)type_bytes(p->from),
	       p->from == AXK_T_F32 ? floats(c, n, false) : integers(c, n, p->from));
}

void gen_reduce(Case *c)
{
	struct axk_reduce *p = &c->p.reduce;
	int dims[8], s[8], count = 1, chain = 1;
	shape(dims);
	size_t span = strides(dims, false, false, s);
	for (int i = 0; i < 8; i++) {
		bool reduced = rng_chance(2);
		p->kdims[i] = reduced ? 1 : dims[i];
		p->ks[i] = reduced ? 0 : s[i];
		p->rdims[i] = reduced ? dims[i] : 1;
		p->rs[i] = reduced ? s[i] : 0;
		count *= p->kdims[i];
		chain *= p->rdims[i];
	}
	bool whole = c->kind == AXK_REDUCE_INT;
	p->op = rng_range(0, whole ? AXK_R_SUMSQUARE : AXK_R_LOGSUMEXP);
	p->type = whole ? rng_range(AXK_T_I8, AXK_T_I64) : AXK_T_F32;
	p->count = (float)chain;
	size_t bytes = (size_t)type_bytes(p->type);
	buffer(c, 0, ROLE_OUT, (size_t)count * bytes, NULL);
	c->float_out = !whole;
	buffer(c, 1, ROLE_IN, span * bytes,
	       whole ? integers(c, span, p->type) : floats(c, span, rng_chance(2)));
	if (p->op == AXK_R_LOGSUMEXP)
		buffer(c, 2, ROLE_IN, (size_t)count * 4, floats(c, (size_t)count, true));
}

/* [outer][c][inner] with about 3,000 elements at most. */
static size_t three(int *outer, int *channels, int *inner)
{
	*inner = rng_chance(2) ? 1 : RNG_PICK(2, 7, 8, 63, 64, 65, 130);
	*outer = rng_range(1, *inner == 1 && rng_chance(2) ? 70 : 5);
	*channels = rng_chance(3) ? rng_range(30, 80) : rng_range(1, 10);
	return (size_t)*outer * (size_t)*channels * (size_t)*inner;
}

void gen_softmax_f32(Case *c)
{
	struct axk_softmax_f32 *p = &c->p.softmax_f32;
	size_t n = three(&p->outer, &p->c, &p->inner);
	p->is_log = rng_chance(3);
	float_out(c, n);
	buffer(c, 1, ROLE_IN, n * 4, floats(c, n, rng_chance(2)));
}

void gen_argmax(Case *c)
{
	struct axk_argmax *p = &c->p.argmax;
	size_t n = three(&p->outer, &p->c, &p->inner);
	p->type = RNG_PICK(AXK_T_F32, AXK_T_I8, AXK_T_I32, AXK_T_I64);
	p->is_min = rng_chance(2);
	p->take_last = rng_chance(2);
	buffer(c, 0, ROLE_OUT, (size_t)p->outer * (size_t)p->inner * 8, NULL);
	buffer(c, 1, ROLE_IN, n * (size_t)type_bytes(p->type),
	       p->type == AXK_T_F32 ? floats(c, n, rng_chance(2)) : integers(c, n, p->type));
}

void gen_cumsum(Case *c)
{
	struct axk_cumsum *p = &c->p.cumsum;
	size_t n = three(&p->outer, &p->c, &p->inner);
	p->type = RNG_PICK(AXK_T_F32, AXK_T_I32, AXK_T_I64);
	p->exclusive = rng_chance(2);
	p->reverse = rng_chance(2);
	size_t bytes = n * (size_t)type_bytes(p->type);
	buffer(c, 0, ROLE_OUT, bytes, NULL);
	buffer(c, 1, ROLE_IN, bytes,
	       p->type == AXK_T_F32 ? floats(c, n, true) : integers(c, n, p->type));
}

void gen_topk(Case *c)
{
	struct axk_topk *p = &c->p.topk;
	size_t n = three(&p->outer, &p->c, &p->inner);
	p->type = RNG_PICK(AXK_T_F32, AXK_T_I32, AXK_T_I64);
	p->smallest = rng_chance(2);
	p->k = rng_range(1, p->c);
	size_t out = (size_t)p->outer * (size_t)p->k * (size_t)p->inner,
	       bytes = (size_t)type_bytes(p->type);
	buffer(c, 0, ROLE_OUT, out * bytes, NULL);
	buffer(c, 1, ROLE_OUT, out * 8, NULL);
	buffer(c, 2, ROLE_IN, n * bytes,
	       p->type == AXK_T_F32 ? floats(c, n, rng_chance(2)) : integers(c, n, p->type));
}

/* Indices in and out of range: kernels clamp. */
static void *indices(Case *c, size_t n, int extent)
{
	int64_t *x = case_own(c, n * sizeof *x);
	for (size_t i = 0; i < n; i++)
		x[i] = rng_chance(20) ? rng_range(-100000, 100000) : rng_range(-extent, extent - 1);
	return x;
}

void gen_gather(Case *c)
{
	struct axk_gather *p = &c->p.gather;
	size_t n = three(&p->outer, &p->axis, &p->inner);
	p->elem_bytes = RNG_PICK(1, 2, 4, 8);
	p->index_type = AXK_T_I64;
	p->n = rng_range(1, 20);
	size_t e = (size_t)p->elem_bytes;
	buffer(c, 0, ROLE_OUT, (size_t)p->outer * (size_t)p->n * (size_t)p->inner * e, NULL);
	buffer(c, 1, ROLE_IN, n * e, case_bytes(c, n * e));
	buffer(c, 2, ROLE_IN, (size_t)p->n * 8, indices(c, (size_t)p->n, p->axis));
}

void gen_gather_elements(Case *c)
{
	struct axk_gather_elements *p = &c->p.gather_elements;
	int dims[8], count = 1;
	shape(dims);
	size_t n = strides(dims, false, false, p->sx);
	p->elem_bytes = RNG_PICK(1, 2, 4, 8);
	p->index_type = AXK_T_I64;
	p->axis = rng_range(4, 7);
	p->extent = dims[p->axis];
	for (int i = 0; i < 8; i++) {
		p->dims[i] = i == p->axis   ? rng_range(1, 12)
			     : dims[i] == 1 ? 1
					    : rng_range(1, dims[i]);
		count *= p->dims[i];
	}
	size_t e = (size_t)p->elem_bytes;
	buffer(c, 0, ROLE_OUT, (size_t)count * e, NULL);
	buffer(c, 1, ROLE_IN, n * e, case_bytes(c, n * e));
	buffer(c, 2, ROLE_IN, (size_t)count * 8, indices(c, (size_t)count, p->extent));
}

/* Index tuples into a dense tensor of 4 dimensions: k of them indexed, the rest copied or written. */
static size_t tuples(int k, int inner_dims[8], int strides_of[8], int *inner)
{
	int dims[8];
	shape(dims);
	size_t n = strides(dims, false, false, strides_of);
	*inner = 1;
	for (int i = 0; i < 4; i++) {
		inner_dims[i] = i < k ? dims[4 + i] : 0;
		*inner *= i < k ? 1 : dims[4 + i];
	}
	int run = 1;
	for (int i = 3; i >= 0; i--) {
		strides_of[i] = i < k ? run : 0;
		run *= dims[4 + i];
	}
	for (int i = 4; i < 8; i++)
		strides_of[i] = 0;
	return n;
}

void gen_gather_nd(Case *c)
{
	struct axk_gather_nd *p = &c->p.gather_nd;
	p->k = rng_range(1, 4);
	size_t n = tuples(p->k, p->dims, p->sx, &p->inner), e;
	p->elem_bytes = RNG_PICK(1, 2, 4, 8);
	p->index_type = AXK_T_I64;
	p->batch = rng_range(1, 3);
	p->batch_stride = (int)n;
	p->n = rng_range(1, 12);
	e = (size_t)p->elem_bytes;
	size_t count = (size_t)p->batch * (size_t)p->n;
	buffer(c, 0, ROLE_OUT, count * (size_t)p->inner * e, NULL);
	buffer(c, 1, ROLE_IN, (size_t)p->batch * n * e, case_bytes(c, (size_t)p->batch * n * e));
	buffer(c, 2, ROLE_IN, count * (size_t)p->k * 8, indices(c, count * (size_t)p->k, 8));
}

void gen_scatter_nd(Case *c)
{
	struct axk_scatter_nd *p = &c->p.scatter_nd;
	p->k = rng_range(1, 4);
	size_t n = tuples(p->k, p->dims, p->sy, &p->inner);
	p->type = RNG_PICK(AXK_T_F32, AXK_T_I8, AXK_T_I32, AXK_T_I64);
	p->op = rng_range(0, AXK_S_MAX);
	p->index_type = AXK_T_I64;
	p->n = rng_range(1, 12);
	c->float_out = p->type == AXK_T_F32;
	size_t e = (size_t)type_bytes(p->type), updates = (size_t)p->n * (size_t)p->inner;
	buffer(c, 0, ROLE_OUT, n * e, NULL);
	buffer(c, 1, ROLE_IN, (size_t)p->n * (size_t)p->k * 8, indices(c, (size_t)p->n * (size_t)p->k, 8));
	buffer(c, 2, ROLE_IN, updates * e,
	       c->float_out ? floats(c, updates, true) : integers(c, updates, p->type));
}

void gen_scatter_elements(Case *c)
{
	struct axk_scatter_elements *p = &c->p.scatter_elements;
	int dims[8], count = 1;
	shape(dims);
	size_t n = strides(dims, false, false, p->sy);
	p->type = RNG_PICK(AXK_T_F32, AXK_T_I8, AXK_T_I32, AXK_T_I64);
	p->op = rng_range(0, AXK_S_MAX);
	p->index_type = AXK_T_I64;
	p->axis = rng_range(4, 7);
	p->extent = dims[p->axis];
	for (int i = 0; i < 8; i++) {
		p->dims[i] = i == p->axis ? rng_range(1, 12) : dims[i] == 1 ? 1 : rng_range(1, dims[i]);
		count *= p->dims[i];
	}
	c->float_out = p->type == AXK_T_F32;
	size_t e = (size_t)type_bytes(p->type), updates = (size_t)count;
	buffer(c, 0, ROLE_OUT, n * e, NULL);
	buffer(c, 1, ROLE_IN, updates * 8, indices(c, updates, p->extent));
	buffer(c, 2, ROLE_IN, updates * e,
	       c->float_out ? floats(c, updates, true) : integers(c, updates, p->type));
}

void gen_copy(Case *c)
{
	struct axk_copy *p = &c->p.copy;
	shape(p->dims);
	size_t y = strides(p->dims, false, true, p->sy);
	size_t x = strides(p->dims, rng_chance(4), rng_chance(2), p->sx);
	if (rng_chance(3)) /* the same order on both sides: long runs */
		x = strides(p->dims, false, false, p->sx);
	p->elem_bytes = RNG_PICK(1, 1, 2, 4, 4, 8);
	if (rng_chance(6)) { /* pixels with and without padding */
		int n = rng_range(1, 5), ly = n + rng_range(0, 1), lx = n + rng_range(0, 1),
		    px = rng_range(1, 200);
		memcpy(p->dims, (int[8]){1, 1, 1, 1, 1, 1, px, n}, sizeof p->dims);
		memcpy(p->sy, (int[8]){0, 0, 0, 0, 0, 0, ly, 1}, sizeof p->sy);
		memcpy(p->sx, (int[8]){0, 0, 0, 0, 0, 0, lx, 1}, sizeof p->sx);
		y = (size_t)((px - 1) * ly + n);
		x = (size_t)((px - 1) * lx + n);
	}
	p->flip = p->elem_bytes == 1 && rng_chance(2) ? 128 : 0;
	size_t e = (size_t)p->elem_bytes;
	buffer(c, 0, ROLE_OUT, y * e, NULL);
	buffer(c, 1, ROLE_IN, x * e, case_bytes(c, x * e));
}

void gen_fill(Case *c)
{
	struct axk_fill *p = &c->p.fill;
	shape(p->dims);
	size_t y = strides(p->dims, false, true, p->sy);
	p->elem_bytes = RNG_PICK(1, 2, 4, 8);
	buffer(c, 0, ROLE_OUT, y * (size_t)p->elem_bytes, NULL);
	buffer(c, 1, ROLE_IN, (size_t)p->elem_bytes, case_bytes(c, (size_t)p->elem_bytes));
}

void gen_move(Case *c)
{
	struct axk_move *p = &c->p.move;
	shape(p->dims);
	size_t y = strides(p->dims, false, rng_chance(2), p->sy), total = 0, span = 1;
	p->elem_bytes = RNG_PICK(1, 2, 4, 8);
	for (int i = 0; i < 8; i++)
		total += (size_t)p->dims[i];
	int32_t *t = case_own(c, total * sizeof *t);
	size_t at = 0;
	for (int d = 0; d < 8; d++) {
		int highest = 0, run = rng_chance(2), first = rng_range(0, 9);
		for (int i = 0; i < p->dims[d]; i++, at++) {
			t[at] = run ? first + i : rng_chance(9) ? -1 : rng_range(0, 50);
			highest = t[at] > highest ? t[at] : highest;
		}
		span += (size_t)highest;
	}
	size_t e = (size_t)p->elem_bytes;
	buffer(c, 0, ROLE_OUT, y * e, NULL);
	buffer(c, 1, ROLE_IN, span * e, case_bytes(c, span * e));
	buffer(c, 2, ROLE_IN, total * sizeof *t, t);
	buffer(c, 3, ROLE_IN, e, case_bytes(c, e));
}

/* Layout changes between channel-first and channel-last in front, anything behind. */
static size_t quant_strides(struct axk_quant *p, size_t *ret_x)
{
	if (rng_chance(3)) {
		shape(p->dims);
		size_t y = strides(p->dims, false, rng_chance(2), p->sy);
		*ret_x = strides(p->dims, false, rng_chance(2), p->sx);
		return y;
	}
	int n = rng_range(1, 2), ch = RNG_PICK(1, 2, 3, 3, 4, 8, 15, 16, 17, 32, 40),
	    px = rng_range(1, 150);
	int ld = ch + RNG_PICK(0, 0, 1, 5), d[8] = {1, 1, 1, 1, 1, n, ch, px};
	int last[8] = {0, 0, 0, 0, 0, px * ld, 1, ld}, first[8] = {0, 0, 0, 0, 0, ch * px, px, 1};
	bool to_last = rng_chance(2);
	memcpy(p->dims, d, sizeof d);
	memcpy(p->sy, to_last ? last : first, sizeof last);
	memcpy(p->sx, to_last ? first : last, sizeof last);
	size_t dense = (size_t)n * (size_t)ch * (size_t)px,
	       wide = (size_t)n * (size_t)px * (size_t)ld - (size_t)(ld - ch);
	*ret_x = to_last ? dense : wide;
	return to_last ? wide : dense;
}

void gen_quant(Case *c)
{
	struct axk_quant *p = &c->p.quant;
	size_t x, y = quant_strides(p, &x);
	bool quantize = c->kind == AXK_QUANTIZE;
	p->s = rng_chance(3) ? 1.0f / 16 : rng_float(0.01f, 3.0f);
	p->zp = RNG_PICK(0, 128, 255, rng_range(0, 255));
	p->flip = rng_chance(2) ? 128 : 0;
	buffer(c, 0, ROLE_OUT, y * (quantize ? 1 : 4), NULL);
	if (quantize) {
		float *f = floats(c, x, false);
		for (size_t i = 0; i < x && rng_chance(2); i++) /* ties */
			f[i] = ((float)rng_range(-300, 300) + 0.5f) * p->s;
		buffer(c, 1, ROLE_IN, x * 4, f);
	} else {
		buffer(c, 1, ROLE_IN, x, case_bytes(c, x));
	}
}
