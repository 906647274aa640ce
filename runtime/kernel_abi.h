/* What kernel_function.h declares, as the runtime calls it (docs/model_json.md). */
#ifndef AXR_KERNEL_ABI_H
#define AXR_KERNEL_ABI_H

#include <stdint.h>

typedef struct axk_env {
	int (*parallel)(void *ctx, void (*fn)(void *arg, int i), void *arg, int n);
	uint64_t (*now)(void *ctx);
	void *ctx;
	uint64_t *layer_ticks;
} axk_env;

typedef int axk_run_fn(const axk_env *env, const void *consts, void *const ws[3], const void *const in[],
                       void *const out[]);
/* Pipeline mode: one stage of it. */
typedef int axk_stage_fn(const axk_env *env, const void *consts, void *const ws[3], const void *const in[],
                         void *const out[], int stage);

#endif
