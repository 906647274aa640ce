/* Memory of a case. */
#include "tests/kernels/check.h"

#include <stdlib.h>

void *case_own(Case *c, size_t bytes)
{
	void *p = calloc(1, bytes ? bytes : 1);
	if (!p || c->n_owned == (int)(sizeof c->owned / sizeof *c->owned))
		abort();
	c->owned[c->n_owned++] = p;
	return p;
}

void *case_bytes(Case *c, size_t bytes)
{
	uint8_t *p = case_own(c, bytes);
	int mode = rng_range(0, 7); /* mostly anything, at times only the extremes */
	for (size_t i = 0; i < bytes; i++)
		p[i] = mode == 0   ? (uint8_t)(rng_chance(2) ? 255 : 0)
		       : mode == 1 ? 255
				   : (uint8_t)rng_range(0, 255);
	return p;
}

void case_free(Case *c)
{
	for (int i = 0; i < c->n_owned; i++)
		free(c->owned[i]);
	memset(c, 0, sizeof *c);
}
