/* Tiling: depth-first bands where they lower the peak of the workspace, then the tiles that the
 * configuration forces upon every convolution and pool. */
#include "lower/tile.h"

/* What only the steps as they were have used: weights that every tile packs anew. */
static void drop_unused_consts(AxcProgram *p)
{
	bool *used = AXC_NEW_ARRAY(p->arena, bool, p->bufs.n);
	for (uint32_t i = 0; i < p->steps.n; i++)
		for (uint32_t k = 0; k < p->steps.at[i].n_args; k++)
			used[p->steps.at[i].arg[k].buf] = true;
	for (uint32_t i = 1; i < p->bufs.n; i++)
		if (!used[i] && p->bufs.at[i].space == AXC_SPACE_CONST)
			p->bufs.at[i] = (AxcBuf){.name = p->bufs.at[i].name, .first = -1, .last = -1};
}

static void leave(const AxcProgram *p, AxcDiag *d, const char *property, const AxcStep *s, const char *why)
{
	axc_log(d, AXC_DEBUG, "%s leaves %s of %s as it is: %s", property, s->kernel->name, p->layers.at[s->layer].text,
	        why);
}

typedef struct Force {
	AxcProgram *p;
	AxcDiag *d;
	int tiles;
	uint32_t added;
} Force;

static bool room_for(Force *f, int tiles)
{
	if (f->added + (uint32_t)tiles > AXC_TILE_MAX_STEPS)
		return false;
	f->added += (uint32_t)tiles - 1;
	return true;
}

/* The step as row tiles; false: it is left alone. */
static bool force_rows(Force *f, const AxcStep *s)
{
	AxcProgram *p = f->p;
	AxcRows r;
	if (!axc_rows_of(s, NULL, &r)) {
		leave(p, f->d, "force_h_tiling", s, "its rows cannot be cut");
		return false;
	}
	int all = (r.out + r.align - 1) / r.align, n = AXC_MIN(f->tiles, all);
	AxcStep cut[AXC_TILE_MAX_TILES];
	void *room = axc_alloc(p->arena, s->kernel->pack ? p->bufs.at[s->arg[2].buf].bytes : 0);
	for (int i = 0; i < n; i++) {
		AxcSpan out = {(int)((int64_t)all * i / n) * r.align, (int)((int64_t)all * (i + 1) / n) * r.align};
		out = axc_rows_aligned(&r, out);
		cut[i] = axc_rows_cut(p->arena, s, &r, out);
		if (n > 1 && !axc_rows_weights_fit(p, s, &cut[i], room)) {
			leave(p, f->d, "force_h_tiling", s, "a tile would need its weights in another order");
			return false;
		}
	}
	if (n < 2 || !room_for(f, n)) {
		leave(p, f->d, "force_h_tiling", s, n < 2 ? "it has one row" : "the program is long enough");
		return false;
	}
	for (int i = 0; i < n; i++)
		axc_tile_append(p, cut[i]);
	return true;
}

/* The step as tiles of output channels; ends of tiles are multiples of 16, which vector kernels like. */
static bool force_channels(Force *f, const AxcStep *s)
{
	AxcProgram *p = f->p;
	int all = axc_channels_of(s), quantum = all / f->tiles >= 16 ? 16 : 1, n = 0;
	AxcStep cut[AXC_TILE_MAX_TILES];
	for (int i = 0, begin = 0; i < f->tiles && begin < all; i++) {
		int end = (int)((int64_t)all * (i + 1) / f->tiles);
		end = AXC_MIN((end + quantum - 1) / quantum * quantum, all);
		if (end == begin || (begin == 0 && end == all))
			continue;
		if (!axc_channels_cut(p, s, begin, end, &cut[n])) {
			leave(p, f->d, "force_oc_tiling", s, "its kernel takes no fewer channels");
			return false;
		}
		n++;
		begin = end;
	}
	if (n < 2 || !room_for(f, n)) {
		leave(p, f->d, "force_oc_tiling", s, n < 2 ? "it has too few channels" : "the program is long enough");
		return false;
	}
	for (int i = 0; i < n; i++)
		axc_tile_append(p, cut[i]);
	return true;
}

static bool is_pool(const AxcStep *s)
{
	return s->kernel->kind == AXK_MAXPOOL_U8 || s->kernel->kind == AXK_AVGPOOL_U8;
}

static bool is_conv(const AxcStep *s)
{
	return s->kernel->kind == AXK_CONV_U8 || s->kernel->kind == AXK_DWCONV_U8 || s->kernel->kind == AXK_CONVT_U8 ||
	       s->kernel->kind == AXK_DENSE_U8;
}

static void force(AxcProgram *p, AxcDiag *d, int tiles, bool rows)
{
	AxcStep *old = p->steps.at;
	uint32_t n = p->steps.n, cut = 0;
	Force f = {p, d, AXC_MIN(tiles, AXC_TILE_MAX_TILES), 0};
	p->steps.at = NULL;
	p->steps.n = p->steps.cap = 0;
	for (uint32_t i = 0; i < n; i++) {
		bool wanted = is_conv(&old[i]) || (rows && is_pool(&old[i]));
		if (wanted && (rows ? force_rows(&f, &old[i]) : force_channels(&f, &old[i])))
			cut++;
		else
			AXC_PUSH(p->arena, &p->steps, old[i]);
	}
	axc_log(d, AXC_DEBUG, "%s: %u of %u steps in %d tiles", rows ? "force_h_tiling" : "force_oc_tiling", cut, n,
	        f.tiles);
}

void axc_tile(AxcProgram *p, const AxcTileConfig *config, AxcDiag *d)
{
	uint32_t n = p->bufs.n;
	if (config->depth <= 1 && config->force_rows <= 1 && config->force_channels <= 1)
		return;
	p->bufs.at = axc_memdup(p->arena, p->bufs.at, n * sizeof *p->bufs.at);
	p->bufs.cap = n;
	if (config->depth > 1) {
		AxcProgram whole = *p;
		size_t before = config->workspace_bytes(config->ctx, p);
		if (axc_tile_bands(p, config, d)) {
			size_t after = config->workspace_bytes(config->ctx, p);
			axc_log(d, AXC_DEBUG, "depth-first tiling: %zu bytes of workspace become %zu", before, after);
			if (after >= before)
				*p = whole;
		}
	}
	if (config->force_rows > 1)
		force(p, d, config->force_rows, true);
	if (config->force_channels > 1)
		force(p, d, config->force_channels, false);
	drop_unused_consts(p);
}
