/* Functions of one element: activations, elementary functions, rounding; Clip, Cast, Identity, Not
 * and the tests for NaN and infinity. A function is one row of `functions` (how float kernels
 * compute it) and one f_… in double (how the int8 tables are made). */
#include "ops/util.h"

#include <math.h>

/* ---- in double, for tables ---- */

#define ATTR(name, absent) ((double)axc_attr_float(n, name, absent))
#define FUNCTION(name, expression)                                                                 \
	static double name(const AxcGraph *g, const AxcNode *n, double x)                          \
	{                                                                                          \
		(void)g;                                                                           \
		(void)n;                                                                           \
		return expression;                                                                 \
	}

static double sigmoid(double x)
{
	return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static double softplus(double x)
{
	return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

static double unit(double x)
{
	return x < 0 ? 0 : x > 1 ? 1 : x;
}

FUNCTION(f_relu, x < 0 ? 0 : x)
FUNCTION(f_leaky, x < 0 ? ATTR("alpha", 0.01f) * x : x)
FUNCTION(f_sigmoid, sigmoid(x))
FUNCTION(f_tanh, tanh(x))
FUNCTION(f_exp, exp(x))
FUNCTION(f_log, log(x))
FUNCTION(f_sqrt, sqrt(x))
FUNCTION(f_reciprocal, 1 / x)
FUNCTION(f_abs, fabs(x))
FUNCTION(f_neg, -x)
FUNCTION(f_erf, erf(x))
FUNCTION(f_elu, x < 0 ? ATTR("alpha", 1.0f) * expm1(x) : x)
FUNCTION(f_selu, ATTR("gamma", 1.05070102f) * (x > 0 ? x : ATTR("alpha", 1.67326319f) * expm1(x)))
FUNCTION(f_celu, x > 0 ? x : ATTR("alpha", 1.0f) * expm1(x / ATTR("alpha", 1.0f)))
FUNCTION(f_softplus, softplus(x))
FUNCTION(f_softsign, x / (1 + fabs(x)))
FUNCTION(f_hardsigmoid, unit(ATTR("alpha", 0.2f) * x + ATTR("beta", 0.5f)))
FUNCTION(f_hardswish, x *unit(x / 6 + 0.5))
FUNCTION(f_mish, x *tanh(softplus(x)))
FUNCTION(f_swish, x *sigmoid(ATTR("alpha", 1.0f) * x))
FUNCTION(f_threshold, x > ATTR("alpha", 1.0f) ? x : 0)
FUNCTION(f_sin, sin(x))
FUNCTION(f_cos, cos(x))
FUNCTION(f_atan, atan(x))

static double f_shrink(const AxcGraph *g, const AxcNode *n, double x)
{
	double lambd = ATTR("lambd", 0.5f), bias = ATTR("bias", 0.0f);
	(void)g;
	return x < -lambd ? x + bias : x > lambd ? x - bias : 0;
}

static bool gelu_is_tanh(const AxcNode *n)
{
	return strcmp(axc_attr_string(n, "approximate", "none"), "tanh") == 0;
}

static double f_gelu(const AxcGraph *g, const AxcNode *n, double x)
{
	(void)g;
	if (gelu_is_tanh(n))
		return x * sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x));
	return x * 0.5 * erfc(-x * 0.70710678118654752440);
}

/* ---- in float: kernel calls ---- */

typedef struct Function {
	const char *op;
	int code;                 /* AXK_U_… */
	const char *alpha, *beta; /* attributes behind the kernel's parameters, or NULL */
	float alpha_absent, beta_absent;
} Function;

