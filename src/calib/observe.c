/* Scanning and histogramming one tensor: the inner loops of calibration (built with -O3).
 *
 * The order of floats is the order of their bits read as sign and magnitude, so minimum, maximum and
 * the check for NaN and infinity are two integer reductions, which compilers vectorise for any ISA.
 */
#include "calib/observe.h"

#include <math.h>

/* Signed integers in the order of the floats: -inf < … < -0 < 0 < … < inf < NaN. Its own inverse. */
static inline int32_t order_key(int32_t bits)
{
	return bits ^ ((bits >> 31) & 0x7fffffff);
}

static float key_float(int32_t key)
{
	int32_t bits = order_key(key);
	float f;
	memcpy(&f, &bits, sizeof f);
	return f + 0.0f; /* -0 becomes 0 */
}

bool axc_scan(const float *x, int64_t n, float *ret_min, float *ret_max)
{
	int32_t lo = INT32_MAX, hi = INT32_MIN;
	for (int64_t i = 0; i < n; i++) {
		int32_t bits;
		memcpy(&bits, x + i, sizeof bits);
		int32_t key = order_key(bits);
		lo = key < lo ? key : lo;
		hi = key > hi ? key : hi;
	}
	*ret_min = key_float(lo);
	*ret_max = key_float(hi);
	return hi < 0x7f800000 && lo > order_key((int32_t)0xff800000u);
}

/* Bin of x for width 2^e: floor(x/w) for x >= 0, -1 - floor(-x/w) below. */
static int32_t bin_of(float x, int e)
{
	return (int32_t)(x * ldexpf(1, -e)) - (x < 0);
}

int axc_hist_exponent(float min, float max, int32_t *ret_first)
{
	float lo = AXC_MIN(min, 0.0f), hi = AXC_MAX(max, 0.0f);
	int e;
	frexpf(AXC_MAX(-lo, hi), &e); /* magnitudes are below 2^e */
	e = AXC_MAX(e - 12, -126);
	while (bin_of(hi, e) - bin_of(lo, e) >= AXC_HIST_BINS)
		e++;
	*ret_first = bin_of(lo, e);
	return e;
}

enum { BLOCK = 512, TABLES = 4 };

void axc_hist_fill(AxcHist *h, const float *x, int64_t n, float min, float max)
{
	static _Thread_local uint32_t table[TABLES][AXC_HIST_BINS];
	memset(h, 0, sizeof *h);
	memset(table, 0, sizeof table);
	h->exponent = axc_hist_exponent(min, max, &h->first);
	float scale = ldexpf(1, -h->exponent);
	int32_t first = h->first;
	uint64_t zeros = 0;
	for (int64_t i = 0; i < n; i += BLOCK) {
		int32_t bin[BLOCK];
		int some = (int)AXC_MIN(n - i, (int64_t)BLOCK), k = 0;
		int32_t none = 0;
		for (int j = 0; j < some; j++) {
			bin[j] = (int32_t)(x[i + j] * scale) - (x[i + j] < 0) - first;
			none += x[i + j] == 0;
		}
		zeros += (uint64_t)none;
		for (; k + TABLES <= some; k += TABLES)
			for (int t = 0; t < TABLES; t++) /* equal neighbours do not wait for each other */
				table[t][bin[k + t]]++;
		for (; k < some; k++)
			table[0][bin[k]]++;
	}
	h->zeros = zeros;
	for (int b = 0; b < AXC_HIST_BINS; b++)
		for (int t = 0; t < TABLES; t++)
			h->count[b] += table[t][b];
}

/* Bin b after the width was doubled `times` times. */
static int32_t coarser(int32_t b, int times)
{
	times = AXC_MIN(times, 31);
	return b >= 0 ? b >> times : -1 - ((-1 - b) >> times);
}

static void rebin(AxcHist *h, int exponent, int32_t first)
{
	AxcHist old = *h;
	memset(h->count, 0, sizeof h->count);
	h->exponent = exponent;
	h->first = first;
	for (int b = 0; b < AXC_HIST_BINS; b++)
		if (old.count[b])
			h->count[coarser(old.first + b, exponent - old.exponent) - first] += old.count[b];
}

void axc_hist_merge(AxcHist *into, float into_min, float into_max, const AxcHist *from, float from_min,
                    float from_max, bool into_is_empty)
{
	if (into_is_empty) {
		*into = *from;
		return;
	}
	int32_t first;
	int e = axc_hist_exponent(AXC_MIN(into_min, from_min), AXC_MAX(into_max, from_max), &first);
	if (e != into->exponent || first != into->first)
		rebin(into, e, first);
	for (int b = 0; b < AXC_HIST_BINS; b++)
		if (from->count[b])
			into->count[coarser(from->first + b, e - from->exponent) - first] += from->count[b];
	into->zeros += from->zeros;
}

enum { LANES = 8 };

static double sum_of(const float *x, int64_t n)
{
	double lane[LANES] = {0}, sum = 0;
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES)
		for (int k = 0; k < LANES; k++)
			lane[k] += (double)x[i + k];
	for (; i < n; i++)
		lane[i % LANES] += (double)x[i];
	for (int k = 0; k < LANES; k++)
		sum += lane[k];
	return sum;
}

void axc_channel_sums(const float *x, int64_t outer, int64_t n, int64_t inner, double *sum)
{
	memset(sum, 0, (size_t)n * sizeof *sum);
	for (int64_t o = 0; o < outer; o++, x += n * inner)
		for (int64_t c = 0; c < n; c++)
			sum[c] += inner == 1 ? (double)x[c] : sum_of(x + c * inner, inner);
}
