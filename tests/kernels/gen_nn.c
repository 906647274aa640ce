/* Random cases of the float kinds with windows, matrices and rows: convolutions, products, pools,
 * normalizations, resize. Values are finite; zeros of both signs are among them. */
#include "tests/kernels/check.h"

#include <math.h>

static float *floats(Case *c, size_t n)
{
	float *x = case_own(c, n * sizeof *x);
	for (size_t i = 0; i < n; i++)
		x[i] = rng_chance(8) ? (rng_chance(2) ? 0.0f : -0.0f) : rng_float(-2.0f, 2.0f);
	return x;
}

static void out_floats(Case *c, int i, size_t n)
{
	c->buf[i] = (Buffer){ROLE_OUT, n * sizeof(float), case_own(c, n * sizeof(float))};
	c->macs = (double)n;
}

static void in_floats(Case *c, int i, size_t n)
{
	c->buf[i] = (Buffer){ROLE_IN, n * sizeof(float), floats(c, n)};
}

/* The same with NaN and infinities among them. */
static void in_specials(Case *c, int i, size_t n)
{
	in_floats(c, i, n);
	float *x = c->buf[i].data;
	for (size_t k = 0; k < n && rng_chance(2); k++)
		if (rng_chance(12))
			x[k] = rng_chance(2) ? NAN : rng_chance(2) ? INFINITY : -INFINITY;
	c->float_out = true;
}

static void bounds(float *lo, float *hi)
{
	*lo = rng_chance(3) ? rng_float(-1.0f, 0.0f) : -INFINITY;
	*hi = rng_chance(3) ? rng_float(0.5f, 6.0f) : INFINITY;
}

void fill_conv_f32(Case *c)
{
	struct axk_conv_f32 *p = &c->p.conv_f32;
	size_t k = (size_t)p->kh * (size_t)p->kw * (size_t)(p->ic / p->groups);
	c->pack.weights = floats(c, k * (size_t)p->oc);
	c->pack.bias_f32 = rng_chance(4) ? NULL : floats(c, (size_t)p->oc);
	out_floats(c, 0, (size_t)p->n * (size_t)p->oc * (size_t)p->oh * (size_t)p->ow);
	in_floats(c, 1, (size_t)p->n * (size_t)p->ic * (size_t)p->ih * (size_t)p->iw);
	c->buf[2] = (Buffer){ROLE_PACKED, 0, NULL};
	size_t at = c->kind == AXK_CONVT_F32 ? (size_t)p->ih * (size_t)p->iw
					     : (size_t)p->oh * (size_t)p->ow;
	c->macs = (double)p->n * (double)at * p->oc * (double)k;
}

static void shape_window(struct axk_conv_f32 *p, bool transposed)
{
	p->kh = rng_range(1, 4);
	p->kw = rng_range(1, 5);
	p->sh = rng_range(1, 3);
	p->sw = rng_range(1, 3);
	p->dh = rng_chance(5) ? 2 : 1;
	p->dw = rng_chance(5) ? rng_range(2, 3) : 1;
	p->pt = rng_range(0, p->kh);
	p->pl = rng_range(0, p->kw);
	p->ih = rng_range(1, 12);
	p->iw = rng_chance(4) ? rng_range(40, 130) : rng_range(1, 30);
	int eh = (p->kh - 1) * p->dh + 1, ew = (p->kw - 1) * p->dw + 1;
	if (transposed) {
		p->oh = (p->ih - 1) * p->sh + eh - p->pt + rng_range(0, 2);
		p->ow = (p->iw - 1) * p->sw + ew - p->pl + rng_range(0, 2);
		return;
	}
	p->oh = (p->ih + p->pt + rng_range(0, 2) - eh) / p->sh + 1;
	p->ow = (p->iw + p->pl + rng_range(0, 2) - ew) / p->sw + 1;
}

void gen_conv_f32(Case *c)
{
	struct axk_conv_f32 *p = &c->p.conv_f32;
	bool pointwise = rng_chance(4), depthwise = rng_chance(3);
	do {
		memset(p, 0, sizeof *p);
		p->n = RNG_PICK(1, 1, 2);
		shape_window(p, c->kind == AXK_CONVT_F32);
		if (pointwise) {
			p->kh = p->kw = p->sh = p->sw = p->dh = p->dw = 1;
			p->pt = p->pl = 0;
			p->oh = p->ih;
			p->ow = p->iw;
		}
		p->groups = RNG_PICK(1, 1, 2, 3);
		p->ic = p->groups * rng_range(1, 9);
		p->oc = p->groups * rng_range(1, 20);
		if (depthwise) {
			p->groups = p->ic;
			p->oc = p->ic * RNG_PICK(1, 1, 2);
			if (rng_chance(2)) { /* the windows that networks have */
				p->kh = p->kw = RNG_PICK(3, 3, 5);
				p->sh = p->sw = RNG_PICK(1, 2);
				p->dh = p->dw = 1;
				p->oh = (p->ih + p->pt + rng_range(0, 2) - p->kh) / p->sh + 1;
				p->ow = (p->iw + p->pl + rng_range(0, 2) - p->kw) / p->sw + 1;
			}
		}
	} while (p->oh < 1 || p->ow < 1 ||
		 (double)p->n * p->oh * p->ow * p->oc * p->kh * p->kw * p->ic / p->groups > 1e6);
	bounds(&p->lo, &p->hi);
	fill_conv_f32(c);
}

