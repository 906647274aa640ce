/* One run of one kernel on one case. */
#include "tests/kernels/check.h"

static void fill(uint8_t *to, size_t bytes, uint64_t seed)
{
	uint64_t saved = rng_state;
	rng_state = seed;
	for (size_t i = 0; i < bytes; i++)
		to[i] = (uint8_t)rng_range(0, 255);
	rng_state = saved;
}

/* The same seed gives the same random inputs and the same bytes in outputs before the run. */
void run_new(Run *r, const Case *c, const AxkInfo *row, uint64_t seed)
{
	memset(r, 0, sizeof *r);
	for (int i = 0; i < AXK_MAX_BUFS; i++) {
		const Buffer *b = &c->buf[i];
		if (b->role == ROLE_NONE)
			continue;
		size_t bytes = b->role == ROLE_PACKED ? row->pack_bytes(&c->p) : b->bytes;
		/* results may lie in the caller's memory, and these kernels read a caller's inputs where they are */
		bool in_place = i == 0 || (i == 1 && (row->kind == AXK_QUANTIZE || row->kind == AXK_COPY));
		guarded_new(&r->buf[i], bytes,
			    b->role == ROLE_PACKED || c->aligned ? AXK_ALIGN
			    : b->data                            ? 4
								 : 1,
			    in_place ? 0 : AXK_SLACK);
		if (b->role == ROLE_PACKED)
			row->pack(&c->p, &c->pack, r->buf[i].data);
		else if (b->data)
			memcpy(r->buf[i].data, b->data, bytes);
		else
			fill(r->buf[i].data, bytes, seed + (uint64_t)i);
	}
	size_t scratch = row->scratch_bytes ? row->scratch_bytes(&c->p) : 0;
	guarded_new(&r->scratch, scratch, AXK_ALIGN, AXK_SLACK);
	fill(r->scratch.data, scratch, seed + 77);
}

void run_units(Run *r, const Case *c, axk_fn *fn, int begin, int end)
{
	void *buf[AXK_MAX_BUFS];
	for (int i = 0; i < AXK_MAX_BUFS; i++)
		buf[i] = r->buf[i].data;
	fn(&c->p, buf, r->scratch.data, begin, end);
}

void run_free(Run *r)
{
	for (int i = 0; i < AXK_MAX_BUFS; i++)
		if (r->buf[i].map)
			guarded_free(&r->buf[i]);
	guarded_free(&r->scratch);
}

int run_unit_count(const Case *c, const AxkInfo *row)
{
	return row->units(&c->p);
}
