/* Property save_error_artifact: what a failed run knows, as one ZIP that can be sent to us. With
 * randomize_onnx_model (the default) the network's weights in it are random numbers of the same range.
 * Whatever goes wrong here is a warning: the run has its error already. */
#include "driver/run.h"

#include <stdlib.h>
#include <zip.h>

enum { KEEP_ELEMENTS = 4 }; /* smaller tensors are parameters such as scales, not weights */

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void randomize(AxcGraph *g)
{
	uint64_t state = 1;
	for (AxcId v = 1; v < g->values.n; v++) {
		AxcValue *t = &g->values.at[v];
		int64_t n = t->data && t->dtype == AXC_F32 ? axc_shape_count(&t->shape) : 0;
		if (n <= KEEP_ELEMENTS)
			continue;
		const float *old = t->data;
		float lo = old[0], hi = old[0], *now = AXC_NEW_ARRAY(g->arena, float, (size_t)n);
		for (int64_t i = 1; i < n; i++) {
			lo = old[i] < lo ? old[i] : lo;
			hi = old[i] > hi ? old[i] : hi;
		}
		for (int64_t i = 0; i < n; i++)
			now[i] = lo + (hi - lo) * (float)((double)(next_random(&state) >> 11) * 0x1p-53);
		t->data = now;
	}
}

typedef struct Bundle {
	AxcRun *run;
	AxcDiag *d;
	zip_t *zip;
} Bundle;

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
	if (run->quantized) {
		axc_graph_print(run->quantized, &text, NULL);
		if (!add_text(b, "quantized_model.txt", &text))
			return false;
	}
	if (run->program) {
		axc_program_print(run->program, &program);
		if (!add_text(b, "program.txt", &program))
			return false;
	}
	if (!AXC_CFG_BOOL(&run->cfg, randomize_onnx_model))
		return add_file(b, "model.onnx", run->input);
	if (!run->graph)
		return true;
	randomize(run->graph);
	if (!axc_outdir_temp(&run->out, b->d, "error_artifact.zip", &temp))
		return false;
	const char *path = axc_path_join(run->keep, temp, "model.onnx");
	return axc_onnx_write(b->d, run->graph, (int)AXC_CFG_INT(&run->cfg, onnx_opset_version), path) &&
	       add_file(b, "model.onnx", path);
}

static bool add_all(Bundle *b)
{
	AxcRun *run = b->run;
	AxcText report = {.arena = run->arena}, conf = {.arena = run->arena};
	run->report.status = run->d.error.status;
	run->report.finished = true;
	axc_report_compilation(&run->report, &report);
	axc_config_print(&run->cfg, &conf);
	return add_text(b, "compilation_report.json", &report) && add_text(b, "conf.json", &conf) &&
	       add_file(b, "compilation_log.txt", axc_outdir_path(&run->out, "compilation_log.txt")) && add_graphs(b);
}

/* The ZIP in memory, then written like every other artifact. */
static bool write_bundle(Bundle *b, zip_source_t *memory)
{
	zip_stat_t st;
	if (!add_all(b)) {
		zip_discard(b->zip);
		return false;
	}
	if (zip_close(b->zip) != 0) {
		axc_fail(b->d, "cannot make the archive: %s", zip_strerror(b->zip));
		zip_discard(b->zip);
		return false;
	}
	if (zip_source_open(memory) != 0 || zip_source_stat(memory, &st) != 0)
		return axc_fail(b->d, "cannot read the archive back");
	void *data = axc_alloc(b->run->arena, st.size);
	bool ok = zip_source_read(memory, data, st.size) == (zip_int64_t)st.size;
	zip_source_close(memory);
	return ok ? axc_outdir_write(&b->run->out, b->d, "error_artifact.zip", data, st.size, true)
	          : axc_fail(b->d, "cannot read the archive back");
}

void axc_run_error_artifact(AxcRun *run)
{
	AxcDiag d;
	zip_error_t error;
	axc_diag_init(&d, run->keep);
	Bundle b = {.run = run, .d = &d};
	zip_error_init(&error);
	zip_source_t *memory = zip_source_buffer_create(NULL, 0, 0, &error);
	if (memory)
		b.zip = zip_open_from_source(memory, ZIP_TRUNCATE, &error);
	if (b.zip) {
		zip_source_keep(memory);
		if (!write_bundle(&b, memory))
			axc_warn(&run->d, "no error_artifact.zip: %s", d.error.message);
		else
			axc_log(&run->d, AXC_INFO, "wrote %s", axc_safe_name(run->keep,
			        axc_outdir_path(&run->out, "error_artifact.zip")));
	} else {
		axc_warn(&run->d, "no error_artifact.zip: %s", zip_error_strerror(&error));
	}
	zip_source_free(memory);
	zip_error_fini(&error);
}
