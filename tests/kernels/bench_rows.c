/* What the benchmark measures of the kernels without weights whose cases have no layer's shape: one
 * line each, of a size that fits the L2 cache. */
#include "tests/kernels/check.h"

const BenchRow bench_rows[] = {
	{"requantize 784x192", AXK_REQUANT, 0, {784, 192}},
	{"softmax_u8 64 rows of 64", AXK_SOFTMAX_U8, 0, {64, 64, 1}},
	{"softmax_u8 4x16x2100", AXK_SOFTMAX_U8, 0, {4, 16, 2100}},
	{"softmax_u8 1000", AXK_SOFTMAX_U8, 0, {1, 1000, 1}},
	{"resize_u8 28 to 56, 64 channels", AXK_RESIZE_LINEAR_U8, 0, {28, 56, 64}},
	{"quantize 3x224x224 to pixels", AXK_QUANTIZE, 0, {3, 50176, 3, 1}},
	{"quantize 150528", AXK_QUANTIZE, 0, {1, 150528, 1, 0}},
	{"dequantize 64x784 from NHWC", AXK_DEQUANTIZE, 0, {64, 784, 64, 1}},
	{"dequantize 150528", AXK_DEQUANTIZE, 0, {1, 150528, 1, 0}},
	{"copy 784x64 bytes to NCHW", AXK_COPY, 1, {64, 784, 64, 1}},
	{"copy 196x192 floats transposed", AXK_COPY, 4, {192, 196, 192, 1}},
	{"add 64x784", AXK_BINARY_F32, AXK_B_ADD, {64, 784, 0}},
	{"mul 64x784 by row", AXK_BINARY_F32, AXK_B_MUL, {64, 784, 1}},
	{"add 196x192 by column", AXK_BINARY_F32, AXK_B_ADD, {196, 192, 2}},
	{"div 64x784", AXK_BINARY_F32, AXK_B_DIV, {64, 784, 0}},
	{"max 64x784", AXK_BINARY_F32, AXK_B_MAX, {64, 784, 0}},
	{"clip", AXK_UNARY_F32, AXK_U_CLIP, {50176}},
	{"sqrt", AXK_UNARY_F32, AXK_U_SQRT, {50176}},
	{"hardswish", AXK_UNARY_F32, AXK_U_HARDSWISH, {50176}},
	{"exp", AXK_UNARY_F32, AXK_U_EXP, {50176}},
	{"log", AXK_UNARY_F32, AXK_U_LOG, {50176}},
	{"sigmoid", AXK_UNARY_F32, AXK_U_SIGMOID, {50176}},
	{"tanh", AXK_UNARY_F32, AXK_U_TANH, {50176}},
	{"gelu", AXK_UNARY_F32, AXK_U_GELU, {50176}},
	{"max pool 64x56x56 3/2", AXK_MAXPOOL_F32, 0, {64, 56, 3, 2, 1}},
	{"max pool 128x20x20 5/1", AXK_MAXPOOL_F32, 0, {128, 20, 5, 1, 2}},
	{"max pool 64x56x56 2/2", AXK_MAXPOOL_F32, 0, {64, 56, 2, 2, 0}},
	{"average pool 64x28x28 3/1", AXK_AVGPOOL_F32, 0, {64, 28, 3, 1, 1}},
	{"average pool 64x56x56 2/2", AXK_AVGPOOL_F32, 0, {64, 56, 2, 2, 0}},
	{"mean of 576 planes of 196", AXK_GAVGPOOL_F32, 0, {576, 196}},
	{"mean of 1280 planes of 49", AXK_GAVGPOOL_F32, 0, {1280, 49}},
	{"maximum of 576 planes of 196", AXK_GMAXPOOL_F32, 0, {576, 196}},
	{"batchnorm 64x784", AXK_BATCHNORM_F32, 0, {64, 784}},
	{"layernorm 196x192", AXK_NORM_F32, 0, {196, 192, 1}},
	{"instancenorm 64x784", AXK_NORM_F32, 0, {64, 784, 784}},
	{"resize 28 to 56, rows of 56", AXK_RESIZE_F32, 0, {32, 28, 56, 56}},
	{"resize 28 to 56, columns", AXK_RESIZE_F32, 0, {896, 28, 56, 1}},
	{"softmax 780 rows of 65", AXK_SOFTMAX_F32, 0, {780, 65, 1}},
	{"softmax 4x16x2100", AXK_SOFTMAX_F32, 0, {4, 16, 2100}},
	{"softmax 1000", AXK_SOFTMAX_F32, 0, {1, 1000, 1}},
	{"mean of 196 rows of 192", AXK_REDUCE_F32, AXK_R_MEAN, {196, 192, 1}},
	{"mean of 192 columns of 196", AXK_REDUCE_F32, AXK_R_MEAN, {196, 192, 0}},
};
const int n_bench_rows = (int)(sizeof bench_rows / sizeof *bench_rows);

