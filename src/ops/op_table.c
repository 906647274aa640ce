/* The operator table: every family file's list, joined. */
#include "ops/op.h"

#include <pthread.h>

static const AxcOp *const *const families[] = {
	axc_ops_conv,  axc_ops_pool,   axc_ops_matmul, axc_ops_norm,    axc_ops_resize,
	axc_ops_unary, axc_ops_binary, axc_ops_reduce, axc_ops_softmax, axc_ops_view,
	axc_ops_move,  axc_ops_index,  axc_ops_shape,  axc_ops_quant,
};

enum { MAX_OPS = 512 };

static const AxcOp *all[MAX_OPS];
static size_t n_all;
static pthread_once_t joined = PTHREAD_ONCE_INIT;

static void join(void)
{
	for (size_t f = 0; f < AXC_COUNT(families); f++)
		for (const AxcOp *const *op = families[f]; *op && n_all < MAX_OPS; op++)
			all[n_all++] = *op;
}

const AxcOp *const *axc_op_all(size_t *ret_n)
{
	pthread_once(&joined, join);
	*ret_n = n_all;
	return all;
}

const AxcOp *axc_op_find(const char *domain, const char *name)
{
	size_t n;
	const AxcOp *const *ops = axc_op_all(&n);
	if (strcmp(domain, "ai.onnx") == 0)
		domain = "";
	for (size_t i = 0; i < n; i++)
		if (strcmp(ops[i]->name, name) == 0 &&
		    strcmp(ops[i]->domain ? ops[i]->domain : "", domain) == 0)
			return ops[i];
	return NULL;
}
