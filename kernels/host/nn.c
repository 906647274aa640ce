/* Units and packing of the portable float kernels: packed weights are the weights as they are,
 * followed by the bias (zeros if there is none). */
#include "kernels/host/nn.h"

#include <string.h>

static void pack_plain(const AxkPackIn *in, size_t weights, int channels, void *dst)
{
	float *w = dst;
	memcpy(w, in->weights, weights * sizeof *w);
	if (in->bias_f32)
		memcpy(w + weights, in->bias_f32, (size_t)channels * sizeof *w);
	else
		memset(w + weights, 0, (size_t)channels * sizeof *w);
}

int axk_units_conv_f32_c(const void *params)
{
	const struct axk_conv_f32 *p = params;
	return p->n * p->oc * p->oh;
}

static size_t conv_weights(const struct axk_conv_f32 *p)
{
	return (size_t)p->oc * (size_t)(p->ic / p->groups) * (size_t)p->kh * (size_t)p->kw;
}

size_t axk_pack_bytes_conv_f32_c(const void *params)
{
	const struct axk_conv_f32 *p = params;
	return (conv_weights(p) + (size_t)p->oc) * sizeof(float);
}

void axk_pack_conv_f32_c(const void *params, const AxkPackIn *in, void *dst)
{
	const struct axk_conv_f32 *p = params;
	pack_plain(in, conv_weights(p), p->oc, dst);
}

int axk_units_convt_f32_c(const void *params)
{
	const struct axk_conv_f32 *p = params;
	return p->n * p->oc * p->oh;
}

static size_t convt_weights(const struct axk_conv_f32 *p)
{
	return (size_t)p->ic * (size_t)(p->oc / p->groups) * (size_t)p->kh * (size_t)p->kw;
}

size_t axk_pack_bytes_convt_f32_c(const void *params)
{
	const struct axk_conv_f32 *p = params;
	return (convt_weights(p) + (size_t)p->oc) * sizeof(float);
}

void axk_pack_convt_f32_c(const void *params, const AxkPackIn *in, void *dst)
{
	const struct axk_conv_f32 *p = params;
	pack_plain(in, convt_weights(p), p->oc, dst);
}

int axk_units_conv3d_f32_c(const void *params)
{
	const struct axk_conv3d_f32 *p = params;
	return p->n * p->oc;
}

static size_t conv3d_weights(const struct axk_conv3d_f32 *p)
{
	size_t taps = (size_t)p->k[0] * (size_t)p->k[1] * (size_t)p->k[2];
	return taps * (p->transposed ? (size_t)p->ic * (size_t)(p->oc / p->groups)
				     : (size_t)p->oc * (size_t)(p->ic / p->groups));
}

size_t axk_pack_bytes_conv3d_f32_c(const void *params)
{
	const struct axk_conv3d_f32 *p = params;
	return (conv3d_weights(p) + (size_t)p->oc) * sizeof(float);
}

void axk_pack_conv3d_f32_c(const void *params, const AxkPackIn *in, void *dst)
{
	const struct axk_conv3d_f32 *p = params;
	pack_plain(in, conv3d_weights(p), p->oc, dst);
}

static int batches(const struct axk_matmul_f32 *p)
{
	int n = 1;
	for (int i = 0; i < 6; i++)
		n *= p->batch[i];
	return n;
}

int axk_units_matmul_f32_c(const void *params)
{
	const struct axk_matmul_f32 *p = params;
	return batches(p) * p->m;
}

size_t axk_pack_bytes_matmul_f32_c(const void *params)
{
	const struct axk_matmul_f32 *p = params;
	return (size_t)p->k * (size_t)p->n * sizeof(float);
}

void axk_pack_matmul_f32_c(const void *params, const AxkPackIn *in, void *dst)
{
	const struct axk_matmul_f32 *p = params;
	memcpy(dst, in->weights, (size_t)p->k * (size_t)p->n * sizeof(float));
}

int axk_units_pool_f32(const void *params)
{
	return ((const struct axk_pool_f32 *)params)->planes;
}

int axk_units_gpool_f32(const void *params)
{
	return ((const struct axk_gpool_f32 *)params)->planes;
}

int axk_units_batchnorm_f32(const void *params)
{
	const struct axk_batchnorm_f32 *p = params;
	return p->n * p->c;
}

int axk_units_norm_f32(const void *params)
{
	return ((const struct axk_norm_f32 *)params)->rows;
}

int axk_units_lrn_f32(const void *params)
{
	return ((const struct axk_lrn_f32 *)params)->n;
}

int axk_units_resize_f32(const void *params)
{
	return ((const struct axk_resize_f32 *)params)->outer;
}
