/* See tiny_model.h. Hashes come from the compiler's own axc_hash: that it and the runtime agree is tested by
 * the model being loaded at all. */
#include "tiny_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#if defined(__aarch64__)
#define ARCH "aarch64"
#else
#define ARCH "x86_64"
#endif

enum { CONST_BYTES = 4096 }; /* a whole page: the slack needs another one */

static const char tensors[] =
	"  \"inputs\": [{\"name\": \"x:0/a\", \"dtype\": \"int8\", \"shape\": [1, 2, 2, 4], \"layout\": \"NHWC\",\n"
	"    \"scale\": [0.5], \"zero_point\": [-3], \"axis\": null, \"padding\": [[0, 0], [0, 0], [0, 0], [0, 1]],\n"
	"    \"shape_original\": [1, 3, 2, 2]}],\n"
	"  \"outputs\": [{\"name\": \"y\", \"dtype\": \"int8\", \"shape\": [1, 4], \"layout\": \"NC\",\n"
	"    \"scale\": [0.25], \"zero_point\": [0], \"axis\": null, \"padding\": [[0, 0], [0, 1]],\n"
	"    \"shape_original\": [1, 3]}],\n"
	"  \"inputs_f32\": [{\"name\": \"x:0/a\", \"dtype\": \"float32\", \"shape\": [1, 3, 2, 2], \"layout\": \"NCHW\",\n"
	"    \"scale\": [], \"zero_point\": [], \"axis\": null, \"padding\": [[0, 0], [0, 0], [0, 0], [0, 0]],\n"
	"    \"shape_original\": [1, 3, 2, 2]}],\n"
	"  \"outputs_f32\": [{\"name\": \"y\", \"dtype\": \"float32\", \"shape\": [1, 3], \"layout\": \"NC\",\n"
	"    \"scale\": [], \"zero_point\": [], \"axis\": null, \"padding\": [[0, 0], [0, 0]],\n"
	"    \"shape_original\": [1, 3]}],\n";

static char *read_whole(const char *path, size_t *ret_bytes)
{
	FILE *file = fopen(path, "rb");
	char *data = malloc(1 << 20);
	*ret_bytes = file && data ? fread(data, 1, 1 << 20, file) : 0;
	if (file)
		fclose(file);
	return data;
}

static int write_whole(const char *dir, const char *name, const void *data, size_t bytes)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	remove(path); /* a new inode: a loaded library must not change under its user */
	FILE *file = fopen(path, "wb");
	if (!file)
		return 1;
	size_t n = fwrite(data, 1, bytes, file);
	return (fclose(file) != 0) | (n != bytes);
}

int tiny_model_write(const char *dir, const TinyModel *model, int factor)
{
	static char json[8192];
	char consts[CONST_BYTES] = {0}, identity[100] = "null", bytes[32] = "null", mode[300] = "";
	size_t kernel_bytes;
	char *kernel = read_whole(model->kernel, &kernel_bytes);
	if (kernel_bytes == 0)
		return 1;
	consts[0] = (char)factor;
	if (!model->unbuilt) {
		snprintf(identity, sizeof identity, "\"%016llx\"", (unsigned long long)axc_hash(kernel, kernel_bytes));
		snprintf(bytes, sizeof bytes, "%zu", kernel_bytes);
	}
	if (model->mode)
		snprintf(mode, sizeof mode, " \"multicore_mode\": \"%s\", \"runtime\": %s,", model->mode,
		         model->runtime ? model->runtime : "{}");
	int n = snprintf(json, sizeof json,
	                 "{\n  \"format_version\": 1, \"model_name\": \"tiny\", \"entry_prefix\": \"tiny\",\n"
	                 "  \"target\": \"c\", \"arch\": \"%s\", \"cpu_features\": %s,\n"
	                 "  \"kernel\": {\"file\": \"kernel_function.so\", \"bytes\": %s, \"hash\": %s},\n"
	                 "  \"constants\": {\"file\": \"pool_l2_const.bin\", \"bytes\": %d, \"hash\": \"%016llx\"},\n"
	                 "  \"workspace_bytes\": [64, 0, 3000000], \"align\": 64, \"cores\": %d,%s\n"
	                 "  \"entry_points\": %s,\n%s"
	                 "  \"profiling\": %s, \"layers\": [{\"name\": \"sum\", \"kernel\": \"k\"},\n"
	                 "    {\"name\": \"esc\\u001b[31m\", \"kernel\": \"k2\"}],\n"
	                 "  \"properties\": {\"input_tensor_layout\": \"NHWC\", \"preamble_graph\": \"pre.onnx\"}\n}\n",
	                 model->arch ? model->arch : ARCH, model->features ? model->features : "[]", bytes, identity,
	                 CONST_BYTES, (unsigned long long)axc_hash(consts, sizeof consts),
	                 model->cores ? model->cores : 1, mode,
	                 model->entries ? model->entries : "[\"run_i8\", \"run_f32\"]", tensors,
	                 model->profiling ? "true" : "false");
	int failed = write_whole(dir, "model.json", json, (size_t)n) |
	             write_whole(dir, "pool_l2_const.bin", consts, sizeof consts);
	if (!model->no_library)
		failed |= write_whole(dir, "kernel_function.so", kernel, kernel_bytes);
	free(kernel);
	return failed;
}
