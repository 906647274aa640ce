/* Softmax and LogSoftmax over one dimension (import brings older forms here). In int8, Softmax is
 * rule 8. */
#include "ops/requant.h"
#include "ops/util.h"

#include <math.h>

static int axis_of(const AxcNode *n, const AxcShape *x)
{
	int64_t a = axc_attr_int(n, "axis", -1);
	return (int)(a < 0 ? a + x->rank : a);
}

static bool infer_softmax(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	int axis;
	return axc_axis(g, n, d, "attribute axis", axc_attr_int(n, "axis", -1),
			axc_in_shape(g, n, 0)->rank, &axis) &&
	       axc_infer_same(g, node, d);
}

static bool build_softmax(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	const AxcShape *x = axc_in_shape(g, n, 0);
	struct axk_softmax_f32 p = {.is_log = strcmp(n->op_type, "LogSoftmax") == 0};
	if (!axc_check_f32(g, n, b->d, 1))
		return false;
	axc_split_at(x, axis_of(n, x), &p.outer, &p.c, &p.inner);
	AxcRef buf[2] = {axc_ref_out(0), axc_ref_in(0)};
	return axc_build_call(b, AXK_SOFTMAX_F32, &p, sizeof p, 0, 2, buf);
}

static bool check_float(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	return axc_check_f32(g, n, d, 1);
}

static bool bounds(const AxcGraph *g, const AxcNode *n, float *ret_lo, float *ret_hi)
{
	(void)g;
	(void)n;
	*ret_lo = 0.0f;
	*ret_hi = 1.0f;
	return true;
}

/* Rule 8: table of exp(-i * sx), sum sequential in float, one rint per element; output scale 1/256,
 * zero point 0 in the u8 domain. */
static bool eval_softmax_i8(const AxcGraph *g, const AxcNode *n, const AxcTensor *const *in,
			    AxcTensor *const *out, AxcDiag *d)
{
	const AxcTensor *x = in[0], *y = out[0];
	int outer, c, inner;
	float table[256];
	(void)g;
	if (x->dtype != AXC_I8 || x->q.n != 1 || y->dtype != AXC_I8 || y->q.n != 1 ||
	    y->q.scale[0] != 1.0f / 256 || y->q.zero_point[0] != -128) {
		axc_fail(d, "Softmax in int8 wants one int8 input, and an output of scale 1/256 "
			    "and zero point -128");
		return axc_diag_node(d, n->name, n->op_type);
	}
	for (int i = 0; i < 256; i++)
		table[i] = (float)exp(-(double)i * (double)x->q.scale[0]);
	axc_split_at(&x->shape, axis_of(n, &x->shape), &outer, &c, &inner);
	for (int o = 0; o < outer; o++)
		for (int i = 0; i < inner; i++) {
			int64_t at = (int64_t)o * c * inner + i;
			const int8_t *from = (const int8_t *)x->data + at;
			int8_t *to = (int8_t *)y->data + at;
			int top = -128;
			float sum = 0.0f;
			for (int k = 0; k < c; k++)
				top = AXC_MAX(top, from[(int64_t)k * inner]);
			for (int k = 0; k < c; k++)
				sum = sum + table[top - from[(int64_t)k * inner]];
			for (int k = 0; k < c; k++) {
				float share = table[top - from[(int64_t)k * inner]] / sum;
				to[(int64_t)k * inner] = axc_round_u8(share * 256.0f);
			}
		}
	return true;
}

static const AxcOp softmax = {.name = "Softmax",
			      .domain = "",
			      .min_in = 1,
			      .max_in = 1,
			      .min_out = 1,
			      .max_out = 1,
			      .attrs = "axis",
			      .infer = infer_softmax,
			      .build = build_softmax,
			      .eval_i8 = eval_softmax_i8,
			      .quant = AXC_QR_SOFTMAX,
			      .lower = AXC_LK_SOFTMAX,
			      .bounds = bounds,
			      .check = check_float};
static const AxcOp log_softmax = {.name = "LogSoftmax",
				  .domain = "",
				  .min_in = 1,
				  .max_in = 1,
				  .min_out = 1,
				  .max_out = 1,
				  .attrs = "axis",
				  .infer = infer_softmax,
				  .build = build_softmax,
				  .check = check_float};

const AxcOp *const axc_ops_softmax[] = {&softmax, &log_softmax, NULL};
