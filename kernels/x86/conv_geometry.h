/* How the vector convolutions cut their work; the same arithmetic in the kernel and where the
 * compiler packs weights and sizes scratch.
 *
 * A 1x1 convolution with stride 1 and no padding is one long row of pixels. Any other one works on
 * bands of output rows; where its windows leave the image it first copies the input rows of a band
 * into scratch, padded with the zero point, so that every tap of every pixel is base + offset.
 * A tap is a run of contiguous bytes: the channels of one window column, or a whole window row
 * where the columns lie next to each other ("merged"). It is read 4 bytes at a time; weights behind
 * its end are zero. */
#ifndef AXK_X86_CONV_GEOMETRY_H
#define AXK_X86_CONV_GEOMETRY_H

#include "kernels/axk.h"

typedef struct axk_conv_geometry {
	int long_row;            /* 1x1, stride 1: all pixels are one row */
	int images, oh, ow;      /* as worked on: 1, 1, n * oh * ow for the long row */
	int icg, ocg;            /* channels per group */
	int copy;                /* rows go through scratch */
	int cols;                /* columns of a scratch row */
	size_t pixel, row;       /* strides of what the taps read, in bytes */
	int merged, taps, quads; /* quads: 4-byte steps per tap */
	int tap_rows, tap_cols;  /* taps = rows * cols, these bytes apart: */
	size_t tap_down, tap_right;
	int band, bands; /* pixels per band (whole rows unless long row), bands per image */
	int blocks;      /* blocks of `lanes` output channels over all groups */
	int split;       /* units per band: 1, or blocks when there are few bands */
} axk_conv_geometry;

AXK_INLINE int axk_div_up(int a, int b)
{
	return (a + b - 1) / b;
}

AXK_INLINE void axk_conv_bands(axk_conv_geometry *g, const struct axk_conv *p, int bytes)
{
	if (g->long_row) { /* a band's input stays in the L1 cache while the blocks of channels pass
			      by */
		int band = 24576 / bytes / (p->ic + 1) / 24 * 24;
		g->band = band < 48 ? 48 : band > 960 ? 960 : band;
		g->bands = axk_div_up(g->ow, g->band);
		g->band = axk_div_up(axk_div_up(g->ow, g->bands), 24) * 24;
		g->bands = axk_div_up(g->ow, g->band);
		return;
	}
	/* rows that two bands read are copied twice, so a band is at least twice as high as a
	 * window */
	int rows = axk_div_up(256, p->ow), window = (p->kh - 1) * p->dh + 1;
	rows = rows < 2 * window ? 2 * window : rows;
	g->bands = axk_div_up(p->oh, rows);
	rows = axk_div_up(p->oh, g->bands);
	g->bands = axk_div_up(p->oh, rows);
	g->band = rows * p->ow;
}

AXK_INLINE axk_conv_geometry axk_conv_geometry_of(const struct axk_conv *p, int lanes, int bytes)
{
	axk_conv_geometry g;
	memset(&g, 0, sizeof g);
	g.images = p->n;
	g.oh = p->oh;
	g.ow = p->ow;
	g.icg = p->ic / p->groups;
	g.ocg = p->oc / p->groups;
	/* an element is as wide in scratch as the kernel wants it; 2 bytes always need the copy */
	int last_y = (p->oh - 1) * p->sh - p->pt + (p->kh - 1) * p->dh;
	int last_x = (p->ow - 1) * p->sw - p->pl + (p->kw - 1) * p->dw;
	g.long_row = p->kh == 1 && p->kw == 1 && p->sh == 1 && p->sw == 1 && p->pt == 0 &&
		     p->pl == 0 && p->oh == p->ih && p->ow == p->iw;
	g.copy = bytes > 1 || p->pt > 0 || p->pl > 0 || last_y >= p->ih || last_x >= p->iw;
	g.cols = last_x + p->pl + 1;
	g.pixel = (size_t)(g.copy ? p->ic * bytes : p->in_ld);
	g.merged = p->kw > 1 && p->dw == 1 && p->groups == 1 && g.pixel < (size_t)p->ic * bytes + 4;
	g.tap_rows = p->kh;
	g.tap_cols = g.merged ? 1 : p->kw;
	g.taps = g.tap_rows * g.tap_cols;
	g.quads = axk_div_up(g.merged ? (p->kw - 1) * (int)g.pixel + p->ic * bytes : g.icg * bytes,
			     4);
	if (g.long_row) {
		g.images = 1;
		g.oh = 1;
		g.ow = p->n * p->oh * p->ow;
	}
	axk_conv_bands(&g, p, bytes);
	if (g.long_row)
		g.cols = g.band;
	g.row = g.pixel * (size_t)(g.copy ? g.cols : p->iw);
	g.tap_down = (size_t)p->dh * g.row;
	g.tap_right = (size_t)p->dw * g.pixel;
	g.blocks = axk_div_up(g.ocg, lanes) * p->groups;
	g.split = g.images * g.bands < 8 ? g.blocks : 1;
	return g;
}

/* Input rows that a band reads. */
AXK_INLINE int axk_conv_band_rows(const axk_conv_geometry *g, const struct axk_conv *p)
{
	return g->long_row ? 1 : (g->band / g->ow - 1) * p->sh + (p->kh - 1) * p->dh + 1;
}

#endif
