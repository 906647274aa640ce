/* Operators on two (or any number of) tensors, element by element with NumPy's broadcasting:
 * arithmetic, comparisons, logic, Where. In int8: Add and Sub are rule 2, Mul is rule 3; with a
 * float constant of one element an arithmetic operator is a function of its other input, and so a
 * table. */
#include "ops/requant.h"
#include "ops/util.h"

#include <math.h>

enum { MAX_OPERANDS = 64 }; /* of Min, Max, Sum, Mean */

typedef struct Loop {
	AxcShape out;
	int dims[8], stride[3][8];
} Loop;

static AxcDType type_in(const AxcGraph *g, const AxcNode *n, uint32_t i)
{
	return g->values.at[n->in[i]].dtype;
}

/* ---- shapes ---- */

static bool infer_as(AxcGraph *g, AxcId node, AxcDiag *d, AxcDType dtype)
{
	const AxcNode *n = axc_node(g, node);
	const AxcShape *shapes[MAX_OPERANDS];
	AxcShape y;
	if (n->n_in > MAX_OPERANDS)
		return axc_misfit(g, n, d, NULL, "it has %u inputs, wanted at most %d", n->n_in,
				  MAX_OPERANDS);
	for (uint32_t i = 0; i < n->n_in; i++)
		shapes[i] = axc_in_shape(g, n, i);
	if (!axc_broadcast(n->n_in, shapes, &y))
		return axc_misfit(g, n, d, "shapes that broadcast to each other",
				  "the inputs' shapes do not fit together");
	return axc_set_out(g, node, d, 0, dtype, &y);
}

static bool same_types(AxcGraph *g, const AxcNode *n, AxcDiag *d, uint32_t from)
{
	for (uint32_t i = from + 1; i < n->n_in; i++)
		if (axc_real_type(g, n, i) != axc_real_type(g, n, from))
			return axc_misfit(g, n, d, "inputs of one type", "input %u is %s where input %u is %s", i,
					  axc_dtype_name(type_in(g, n, i)), from,
					  axc_dtype_name(type_in(g, n, from)));
	return true;
}

static bool infer_arithmetic(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	return same_types(g, n, d, 0) && infer_as(g, node, d, type_in(g, n, 0));
}

static bool infer_compare(AxcGraph *g, AxcId node, AxcDiag *d)
{
	return same_types(g, axc_node(g, node), d, 0) && infer_as(g, node, d, AXC_BOOL);
}

static bool infer_first_type(AxcGraph *g, AxcId node, AxcDiag *d)
{
	return infer_as(g, node, d, type_in(g, axc_node(g, node), 0));
}

static bool infer_where(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	if (type_in(g, n, 0) != AXC_BOOL)
		return axc_misfit(g, n, d, NULL, "the condition is %s, wanted bool",
				  axc_dtype_name(type_in(g, n, 0)));
	return same_types(g, n, d, 1) && infer_as(g, node, d, type_in(g, n, 1));
}

/* ---- float and integer kernel calls ---- */

static const struct {
	const char *op;
	int code;
} codes[] = {
	{"Add", AXK_B_ADD},        {"Sub", AXK_B_SUB},        {"Mul", AXK_B_MUL},
	{"Div", AXK_B_DIV},        {"Min", AXK_B_MIN},        {"Max", AXK_B_MAX},
	{"Sum", AXK_B_ADD},        {"Mean", AXK_B_ADD},       {"PRelu", AXK_B_PRELU},
	{"Pow", AXK_B_POW},        {"And", AXK_B_AND},        {"Or", AXK_B_OR},
	{"Xor", AXK_B_XOR},        {"BitwiseAnd", AXK_B_AND}, {"BitwiseOr", AXK_B_OR},
	{"BitwiseXor", AXK_B_XOR}, {"Equal", AXK_C_EQ},       {"Less", AXK_C_LT},
	{"LessOrEqual", AXK_C_LE}, {"Greater", AXK_C_GT},     {"GreaterOrEqual", AXK_C_GE},
};

