/* Units of the u8 kernels: what one call may be split into. */
#include "kernels/host/host.h"
#include "kernels/ref/strided.h"

int axk_units_conv_rows(const void *params)
{
	const struct axk_conv *p = params;
	return p->n * p->oh;
}

int axk_units_dense_u8_c(const void *params)
{
	const struct axk_conv *p = params;
	return p->oh * ((p->oc + 7) / 8);
}

int axk_units_conv_u8_c(const void *params)
{
	const struct axk_conv *p = params;
	return p->n * p->oh * ((p->oc / p->groups + 7) / 8 * p->groups);
}

int axk_units_pool_rows(const void *params)
{
	const struct axk_pool *p = params;
	return p->n * p->oh;
}

int axk_units_requant(const void *params)
{
	return ((const struct axk_requant *)params)->rows;
}

int axk_units_mean_u8(const void *params)
{
	const struct axk_mean *p = params;
	return p->n * ((p->c + 63) / 64);
}

static int units_strided(const int *dims)
{
	int units = axk_chunks(dims);
	for (int d = 0; d < 7; d++)
		units *= dims[d];
	return units;
}

int axk_units_binary_u8(const void *params)
{
	return units_strided(((const struct axk_binary_u8 *)params)->dims);
}

int axk_units_lut_u8(const void *params)
{
	return units_strided(((const struct axk_lut *)params)->dims);
}

int axk_units_softmax_u8(const void *params)
{
	return ((const struct axk_softmax_u8 *)params)->outer;
}

size_t axk_scratch_softmax_u8(const void *params)
{
	const struct axk_softmax_u8 *p = params;
	return ((size_t)p->c * 16 + 16) * sizeof(float);
}

int axk_units_resize_u8_rows(const void *params)
{
	const struct axk_resize_u8 *p = params;
	return p->n * p->oh;
}
