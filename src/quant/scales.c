/* Ranges to scales. Values that must or should share a scale form groups: operators that only move
 * elements have the scale of their input, and what is concatenated is computed at the scale of the
 * concatenation when nobody else reads it (one rounding, no copy). A group's range is the union of the
 * ranges of those of its values that something outside the group reads; so a convolution in front of a
 * MaxPool takes the range of the pool's output.
 */
#include "quant/scales.h"

#include <math.h>

/* A value with other readers joins a concatenation only if that widens its range by less than this. */
static const double max_widening = 1.5;

static float clamp_scale(double s)
{
	if (!(s > AXC_SCALE_MIN))
		return AXC_SCALE_MIN;
	return s < AXC_SCALE_MAX ? (float)s : AXC_SCALE_MAX;
}

static void range_params(float lo, float hi, float *ret_scale, int32_t *ret_zero)
{
	double low = lo < 0.0f ? lo : 0.0, high = hi > 0.0f ? hi : 0.0;
	float s = clamp_scale((high - low) / 255.0);
	double zp = nearbyint(-low / s);
	*ret_scale = s;
	*ret_zero = (int32_t)(zp < 0.0 ? 0.0 : zp > 255.0 ? 255.0 : zp) - 128;
}

AxcQuant axc_quant_of_range(AxcArena *arena, float lo, float hi)
{
	float *scale = AXC_NEW(arena, float);
	int32_t *zero = AXC_NEW(arena, int32_t);
	range_params(lo, hi, scale, zero);
	return (AxcQuant){.n = 1, .axis = -1, .scale = scale, .zero_point = zero};
}

/* ---- groups ---- */

typedef struct Groups {
	const AxcGraph *g;
	const AxcQuantPlan *plan;
	const AxcRanges *ranges;
	AxcUses uses;
	AxcId *parent;  /* of values; roots point to themselves */
	float *lo, *hi; /* of roots: union over what is read from outside */
	bool *outside;  /* of roots: something outside reads it */
	bool *fixed;    /* of roots: Softmax */
	bool *is_output;
} Groups;

static AxcId root(Groups *s, AxcId v)
{
	while (s->parent[v] != v) {
		s->parent[v] = s->parent[s->parent[v]];
		v = s->parent[v];
	}
	return v;
}

static void widen(Groups *s, AxcId v, float lo, float hi)
{
	v = root(s, v);
	s->lo[v] = fminf(s->lo[v], lo);
	s->hi[v] = fmaxf(s->hi[v], hi);
	s->outside[v] = true;
}

static void widen_by_value(Groups *s, AxcId v)
{
	const AxcRange *r = &s->ranges->at[v];
	widen(s, v, r->lo, r->hi);
}

static void join(Groups *s, AxcId a, AxcId b)
{
	a = root(s, a);
	b = root(s, b);
	if (a == b)
		return;
	AxcId keep = AXC_MIN(a, b), gone = AXC_MAX(a, b);
	s->parent[gone] = keep;
	s->lo[keep] = fminf(s->lo[keep], s->lo[gone]);
	s->hi[keep] = fmaxf(s->hi[keep], s->hi[gone]);
	s->outside[keep] = s->outside[keep] || s->outside[gone];
	s->fixed[keep] = s->fixed[keep] || s->fixed[gone];
}

static bool moves_only(const Groups *s, AxcId node)
{
	return s->plan->node_int8[node] && axc_quant_rule(&s->g->nodes.at[node]) == AXC_QR_SAME;
}

static bool concatenates(const Groups *s, AxcId node)
{
	return s->plan->node_int8[node] && s->g->nodes.at[node].op->quant == AXC_QR_CONCAT;
}

/* Readers that take the value at its scale, other than moves and concatenations. */
static bool read_outside(const Groups *s, AxcId v)
{
	if (s->is_output[v])
		return true;
	for (uint32_t u = s->uses.first[v]; u < s->uses.first[v + 1]; u++)
		if (!moves_only(s, s->uses.node[u]) && !concatenates(s, s->uses.node[u]))
			return true;
	return false;
}

static void widen_by_constant(Groups *s, AxcId group, AxcId constant)
{
	const float *c = s->g->values.at[constant].data;
	int64_t n = axc_shape_count(&s->g->values.at[constant].shape);
	for (int64_t i = 0; i < n; i++)
		if (isfinite(c[i]))
			widen(s, group, c[i], c[i]);
}

static void join_moves(Groups *s)
{
	for (AxcId i = 1; i < s->g->nodes.n; i++) {
		const AxcNode *n = &s->g->nodes.at[i];
		if (n->dead || !moves_only(s, i))
			continue;
		for (uint32_t k = 0; k < n->n_out; k++)
			if (n->out[k])
				join(s, n->in[0], n->out[k]);
		const AxcValue *fill = strcmp(n->op_type, "Pad") == 0 && n->n_in > 2 ? &s->g->values.at[n->in[2]] : NULL;
		if (fill && fill->data && fill->dtype == AXC_F32)
			widen_by_constant(s, n->out[0], n->in[2]);
	}
}