static int code_of(const AxcNode *n)
{
	for (size_t i = 0; i < AXC_COUNT(codes); i++)
		if (strcmp(codes[i].op, n->op_type) == 0)
			return codes[i].code;
	if (strcmp(n->op_type, "Mod") == 0)
		return axc_attr_int(n, "fmod", 0) ? AXK_B_FMOD : AXK_B_MOD;
	return strcmp(axc_attr_string(n, "direction", "LEFT"), "LEFT") == 0 ? AXK_B_SHL : AXK_B_SHR;
}

/* y = code(a, b) with the operands' shapes. */
static bool call_binary(AxcBuild *b, int code, AxcDType dtype, const AxcShape *const shapes[2],
			AxcRef y, AxcRef a, AxcRef c)
{
	AxcShape out;
	int dims[8], s[2][8];
	AxcRef buf[3] = {y, a, c};
	if (!axc_broadcast(2, shapes, &out))
		return axc_fail(b->d, "shapes do not broadcast");
	axc_broadcast_loop(&out, 2, shapes, dims, s);
	if (dtype == AXC_F32) {
		struct axk_binary_f32 p = {.op = code};
		memcpy(p.dims, dims, sizeof dims);
		memcpy(p.sa, s[0], sizeof s[0]);
		memcpy(p.sb, s[1], sizeof s[1]);
		return axc_build_call(b, AXK_BINARY_F32, &p, sizeof p, 0, 3, buf);
	}
	struct axk_binary_int p = {.op = code, .type = axc_type_code(dtype)};
	memcpy(p.dims, dims, sizeof dims);
	memcpy(p.sa, s[0], sizeof s[0]);
	memcpy(p.sb, s[1], sizeof s[1]);
	return axc_build_call(b, AXK_BINARY_INT, &p, sizeof p, 0, 3, buf);
}

static bool build_binary(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcShape *shapes[2] = {axc_in_shape(g, n, 0), axc_in_shape(g, n, 1)};
	return call_binary(b, code_of(n), type_in(g, n, 0), shapes, axc_ref_out(0), axc_ref_in(0),
			   axc_ref_in(1));
}

static AxcShape partial_shape(const AxcGraph *g, const AxcNode *n, uint32_t upto)
{
	const AxcShape *shapes[MAX_OPERANDS];
	AxcShape y = {0};
	for (uint32_t i = 0; i <= upto; i++)
		shapes[i] = axc_in_shape(g, n, i);
	return axc_broadcast(upto + 1, shapes, &y) ? y : (AxcShape){0};
}

/* Mean: the sum times nothing but a division by the number of inputs. */
static bool divide_by(AxcBuild *b, const AxcShape *shape, AxcRef sum, float by)
{
	static const AxcShape one = {0};
	const AxcShape *shapes[2] = {shape, &one};
	return call_binary(b, AXK_B_DIV, AXC_F32, shapes, axc_ref_out(0), sum,
			   axc_build_const(b, &by, sizeof by));
}

/* One, two or more operands, from left to right through two alternating temporaries. */
static bool build_variadic(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	AxcDType dtype = type_in(g, n, 0);
	AxcShape whole = partial_shape(g, n, n->n_in - 1);
	size_t bytes = (size_t)axc_shape_count(&whole) * axc_dtype_bytes(dtype);
	bool mean = strcmp(n->op_type, "Mean") == 0;
	if (mean && !axc_check_f32(g, n, b->d, n->n_in))
		return false;
	AxcRef have = axc_ref_in(0), temp[2];
	for (int i = 0; i < 2; i++)
		temp[i] = n->n_in > 2 || mean ? axc_build_temp(b, bytes) : axc_ref_out(0);
	for (uint32_t i = 1; i < n->n_in; i++) {
		AxcShape left = partial_shape(g, n, i - 1);
		const AxcShape *shapes[2] = {&left, axc_in_shape(g, n, i)};
		AxcRef to = i + 1 == n->n_in && !mean ? axc_ref_out(0) : temp[i & 1];
		if (!call_binary(b, code_of(n), dtype, shapes, to, have, axc_ref_in(i)))
			return false;
		have = to;
	}
	if (mean)
		return divide_by(b, &whole, have, (float)n->n_in);
	return n->n_in > 1 || axc_build_bytes(b, axc_ref_out(0), have, bytes);
}