void gen_conv3d_f32(Case *c)
{
	struct axk_conv3d_f32 *p = &c->p.conv3d_f32;
	size_t in = 1, out = 1, taps = 1;
	*p = (struct axk_conv3d_f32){
		.n = RNG_PICK(1, 2), .transposed = rng_chance(2), .groups = RNG_PICK(1, 2)};
	p->ic = p->groups * rng_range(1, 4);
	p->oc = p->groups * rng_range(1, 4);
	for (int i = 0; i < 3; i++) {
		p->k[i] = rng_range(1, 3);
		p->s[i] = rng_range(1, 2);
		p->d[i] = rng_range(1, 2);
		p->p[i] = rng_range(0, p->k[i]);
		p->in[i] = rng_range(3, 7);
		p->out[i] = rng_range(1, 9);
		in *= (size_t)p->in[i];
		out *= (size_t)p->out[i];
		taps *= (size_t)p->k[i];
	}
	c->pack.weights = floats(c, taps * (size_t)(p->ic * p->oc / p->groups));
	c->pack.bias_f32 = rng_chance(4) ? NULL : floats(c, (size_t)p->oc);
	out_floats(c, 0, (size_t)(p->n * p->oc) * out);
	in_floats(c, 1, (size_t)(p->n * p->ic) * in);
	c->buf[2] = (Buffer){ROLE_PACKED, 0, NULL};
}

void gen_matmul_f32(Case *c)
{
	struct axk_matmul_f32 *p = &c->p.matmul_f32;
	*p = (struct axk_matmul_f32){.m = RNG_PICK(1, 7, 8, 9, rng_range(1, 40)),
				     .k = rng_range(1, 60),
				     .n = RNG_PICK(1, 16, 48, 49, rng_range(1, 150)),
				     .alpha = 1.0f,
				     .beta = 1.0f};
	bool ta = rng_chance(3), tb = rng_chance(4);
	size_t a = (size_t)(p->m * p->k), b = (size_t)(p->k * p->n), batches = 1;
	p->packed = rng_chance(2);
	p->sam = ta ? 1 : p->k;
	p->sak = ta ? p->m : 1;
	p->sbk = tb ? 1 : p->n;
	p->sbn = tb ? p->k : 1;
	for (int i = 5; i >= 0; i--) {
		p->batch[i] = i > 3 && rng_chance(2) ? rng_range(1, 3) : 1;
		p->sa[i] = rng_chance(3) ? 0 : (int)a;
		p->sb[i] = p->packed || rng_chance(3) ? 0 : (int)b;
		a *= p->sa[i] ? (size_t)p->batch[i] : 1;
		b *= p->sb[i] ? (size_t)p->batch[i] : 1;
		batches *= (size_t)p->batch[i];
	}
	p->has_c = rng_chance(2);
	p->scn = rng_chance(3) ? 0 : 1;
	p->scm = rng_chance(3) ? p->n : 0;
	if (rng_chance(5))
		p->alpha = rng_float(0.5f, 2.0f);
	if (rng_chance(5))
		p->beta = rng_float(0.5f, 2.0f);
	out_floats(c, 0, batches * (size_t)(p->m * p->n));
	in_floats(c, 1, a);
	in_floats(c, 2, b);
	if (p->packed) {
		c->pack.weights = c->buf[2].data;
		c->buf[2] = (Buffer){ROLE_PACKED, 0, NULL};
	}
	if (p->has_c)
		in_floats(c, 3, (size_t)(p->m * p->n));
	c->macs = (double)batches * p->m * p->n * p->k;
}

