/* Gemm and MatMul: shapes, float kernel calls, the int8 meaning (rule 1). A MatMul may carry a
 * third input, the bias [N] of the Add that stood behind it. */
#include "ops/mac_i8.h"
#include "ops/window.h"

#include <stdlib.h>

static const AxcShape *shape_of(const AxcGraph *g, const AxcNode *n, uint32_t i)
{
	return &g->values.at[n->in[i]].shape;
}

static bool is_gemm(const AxcNode *n)
{
	return strcmp(n->op_type, "Gemm") == 0;
}

static bool has_c(const AxcNode *n)
{
	return n->n_in > 2 && n->in[2];
}

/* The product as the kernel sees it; strides in elements. */
typedef struct Product {
	int64_t m, k, n, sam, sak, sbk, sbn;
	int batch_rank;
	int64_t batch[AXC_MAX_RANK], sa[AXC_MAX_RANK], sb[AXC_MAX_RANK];
} Product;

static bool gemm_product(const AxcGraph *g, const AxcNode *n, Product *p, AxcDiag *d)
{
	const AxcShape *a = shape_of(g, n, 0), *b = shape_of(g, n, 1);
	if (a->rank != 2 || b->rank != 2)
		return axc_misfit(g, n, d, "two matrices", "Gemm takes matrices of rank 2");
	bool ta = axc_attr_int(n, "transA", 0) != 0, tb = axc_attr_int(n, "transB", 0) != 0;
	*p = (Product){.m = a->dim[ta], .k = a->dim[!ta], .n = b->dim[!tb]};
	p->sam = ta ? 1 : p->k;
	p->sak = ta ? p->m : 1;
	p->sbk = tb ? 1 : p->n;
	p->sbn = tb ? p->k : 1;
	if (b->dim[tb] != p->k)
		return axc_misfit(g, n, d, "equal inner dimensions", "the inner dimensions are %lld and %lld",
				  (long long)p->k, (long long)b->dim[tb]);
	return true;
}

/* Strides of the leading dimensions of a stack of matrices, aligned at the right; 0 where
 * broadcast. */
static void batch_strides(const AxcShape *s, int rank, const int64_t *batch, int64_t *stride)
{
	int lead = s->rank - 2;
	int64_t step = lead < 0 ? 0 : s->dim[s->rank - 2] * s->dim[s->rank - 1];
	for (int i = rank - 1; i >= 0; i--) {
		int k = i - (rank - lead);
		bool there = lead > 0 && k >= 0;
		stride[i] = there && (s->dim[k] != 1 || batch[i] == 1) ? step : 0;
		if (there)
			step *= s->dim[k];
	}
}

static bool matmul_product(const AxcGraph *g, const AxcNode *n, Product *p, AxcDiag *d)
{
	const AxcShape *a = shape_of(g, n, 0), *b = shape_of(g, n, 1);
	if (a->rank < 1 || b->rank < 1)
		return axc_misfit(g, n, d, "rank 1 or more", "MatMul takes no scalars");
	*p = (Product){.m = a->rank == 1 ? 1 : a->dim[a->rank - 2],
		       .k = a->dim[a->rank - 1],
		       .sak = 1,
		       .n = b->rank == 1 ? 1 : b->dim[b->rank - 1]};
	int64_t kb = b->dim[b->rank == 1 ? 0 : b->rank - 2];
	p->sam = p->k;
	p->sbk = p->n;
	p->sbn = 1;
	if (kb != p->k)
		return axc_misfit(g, n, d, "equal inner dimensions", "the inner dimensions are %lld and %lld",
				  (long long)p->k, (long long)kb);
	p->batch_rank = AXC_MAX(AXC_MAX(a->rank, b->rank) - 2, 0);
	for (int i = 0; i < p->batch_rank; i++) {
		int ka = i - (p->batch_rank - (a->rank - 2)),
		    kb2 = i - (p->batch_rank - (b->rank - 2));
		int64_t da = a->rank > 2 && ka >= 0 ? a->dim[ka] : 1,
			db = b->rank > 2 && kb2 >= 0 ? b->dim[kb2] : 1;
		if (da != db && da != 1 && db != 1)
			return axc_misfit(g, n, d, "equal ones, or 1",
					  "batch dimensions %lld and %lld do not broadcast",
					  (long long)da, (long long)db);
		p->batch[i] = da == 1 ? db : da;
	}
	batch_strides(a, p->batch_rank, p->batch, p->sa);
	batch_strides(b, p->batch_rank, p->batch, p->sb);
	return true;
}

/* C of Gemm (or the bias of MatMul) against [M][N]; false if it does not broadcast. */
static bool c_strides(const AxcGraph *g, const AxcNode *n, const Product *p, int64_t *scm,
		      int64_t *scn)
{
	const AxcShape *c = shape_of(g, n, 2);
	int64_t dm = c->rank > 1 ? c->dim[c->rank - 2] : 1, dn = c->rank ? c->dim[c->rank - 1] : 1;
	*scn = dn == 1 ? 0 : 1;
	*scm = dm == 1 ? 0 : dn;
	return c->rank <= 2 && (dm == 1 || dm == p->m) && (dn == 1 || dn == p->n);
}