/* Pow of integers to a float power and the like: computed in float, cast back as ONNX wants. */
static bool build_pow(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	AxcDType x = type_in(g, n, 0), e = type_in(g, n, 1);
	AxcRef in[2] = {axc_ref_in(0), axc_ref_in(1)}, out = axc_ref_out(0), buf[2];
	const AxcShape *shapes[2] = {axc_in_shape(g, n, 0), axc_in_shape(g, n, 1)};
	AxcShape y = partial_shape(g, n, 1);
	AxcDType types[3] = {x, e, x};
	if (x == e)
		return build_binary(g, n, b);
	for (int i = 0; i < 2; i++) {
		struct axk_cast p = {.from = axc_type_code(types[i]),
				     .to = AXK_T_F32,
				     .n = (int)axc_shape_count(shapes[i])};
		if (types[i] == AXC_F32)
			continue;
		buf[1] = in[i];
		in[i] = buf[0] = axc_build_temp(b, (size_t)p.n * sizeof(float));
		if (!axc_build_call(b, AXK_CAST, &p, sizeof p, 0, 2, buf))
			return false;
	}
	struct axk_cast back = {
		.from = AXK_T_F32, .to = axc_type_code(x), .n = (int)axc_shape_count(&y)};
	if (x != AXC_F32)
		out = axc_build_temp(b, (size_t)back.n * sizeof(float));
	if (!call_binary(b, AXK_B_POW, AXC_F32, shapes, out, in[0], in[1]))
		return false;
	buf[0] = axc_ref_out(0);
	buf[1] = out;
	return x == AXC_F32 || axc_build_call(b, AXK_CAST, &back, sizeof back, 0, 2, buf);
}

static bool build_compare(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcShape *shapes[2] = {axc_in_shape(g, n, 0), axc_in_shape(g, n, 1)};
	struct axk_binary_int p = {.op = code_of(n), .type = axc_type_code(type_in(g, n, 0))};
	AxcShape y = partial_shape(g, n, 1);
	int s[2][8];
	AxcRef buf[3] = {axc_ref_out(0), axc_ref_in(0), axc_ref_in(1)};
	axc_broadcast_loop(&y, 2, shapes, p.dims, s);
	memcpy(p.sa, s[0], sizeof p.sa);
	memcpy(p.sb, s[1], sizeof p.sb);
	return axc_build_call(b, AXK_COMPARE, &p, sizeof p, 0, 3, buf);
}

static bool build_where(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcShape *shapes[3] = {axc_in_shape(g, n, 0), axc_in_shape(g, n, 1),
				     axc_in_shape(g, n, 2)};
	struct axk_where p = {.elem_bytes = (int)axc_dtype_bytes(type_in(g, n, 1))};
	AxcShape y = partial_shape(g, n, 2);
	int s[3][8];
	AxcRef buf[4] = {axc_ref_out(0), axc_ref_in(0), axc_ref_in(1), axc_ref_in(2)};
	axc_broadcast_loop(&y, 3, shapes, p.dims, s);
	memcpy(p.sc, s[0], sizeof p.sc);
	memcpy(p.sa, s[1], sizeof p.sa);
	memcpy(p.sb, s[2], sizeof p.sb);
	return axc_build_call(b, AXK_WHERE, &p, sizeof p, 0, 4, buf);
}

/* ---- as functions of one tensor: the constant c and whether it stands left ---- */

static double constant_of(const AxcGraph *g, const AxcNode *n, bool *ret_left)
{
	for (uint32_t i = 0; i < n->n_in; i++) {
		const AxcValue *v = &g->values.at[n->in[i]];
		float c;
		if (!v->data || v->dtype != AXC_F32 || v->data_bytes < sizeof c)
			continue;
		memcpy(&c, v->data, sizeof c);
		*ret_left = i == 0;
		return (double)c;
	}
	*ret_left = false;
	return 0;
}

