/* Phases of strided convolutions; geometry only, also for packing and scratch sizes.
 * Depthwise: the padded input is split by stride into sh * sw phase images; in a phase image every
 * tap is a constant shift. Transposed: the outputs whose coordinates leave the same remainders (a
 * phase) use the same taps, and neighbours among them read neighbours of the input, so each phase
 * is an ordinary convolution. */
#ifndef AXK_PHASES_F32_H
#define AXK_PHASES_F32_H

#include "kernels/axk.h"

enum { AXK_DWF_TAPS = 128 };

typedef struct axk_dw_f32 {
	int pitch, rows; /* of a phase image, and of the flat output */
	size_t phase;    /* elements of a phase image */
	size_t flat;     /* elements of the flat output, rounded up */
} axk_dw_f32;

AXK_INLINE axk_dw_f32 axk_dw_f32_shape(const struct axk_conv_f32 *p)
{
	axk_dw_f32 s;
	s.pitch = p->ow + (p->kw - 1) * p->dw / p->sw;
	s.rows = p->oh + (p->kh - 1) * p->dh / p->sh;
	s.flat = ((size_t)(p->oh - 1) * s.pitch + p->ow + 63) / 64 * 64;
	s.phase = ((size_t)s.rows * s.pitch + 64 + 63) / 64 * 64;
	return s;
}

typedef struct axk_ct_f32 {
	int ry, rx;     /* remainders of oy + pt, ox + pl */
	int y0, x0;     /* first output */
	int rows, cols; /* outputs */
	int taps;       /* kernel positions */
} axk_ct_f32;

AXK_INLINE int axk_ct_f32_taps(int k, int d, int s, int remainder)
{
	int n = 0;
	for (int i = 0; i < k; i++)
		n += i * d % s == remainder;
	return n;
}

AXK_INLINE axk_ct_f32 axk_ct_f32_phase(const struct axk_conv_f32 *p, int phase)
{
	axk_ct_f32 c;
	c.ry = phase / p->sw;
	c.rx = phase % p->sw;
	c.y0 = ((c.ry - p->pt) % p->sh + p->sh) % p->sh;
	c.x0 = ((c.rx - p->pl) % p->sw + p->sw) % p->sw;
	c.rows = p->oh > c.y0 ? (p->oh - c.y0 + p->sh - 1) / p->sh : 0;
	c.cols = p->ow > c.x0 ? (p->ow - c.x0 + p->sw - 1) / p->sw : 0;
	c.taps = axk_ct_f32_taps(p->kh, p->dh, p->sh, c.ry) *
		 axk_ct_f32_taps(p->kw, p->dw, p->sw, c.rx);
	return c;
}

#endif
