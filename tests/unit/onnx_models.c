/* Every network of ../shared/models through import, with the real operator table: it comes in as a
 * graph that the verifier accepts and whose text reads back, or is refused with the right words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json_read.h"
#include "onnx/onnx.h"

#define SHARED "../shared/models"

static const struct {
	const char *model, *message;
} refused[] = {
	{"dtln_1", "the operator 'LSTM' of domain 'ai.onnx' (opset 11) is not supported"},
	{"emx_micro_kws_qdq", "quantized already"},
	{"gtcrn_simple", "the operator 'GRU'"},
	{"mlperf_ad_q", "quantized already"},
	{"mlperf_kws_finn_qonnx", "node 'Quant_3': the operator 'Quant' of domain 'ai.onnx'"},
	{"mlperf_kws_q", "quantized already"},
	{"mlperf_resnet8_cifar_q", "quantized already"},
	{"mobilenet_v2_int8_dynamic",
	 "'DynamicQuantizeLinear' says that the model is quantized already"},
	{"mobilenet_v2_int8_static", "quantized already"},
	{"ppocr_mobile_v2_rec_en", "the operator 'LSTM'"},
	{"silero_vad_v5", "the operator 'If'"},
	{"stm32_har_svc", "the operator 'SVMClassifier' of domain 'ai.onnx.ml'"},
	{"super_resolution_10",
	 "the operator 'SuperResolutionPreProcess' of domain 'ai.onnx.contrib'"},
	{"superres_pre_post_op18",
	 "the operator 'DecodeImage' of domain 'com.microsoft.extensions'"},
	{"ten_vad", "the operator 'LSTM'"},
	{"twinlitenet_qdq_int8", "quantized already"},
	{"yolov8n_int8_static", "quantized already"},
};

/* "NAME:DIMS;…" from the index's concrete shapes. */
static const char *shapes_of(AxcArena *arena, const AxcJsonValue *model)
{
	const AxcJsonValue *shapes = axc_json_get(model, "concrete_shapes");
	AxcText t = {.arena = arena};
	axc_text_str(&t, "");
	for (uint32_t k = 0; shapes && k < shapes->n; k++) {
		const AxcJsonValue *dims = &shapes->item[k];
		axc_text_f(&t, "%s%s:", t.n ? ";" : "", dims->key);
		for (uint32_t i = 0; i < dims->n; i++)
			axc_text_f(&t, "%s%lld", i ? "," : "", (long long)dims->item[i].integer);
	}
	return t.at;
}

static void reads_back(AxcArena *arena, AxcDiag *d, const AxcGraph *g)
{
	AxcGraph *back = NULL;
	AxcText text = {.arena = arena}, blob = text, again = text, again_blob = text;
	axc_graph_print(g, &text, &blob);
	if (!axc_graph_parse(arena, d, text.at, text.n, (const uint8_t *)blob.at, blob.n, &back))
		fail_msg("%s", d->error.message);
	axc_graph_print(back, &again, &again_blob);
	assert_int_equal(text.n, again.n);
	assert_memory_equal(text.at, again.at, text.n);
	assert_int_equal(blob.n, again_blob.n);
}

static void one_model(const char *name, const AxcJsonValue *model)
{
	AxcDiag d;
	AxcGraph *g = NULL;
	AxcArena *arena = axc_arena_new(NULL);
	const char *want = NULL, *path = axc_format(arena, SHARED "/%s/model.onnx", name);
	AxcImportOptions opt = {.input_shape = shapes_of(arena, model)};
	axc_diag_init(&d, arena);
	for (size_t i = 0; i < AXC_COUNT(refused); i++)
		if (strcmp(refused[i].model, name) == 0)
			want = refused[i].message;
	bool ok = axc_onnx_import(arena, &d, path, &opt, NULL, &g);
	if (ok != !want)
		fail_msg("%s: %s", name, ok ? "was taken, should be refused" : d.error.message);
	if (!ok && (!strstr(d.error.message, want) || !d.error.node || !d.error.op))
		fail_msg("%s: '%s' is not in: %s", name, want, d.error.message);
	if (ok && !axc_graph_verify(g, AXC_FORM_IMPORTED, &d))
		fail_msg("%s: %s", name, d.error.message);
	if (ok)
		reads_back(arena, &d, g);
	axc_arena_free(arena);
}

static void all_models(void **state)
{
	AxcDiag d;
	AxcArena *arena = axc_arena_new(NULL);
	const AxcJsonValue *index;
	(void)state;
	axc_diag_init(&d, arena);
	if (!axc_exists(SHARED "/index.json")) {
		axc_arena_free(arena);
		print_message("skipped: there is no " SHARED "/index.json\n");
		skip();
	}
	if (!axc_json_load(arena, &d, "index", SHARED "/index.json", 1 << 24, &index))
		fail_msg("%s", d.error.message);
	const AxcJsonValue *models = index->kind == AXC_JSON_ARRAY ? index : axc_json_get(index, "models");
	assert_non_null(models);
	assert_true(models->n >= 50);
	for (uint32_t i = 0; i < models->n; i++)
		one_model(axc_json_get(&models->item[i], "name")->string, &models->item[i]);
	axc_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(all_models)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