#define FUNCTION(name, right, left_form)                                                           \
	static double name(const AxcGraph *g, const AxcNode *n, double x)                          \
	{                                                                                          \
		bool left;                                                                         \
		double c = constant_of(g, n, &left);                                               \
		return left ? (left_form) : (right);                                               \
	}
FUNCTION(f_add, x + c, c + x)
FUNCTION(f_sub, x - c, c - x)
FUNCTION(f_mul, x *c, c *x)
FUNCTION(f_div, x / c, c / x)
FUNCTION(f_pow, pow(x, c), pow(c, x))
FUNCTION(f_prelu, x < 0 ? x * c : x, c < 0 ? x * c : c)

/* Min and Max take several constants. */
static double extreme(const AxcGraph *g, const AxcNode *n, double x, bool is_max)
{
	for (uint32_t i = 0; i < n->n_in; i++) {
		const AxcValue *v = &g->values.at[n->in[i]];
		float c;
		if (!v->data || v->dtype != AXC_F32 || v->data_bytes < sizeof c)
			continue;
		memcpy(&c, v->data, sizeof c);
		if (is_max ? (double)c > x : (double)c < x)
			x = (double)c;
	}
	return x;
}

static double f_min(const AxcGraph *g, const AxcNode *n, double x)
{
	return extreme(g, n, x, false);
}

static double f_max(const AxcGraph *g, const AxcNode *n, double x)
{
	return extreme(g, n, x, true);
}

static bool is_function(const AxcGraph *g, const AxcNode *n)
{
	uint32_t input;
	return axc_unary_in_effect(g, n, &input);
}

/* Two float tensors, of which at most one is constant. */
static bool can_be_int8(const AxcGraph *g, const AxcNode *n)
{
	for (uint32_t i = 0; i < n->n_in; i++)
		if (type_in(g, n, i) != AXC_F32 && type_in(g, n, i) != AXC_I8)
			return false;
	return true;
}

/* ---- int8 ---- */

static bool wrong_types(const AxcNode *n, AxcDiag *d)
{
	axc_fail(d, "%s in int8 wants int8 inputs and output with one scale each", n->op_type);
	return axc_diag_node(d, n->name, n->op_type);
}

static bool per_tensor_i8(const AxcTensor *t)
{
	return t && t->dtype == AXC_I8 && t->q.n == 1;
}

/* The next operand offsets in row-major order of the loop. */
typedef struct Walk {
	const Loop *loop;
	int index[8];
	int64_t a, b;
} Walk;

static void walk_on(Walk *w)
{
	for (int d = 7; d >= 0; d--) {
		w->a += w->loop->stride[0][d];
		w->b += w->loop->stride[1][d];
		if (++w->index[d] < w->loop->dims[d])
			return;
		w->a -= (int64_t)w->loop->stride[0][d] * w->loop->dims[d];
		w->b -= (int64_t)w->loop->stride[1][d] * w->loop->dims[d];
		w->index[d] = 0;
	}
}

/* Both operands' shapes and the output's, from the tensors. */
static bool loop_of(const AxcTensor *const *in, const AxcTensor *out, Loop *ret)
{
	const AxcShape *shapes[2] = {&in[0]->shape, &in[1]->shape};
	ret->out = out->shape;
	axc_broadcast_loop(&out->shape, 2, shapes, ret->dims, ret->stride);
	return axc_shape_count(&out->shape) > 0;
}

