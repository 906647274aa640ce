/* QuantizeLinear and DequantizeLinear as plain loops: the true quotient, clamped, rounded half to
 * even. */
#include "eval/quantize.h"

#include <math.h>

/* A tensor seen as [outer][channels][inner] along its quantization axis. */
typedef struct Split {
	int64_t outer, channels, inner;
} Split;

static Split split_of(const AxcShape *shape, const AxcQuant *q)
{
	Split s = {1, 1, axc_shape_count(shape)};
	if (q->n <= 1 || q->axis < 0)
		return s;
	s = (Split){1, shape->dim[q->axis], 1};
	for (int i = 0; i < q->axis; i++)
		s.outer *= shape->dim[i];
	for (int i = q->axis + 1; i < shape->rank; i++)
		s.inner *= shape->dim[i];
	return s;
}

static int8_t quantize_one(float x, float s, int zp)
{
	float lo = (float)(-128 - zp), hi = (float)(127 - zp), v = x / s;
	v = v > lo ? v : lo; /* NaN: the minimum */
	v = v < hi ? v : hi;
	return (int8_t)((int)rintf(v) + zp);
}

void axc_eval_quantize(const AxcTensor *in, const AxcTensor *out)
{
	Split s = split_of(&out->shape, &out->q);
	const float *x = in->data;
	int8_t *y = out->data;
	for (int64_t o = 0; o < s.outer; o++)
		for (int64_t c = 0; c < s.channels; c++)
			for (int64_t i = 0; i < s.inner; i++)
				*y++ = quantize_one(*x++, out->q.scale[c], out->q.zero_point[c]);
}

void axc_eval_dequantize(const AxcTensor *in, const AxcTensor *out)
{
	Split s = split_of(&in->shape, &in->q);
	const int8_t *x = in->data;
	float *y = out->data;
	for (int64_t o = 0; o < s.outer; o++)
		for (int64_t c = 0; c < s.channels; c++)
			for (int64_t i = 0; i < s.inner; i++)
				*y++ = (float)(*x++ - in->q.zero_point[c]) * in->q.scale[c];
}