void gen_pool_f32(Case *c)
{
	struct axk_pool_f32 *p = &c->p.pool_f32;
	size_t in = 1, out = 1;
	*p = (struct axk_pool_f32){.planes = rng_range(1, 3), .count_pad = rng_chance(2)};
	for (int i = 0; i < 3; i++) {
		p->k[i] = i || rng_chance(3) ? rng_range(1, 4) : 1;
		p->s[i] = rng_range(1, 3);
		p->d[i] = rng_chance(4) ? 2 : 1;
		p->pb[i] = rng_range(0, p->k[i] - 1);
		p->pe[i] = rng_range(0, p->k[i] - 1);
		p->in[i] = rng_range(i ? 4 : 1, i == 2 ? (rng_chance(4) ? 130 : 40) : 9);
		int room = p->in[i] + p->pb[i] + p->pe[i] - (p->k[i] - 1) * p->d[i] - 1;
		p->out[i] = room < 0 ? 1 : room / p->s[i] + 1 + rng_chance(4);
		in *= (size_t)p->in[i];
		out *= (size_t)p->out[i];
	}
	out_floats(c, 0, (size_t)p->planes * out);
	in_specials(c, 1, (size_t)p->planes * in);
}

void gen_gpool_f32(Case *c)
{
	struct axk_gpool_f32 *p = &c->p.gpool_f32;
	*p = (struct axk_gpool_f32){.planes = rng_range(1, 70), .count = rng_range(1, 200)};
	out_floats(c, 0, (size_t)p->planes);
	in_specials(c, 1, (size_t)(p->planes * p->count));
}

void gen_batchnorm_f32(Case *c)
{
	struct axk_batchnorm_f32 *p = &c->p.batchnorm_f32;
	*p = (struct axk_batchnorm_f32){.n = rng_range(1, 3),
					.c = rng_range(1, 20),
					.inner = rng_range(1, 70),
					.epsilon = 1e-5f};
	size_t n = (size_t)(p->n * p->c * p->inner);
	out_floats(c, 0, n);
	in_floats(c, 1, n);
	for (int i = 2; i < 6; i++)
		in_floats(c, i, (size_t)p->c);
	for (int i = 0; i < p->c; i++)
		((float *)c->buf[5].data)[i] = rng_float(0.0f, 3.0f);
}

void gen_norm_f32(Case *c)
{
	struct axk_norm_f32 *p = &c->p.norm_f32;
	int channels = rng_range(1, 6), inner = rng_range(1, 60);
	*p = (struct axk_norm_f32){.row_mod = rng_range(1, 3),
				   .count = channels * inner,
				   .row_step = channels,
				   .inner = inner,
				   .epsilon = 1e-5f};
	p->rows = p->row_mod * rng_range(1, rng_chance(2) ? 24 : 3);
	if (rng_chance(3)) { /* layer normalization */
		p->row_step = p->count;
		p->inner = 1;
		channels = p->count;
	}
	out_floats(c, 0, (size_t)(p->rows * p->count));
	in_floats(c, 1, (size_t)(p->rows * p->count));
	for (int i = 2; i < 4; i++)
		if (rng_chance(2))
			in_floats(c, i, (size_t)(p->row_mod * channels));
	for (int i = 4; i < 6; i++)
		if (rng_chance(2))
			out_floats(c, i, (size_t)p->rows);
}

void gen_lrn_f32(Case *c)
{
	struct axk_lrn_f32 *p = &c->p.lrn_f32;
	*p = (struct axk_lrn_f32){.n = rng_range(1, 2),
				  .c = rng_range(1, 12),
				  .inner = rng_range(1, 40),
				  .size = rng_range(1, 7),
				  .alpha = rng_float(0.0f, 0.1f),
				  .beta = rng_float(0.3f, 1.0f),
				  .bias = rng_float(0.5f, 2.0f)};
	size_t n = (size_t)(p->n * p->c * p->inner);
	out_floats(c, 0, n);
	in_floats(c, 1, n);
}

void gen_resize_f32(Case *c)
{
	struct axk_resize_f32 *p = &c->p.resize_f32;
	*p = (struct axk_resize_f32){.outer = rng_range(1, rng_chance(2) ? 70 : 4),
				     .in = rng_range(1, 20),
				     .out = rng_range(1, 40),
				     .inner = RNG_PICK(1, 1, 7, 40),
				     .taps = RNG_PICK(2, 4, 5),
				     .extrapolate = 0.5f};
	size_t entries = (size_t)(p->out * p->taps);
	out_floats(c, 0, (size_t)(p->outer * p->out * p->inner));
	in_floats(c, 1, (size_t)(p->outer * p->in * p->inner));
	int32_t *index = case_own(c, entries * sizeof *index);
	for (size_t i = 0; i < entries; i++)
		index[i] =
			i % (size_t)p->taps == 0 && rng_chance(10) ? -1 : rng_range(0, p->in - 1);
	c->buf[2] = (Buffer){ROLE_IN, entries * sizeof *index, index};
	in_floats(c, 3, entries);
}
