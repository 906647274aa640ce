/* Errors and warnings: recorded where the failure is known, shown by the driver. */
#include "base/base.h"

static const char *const status_names[AXC_STATUS_COUNT] = {
	[AXC_SUCCEEDED] = "SUCCEEDED",
	[AXC_INITIALIZE_CLI_ERROR] = "INITIALIZE_CLI_ERROR",
	[AXC_ONNX_GRAPH_CLEANER_ERROR] = "ONNX_GRAPH_CLEANER_ERROR",
	[AXC_QTOOLS_ERROR] = "QTOOLS_ERROR",
	[AXC_GRAPH_EXPORTER_ERROR] = "GRAPH_EXPORTER_ERROR",
	[AXC_TVM_FRONTEND_ERROR] = "TVM_FRONTEND_ERROR",
	[AXC_TOP_LEVEL_QUANTIZE_ERROR] = "TOP_LEVEL_QUANTIZE_ERROR",
	[AXC_LOWER_FRONTEND_ERROR] = "LOWER_FRONTEND_ERROR",
	[AXC_FRONTEND_TO_MIDEND_ERROR] = "FRONTEND_TO_MIDEND_ERROR",
	[AXC_LOWER_MIDEND_ERROR] = "LOWER_MIDEND_ERROR",
	[AXC_MIDEND_TO_TIR_ERROR] = "MIDEND_TO_TIR_ERROR",
	[AXC_LOWER_TIR_ERROR] = "LOWER_TIR_ERROR",
	[AXC_TIR_TO_RUNTIME_ERROR] = "TIR_TO_RUNTIME_ERROR",
	[AXC_TOP_LEVEL_LOWER_ERROR] = "TOP_LEVEL_LOWER_ERROR",
};

const char *axc_status_name(AxcStatus status)
{
	return status < AXC_STATUS_COUNT ? status_names[status] : "?";
}

void axc_diag_init(AxcDiag *d, AxcArena *arena)
{
	*d = (AxcDiag){.arena = arena, .stage_status = AXC_INITIALIZE_CLI_ERROR, .stage = "start"};
}

static void emit(AxcDiag *d, AxcLevel level, const char *text)
{
	if (d->sink)
		d->sink(d->sink_ctx, level, text);
}

bool axc_fail_at(AxcDiag *d, AxcStatus status, const char *file, int line, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	AxcError e = {.status = status, .file = file, .line = line};
	e.message = axc_vformat(d->arena, format, args);
	va_end(args);
	if (d->failed)
		AXC_PUSH(d->arena, &d->more, e);
	else
		d->error = e;
	d->failed = true;
	emit(d, AXC_DEBUG, axc_format(d->arena, "error raised at %s:%d: %s", file, line, e.message));
	return false;
}

static AxcError *last_error(AxcDiag *d)
{
	return d->more.n ? &d->more.at[d->more.n - 1] : &d->error;
}

bool axc_diag_node(AxcDiag *d, const char *node, const char *op)
{
	AxcError *e = last_error(d);
	e->node = node ? axc_strdup(d->arena, node) : NULL;
	e->op = op ? axc_strdup(d->arena, op) : NULL;
	return false;
}

bool axc_diag_shapes(AxcDiag *d, const char *found, const char *wanted)
{
	AxcError *e = last_error(d);
	e->found = found ? axc_strdup(d->arena, found) : NULL;
	e->wanted = wanted ? axc_strdup(d->arena, wanted) : NULL;
	return false;
}

bool axc_diag_hint(AxcDiag *d, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	last_error(d)->hint = axc_vformat(d->arena, format, args);
	va_end(args);
	return false;
}

bool axc_diag_traceback(AxcDiag *d, const char *text)
{
	last_error(d)->traceback = axc_strdup(d->arena, text);
	return false;
}

void axc_warn(AxcDiag *d, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const char *text = axc_vformat(d->arena, format, args);
	va_end(args);
	for (uint32_t i = 0; i < d->warnings.n; i++)
		if (strcmp(d->warnings.at[i], text) == 0)
			return;
	AXC_PUSH(d->arena, &d->warnings, text);
	emit(d, AXC_WARNING, text);
}

void axc_log(AxcDiag *d, AxcLevel level, const char *format, ...)
{
	if (!d->sink)
		return;
	va_list args;
	va_start(args, format);
	emit(d, level, axc_vformat(d->arena, format, args));
	va_end(args);
}
