/* Binary float functions with broadcasting. Unit: a chunk of the innermost dimension (strided.h). */
#include "kernels/axk.h"
#include "kernels/ref/scalar.h"
#include "kernels/ref/strided.h"

/* The remainder of truncated division, exact: long division of the significands. */
AXK_INLINE float axk_fmodf(float x, float y)
{
	double a = axk_absf(x), b = axk_absf(y);
	if (x != x || y != y || a > 3.4028235e38 || b == 0.0)
		return 0.0f / 0.0f;
	if (b > 3.4028235e38)
		return x;
	while (a >= b) {
		double t = b;
		uint64_t ua, ub;
		memcpy(&ua, &a, sizeof ua);
		memcpy(&ub, &b, sizeof ub);
		ub += (ua & 0x7ff0000000000000u) - (ub & 0x7ff0000000000000u); /* b scaled to a's exponent */
		memcpy(&t, &ub, sizeof t);
		a -= t > a ? t * 0.5 : t;
	}
	return axk_copysignf((float)a, x);
}

AXK_INLINE float axk_modf(float x, float y)
{
	float r = axk_fmodf(x, y);
	return r != 0.0f && (r < 0.0f) != (y < 0.0f) ? r + y : r;
}

AXK_INLINE float axk_minf(float a, float b)
{
	return a < b || a != a ? a : b;
}

AXK_INLINE float axk_maxf(float a, float b)
{
	return a > b || a != a ? a : b;
}

/* One loop per pattern of strides that vectorises, and one for the rest. */
#define AXK_EACH(expression) \
	if (la == 1 && lb == 1) { \
		for (int i = 0; i < n; i++) { \
			float v = a[i], w = b[i]; \
			y[i] = (expression); \
		} \
	} else if (la == 1 && lb == 0) { \
		const float w = *b; \
		for (int i = 0; i < n; i++) { \
			float v = a[i]; \
			y[i] = (expression); \
		} \
	} else if (la == 0 && lb == 1) { \
		const float v = *a; \
		for (int i = 0; i < n; i++) { \
			float w = b[i]; \
			y[i] = (expression); \
		} \
	} else { \
		for (int i = 0; i < n; i++) { \
			float v = a[(ptrdiff_t)i * la], w = b[(ptrdiff_t)i * lb]; \
			y[i] = (expression); \
		} \
	} \
	break

AXK_INLINE void axk_binary_run(int op, int n, float *y, const float *a, int la, const float *b, int lb)
{
	switch (op) {
	case AXK_B_ADD: AXK_EACH(v + w);
	case AXK_B_SUB: AXK_EACH(v - w);
	case AXK_B_MUL: AXK_EACH(v * w);
	case AXK_B_DIV: AXK_EACH(v / w);
	case AXK_B_MIN: AXK_EACH(axk_minf(v, w));
	case AXK_B_MAX: AXK_EACH(axk_maxf(v, w));
	case AXK_B_PRELU: AXK_EACH(v < 0.0f ? v * w : v);
	case AXK_B_MOD: AXK_EACH(axk_modf(v, w));
	case AXK_B_FMOD: AXK_EACH(axk_fmodf(v, w));
	default: break;
	}
}

#undef AXK_EACH

AXK_FN void AXK_NAME(axk_binary_f32_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_binary_f32 *p = params;
	const int chunks = axk_chunks(p->dims);
	(void)scratch;
	for (int u = begin; u < end; u++) {
		int outer = u / chunks, chunk = u % chunks;
		float *y = (float *)buf[0] + (ptrdiff_t)outer * p->dims[7] + (ptrdiff_t)chunk * AXK_CHUNK;
		const float *a = (const float *)buf[1] + axk_chunk_at(p->dims, p->sa, outer, chunk);
		const float *b = (const float *)buf[2] + axk_chunk_at(p->dims, p->sb, outer, chunk);
		axk_binary_run(p->op, axk_chunk_len(p->dims, chunk), y, a, p->sa[7], b, p->sb[7]);
	}
}
