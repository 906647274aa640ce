/* What the family files share: axes, broadcasting, output checks, 256-entry tables, and the
 * question whether a binary operator is a function of one tensor. */
#ifndef AXC_OPS_UTIL_H
#define AXC_OPS_UTIL_H

#include "ops/window.h" /* axc_misfit, axc_check_f32 */

/* ---- shapes (util.c) ---- */

static inline const AxcShape *axc_in_shape(const AxcGraph *g, const AxcNode *n, uint32_t i)
{
	return &g->values.at[n->in[i]].shape;
}
static inline bool axc_has_in(const AxcNode *n, uint32_t i)
{
	return i < n->n_in && n->in[i];
}

/* Type of input i as inference compares types: float32 for a quantized int8 value. */
static inline AxcDType axc_real_type(const AxcGraph *g, const AxcNode *n, uint32_t i)
{
	const AxcValue *v = &g->values.at[n->in[i]];
	return v->dtype == AXC_I8 && v->q.n > 0 ? AXC_F32 : v->dtype;
}

/* -rank..rank-1 to 0..rank-1; false (with message) outside. `what` is the attribute's name. */
AXC_CHECKED bool axc_axis(const AxcGraph *g, const AxcNode *n, AxcDiag *d, const char *what,
			  int64_t axis, int rank, int *ret);
/* Constant integer input i (values in `arena`); false with message if it is absent or not constant.
 */
AXC_CHECKED bool axc_need_ints(const AxcGraph *g, const AxcNode *n, AxcArena *arena, AxcDiag *d,
			       uint32_t i, const char *what, const int64_t **ret, int64_t *ret_n);
/* Element i of a constant I64 or I32 tensor. */
int64_t axc_int_element(const AxcValue *v, int64_t i);
/* Sets dtype and shape of output i (if used); refuses what exceeds 2^31 bytes or rank 8. */
AXC_CHECKED bool axc_set_out(AxcGraph *g, AxcId node, AxcDiag *d, uint32_t i, AxcDType dtype,
			     const AxcShape *shape);
/* infer(): output 0 like input 0. */
AxcInferFn axc_infer_same;
/* The shape all `n` broadcast to, NumPy's rule; false if they do not. */
AXC_CHECKED bool axc_broadcast(uint32_t n, const AxcShape *const *shapes, AxcShape *ret);
/* Loop dimensions of a row-major output with broadcast operands: neighbours merged where all allow,
 * exactly 8 (leading ones 1); strides[k] of operand k in elements, 0 where it is broadcast. */
void axc_broadcast_loop(const AxcShape *out, uint32_t n, const AxcShape *const *shapes, int dims[8],
			int (*strides)[8]);
/* A shape as [outer][c][inner] around `axis`. */
void axc_split_at(const AxcShape *shape, int axis, int *ret_outer, int *ret_c, int *ret_inner);
/* AXK_T_… of a dtype. */
int axc_type_code(AxcDType dtype);
/* Copies `bytes` bytes, as one run. */
AXC_CHECKED bool axc_build_bytes(AxcBuild *b, AxcRef to, AxcRef from, size_t bytes);

/* ---- int8 tables (util.c), rule 5 of docs/numerics.md ---- */

/* y for each x, both in the u8 domain: x = f32(u - zx) * sx, the operator's `unary` in double
 * rounded to float, / sy in float, rint, + zy, saturated; NaN gives the minimum. x and y per
 * tensor. */
void axc_table_make(const AxcGraph *g, const AxcNode *n, const AxcQuant *x, const AxcQuant *y,
		    uint8_t table[256]);
/* The table of a mere change of scale; the identity when the parameters are equal. */
void axc_table_rescale(const AxcQuant *x, const AxcQuant *y, uint8_t table[256]);
bool axc_quant_equal(const AxcQuant *a, const AxcQuant *b);
/* eval_i8 of the table operators: the one int8 input through axc_table_make. */
AxcEvalI8Fn axc_eval_table_i8;

/* eval_i8 of operators that keep the elements in order (Reshape, Identity): a copy, or
 * axc_table_rescale. */
AxcEvalI8Fn axc_eval_view_i8;
/* build of the same. */
AxcBuildFn axc_build_view;

/* ---- functions of one tensor ---- */

/* Unary operators, and Add, Sub, Mul, Div, Pow, Min, Max, PRelu, Clip whose other inputs are
 * float32 constants of one element: then *ret_input is the one that varies, and `unary` is the
 * function. In int8 such a node is a table (eval_i8 takes it so whenever the constants were left
 * float32). A constant of higher rank is not. */
bool axc_unary_in_effect(const AxcGraph *g, const AxcNode *n, uint32_t *ret_input);

#endif
