/* Conv and ConvTranspose: random shapes against plain loops in double, the same bits on every ISA;
 * and what their attributes may not say. */
#include "nodes_help.h"

#include "ops/conv.h"

/* out[o] gets in[i] * w: the definition both operators share, seen from the output. */
static int input_position(const AxcWindow *w, bool transposed, int dim, int o, int k)
{
	int at = (int)(transposed ? o + w->begin[dim] - k * w->dilation[dim]
				  : o * w->stride[dim] - w->begin[dim] + k * w->dilation[dim]);
	if (at < 0 || (transposed && at % w->stride[dim]))
		return -1;
	at = transposed ? at / (int)w->stride[dim] : at;
	return at < w->in[dim] ? at : -1;
}

typedef struct Problem {
	AxcWindow w;
	bool transposed;
	int n, ic, oc, groups;
} Problem;

static double expected(const Problem *p, const float *x, const float *w, int image, int oc, int oy,
		       int ox)
{
	int icg = p->ic / p->groups, ocg = p->oc / p->groups, g = oc / ocg;
	int kh = (int)p->w.kernel[0], kw = (int)p->w.kernel[1], ih = (int)p->w.in[0],
	    iw = (int)p->w.in[1];
	double sum = 0.0;
	for (int c = 0; c < icg; c++)
		for (int ky = 0; ky < kh; ky++)
			for (int kx = 0; kx < kw; kx++) {
				int y = input_position(&p->w, p->transposed, 0, oy, ky);
				int xx = input_position(&p->w, p->transposed, 1, ox, kx);
				int row = p->transposed ? (g * icg + c) * ocg + oc % ocg
							: oc * icg + c;
				if (y >= 0 && xx >= 0)
					sum += (double)x[((image * p->ic + g * icg + c) * ih + y) *
								 iw +
							 xx] *
					       w[(row * kh + ky) * kw + kx];
			}
	return sum;
}

static AxcId random_node(Bench *b, Problem *p, AxcId *ret_x, AxcId *ret_w, AxcId *ret_bias,
			 AxcId *ret_y)
{
	int kh = between(b, 1, 4), kw = between(b, 1, 4);
	*p = (Problem){
		.transposed = between(b, 0, 1), .n = between(b, 1, 2), .groups = between(b, 1, 3)};
	p->ic = p->groups * between(b, 1, 4);
	p->oc = p->groups * between(b, 1, 9);
	if (between(b, 0, 3) == 0)
		p->ic = p->oc = p->groups = between(b, 2, 6);
	*ret_x = graph_input(b, AXC_F32, SHAPE(p->n, p->ic, between(b, 7, 12), between(b, 7, 40)));
	*ret_w = float_const(b, p->transposed ? SHAPE(p->ic, p->oc / p->groups, kh, kw)
					      : SHAPE(p->oc, p->ic / p->groups, kh, kw));
	*ret_bias = between(b, 0, 2) ? float_const(b, SHAPE(p->oc)) : 0;
	AxcId node = node_of(b, p->transposed ? "ConvTranspose" : "Conv", 3,
			     (AxcId[]){*ret_x, *ret_w, *ret_bias}, ret_y);
	axc_attr_set_int(b->g, node, "group", p->groups);
	axc_attr_set_ints(b->g, node, "strides", (int64_t[]){between(b, 1, 3), between(b, 1, 3)},
			  2);
	axc_attr_set_ints(b->g, node, "dilations", (int64_t[]){between(b, 1, 2), between(b, 1, 2)},
			  2);
	static const char *const modes[] = {"NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER",
					    "VALID"};
	const char *mode = modes[between(b, 0, 4)];
	axc_attr_set_string(b->g, node, "auto_pad", mode);
	if (strcmp(mode, "NOTSET") == 0)
		axc_attr_set_ints(b->g, node, "pads",
				  (int64_t[]){between(b, 0, 2), between(b, 0, 2), between(b, 0, 2),
					      between(b, 0, 2)},
				  4);
	infer_node(b, node);
	want(b, axc_conv_window(b->g, axc_node(b->g, node), &p->w, &b->d));
	return node;
}

static void one_problem(uint32_t seed)
{
	Bench b;
	Problem p;
	AxcId xv, wv, bv, yv;
	bench_new(&b);
	b.seed = seed;
	random_node(&b, &p, &xv, &wv, &bv, &yv);
	const float *x = random_floats(&b, axc_shape_count(&axc_value(b.g, xv)->shape)),
		    *w = axc_value(b.g, wv)->data;
	const float *bias = bv ? axc_value(b.g, bv)->data : NULL;
	const void *in[] = {x};
	const float *y = axc_eval_data(run_graph(&b, AXK_ISA_C, in), yv);
	size_t bytes = (size_t)axc_shape_count(&axc_value(b.g, yv)->shape) * sizeof *y;
	int at = 0;
	for (int n = 0; n < p.n; n++)
		for (int oc = 0; oc < p.oc; oc++)
			for (int oy = 0; oy < p.w.out[0]; oy++)
				for (int ox = 0; ox < p.w.out[1]; ox++, at++) {
					double e = expected(&p, x, w, n, oc, oy, ox) +
						   (bias ? bias[oc] : 0.0);
					assert_true(fabs(y[at] - e) < 1e-4 * (1.0 + fabs(e)));
				}
	assert_int_equal(at * sizeof *y, bytes);
	unsigned have = axk_cpu_isa(), sets[] = {AXK_ISA_AVX2, AXK_ISA_AVX2 | AXK_ISA_AVX512, have};
	for (int i = 0; i < 3; i++)
		if ((sets[i] & ~have) == 0)
			assert_memory_equal(y, axc_eval_data(run_graph(&b, sets[i], in), yv),
					    bytes);
	bench_free(&b);
}

