/* View arithmetic: strides under reshape, refinement of shapes, loop order for element-wise kernels. */
#include "lower/view.h"

void axc_view_dense(AxcView *view, const int *order)
{
	int64_t s = 1;
	for (int i = view->shape.rank - 1; i >= 0; i--) {
		view->stride[order[i]] = s;
		s *= AXC_MAX(view->shape.dim[order[i]], 1);
	}
}

void axc_view_row_major(AxcView *view)
{
	static const int order[AXC_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
	axc_view_dense(view, order);
}

void axc_view_channel_last(AxcView *view)
{
	int order[AXC_MAX_RANK] = {0}, n = view->shape.rank;
	for (int i = 0, k = 0; i < n; i++)
		if (i != 1)
			order[k++] = i;
	if (n >= 2)
		order[n - 1] = 1;
	axc_view_dense(view, order);
}

/* Dimension `inner` has stride 1 and the others are dense around a common *ret_ld. */
static bool dense_around(const AxcView *view, int inner, int64_t *ret_ld)
{
	int64_t ld = -1, expect = 0;
	int rank = view->shape.rank;
	if (rank == 0) {
		*ret_ld = 1;
		return true;
	}
	if (view->shape.dim[inner] != 1 && view->stride[inner] != 1)
		return false;
	for (int i = rank - 1; i >= 0; i--) {
		if (i == inner || view->shape.dim[i] == 1)
			continue;
		if (ld < 0)
			expect = ld = view->stride[i];
		if (view->stride[i] != expect)
			return false;
		expect *= view->shape.dim[i];
	}
	*ret_ld = ld < 0 ? AXC_MAX(view->shape.dim[inner], 1) : ld;
	return true;
}

bool axc_view_is_channel_last(const AxcView *view, int64_t *ret_ld)
{
	return dense_around(view, view->shape.rank >= 2 ? 1 : 0, ret_ld);
}

bool axc_view_is_rows(const AxcView *view, int64_t *ret_ld)
{
	return dense_around(view, AXC_MAX(view->shape.rank - 1, 0), ret_ld);
}

bool axc_view_is_row_major(const AxcView *view)
{
	int64_t s = 1;
	for (int i = view->shape.rank - 1; i >= 0; i--) {
		if (view->shape.dim[i] == 1)
			continue;
		if (view->stride[i] != s)
			return false;
		s *= view->shape.dim[i];
	}
	return true;
}

void axc_view_like(AxcView *view, const AxcView *like)
{
	int order[AXC_MAX_RANK];
	int n = view->shape.rank;
	for (int i = 0; i < n; i++)
		order[i] = i;
	/* stable insertion sort by the model's strides, largest first; size-1 dimensions keep their place */
	for (int i = 1; i < n; i++)
		for (int j = i; j > 0; j--) {
			int a = order[j - 1], b = order[j];
			if (like->shape.dim[a] == 1 || like->shape.dim[b] == 1 ||
			    like->stride[a] >= like->stride[b])
				break;
			order[j - 1] = b;
			order[j] = a;
		}
	axc_view_dense(view, order);
}

bool axc_view_reshape(const AxcView *view, const AxcShape *shape, AxcView *ret_view)
{
	AxcView out = {.buf = view->buf, .offset = view->offset, .shape = *shape};
	int i = 0, j = 0, rank_in = view->shape.rank, rank_out = shape->rank;
	if (axc_shape_count(shape) == 0)
		return false;
	while (i < rank_in || j < rank_out) {
		int64_t a = 1, b = 1;
		int i0 = i, j0 = j;
		if (i < rank_in)
			a = view->shape.dim[i++];
		if (j < rank_out)
			b = shape->dim[j++];
		while (a != b) {
			if (a < b && i < rank_in)
				a *= view->shape.dim[i++];
			else if (b < a && j < rank_out)
				b *= shape->dim[j++];
			else
				return false;
		}
		/* dims i0..i-1 hold the same elements as j0..j-1: they must be mergeable */
		int64_t inner = 1;
		bool any = false;
		for (int k = i - 1; k >= i0; k--) {
			if (view->shape.dim[k] == 1)
				continue;
			if (!any)
				inner = view->stride[k];
			else if (view->stride[k] != inner)
				return false;
			any = true;
			if (k > i0)
				inner *= view->shape.dim[k];
		}
		int64_t s = 1;
		for (int k = i - 1; k >= i0; k--)
			if (view->shape.dim[k] != 1) {
				s = view->stride[k];
				break;
			}
		for (int k = j - 1; k >= j0; k--) {
			out.stride[k] = s;
			s *= shape->dim[k];
		}
	}
	*ret_view = out;
	return true;
}

bool axc_view_refine(const AxcView *a, const AxcView *b, int *ret_n, int64_t dims[AXC_MAX_RANK],
                     int64_t sa[AXC_MAX_RANK], int64_t sb[AXC_MAX_RANK])
{
	/* walk from the innermost dimension, always taking the smaller remaining extent */
	int i = a->shape.rank - 1, j = b->shape.rank - 1, n = 0;
	int64_t ra = 1, rb = 1, ta = 0, tb = 0; /* what is left of the current dimensions, their strides */
	int64_t d[AXC_MAX_RANK], x[AXC_MAX_RANK], y[AXC_MAX_RANK];
	for (;;) {
		while (ra == 1 && i >= 0) {
			ra = a->shape.dim[i];
			ta = a->stride[i--];
		}
		while (rb == 1 && j >= 0) {
			rb = b->shape.dim[j];
			tb = b->stride[j--];
		}
		if (ra == 1 && rb == 1)
			break;
		int64_t m = AXC_MIN(ra, rb);
		if (m <= 1 || ra % m || rb % m || n == AXC_MAX_RANK)
			return false;
		d[n] = m;
		x[n] = ta;
		y[n++] = tb;
		ra /= m;
		rb /= m;
		ta *= m;
		tb *= m;
	}
	for (int k = 0; k < n; k++) {
		dims[k] = d[n - 1 - k];
		sa[k] = x[n - 1 - k];
		sb[k] = y[n - 1 - k];
	}
	*ret_n = n;
	return true;
}

void axc_loop_dims(int rank, const int64_t *dims, int n_operands, const int64_t *const *strides,
                   int ret_dims[8], int (*ret_strides)[8])
{
	int order[AXC_MAX_RANK], n = 0;
	int64_t d[AXC_MAX_RANK], s[4][AXC_MAX_RANK];
	for (int i = 0; i < rank; i++) {
		if (dims[i] == 1)
			continue;
		int k = n++;
		/* outermost: largest stride of operand 0 */
		for (; k > 0 && strides[0][order[k - 1]] < strides[0][i]; k--)
			order[k] = order[k - 1];
		order[k] = i;
	}
	int m = 0;
	for (int i = 0; i < n; i++) {
		bool merge = m > 0;
		for (int k = 0; k < n_operands && merge; k++)
			merge = s[k][m - 1] == strides[k][order[i]] * dims[order[i]];
		if (!merge)
			m++;
		d[m - 1] = (merge ? d[m - 1] : 1) * dims[order[i]];
		for (int k = 0; k < n_operands; k++)
			s[k][m - 1] = strides[k][order[i]];
	}
	for (int i = 0; i < 8; i++) {
		int from = i - (8 - m);
		ret_dims[i] = from >= 0 ? (int)d[from] : 1;
		for (int k = 0; k < n_operands; k++)
			ret_strides[k][i] = from >= 0 ? (int)s[k][from] : 0;
	}
}