static void floats_in(Case *c, int i, size_t n)
{
	float *x = case_own(c, n * sizeof *x);
	for (size_t k = 0; k < n; k++)
		x[k] = rng_float(0.1f, 2.0f);
	c->buf[i] = (Buffer){ROLE_IN, n * sizeof *x, x};
}

/* n elements in and out. */
static void in_out(Case *c, size_t in, size_t out)
{
	floats_in(c, 1, in);
	c->buf[0] = (Buffer){ROLE_OUT, out * sizeof(float), NULL};
	c->macs = (double)(in > out ? in : out);
}

static void binary(Case *c, const BenchRow *b)
{
	struct axk_binary_f32 *p = &c->p.binary_f32;
	size_t n = (size_t)b->x[0] * (size_t)b->x[1];
	*p = (struct axk_binary_f32){.op = b->op,
				     .dims = {1, 1, 1, 1, 1, 1, b->x[0], b->x[1]},
				     .sa = {[6] = b->x[1], [7] = 1},
				     .sb = {[6] = b->x[2] == 2   ? 0
						  : b->x[2] == 1 ? 1
								 : b->x[1],
					    [7] = b->x[2] != 1}};
	in_out(c, n, n);
	floats_in(c, 2, n);
}

static void pool(Case *c, const BenchRow *b)
{
	int size = b->x[1], k = b->x[2], s = b->x[3], pad = b->x[4],
	    out = (size + 2 * pad - k) / s + 1;
	c->p.pool_f32 = (struct axk_pool_f32){.planes = b->x[0],
					      .in = {1, size, size},
					      .out = {1, out, out},
					      .k = {1, k, k},
					      .s = {1, s, s},
					      .d = {1, 1, 1},
					      .pb = {0, pad, pad},
					      .pe = {0, pad, pad}};
	in_out(c, (size_t)(b->x[0] * size * size), (size_t)(b->x[0] * out * out));
}

static void norm(Case *c, const BenchRow *b)
{
	int rows = b->x[0], count = b->x[1], inner = b->x[2];
	size_t n = (size_t)(rows * count), channels = (size_t)(inner == 1 ? count : rows);
	if (c->kind == AXK_BATCHNORM_F32) {
		c->p.batchnorm_f32 = (struct axk_batchnorm_f32){
			.n = 1, .c = rows, .inner = count, .epsilon = 1e-5f};
		in_out(c, n, n);
		for (int i = 2; i < 6; i++)
			floats_in(c, i, (size_t)rows);
		return;
	}
	c->p.norm_f32 = (struct axk_norm_f32){.rows = rows,
					      .count = count,
					      .row_mod = inner == 1 ? 1 : rows,
					      .row_step = inner == 1 ? count : 1,
					      .inner = inner,
					      .epsilon = 1e-5f};
	in_out(c, n, n);
	floats_in(c, 2, channels);
	floats_in(c, 3, channels);
}

