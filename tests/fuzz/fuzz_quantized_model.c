/* quantized_model/: manifest, .json and .bin, cut from one input. What the reader accepts, everything behind
 * it must be able to trust: if it is small it is lowered, planned, checked, and run by the interpreter. */
#include "fuzz.h"

#include "eval/eval.h"
#include "lower/program.h"
#include "passes/passes.h"
#include "plan/plan.h"
#include "quant/model.h"

/* Numbers to compute and to hold that take milliseconds. */
static bool is_small(const AxcGraph *g)
{
	int64_t elements = 0, macs = 0;
	for (AxcId i = 1; i < g->values.n; i++)
		if (__builtin_add_overflow(elements, axc_shape_count(&g->values.at[i].shape), &elements))
			return false;
	for (AxcId i = 1; i < g->nodes.n; i++) {
		int64_t n = axc_node_macs(g, &g->nodes.at[i]);
		if (n < 0 || __builtin_add_overflow(macs, n, &macs))
			return false;
	}
	return elements < 1 << 16 && macs < 1 << 18;
}

static void lower(AxcArena *arena, AxcDiag *d, const AxcGraph *g)
{
	AxcLowerConfig config = {.target = axc_target_find("c"), .cores = 1, .run_f32 = true, .io_padding = true,
	                         .io_nhwc = true};
	AxcPlanConfig plan = {.attempts = 1};
	AxcProgram *program;
	if (axc_lower(arena, d, g, &config, &program) && axc_plan(program, &plan, d) && !axc_plan_check(program, d))
		abort();
}

static void evaluate(AxcArena *arena, AxcDiag *d, const AxcGraph *g)
{
	AxcEval *eval;
	if (!axc_eval_new(arena, d, g, 0, false, NULL, &eval))
		return;
	const void **inputs = AXC_NEW_ARRAY(arena, const void *, g->inputs.n);
	for (uint32_t i = 0; i < g->inputs.n; i++) {
		const AxcValue *v = &g->values.at[g->inputs.at[i]];
		size_t bytes = (size_t)axc_shape_count(&v->shape) * axc_dtype_bytes(v->dtype);
		uint8_t *data = axc_alloc(arena, bytes + 64);
		for (size_t k = 0; k < bytes; k++)
			data[k] = v->dtype == AXC_BOOL ? k % 2 : v->dtype == AXC_I8 || v->dtype == AXC_U8 ? (uint8_t)(k * 37) : 0;
		inputs[i] = data;
	}
	if (!axc_eval_run(eval, d, inputs, NULL, NULL) && !d->failed)
		abort();
}

static void read_model(AxcArena *arena, const char *path)
{
	AxcDiag d;
	AxcGraph *graph;
	axc_diag_init(&d, arena);
	if (!axc_model_read(arena, &d, path, &graph)) {
		if (!d.failed)
			abort();
		return;
	}
	if (!is_small(graph))
		return;
	lower(arena, &d, graph);
	evaluate(arena, &d, graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char path[128];
	jmp_buf out_of_memory;
	FuzzPart rest = {data, bytes}, manifest = fuzz_part(&rest), json = fuzz_part(&rest), bin = rest;
	fuzz_fit_blob("\"bin\"", &json, &bin);
	fuzz_put("quantized_model_manifest.json", manifest.data, manifest.bytes);
	fuzz_put("quantized_model.json", json.data, json.bytes);
	fuzz_put("quantized_model.bin", bin.data, bin.bytes);
	free((void *)json.data);
	free((void *)bin.data);
	snprintf(path, sizeof path, "%s/quantized_model_manifest.json", fuzz_dir());
	AxcArena *arena = axc_arena_new(&out_of_memory);
	if (!arena)
		abort();
	if (setjmp(out_of_memory) == 0)
		read_model(arena, path);
	axc_arena_free(arena);
	return 0;
}