static const Function functions[] = {
	{"Relu", AXK_U_CLIP, NULL, NULL, 0.0f, INFINITY},
	{"LeakyRelu", AXK_U_LEAKY, "alpha", NULL, 0.01f, 0},
	{"Sigmoid", AXK_U_SIGMOID, NULL, NULL, 0, 0},
	{"Tanh", AXK_U_TANH, NULL, NULL, 0, 0},
	{"Exp", AXK_U_EXP, NULL, NULL, 0, 0},
	{"Log", AXK_U_LOG, NULL, NULL, 0, 0},
	{"Sqrt", AXK_U_SQRT, NULL, NULL, 0, 0},
	{"Reciprocal", AXK_U_RECIPROCAL, NULL, NULL, 0, 0},
	{"Abs", AXK_U_ABS, NULL, NULL, 0, 0},
	{"Neg", AXK_U_NEG, NULL, NULL, 0, 0},
	{"Sign", AXK_U_SIGN, NULL, NULL, 0, 0},
	{"Floor", AXK_U_FLOOR, NULL, NULL, 0, 0},
	{"Ceil", AXK_U_CEIL, NULL, NULL, 0, 0},
	{"Round", AXK_U_ROUND, NULL, NULL, 0, 0},
	{"Erf", AXK_U_ERF, NULL, NULL, 0, 0},
	{"Elu", AXK_U_ELU, "alpha", NULL, 1.0f, 0},
	{"Selu", AXK_U_SELU, "alpha", "gamma", 1.67326319f, 1.05070102f},
	{"Celu", AXK_U_CELU, "alpha", NULL, 1.0f, 0},
	{"Softplus", AXK_U_SOFTPLUS, NULL, NULL, 0, 0},
	{"Softsign", AXK_U_SOFTSIGN, NULL, NULL, 0, 0},
	{"HardSigmoid", AXK_U_HARDSIGMOID, "alpha", "beta", 0.2f, 0.5f},
	{"HardSwish", AXK_U_HARDSWISH, NULL, NULL, 0, 0},
	{"Mish", AXK_U_MISH, NULL, NULL, 0, 0},
	{"Swish", AXK_U_SWISH, "alpha", NULL, 1.0f, 0},
	{"ThresholdedRelu", AXK_U_THRESHOLD, "alpha", NULL, 1.0f, 0},
	{"Shrink", AXK_U_SHRINK, "lambd", "bias", 0.5f, 0},
	{"Sin", AXK_U_SIN, NULL, NULL, 0, 0},
	{"Cos", AXK_U_COS, NULL, NULL, 0, 0},
	{"Tan", AXK_U_TAN, NULL, NULL, 0, 0},
	{"Asin", AXK_U_ASIN, NULL, NULL, 0, 0},
	{"Acos", AXK_U_ACOS, NULL, NULL, 0, 0},
	{"Atan", AXK_U_ATAN, NULL, NULL, 0, 0},
	{"Sinh", AXK_U_SINH, NULL, NULL, 0, 0},
	{"Cosh", AXK_U_COSH, NULL, NULL, 0, 0},
	{"Asinh", AXK_U_ASINH, NULL, NULL, 0, 0},
	{"Acosh", AXK_U_ACOSH, NULL, NULL, 0, 0},
	{"Atanh", AXK_U_ATANH, NULL, NULL, 0, 0},
};

static int count_in(const AxcGraph *g, const AxcNode *n)
{
	return (int)axc_shape_count(axc_in_shape(g, n, 0));
}

static bool call_unary(AxcBuild *b, int code, int count, float alpha, float beta, AxcRef to)
{
	struct axk_unary_f32 p = {.op = code, .n = count, .alpha = alpha, .beta = beta};
	AxcRef buf[2] = {to, axc_ref_in(0)};
	return axc_build_call(b, AXK_UNARY_F32, &p, sizeof p, 0, 2, buf);
}

/* Integers: Abs, Neg, Sign and Relu as binary functions of x and a constant 0 or x itself. */
static bool build_integer(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	static const uint8_t zero[8] = {0};
	AxcDType dtype = g->values.at[n->in[0]].dtype;
	bool neg = strcmp(n->op_type, "Neg") == 0, relu = strcmp(n->op_type, "Relu") == 0;
	struct axk_binary_int p = {.type = axc_type_code(dtype),
				   .dims = {1, 1, 1, 1, 1, 1, 1, count_in(g, n)}};
	bool abs = strcmp(n->op_type, "Abs") == 0, sign = strcmp(n->op_type, "Sign") == 0;
	if (!neg && !relu && !abs && !sign)
		return axc_check_f32(g, n, b->d, 1);
	p.op = neg ? AXK_B_SUB : relu ? AXK_B_MAX : abs ? AXK_B_ABS : AXK_B_SIGN;
	AxcRef x = axc_ref_in(0), none = axc_build_const(b, zero, axc_dtype_bytes(dtype));
	AxcRef buf[3] = {axc_ref_out(0), neg ? none : x, neg ? x : none};
	p.sa[7] = !neg;
	p.sb[7] = neg;
	return axc_build_call(b, AXK_BINARY_INT, &p, sizeof p, 0, 3, buf);
}

