/* The int8 meaning of convolutions, products, pools and resize against the rules of
 * docs/numerics.md, written down here once more, element by element. */
#include "nodes_help.h"

#include "ops/conv.h"
#include "ops/resize.h"

/* Rule 1, on the uint8 form. */
static int rule_1(int32_t acc, float m, int zp_int8)
{
	float zp = (float)(zp_int8 + 128), v = (float)acc * m;
	v = v < 0.0f - zp ? 0.0f - zp : v;
	v = v > 255.0f - zp ? 255.0f - zp : v;
	return (int)rintf(v) + zp_int8;
}

static AxcId int8_input(Bench *b, AxcShape shape, float scale, int zp)
{
	AxcId v = graph_input(b, AXC_I8, shape);
	axc_value(b->g, v)->q = quant_one(b, scale, zp);
	return v;
}

static AxcId int8_weights(Bench *b, AxcShape shape, int axis)
{
	AxcId v = axc_const_add(b->g, NULL, AXC_I8, &shape,
				random_int8(b, axc_shape_count(&shape), -127));
	int64_t n = shape.dim[axis];
	float *scale = AXC_NEW_ARRAY(b->arena, float, (size_t)n);
	for (int64_t i = 0; i < n; i++)
		scale[i] = (float)between(b, 1, 99) * 1e-4f;
	axc_value(b->g, v)->q = (AxcQuant){(int)n, n > 1 ? axis : -1, scale,
					   AXC_NEW_ARRAY(b->arena, int32_t, (size_t)n)};
	return v;
}

static AxcId int32_bias(Bench *b, int64_t n)
{
	int32_t *data = AXC_NEW_ARRAY(b->arena, int32_t, (size_t)n);
	for (int64_t i = 0; i < n; i++)
		data[i] = between(b, -20000, 20000);
	AxcShape shape = SHAPE(n);
	return axc_const_add(b->g, NULL, AXC_I32, &shape, data);
}

/* The output becomes int8 with these parameters, or (scale 0) stays float. */
static void set_output(Bench *b, AxcId y, float scale, int zp)
{
	axc_value(b->g, y)->dtype = scale > 0.0f ? AXC_I8 : AXC_F32;
	axc_value(b->g, y)->q = quant_one(b, scale > 0.0f ? scale : 0.1f, zp);
}

static const AxcShape *shape_of(const Bench *b, AxcId v)
{
	return &b->g->values.at[v].shape;
}

static int32_t conv_sum(Bench *b, const AxcWindow *w, const int8_t *x, AxcId xv, AxcId wv,
			int groups, int oc, int oy, int ox)
{
	const AxcShape *xs = shape_of(b, xv), *ws = shape_of(b, wv);
	const int8_t *weights = axc_value(b->g, wv)->data;
	int icg = (int)ws->dim[1], ocg = (int)ws->dim[0] / groups, ih = (int)xs->dim[2],
	    iw = (int)xs->dim[3];
	int kh = (int)ws->dim[2], kw = (int)ws->dim[3], zx = axc_value(b->g, xv)->q.zero_point[0];
	int32_t acc = 0;
	for (int c = 0; c < icg; c++)
		for (int ky = 0; ky < kh; ky++)
			for (int kx = 0; kx < kw; kx++) {
				int y = oy * (int)w->stride[0] - (int)w->begin[0] +
					ky * (int)w->dilation[0];
				int xx = ox * (int)w->stride[1] - (int)w->begin[1] +
					 kx * (int)w->dilation[1];
				if (y < 0 || y >= ih || xx < 0 || xx >= iw)
					continue;
				int v = x[((oc / ocg * icg + c) * ih + y) * iw + xx] - zx;
				acc += v * weights[((oc * icg + c) * kh + ky) * kw + kx];
			}
	return acc;
}

