/* Views: reshapes that need no copy, refinement of two shapes, loop order; each against element-by-element
 * counting, over random shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lower/view.h"

static uint32_t state = 1;

static uint32_t pick(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

static int64_t offset_of(const AxcView *v, int64_t i)
{
	int64_t at = 0;
	for (int d = v->shape.rank - 1; d >= 0; d--) {
		at += i % v->shape.dim[d] * v->stride[d];
		i /= v->shape.dim[d];
	}
	return at;
}

static AxcView random_view(int rank)
{
	AxcView v = {.shape = {.rank = rank}};
	int order[AXC_MAX_RANK];
	for (int d = 0; d < rank; d++) {
		v.shape.dim[d] = (int64_t[]){1, 2, 3, 4, 6}[pick(5)];
		order[d] = d;
	}
	for (int d = rank - 1; d > 0; d--) {
		int e = (int)pick((uint32_t)d + 1), t = order[d];
		order[d] = order[e];
		order[e] = t;
	}
	axc_view_dense(&v, order);
	return v;
}

/* Another shape with the same count: dimensions merged or split at random. */
static AxcShape other_shape(const AxcShape *s)
{
	AxcShape o = {.rank = 0};
	for (int d = 0; d < s->rank; d++) {
		int64_t n = s->dim[d];
		if (o.rank > 0 && pick(3) == 0) {
			o.dim[o.rank - 1] *= n;
		} else if (n % 2 == 0 && o.rank < 6 && pick(3) == 0) {
			o.dim[o.rank++] = 2;
			o.dim[o.rank++] = n / 2;
		} else {
			o.dim[o.rank++] = n;
		}
	}
	return o;
}

static void reshape_keeps_every_element(void **unused)
{
	(void)unused;
	int done = 0;
	for (int round = 0; round < 3000; round++) {
		AxcView v = random_view(1 + (int)pick(4)), r;
		AxcShape s = other_shape(&v.shape);
		if (!axc_view_reshape(&v, &s, &r))
			continue;
		done++;
		for (int64_t i = 0; i < axc_shape_count(&s); i++)
			assert_int_equal(offset_of(&v, i), offset_of(&r, i));
	}
	assert_true(done > 500);
}

static void row_major_reshapes_always(void **unused)
{
	(void)unused;
	for (int round = 0; round < 1000; round++) {
		AxcView v = random_view(1 + (int)pick(4)), r;
		axc_view_row_major(&v);
		AxcShape s = other_shape(&v.shape);
		assert_true(axc_view_reshape(&v, &s, &r));
		assert_true(axc_view_is_row_major(&r));
	}
}

static void channel_shuffle_needs_a_copy(void **unused)
{
	(void)unused;
	/* NHWC [1,6,2,2] as [1,2,3,2,2] is a view; after swapping 1 and 2 merging them again is not */
	AxcView v = {.shape = {4, {1, 6, 2, 2}}}, g, back;
	AxcShape split = {5, {1, 2, 3, 2, 2}};
	axc_view_channel_last(&v);
	assert_true(axc_view_reshape(&v, &split, &g));
	int64_t t = g.stride[1];
	g.stride[1] = g.stride[2];
	g.stride[2] = t;
	g.shape.dim[1] = 3;
	g.shape.dim[2] = 2;
	assert_false(axc_view_reshape(&g, &v.shape, &back));
}

static void refinement_pairs_elements(void **unused)
{
	(void)unused;
	int done = 0;
	for (int round = 0; round < 3000; round++) {
		AxcView a = random_view(1 + (int)pick(4)), b = {.shape = other_shape(&a.shape)};
		axc_view_row_major(&b);
		int n;
		int64_t dims[AXC_MAX_RANK], sa[AXC_MAX_RANK], sb[AXC_MAX_RANK];
		if (!axc_view_refine(&a, &b, &n, dims, sa, sb))
			continue;
		done++;
		AxcView x = {.shape = axc_shape_of(n, dims)}, y = x;
		memcpy(x.stride, sa, sizeof sa);
		memcpy(y.stride, sb, sizeof sb);
		for (int64_t i = 0; i < axc_shape_count(&a.shape); i++) {
			assert_int_equal(offset_of(&x, i), offset_of(&a, i));
			assert_int_equal(offset_of(&y, i), offset_of(&b, i));
		}
	}
	assert_true(done > 1000);
}

static void loops_visit_every_pair_once(void **unused)
{
	(void)unused;
	for (int round = 0; round < 2000; round++) {
		AxcView a = random_view(1 + (int)pick(4)), b = random_view(a.shape.rank);
		b.shape = a.shape;
		axc_view_row_major(&b);
		const int64_t *const strides[2] = {a.stride, b.stride};
		int dims[8], s[2][8];
		int64_t count = axc_shape_count(&a.shape), sum = 1;
		axc_loop_dims(a.shape.rank, a.shape.dim, 2, strides, dims, s);
		for (int d = 0; d < 8; d++)
			sum *= dims[d];
		assert_int_equal(sum, count);
		/* pair (offset in a -> offset in b) of every element, collected by both ways */
		int64_t want[1296], got[1296];
		if (count > 1296)
			continue;
		for (int64_t i = 0; i < count; i++)
			want[offset_of(&a, i)] = offset_of(&b, i);
		for (int64_t i = 0; i < count; i++) {
			int64_t r = i, x = 0, y = 0;
			for (int d = 7; d >= 0; d--) {
				x += r % dims[d] * s[0][d];
				y += r % dims[d] * s[1][d];
				r /= dims[d];
			}
			got[x] = y;
		}
		assert_memory_equal(want, got, (size_t)count * sizeof *want);
	}
}

static void layouts_are_recognised(void **unused)
{
	(void)unused;
	AxcView v = {.shape = {4, {2, 5, 3, 4}}};
	int64_t ld;
	axc_view_channel_last(&v);
	assert_true(axc_view_is_channel_last(&v, &ld));
	assert_int_equal(ld, 5);
	v.shape.dim[1] = 2; /* a slice of the channels keeps the pixel stride */
	assert_true(axc_view_is_channel_last(&v, &ld));
	assert_int_equal(ld, 5);
	axc_view_row_major(&v);
	assert_false(axc_view_is_channel_last(&v, &ld));
	assert_true(axc_view_is_rows(&v, &ld));
	assert_int_equal(ld, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reshape_keeps_every_element), cmocka_unit_test(row_major_reshapes_always),
		cmocka_unit_test(channel_shuffle_needs_a_copy), cmocka_unit_test(refinement_pairs_elements),
		cmocka_unit_test(loops_visit_every_pair_once), cmocka_unit_test(layouts_are_recognised),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
