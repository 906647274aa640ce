/* Random convolutions: dense, grouped, depthwise, transposed, products; every epilogue. */
#include "tests/kernels/check.h"

static int window(int size, int k, int d, int s, int before, int after)
{
	return (size + before + after - ((k - 1) * d + 1)) / s + 1;
}

static void shape_spatial(struct axk_conv *p)
{
	p->kh = RNG_PICK(1, 1, 2, 3, 3, 5, 7);
	p->kw = rng_chance(4) ? RNG_PICK(1, 2, 3, 4, 5, 9) : p->kh;
	p->sh = RNG_PICK(1, 1, 1, 2, 3);
	p->sw = rng_chance(5) ? RNG_PICK(1, 2, 3) : p->sh;
	p->dh = rng_chance(5) ? RNG_PICK(2, 3) : 1;
	p->dw = rng_chance(5) ? RNG_PICK(2, 3) : 1;
	p->pt = rng_chance(2) ? 0 : rng_range(0, (p->kh - 1) * p->dh);
	p->pl = rng_chance(2) ? 0 : rng_range(0, (p->kw - 1) * p->dw);
	int pb = rng_chance(2) ? 0 : rng_range(0, p->kh * p->dh),
	    pr = rng_chance(2) ? 0 : rng_range(0, p->kw * p->dw);
	do {
		p->ih = rng_chance(3) ? 1 : rng_range(1, 20);
		p->iw = rng_chance(4) ? 1 : rng_range(1, 40);
	} while (p->ih + p->pt + pb < (p->kh - 1) * p->dh + 1 ||
		 p->iw + p->pl + pr < (p->kw - 1) * p->dw + 1);
	p->oh = window(p->ih, p->kh, p->dh, p->sh, p->pt, pb);
	p->ow = window(p->iw, p->kw, p->dw, p->sw, p->pl, pr);
}

static void shape_transposed(struct axk_conv *p)
{
	p->kh = rng_range(1, 5);
	p->kw = rng_range(1, 5);
	p->sh = rng_range(1, 3);
	p->sw = rng_range(1, 3);
	p->dh = rng_chance(4) ? 2 : 1;
	p->dw = rng_chance(4) ? 2 : 1;
	p->pt = rng_range(0, p->kh - 1);
	p->pl = rng_range(0, p->kw - 1);
	p->ih = rng_range(1, 9);
	p->iw = rng_range(1, 9);
	p->oh = (p->ih - 1) * p->sh + (p->kh - 1) * p->dh + 1 - p->pt + rng_range(0, 2);
	p->ow = (p->iw - 1) * p->sw + (p->kw - 1) * p->dw + 1 - p->pl + rng_range(0, 2);
	p->oh = p->oh < 1 ? 1 : p->oh;
	p->ow = p->ow < 1 ? 1 : p->ow;
}

static void shape_product(struct axk_conv *p)
{
	p->ih = p->oh = rng_chance(3) ? 1 : rng_range(1, 150);
	p->iw = p->ow = p->kh = p->kw = p->sh = p->sw = p->dh = p->dw = 1;
}

static int channels(void)
{
	return rng_chance(3) ? RNG_PICK(1, 3, 4, 15, 16, 17, 32, 48, 63, 64, 65, 80, 96, 128, 144)
			     : rng_range(1, 40);
}

static void shape_channels(Case *c)
{
	struct axk_conv *p = &c->p.conv;
	p->ic = rng_chance(4) ? RNG_PICK(1, 3, 4) : channels();
	p->oc = channels();
	p->groups = 1;
	if (c->kind == AXK_DWCONV_U8) {
		p->ic = channels();
		p->groups = p->ic;
		p->oc = p->ic * (rng_chance(5) ? RNG_PICK(2, 3) : 1);
	} else if (c->kind != AXK_DENSE_U8 && rng_chance(4)) {
		p->groups = rng_range(2, 5);
		p->ic = rng_range(1, 24) * p->groups;
		p->oc = rng_range(1, 24) * p->groups;
	}
}

