/* Depthwise float convolution, 3x3 and 5x5 with stride 1 and 2: a vector of output columns marches
 * down the image. Each input row is loaded once, shifted once per tap, and goes into every output
 * row that it reaches, so k * k multiply-adds follow k loads; rows come in order, so every chain
 * keeps its own. Padding is read as zeros: columns through masks, rows from a row of zeros in
 * scratch. A unit is one output channel of one image. Packed: w[oc][kh][kw], bias[oc]. */
#include "kernels/x86/vec_f32.h"

/* What a march works on. */
typedef struct axk_dwr_strip {
	const float *in, *zeros, *w;
	float *out;
	int at; /* column of the image that the first tap of lane 0 reads */
	int n;  /* columns of output, up to AXK_VN */
	int ih, iw, pt, oh, ow;
	int ahead; /* elements to the next plane, which is fetched meanwhile; 0 for planes too large
		      for that */
	float bias, lo, hi;
} axk_dwr_strip;

/* What the loops use, in registers: the compiler cannot know that storing outputs leaves *s alone.
 */
#define AXK_DWR_LOCALS                                                                             \
	const float *const in = s->in + s->at, *const zeros = s->zeros + s->at;                    \
	const int ih = s->ih, iw = s->iw, pt = s->pt, oh = s->oh, ow = s->ow, n = s->n;            \
	const int ahead = s->ahead;                                                                \
	const axk_vf bias = axk_vf_set(s->bias), lo = axk_vf_set(s->lo), hi = axk_vf_set(s->hi);   \
	float *out = s->out
#define AXK_DWR_MASK(i, off) m##i = axk_vm_range(-(s->at + (off)), iw - (s->at + (off)))
#define AXK_DWR_LOAD(i, off)                                                                       \
	const axk_vf l##i = inside ? axk_vf_load(row + (off)) : axk_vf_load_if(m##i, row + (off))

/* Row r of the padded image in x0.., one vector per tap. */
#define AXK_DWR_ROW(r)                                                                             \
	const float *row =                                                                         \
		(unsigned)((r)-pt) < (unsigned)ih ? in + (ptrdiff_t)((r)-pt) * iw : zeros;         \
	__builtin_prefetch(row + ahead);                                                           \
	__builtin_prefetch(row + ahead + 16)
#define AXK_DWR_ROW_3_1(r)                                                                         \
	AXK_DWR_ROW(r);                                                                            \
	AXK_DWR_LOAD(0, 0);                                                                        \
	AXK_DWR_LOAD(1, 1);                                                                        \
	AXK_DWR_LOAD(2, 2);                                                                        \
	const axk_vf x0 = l0, x1 = l1, x2 = l2
#define AXK_DWR_ROW_5_1(r)                                                                         \
	AXK_DWR_ROW_3_1(r);                                                                        \
	AXK_DWR_LOAD(3, 3);                                                                        \
	AXK_DWR_LOAD(4, 4);                                                                        \
	const axk_vf x3 = l3, x4 = l4
#define AXK_DWR_ROW_3_2(r)                                                                         \
	AXK_DWR_ROW(r);                                                                            \
	AXK_DWR_LOAD(0, 0);                                                                        \
	AXK_DWR_LOAD(1, AXK_VN);                                                                   \
	AXK_DWR_LOAD(2, 2);                                                                        \
	AXK_DWR_LOAD(3, AXK_VN + 2);                                                               \
	const axk_vf x0 = axk_vf_evens(l0, l1), x1 = axk_vf_odds(l0, l1), x2 = axk_vf_evens(l2, l3)
#define AXK_DWR_ROW_5_2(r)                                                                         \
	AXK_DWR_ROW_3_2(r);                                                                        \
	AXK_DWR_LOAD(4, 4);                                                                        \
	AXK_DWR_LOAD(5, AXK_VN + 4);                                                               \
	const axk_vf x3 = axk_vf_odds(l2, l3), x4 = axk_vf_evens(l4, l5)

/* Kernel row ky into a chain. The nine weights of 3x3 stay in registers, those of 5x5 are too many.
 */
#define AXK_DWR_WEIGHTS_3                                                                          \
	const axk_vf w0 = axk_vf_set(s->w[0]), w1 = axk_vf_set(s->w[1]), w2 = axk_vf_set(s->w[2]); \
	const axk_vf w3 = axk_vf_set(s->w[3]), w4 = axk_vf_set(s->w[4]), w5 = axk_vf_set(s->w[5]); \
	const axk_vf w6 = axk_vf_set(s->w[6]), w7 = axk_vf_set(s->w[7]), w8 = axk_vf_set(s->w[8])
