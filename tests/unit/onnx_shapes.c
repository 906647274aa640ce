/* --input-shape: every form of the text, symbolic dimensions, the batch, and what does not fit. */
#include "onnx_model.h"

static const int64_t image[] = {-1, 3, -1, -1}, batch[] = {-1, 8}, fixed[] = {2, 5},
		     state[] = {2, -1, 4};

/* Inputs "in:0" (N,3,H,W), "b" (N,8), "s" (2,T,4), "scalar" (). */
static void four_inputs(Frame *f)
{
	size_t g = model_begin(f, 17);
	put_io(f, 11, "in:0", ONNX_FLOAT, 4, image, "N-HW");
	put_io(f, 11, "b", ONNX_FLOAT, 2, batch, "N-");
	put_io(f, 11, "s", ONNX_FLOAT, 3, state, "-T-");
	put_io(f, 11, "scalar", ONNX_INT64, 0, NULL, NULL);
	put_node(f, "Relu", "r", "b", "y");
	put_output(f, "y");
	model_end(f, g);
}

static void one_input(Frame *f, int rank, const int64_t *dims, const char *names)
{
	size_t g = model_begin(f, 17);
	put_io(f, 11, "x", ONNX_FLOAT, rank, dims, names);
	put_node(f, "Relu", "r", "x", "y");
	put_output(f, "y");
	model_end(f, g);
}

static void shapes_are(Frame *f, const char *text, const char *want)
{
	AxcGraph *g = NULL;
	AxcText t = {.arena = f->arena};
	f->d.failed = false;
	if (!import_shaped(f, text, &g))
		fail_msg("'%s': %s", text ? text : "", f->d.error.message);
	for (uint32_t i = 0; i < g->inputs.n; i++)
		axc_text_f(&t, "%s%s", i ? " " : "",
			   axc_shape_text(f->arena, &axc_value(g, g->inputs.at[i])->shape));
	assert_string_equal(t.at, want);
}

static void shape_fails(Frame *f, const char *text, const char *message)
{
	f->d.failed = false;
	f->d.more.n = 0;
	import_fails(f, text, message);
}

static void forms(void **unused)
{
	Frame *f = *unused;
	four_inputs(f);
	shapes_are(f, "in:0:4,3,32,48;s:2,6,4", "4x3x32x48 4x8 2x6x4 scalar");
	shapes_are(f, " in:0 : 4, 3 ,32,48 ; s:2,6,4; scalar: ;", "4x3x32x48 4x8 2x6x4 scalar");
	shapes_are(f, "N=2,H=32,W=48,T=7", "2x3x32x48 2x8 2x7x4 scalar");
	shapes_are(f, "H=32, W = 48; T=7", "1x3x32x48 1x8 2x7x4 scalar");
	assert_int_equal(f->info.notes.n, 1); /* N is one dimension */
	assert_non_null(strstr(f->info.notes.at[0], "the batch dimension 'N' is taken as 1"));
	shapes_are(f, "in:0:1,3,8,8;T=1;N=1", "1x3x8x8 1x8 2x1x4 scalar");
}

static void only_input(void **unused)
{
	Frame *f = *unused;
	one_input(f, 4, image, "N-HW");
	shapes_are(f, "1,3,224,224", "1x3x224x224");
	shapes_are(f, "x:1,3,2,2", "1x3x2x2");
	one_input(f, 2, batch, "--");
	shapes_are(f, NULL, "1x8");
	shape_fails(f, "", "the shape scalar (rank 0)");
	shape_fails(f, " ; ", "the shape scalar (rank 0)");
	shapes_are(f, "5,8", "5x8");
	one_input(f, 2, fixed, NULL);
	shapes_are(f, NULL, "2x5");
	assert_int_equal(f->info.notes.n, 0);
	one_input(f, -1, NULL, NULL);
	shapes_are(f, "7,7", "7x7");
	one_input(f, 0, NULL, NULL);
	shapes_are(f, NULL, "scalar");
	shapes_are(f, "x:", "scalar");
}

static void misfits(void **unused)
{
	Frame *f = *unused;
	one_input(f, 4, image, "N-HW");
	shape_fails(f, "1,3,224", "the shape 1x3x224 (rank 3); the model has N,3,H,W");
	assert_string_equal(f->d.error.found, "1x3x224");
	assert_string_equal(f->d.error.wanted, "N,3,H,W");
	shape_fails(f, "1,4,224,224", "the model has N,3,H,W");
	shape_fails(f, "1,3,0,224", "'0' is not a dimension");
	shape_fails(f, "1,3,,224", "'' is not a dimension");
	shape_fails(f, "1,3,-2,224", "'-2' is not a dimension");
	shape_fails(f, "1,3,2.5,224", "'2.5' is not a dimension");
	shape_fails(f, "1,3,99999999999,2", "is not a dimension");
	shape_fails(f, "1,1,1,1,1,1,1,1,1", "more than 8 dimensions");
	shape_fails(f, "1,3,2000000000,2000000000", "larger than 2^31 bytes");
	shape_fails(f, "H=3", "unknown dimensions 0 ('N'), 3 ('W')");
	shape_fails(f, NULL, "unknown dimensions 0 ('N'), 2 ('H'), 3 ('W')");
	assert_non_null(strstr(f->d.error.hint, "--input-shape"));
	shape_fails(f, "Q=3", "the symbolic dimensions are: 'N', 'H', 'W'");
	shape_fails(f, "H=3,H=4", "dimension 'H' both 3 and 4");
	shape_fails(f, "H=3,W", "'W' is not of the form DIM=N");
	shape_fails(f, "z:1,3,4,4", "names an input 'z'; the model has 'x'");
	one_input(f, -1, NULL, NULL);
	shape_fails(f, NULL, "the shape of input 'x' is not known");
	one_input(f, 2, fixed, NULL);
	shape_fails(f, "N=2", "the symbolic dimensions are: none");
}

static void several_inputs(void **unused)
{
	Frame *f = *unused;
	four_inputs(f);
	shape_fails(f, "1,3,4,4",
		    "names no input, and the model has 4: 'in:0', 'b', 's', 'scalar'");
	shape_fails(f, "in:0:2,3,4,4;b:3,8", "input 'b' the shape 3x8 (rank 2); the model has 2,8");
	shape_fails(f, "N=2,H=4,W=4", "input 's' has unknown dimension 1 ('T')");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONNX_TEST(forms),
		ONNX_TEST(only_input),
		ONNX_TEST(misfits),
		ONNX_TEST(several_inputs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