static void one_conv(uint32_t seed)
{
	Bench b;
	AxcId y;
	AxcWindow w;
	bench_new(&b);
	b.seed = seed;
	int groups = between(&b, 1, 3), icg = between(&b, 1, 5), ocg = between(&b, 1, 5),
	    zp = between(&b, -128, 127);
	AxcId x = int8_input(&b, SHAPE(1, groups * icg, between(&b, 4, 20), between(&b, 4, 20)),
			     0.05f, between(&b, -128, 127));
	AxcId weights =
		int8_weights(&b, SHAPE(groups * ocg, icg, between(&b, 1, 3), between(&b, 1, 3)), 0);
	AxcId bias = int32_bias(&b, groups * ocg);
	AxcId node = node_of(&b, "Conv", 3, (AxcId[]){x, weights, bias}, &y);
	axc_attr_set_int(b.g, node, "group", groups);
	axc_attr_set_ints(b.g, node, "strides", (int64_t[]){between(&b, 1, 2), between(&b, 1, 2)},
			  2);
	axc_attr_set_ints(b.g, node, "pads", (int64_t[]){1, 0, between(&b, 0, 1), 1}, 4);
	infer_node(&b, node);
	set_output(&b, y, between(&b, 0, 3) ? 0.21f : 0.0f, zp);
	want(&b, axc_conv_window(b.g, axc_node(b.g, node), &w, &b.d));
	const int8_t *data = random_int8(&b, axc_shape_count(shape_of(&b, x)), -128);
	const void *in[] = {data}, *got = axc_eval_data(run_graph(&b, axk_cpu_isa(), in), y);
	int64_t at = 0;
	for (int oc = 0; oc < groups * ocg; oc++)
		for (int oy = 0; oy < w.out[0]; oy++)
			for (int ox = 0; ox < w.out[1]; ox++, at++) {
				int32_t acc =
					conv_sum(&b, &w, data, x, weights, groups, oc, oy, ox) +
					((const int32_t *)axc_value(b.g, bias)->data)[oc];
				const AxcQuant *wq = &axc_value(b.g, weights)->q;
				float s = 0.05f * wq->scale[wq->n > 1 ? oc : 0];
				if (axc_value(b.g, y)->dtype == AXC_F32)
					assert_float_equal(((const float *)got)[at], (float)acc * s,
							   0.0f);
				else
					assert_int_equal(((const int8_t *)got)[at],
							 rule_1(acc, s / 0.21f, zp));
			}
	bench_free(&b);
}

static void convolutions(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 60; seed++)
		one_conv(seed * 104729);
}

/* ConvTranspose with stride s is Conv of the input with s - 1 zero points between its elements. */
static void transposed_convolution(void **state)
{
	(void)state;
	Bench b;
	AxcId y;
	bench_new(&b);
	AxcId x = int8_input(&b, SHAPE(1, 2, 3, 4), 0.05f, 7),
	      w = int8_weights(&b, SHAPE(2, 3, 3, 2), 1);
	AxcId bias = int32_bias(&b, 3),
	      node = node_of(&b, "ConvTranspose", 3, (AxcId[]){x, w, bias}, &y);
	axc_attr_set_ints(b.g, node, "strides", (int64_t[]){2, 3}, 2);
	axc_attr_set_ints(b.g, node, "pads", (int64_t[]){1, 0, 0, 1}, 4);
	axc_attr_set_ints(b.g, node, "output_padding", (int64_t[]){1, 0}, 2);
	infer_node(&b, node);
	set_output(&b, y, 0.21f, -9);
	int oh = (int)shape_of(&b, y)->dim[2], ow = (int)shape_of(&b, y)->dim[3];
	assert_int_equal(oh, 2 * 2 + 1 + 3 - 1);
	assert_int_equal(ow, 3 * 3 + 2 - 1);
	const int8_t *data = random_int8(&b, 24, -128), *wd = axc_value(b.g, w)->data;
	int32_t *acc = AXC_NEW_ARRAY(b.arena, int32_t, (size_t)(3 * oh * ow));
	for (int i = 0; i < 3 * oh * ow; i++)
		acc[i] = ((const int32_t *)axc_value(b.g, bias)->data)[i / (oh * ow)];
	for (int i = 0; i < 24; i++)
		for (int k = 0; k < 18; k++) {
			int oy = i / 4 % 3 * 2 - 1 + k / 2 % 3, ox = i % 4 * 3 + k % 2;
			if (oy >= 0 && oy < oh && ox < ow)
				acc[(k / 6 * oh + oy) * ow + ox] +=
					(data[i] - 7) * wd[i / 12 * 18 + k];
		}
	const void *in[] = {data};
	const int8_t *got = axc_eval_data(run_graph(&b, axk_cpu_isa(), in), y);
	for (int i = 0; i < 3 * oh * ow; i++)
		assert_int_equal(got[i],
				 rule_1(acc[i],
					0.05f * axc_value(b.g, w)->q.scale[i / (oh * ow)] / 0.21f,
					-9));
	bench_free(&b);
}

