/* Float max pooling over up to three dimensions: first along rows, then over rows. That keeps which
 * of equal elements (zeros of both signs) wins, and k + k comparisons do for k * k. A unit is one
 * plane. Scratch: the taps of both steps, the maxima along every padded row, the padded rows. */
#include "kernels/x86/vec/pool_f32.h"

AXK_INLINE void axk_maxpool_vec_plane(const struct axk_pool_f32 *p, const axk_pool_shape *s,
				      float *y, const float *x, const int32_t *tap, float *along)
{
	const int rows = s->reach[0] * s->reach[1], out = p->out[0] * p->out[1],
		  over = p->k[0] * p->k[1];
	float *padded = along + (size_t)rows * s->pitch;
	for (int r = 0; r < rows && !s->rows_fit; r++) {
		const float *in = axk_pool_vec_in(p, s, x, r);
		if (in)
			axk_pool_vec_pad(p, padded + (size_t)r * s->reach[2], in, s->reach[2],
					 -1.0f / 0.0f);
	}
	for (int r = 0; r < rows; r++) {
		const float *in = axk_pool_vec_in(p, s, x, r);
		float *to = along + (size_t)r * s->pitch;
		if (in)
			axk_pool_vec_row(to, (int)s->pitch,
					 s->rows_fit ? in : padded + (size_t)r * s->reach[2], tap,
					 p->k[2], p->out[2], p->s[2], 1);
		else
			axk_pool_vec_fill(to, (int)s->pitch, -1.0f / 0.0f);
	}
	for (int o = 0; o < out; o++, y += p->out[2]) {
		int first = o / p->out[1] * p->s[0] * s->reach[1] + o % p->out[1] * p->s[1];
		axk_pool_vec_row(y, p->out[2], along + (size_t)first * s->pitch, tap + p->k[2],
				 over, p->out[2], 1, 1);
	}
}

AXK_FN void AXK_VEC_NAME(axk_maxpool_f32)(const void *params, void *const *buf, void *scratch,
					  int begin, int end)
{
	const struct axk_pool_f32 *p = params;
	const axk_pool_shape s = axk_pool_shape_of(p);
	const int taps = p->k[2] + p->k[0] * p->k[1];
	int32_t *tap = scratch;
	for (int t = 0; t < taps; t++) {
		int row = t - p->k[2], z = row / p->k[1] * p->d[0], y = row % p->k[1] * p->d[1];
		tap[t] = row < 0 ? t * p->d[2] : (z * s.reach[1] + y) * (int)s.pitch;
	}
	for (int u = begin; u < end; u++)
		axk_maxpool_vec_plane(
			p, &s, (float *)buf[0] + (size_t)u * p->out[0] * p->out[1] * p->out[2],
			(const float *)buf[1] + (size_t)u * p->in[0] * p->in[1] * p->in[2], tap,
			(float *)scratch + taps);
}
