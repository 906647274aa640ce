/* Whether a kernel library fits model.json. A hash says so of the library that the compiler built, but not of the user's
 * own build, nor of a model.json that was changed: sizes that differ would let the code write behind its
 * buffers. So the emitted code carries them (NAME_contract, docs/model_json.md). */
#include "runtime.h"

#include <stdio.h>

typedef struct Match {
	RtContext *context;
	const RtModel *model;
	const uint64_t *at;
	uint64_t left;
} Match;

static bool differ(Match *m, const char *what, uint64_t found, uint64_t wanted)
{
	rt_error(m->context, AXR_ERROR_VALUE_ERROR,
	         "%.300s: the kernel library does not match model.json: %s: %llu in it, %llu in model.json",
	         m->model->kernel.path, what, (unsigned long long)found, (unsigned long long)wanted);
	return false;
}

static bool next(Match *m, const char *what, uint64_t wanted)
{
	if (m->left == 0)
		return differ(m, "numbers about it", 0, 1);
	m->left--;
	uint64_t found = *m->at++;
	return found == wanted || differ(m, what, found, wanted);
}

static bool match_tensors(Match *m, const char *what, const RtTensors *tensors)
{
	char text[80];
	snprintf(text, sizeof text, "number of %ss", what);
	if (!next(m, text, tensors->n))
		return false;
	for (size_t i = 0; i < tensors->n; i++) {
		snprintf(text, sizeof text, "bytes of %s %zu", what, i);
		if (!next(m, text, tensors->at[i].ext.bytes))
			return false;
	}
	return true;
}

bool rt_match(RtContext *context, const RtModel *model, const uint64_t *contract)
{
	static const char *const names[2][2] = {{"input", "output"}, {"input of run_f32", "output of run_f32"}};
	Match m = {context, model, contract + 1, contract[0]};
	if (!next(&m, "bytes of constants", model->constants.bytes) ||
	    !next(&m, "hash of constants", model->constants.hash) || !next(&m, "alignment", model->align))
		return false;
	for (int k = 0; k < RT_POOLS; k++)
		if (!next(&m, "bytes of workspace", model->workspace_bytes[k]))
			return false;
	if (!next(&m, "layers", model->num_layers) || !next(&m, "run_i8", model->has_io[AXRX_INT8]) ||
	    !next(&m, "run_f32", model->has_io[AXRX_FLOAT]))
		return false;
	for (int io = 0; io < 2; io++)
		for (int k = 0; k < 2 && model->has_io[io]; k++)
			if (!match_tensors(&m, names[io][k], &model->tensors[io][k]))
				return false;
	return m.left == 0 || differ(&m, "numbers about it", m.left, 0);
}