static void random_problems(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 150; seed++)
		one_problem(seed * 7919);
}

static void weights_from_the_network(void **state)
{
	(void)state;
	Bench b;
	AxcId y;
	bench_new(&b);
	AxcId x = graph_input(&b, AXC_F32, SHAPE(1, 2, 5, 5)),
	      w = graph_input(&b, AXC_F32, SHAPE(3, 2, 3, 3));
	AxcId node = node_of(&b, "Conv", 2, (AxcId[]){x, w}, &y);
	infer_node(&b, node);
	const void *in[] = {random_floats(&b, 50), random_floats(&b, 54)};
	const float *from_input = axc_eval_data(run_graph(&b, axk_cpu_isa(), in), y);
	AxcValue *wv = axc_value(b.g, w);
	wv->is_input = false;
	wv->data = in[1];
	wv->data_bytes = 54 * sizeof(float);
	b.g->inputs.n = 1;
	assert_memory_equal(from_input, axc_eval_data(run_graph(&b, axk_cpu_isa(), in), y),
			    27 * sizeof(float));
	bench_free(&b);
}

static void same_padding(void **state)
{
	(void)state;
	Bench b;
	AxcId y;
	AxcWindow w;
	bench_new(&b);
	AxcId x = graph_input(&b, AXC_F32, SHAPE(1, 1, 5, 6));
	AxcId node = node_of(&b, "Conv", 2, (AxcId[]){x, float_const(&b, SHAPE(1, 1, 2, 3))}, &y);
	axc_attr_set_ints(b.g, node, "strides", (int64_t[]){1, 2}, 2);
	axc_attr_set_string(b.g, node, "auto_pad", "SAME_LOWER");
	want(&b, axc_conv_window(b.g, axc_node(b.g, node), &w, &b.d));
	assert_int_equal(w.out[0], 5);
	assert_int_equal(w.out[1], 3);
	assert_int_equal(w.begin[0], 1); /* one to add: at the beginning */
	assert_int_equal(w.end[0], 0);
	assert_int_equal(w.begin[1], 1);
	axc_attr_set_string(b.g, node, "auto_pad", "SAME_UPPER");
	want(&b, axc_conv_window(b.g, axc_node(b.g, node), &w, &b.d));
	assert_int_equal(w.begin[0], 0);
	assert_int_equal(w.end[0], 1);
	bench_free(&b);
}

/* Sets one attribute that does not fit; the message must hold `text`. */
static void refuse(const char *attr, const int64_t *values, uint32_t n, const char *text)
{
	Bench b;
	AxcId y;
	bench_new(&b);
	AxcId x = graph_input(&b, AXC_F32, SHAPE(1, 4, 5, 5));
	AxcId node = node_of(&b, "Conv", 2, (AxcId[]){x, float_const(&b, SHAPE(6, 4, 3, 3))}, &y);
	if (n)
		axc_attr_set_ints(b.g, node, attr, values, n);
	else
		axc_attr_set_string(b.g, node, "auto_pad", attr);
	assert_false(axc_node(b.g, node)->op->infer(b.g, node, &b.d));
	if (!strstr(b.d.error.message, text))
		fail_msg("\"%s\" is not in \"%s\"", text, b.d.error.message);
	assert_string_equal(b.d.error.node, axc_node(b.g, node)->name);
	bench_free(&b);
}

static void bad_attributes(void **state)
{
	(void)state;
	refuse("strides", (int64_t[]){1, 0}, 2, "attribute strides has the value 0, wanted 1");
	refuse("dilations", (int64_t[]){1, 1, 1}, 3, "attribute dilations has 3 values, wanted 2");
	refuse("pads", (int64_t[]){0, 0, -1, 0}, 4, "attribute pads has the value -1");
	refuse("kernel_shape", (int64_t[]){3, 5}, 2, "kernel_shape has 5 where the weights have 3");
	refuse("dilations", (int64_t[]){9, 1}, 2, "spans 19 elements of dimension 2, which has 5");
	refuse("SAME\n", NULL, 0, "attribute auto_pad has the value SAME\\x0a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_problems),
		cmocka_unit_test(weights_from_the_network),
		cmocka_unit_test(same_padding),
		cmocka_unit_test(bad_attributes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
