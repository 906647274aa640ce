/* Random cases of the u8 kinds without weights. */
#include "tests/kernels/check.h"

#include <stdlib.h>

static int channels(void)
{
	return rng_chance(3) ? RNG_PICK(1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200)
			     : rng_range(1, 70);
}

static size_t span(size_t pixels, int ld, int c)
{
	return (pixels - 1) * (size_t)ld + (size_t)c;
}

void fill_pool(Case *c)
{
	struct axk_pool *p = &c->p.pool;
	size_t in = span((size_t)p->n * p->ih * p->iw, p->in_ld, p->c);
	c->buf[0] = (Buffer){ROLE_OUT, span((size_t)p->n * p->oh * p->ow, p->out_ld, p->c), NULL};
	c->buf[1] = (Buffer){ROLE_IN, in, case_bytes(c, in)};
	c->macs = (double)p->n * p->oh * p->ow * p->c;
	p->s_in = rng_float(0.001f, 3.0f);
	p->s_out = p->s_in * rng_float(0.3f, 2.0f);
	p->zp_in = RNG_PICK(0, 128, 255, rng_range(0, 255));
	p->zp_out = RNG_PICK(0, 128, 255, rng_range(0, 255));
}

void gen_pool(Case *c)
{
	struct axk_pool *p = &c->p.pool;
	p->n = RNG_PICK(1, 1, 2);
	p->c = channels();
	p->kh = rng_range(1, 5);
	p->kw = rng_chance(3) ? rng_range(1, 7) : p->kh;
	p->sh = rng_range(1, 3);
	p->sw = rng_chance(3) ? rng_range(1, 3) : p->sh;
	p->dh = rng_chance(6) ? 2 : 1;
	p->dw = rng_chance(6) ? 2 : 1;
	p->pt = rng_range(0, p->kh - 1);
	p->pb = rng_range(0, p->kh - 1);
	p->pl = rng_range(0, p->kw - 1);
	p->pr = rng_range(0, p->kw - 1);
	do {
		p->ih = rng_range(1, 15);
		p->iw = rng_range(1, 24);
	} while (p->ih + p->pt + p->pb < (p->kh - 1) * p->dh + 1 ||
		 p->iw + p->pl + p->pr < (p->kw - 1) * p->dw + 1);
	p->oh = (p->ih + p->pt + p->pb - (p->kh - 1) * p->dh - 1) / p->sh + 1 +
		rng_chance(4); /* ceil_mode */
	p->ow = (p->iw + p->pl + p->pr - (p->kw - 1) * p->dw - 1) / p->sw + 1 + rng_chance(4);
	p->in_ld = p->c + (rng_chance(2) ? 0 : rng_range(0, 70));
	p->out_ld = p->c + (rng_chance(2) ? 0 : rng_range(0, 70));
	p->count_pad = rng_chance(2);
	fill_pool(c);
}

void gen_mean(Case *c)
{
	struct axk_mean *p = &c->p.mean;
	p->n = RNG_PICK(1, 1, 3);
	p->rows = rng_chance(8) ? rng_range(300, 1200) : rng_range(1, 80);
	p->c = channels();
	p->in_ld = p->c + (rng_chance(2) ? 0 : rng_range(0, 70));
	p->out_ld = p->c + (rng_chance(2) ? 0 : rng_range(0, 70));
	p->zp_in = RNG_PICK(0, 128, 255, rng_range(0, 255));
	p->out_f32 = rng_chance(4);
	p->m = rng_float(0.2f, 3.0f) / (float)p->rows;
	p->zp = (float)rng_range(0, 255);
	p->lo = (float)(rng_chance(3) ? rng_range(0, 100) : 0) - p->zp;
	p->hi = (float)(rng_chance(3) ? rng_range(100, 255) : 255) - p->zp;
	size_t in = span((size_t)p->n * p->rows, p->in_ld, p->c);
	c->buf[0] = (Buffer){ROLE_OUT, span((size_t)p->n, p->out_ld, p->c) * (p->out_f32 ? 4 : 1),
			     NULL};
	c->buf[1] = (Buffer){ROLE_IN, in, case_bytes(c, in)};
	c->macs = (double)in;
}

