/* Scratch of the vector float pools; geometry only, also for its size. Padding becomes elements of
 * scratch that change nothing, so no window is special: its taps are a list of distances. */
#ifndef AXK_POOL_F32_SHAPE_H
#define AXK_POOL_F32_SHAPE_H

#include "kernels/axk.h"

typedef struct axk_pool_shape {
	int reach[3];  /* elements that windows reach in each dimension, padding included */
	int rows_fit;  /* windows and vectors stay inside the rows as they are */
	int fits;      /* and inside the plane */
	size_t behind; /* elements that vectors may read behind a row */
	size_t pitch;  /* outputs of a row, in whole vectors of either width */
} axk_pool_shape;

AXK_INLINE axk_pool_shape axk_pool_shape_of(const struct axk_pool_f32 *p)
{
	axk_pool_shape s;
	for (int i = 0; i < 3; i++)
		s.reach[i] = (p->out[i] - 1) * p->s[i] + (p->k[i] - 1) * p->d[i] + 1;
	s.rows_fit = p->pb[2] == 0 && s.reach[2] <= p->in[2] && p->s[2] <= 2;
	s.fits = s.rows_fit && p->pb[0] == 0 && p->pb[1] == 0 && s.reach[0] <= p->in[0] &&
		 s.reach[1] <= p->in[1];
	s.behind = (size_t)(p->s[2] > 2 ? p->s[2] : 2) * 16;
	s.pitch = ((size_t)p->out[2] + 15) / 16 * 16;
	return s;
}

#endif
