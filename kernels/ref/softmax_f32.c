/* Softmax and LogSoftmax of float tensors. Unit: up to 64 columns of `inner` at one place of `outer`. */
#include "kernels/axk.h"
#include "kernels/ref/elementary.h"

enum { AXK_SOFTMAX_BLOCK = 64 };

AXK_INLINE void axk_softmax_block(const struct axk_softmax_f32 *p, int n, float *y, const float *x)
{
	float top[AXK_SOFTMAX_BLOCK], sum[AXK_SOFTMAX_BLOCK];
	const ptrdiff_t step = p->inner;
	for (int i = 0; i < n; i++) {
		top[i] = x[i];
		sum[i] = 0.0f;
	}
	for (int k = 1; k < p->c; k++)
		for (int i = 0; i < n; i++)
			top[i] = x[k * step + i] > top[i] ? x[k * step + i] : top[i];
	for (int k = 0; k < p->c; k++)
		for (int i = 0; i < n; i++) {
			float e = axk_expf(x[k * step + i] - top[i]);
			sum[i] = sum[i] + e;
			y[k * step + i] = e;
		}
	for (int i = 0; i < n && p->is_log; i++)
		sum[i] = axk_logf(sum[i]);
	for (int k = 0; k < p->c; k++)
		for (int i = 0; i < n; i++)
			y[k * step + i] = p->is_log ? (x[k * step + i] - top[i]) - sum[i] : y[k * step + i] / sum[i];
}

/* One row of contiguous elements: the exponentials vectorise, the sum keeps its order. */
AXK_INLINE void axk_softmax_row(const struct axk_softmax_f32 *p, float *y, const float *x)
{
	float top = x[0], sum = 0.0f;
	for (int k = 1; k < p->c; k++)
		top = x[k] > top ? x[k] : top;
	for (int k = 0; k < p->c; k++)
		y[k] = axk_expf(x[k] - top);
	for (int k = 0; k < p->c; k++)
		sum = sum + y[k];
	if (p->is_log) {
		sum = axk_logf(sum);
		for (int k = 0; k < p->c; k++)
			y[k] = (x[k] - top) - sum;
		return;
	}
	for (int k = 0; k < p->c; k++)
		y[k] = y[k] / sum;
}

AXK_FN void AXK_NAME(axk_softmax_f32_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_softmax_f32 *p = params;
	const int blocks = (p->inner + AXK_SOFTMAX_BLOCK - 1) / AXK_SOFTMAX_BLOCK;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int at = u % blocks * AXK_SOFTMAX_BLOCK;
		int n = p->inner - at < AXK_SOFTMAX_BLOCK ? p->inner - at : AXK_SOFTMAX_BLOCK;
		ptrdiff_t from = (ptrdiff_t)(u / blocks) * p->c * p->inner + at;
		float *y = (float *)buf[0] + from;
		const float *x = (const float *)buf[1] + from;
		if (p->inner == 1)
			axk_softmax_row(p, y, x);
		else
			axk_softmax_block(p, n, y, x);
	}
}
