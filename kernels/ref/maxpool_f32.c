/* Float max pooling over up to three dimensions. A unit is one plane. */
#include "kernels/axk.h"
#include "kernels/ref/window_f32.h"

AXK_INLINE void axk_maxpool_f32_c_row(const struct axk_pool_f32 *p, const float *row, float *out)
{
	for (int kx = 0; kx < p->k[2]; kx++) {
		int first, end, s = p->s[2];
		axk_window_f32_span(p, 2, kx, 0, p->in[2], &first, &end);
		const float *x = row + kx * p->d[2] - p->pb[2];
		if (s == 1)
			for (int i = first; i < end; i++)
				out[i] = x[i] > out[i] ? x[i] : out[i];
		else
			for (int i = first; i < end; i++)
				out[i] = x[i * s] > out[i] ? x[i * s] : out[i];
	}
}

AXK_FN void AXK_NAME(axk_maxpool_f32_c)(const void *params, void *const *buf, void *scratch,
					int begin, int end)
{
	const struct axk_pool_f32 *p = params;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		const float *in =
			(const float *)buf[1] + (size_t)u * p->in[0] * p->in[1] * p->in[2];
		float *out = (float *)buf[0] + (size_t)u * p->out[0] * p->out[1] * p->out[2];
		for (int o = 0; o < p->out[0] * p->out[1]; o++, out += p->out[2]) {
			for (int i = 0; i < p->out[2]; i++)
				out[i] = -1.0f / 0.0f;
			for (int k = 0; k < p->k[0] * p->k[1]; k++) {
				const float *row =
					axk_window_f32_row(p, in, o / p->out[1], o % p->out[1],
							   k / p->k[1], k % p->k[1]);
				if (row)
					axk_maxpool_f32_c_row(p, row, out);
			}
		}
	}
}