static void products(void **state)
{
	(void)state;
	for (int turned = 0; turned < 2; turned++) {
		Bench b;
		AxcId y;
		bench_new(&b);
		AxcId x = int8_input(&b, SHAPE(5, 11), 0.03f, -3);
		AxcId w = int8_weights(&b, turned ? SHAPE(7, 11) : SHAPE(11, 7), turned ? 0 : 1),
		      bias = int32_bias(&b, 7);
		AxcId node = node_of(&b, turned ? "Gemm" : "MatMul", 3, (AxcId[]){x, w, bias}, &y);
		if (turned)
			axc_attr_set_int(b.g, node, "transB", 1);
		infer_node(&b, node);
		set_output(&b, y, 0.17f, 4);
		const int8_t *data = random_int8(&b, 55, -128), *wd = axc_value(b.g, w)->data;
		const void *in[] = {data};
		const int8_t *got = axc_eval_data(run_graph(&b, axk_cpu_isa(), in), y);
		for (int i = 0; i < 35; i++) {
			int32_t acc = ((const int32_t *)axc_value(b.g, bias)->data)[i % 7];
			for (int k = 0; k < 11; k++)
				acc += (data[i / 7 * 11 + k] + 3) *
				       wd[turned ? i % 7 * 11 + k : k * 7 + i % 7];
			assert_int_equal(
				got[i],
				rule_1(acc, 0.03f * axc_value(b.g, w)->q.scale[i % 7] / 0.17f, 4));
		}
		bench_free(&b);
	}
}

static void pools(void **state)
{
	(void)state;
	Bench b;
	AxcId max, average, global, all;
	bench_new(&b);
	AxcId x = int8_input(&b, SHAPE(1, 2, 5, 5), 0.05f, -20);
	AxcId nodes[] = {node_of(&b, "MaxPool", 1, &x, &max),
			 node_of(&b, "AveragePool", 1, &x, &average),
			 node_of(&b, "GlobalAveragePool", 1, &x, &global),
			 node_of(&b, "GlobalMaxPool", 1, &x, &all)};
	for (int i = 0; i < 2; i++) {
		axc_attr_set_ints(b.g, nodes[i], "kernel_shape", (int64_t[]){3, 3}, 2);
		axc_attr_set_ints(b.g, nodes[i], "pads", (int64_t[]){1, 1, 1, 1}, 4);
	}
	for (int i = 0; i < 4; i++)
		infer_node(&b, nodes[i]);
	set_output(&b, max, 0.05f, -20);
	set_output(&b, average, 0.04f, 11);
	set_output(&b, global, 0.03f, -5);
	set_output(&b, all, 0.05f, -20);
	const int8_t *data = random_int8(&b, 50, -128);
	const void *in[] = {data};
	AxcEval *ev = run_graph(&b, axk_cpu_isa(), in);
	for (int c = 0; c < 2; c++) {
		int top = -128, sum = 0;
		for (int i = 0; i < 25; i++) {
			const int8_t *p = data + c * 25;
			int best = -128, n = 0;
			float total = 0.0f;
			for (int k = 0; k < 9; k++) {
				int yy = i / 5 + k / 3 - 1, xx = i % 5 + k % 3 - 1;
				if (yy < 0 || yy > 4 || xx < 0 || xx > 4)
					continue;
				best = AXC_MAX(best, p[yy * 5 + xx]);
				total += (float)(p[yy * 5 + xx] + 20) * 0.05f;
				n++;
			}
			float q = total / (float)n / 0.04f + (11 + 128);
			q = q < 0.0f ? 0.0f : q > 255.0f ? 255.0f : q;
			assert_int_equal(((const int8_t *)axc_eval_data(ev, max))[c * 25 + i],
					 best);
			assert_int_equal(((const int8_t *)axc_eval_data(ev, average))[c * 25 + i],
					 (int)rintf(q) - 128);
			top = AXC_MAX(top, p[i]);
			sum += p[i] + 20;
		}
		assert_int_equal(((const int8_t *)axc_eval_data(ev, all))[c], top);
		assert_int_equal(((const int8_t *)axc_eval_data(ev, global))[c],
				 rule_1(sum, 0.05f / (0.03f * 25.0f), -5));
	}
	bench_free(&b);
}

