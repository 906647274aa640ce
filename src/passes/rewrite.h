/* What a rewriting pass works with: one sweep over the nodes in topological order that may redirect
 * readers, change nodes in place and insert nodes, all in linear time. Redirected values are kept as
 * aliases and resolved as the sweep reaches their readers, and once more for everything at the end.
 */
#ifndef AXC_REWRITE_H
#define AXC_REWRITE_H

#include "ops/op.h"
#include "passes/passes.h"

typedef struct AxcRewrite {
	AxcGraph *g;
	AxcDiag *d;
	AxcId n_old;      /* nodes when the sweep began */
	uint32_t cap;     /* of the arrays below, indexed by value */
	AxcId *alias;     /* 0: itself */
	uint32_t *uses;   /* node inputs that read the value */
	bool *is_output;  /* of the graph */
	uint32_t n_new, cap_new;
	AxcId *anchor;    /* of new node n_old + i: the node it stands in front of */
} AxcRewrite;

void axc_rewrite_begin(AxcRewrite *r, AxcGraph *g, AxcDiag *d);
/* Resolves every alias, puts inserted nodes in their place, drops what nothing reads. */
void axc_rewrite_end(AxcRewrite *r);

/* The node if it is live, its inputs resolved; NULL otherwise. */
AxcNode *axc_rewrite_visit(AxcRewrite *r, AxcId node);
AxcId axc_rewrite_value(AxcRewrite *r, AxcId value);
/* The node that computes the value, NULL for inputs and constants. Its inputs are resolved. */
AxcNode *axc_rewrite_producer(AxcRewrite *r, AxcId value);
/* One node input reads it, and it is no graph output. */
bool axc_rewrite_single(AxcRewrite *r, AxcId value);

/* Readers of the node's first output read `value` instead and the node dies; where a graph output would
 * lose its name or its producer the node becomes an Identity of `value`. False if it already was one. */
bool axc_rewrite_bypass(AxcRewrite *r, AxcId node, AxcId value);
/* Changes the operator in place, keeping name and outputs; all attributes are dropped. */
void axc_rewrite_op(AxcRewrite *r, AxcId node, const char *op_type);
void axc_rewrite_inputs(AxcRewrite *r, AxcId node, uint32_t n, const AxcId *in);
/* A new node in front of `before` (an old node, or n_old: at the end) with one new output of the given
 * name (NULL: from the node's), type and shape; returns the output. */
AxcId axc_rewrite_insert(AxcRewrite *r, AxcId before, const char *op_type, const char *name, uint32_t n_in,
                         const AxcId *in, const char *out_name, AxcDType dtype, const AxcShape *shape);
/* The node now also does what `other` did. */
void axc_rewrite_origin(AxcRewrite *r, AxcId node, const AxcNode *other);

/* Live first output; the id of a node from its pointer. */
static inline AxcId axc_node_id(const AxcGraph *g, const AxcNode *n)
{
	return (AxcId)(n - g->nodes.at);
}
static inline bool axc_is_op(const AxcNode *n, const char *op_type)
{
	return n && strcmp(n->op_type, op_type) == 0;
}
/* Data of a constant float value, NULL otherwise. */
const float *axc_const_floats(const AxcGraph *g, AxcId value);
/* A constant of one element as double (float or integer); false otherwise. */
bool axc_const_scalar(const AxcGraph *g, AxcId value, double *ret);
AxcId axc_new_const(AxcGraph *g, const char *base, const char *what, const AxcShape *shape, const float *data);

/* The passes of clean, one file each; see their files. */
extern const AxcPass axc_pass_infer, axc_pass_tidy, axc_pass_explicit, axc_pass_means, axc_pass_pads,
	axc_pass_affine, axc_pass_affine_in, axc_pass_scale, axc_pass_flush, axc_pass_outputs, axc_pass_dce, axc_pass_dense,
	axc_pass_neutral;

#endif
