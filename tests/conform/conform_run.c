/* conform-run [--input-shape TEXT] [--repeat N] MODEL OUT_PREFIX [INPUT.raw ...]: imports and
 * cleans an ONNX model (or reads a quantized_model_manifest.json), runs it in the interpreter on
 * raw little-endian inputs in the order of the graph, writes OUT_PREFIX<i>.raw and prints one line
 * per output: its type and shape; with
 * --repeat first the shortest of N runs. Exit code 3: the model is refused (the message says why).
 */
#include <stdlib.h>
#include <time.h>

#include "eval/eval.h"
#include "onnx/onnx.h"
#include "passes/passes.h"
#include "quant/model.h"

static void die(const AxcDiag *d)
{
	printf("%s: %s [%s]\n", axc_status_name(d->error.status),
	       d->error.message ? d->error.message : "?", d->error.node ? d->error.node : "");
	exit(3);
}

static const void *read_input(AxcArena *arena, AxcDiag *d, const char *path, const AxcValue *v)
{
	const uint8_t *data;
	size_t bytes, wanted = (size_t)axc_shape_count(&v->shape) * axc_dtype_bytes(v->dtype);
	if (!axc_map_file(arena, d, "input", path, (size_t)1 << 31, &data, &bytes))
		die(d);
	if (bytes != wanted) {
		printf("input %s has %zu bytes, wanted %zu\n", v->name, bytes, wanted);
		exit(4);
	}
	return data;
}

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void run(AxcEval *ev, AxcDiag *d, const void *const *in, int repeat)
{
	double best = 1e30;
	for (int i = 0; i < repeat; i++) {
		double start = now_ms();
		if (!axc_eval_run(ev, d, in, NULL, NULL))
			die(d);
		best = AXC_MIN(best, now_ms() - start);
	}
	if (repeat > 1)
		printf("%.3f ms\n", best);
}

static void write_outputs(AxcGraph *g, const AxcEval *ev, AxcDiag *d, const char *prefix)
{
	for (uint32_t i = 0; i < g->outputs.n; i++) {
		const AxcValue *v = axc_value(g, g->outputs.at[i]);
		const char *path = axc_format(g->arena, "%s%u.raw", prefix, i);
		if (!axc_write_file(d, path, axc_eval_data(ev, g->outputs.at[i]),
				    (size_t)axc_shape_count(&v->shape) * axc_dtype_bytes(v->dtype)))
			die(d);
		printf("%s %s\n", axc_dtype_name(v->dtype), axc_shape_text(g->arena, &v->shape));
	}
}

int main(int argc, char **argv)
{
	AxcArena *arena = axc_arena_new(NULL);
	AxcDiag d;
	AxcGraph *g;
	AxcEval *ev;
	AxcPassConfig config = {.arithmetic_simplification = true};
	AxcImportOptions options = {NULL};
	int repeat = 1;
	for (; argc > 2 && argv[1][0] == '-'; argc -= 2, argv += 2) {
		if (strcmp(argv[1], "--input-shape") == 0)
			options.input_shape = argv[2];
		else
			repeat = atoi(argv[2]);
	}
	if (argc < 3)
		return 2;
	axc_diag_init(&d, arena);
	d.stage_status = AXC_ONNX_GRAPH_CLEANER_ERROR;
	size_t name = strlen(argv[1]);
	if (name > 5 && strcmp(argv[1] + name - 5, ".json") == 0) {
		if (!axc_model_read(arena, &d, argv[1], &g))
			die(&d);
	} else if (!axc_onnx_import(arena, &d, argv[1], &options, NULL, &g) ||
		   !axc_clean(g, &config, &d) || !axc_lower_check(g, &d)) {
		die(&d);
	}
	if (!axc_eval_new(arena, &d, g, axk_cpu_isa(), false, NULL, &ev))
		die(&d);
	if (argc != 3 + (int)g->inputs.n)
		return 4;
	const void **in = AXC_NEW_ARRAY(arena, const void *, g->inputs.n);
	for (uint32_t i = 0; i < g->inputs.n; i++)
		in[i] = read_input(arena, &d, argv[i + 3], axc_value(g, g->inputs.at[i]));
	run(ev, &d, in, repeat);
	write_outputs(g, ev, &d, argv[2]);
	axc_arena_free(arena);
	return 0;
}