/* Rule 2. */
static bool eval_add_i8(const AxcGraph *g, const AxcNode *n, const AxcTensor *const *in,
			AxcTensor *const *out, AxcDiag *d)
{
	uint32_t input;
	Loop loop;
	if (axc_unary_in_effect(g, n, &input))
		return axc_eval_table_i8(g, n, in, out, d);
	if (n->n_in != 2 || !per_tensor_i8(in[0]) || !per_tensor_i8(in[1]) ||
	    !per_tensor_i8(out[0]))
		return wrong_types(n, d);
	float sy = out[0]->q.scale[0], ra = in[0]->q.scale[0] / sy, rb = in[1]->q.scale[0] / sy;
	float za = (float)(in[0]->q.zero_point[0] + 128),
	      zb = (float)(in[1]->q.zero_point[0] + 128);
	if (strcmp(n->op_type, "Sub") == 0)
		rb = -rb;
	float rbzb = rb * zb, fx = (float)(out[0]->q.zero_point[0] + 128) - fmaf(ra, za, rbzb);
	const int8_t *a = in[0]->data, *b = in[1]->data;
	int8_t *y = out[0]->data;
	if (!loop_of(in, out[0], &loop))
		return true;
	Walk w = {.loop = &loop};
	int64_t count = axc_shape_count(&out[0]->shape);
	for (int64_t i = 0; i < count; i++, walk_on(&w))
		y[i] = axc_round_u8(
			fmaf((float)(a[w.a] + 128), ra, fmaf((float)(b[w.b] + 128), rb, fx)));
	return true;
}

/* Rule 3. */
static bool eval_mul_i8(const AxcGraph *g, const AxcNode *n, const AxcTensor *const *in,
			AxcTensor *const *out, AxcDiag *d)
{
	uint32_t input;
	Loop loop;
	if (axc_unary_in_effect(g, n, &input))
		return axc_eval_table_i8(g, n, in, out, d);
	if (!per_tensor_i8(in[0]) || !per_tensor_i8(in[1]) || !per_tensor_i8(out[0]))
		return wrong_types(n, d);
	float product = in[0]->q.scale[0] * in[1]->q.scale[0], m = product / out[0]->q.scale[0];
	float zy = (float)(out[0]->q.zero_point[0] + 128);
	int za = in[0]->q.zero_point[0], zb = in[1]->q.zero_point[0];
	const int8_t *a = in[0]->data, *b = in[1]->data;
	int8_t *y = out[0]->data;
	if (!loop_of(in, out[0], &loop))
		return true;
	Walk w = {.loop = &loop};
	int64_t count = axc_shape_count(&out[0]->shape);
	for (int64_t i = 0; i < count; i++, walk_on(&w)) {
		float scaled = (float)((a[w.a] - za) * (b[w.b] - zb)) * m;
		y[i] = axc_round_u8(scaled + zy);
	}
	return true;
}

/* ---- checks ---- */

static bool refuse_type(const AxcGraph *g, const AxcNode *n, AxcDiag *d, uint32_t i,
			const char *wanted)
{
	axc_fail_as(d, AXC_LOWER_FRONTEND_ERROR, "input %u of %s is %s, wanted %s", i, n->op_type,
		    axc_dtype_name(type_in(g, n, i)), wanted);
	return axc_diag_node(d, n->name, n->op_type);
}

static bool check_logic(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	for (uint32_t i = 0; i < n->n_in; i++)
		if (type_in(g, n, i) != AXC_BOOL)
			return refuse_type(g, n, d, i, "bool");
	return true;
}

static bool check_integer(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	for (uint32_t i = 0; i < n->n_in; i++)
		if (type_in(g, n, i) == AXC_F32 || type_in(g, n, i) == AXC_BOOL)
			return refuse_type(g, n, d, i, "an integer type");
	return true;
}

static bool check_number(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	return type_in(g, n, 0) != AXC_BOOL || refuse_type(g, n, d, 0, "a number");
}

static bool check_mean(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	return axc_check_f32(g, n, d, n->n_in);
}

/* ---- the literals ---- */

#define TWO(onnx, names)                                                                           \
	.name = onnx, .domain = "", .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,          \
	.attrs = names
#define MANY(onnx)                                                                                 \
	.name = onnx, .domain = "", .min_in = 1, .max_in = -1, .min_out = 1, .max_out = 1,         \
	.attrs = ""
#define COMPARE(id, onnx)                                                                          \
	static const AxcOp id = {TWO(onnx, ""), .infer = infer_compare, .build = build_compare}
#define LOGIC(id, onnx, names, test)                                                               \
	static const AxcOp id = {TWO(onnx, names), .infer = infer_arithmetic,                      \
				 .build = build_binary, .check = test}