static bool build_unary(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	if (g->values.at[n->in[0]].dtype != AXC_F32)
		return build_integer(g, n, b);
	for (size_t i = 0; i < AXC_COUNT(functions); i++) {
		const Function *f = &functions[i];
		if (strcmp(f->op, n->op_type) != 0)
			continue;
		float alpha =
			f->alpha ? axc_attr_float(n, f->alpha, f->alpha_absent) : f->alpha_absent;
		float beta = f->beta ? axc_attr_float(n, f->beta, f->beta_absent) : f->beta_absent;
		return call_unary(b, f->code, count_in(g, n), alpha, beta, axc_ref_out(0));
	}
	return axc_fail(b->d, "operator %s has no function", n->op_type);
}

static bool check_float(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	return axc_check_f32(g, n, d, 1);
}

static bool check_number(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	return g->values.at[n->in[0]].dtype == AXC_BOOL ? axc_check_f32(g, n, d, 1) : true;
}

static bool build_gelu(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	if (!axc_check_f32(g, n, b->d, 1))
		return false;
	return call_unary(b, gelu_is_tanh(n) ? AXK_U_GELU_TANH : AXK_U_GELU, count_in(g, n), 0, 0,
			  axc_ref_out(0));
}

static bool check_gelu(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	const char *s = axc_attr_string(n, "approximate", "none");
	if (strcmp(s, "none") == 0 || strcmp(s, "tanh") == 0)
		return axc_check_f32(g, n, d, 1);
	axc_fail_as(d, AXC_LOWER_FRONTEND_ERROR,
		    "attribute approximate is \"%s\", wanted \"none\" or \"tanh\"", s);
	return axc_diag_node(d, n->name, n->op_type);
}

/* ---- bounds ---- */

#define BOUNDS(name, low, high)                                                                    \
	static bool name(const AxcGraph *g, const AxcNode *n, float *ret_lo, float *ret_hi)        \
	{                                                                                          \
		(void)g;                                                                           \
		(void)n;                                                                           \
		*ret_lo = low;                                                                     \
		*ret_hi = high;                                                                    \
		return true;                                                                       \
	}
BOUNDS(bounds_unit, 0.0f, 1.0f)
BOUNDS(bounds_sign, -1.0f, 1.0f)

/* ---- Clip: bounds are optional inputs ---- */

/* The bound at input i as a constant; an absent one is -inf or inf. */
static bool clip_bound(const AxcGraph *g, const AxcNode *n, uint32_t i, float *ret)
{
	*ret = i == 1 ? -INFINITY : INFINITY;
	if (!axc_has_in(n, i))
		return true;
	const AxcValue *v = &g->values.at[n->in[i]];
	if (!v->data || v->dtype != AXC_F32 || axc_shape_count(&v->shape) != 1)
		return false;
	memcpy(ret, v->data, sizeof *ret);
	return true;
}

static bool clip_bounds(const AxcGraph *g, const AxcNode *n, float *ret_lo, float *ret_hi)
{
	return clip_bound(g, n, 1, ret_lo) && clip_bound(g, n, 2, ret_hi) && isfinite(*ret_lo) &&
	       isfinite(*ret_hi);
}

static bool clip_is_constant(const AxcGraph *g, const AxcNode *n)
{
	float lo, hi;
	return clip_bound(g, n, 1, &lo) && clip_bound(g, n, 2, &hi);
}

static double f_clip(const AxcGraph *g, const AxcNode *n, double x)
{
	float lo, hi;
	clip_bound(g, n, 1, &lo);
	clip_bound(g, n, 2, &hi);
	x = x < (double)lo ? (double)lo : x;
	return x > (double)hi ? (double)hi : x;
}

/* out = op(x, bound), the bound one element known at run time or an integer. */
static bool call_bound(const AxcGraph *g, const AxcNode *n, AxcBuild *b, int op, uint32_t i,
		       AxcRef from, AxcRef to)
{
	AxcDType dtype = g->values.at[n->in[0]].dtype;
	AxcRef buf[3] = {to, from, axc_ref_in(i)};
	if (dtype == AXC_F32) {
		struct axk_binary_f32 p = {
			.op = op, .dims = {1, 1, 1, 1, 1, 1, 1, count_in(g, n)}, .sa = {[7] = 1}};
		return axc_build_call(b, AXK_BINARY_F32, &p, sizeof p, 0, 3, buf);
	}
	struct axk_binary_int p = {.op = op, .type = axc_type_code(dtype), .sa = {[7] = 1}};
	memcpy(p.dims, (int[8]){1, 1, 1, 1, 1, 1, 1, count_in(g, n)}, sizeof p.dims);
	return axc_build_call(b, AXK_BINARY_INT, &p, sizeof p, 0, 3, buf);
}