/* A pool whose ReLU was folded into its range moves the maxima into another scale: rule 5. */
static void maximum_in_another_scale(void **state)
{
	(void)state;
	Bench b;
	AxcId y;
	bench_new(&b);
	AxcId x = int8_input(&b, SHAPE(1, 1, 16, 16), 0.05f, 0),
	      node = node_of(&b, "MaxPool", 1, &x, &y);
	axc_attr_set_ints(b.g, node, "kernel_shape", (int64_t[]){1, 1}, 2);
	infer_node(&b, node);
	set_output(&b, y, 0.025f, -128);
	int8_t data[256];
	for (int i = 0; i < 256; i++)
		data[i] = (int8_t)(i - 128);
	const void *in[] = {data};
	const int8_t *got = axc_eval_data(run_graph(&b, axk_cpu_isa(), in), y);
	for (int i = 0; i < 256; i++)
		assert_int_equal(got[i], AXC_MAX(AXC_MIN(2 * (i - 128), 255), 0) - 128);
	bench_free(&b);
}

static void resizes(void **state)
{
	(void)state;
	Bench b;
	AxcId near, lin;
	bench_new(&b);
	static const int64_t sizes[] = {1, 2, 6, 9};
	AxcId x = int8_input(&b, SHAPE(1, 2, 3, 4), 0.05f, 9),
	      size = axc_const_i64(b.g, NULL, sizes, 4);
	AxcId nodes[] = {node_of(&b, "Resize", 4, (AxcId[]){x, 0, 0, size}, &near),
			 node_of(&b, "Resize", 4, (AxcId[]){x, 0, 0, size}, &lin)};
	axc_attr_set_string(b.g, nodes[0], "coordinate_transformation_mode", "asymmetric");
	axc_attr_set_string(b.g, nodes[0], "nearest_mode", "floor");
	axc_attr_set_string(b.g, nodes[1], "mode", "linear");
	infer_node(&b, nodes[0]);
	infer_node(&b, nodes[1]);
	set_output(&b, near, 0.05f, 9);
	set_output(&b, lin, 0.06f, -1);
	const int8_t *data = random_int8(&b, 24, -128);
	const void *in[] = {data};
	AxcEval *ev = run_graph(&b, axk_cpu_isa(), in);
	for (int i = 0; i < 2 * 6 * 9; i++) {
		const int8_t *p = data + i / 54 * 12;
		int oy = i / 9 % 6, ox = i % 9;
		assert_int_equal(((const int8_t *)axc_eval_data(ev, near))[i],
				 p[oy / 2 * 4 + ox * 4 / 9]);
		double fy = fmin(fmax((oy + 0.5) / 2.0 - 0.5, 0.0), 2.0),
		       fx = fmin(fmax((ox + 0.5) * 4.0 / 9.0 - 0.5, 0.0), 3.0);
		int y1 = AXC_MIN((int)fy, 2), x1 = AXC_MIN((int)fx, 3), y2 = AXC_MIN(y1 + 1, 2),
		    x2 = AXC_MIN(x1 + 1, 3);
		double top = p[y1 * 4 + x1] * (1.0 - (fx - x1)) + p[y1 * 4 + x2] * (fx - x1);
		double bottom = p[y2 * 4 + x1] * (1.0 - (fx - x1)) + p[y2 * 4 + x2] * (fx - x1);
		double v = (top * (1.0 - (fy - y1)) + bottom * (fy - y1) - 9.0) * 0.05 / 0.06 - 1.0;
		v = fmin(fmax(v, -128.0), 127.0);
		assert_true(fabs(((const int8_t *)axc_eval_data(ev, lin))[i] - v) < 0.5001);
	}
	bench_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(convolutions),
		cmocka_unit_test(transposed_convolution),
		cmocka_unit_test(products),
		cmocka_unit_test(pools),
		cmocka_unit_test(maximum_in_another_scale),
		cmocka_unit_test(resizes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
