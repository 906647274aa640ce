/* Property save_error_artifact: what a failed run knows, as one ZIP that can be sent to us. With
 * randomize_onnx_model (the default) the network's weights in it are random numbers of the same range, and
 * nothing else tells them. Paths and the user's Python are reduced (reduce.h), with either.
 * Whatever goes wrong here is a warning: the run has its error already. */
#include "driver/reduce.h"
#include "driver/run.h"

#include <stdlib.h>
#include <unistd.h>
#include <zip.h>

/* ---- weights ---- */

enum { SHAPE_ELEMENTS = 64 }; /* longer lists of integers are tables, not shapes */

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Inputs that say what an operator does: with other numbers the network would be another or none. */
static bool is_parameter(const AxcNode *n, uint32_t in)
{
	static const struct {
		const char *op;
		uint32_t first;
	} ops[] = {{"Resize", 1}, {"Clip", 1}, {"Pad", 1}, {"Pow", 1}, {"Range", 0}, {"OneHot", 1}, {"Trilu", 1},
	           {"NonMaxSuppression", 2}, {"QuantizeLinear", 1}, {"DequantizeLinear", 1}};
	for (size_t i = 0; i < AXC_COUNT(ops); i++)
		if (strcmp(n->op_type, ops[i].op) == 0)
			return in >= ops[i].first;
	return false;
}

/* marked[v]: the constant stays. */
static bool *find_parameters(const AxcGraph *g)
{
	bool *marked = AXC_NEW_ARRAY(g->arena, bool, g->values.n);
	for (AxcId n = 1; n < g->nodes.n; n++)
		for (uint32_t i = 0; !g->nodes.at[n].dead && i < g->nodes.at[n].n_in; i++)
			if (g->nodes.at[n].in[i] && is_parameter(&g->nodes.at[n], i))
				marked[g->nodes.at[n].in[i]] = true;
	return marked;
}

static double get(const AxcValue *t, int64_t i)
{
	switch (t->dtype) {
	case AXC_F32: return ((const float *)t->data)[i];
	case AXC_I64: return (double)((const int64_t *)t->data)[i];
	case AXC_I32: return ((const int32_t *)t->data)[i];
	case AXC_I16: return ((const int16_t *)t->data)[i];
	case AXC_I8: return ((const int8_t *)t->data)[i];
	default: return ((const uint8_t *)t->data)[i];
	}
}

static void set(void *to, AxcDType dtype, int64_t i, double x)
{
	switch (dtype) {
	case AXC_F32: ((float *)to)[i] = (float)x; return;
	case AXC_I64: ((int64_t *)to)[i] = (int64_t)x; return;
	case AXC_I32: ((int32_t *)to)[i] = (int32_t)x; return;
	case AXC_I16: ((int16_t *)to)[i] = (int16_t)x; return;
	case AXC_I8: ((int8_t *)to)[i] = (int8_t)x; return;
	default: ((uint8_t *)to)[i] = (uint8_t)x; return;
	}
}

static bool is_finite(double x)
{
	return x - x == 0;
}

/* Numbers between the least and the greatest; of a float tensor with one number only, between half and one and a
 * half of it. Infinities and NaN stay. */
static void randomize_value(AxcGraph *g, AxcValue *t, int64_t n, uint64_t *state)
{
	const double most = 0x1p62; /* of int64 */
	double lo = 0, hi = 0;
	bool any = false;
	void *now = axc_alloc_array(g->arena, (size_t)n, axc_dtype_bytes(t->dtype));
	for (int64_t i = 0; i < n; i++) {
		double x = get(t, i);
		if (!is_finite(x))
			continue;
		lo = any ? AXC_MIN(lo, x) : x;
		hi = any ? AXC_MAX(hi, x) : x;
		any = true;
	}
	if (lo == hi && t->dtype == AXC_F32) {
		lo *= 0.5;
		hi *= 1.5;
	}
	for (int64_t i = 0; i < n; i++) {
		double x = get(t, i), random = (double)(next_random(state) >> 11) * 0x1p-53;
		if (is_finite(x))
			x = lo + (hi - lo) * random;
		set(now, t->dtype, i, t->dtype == AXC_I64 ? AXC_MAX(AXC_MIN(x, most), -most) : x);
	}
	t->data = now;
}