static bool build_clip(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcValue *x = &g->values.at[n->in[0]];
	size_t bytes = (size_t)count_in(g, n) * axc_dtype_bytes(x->dtype);
	float lo, hi;
	if (x->dtype == AXC_F32 && clip_bound(g, n, 1, &lo) && clip_bound(g, n, 2, &hi))
		return call_unary(b, AXK_U_CLIP, count_in(g, n), lo, hi, axc_ref_out(0));
	if (axc_has_in(n, 1) && axc_has_in(n, 2)) {
		AxcRef between = axc_build_temp(b, bytes);
		return call_bound(g, n, b, AXK_B_MAX, 1, axc_ref_in(0), between) &&
		       call_bound(g, n, b, AXK_B_MIN, 2, between, axc_ref_out(0));
	}
	if (axc_has_in(n, 1))
		return call_bound(g, n, b, AXK_B_MAX, 1, axc_ref_in(0), axc_ref_out(0));
	if (axc_has_in(n, 2))
		return call_bound(g, n, b, AXK_B_MIN, 2, axc_ref_in(0), axc_ref_out(0));
	return axc_build_bytes(b, axc_ref_out(0), axc_ref_in(0), bytes);
}

static bool infer_clip(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	for (uint32_t i = 1; i < n->n_in && i < 3; i++) {
		if (!n->in[i])
			continue;
		const AxcValue *v = axc_value(g, n->in[i]);
		if (axc_shape_count(&v->shape) != 1 ||
		    axc_real_type(g, n, i) != axc_real_type(g, n, 0))
			return axc_misfit(
				g, n, d, NULL, "the %s has %lld elements of type %s, wanted one %s",
				i == 1 ? "minimum" : "maximum",
				(long long)axc_shape_count(&v->shape), axc_dtype_name(v->dtype),
				axc_dtype_name(axc_value(g, n->in[0])->dtype));
	}
	return axc_infer_same(g, node, d);
}

/* ---- Identity, Cast, Not, IsNaN, IsInf ---- */

/* ONNX's TensorProto.DataType; types the compiler has no room for were narrowed by import. */
static AxcDType onnx_type(int64_t code)
{
	static const AxcDType types[] = {
		[1] = AXC_F32,  [2] = AXC_U8,   [3] = AXC_I8,   [5] = AXC_I16,
		[6] = AXC_I32,  [7] = AXC_I64,  [9] = AXC_BOOL, [4] = AXC_I32,
		[10] = AXC_F32, [11] = AXC_F32, [12] = AXC_I64, [16] = AXC_F32};
	return code > 0 && code < (int64_t)AXC_COUNT(types) ? types[code] : AXC_DT_NONE;
}

static bool infer_cast(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	int64_t to = axc_attr_int(n, "to", 0);
	AxcShape shape = *axc_in_shape(g, n, 0);
	if (onnx_type(to) == AXC_DT_NONE)
		return axc_misfit(g, n, d, NULL,
				  "attribute to is %lld, which is no type that can be compiled",
				  (long long)to);
	return axc_set_out(g, node, d, 0, onnx_type(to), &shape);
}

static bool infer_cast_like(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	AxcShape shape = *axc_in_shape(g, n, 0);
	return axc_set_out(g, node, d, 0, axc_value(g, n->in[1])->dtype, &shape);
}

static bool build_cast(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	struct axk_cast p = {.n = count_in(g, n)};
	p.from = axc_type_code(g->values.at[n->in[0]].dtype);
	p.to = axc_type_code(g->values.at[n->out[0]].dtype);
	AxcRef buf[2] = {axc_ref_out(0), axc_ref_in(0)};
	return axc_build_call(b, AXK_CAST, &p, sizeof p, 0, 2, buf);
}

