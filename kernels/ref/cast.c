/* Conversion between element types. Unit: 4096 elements. */
#include "kernels/axk.h"
#include "kernels/ref/int_at.h"
#include "kernels/ref/scalar.h"

AXK_INLINE int64_t axk_cast_to_int(float v, int type)
{
	static const int64_t hi[] = {0, 127, 255, 32767};
	int64_t i = type == AXK_T_I32 ? axk_to_i32(v) : axk_to_i64(v);
	if (type == AXK_T_BOOL)
		return v != 0.0f;
	if (type > AXK_T_I16)
		return i;
	int64_t lo = type == AXK_T_U8 ? 0 : -hi[type] - 1;
	return i < lo ? lo : i > hi[type] ? hi[type] : i;
}

AXK_FN void AXK_NAME(axk_cast_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_cast *p = params;
	int from = begin * 4096, to = end * 4096 < p->n ? end * 4096 : p->n;
	const float *x = buf[1];
	float *y = buf[0];
	(void)scratch;
	if (p->from == AXK_T_U8 && p->to == AXK_T_F32)
		for (int i = from; i < to; i++)
			y[i] = (float)((const uint8_t *)buf[1])[i];
	else if (p->from == AXK_T_F32 && p->to == AXK_T_F32)
		memcpy(y + from, x + from, (size_t)(to > from ? to - from : 0) * sizeof *y);
	else if (p->to == AXK_T_F32)
		for (int i = from; i < to; i++)
			y[i] = (float)axk_int_at(buf[1], p->from, i);
	else if (p->from == AXK_T_F32)
		for (int i = from; i < to; i++)
			axk_int_put(buf[0], p->to, i, axk_cast_to_int(x[i], p->to));
	else
		for (int i = from; i < to; i++)
			axk_int_put(buf[0], p->to, i, axk_int_at(buf[1], p->from, i));
}
