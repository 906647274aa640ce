/* Windows of float pooling as lists of distances, and rows with their padding. */
#ifndef AXK_VEC_POOL_F32_H
#define AXK_VEC_POOL_F32_H

#include "kernels/x86/pool_f32_shape.h"
#include "kernels/x86/vec_f32.h"

AXK_VEC axk_vf axk_pool_vec_step(axk_vf acc, axk_vf x, int max)
{
	return max ? axk_vf_max(x, acc) : axk_vf_add(acc, x);
}

/* One output row: out windows, `step` apart, of the taps at x + tap[..]; room: elements that may be
 * written. */
AXK_VEC void axk_pool_vec_row(float *to, int room, const float *x, const int32_t *tap, int taps,
			      int out, int step, int max)
{
	const axk_vf start = axk_vf_set(max ? -1.0f / 0.0f : 0.0f);
	for (int i = 0; i < out; i += AXK_VN, x += (ptrdiff_t)step * AXK_VN) {
		axk_vf acc = start;
		if (step == 1)
			for (int t = 0; t < taps; t++)
				acc = axk_pool_vec_step(acc, axk_vf_load(x + tap[t]), max);
		else if (step == 2)
			for (int t = 0; t < taps; t++)
				acc = axk_pool_vec_step(acc, axk_vf_load_even(x + tap[t], out - i),
							max);
		else
			for (int t = 0; t < taps; t++)
				acc = axk_pool_vec_step(acc, axk_vf_load_step(x + tap[t], step),
							max);
		axk_vf_store_n(to + i, acc, room - i);
	}
}

AXK_VEC void axk_pool_vec_fill(float *to, int n, float value)
{
	for (int i = 0; i < n; i += AXK_VN)
		axk_vf_store_n(to + i, axk_vf_set(value), n - i);
}

/* A row of the padded plane: `reach` elements from pb before x, those outside of it (all where x is
 * NULL) `value`. */
AXK_INLINE void axk_pool_vec_pad(const struct axk_pool_f32 *p, float *to, const float *x, int reach,
				 float value)
{
	int before = p->pb[2] < reach && x ? p->pb[2] : reach;
	int n = p->in[2] < reach - before ? p->in[2] : reach - before;
	axk_pool_vec_fill(to, before, value);
	if (n > 0)
		memcpy(to + before, x, (size_t)n * sizeof *to);
	axk_pool_vec_fill(to + before + n, reach - before - n, value);
}

/* Row r of the padded plane's rows, NULL where it is padding. */
AXK_INLINE const float *axk_pool_vec_in(const struct axk_pool_f32 *p, const axk_pool_shape *s,
					const float *x, int r)
{
	int z = r / s->reach[1] - p->pb[0], y = r % s->reach[1] - p->pb[1];
	return z < 0 || z >= p->in[0] || y < 0 || y >= p->in[1]
		       ? NULL
		       : x + ((size_t)z * p->in[1] + y) * p->in[2];
}

#endif