static bool product_of(const AxcGraph *g, const AxcNode *n, Product *p, AxcDiag *d)
{
	int64_t scm, scn;
	if (!(is_gemm(n) ? gemm_product(g, n, p, d) : matmul_product(g, n, p, d)))
		return false;
	if (has_c(n) && !c_strides(g, n, p, &scm, &scn))
		return axc_misfit(g, n, d, NULL,
				  "the third input does not broadcast to %lld x %lld",
				  (long long)p->m, (long long)p->n);
	return true;
}

static bool infer(AxcGraph *g, AxcId node, AxcDiag *d)
{
	const AxcNode *n = axc_node(g, node);
	AxcValue *y = axc_value(g, n->out[0]);
	Product p;
	if (!product_of(g, n, &p, d))
		return false;
	y->dtype = axc_value(g, n->in[0])->dtype;
	y->shape = (AxcShape){.rank = 0};
	for (int i = 0; i < p.batch_rank; i++)
		y->shape.dim[y->shape.rank++] = p.batch[i];
	if (is_gemm(n) || shape_of(g, n, 0)->rank > 1)
		y->shape.dim[y->shape.rank++] = p.m;
	if (is_gemm(n) || shape_of(g, n, 1)->rank > 1)
		y->shape.dim[y->shape.rank++] = p.n;
	return true;
}

/* ---- float ---- */

/* One b for all batches, and rows of a one behind the other: the batches are more rows. */
static void fold_batches(Product *p)
{
	int64_t rows = p->m, stride = p->m * p->sam;
	for (int i = p->batch_rank - 1; i >= 0; i--) {
		if (p->sb[i] != 0 && p->batch[i] != 1)
			return;
		if (p->batch[i] != 1 && (p->sa[i] != stride || p->sam != p->k))
			return;
		rows *= p->batch[i];
		stride *= p->batch[i];
	}
	p->m = rows;
	p->batch_rank = 0;
}

static struct axk_matmul_f32 params_of(const Product *p)
{
	struct axk_matmul_f32 r = {.m = (int)p->m,
				   .k = (int)p->k,
				   .n = (int)p->n,
				   .sam = (int)p->sam,
				   .sak = (int)p->sak,
				   .sbk = (int)p->sbk,
				   .sbn = (int)p->sbn,
				   .alpha = 1.0f,
				   .beta = 1.0f};
	for (int i = 0; i < 6; i++) {
		int k = i - (6 - p->batch_rank);
		r.batch[i] = k < 0 ? 1 : (int)p->batch[k];
		r.sa[i] = k < 0 ? 0 : (int)p->sa[k];
		r.sb[i] = k < 0 ? 0 : (int)p->sb[k];
	}
	return r;
}

/* A constant b as float [k][n]. */
static const float *rows_of_b(const AxcGraph *g, const AxcNode *n, const Product *p,
			      AxcArena *arena)
{
	const AxcValue *b = &g->values.at[n->in[1]];
	const float *data = b->data; /* of a mapped file, not always aligned */
	if (p->sbn == 1 && (uintptr_t)data % sizeof *data == 0)
		return data;
	data = axc_memdup(arena, data, b->data_bytes);
	if (p->sbn == 1)
		return data;
	float *turned = AXC_NEW_ARRAY(arena, float, (size_t)(p->k * p->n));
	for (int64_t i = 0; i < p->k; i++)
		for (int64_t j = 0; j < p->n; j++)
			turned[i * p->n + j] = data[i * p->sbk + j * p->sbn];
	return turned;
}

static bool build(const AxcGraph *g, const AxcNode *n, AxcBuild *b)
{
	Product p;
	int64_t scm = 0, scn = 0;
	if (!product_of(g, n, &p, b->d))
		return false;
	if (!has_c(n) || c_strides(g, n, &p, &scm, &scn))
		if (scm == 0)
			fold_batches(&p);
	struct axk_matmul_f32 params = params_of(&p);
	params.has_c = has_c(n);
	params.scm = (int)scm;
	params.scn = (int)scn;
	if (is_gemm(n)) {
		params.alpha = axc_attr_float(n, "alpha", 1.0f);
		params.beta = axc_attr_float(n, "beta", 1.0f);
	}
	AxcRef buf[4] = {axc_ref_out(0), axc_ref_in(0), axc_ref_in(1)};
	params.packed = axc_is_const(g, n->in[1]) && p.batch_rank == 0;
	const AxkInfo *k = axc_build_select(b, AXK_MATMUL_F32, &params);
	if (!k)
		return false;
	if (params.packed) {
		void *packed;
		AxcArena *scratch = axc_arena_child(b->arena);
		AxkPackIn in = {.weights = rows_of_b(g, n, &p, scratch)};
		buf[2] = axc_build_const_new(b, k->pack_bytes(&params), &packed);
		k->pack(&params, &in, packed);
		axc_arena_child_free(scratch);
	}
	if (params.has_c)
		buf[3] = axc_ref_in(2);
	return axc_build_call(b, AXK_MATMUL_F32, &params, sizeof params, 0, 4, buf);
}