static void randomize(AxcGraph *g)
{
	uint64_t state = 1;
	const bool *parameter = find_parameters(g);
	for (AxcId v = 1; v < g->values.n; v++) {
		AxcValue *t = &g->values.at[v];
		int64_t n = t->data ? axc_shape_count(&t->shape) : 0;
		bool shape = (t->dtype == AXC_I64 || t->dtype == AXC_I32) && n <= SHAPE_ELEMENTS;
		if (n > 0 && !shape && !parameter[v] && t->dtype != AXC_BOOL)
			randomize_value(g, t, n, &state);
	}
}

typedef struct Bundle {
	AxcRun *run;
	AxcDiag *d;
	zip_source_t *memory; /* the ZIP */
	zip_t *zip;           /* NULL once it is closed */
	AxcReduce reduce;
} Bundle;

/* With the run's arena: also where memory runs out. */
static void release(void *arg)
{
	Bundle *b = arg;
	if (b->zip)
		zip_discard(b->zip);
	if (b->memory)
		zip_source_free(b->memory);
}

static bool add(Bundle *b, const char *name, const void *data, size_t bytes)
{
	zip_source_t *source = zip_source_buffer(b->zip, data, bytes, 0);
	zip_int64_t at = source ? zip_file_add(b->zip, name, source, ZIP_FL_ENC_UTF_8) : -1;
	if (at < 0) {
		zip_source_free(source);
		return axc_fail(b->d, "cannot add %s: %s", name, zip_strerror(b->zip));
	}
	zip_file_set_mtime(b->zip, (zip_uint64_t)at, 315532800, 0); /* 1980: equal runs give equal bytes */
	return true;
}

static bool add_text(Bundle *b, const char *name, const AxcText *text)
{
	return add(b, name, text->at, text->n);
}

static bool add_file(Bundle *b, const char *name, const char *path)
{
	const uint8_t *data;
	size_t bytes;
	if (!axc_exists(path))
		return true;
	return axc_map_file(b->run->keep, b->d, "artifact", path, SIZE_MAX / 2, &data, &bytes) &&
	       add(b, name, data, bytes);
}

static bool add_graphs(Bundle *b)
{
	AxcRun *run = b->run;
	AxcText text = {.arena = run->arena}, program = {.arena = run->arena};
	const char *temp;
	bool random = AXC_CFG_BOOL(&run->cfg, randomize_onnx_model);
	if (run->quantized) {
		if (random)
			axc_graph_print_bare(run->quantized, &text);
		else
			axc_graph_print(run->quantized, &text, NULL);
		if (!add_text(b, "quantized_model.txt", &text))
			return false;
	}
	if (run->program) {
		axc_program_print(run->program, &program);
		if (!add_text(b, "program.txt", &program))
			return false;
	}
	if (!random)
		return run->mode == AXC_MODE_LOWER_ONLY || add_file(b, "model.onnx", run->input);
	if (!run->graph)
		return true;
	randomize(run->graph);
	if (!axc_outdir_temp(&run->out, b->d, "error_artifact.zip", &temp))
		return false;
	const char *path = axc_path_join(run->keep, temp, "model.onnx");
	return axc_onnx_write(b->d, run->graph, (int)AXC_CFG_INT(&run->cfg, onnx_opset_version), path) &&
	       add_file(b, "model.onnx", path);
}

/* ---- the files ---- */