void gen_requant(Case *c)
{
	struct axk_requant *p = &c->p.requant;
	p->rows = rng_range(1, 40);
	p->c = channels();
	p->in_ld = p->c + (rng_chance(2) ? 0 : rng_range(0, 20));
	p->out_ld = p->c + (rng_chance(2) ? 0 : rng_range(0, 20));
	p->out_f32 = rng_chance(3);
	p->per_channel = !p->out_f32 && rng_chance(2);
	p->zp = (float)rng_range(0, 255);
	p->lo = 0.0f - p->zp;
	p->hi = 255.0f - p->zp;
	size_t in = span((size_t)p->rows, p->in_ld, p->c);
	float *x = case_bytes(c, in * 4), *m = case_bytes(c, (size_t)p->c * 4);
	for (size_t i = 0; i < in; i++)
		x[i] = (float)rng_range(-2000000, 2000000);
	float *zp = case_bytes(c, (size_t)p->c * 4);
	for (int i = 0; i < p->c; i++) {
		m[i] = rng_float(1e-6f, 1e-3f);
		zp[i] = (float)rng_range(0, 255);
	}
	c->buf[0] = (Buffer){ROLE_OUT, span((size_t)p->rows, p->out_ld, p->c) * (p->out_f32 ? 4 : 1), NULL};
	c->buf[1] = (Buffer){ROLE_IN, in * 4, x};
	c->buf[2] = (Buffer){ROLE_IN, (size_t)p->c * 4, m};
	c->buf[3] = (Buffer){ROLE_IN, (size_t)p->c * 4, zp};
}

/* Strides of a tensor over dims whose innermost step is `step` (0 broadcasts); returns its extent.
 */
static size_t strides(const int *dims, int *s, int step, bool broadcast)
{
	size_t extent = 1, next = (size_t)(step ? step : 1);
	for (int d = 7; d >= 0; d--) {
		bool flat = broadcast && (d == 7 ? step == 0 : rng_chance(2));
		s[d] = flat ? 0 : (int)next;
		if (flat)
			continue;
		extent += next * (size_t)(dims[d] - 1);
		next *= (size_t)dims[d];
		if (d == 7 && rng_chance(2))
			next += (size_t)rng_range(0, 9);
	}
	return extent;
}

static size_t strided_dims(int *dims)
{
	size_t total = 1;
	int used = rng_range(1, 4);
	for (int d = 0; d < 8; d++) {
		dims[d] = d < 8 - used ? 1
			  : d == 7     ? (rng_chance(6) ? rng_range(1, 9000) : channels())
				       : rng_range(1, 5);
		total *= (size_t)dims[d];
	}
	return total;
}

void gen_binary(Case *c)
{
	struct axk_binary_u8 *p = &c->p.binary;
	c->macs = (double)strided_dims(p->dims);
	size_t y = strides(p->dims, p->sy, rng_chance(6) ? 2 : 1, false);
	bool cast_a = rng_chance(3), cast_b = rng_chance(2);
	size_t a = strides(p->dims, p->sa,
			   rng_chance(6)             ? 2
			   : cast_a && rng_chance(2) ? 0
						     : 1,
			   cast_a);
	size_t b = strides(p->dims, p->sb,
			   rng_chance(6)             ? 2
			   : cast_b && rng_chance(2) ? 0
						     : 1,
			   cast_b);
	p->za = RNG_PICK(0, 128, 255, rng_range(0, 255));
	p->zb = RNG_PICK(0, 128, 255, rng_range(0, 255));
	p->lo = (float)(rng_chance(3) ? rng_range(0, 100) : 0);
	p->hi = (float)(rng_chance(3) ? rng_range(100, 255) : 255);
	if (c->kind == AXK_ADD_U8) {
		p->ra = rng_float(0.01f, 2.0f);
		p->rb = rng_float(0.01f, 2.0f) * (float)RNG_PICK(1, -1);
		p->fx = rng_float(-200.0f, 200.0f);
	} else {
		p->ra = rng_float(0.0001f, 0.05f);
		p->fx = (float)rng_range(0, 255);
	}
	p->has_lut = rng_chance(3);
	c->buf[0] = (Buffer){ROLE_OUT, y, NULL};
	c->buf[1] = (Buffer){ROLE_IN, a, case_bytes(c, a)};
	c->buf[2] = (Buffer){ROLE_IN, b, case_bytes(c, b)};
	if (p->has_lut)
		c->buf[3] = (Buffer){ROLE_IN, 256, NULL};
}

