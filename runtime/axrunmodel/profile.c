/* Times per layer: the plain mean of a layer's times is ruled by the few frames that an interrupt hit, so
 * the ends of the distribution are dropped (profiling_drop_percentile of the compiler). */
#include "axrunmodel.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 4096, MIN_ROWS = 64, MAX_BYTES = 64 << 20 };

static size_t max_rows(size_t num_layers, unsigned lanes)
{
	size_t rows = MAX_BYTES / sizeof(uint64_t) / (num_layers ? num_layers : 1) / lanes;
	return rows < MIN_ROWS ? MIN_ROWS : rows > MAX_ROWS ? MAX_ROWS : rows;
}

size_t profile_bytes(size_t num_layers, unsigned lanes)
{
	return max_rows(num_layers, lanes) * num_layers * sizeof(uint64_t);
}

void profile_init(Profile *p, void *memory, size_t num_layers, unsigned lanes)
{
	*p = (Profile){.rows = memory, .num_layers = num_layers, .max_rows = max_rows(num_layers, lanes), .stride = 1};
}

void profile_add(Profile *p, uint64_t call, const uint64_t *layer_ns, unsigned frames)
{
	if (call % p->stride)
		return;
	if (p->num_rows == p->max_rows) {
		p->num_rows /= 2;
		for (size_t i = 0; i < p->num_rows; i++)
			memcpy(p->rows + i * p->num_layers, p->rows + 2 * i * p->num_layers,
			       p->num_layers * sizeof *p->rows);
		p->stride *= 2;
		if (call % p->stride)
			return;
	}
	uint64_t *row = p->rows + p->num_rows++ * p->num_layers;
	for (size_t i = 0; i < p->num_layers; i++)
		row[i] = layer_ns[i] / frames;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

bool profile_means(const Profile *const *profiles, size_t n, double drop, double *ret_us, size_t *ret_samples)
{
	size_t all = 0, layers = n ? profiles[0]->num_layers : 0;
	for (size_t i = 0; i < n; i++)
		all += profiles[i]->num_rows;
	*ret_samples = all;
	uint64_t *times = malloc((all + 1) * sizeof *times);
	if (!times)
		return complain("no memory for %zu times", all);
	size_t dropped = (size_t)((double)all * drop / 2);
	for (size_t layer = 0; layer < layers; layer++) {
		size_t k = 0;
		double sum = 0;
		for (size_t i = 0; i < n; i++)
			for (size_t row = 0; row < profiles[i]->num_rows; row++)
				times[k++] = profiles[i]->rows[row * layers + layer];
		qsort(times, all, sizeof *times, compare);
		for (size_t i = dropped; i < all - dropped; i++)
			sum += (double)times[i];
		ret_us[layer] = all > 0 ? sum / (double)(all - 2 * dropped) * 1e-3 : 0;
	}
	free(times);
	return true;
}