static bool may_join_concat(Groups *s, AxcId v, AxcId out)
{
	AxcId a = root(s, v), b = root(s, out);
	if (a == b)
		return true;
	if (s->fixed[a] || s->fixed[b])
		return false;
	if (!s->outside[a])
		return true;
	double own = (double)s->hi[a] - s->lo[a];
	double both = (double)fmaxf(s->hi[a], s->hi[b]) - fminf(s->lo[a], s->lo[b]);
	return both <= own * max_widening;
}

static void join_concats(Groups *s)
{
	for (AxcId i = 1; i < s->g->nodes.n; i++) {
		const AxcNode *n = &s->g->nodes.at[i];
		if (n->dead || !concatenates(s, i))
			continue;
		/* the range of the whole, whoever reads it */
		widen_by_value(s, n->out[0]);
		for (uint32_t k = 0; k < n->n_in; k++)
			if (axc_is_const(s->g, n->in[k]))
				widen_by_constant(s, n->out[0], n->in[k]);
		for (uint32_t k = 0; k < n->n_in; k++) {
			AxcId v = n->in[k];
			if (!v || axc_is_const(s->g, v))
				continue;
			if (may_join_concat(s, v, n->out[0]))
				join(s, v, n->out[0]);
			else
				widen_by_value(s, v);
		}
	}
}

static void init_groups(Groups *s, AxcArena *arena)
{
	uint32_t n = s->g->values.n;
	s->uses = axc_graph_uses(s->g, arena);
	s->parent = AXC_NEW_ARRAY(arena, AxcId, n);
	s->lo = AXC_NEW_ARRAY(arena, float, n);
	s->hi = AXC_NEW_ARRAY(arena, float, n);
	s->outside = AXC_NEW_ARRAY(arena, bool, n);
	s->fixed = AXC_NEW_ARRAY(arena, bool, n);
	s->is_output = AXC_NEW_ARRAY(arena, bool, n);
	for (uint32_t i = 0; i < s->g->outputs.n; i++)
		s->is_output[s->g->outputs.at[i]] = true;
	for (AxcId v = 0; v < n; v++)
		s->parent[v] = v;
	for (AxcId v = 1; v < n; v++) {
		bool used = s->plan->value_int8[v] || s->plan->float_out[v];
		if (used && !s->g->values.at[v].data && (s->plan->float_out[v] || read_outside(s, v)))
			widen_by_value(s, v);
	}
	for (AxcId i = 1; i < s->g->nodes.n; i++) {
		const AxcNode *node = &s->g->nodes.at[i];
		if (!node->dead && s->plan->node_int8[i] && node->op->quant == AXC_QR_SOFTMAX)
			s->fixed[node->out[0]] = true;
	}
}

/* ---- per channel ---- */

static AxcQuant channel_params(AxcArena *arena, const AxcRange *r, const AxcQuant *whole)
{
	int n = r->n_channels;
	float *scale = AXC_NEW_ARRAY(arena, float, (size_t)n);
	int32_t *zero = AXC_NEW_ARRAY(arena, int32_t, (size_t)n);
	for (int c = 0; c < n; c++) {
		/* a channel that was silent may still speak: never finer than 2^-12 of the tensor's scale */
		range_params(r->channel_min[c], r->channel_max[c], &scale[c], &zero[c]);
		float least = whole->scale[0] / 4096.0f;
		if (scale[c] >= least)
			continue;
		float lo = zero[c] == -128 ? 0.0f : -127.0f * least;
		range_params(lo, lo + 255.0f * least, &scale[c], &zero[c]);
	}
	return (AxcQuant){.n = n, .axis = 1, .scale = scale, .zero_point = zero};
}

const AxcQuant *axc_quant_scales(AxcArena *arena, const AxcGraph *clean, const AxcQuantPlan *plan,
                                 const AxcRanges *ranges)
{
	static const float softmax_scale = 1.0f / 256.0f;
	static const int32_t softmax_zero = -128;
	Groups s = {.g = clean, .plan = plan, .ranges = ranges};
	AxcQuant *q = AXC_NEW_ARRAY(arena, AxcQuant, clean->values.n);
	init_groups(&s, arena);
	join_moves(&s);
	join_concats(&s);
	for (AxcId v = 1; v < clean->values.n; v++) {
		q[v].axis = -1;
		if ((!plan->value_int8[v] && !plan->float_out[v]) || clean->values.at[v].data)
			continue;
		AxcId r = root(&s, v);
		if (s.fixed[r])
			q[v] = (AxcQuant){.n = 1, .axis = -1, .scale = &softmax_scale, .zero_point = &softmax_zero};
		else if (r < v && q[r].n == 1)
			q[v] = q[r];
		else
			q[v] = axc_quant_of_range(arena, s.lo[r], s.hi[r]);
		if (plan->per_channel[v] && clean->values.at[v].shape.rank > 1 &&
		    ranges->at[v].n_channels == clean->values.at[v].shape.dim[1] && ranges->at[v].n_channels > 1)
			q[v] = channel_params(arena, &ranges->at[v], &q[v]);
	}
	return q;
}
