/* Float average pooling over up to three dimensions. A unit is one plane. */
#include "kernels/axk.h"
#include "kernels/ref/window_f32.h"

AXK_INLINE void axk_avgpool_f32_c_row(const struct axk_pool_f32 *p, const float *row, float *out)
{
	for (int kx = 0; kx < p->k[2]; kx++) {
		int first, end, s = p->s[2];
		axk_window_f32_span(p, 2, kx, 0, p->in[2], &first, &end);
		const float *x = row + kx * p->d[2] - p->pb[2];
		for (int i = first; i < end; i++)
			out[i] = out[i] + x[i * s];
	}
}

/* How many taps of dimension `dim` count at output o. */
AXK_INLINE int axk_avgpool_f32_c_count(const struct axk_pool_f32 *p, int dim, int o)
{
	int lo = p->count_pad ? -p->pb[dim] : 0, hi = p->in[dim] + (p->count_pad ? p->pe[dim] : 0),
	    n = 0;
	for (int k = 0; k < p->k[dim]; k++) {
		int at = o * p->s[dim] + k * p->d[dim] - p->pb[dim];
		n += at >= lo && at < hi;
	}
	return n;
}

AXK_FN void AXK_NAME(axk_avgpool_f32_c)(const void *params, void *const *buf, void *scratch,
					int begin, int end)
{
	const struct axk_pool_f32 *p = params;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		const float *in =
			(const float *)buf[1] + (size_t)u * p->in[0] * p->in[1] * p->in[2];
		float *out = (float *)buf[0] + (size_t)u * p->out[0] * p->out[1] * p->out[2];
		for (int o = 0; o < p->out[0] * p->out[1]; o++, out += p->out[2]) {
			int oz = o / p->out[1], oy = o % p->out[1];
			int n = axk_avgpool_f32_c_count(p, 0, oz) *
				axk_avgpool_f32_c_count(p, 1, oy);
			for (int i = 0; i < p->out[2]; i++)
				out[i] = 0.0f;
			for (int k = 0; k < p->k[0] * p->k[1]; k++) {
				const float *row =
					axk_window_f32_row(p, in, oz, oy, k / p->k[1], k % p->k[1]);
				if (row)
					axk_avgpool_f32_c_row(p, row, out);
			}
			for (int i = 0; i < p->out[2]; i++) {
				int count = n * axk_avgpool_f32_c_count(p, 2, i);
				out[i] = count ? out[i] / (float)count : 0.0f;
			}
		}
	}
}