#define AXK_DWR_TAPS_3(acc, a, b, c)                                                               \
	acc = axk_vf_fma(x0, w##a, acc);                                                           \
	acc = axk_vf_fma(x1, w##b, acc);                                                           \
	acc = axk_vf_fma(x2, w##c, acc)
#define AXK_DWR_TAP_5(acc, x, i) acc = axk_vf_fma(x, axk_vf_set(w[i]), acc)
#define AXK_DWR_TAPS_5(acc, ky)                                                                    \
	AXK_DWR_TAP_5(acc, x0, 5 * (ky));                                                          \
	AXK_DWR_TAP_5(acc, x1, 5 * (ky) + 1);                                                      \
	AXK_DWR_TAP_5(acc, x2, 5 * (ky) + 2);                                                      \
	AXK_DWR_TAP_5(acc, x3, 5 * (ky) + 3);                                                      \
	AXK_DWR_TAP_5(acc, x4, 5 * (ky) + 4)

#define AXK_DWR_KEEP(acc) axk_vf_store_n(out, axk_vf_min(hi, axk_vf_max(lo, acc)), n)

/* The chains of output rows y, y + 1, .. are a, b, ..; `inside`: all columns lie inside the image.
 */
AXK_VEC void axk_dwr_march_3_1(const axk_dwr_strip *s, int inside)
{
	AXK_DWR_LOCALS;
	AXK_DWR_WEIGHTS_3;
	axk_vf a = bias, b = bias;
	const axk_vm AXK_DWR_MASK(0, 0), AXK_DWR_MASK(1, 1), AXK_DWR_MASK(2, 2);
	{
		AXK_DWR_ROW_3_1(0);
		AXK_DWR_TAPS_3(a, 0, 1, 2);
	}
	{
		AXK_DWR_ROW_3_1(1);
		AXK_DWR_TAPS_3(a, 3, 4, 5);
		AXK_DWR_TAPS_3(b, 0, 1, 2);
	}
	for (int y = 0; y < oh; y++, out += ow) {
		axk_vf c = bias;
		AXK_DWR_ROW_3_1(y + 2);
		AXK_DWR_TAPS_3(a, 6, 7, 8);
		AXK_DWR_TAPS_3(b, 3, 4, 5);
		AXK_DWR_TAPS_3(c, 0, 1, 2);
		AXK_DWR_KEEP(a);
		a = b;
		b = c;
	}
}

AXK_VEC void axk_dwr_march_3_2(const axk_dwr_strip *s, int inside)
{
	AXK_DWR_LOCALS;
	AXK_DWR_WEIGHTS_3;
	axk_vf a = bias;
	const axk_vm AXK_DWR_MASK(0, 0), AXK_DWR_MASK(1, AXK_VN), AXK_DWR_MASK(2, 2),
		AXK_DWR_MASK(3, AXK_VN + 2);
	{
		AXK_DWR_ROW_3_2(0);
		AXK_DWR_TAPS_3(a, 0, 1, 2);
	}
	for (int y = 0; y < oh; y++, out += ow) {
		axk_vf b = bias;
		{
			AXK_DWR_ROW_3_2(2 * y + 1);
			AXK_DWR_TAPS_3(a, 3, 4, 5);
		}
		AXK_DWR_ROW_3_2(2 * y + 2);
		AXK_DWR_TAPS_3(a, 6, 7, 8);
		AXK_DWR_TAPS_3(b, 0, 1, 2);
		AXK_DWR_KEEP(axk_vf_unzip(a));
		a = b;
	}
}

AXK_VEC void axk_dwr_march_5_1(const axk_dwr_strip *s, int inside)
{
	AXK_DWR_LOCALS;
	const float *const w = s->w;
	axk_vf a = bias, b = bias, c = bias, d = bias;
	const axk_vm AXK_DWR_MASK(0, 0), AXK_DWR_MASK(1, 1), AXK_DWR_MASK(2, 2), AXK_DWR_MASK(3, 3),
		AXK_DWR_MASK(4, 4);
	{
		AXK_DWR_ROW_5_1(0);
		AXK_DWR_TAPS_5(a, 0);
	}
	{
		AXK_DWR_ROW_5_1(1);
		AXK_DWR_TAPS_5(a, 1);
		AXK_DWR_TAPS_5(b, 0);
	}
	{
		AXK_DWR_ROW_5_1(2);
		AXK_DWR_TAPS_5(a, 2);
		AXK_DWR_TAPS_5(b, 1);
		AXK_DWR_TAPS_5(c, 0);
	}
	{
		AXK_DWR_ROW_5_1(3);
		AXK_DWR_TAPS_5(a, 3);
		AXK_DWR_TAPS_5(b, 2);
		AXK_DWR_TAPS_5(c, 1);
		AXK_DWR_TAPS_5(d, 0);
	}
	for (int y = 0; y < oh; y++, out += ow) {
		axk_vf e = bias;
		AXK_DWR_ROW_5_1(y + 4);
		AXK_DWR_TAPS_5(a, 4);
		AXK_DWR_TAPS_5(b, 3);
		AXK_DWR_TAPS_5(c, 2);
		AXK_DWR_TAPS_5(d, 1);
		AXK_DWR_TAPS_5(e, 0);
		AXK_DWR_KEEP(a);
		a = b;
		b = c;
		c = d;
		d = e;
	}
}

AXK_VEC void axk_dwr_march_5_2(const axk_dwr_strip *s, int inside)
{
	AXK_DWR_LOCALS;
	const float *const w = s->w;
	axk_vf a = bias, b = bias;
	const axk_vm AXK_DWR_MASK(0, 0), AXK_DWR_MASK(1, AXK_VN), AXK_DWR_MASK(2, 2),
		AXK_DWR_MASK(3, AXK_VN + 2), AXK_DWR_MASK(4, 4), AXK_DWR_MASK(5, AXK_VN + 4);
	{
		AXK_DWR_ROW_5_2(0);
		AXK_DWR_TAPS_5(a, 0);
	}
	{
		AXK_DWR_ROW_5_2(1);
		AXK_DWR_TAPS_5(a, 1);
	}
	{
		AXK_DWR_ROW_5_2(2);
		AXK_DWR_TAPS_5(a, 2);
		AXK_DWR_TAPS_5(b, 0);
	}
	for (int y = 0; y < oh; y++, out += ow) {
		axk_vf c = bias;
		{
			AXK_DWR_ROW_5_2(2 * y + 3);
			AXK_DWR_TAPS_5(a, 3);
			AXK_DWR_TAPS_5(b, 1);
		}
		AXK_DWR_ROW_5_2(2 * y + 4);
		AXK_DWR_TAPS_5(a, 4);
		AXK_DWR_TAPS_5(b, 2);
		AXK_DWR_TAPS_5(c, 0);
		AXK_DWR_KEEP(axk_vf_unzip(a));
		a = b;
		b = c;
	}
}

/* Not inlined: each has the registers for itself. */
#define AXK_DWR_FN(k, stride)                                                                      \
	static __attribute__((noinline, unused)) void axk_dwr_##k##_##stride(                      \
		const axk_dwr_strip *s)                                                            \
	{                                                                                          \
		if (s->at >= 0 && s->at + (AXK_VN - 1) * (stride) + (k) <= s->iw)                  \
			axk_dwr_march_##k##_##stride(s, 1);                                        \
		else                                                                               \
			axk_dwr_march_##k##_##stride(s, 0);                                        \
	}

AXK_DWR_FN(3, 1)
AXK_DWR_FN(3, 2)
AXK_DWR_FN(5, 1)
AXK_DWR_FN(5, 2)

#undef AXK_DWR_FN
#undef AXK_DWR_KEEP
#undef AXK_DWR_TAPS_5
#undef AXK_DWR_TAP_5
#undef AXK_DWR_TAPS_3
#undef AXK_DWR_WEIGHTS_3
#undef AXK_DWR_ROW_5_2
#undef AXK_DWR_ROW_3_2
#undef AXK_DWR_ROW_5_1
#undef AXK_DWR_ROW_3_1
#undef AXK_DWR_ROW
#undef AXK_DWR_LOAD
#undef AXK_DWR_MASK
#undef AXK_DWR_LOCALS

AXK_FN void AXK_VEC_NAME(axk_dwconv_rows_f32)(const void *params, void *const *buf, void *scratch,
					      int begin, int end)
{
	const struct axk_conv_f32 *p = params;
	const int taps = p->kh * p->kw, times = p->oc / p->ic;
	const float *weights = buf[2], *bias = weights + (size_t)p->oc * taps;
	axk_dwr_strip s = {.zeros = scratch,
			   .ih = p->ih,
			   .iw = p->iw,
			   .pt = p->pt,
			   .oh = p->oh,
			   .ow = p->ow,
			   .lo = p->lo,
			   .hi = p->hi,
			   .ahead = p->ih * (int64_t)p->iw <= 4096 ? p->ih * p->iw : 0};
	memset(scratch, 0, ((size_t)p->iw + 2 * AXK_VN + 8) * sizeof(float));
	for (int u = begin; u < end; u++) {
		int oc = u % p->oc, image = u / p->oc;
		float *out = (float *)buf[0] + (size_t)u * p->oh * p->ow;
		s.in = (const float *)buf[1] + ((size_t)image * p->ic + oc / times) * p->ih * p->iw;
		s.w = weights + (size_t)oc * taps;
		s.bias = bias[oc];
		for (int ox = 0; ox < p->ow; ox += AXK_VN) {
			/* the last whole vector overlaps the one before: it computes the same bits
			 */
			int from = ox + AXK_VN > p->ow && p->ow >= AXK_VN ? p->ow - AXK_VN : ox;
			s.n = p->ow - from;
			s.at = from * p->sw - p->pl;
			s.out = out + from;
			if (p->kw == 3)
				p->sw == 1 ? axk_dwr_3_1(&s) : axk_dwr_3_2(&s);
			else
				p->sw == 1 ? axk_dwr_5_1(&s) : axk_dwr_5_2(&s);
		}
	}
}
