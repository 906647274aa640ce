/* Transposed convolution as ordinary ones: the output elements whose row and column leave the same
 * remainder modulo the stride (a phase) are a convolution of stride 1 over the input, with those
 * taps that reach them, in reverse. Each phase is convolved into scratch, then spread over the
 * output. */
#ifndef AXK_X86_CONVT_PHASES_H
#define AXK_X86_CONVT_PHASES_H

#include "kernels/ref/epilogue.h"

/* Taps along one axis: first, first + step, … (count of them), spaced `apart` inputs, the last of
 * them first; `pad` inputs before the first window. */
typedef struct axk_convt_axis {
	int first, step, count, apart, pad, outputs;
} axk_convt_axis;

AXK_INLINE axk_convt_axis axk_convt_axis_of(int phase, int size, int k, int stride, int dilation,
					    int pad)
{
	axk_convt_axis a = {0,        1, 0,
			    dilation, 0, phase < size ? (size - phase + stride - 1) / stride : 0};
	int n = phase + pad;
	while (a.step * dilation % stride != 0)
		a.step++;
	while (a.first < k && a.first < a.step && (n - a.first * dilation) % stride != 0)
		a.first++;
	if (a.first >= k || a.first >= a.step)
		return a;
	a.count = (k - 1 - a.first) / a.step + 1;
	a.apart = a.step * dilation / stride;
	a.pad = (a.count - 1) * a.apart - (n - a.first * dilation) / stride;
	return a;
}

AXK_INLINE axk_convt_axis axk_convt_rows(const struct axk_conv *p, int phase)
{
	return axk_convt_axis_of(phase / p->sw, p->oh, p->kh, p->sh, p->dh, p->pt);
}

AXK_INLINE axk_convt_axis axk_convt_cols(const struct axk_conv *p, int phase)
{
	return axk_convt_axis_of(phase % p->sw, p->ow, p->kw, p->sw, p->dw, p->pl);
}

/* The convolution that computes a phase of one image, without table and residual. */
AXK_INLINE struct axk_conv axk_convt_phase(const struct axk_conv *p, int phase)
{
	const axk_convt_axis y = axk_convt_rows(p, phase), x = axk_convt_cols(p, phase);
	struct axk_conv q = *p;
	q.n = 1;
	q.oh = y.outputs;
	q.ow = x.outputs;
	q.kh = y.count;
	q.kw = x.count;
	q.sh = q.sw = 1;
	q.dh = y.apart;
	q.dw = x.apart;
	q.pt = y.pad;
	q.pl = x.pad;
	q.out_ld = p->oc;
	q.has_lut = q.add = 0;
	return q;
}

/* Bytes of scratch that a phase's outputs take. */
AXK_INLINE size_t axk_convt_bytes(const struct axk_conv *q)
{
	return ((size_t)q->oh * q->ow * q->oc * (q->out_f32 ? sizeof(float) : 1) + 63) / 64 * 64;
}

/* Spreads a phase over the output, through table and residual. */
AXK_INLINE void axk_convt_spread(const struct axk_conv *p, void *const *buf, const uint8_t *from,
				 int image, int phase, const struct axk_conv *q)
{
	const size_t size = p->out_f32 ? sizeof(float) : 1, n = (size_t)p->oc * size;
	const uint8_t *lut = buf[3];
	for (int i = 0; i < q->oh * q->ow; i++, from += n) {
		int oy = i / q->ow * p->sh + phase / p->sw, ox = i % q->ow * p->sw + phase % p->sw;
		size_t pixel = ((size_t)image * p->oh + (size_t)oy) * p->ow + (size_t)ox;
		uint8_t *to = (uint8_t *)buf[0] + pixel * p->out_ld * size;
		if (p->out_f32 || !(p->has_lut || p->add)) {
			memcpy(to, from, n);
			continue;
		}
		const uint8_t *r = p->add ? (const uint8_t *)buf[4] + pixel * p->res_ld : NULL;
		for (int c = 0; c < p->oc; c++) {
			float v = p->has_lut ? (float)lut[from[c]] : (float)from[c];
			to[c] = (uint8_t)(int)(p->add ? axk_residual(p, v, (float)r[c]) : v);
		}
	}
}

typedef void axk_convt_kernel(const void *params, void *const *buf, void *scratch, int begin,
			      int end);

/* Units: phase by phase of each image. Packed: int32 offset[phases] in bytes from the start of
 * buf[2]. */
AXK_INLINE void axk_convt_units(const struct axk_conv *p, void *const *buf, uint8_t *scratch,
				int begin, int end, axk_convt_kernel *conv,
				int (*conv_units)(const struct axk_conv *))
{
	for (int u = begin; u < end; u++) {
		int image = u / (p->sh * p->sw), phase = u % (p->sh * p->sw);
		const struct axk_conv q = axk_convt_phase(p, phase);
		void *part[5] = {scratch, NULL, NULL, NULL, NULL};
		if (q.oh == 0 || q.ow == 0)
			continue;
		part[1] = (uint8_t *)buf[1] + (size_t)image * p->ih * p->iw * p->in_ld;
		part[2] = (uint8_t *)buf[2] + ((const int32_t *)buf[2])[phase];
		conv(&q, part, scratch + axk_convt_bytes(&q), 0, conv_units(&q));
		axk_convt_spread(p, buf, scratch, image, phase, &q);
	}
}

#endif