static bool infer_bool(AxcGraph *g, AxcId node, AxcDiag *d)
{
	AxcShape shape = *axc_in_shape(g, axc_node(g, node), 0);
	return axc_set_out(g, node, d, 0, AXC_BOOL, &shape);
}

static bool build_not(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	static const uint8_t no = 0;
	struct axk_binary_int p = {
		.op = AXK_C_EQ, .type = AXK_T_BOOL, .dims = {1, 1, 1, 1, 1, 1, 1, count_in(g, n)}};
	AxcRef buf[3] = {axc_ref_out(0), axc_ref_in(0), axc_build_const(b, &no, 1)};
	p.sa[7] = 1;
	return axc_build_call(b, AXK_COMPARE, &p, sizeof p, 0, 3, buf);
}

static bool check_bool(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	if (g->values.at[n->in[0]].dtype == AXC_BOOL)
		return true;
	axc_fail_as(d, AXC_LOWER_FRONTEND_ERROR, "input 0 of %s is %s, wanted bool", n->op_type,
		    axc_dtype_name(g->values.at[n->in[0]].dtype));
	return axc_diag_node(d, n->name, n->op_type);
}

static bool build_test(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	bool nan = strcmp(n->op_type, "IsNaN") == 0;
	int count = count_in(g, n);
	AxcRef hit = axc_build_temp(b, (size_t)count * sizeof(float)),
	       buf[2] = {axc_ref_out(0), hit};
	struct axk_cast p = {.from = AXK_T_F32, .to = AXK_T_BOOL, .n = count};
	if (!axc_check_f32(g, n, b->d, 1))
		return false;
	return call_unary(b, nan ? AXK_U_ISNAN : AXK_U_ISINF, count,
			  axc_attr_int(n, "detect_negative", 1) ? 1.0f : 0.0f,
			  axc_attr_int(n, "detect_positive", 1) ? 1.0f : 0.0f, hit) &&
	       axc_build_call(b, AXK_CAST, &p, sizeof p, 0, 2, buf);
}

/* ---- the literals ---- */

#define SHARED(onnx, names)                                                                        \
	.name = onnx, .domain = "", .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,          \
	.attrs = names
/* In int8 a table of f. */
#define TABLE(id, onnx, names, f, test, ...)                                                       \
	static const AxcOp id = {SHARED(onnx, names),                                              \
				 .infer = axc_infer_same,                                          \
				 .build = build_unary,                                             \
				 .eval_i8 = axc_eval_table_i8,                                     \
				 .quant = AXC_QR_TABLE,                                            \
				 .lower = AXC_LK_TABLE,                                            \
				 .unary = f,                                                       \
				 .check = test,                                                    \
				 __VA_ARGS__}
/* Stays float: a jump of the function at a rounded input would be an error of a whole step. */
#define FLOAT(id, onnx, names, test)                                                               \
	static const AxcOp id = {SHARED(onnx, names), .infer = axc_infer_same,                     \
				 .build = build_unary, .check = test}

TABLE(relu, "Relu", "", f_relu, check_number, );
TABLE(leaky_relu, "LeakyRelu", "alpha", f_leaky, check_float, );
TABLE(sigmoid_op, "Sigmoid", "", f_sigmoid, check_float, .bounds = bounds_unit);
TABLE(tanh_op, "Tanh", "", f_tanh, check_float, .bounds = bounds_sign);
TABLE(exp_op, "Exp", "", f_exp, check_float, );
TABLE(log_op, "Log", "", f_log, check_float, );
TABLE(sqrt_op, "Sqrt", "", f_sqrt, check_float, );
TABLE(reciprocal, "Reciprocal", "", f_reciprocal, check_float, );
TABLE(abs_op, "Abs", "", f_abs, check_number, );
TABLE(neg, "Neg", "", f_neg, check_number, );
TABLE(erf_op, "Erf", "", f_erf, check_float, .bounds = bounds_sign);
TABLE(elu, "Elu", "alpha", f_elu, check_float, );
TABLE(selu, "Selu", "alpha gamma", f_selu, check_float, );
TABLE(celu, "Celu", "alpha", f_celu, check_float, );
TABLE(softplus_op, "Softplus", "", f_softplus, check_float, );
TABLE(softsign, "Softsign", "", f_softsign, check_float, .bounds = bounds_sign);
TABLE(hard_sigmoid, "HardSigmoid", "alpha beta", f_hardsigmoid, check_float, .bounds = bounds_unit);
TABLE(hard_swish, "HardSwish", "", f_hardswish, check_float, );
TABLE(mish, "Mish", "", f_mish, check_float, );
TABLE(swish, "Swish", "alpha", f_swish, check_float, );
TABLE(thresholded_relu, "ThresholdedRelu", "alpha", f_threshold, check_float, );
TABLE(shrink, "Shrink", "bias lambd", f_shrink, check_float, );
TABLE(sin_op, "Sin", "", f_sin, check_float, .bounds = bounds_sign);
TABLE(cos_op, "Cos", "", f_cos, check_float, .bounds = bounds_sign);
TABLE(atan_op, "Atan", "", f_atan, check_float, );
FLOAT(sign_op, "Sign", "", check_number);
FLOAT(floor_op, "Floor", "", check_float);
FLOAT(ceil_op, "Ceil", "", check_float);
FLOAT(round_op, "Round", "", check_float);
FLOAT(tan_op, "Tan", "", check_float);
FLOAT(asin_op, "Asin", "", check_float);
FLOAT(acos_op, "Acos", "", check_float);
FLOAT(sinh_op, "Sinh", "", check_float);
FLOAT(cosh_op, "Cosh", "", check_float);
FLOAT(asinh_op, "Asinh", "", check_float);
FLOAT(acosh_op, "Acosh", "", check_float);
FLOAT(atanh_op, "Atanh", "", check_float);

