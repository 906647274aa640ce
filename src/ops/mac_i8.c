/* Plain loops, ordered so that the compiler can vectorise over output positions. */
#include "ops/mac_i8.h"
#include "ops/requant.h"

void axc_mac_i8(const int16_t *restrict col, const int8_t *restrict w, int64_t k, int n,
		int32_t start, int32_t *restrict acc)
{
	for (int i = 0; i < n; i++)
		acc[i] = start;
	for (int64_t j = 0; j < k; j++, col += AXC_MAC_BLOCK) {
		const int16_t wj = w[j];
		for (int i = 0; i < n; i++)
			acc[i] += wj * col[i];
	}
}

void axc_mac_i8_store(const int32_t *acc, int n, float sx, float sw, const AxcTensor *y, int64_t c,
		      int64_t at, int64_t step)
{
	float scale = sx * sw;
	if (y->dtype == AXC_F32) {
		float *out = (float *)y->data + at;
		for (int i = 0; i < n; i++)
			out[i * step] = (float)acc[i] * scale;
		return;
	}
	float m = scale / axc_channel_scale(y, c);
	int zp = axc_channel_zero(y, c) + 128;
	int8_t *out = (int8_t *)y->data + at;
	for (int i = 0; i < n; i++)
		out[i * step] = axc_requant(acc[i], m, zp);
}

float axc_weight_scale(const AxcTensor *w, int64_t c)
{
	return w->q.scale[c % w->q.n];
}

float axc_channel_scale(const AxcTensor *x, int64_t c)
{
	return x->q.scale[x->q.n > 1 ? c : 0];
}

int axc_channel_zero(const AxcTensor *x, int64_t c)
{
	return x->q.zero_point[x->q.n > 1 ? c : 0];
}
