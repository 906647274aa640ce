/* Shapes, broadcasting and int8 tables shared by the operator families. */
#include "ops/util.h"
#include "ops/requant.h"

bool axc_axis(const AxcGraph *g, const AxcNode *n, AxcDiag *d, const char *what, int64_t axis,
	      int rank, int *ret)
{
	if (axis < -rank || axis >= rank)
		return axc_misfit(g, n, d, NULL, "%s is %lld, wanted %d to %d", what,
				  (long long)axis, -rank, rank - 1);
	*ret = (int)(axis < 0 ? axis + rank : axis);
	return true;
}

bool axc_need_ints(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcDiag *d, uint32_t i,
		   const char *what, const int64_t **ret, int64_t *ret_n)
{
	if (axc_has_in(n, i) && axc_const_ints(g, n->in[i], arena, ret, ret_n))
		return true;
	return axc_not_constant(g, n, d, i, what, "a constant integer tensor");
}

int64_t axc_int_element(const AxcValue *v, int64_t i)
{
	int64_t wide;
	int32_t narrow;
	if (v->dtype == AXC_I64) {
		memcpy(&wide, (const char *)v->data + i * 8, sizeof wide);
		return wide;
	}
	memcpy(&narrow, (const char *)v->data + i * 4, sizeof narrow);
	return narrow;
}

bool axc_set_out(AxcGraph *g, AxcId node, AxcDiag *d, uint32_t i, AxcDType dtype,
		 const AxcShape *shape)
{
	const AxcNode *n = axc_node(g, node);
	size_t bytes;
	if (i >= n->n_out || !n->out[i])
		return true;
	if (shape->rank > AXC_MAX_RANK)
		return axc_misfit(g, n, d, NULL, "output %u has rank %d, at most %d is supported",
				  i, shape->rank, AXC_MAX_RANK);
	if (!axc_mul_size((size_t)axc_shape_count(shape), axc_dtype_bytes(dtype), &bytes) ||
	    bytes > INT32_MAX) {
		axc_fail_as(d, AXC_FRONTEND_TO_MIDEND_ERROR,
			    "output %u would have %lld elements of type %s, more than 2^31 bytes",
			    i, (long long)axc_shape_count(shape), axc_dtype_name(dtype));
		axc_diag_shapes(d, axc_shape_text(d->arena, shape), "less than 2^31 bytes");
		return axc_diag_node(d, n->name, n->op_type);
	}
	AxcValue *v = axc_value(g, n->out[i]);
	v->dtype = dtype;
	v->shape = *shape;
	return true;
}

bool axc_infer_same(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcValue *x = axc_value(g, axc_node(g, node)->in[0]);
	AxcShape shape = x->shape;
	return axc_set_out(g, node, d, 0, x->dtype, &shape);
}

bool axc_broadcast(uint32_t n, const AxcShape *const *shapes, AxcShape *ret)
{
	AxcShape y = {0};
	for (uint32_t k = 0; k < n; k++)
		y.rank = AXC_MAX(y.rank, shapes[k]->rank);
	for (int d = 0; d < y.rank; d++)
		y.dim[d] = 1;
	for (uint32_t k = 0; k < n; k++)
		for (int d = 0; d < shapes[k]->rank; d++) {
			int64_t *to = &y.dim[d + y.rank - shapes[k]->rank],
				have = shapes[k]->dim[d];
			if (have != 1 && *to != 1 && *to != have)
				return false;
			if (have != 1)
				*to = have;
		}
	*ret = y;
	return true;
}

/* Strides of a row-major operand under the output's dimensions. */
static void strides_under(const AxcShape *out, const AxcShape *x, int64_t stride[AXC_MAX_RANK])
{
	int64_t run = 1;
	for (int d = out->rank - 1; d >= 0; d--) {
		int from = d - (out->rank - x->rank);
		int64_t dim = from >= 0 ? x->dim[from] : 1;
		stride[d] = dim == 1 ? 0 : run;
		run *= dim;
	}
}

void axc_broadcast_loop(const AxcShape *out, uint32_t n, const AxcShape *const *shapes, int dims[8],
			int (*strides)[8])
{
	int at = 8;
	for (int i = 0; i < 8; i++) {
		dims[i] = 1;
		for (uint32_t k = 0; k < n; k++)
			strides[k][i] = 0;
	}
	for (int d = out->rank - 1; d >= 0; d--) {
		bool merge = at < 8;
		if (out->dim[d] == 1)
			continue;
		for (uint32_t k = 0; k < n; k++) {
			int64_t s[AXC_MAX_RANK] = {0};
			strides_under(out, shapes[k], s);
			merge = merge && s[d] == (int64_t)strides[k][at] * dims[at];
		}
		if (merge) {
			dims[at] *= (int)out->dim[d];
			continue;
		}
		dims[--at] = (int)out->dim[d];
		for (uint32_t k = 0; k < n; k++) {
			int64_t s[AXC_MAX_RANK] = {0};
			strides_under(out, shapes[k], s);
			strides[k][at] = (int)s[d];
		}
	}
}

void axc_split_at(const AxcShape *shape, int axis, int *ret_outer, int *ret_c, int *ret_inner)
{
	int64_t outer = 1, inner = 1;
	for (int i = 0; i < axis; i++)
		outer *= shape->dim[i];
	for (int i = axis + 1; i < shape->rank; i++)
		inner *= shape->dim[i];
	*ret_outer = (int)outer;
	*ret_c = axis < shape->rank ? (int)shape->dim[axis] : 1;
	*ret_inner = (int)inner;
}