void gen_lut(Case *c)
{
	struct axk_lut *p = &c->p.lut;
	c->macs = (double)strided_dims(p->dims);
	c->buf[0] = (Buffer){ROLE_OUT, strides(p->dims, p->sy, rng_chance(6) ? 2 : 1, false), NULL};
	c->buf[1] = (Buffer){
		ROLE_IN, strides(p->dims, p->sx, RNG_PICK(1, 1, 1, 1, 2, 0), rng_chance(3)), NULL};
	c->buf[2] = (Buffer){ROLE_IN, 256, NULL};
}

void gen_softmax(Case *c)
{
	struct axk_softmax_u8 *p = &c->p.softmax;
	p->outer = rng_range(1, 5);
	p->c = rng_chance(3) ? rng_range(100, 1100) : channels();
	p->inner = rng_chance(2) ? 1 : rng_range(1, 40);
	if (p->inner == 1 || rng_chance(2)) {
		p->x_c = p->y_c = 1; /* channels last */
		p->x_inner = p->y_inner = p->c + rng_range(0, 5);
		p->x_outer = p->y_outer = p->x_inner * p->inner;
	} else {
		p->x_inner = p->y_inner = 1;
		p->x_c = p->y_c = p->inner + rng_range(0, 5);
		p->x_outer = p->y_outer = p->x_c * p->c;
	}
	float *table = case_own(c, 256 * sizeof *table), v = 1.0f, step = rng_float(0.5f, 0.999f);
	for (int i = 0; i < 256; i++, v = v * step < 1e-37f ? 0.0f : v * step)
		table[i] = v;
	size_t bytes = (size_t)p->outer * p->x_outer;
	c->buf[0] = (Buffer){ROLE_OUT, bytes, NULL};
	c->buf[1] = (Buffer){ROLE_IN, bytes, case_bytes(c, bytes)};
	c->buf[2] = (Buffer){ROLE_IN, 1024, table};
	c->macs = (double)p->outer * p->c * p->inner;
}

static void resize_axis(int32_t *i0, int32_t *i1, float *d1, float *d2, int in, int out)
{
	for (int o = 0; o < out; o++) {
		float at = ((float)o + 0.5f) * (float)in / (float)out - 0.5f;
		at = at < 0.0f ? 0.0f : at;
		i0[o] = (int)at < in - 1 ? (int)at : in - 1;
		i1[o] = i0[o] + 1 < in ? i0[o] + 1 : in - 1;
		d1[o] = i0[o] == i1[o] ? 0.5f : at - (float)i0[o];
		d2[o] = i0[o] == i1[o] ? 0.5f : (float)i1[o] - at;
	}
}

void gen_resize(Case *c)
{
	struct axk_resize_u8 *p = &c->p.resize;
	p->n = RNG_PICK(1, 1, 2);
	p->ih = rng_range(1, 9);
	p->iw = rng_range(1, 9);
	p->oh = rng_range(1, 20);
	p->ow = rng_range(1, 20);
	p->c = channels();
	p->in_ld = p->c + (rng_chance(2) ? 0 : rng_range(0, 70));
	p->out_ld = p->c + (rng_chance(2) ? 0 : rng_range(0, 70));
	p->zp_in = RNG_PICK(0, 128, 255, rng_range(0, 255));
	p->zp_out = RNG_PICK(0, 128, 255, rng_range(0, 255));
	p->s_in = rng_float(0.001f, 3.0f);
	p->s_out = p->s_in * rng_float(0.3f, 2.0f);
	size_t bytes = (size_t)(p->oh + p->ow) * 2 * 4;
	int32_t *index = case_own(c, bytes);
	float *part = case_own(c, bytes);
	resize_axis(index, index + p->oh, part, part + p->oh, p->ih, p->oh);
	resize_axis(index + 2 * p->oh, index + 2 * p->oh + p->ow, part + 2 * p->oh,
		    part + 2 * p->oh + p->ow, p->iw, p->ow);
	size_t in = span((size_t)p->n * p->ih * p->iw, p->in_ld, p->c);
	c->buf[0] = (Buffer){ROLE_OUT, span((size_t)p->n * p->oh * p->ow, p->out_ld, p->c), NULL};
	c->buf[1] = (Buffer){ROLE_IN, in, case_bytes(c, in)};
	c->buf[2] = (Buffer){ROLE_IN, bytes, index};
	c->buf[3] = (Buffer){ROLE_IN, bytes, part};
	c->macs = (double)p->n * p->oh * p->ow * p->c;
}
