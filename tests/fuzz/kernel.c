/* The library beside a fuzzed model.json (its entry_prefix is "fuzz"). Emitted code trusts the sizes that its own
 * model.json states; this one trusts nothing but what the ABI promises for every model. */
#include <stdint.h>

#include "runtime/kernel_abi.h"

int fuzz_run_i8(const axk_env *env, const void *consts, void *const ws[3], const void *const in[], void *const out[]);
int fuzz_run_f32(const axk_env *env, const void *consts, void *const ws[3], const void *const in[],
                 void *const out[]);
int fuzz_run_i8_stage(const axk_env *env, const void *consts, void *const ws[3], const void *const in[],
                      void *const out[], int stage);

int fuzz_run_i8(const axk_env *env, const void *consts, void *const ws[3], const void *const in[], void *const out[])
{
	if (!env || !consts || (uintptr_t)consts % 64 || !in || !out)
		__builtin_trap();
	for (int i = 0; i < 3; i++)
		if (!ws[i] || (uintptr_t)ws[i] % 64)
			__builtin_trap();
	if (env->layer_ticks)
		env->layer_ticks[0]++;
	return *(const volatile uint8_t *)consts == 99 ? -1 : 0;
}

int fuzz_run_f32(const axk_env *env, const void *consts, void *const ws[3], const void *const in[],
                 void *const out[])
{
	return fuzz_run_i8(env, consts, ws, in, out);
}

/* Of a pipeline of two. */
int fuzz_run_i8_stage(const axk_env *env, const void *consts, void *const ws[3], const void *const in[],
                      void *const out[], int stage)
{
	if (stage < 0 || stage > 1)
		return -3;
	return consts ? fuzz_run_i8(env, consts, ws, in, out) : -1;
}
