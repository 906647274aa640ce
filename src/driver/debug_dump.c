/* Property quantization_debug: every layer's tensor of a few samples as .npy, in float32 from the clean graph
 * and as the quantized graph computes it, for hunting a loss of accuracy. sample_K/NNNNN_NAME.fp32.npy and
 * .int8.npy (or the type a tensor has in the quantized graph); scales are in quantized_model/report.json. */
#include "driver/run.h"

#include <fcntl.h>

enum { DEBUG_SAMPLES = 3, MAX_NAME = 80 };

typedef struct Dump {
	AxcRun *run;
	const AxcGraph *g;
	const char *dir, *kind; /* kind: NULL: the tensor's type */
	bool ok;
} Dump;

static const char *npy_type(AxcDType dtype)
{
	switch (dtype) {
	case AXC_F32: return "<f4";
	case AXC_I8: return "|i1";
	case AXC_U8: return "|u1";
	case AXC_I16: return "<i2";
	case AXC_I32: return "<i4";
	case AXC_I64: return "<i8";
	case AXC_BOOL: return "|b1";
	case AXC_DT_NONE:
	case AXC_DTYPE_COUNT: break;
	}
	return "|u1";
}

/* The .npy format, version 1.0: magic, length of the header, the header as a Python literal, the data. */
static void npy(const AxcValue *v, const void *data, AxcText *out)
{
	AxcText head = {.arena = out->arena};
	axc_text_f(&head, "{'descr': '%s', 'fortran_order': False, 'shape': (", npy_type(v->dtype));
	for (int i = 0; i < v->shape.rank; i++)
		axc_text_f(&head, "%lld,", (long long)v->shape.dim[i]);
	axc_text_str(&head, "), }");
	while ((10 + head.n + 1) % 64)
		axc_text_str(&head, " ");
	axc_text_str(&head, "\n");
	const unsigned char start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(head.n & 255),
	                                 (unsigned char)(head.n >> 8)};
	axc_text_add(out, (const char *)start, sizeof start);
	axc_text_add(out, head.at, head.n);
	axc_text_add(out, data, (size_t)axc_shape_count(&v->shape) * axc_dtype_bytes(v->dtype));
}

static const char *file_name(AxcArena *arena, AxcId id, const char *name, const char *kind)
{
	char plain[MAX_NAME + 1];
	size_t n = 0;
	for (; name[n] && n < MAX_NAME; n++) {
		char c = name[n];
		bool ok = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
		          c == '-' || c == '_';
		plain[n] = ok ? c : '_';
	}
	plain[n] = 0;
	return axc_format(arena, "%05u_%s.%s.npy", id, plain, kind);
}

static void dump_value(void *ctx, AxcId id, const void *data)
{
	Dump *dump = ctx;
	const AxcValue *v = &dump->g->values.at[id];
	if (!dump->ok || !data)
		return;
	AxcArena *scratch = axc_arena_new(&dump->run->oom);
	if (!scratch)
		axc_out_of_memory(dump->run->arena);
	AxcText text = {.arena = scratch};
	npy(v, data, &text);
	const char *name = file_name(scratch, id, v->name, dump->kind ? dump->kind : axc_dtype_name(v->dtype));
	dump->ok = axc_write_file(&dump->run->d, axc_path_join(scratch, dump->dir, name), text.at, text.n);
	axc_arena_free(scratch);
}

static bool dump_graph(AxcRun *run, const AxcGraph *g, const char *dir, const char *kind, const void *const *inputs)
{
	AxcEval *eval;
	Dump dump = {run, g, dir, kind, true};
	return axc_eval_new(run->arena, &run->d, g, axk_cpu_isa(), false, NULL, &eval) &&
	       axc_eval_run(eval, &run->d, inputs, dump_value, &dump) && dump.ok;
}

static bool dump_samples(AxcRun *run, const char *dir)
{
	int64_t n = AXC_MIN((int64_t)DEBUG_SAMPLES, axc_samples_count(run->samples));
	const AxcGraph *g = run->graph;
	void **inputs = AXC_NEW_ARRAY(run->arena, void *, g->inputs.n);
	for (uint32_t k = 0; k < g->inputs.n; k++) {
		const AxcValue *v = &g->values.at[g->inputs.at[k]];
		inputs[k] = axc_alloc(run->arena, (size_t)axc_shape_count(&v->shape) * axc_dtype_bytes(v->dtype));
	}
	for (int64_t i = 0; i < n; i++) {
		const char *sub = axc_path_join(run->arena, dir, axc_format(run->arena, "sample_%lld", (long long)i));
		if (!axc_make_dir(&run->d, sub) || !axc_samples_read(run->samples, &run->d, i, inputs) ||
		    !dump_graph(run, g, sub, "fp32", (const void *const *)inputs) ||
		    !dump_graph(run, run->quantized, sub, NULL, (const void *const *)inputs))
			return false;
	}
	return true;
}

bool axc_run_check_debug_dir(AxcRun *run)
{
	const char *own = AXC_CFG_TEXT(&run->cfg, model_debug_save_dir);
	AxcNames names;
	if (!AXC_CFG_BOOL(&run->cfg, quantization_debug) || !own || !axc_exists(own))
		return true;
	const char *dir = axc_path_absolute(run->keep, own);
	if (axc_outdir_names(run->keep, AT_FDCWD, dir, &names) && names.n == 0)
		return true;
	return axc_fail(&run->d, "model_debug_save_dir '%s' is not an empty directory", axc_safe_name(run->keep, dir));
}

/* A directory of the user's own must be empty or new; without one, DIR/quantization_debug. */
bool axc_run_quantization_debug(AxcRun *run)
{
	const char *own = AXC_CFG_TEXT(&run->cfg, model_debug_save_dir), *temp;
	if (!AXC_CFG_BOOL(&run->cfg, quantization_debug))
		return true;
	if (!own)
		return axc_outdir_temp(&run->out, &run->d, "quantization_debug", &temp) && dump_samples(run, temp) &&
		       axc_outdir_publish(&run->out, &run->d, "quantization_debug");
	const char *dir = axc_path_absolute(run->keep, own);
	return axc_run_check_debug_dir(run) && axc_make_dir(&run->d, dir) && dump_samples(run, dir);
}
