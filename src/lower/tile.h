/* Tiling: steps computed piece by piece. A transform on the Program between lowering and planning; the
 * bytes of the outputs stay the same, only when they are computed and where intermediate ones lie changes.
 *
 *   rows.c        what cutting a step to some of its output rows, or channels, means
 *   tile.c        which steps are cut how
 *   bands.c       depth-first: a run of steps band by band, its intermediate buffers a few rows high
 */
#ifndef AXC_TILE_H
#define AXC_TILE_H

#include "lower/program.h"

typedef struct AxcTileConfig {
	int depth;          /* tiling_depth: most operators that are computed band by band together; 1: none */
	int attempts;       /* max_tiling_attempts: how many band counts are tried for such a run */
	int force_rows;     /* force_h_tiling: row tiles of every convolution and pool; 0: not */
	int force_channels; /* force_oc_tiling: output-channel tiles of every convolution; 0: not */
	/* The workspace this program needs once planned, to tell whether tiling is worth it. */
	size_t (*workspace_bytes)(void *ctx, AxcProgram *p);
	void *ctx;
} AxcTileConfig;

enum {
	AXC_TILE_MAX_DEPTH = 32,   /* a greater tiling_depth counts as this */
	AXC_TILE_MAX_TILES = 64,   /* bands of a run, tiles of a step */
	AXC_TILE_MAX_STEPS = 2048, /* kernel calls that tiling may add to a program */
};

/* Tiles the program as the configuration says. Replaces p's lists and changes nothing they held. */
void axc_tile(AxcProgram *p, const AxcTileConfig *config, AxcDiag *d);

/* ---- rows.c ---- */

typedef struct AxcSpan {
	int begin, end; /* rows; begin == end: none */
} AxcSpan;

typedef enum AxcRowUse {
	AXC_ROW_WHOLE,  /* not by rows: weights, tables, broadcast operands */
	AXC_ROW_OUT,    /* the result */
	AXC_ROW_WINDOW, /* what the window of a result row covers */
	AXC_ROW_SAME,   /* the row of the same number */
} AxcRowUse;

typedef struct AxcRowArg {
	AxcRowUse use;
	size_t pitch, span; /* bytes from row to row, and from a row's first to behind its last */
} AxcRowArg;

typedef struct AxcRows {
	int out, in;              /* rows of the result and of the window's input */
	int stride, pad, reach;   /* a window begins at row o * stride - pad and is `reach` high */
	bool up;                  /* transposed: input rows scatter to i * stride - pad ... + reach */
	int align;                /* bands best begin and end at multiples of this */
	int dim, per_row;         /* element-wise: entries of this dimension that make a row */
	int64_t work;             /* per result row, in multiplications or bytes */
	AxcRowArg arg[AXK_MAX_BUFS];
} AxcRows;

/* How the step works by rows of its output. pitch[buffer]: bytes per row where known, else 0 (an element-wise
 * step alone does not know what a row is). False: it cannot be cut. */
bool axc_rows_of(const AxcStep *s, const size_t *pitch, AxcRows *ret);
/* The rows widened to where bands of this step best begin and end. */
AxcSpan axc_rows_aligned(const AxcRows *r, AxcSpan out);
/* Rows of a window's input that the result rows need; at least one. */
AxcSpan axc_rows_needed(const AxcRows *r, AxcSpan out);
/* The step for the result rows `out` only; its arguments still are the whole buffers. Has no scratch yet. */
AxcStep axc_rows_cut(AxcArena *arena, const AxcStep *s, const AxcRows *r, AxcSpan out);
/* Scratch bytes of that step, without making it. */
size_t axc_rows_scratch(const AxcProgram *p, const AxcStep *s, const AxcRows *r, AxcSpan out);
/* The kernel takes the cut step, and its weights packed as the step `s` has them. */
bool axc_rows_weights_fit(const AxcProgram *p, const AxcStep *s, const AxcStep *cut, void *room);
/* Into how many channels (or groups) the result can be cut; 0: not at all. */
int axc_channels_of(const AxcStep *s);
/* The step for the channels (groups) begin..end, with weights of its own; false: the kernel does not take it. */
bool axc_channels_cut(AxcProgram *p, const AxcStep *s, int begin, int end, AxcStep *ret);
/* Sets units, chunks and scratch from the step's parameters and appends it. */
void axc_tile_append(AxcProgram *p, AxcStep s);

/* ---- bands.c ---- */

/* Depth-first tiling; false: nothing would be gained and p is as it was. */
bool axc_tile_bands(AxcProgram *p, const AxcTileConfig *config, AxcDiag *d);

#endif
