/* compilation_report.json: how the run ended, why, and what it left behind. */
#include "report/report.h"

static void put_error(AxcJsonOut *j, const AxcError *e)
{
	axc_json_object(j, NULL);
	axc_json_str(j, "status", axc_status_name(e->status));
	axc_json_str(j, "message", e->message);
	axc_json_str(j, "node", e->node);
	axc_json_str(j, "op", e->op);
	axc_json_str(j, "found", e->found);
	axc_json_str(j, "wanted", e->wanted);
	axc_json_str(j, "hint", e->hint);
	axc_json_str(j, "traceback", e->traceback);
	axc_json_end(j);
}

static void put_errors(AxcJsonOut *j, const AxcRunReport *r)
{
	const AxcDiag *d = r->d;
	const AxcError none = {0}, *e = d->failed ? &d->error : &none;
	axc_json_str(j, "message", d->failed || r->finished ? e->message : "the run has not finished, or was killed");
	axc_json_array(j, "nodes");
	for (uint32_t i = 0; d->failed && i <= d->more.n; i++) {
		const AxcError *one = i ? &d->more.at[i - 1] : e;
		if (!one->node)
			continue;
		axc_json_object_row(j, NULL);
		axc_json_str(j, "name", one->node);
		axc_json_str(j, "op", one->op);
		axc_json_end(j);
	}
	axc_json_end(j);
	axc_json_str(j, "found", e->found);
	axc_json_str(j, "wanted", e->wanted);
	axc_json_str(j, "hint", e->hint);
	axc_json_str(j, "traceback", e->traceback);
	axc_json_array(j, "errors");
	for (uint32_t i = 0; d->failed && i <= d->more.n; i++)
		put_error(j, i ? &d->more.at[i - 1] : e);
	axc_json_end(j);
	axc_json_array(j, "warnings");
	for (uint32_t i = 0; i < d->warnings.n; i++)
		axc_json_str(j, NULL, d->warnings.at[i]);
	axc_json_end(j);
	axc_json_array(j, "notes");
	for (uint32_t i = 0; i < r->notes.n; i++)
		axc_json_str(j, NULL, r->notes.at[i]);
	axc_json_end(j);
}

static void put_hash(AxcJsonOut *j, const char *key, uint64_t hash)
{
	char text[17];
	snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
	axc_json_str(j, key, text);
}

static void put_model(AxcJsonOut *j, const AxcRunReport *r)
{
	if (!r->model.file) {
		axc_json_null(j, "model");
		return;
	}
	axc_json_object(j, "model");
	axc_json_str(j, "file", r->model.file);
	axc_json_uint(j, "bytes", r->model.bytes);
	put_hash(j, "hash", r->model.hash);
	axc_json_str(j, "name", r->model.name);
	axc_json_str(j, "producer", r->model.producer);
	axc_json_int(j, "opset", r->model.opset);
	axc_json_int(j, "nodes", r->model.nodes);
	axc_json_int(j, "macs", r->model.macs);
	axc_json_int(j, "parameters", r->model.parameters);
	axc_json_end(j);
}

static void put_results(AxcJsonOut *j, const AxcRunReport *r)
{
	put_model(j, r);
	if (r->calibration.known) {
		axc_json_object(j, "calibration");
		axc_json_int(j, "samples", r->calibration.samples);
		axc_json_int(j, "skipped_files", r->calibration.skipped);
		axc_json_bool(j, "random_data", r->calibration.random);
		axc_json_end(j);
	} else {
		axc_json_null(j, "calibration");
	}
	if (r->coverage.known) {
		axc_json_object(j, "coverage");
		axc_json_int(j, "int8_macs", r->coverage.int8_macs);
		axc_json_int(j, "float_macs", r->coverage.float_macs);
		axc_json_int(j, "int8_nodes", r->coverage.int8_nodes);
		axc_json_int(j, "float_nodes", r->coverage.float_nodes);
		axc_json_end(j);
	} else {
		axc_json_null(j, "coverage");
	}
	if (r->kernel.target) {
		axc_json_object(j, "kernel");
		axc_json_str(j, "target", r->kernel.target);
		axc_json_int(j, "cores", r->kernel.cores);
		axc_json_str(j, "multicore_mode", r->kernel.multicore_mode);
		axc_json_uint(j, "workspace_bytes", r->kernel.workspace_bytes);
		axc_json_uint(j, "const_bytes", r->kernel.const_bytes);
		axc_json_end(j);
	} else {
		axc_json_null(j, "kernel");
	}
	if (r->verify.known) {
		axc_json_object(j, "verify");
		axc_json_int(j, "samples", r->verify.samples);
		axc_json_bool(j, "equal", r->verify.equal);
		axc_json_bool(j, "skipped", r->verify.skipped);
		axc_json_str(j, "note", r->verify.note);
		axc_json_end(j);
	} else {
		axc_json_null(j, "verify");
	}
}

static void put_file(AxcJsonOut *j, const AxcReportFile *f, bool with_content)
{
	axc_json_object_row(j, NULL);
	axc_json_str(j, "path", f->path);
	if (with_content) {
		axc_json_uint(j, "bytes", f->bytes);
		put_hash(j, "hash", f->hash);
	} else {
		axc_json_null(j, "bytes");
		axc_json_null(j, "hash");
	}
	axc_json_end(j);
}

static void put_time(AxcJsonOut *j, const AxcRunReport *r)
{
	uint64_t peak_bytes = 0;
	axc_json_object(j, "time");
	axc_json_str(j, "started", r->started);
	axc_json_double(j, "seconds", r->seconds);
	axc_json_array(j, "stages");
	for (uint32_t i = 0; i < r->stages.n; i++) {
		const AxcReportStage *s = &r->stages.at[i];
		peak_bytes = AXC_MAX(peak_bytes, s->peak_bytes);
		axc_json_object_row(j, NULL);
		axc_json_str(j, "stage", s->name);
		axc_json_double(j, "seconds", s->seconds);
		axc_json_uint(j, "peak_bytes", s->peak_bytes);
		axc_json_end(j);
	}
	axc_json_end(j);
	axc_json_uint(j, "peak_bytes", peak_bytes);
	axc_json_array(j, "files");
	for (uint32_t i = 0; i < r->files.n; i++)
		if (r->files.at[i].varies && r->files.at[i].bytes)
			put_file(j, &r->files.at[i], true);
	axc_json_end(j);
	axc_json_end(j);
}

void axc_report_compilation(const AxcRunReport *r, AxcText *out)
{
	AxcJsonOut j = axc_json(out);
	axc_json_object(&j, NULL);
	axc_json_int(&j, "format_version", AXC_REPORT_FORMAT);
	axc_json_str(&j, "status", axc_status_name(r->status));
	axc_json_str(&j, "stage", r->d->stage);
	axc_json_bool(&j, "finished", r->finished);
	put_errors(&j, r);
	axc_json_object_row(&j, "compiler");
	axc_json_str(&j, "name", "axcompile");
	axc_json_str(&j, "version", AXC_VERSION);
	axc_json_end(&j);
	axc_json_str(&j, "mode", r->mode);
	put_results(&j, r);
	axc_json_array(&j, "files");
	for (uint32_t i = 0; i < r->files.n; i++)
		put_file(&j, &r->files.at[i], !r->files.at[i].varies);
	axc_json_end(&j);
	axc_json_array(&j, "earlier_files");
	for (uint32_t i = 0; i < r->earlier.n; i++)
		put_file(&j, &r->earlier.at[i], !r->earlier.at[i].varies);
	axc_json_end(&j);
	put_time(&j, r);
	axc_json_end(&j);
}