/* ---- int8 ---- */

/* Rows r0 .. r0 + n - 1 of x as columns, zero point taken off. */
static void gather_rows(const AxcTensor *x, int64_t k, int64_t r0, int n, int16_t *col)
{
	int zero = axc_channel_zero(x, 0);
	for (int i = 0; i < n; i++) {
		const int8_t *row = (const int8_t *)x->data + (r0 + i) * k;
		for (int64_t j = 0; j < k; j++)
			col[j * AXC_MAC_BLOCK + i] = (int16_t)(row[j] - zero);
	}
}

static bool eval_i8(const AxcGraph *g, const AxcNode *node, const AxcTensor *const *in,
		    AxcTensor *const *out, AxcDiag *d)
{
	Product p;
	if (!product_of(g, node, &p, d))
		return false;
	fold_batches(&p);
	if (p.batch_rank || p.sak != 1)
		return axc_misfit(g, node, d, "one constant matrix",
				  "no int8 form of this product");
	const int32_t *bias = node->n_in > 2 && in[2] ? in[2]->data : NULL;
	size_t col_bytes = (size_t)p.k * AXC_MAC_BLOCK * sizeof(int16_t);
	char *scratch = malloc(col_bytes + (size_t)p.k + 1);
	if (!scratch)
		axc_out_of_memory(d->arena);
	int16_t *col = (int16_t *)scratch;
	int8_t *turned = (int8_t *)scratch + col_bytes;
	for (int64_t r0 = 0; r0 < p.m; r0 += AXC_MAC_BLOCK) {
		int n = (int)AXC_MIN(p.m - r0, AXC_MAC_BLOCK);
		int32_t acc[AXC_MAC_BLOCK];
		gather_rows(in[0], p.k, r0, n, col);
		for (int64_t c = 0; c < p.n; c++) {
			for (int64_t k = 0; k < p.k; k++)
				turned[k] = ((const int8_t *)in[1]->data)[k * p.sbk + c * p.sbn];
			axc_mac_i8(col, turned, p.k, n, bias ? bias[c] : 0, acc);
			axc_mac_i8_store(acc, n, axc_channel_scale(in[0], 0),
					 axc_weight_scale(in[1], c), out[0], 0, r0 * p.n + c, p.n);
		}
	}
	free(scratch);
	return true;
}

static int64_t macs(const AxcGraph *g, const AxcNode *n)
{
	const AxcShape *a = shape_of(g, n, 0);
	bool ta = is_gemm(n) && axc_attr_int(n, "transA", 0) != 0;
	return axc_shape_count(&g->values.at[n->out[0]].shape) * a->dim[ta ? 0 : a->rank - 1];
}

/* By a constant matrix, with a constant bias [N] or none; clean has folded alpha and beta. */
static bool quantizable(const AxcGraph *g, const AxcNode *n)
{
	const AxcShape *a = shape_of(g, n, 0), *b = shape_of(g, n, 1);
	if (!axc_is_const(g, n->in[1]) || b->rank != 2 || a->rank < 2)
		return false;
	bool tb = is_gemm(n) && axc_attr_int(n, "transB", 0) != 0;
	if (is_gemm(n) &&
	    (axc_attr_int(n, "transA", 0) || axc_attr_float(n, "alpha", 1.0f) != 1.0f))
		return false;
	if (!has_c(n))
		return true;
	const AxcShape *c = shape_of(g, n, 2);
	return axc_is_const(g, n->in[2]) && axc_attr_float(n, "beta", 1.0f) == 1.0f &&
	       c->rank > 0 && c->dim[c->rank - 1] == b->dim[!tb] &&
	       axc_shape_count(c) == b->dim[!tb];
}

static bool check(const AxcGraph *g, const AxcNode *n, AxcDiag *d)
{
	return axc_check_f32(g, n, d, 3);
}

static const AxcOp gemm = {
	.name = "Gemm",
	.min_in = 2,
	.max_in = 3,
	.min_out = 1,
	.max_out = 1,
	.attrs = "alpha beta transA transB",
	.infer = infer,
	.build = build,
	.eval_i8 = eval_i8,
	.quant = AXC_QR_MAC,
	.lower = AXC_LK_DENSE,
	.quantizable = quantizable,
	.macs = macs,
	.check = check,
};

static const AxcOp matmul = {
	.name = "MatMul",
	.min_in = 2,
	.max_in = 3,
	.min_out = 1,
	.max_out = 1,
	.attrs = "",
	.infer = infer,
	.build = build,
	.eval_i8 = eval_i8,
	.quant = AXC_QR_MAC,
	.lower = AXC_LK_DENSE,
	.quantizable = quantizable,
	.macs = macs,
	.check = check,
};

const AxcOp *const axc_ops_matmul[] = {&gemm, &matmul, NULL};
