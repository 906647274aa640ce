/* Windows of float pooling: which output columns a tap reaches inside the image. */
#ifndef AXK_WINDOW_F32_H
#define AXK_WINDOW_F32_H

#include "kernels/axk.h"

/* Output positions [*first, *end) whose tap k of dimension `dim` lies inside [lo, hi). */
AXK_INLINE void axk_window_f32_span(const struct axk_pool_f32 *p, int dim, int k, int lo, int hi,
				    int *first, int *end)
{
	int s = p->s[dim], at = k * p->d[dim] - p->pb[dim]; /* position of output 0 */
	*first = at < lo ? (lo - at + s - 1) / s : 0;
	*end = at < hi ? (hi - 1 - at) / s + 1 : 0;
	*end = *end < p->out[dim] ? *end : p->out[dim];
	*end = *end < *first ? *first : *end;
}

/* Row of the image that taps (kz, ky) bring to output row (oz, oy), or NULL. */
AXK_INLINE const float *axk_window_f32_row(const struct axk_pool_f32 *p, const float *in, int oz,
					   int oy, int kz, int ky)
{
	int z = oz * p->s[0] + kz * p->d[0] - p->pb[0], y = oy * p->s[1] + ky * p->d[1] - p->pb[1];
	if (z < 0 || z >= p->in[0] || y < 0 || y >= p->in[1])
		return NULL;
	return in + ((size_t)z * p->in[1] + y) * p->in[2];
}

#endif