/* The paths that this run was given, and where it runs. */
static void know_paths(Bundle *b)
{
	AxcRun *run = b->run;
	AxcReduce *r = &b->reduce;
	char cwd[4096];
	axc_reduce_know(r, (AxcKnownPath){.path = getcwd(cwd, sizeof cwd)});
	axc_reduce_know(r, (AxcKnownPath){.path = getenv("HOME"), .home = true});
	for (AxcOptionId id = 0; id < AXC_O_COUNT; id++) {
		const AxcOptionValue *v = &run->opt.at[id];
		if (axc_option(id)->kind != AXC_OPT_PATH || !v->given || !v->text || v->text[0] != '/')
			continue;
		axc_reduce_know(r, (AxcKnownPath){.path = axc_path_dir(run->arena, v->text)});
		axc_reduce_know(r, (AxcKnownPath){.path = v->text, .pictures = id == AXC_O_imageset,
		                                  .output = id == AXC_O_output});
	}
	axc_reduce_know(r, (AxcKnownPath){.path = run->out.path, .output = true});
	axc_reduce_know(r, (AxcKnownPath){.path = run->cc_path});
	axc_reduce_know(r, (AxcKnownPath){.path = AXC_CFG_TEXT(&run->cfg, cc)});
	for (AxcPropId id = 0; id < AXC_P_COUNT; id++)
		if (axc_property(id)->kind == AXC_PROP_PATH)
			axc_reduce_know(r, (AxcKnownPath){.path = run->cfg.at[id].text});
}

static AxcError reduced_error(const AxcReduce *r, const AxcError *e)
{
	AxcError to = *e;
	to.message = axc_reduce_text(r, e->message);
	to.found = axc_reduce_text(r, e->found);
	to.wanted = axc_reduce_text(r, e->wanted);
	to.hint = axc_reduce_text(r, e->hint);
	to.traceback = axc_reduce_traceback(r, e->traceback);
	return to;
}

static bool add_report(Bundle *b)
{
	AxcRun *run = b->run;
	AxcText text = {.arena = run->arena};
	AxcRunReport report = run->report;
	AxcDiag d = run->d;
	const AxcReduce *r = &b->reduce;
	memset(&d.more, 0, sizeof d.more);
	memset(&d.warnings, 0, sizeof d.warnings);
	memset(&report.notes, 0, sizeof report.notes);
	d.error = reduced_error(r, &run->d.error);
	for (uint32_t i = 0; i < run->d.more.n; i++)
		AXC_PUSH(run->arena, &d.more, reduced_error(r, &run->d.more.at[i]));
	for (uint32_t i = 0; i < run->d.warnings.n; i++)
		AXC_PUSH(run->arena, &d.warnings, axc_reduce_text(r, run->d.warnings.at[i]));
	for (uint32_t i = 0; i < run->report.notes.n; i++)
		AXC_PUSH(run->arena, &report.notes, axc_reduce_text(r, run->report.notes.at[i]));
	report.verify.note = axc_reduce_text(r, report.verify.note);
	report.d = &d;
	report.status = d.error.status;
	report.finished = true;
	axc_report_compilation(&report, &text);
	return add_text(b, "compilation_report.json", &text);
}

static const char *reduced_value(const AxcReduce *r, const AxcProperty *p, const char *value)
{
	return p && p->kind == AXC_PROP_PATH ? axc_reduce_path(r, value) : axc_reduce_text(r, value);
}

static bool add_conf(Bundle *b)
{
	AxcText text = {.arena = b->run->arena};
	AxcConfig cfg = b->run->cfg;
	for (AxcPropId id = 0; id < AXC_P_COUNT; id++) {
		AxcPropValue *v = &cfg.at[id];
		v->text = reduced_value(&b->reduce, axc_property(id), v->text);
		const char **list = AXC_NEW_ARRAY(b->run->arena, const char *, v->n_list);
		for (uint32_t i = 0; i < v->n_list; i++)
			list[i] = axc_reduce_text(&b->reduce, v->list[i]);
		v->list = list;
	}
	axc_config_print(&cfg, &text);
	return add_text(b, "conf.json", &text);
}