static void resize(Case *c, const BenchRow *b)
{
	int outer = b->x[0], in = b->x[1], out = b->x[2], inner = b->x[3];
	c->p.resize_f32 = (struct axk_resize_f32){
		.outer = outer, .in = in, .out = out, .inner = inner, .taps = 2};
	in_out(c, (size_t)(outer * in * inner), (size_t)(outer * out * inner));
	int32_t *index = case_own(c, (size_t)out * 2 * sizeof *index);
	for (int i = 0; i < 2 * out; i++)
		index[i] = i / 2 * (in - 1) / out + i % 2;
	c->buf[2] = (Buffer){ROLE_IN, (size_t)out * 2 * sizeof *index, index};
	floats_in(c, 3, (size_t)out * 2);
}

static void resize_u8(Case *c, const BenchRow *b)
{
	int in = b->x[0], out = b->x[1], ch = b->x[2];
	c->p.resize = (struct axk_resize_u8){.n = 1,
					     .ih = in,
					     .iw = in,
					     .c = ch,
					     .in_ld = ch,
					     .oh = out,
					     .ow = out,
					     .out_ld = ch,
					     .zp_in = 128,
					     .zp_out = 128,
					     .s_in = 0.1f,
					     .s_out = 0.1f};
	int32_t *index = case_own(c, (size_t)out * 4 * sizeof *index);
	for (int i = 0; i < 4 * out; i++)
		index[i] = i % out * (in - 1) / out + i / out % 2;
	c->buf[0] = (Buffer){ROLE_OUT, (size_t)(out * out * ch), NULL};
	c->buf[1] = (Buffer){ROLE_IN, (size_t)(in * in * ch), NULL};
	c->buf[2] = (Buffer){ROLE_IN, (size_t)out * 4 * sizeof *index, index};
	floats_in(c, 3, (size_t)out * 4);
	c->macs = (double)out * out * ch;
}

static void softmax(Case *c, const BenchRow *b)
{
	int outer = b->x[0], ch = b->x[1], inner = b->x[2];
	size_t n = (size_t)(outer * ch * inner);
	if (c->kind == AXK_SOFTMAX_F32) {
		c->p.softmax_f32 =
			(struct axk_softmax_f32){.outer = outer, .c = ch, .inner = inner};
		in_out(c, n, n);
		return;
	}
	/* rows of contiguous elements are dimension `inner`, as in NHWC, or all of `outer` */
	c->p.softmax = (struct axk_softmax_u8){.outer = outer,
					       .c = ch,
					       .inner = inner,
					       .x_outer = ch * inner,
					       .x_c = inner,
					       .x_inner = 1,
					       .y_outer = ch * inner,
					       .y_c = inner,
					       .y_inner = 1};
	c->buf[0] = (Buffer){ROLE_OUT, n, NULL};
	c->buf[1] = (Buffer){ROLE_IN, n, NULL};
	floats_in(c, 2, 256);
	c->macs = (double)n;
}

/* x[0] channels of x[1] pixels: channel-first floats, and with x[3] pixels x[2] apart
 * (channel-last) on the other side; copies go from channel-last. */
