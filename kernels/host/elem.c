/* What calls of the element-wise, reduction, softmax and data movement kernels may be split into.
 */
#include "kernels/host/host.h"
#include "kernels/ref/plan2d.h"
#include "kernels/ref/reduce_rows.h"
#include "kernels/ref/strided.h"
#include "kernels/ref/walk.h"

static int blocks_of(int n, int block)
{
	return n / block + (n % block != 0);
}

int axk_fits_unary_simple(const void *params)
{
	return ((const struct axk_unary_f32 *)params)->op <= AXK_U_LAST_SIMPLE;
}

int axk_fits_unary_exp(const void *params)
{
	int op = ((const struct axk_unary_f32 *)params)->op;
	return op > AXK_U_LAST_SIMPLE && op <= AXK_U_LAST_EXP;
}

int axk_fits_unary_trig(const void *params)
{
	return ((const struct axk_unary_f32 *)params)->op > AXK_U_LAST_EXP;
}

int axk_fits_binary_simple(const void *params)
{
	return ((const struct axk_binary_f32 *)params)->op <= AXK_B_LAST_SIMPLE;
}

int axk_fits_binary_pow(const void *params)
{
	return ((const struct axk_binary_f32 *)params)->op == AXK_B_POW;
}

static int is_0_or_1(int stride)
{
	return stride == 0 || stride == 1;
}

int axk_fits_binary_f32_vector(const void *params)
{
	const struct axk_binary_f32 *p = params;
	return p->op <= AXK_B_PRELU && (p->dims[7] == 1 || (is_0_or_1(p->sa[7]) && is_0_or_1(p->sb[7])));
}

int axk_units_unary_f32(const void *params)
{
	return blocks_of(((const struct axk_unary_f32 *)params)->n, 4096);
}

int axk_units_cast(const void *params)
{
	return blocks_of(((const struct axk_cast *)params)->n, 4096);
}

static int units_strided(const int *dims)
{
	return axk_product(dims, 7) * axk_chunks(dims);
}

int axk_units_binary_f32(const void *params)
{
	return units_strided(((const struct axk_binary_f32 *)params)->dims);
}

int axk_units_binary_int(const void *params)
{
	return units_strided(((const struct axk_binary_int *)params)->dims);
}

int axk_units_where(const void *params)
{
	return units_strided(((const struct axk_where *)params)->dims);
}

int axk_units_move(const void *params)
{
	return units_strided(((const struct axk_move *)params)->dims);
}

int axk_units_copy(const void *params)
{
	const struct axk_copy *p = params;
	return axk_plan2d_of(p->dims, p->sy, p->sx).units;
}

int axk_units_fill(const void *params)
{
	const struct axk_fill *p = params;
	return axk_plan2d_of(p->dims, p->sy, p->sy).units;
}

int axk_units_quant(const void *params)
{
	const struct axk_quant *p = params;
	return axk_plan2d_of(p->dims, p->sy, p->sx).units;
}

int axk_units_reduce_f32(const void *params)
{
	const struct axk_reduce *p = params;
	return axk_product(p->kdims, 7) * blocks_of(p->kdims[7], 64);
}

int axk_units_reduce_rows(const void *params)
{
	axk_reduce_rows r = axk_reduce_rows_of(params);
	return r.outer * r.blocks;
}

int axk_units_reduce_int(const void *params)
{
	return axk_product(((const struct axk_reduce *)params)->kdims, 8);
}

int axk_units_softmax_f32(const void *params)
{
	const struct axk_softmax_f32 *p = params;
	return p->c ? p->outer * blocks_of(p->inner, 64) : 0;
}

int axk_units_argmax(const void *params)
{
	const struct axk_argmax *p = params;
	return p->outer * blocks_of(p->inner, 64);
}

int axk_units_cumsum(const void *params)
{
	return ((const struct axk_cumsum *)params)->outer;
}

int axk_units_gather(const void *params)
{
	const struct axk_gather *p = params;
	return p->axis ? p->outer : 0;
}

int axk_units_topk(const void *params)
{
	return ((const struct axk_topk *)params)->outer;
}

int axk_units_gather_elements(const void *params)
{
	const struct axk_gather_elements *p = params;
	return p->extent ? axk_product(p->dims, 7) : 0;
}

int axk_units_gather_nd(const void *params)
{
	const struct axk_gather_nd *p = params;
	for (int k = 0; k < p->k; k++)
		if (p->dims[k] == 0)
			return 0;
	return p->batch * p->n;
}

int axk_units_one(const void *params)
{
	(void)params;
	return 1;
}