int axc_type_code(AxcDType dtype)
{
	switch (dtype) {
	case AXC_I8:
		return AXK_T_I8;
	case AXC_U8:
		return AXK_T_U8;
	case AXC_I16:
		return AXK_T_I16;
	case AXC_I32:
		return AXK_T_I32;
	case AXC_I64:
		return AXK_T_I64;
	case AXC_BOOL:
		return AXK_T_BOOL;
	case AXC_F32:
	case AXC_DT_NONE:
	case AXC_DTYPE_COUNT:
		break;
	}
	return AXK_T_F32;
}

bool axc_build_bytes(AxcBuild *b, AxcRef to, AxcRef from, size_t bytes)
{
	struct axk_copy p = {.elem_bytes = 1,
			     .dims = {1, 1, 1, 1, 1, 1, 1, (int)bytes},
			     .sy = {[7] = 1},
			     .sx = {[7] = 1}};
	AxcRef buf[2] = {to, from};
	return axc_build_call(b, AXK_COPY, &p, sizeof p, 0, 2, buf);
}

/* ---- tables ---- */

bool axc_quant_equal(const AxcQuant *a, const AxcQuant *b)
{
	if (a->n != b->n || a->axis != b->axis)
		return false;
	for (int i = 0; i < a->n; i++)
		if (a->scale[i] != b->scale[i] || a->zero_point[i] != b->zero_point[i])
			return false;
	return true;
}

static uint8_t quantize_u8(float v, const AxcQuant *y)
{
	return (uint8_t)(axc_requant_value(v / y->scale[0], y->zero_point[0] + 128) + 128);
}

static float dequantize_u8(int u, const AxcQuant *x)
{
	return (float)(u - (x->zero_point[0] + 128)) * x->scale[0];
}

void axc_table_make(const AxcGraph *g, const AxcNode *n, const AxcQuant *x, const AxcQuant *y,
		    uint8_t table[256])
{
	for (int u = 0; u < 256; u++)
		table[u] = quantize_u8((float)n->op->unary(g, n, (double)dequantize_u8(u, x)), y);
}

void axc_table_rescale(const AxcQuant *x, const AxcQuant *y, uint8_t table[256])
{
	bool same = axc_quant_equal(x, y);
	for (int u = 0; u < 256; u++)
		table[u] = same ? (uint8_t)u : quantize_u8(dequantize_u8(u, x), y);
}

bool axc_eval_table_i8(const AxcGraph *g, const AxcNode *n, const AxcTensor *const *in,
		       AxcTensor *const *out, AxcDiag *d)
{
	uint8_t table[256];
	uint32_t at = 0;
	if (!axc_unary_in_effect(g, n, &at) || in[at]->q.n != 1 || out[0]->q.n != 1 ||
	    in[at]->dtype != AXC_I8) {
		axc_fail(d, "%s in int8 wants one int8 input and output with one scale each",
			 n->op_type);
		return axc_diag_node(d, n->name, n->op_type);
	}
	axc_table_make(g, n, &in[at]->q, &out[0]->q, table);
	const int8_t *x = in[at]->data;
	int8_t *y = out[0]->data;
	int64_t count = axc_shape_count(&out[0]->shape);
	for (int64_t i = 0; i < count; i++)
		y[i] = (int8_t)(table[(uint8_t)(x[i] + 128)] - 128);
	return true;
}

bool axc_eval_view_i8(const AxcGraph *g, const AxcNode *n, const AxcTensor *const *in,
		      AxcTensor *const *out, AxcDiag *d)
{
	uint8_t table[256];
	const int8_t *x = in[0]->data;
	int8_t *y = out[0]->data;
	int64_t count = axc_shape_count(&out[0]->shape);
	(void)g;
	(void)n;
	(void)d;
	axc_table_rescale(&in[0]->q, &out[0]->q, table);
	for (int64_t i = 0; i < count; i++)
		y[i] = (int8_t)(table[(uint8_t)(x[i] + 128)] - 128);
	return true;
}

bool axc_build_view(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcValue *x = &g->values.at[n->in[0]];
	size_t bytes = (size_t)axc_shape_count(&x->shape) * axc_dtype_bytes(x->dtype);
	return axc_build_bytes(b, axc_ref_out(0), axc_ref_in(0), bytes);
}

bool axc_unary_in_effect(const AxcGraph *g, const AxcNode *n, uint32_t *ret_input)
{
	uint32_t vary = UINT32_MAX;
	int rank = 0;
	if (!n->op || !n->op->unary || n->n_out != 1)
		return false;
	for (uint32_t i = 0; i < n->n_in; i++) {
		if (!n->in[i])
			continue;
		const AxcValue *v = &g->values.at[n->in[i]];
		if (v->data && v->dtype == AXC_F32 && axc_shape_count(&v->shape) == 1) {
			rank = AXC_MAX(rank, v->shape.rank);
			continue;
		}
		if (vary != UINT32_MAX || v->data)
			return false;
		vary = i;
	}
	if (vary == UINT32_MAX || g->values.at[n->in[vary]].shape.rank < rank)
		return false;
	*ret_input = vary;
	return true;
}
