/* A network written by hand with the ABI of emitted code, for the tests of the runtime. Model: y = 2 * x
 * over float[1,3,2,2] in, float[1,3] out (sum over the pixels); int8 NHWC with channels padded to 4.
 * An input of 99 at element 0 of the int8 entry point makes it fail with -7. */
#include <stddef.h>
#include <stdint.h>

#include "runtime/kernel_abi.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

int tiny_run_i8(const axk_env *env, const void *consts, void *const ws[3], const void *const in[], void *const out[]);
int tiny_run_f32(const axk_env *env, const void *consts, void *const ws[3], const void *const in[],
                 void *const out[]);

typedef struct Job {
	const int8_t *in;
	int8_t *out;
	int factor;
	int *sums; /* in the workspace */
} Job;

static void channel(void *arg, int c)
{
	Job *job = arg;
	int sum = 0;
	for (int i = 0; i < 4; i++)
		sum += job->in[i * 4 + c];
	job->sums[c] = sum;
	sum *= job->factor;
	job->out[c] = (int8_t)(sum > 127 ? 127 : sum < -128 ? -128 : sum);
}

static int aligned(const void *p)
{
	return p && (uintptr_t)p % 64 == 0;
}

int tiny_run_i8(const axk_env *env, const void *consts, void *const ws[3], const void *const in[], void *const out[])
{
	if (!aligned(consts) || !aligned(ws[0]) || !aligned(ws[1]) || !aligned(ws[2]))
		return -1;
	Job job = {in[0], out[0], *(const int8_t *)consts, ws[0]};
	if (job.in[0] == 99)
		return -7;
	uint64_t start = env && env->now ? env->now(env->ctx) : 0;
	if (env && env->parallel) {
		if (env->parallel(env->ctx, channel, &job, 4) != 0)
			return -2;
	} else {
		for (int c = 0; c < 4; c++)
			channel(&job, c);
	}
	if (env && env->layer_ticks) {
		env->layer_ticks[0] += env->now(env->ctx) - start;
		env->layer_ticks[1] += 1000;
	}
	return 0;
}

int tiny_run_f32(const axk_env *env, const void *consts, void *const ws[3], const void *const in[],
                 void *const out[])
{
	(void)env, (void)ws;
#if defined(__x86_64__)
	if (_mm_getcsr() & 0xe040) /* rounding mode, flush-to-zero, denormals-are-zero */
		return -3;
#endif
	const float *x = in[0];
	float *y = out[0];
	for (int c = 0; c < 3; c++) {
		y[c] = 0;
		for (int i = 0; i < 4; i++)
			y[c] += x[c * 4 + i];
		y[c] *= (float)*(const int8_t *)consts;
	}
	return 0;
}