/* KEY=VALUE of --set */
static const char *reduced_set(const Bundle *b, const char *text)
{
	size_t n = strcspn(text, "=");
	const char *key = axc_strndup(b->run->arena, text, n);
	AxcPropId id = axc_property_find(key);
	if (!text[n])
		return axc_reduce_text(&b->reduce, text);
	return axc_format(b->run->arena, "%s=%s", key,
	                  reduced_value(&b->reduce, id < AXC_P_COUNT ? axc_property(id) : NULL, text + n + 1));
}

static bool add_cli_args(Bundle *b)
{
	AxcText text = {.arena = b->run->arena};
	AxcOptions o = b->run->opt;
	for (AxcOptionId id = 0; id < AXC_O_COUNT; id++) {
		AxcOptionKind kind = axc_option(id)->kind;
		o.at[id].text = kind == AXC_OPT_PATH ? axc_reduce_path(&b->reduce, o.at[id].text)
		                                     : axc_reduce_text(&b->reduce, o.at[id].text);
	}
	memset(&o.set, 0, sizeof o.set);
	for (uint32_t i = 0; i < b->run->opt.set.n; i++)
		AXC_PUSH(b->run->arena, &o.set, reduced_set(b, b->run->opt.set.at[i]));
	axc_options_print(&o, &text);
	return add_text(b, "cli_args.json", &text);
}

static bool add_log(Bundle *b)
{
	AxcRun *run = b->run;
	const char *path = axc_outdir_path(&run->out, "compilation_log.txt");
	const uint8_t *data;
	size_t bytes;
	if (!axc_exists(path))
		return true;
	if (!axc_map_file(run->keep, b->d, "log", path, SIZE_MAX / 2, &data, &bytes))
		return false;
	const char *text = axc_reduce_text(&b->reduce, axc_strndup(run->arena, (const char *)data, bytes));
	return add(b, "compilation_log.txt", text, strlen(text));
}

static bool add_all(Bundle *b)
{
	b->reduce.arena = b->run->arena;
	know_paths(b);
	return add_report(b) && add_conf(b) && add_cli_args(b) && add_log(b) && add_graphs(b);
}

/* The ZIP in memory, then written like every other artifact. */
static bool write_bundle(Bundle *b)
{
	zip_stat_t st;
	if (!add_all(b))
		return false;
	if (zip_close(b->zip) != 0)
		return axc_fail(b->d, "cannot make the archive: %s", zip_strerror(b->zip));
	b->zip = NULL;
	if (zip_source_stat(b->memory, &st) != 0)
		return axc_fail(b->d, "cannot read the archive back");
	void *data = axc_alloc(b->run->arena, st.size);
	if (zip_source_open(b->memory) != 0)
		return axc_fail(b->d, "cannot read the archive back");
	bool ok = zip_source_read(b->memory, data, st.size) == (zip_int64_t)st.size;
	zip_source_close(b->memory);
	return ok ? axc_outdir_write(&b->run->out, b->d, "error_artifact.zip", data, st.size, true)
	          : axc_fail(b->d, "cannot read the archive back");
}

static bool open_bundle(Bundle *b)
{
	zip_error_t error;
	zip_error_init(&error);
	b->memory = zip_source_buffer_create(NULL, 0, 0, &error);
	if (b->memory)
		b->zip = zip_open_from_source(b->memory, ZIP_TRUNCATE, &error);
	if (b->zip)
		zip_source_keep(b->memory);
	else
		axc_fail(b->d, "%s", zip_error_strerror(&error));
	zip_error_fini(&error);
	return b->zip != NULL;
}

void axc_run_error_artifact(AxcRun *run)
{
	AxcDiag d;
	axc_diag_init(&d, run->keep);
	Bundle *b = AXC_NEW(run->arena, Bundle);
	*b = (Bundle){.run = run, .d = &d};
	axc_arena_defer(run->arena, release, b);
	if (!open_bundle(b) || !write_bundle(b))
		axc_warn(&run->d, "no error_artifact.zip: %s", d.error.message);
	else
		axc_log(&run->d, AXC_INFO, "wrote %s", axc_safe_name(run->keep,
		        axc_outdir_path(&run->out, "error_artifact.zip")));
}
