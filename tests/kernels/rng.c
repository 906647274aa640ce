/* Random numbers that are the same everywhere. */
#include "tests/kernels/check.h"

uint64_t rng_state = 1;

static uint32_t next(void)
{
	rng_state = rng_state * 6364136223846793005u + 1442695040888963407u;
	uint64_t x = rng_state ^ rng_state >> 22;
	return (uint32_t)(x >> (22 + (rng_state >> 61)));
}

int rng_range(int lo, int hi)
{
	return lo + (int)(next() % (uint32_t)(hi - lo + 1));
}

bool rng_chance(int n)
{
	return next() % (uint32_t)n == 0;
}

float rng_float(float lo, float hi)
{
	return lo + (hi - lo) * ((float)(next() >> 8) / 16777216.0f);
}

int rng_pick(const int *from, int n)
{
	return from[rng_range(0, n - 1)];
}