/* In int8 only as a function of one tensor. */
#define AS_TABLE(f)                                                                                \
	.eval_i8 = axc_eval_table_i8, .quant = AXC_QR_TABLE, .lower = AXC_LK_TABLE,                \
	.quantizable = is_function, .unary = f

static const AxcOp add = {TWO("Add", ""),
			  .infer = infer_arithmetic,
			  .build = build_binary,
			  .eval_i8 = eval_add_i8,
			  .quant = AXC_QR_ADD,
			  .lower = AXC_LK_ADD,
			  .quantizable = can_be_int8,
			  .unary = f_add,
			  .check = check_number};
static const AxcOp sub = {TWO("Sub", ""),
			  .infer = infer_arithmetic,
			  .build = build_binary,
			  .eval_i8 = eval_add_i8,
			  .quant = AXC_QR_ADD,
			  .lower = AXC_LK_ADD,
			  .quantizable = can_be_int8,
			  .unary = f_sub,
			  .check = check_number};
static const AxcOp mul = {TWO("Mul", ""),
			  .infer = infer_arithmetic,
			  .build = build_binary,
			  .eval_i8 = eval_mul_i8,
			  .quant = AXC_QR_MUL,
			  .lower = AXC_LK_MUL,
			  .quantizable = can_be_int8,
			  .unary = f_mul,
			  .check = check_number};
static const AxcOp div_op = {TWO("Div", ""), .infer = infer_arithmetic, .build = build_binary,
			     AS_TABLE(f_div), .check = check_number};
static const AxcOp pow_op = {TWO("Pow", ""), .infer = infer_first_type, .build = build_pow,
			     AS_TABLE(f_pow), .check = check_number};
static const AxcOp prelu = {TWO("PRelu", ""), .infer = infer_arithmetic, .build = build_binary,
			    AS_TABLE(f_prelu), .check = check_number};
static const AxcOp min_op = {MANY("Min"), .infer = infer_arithmetic, .build = build_variadic,
			     AS_TABLE(f_min), .check = check_number};
static const AxcOp max_op = {MANY("Max"), .infer = infer_arithmetic, .build = build_variadic,
			     AS_TABLE(f_max), .check = check_number};
static const AxcOp sum = {MANY("Sum"), .infer = infer_arithmetic, .build = build_variadic,
			  .check = check_number};
static const AxcOp mean = {MANY("Mean"), .infer = infer_arithmetic, .build = build_variadic,
			   .check = check_mean};
static const AxcOp mod = {TWO("Mod", "fmod"), .infer = infer_arithmetic, .build = build_binary,
			  .check = check_number};
static const AxcOp where = {.name = "Where",
			    .domain = "",
			    .min_in = 3,
			    .max_in = 3,
			    .min_out = 1,
			    .max_out = 1,
			    .attrs = "",
			    .infer = infer_where,
			    .build = build_where};
COMPARE(equal, "Equal");
COMPARE(less, "Less");
COMPARE(less_equal, "LessOrEqual");
COMPARE(greater, "Greater");
COMPARE(greater_equal, "GreaterOrEqual");
LOGIC(and_op, "And", "", check_logic);
LOGIC(or_op, "Or", "", check_logic);
LOGIC(xor_op, "Xor", "", check_logic);
LOGIC(bit_and, "BitwiseAnd", "", check_integer);
LOGIC(bit_or, "BitwiseOr", "", check_integer);
LOGIC(bit_xor, "BitwiseXor", "", check_integer);
LOGIC(bit_shift, "BitShift", "direction", check_integer);

const AxcOp *const axc_ops_binary[] = {&add,     &sub,           &mul,     &div_op,    &pow_op,
				       &prelu,   &min_op,        &max_op,  &sum,       &mean,
				       &mod,     &where,         &equal,   &less,      &less_equal,
				       &greater, &greater_equal, &and_op,  &or_op,     &xor_op,
				       &bit_and, &bit_or,        &bit_xor, &bit_shift, NULL};