static const AxcOp gelu = {SHARED("Gelu", "approximate"),
			   .infer = axc_infer_same,
			   .build = build_gelu,
			   .eval_i8 = axc_eval_table_i8,
			   .quant = AXC_QR_TABLE,
			   .lower = AXC_LK_TABLE,
			   .unary = f_gelu,
			   .check = check_gelu};
static const AxcOp clip = {.name = "Clip",
			   .domain = "",
			   .min_in = 1,
			   .max_in = 3,
			   .min_out = 1,
			   .max_out = 1,
			   .attrs = "",
			   .infer = infer_clip,
			   .build = build_clip,
			   .eval_i8 = axc_eval_table_i8,
			   .quant = AXC_QR_TABLE,
			   .lower = AXC_LK_TABLE,
			   .quantizable = clip_is_constant,
			   .bounds = clip_bounds,
			   .unary = f_clip};
static const AxcOp identity = {SHARED("Identity", ""),  .infer = axc_infer_same,
			       .build = axc_build_view, .eval_i8 = axc_eval_view_i8,
			       .quant = AXC_QR_SAME,    .lower = AXC_LK_VIEW};
static const AxcOp cast = {SHARED("Cast", "to saturate round_mode"), .infer = infer_cast,
			   .build = build_cast};
static const AxcOp cast_like = {.name = "CastLike",
				.domain = "",
				.min_in = 2,
				.max_in = 2,
				.min_out = 1,
				.max_out = 1,
				.attrs = "saturate round_mode",
				.infer = infer_cast_like,
				.build = build_cast};
static const AxcOp not_op = {SHARED("Not", ""), .infer = infer_bool, .build = build_not,
			     .check = check_bool};
static const AxcOp is_nan = {SHARED("IsNaN", ""), .infer = infer_bool, .build = build_test,
			     .check = check_float};
static const AxcOp is_inf = {SHARED("IsInf", "detect_negative detect_positive"),
			     .infer = infer_bool, .build = build_test, .check = check_float};

const AxcOp *const axc_ops_unary[] = {&relu,     &leaky_relu,   &sigmoid_op,
				      &tanh_op,  &exp_op,       &log_op,
				      &sqrt_op,  &reciprocal,   &abs_op,
				      &neg,      &erf_op,       &elu,
				      &selu,     &celu,         &softplus_op,
				      &softsign, &hard_sigmoid, &hard_swish,
				      &mish,     &swish,        &thresholded_relu,
				      &shrink,   &sin_op,       &cos_op,
				      &atan_op,  &sign_op,      &floor_op,
				      &ceil_op,  &round_op,     &tan_op,
				      &asin_op,  &acos_op,      &sinh_op,
				      &cosh_op,  &asinh_op,     &acosh_op,
				      &atanh_op, &gelu,         &clip,
				      &identity, &cast,         &cast_like,
				      &not_op,   &is_nan,       &is_inf,
				      NULL};
