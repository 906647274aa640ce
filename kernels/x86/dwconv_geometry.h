/* How the vector depthwise convolutions cut their work; the same arithmetic in the kernel and where
 * the compiler packs weights and sizes scratch.
 *
 * Channels go in blocks of 64 bytes. A remainder of at most 32 (16) channels is worked on 2 (4)
 * pixels at a time: `lanes` is the channels per pixel in a vector. Input rows are copied into
 * scratch one block of channels at a time, padded with the zero point, columns sorted by their
 * remainder modulo the stride, so that neighbouring outputs read neighbouring bytes whatever stride
 * and padding are. */
#ifndef AXK_X86_DWCONV_GEOMETRY_H
#define AXK_X86_DWCONV_GEOMETRY_H

#include "kernels/axk.h"

enum { AXK_DW_TAPS = 128, AXK_DW_BAND_BYTES = 131072 };

typedef struct axk_dw_geometry {
	int columns; /* taps grouped by window column (3x3), else in order, four by four */
	int groups;  /* of taps that are interleaved */
	int blocks;  /* of a vector's channels, the last one may be a remainder */
	int ring;    /* input rows kept in scratch */
	int band;    /* output rows for which one block of channels is worked on before the next */
	size_t cols; /* columns of each remainder */
	size_t row;  /* bytes of a scratch row of a whole block */
} axk_dw_geometry;

/* vector: bytes of one, 64, or 32 (AVX2: two taps to a group, remainders not packed closer). */
AXK_INLINE axk_dw_geometry axk_dw_geometry_of(const struct axk_conv *p, int vector)
{
	axk_dw_geometry g;
	g.columns = p->kh == 3 && p->kw == 3 && vector == 64;
	g.groups = g.columns ? 3 : vector == 64 ? (p->kh * p->kw + 3) / 4 : (p->kh * p->kw + 1) / 2;
	g.blocks = (p->oc + vector - 1) / vector;
	g.ring = (p->kh - 1) * p->dh + 1;
	g.cols = (size_t)((p->ow + 3) / 4 * 4 + (p->kw - 1) * p->dw / p->sw + 1);
	g.row = g.cols * (size_t)p->sw * (size_t)vector;
	size_t bytes = (size_t)p->iw * p->in_ld * p->sh;
	g.band = bytes < AXK_DW_BAND_BYTES / 4 ? (int)(AXK_DW_BAND_BYTES / (bytes + 1)) : 4;
	return g;
}

/* Channels per pixel in a vector for the block that starts at channel c. */
AXK_INLINE int axk_dw_lanes(const struct axk_conv *p, int c)
{
	return p->oc - c > 32 ? 64 : p->oc - c > 16 ? 32 : 16;
}

/* The tap at place k of a group, ky * kw + kx, or -1. */
AXK_INLINE int axk_dw_tap(const axk_dw_geometry *g, const struct axk_conv *p, int group, int k)
{
	if (g->columns)
		return k < 3 ? k * 3 + group : -1;
	return group * 4 + k < p->kh * p->kw ? group * 4 + k : -1;
}

#endif
