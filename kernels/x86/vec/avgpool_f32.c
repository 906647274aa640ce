/* Float average pooling over up to three dimensions; padding is +0, which changes no sum that
 * starts at +0. A unit is one plane. Scratch: the taps, how many of each column count, an output
 * row, the padded plane. */
#include "kernels/x86/vec/pool_f32.h"

/* How many taps of dimension `dim` count at output o. */
AXK_INLINE int axk_avgpool_vec_count(const struct axk_pool_f32 *p, int dim, int o)
{
	int lo = p->count_pad ? -p->pb[dim] : 0, hi = p->in[dim] + (p->count_pad ? p->pe[dim] : 0),
	    n = 0;
	for (int k = 0; k < p->k[dim]; k++) {
		int at = o * p->s[dim] + k * p->d[dim] - p->pb[dim];
		n += at >= lo && at < hi;
	}
	return n;
}

AXK_INLINE void axk_avgpool_vec_plane(const struct axk_pool_f32 *p, const axk_pool_shape *s,
				      float *y, const float *x, const int32_t *tap, float *counts)
{
	const int out = p->out[0] * p->out[1], taps = p->k[0] * p->k[1] * p->k[2];
	const int width = s->fits ? p->in[2] : s->reach[2],
		  height = s->fits ? p->in[1] : s->reach[1];
	const axk_vf zero = axk_vf_set(0.0f);
	float *line = counts + s->pitch, *padded = line + s->pitch;
	for (int r = 0; r < s->reach[0] * s->reach[1] && !s->fits; r++)
		axk_pool_vec_pad(p, padded + (size_t)r * width, axk_pool_vec_in(p, s, x, r), width,
				 0.0f);
	x = s->fits ? x : padded;
	for (int o = 0; o < out; o++, y += p->out[2]) {
		int oz = o / p->out[1], oy = o % p->out[1];
		const axk_vf n = axk_vf_set(
			(float)(axk_avgpool_vec_count(p, 0, oz) * axk_avgpool_vec_count(p, 1, oy)));
		axk_pool_vec_row(line, (int)s->pitch,
				 x + ((size_t)oz * p->s[0] * height + (size_t)oy * p->s[1]) * width,
				 tap, taps, p->out[2], p->s[2], 0);
		for (int i = 0; i < p->out[2]; i += AXK_VN) {
			axk_vf count = axk_vf_mul(n, axk_vf_load(counts + i));
			axk_vf v = axk_vf_div(axk_vf_load(line + i), count);
			axk_vf_store_n(y + i, axk_vf_if(axk_vf_eq(count, zero), zero, v),
				       p->out[2] - i);
		}
	}
}

AXK_FN void AXK_VEC_NAME(axk_avgpool_f32)(const void *params, void *const *buf, void *scratch,
					  int begin, int end)
{
	const struct axk_pool_f32 *p = params;
	const axk_pool_shape s = axk_pool_shape_of(p);
	const int width = s.fits ? p->in[2] : s.reach[2], height = s.fits ? p->in[1] : s.reach[1];
	const int taps = p->k[0] * p->k[1] * p->k[2];
	int32_t *tap = scratch;
	float *counts = (float *)scratch + taps;
	for (int t = 0; t < taps; t++) {
		int row = t / p->k[2], z = row / p->k[1] * p->d[0], y = row % p->k[1] * p->d[1];
		tap[t] = (z * height + y) * width + t % p->k[2] * p->d[2];
	}
	for (int i = 0; i < p->out[2]; i++)
		counts[i] = (float)axk_avgpool_vec_count(p, 2, i);
	for (int u = begin; u < end; u++)
		axk_avgpool_vec_plane(
			p, &s, (float *)buf[0] + (size_t)u * p->out[0] * p->out[1] * p->out[2],
			(const float *)buf[1] + (size_t)u * p->in[0] * p->in[1] * p->in[2], tap,
			counts);
}