static void layout(Case *c, const BenchRow *b)
{
	int ch = b->x[0], px = b->x[1], ld = b->x[2];
	int dims[8] = {1, 1, 1, 1, 1, 1, ch, px}, first[8] = {[6] = px, [7] = 1},
	    last[8] = {[6] = 1, [7] = ld};
	const int *other = b->x[3] ? last : first;
	bool to_last = c->kind == AXK_QUANTIZE;
	size_t n = (size_t)(ch * px), wide = (size_t)(px * (b->x[3] ? ld : ch));
	size_t to_bytes = c->kind == AXK_COPY ? (size_t)b->op
			  : to_last           ? 1
					      : 4,
	       from_bytes = 5 - to_bytes;
	int *d = c->kind == AXK_COPY ? c->p.copy.dims : c->p.quant.dims;
	int *sy = c->kind == AXK_COPY ? c->p.copy.sy : c->p.quant.sy;
	int *sx = c->kind == AXK_COPY ? c->p.copy.sx : c->p.quant.sx;
	memcpy(d, dims, sizeof dims);
	memcpy(sy, to_last ? other : first, sizeof first);
	memcpy(sx, to_last ? first : other, sizeof first);
	if (c->kind == AXK_COPY) {
		c->p.copy.elem_bytes = b->op;
		from_bytes = to_bytes;
	} else {
		c->p.quant.s = 0.05f;
		c->p.quant.zp = 128;
	}
	floats_in(c, 1, to_last ? n : wide);
	c->buf[1].bytes = (to_last ? n : wide) * from_bytes;
	c->buf[0] = (Buffer){ROLE_OUT, (to_last ? wide : n) * to_bytes, NULL};
	c->macs = (double)n;
}

static void reduce(Case *c, const BenchRow *b)
{
	struct axk_reduce *p = &c->p.reduce;
	int h = b->x[0], w = b->x[1];
	*p = (struct axk_reduce){.op = b->op, .count = (float)(b->x[2] ? w : h)};
	for (int i = 0; i < 8; i++)
		p->kdims[i] = p->rdims[i] = 1;
	p->kdims[b->x[2] ? 6 : 7] = b->x[2] ? h : w;
	p->ks[b->x[2] ? 6 : 7] = b->x[2] ? w : 1;
	p->rdims[b->x[2] ? 7 : 6] = b->x[2] ? w : h;
	p->rs[b->x[2] ? 7 : 6] = b->x[2] ? 1 : w;
	in_out(c, (size_t)(h * w), (size_t)(b->x[2] ? h : w));
}

void bench_row_case(Case *c, const BenchRow *b)
{
	size_t n = (size_t)b->x[0] * (size_t)(b->x[1] ? b->x[1] : 1);
	c->kind = b->kind;
	if (b->kind == AXK_BINARY_F32) {
		binary(c, b);
	} else if (b->kind == AXK_UNARY_F32) {
		c->p.unary_f32 = (struct axk_unary_f32){
			.op = b->op, .n = b->x[0], .alpha = 0.2f, .beta = 1.0f};
		in_out(c, n, n);
	} else if (b->kind == AXK_MAXPOOL_F32 || b->kind == AXK_AVGPOOL_F32) {
		pool(c, b);
	} else if (b->kind == AXK_GAVGPOOL_F32 || b->kind == AXK_GMAXPOOL_F32) {
		c->p.gpool_f32 = (struct axk_gpool_f32){.planes = b->x[0], .count = b->x[1]};
		in_out(c, n, (size_t)b->x[0]);
	} else if (b->kind == AXK_BATCHNORM_F32 || b->kind == AXK_NORM_F32) {
		norm(c, b);
	} else if (b->kind == AXK_RESIZE_F32) {
		resize(c, b);
	} else if (b->kind == AXK_RESIZE_LINEAR_U8) {
		resize_u8(c, b);
	} else if (b->kind == AXK_SOFTMAX_F32 || b->kind == AXK_SOFTMAX_U8) {
		softmax(c, b);
	} else if (b->kind == AXK_QUANTIZE || b->kind == AXK_DEQUANTIZE || b->kind == AXK_COPY) {
		layout(c, b);
	} else if (b->kind == AXK_REDUCE_F32) {
		reduce(c, b);
	} else {
		c->p.requant = (struct axk_requant){.rows = b->x[0],
						    .c = b->x[1],
						    .in_ld = b->x[1],
						    .out_ld = b->x[1],
						    .hi = 255.0f};
		in_out(c, n, n);
		floats_in(c, 2, (size_t)b->x[1]);
		floats_in(c, 3, (size_t)b->x[1]);
	}
}
