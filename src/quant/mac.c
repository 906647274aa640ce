/* A multiply-accumulate node seen apart from how it is stored: which weight belongs to which channels. */
#include "quant/mac.h"

AxcQuantMac axc_quant_mac(const AxcGraph *g, const AxcNode *n, const AxcQuant *x)
{
	const AxcValue *w = &g->values.at[n->in[1]];
	const AxcShape *out = &g->values.at[n->out[0]].shape;
	bool gemm = strcmp(n->op_type, "Gemm") == 0, matmul = strcmp(n->op_type, "MatMul") == 0;
	AxcQuantMac m = {.w = w->data, .n_weights = axc_shape_count(&w->shape), .alpha = 1.0, .beta = 1.0, .x = x};
	if (gemm || matmul) {
		m.axis = gemm && axc_attr_int(n, "transB", 0) ? 0 : 1;
		m.channels = out->dim[out->rank - 1];
	} else {
		m.axis = strcmp(n->op_type, "ConvTranspose") == 0 ? 1 : 0;
		m.channels = out->dim[1];
	}
	m.n_scales = w->shape.dim[m.axis];
	m.stride = 1;
	for (int i = m.axis + 1; i < w->shape.rank; i++)
		m.stride *= w->shape.dim[i];
	if (gemm) {
		m.alpha = axc_attr_float(n, "alpha", 1.0f);
		m.beta = axc_attr_float(n, "beta", 1.0f);
	}
	m.bias_always = !matmul;
	if (n->n_in > 2 && n->in[2]) {
		m.bias = g->values.at[n->in[2]].data;
		m.n_bias = axc_shape_count(&g->values.at[n->in[2]].shape);
	}
	return m;
}

int64_t axc_quant_taps(const AxcGraph *g, const AxcNode *n)
{
	const AxcShape *w = &g->values.at[n->in[1]].shape;
	int64_t taps = 1;
	for (int d = 2; d < w->rank; d++)
		taps *= w->dim[d];
	return taps;
}

int64_t axc_quant_in_channels(const AxcQuantMac *m, const AxcGraph *g, const AxcNode *n)
{
	const AxcShape *w = &g->values.at[n->in[1]].shape;
	if (w->rank == 2)
		return w->dim[m->axis == 1 ? 0 : 1];
	return m->axis == 1 ? w->dim[0] : w->dim[1] * AXC_MAX(axc_attr_int(n, "group", 1), 1);
}

double *axc_quant_tap_shares(const AxcGraph *g, const AxcNode *n, int64_t taps, AxcArena *arena)
{
	double *share = AXC_NEW_ARRAY(arena, double, (size_t)taps);
	const AxcShape *in = &g->values.at[n->in[0]].shape, *out = &g->values.at[n->out[0]].shape;
	const AxcShape *w = &g->values.at[n->in[1]].shape;
	bool transposed = strcmp(n->op_type, "ConvTranspose") == 0;
	uint32_t n_strides, n_dilations, n_pads;
	const int64_t *strides = axc_attr_ints(n, "strides", &n_strides);
	const int64_t *dilations = axc_attr_ints(n, "dilations", &n_dilations);
	const int64_t *pads = axc_attr_ints(n, "pads", &n_pads);
	for (int64_t t = 0; t < taps; t++) {
		int64_t rest = t;
		share[t] = 1;
		for (int d = w->rank - 1; d >= 2; d--) {
			int64_t k = rest % w->dim[d], hits = 0;
			int64_t step = n_strides > (uint32_t)d - 2 ? strides[d - 2] : 1;
			int64_t wide = n_dilations > (uint32_t)d - 2 ? dilations[d - 2] : 1;
			int64_t pad = n_pads > (uint32_t)d - 2 ? pads[d - 2] : 0;
			rest /= w->dim[d];
			for (int64_t o = 0; o < out->dim[d]; o++)
				hits += o * step - pad + k * wide >= 0 && o * step - pad + k * wide < in->dim[d];
			share[t] *= transposed ? 1.0 / (double)step : (double)hits / (double)AXC_MAX(out->dim[d], 1);
		}
	}
	return share;
}

void axc_quant_channels(const AxcQuantMac *m, const AxcShape *w, int64_t i, int64_t taps, int64_t groups,
                        int64_t *ret_in, int64_t *ret_out)
{
	int64_t inner = i / taps % w->dim[1], outer = i / taps / w->dim[1];
	int64_t group = w->rank > 2 ? outer / AXC_MAX(w->dim[0] / groups, 1) : 0;
	bool second = m->axis == 1; /* output channels on axis 1: ConvTranspose, MatMul, Gemm */
	*ret_in = second ? outer : group * w->dim[1] + inner;
	*ret_out = second ? group * w->dim[1] + inner : outer;
}
