/* Writes a parsed report again with its end filled in. */
#include "report/patch.h"

#include "base/json.h"

static void put_value(AxcJsonOut *j, const char *key, const AxcJsonValue *v, bool row)
{
	switch (v->kind) {
	case AXC_JSON_NULL: axc_json_null(j, key); return;
	case AXC_JSON_BOOL: axc_json_bool(j, key, v->boolean); return;
	case AXC_JSON_INT: axc_json_int(j, key, v->integer); return;
	case AXC_JSON_REAL: axc_json_double(j, key, v->real); return;
	case AXC_JSON_STRING: axc_json_str(j, key, v->string); return;
	case AXC_JSON_ARRAY: axc_json_array(j, key); break;
	case AXC_JSON_OBJECT:
		if (row)
			axc_json_object_row(j, key);
		else
			axc_json_object(j, key);
		break;
	}
	for (uint32_t i = 0; i < v->n; i++)
		put_value(j, v->kind == AXC_JSON_OBJECT ? v->item[i].key : NULL, &v->item[i],
		          v->kind == AXC_JSON_ARRAY);
	axc_json_end(j);
}

static void put_error(AxcJsonOut *j, const AxcReportEnd *end)
{
	axc_json_array(j, "errors");
	axc_json_object(j, NULL);
	axc_json_str(j, "status", end->status);
	axc_json_str(j, "message", end->message);
	static const char *const rest[] = {"node", "op", "found", "wanted"};
	for (size_t i = 0; i < AXC_COUNT(rest); i++)
		axc_json_null(j, rest[i]);
	axc_json_str(j, "hint", end->hint);
	axc_json_null(j, "traceback");
	axc_json_end(j);
	axc_json_end(j);
}

static void put_time(AxcJsonOut *j, const AxcJsonValue *time, double seconds)
{
	axc_json_object(j, "time");
	for (uint32_t i = 0; i < time->n; i++) {
		if (strcmp(time->item[i].key, "seconds") == 0)
			axc_json_double(j, "seconds", seconds);
		else
			put_value(j, time->item[i].key, &time->item[i], false);
	}
	axc_json_end(j);
}

static const char *text_of(const AxcJsonValue *root, const char *key)
{
	const AxcJsonValue *v = axc_json_get(root, key);
	return v && v->kind == AXC_JSON_STRING ? v->string : "?";
}

void axc_report_patch(const AxcJsonValue *root, AxcReportEnd *end, AxcText *out)
{
	end->status = text_of(root, "status");
	end->stage = text_of(root, "stage");
	AxcJsonOut j = axc_json(out);
	axc_json_object(&j, NULL);
	for (uint32_t i = 0; i < root->n; i++) {
		const AxcJsonValue *v = &root->item[i];
		if (strcmp(v->key, "finished") == 0)
			axc_json_bool(&j, v->key, true);
		else if (strcmp(v->key, "message") == 0)
			axc_json_str(&j, v->key, end->message);
		else if (strcmp(v->key, "hint") == 0)
			axc_json_str(&j, v->key, end->hint);
		else if (strcmp(v->key, "errors") == 0)
			put_error(&j, end);
		else if (strcmp(v->key, "time") == 0)
			put_time(&j, v, end->seconds);
		else
			put_value(&j, v->key, v, strcmp(v->key, "compiler") == 0);
	}
	axc_json_end(&j);
}
