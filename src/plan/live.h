/* Liveness of workspace buffers, from the steps alone. Shared by the planner; check.c has its own. */
#ifndef AXC_PLAN_LIVE_H
#define AXC_PLAN_LIVE_H

#include "lower/program.h"

static inline size_t axc_plan_room(const AxcBuf *b)
{
	return axc_align_up(AXC_MAX(b->bytes, (size_t)1), AXK_ALIGN);
}

#endif