static void fill_epilogue(Case *c, bool plain, float limit)
{
	struct axk_conv *p = &c->p.conv;
	int zp = plain ? 0 : RNG_PICK(0, 0, 128, 255, rng_range(0, 255));
	float *m = case_own(c, (size_t)p->oc * sizeof *m);
	for (int i = 0; i < p->oc; i++)
		m[i] = 255.0f / limit * rng_float(0.1f, 4.0f);
	if (!plain && rng_chance(8))
		for (int i = 0; i < p->oc; i++)
			m[i] = rng_chance(3)   ? 1e-30f
			       : rng_chance(2) ? 1e6f
					       : rng_float(0.5f, 1.5f);
	c->pack.m = m;
	p->zp = (float)zp;
	p->lo = (float)(0 - zp);
	p->hi = (float)(255 - zp);
	if (!plain && rng_chance(3)) {
		p->lo = (float)(rng_range(0, 100) - zp);
		p->hi = (float)(rng_range(100, 255) - zp);
	}
	p->out_f32 = !plain && rng_chance(6);
	p->has_lut = !plain && rng_chance(4);
	p->add = plain ? 0 : RNG_PICK(0, 0, 0, 1, 2);
	p->ra = rng_float(0.01f, 1.5f);
	p->rb = rng_float(0.01f, 1.5f) * (float)RNG_PICK(1, -1);
	p->rfx = rng_float(-200.0f, 200.0f);
	p->alo = (float)(rng_chance(3) ? rng_range(0, 100) : 0);
	p->ahi = (float)(rng_chance(3) ? rng_range(100, 255) : 255);
}

/* Bytes from the first to the last element of `pixels` pixels of c channels. */
static size_t span(size_t pixels, int ld, int c)
{
	return (pixels - 1) * (size_t)ld + (size_t)c;
}

void fill_conv(Case *c, bool plain)
{
	struct axk_conv *p = &c->p.conv;
	const size_t k = (size_t)p->kh * p->kw * (p->ic / p->groups),
		     pixels = (size_t)p->n * p->oh * p->ow;
	int8_t *w = case_bytes(c, k * p->oc);
	for (size_t i = 0; i < k * p->oc; i++)
		w[i] = w[i] == -128 ? -127 : w[i];
	int32_t *bias = case_own(c, (size_t)p->oc * sizeof *bias);
	for (int i = 0; i < p->oc; i++)
		bias[i] = rng_chance(4) ? rng_range(-2000000, 2000000) : rng_range(-9999, 9999);
	c->pack.weights = w;
	c->pack.bias = bias;
	fill_epilogue(c, plain, 9999.0f + 1500.0f * (float)k);
	c->buf[0] = (Buffer){ROLE_OUT, span(pixels, p->out_ld, p->oc) * (p->out_f32 ? 4 : 1), NULL};
	size_t in = span((size_t)p->n * p->ih * p->iw, p->in_ld, p->ic);
	c->buf[1] = (Buffer){ROLE_IN, in, case_bytes(c, in)};
	c->buf[2] = (Buffer){ROLE_PACKED, 0, NULL};
	if (p->has_lut)
		c->buf[3] = (Buffer){ROLE_IN, 256, NULL};
	if (p->add)
		c->buf[4] = (Buffer){ROLE_IN, span(pixels, p->res_ld, p->oc), NULL};
	if (p->zp_in < 0) {
		c->pack.zp_in = case_bytes(c, (size_t)p->ic);
		c->buf[5] = (Buffer){ROLE_IN, (size_t)p->ic, (void *)c->pack.zp_in};
	}
	c->macs = (double)(c->kind == AXK_CONVT_U8 ? (size_t)p->n * p->ih * p->iw : pixels) *
		  p->oc * (double)k;
}

void gen_conv(Case *c)
{
	struct axk_conv *p = &c->p.conv;
	do {
		memset(p, 0, sizeof *p);
		p->n = c->kind == AXK_DENSE_U8 ? 1 : RNG_PICK(1, 1, 1, 2, 3);
		if (c->kind == AXK_CONVT_U8)
			shape_transposed(p);
		else if (c->kind == AXK_DENSE_U8 || (c->kind == AXK_CONV_U8 && rng_chance(4)))
			shape_product(p);
		else
			shape_spatial(p);
		shape_channels(c);
	} while ((double)p->n * p->oh * p->ow * p->oc * p->kh * p->kw * (p->ic / p->groups) >
		 1.5e6);
	p->in_ld = p->ic + (rng_chance(2) ? 0 : rng_range(0, 70));
	p->out_ld = p->oc + (rng_chance(2) ? 0 : rng_range(0, 70));
	p->res_ld = p->oc + (rng_chance(2) ? 0 : rng_range(0, 70));
	p->zp_in = RNG_PICK(0, 128, 255, rng_range(0, 255));
	if (c->kind == AXK_DWCONV_U8 && rng_chance(4))
		p->zp_in = -1;
	fill_conv(c, rng_chance(3));
}
