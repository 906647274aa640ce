/* A network written by hand with the ABI of emitted code, for the tests of the runtime. Model: y = 2 * x
 * over float[1,3,2,2] in, float[1,3] out (sum over the pixels); int8 NHWC with channels padded to 4. In two
 * stages: sums, then their multiples. Element 0 of the int8 entry point's input can ask for more:
 *
 *   99  fail with -7
 *   98  a layer that took a million times as long
 *   97  wait for another frame that asks the same and runs at the same time; out[0] = 1 if there was one
 *   95  the second stage waits likewise, for the first stage of a frame with 94
 *   93  out[0] = 1 if a pool thread's floating-point mode is the default one */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "runtime/kernel_abi.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

int tiny_run_i8(const axk_env *env, const void *consts, void *const ws[3], const void *const in[], void *const out[]);
int tiny_run_f32(const axk_env *env, const void *consts, void *const ws[3], const void *const in[],
                 void *const out[]);

int tiny_run_i8_stage(const axk_env *env, const void *consts, void *const ws[3], const void *const in[],
                      void *const out[], int stage);

static atomic_int arrived;

/* Waits until frames came in pairs; 0 after five seconds. */
static int meet_another(void)
{
	int pair = atomic_fetch_add(&arrived, 1) / 2 * 2 + 2;
	for (int i = 0; i < 5000 && atomic_load(&arrived) < pair; i++)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	return atomic_load(&arrived) >= pair;
}

static int default_float_mode(void)
{
#if defined(__x86_64__)
	return (_mm_getcsr() & 0xe040) == 0; /* rounding mode, flush-to-zero, denormals-are-zero */
#else
	return 1;
#endif
}

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
	if (job->in[0] == 93)
		sum = default_float_mode();
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
	if (job.in[0] == 97) {
		job.out[0] = (int8_t)meet_another();
		return 0;
	}
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
		env->layer_ticks[1] += job.in[0] == 98 ? 1000000000 : 1000;
	}
	return 0;
}

int tiny_run_i8_stage(const axk_env *env, const void *consts, void *const ws[3], const void *const in[],
                      void *const out[], int stage)
{
	if (stage < 0 || stage > 1)
		return -3;
	if (!aligned(consts) || !ws || !in || !out || !aligned(ws[0]))
		return -1;
	const int8_t *x = in[0];
	int8_t *y = out[0];
	int *sums = ws[0];
	if (x[0] == 99 && stage == 0)
		return -7;
	if ((x[0] == 95 && stage == 1) || (x[0] == 94 && stage == 0)) {
		sums[0] = meet_another();
		y[0] = (int8_t)sums[0];
		return 0;
	}
	for (int c = 0; c < 4 && stage == 0; c++)
		sums[c] = x[c] + x[4 + c] + x[8 + c] + x[12 + c];
	for (int c = 0; c < 4 && stage == 1; c++) {
		int sum = sums[c] * *(const int8_t *)consts;
		y[c] = (int8_t)(sum > 127 ? 127 : sum < -128 ? -128 : sum);
	}
	if (env && env->layer_ticks)
		env->layer_ticks[stage] += 1000;
	return 0;
}

int tiny_run_f32(const axk_env *env, const void *consts, void *const ws[3], const void *const in[],
                 void *const out[])
{
	(void)env, (void)ws;
	if (!default_float_mode())
		return -3;
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
