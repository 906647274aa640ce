/* Addresses: every workspace buffer gets an offset in its pool, every constant one in the constants
 * file, so that buffers alive at the same time never overlap and the peak is small. check.c proves a
 * plan independently of how it was made.
 */
#ifndef AXC_PLAN_H
#define AXC_PLAN_H

#include "lower/program.h"

typedef struct AxcPlanConfig {
	size_t budget_bytes[AXC_POOL_COUNT]; /* most bytes of each pool; 0: no limit */
	const char *budget_name[AXC_POOL_COUNT]; /* the property that set it, for the hint; may be NULL */
	const char *budget_part; /* the property that lowered them all, or NULL */
	AxcPool workspace_home, io_home;     /* where workspace buffers, and those that touch in[] and out[], begin */
	AxcPool const_home;                  /* the pool whose budget the constants count against */
	bool promote;                        /* buffers move to faster pools (l2, l1) that have a budget and room */
	int attempts;                        /* max_memplan_attempts: orders tried, at least 1 */
	bool tiled;                          /* tiling_depth was raised already, for the hint */
	int workspaces;                      /* that exist at once and share the budgets; 0: one */
} AxcPlanConfig;

/* Fills offsets, ws_bytes, const_bytes, peak_step. Does not fit: LOWER_MIDEND_ERROR with the bytes
 * missing and the layer at the peak. */
AXC_CHECKED bool axc_plan(AxcProgram *p, const AxcPlanConfig *config, AxcDiag *d);
/* Liveness and overlap from the steps alone (check.c): an error names both buffers. */
AXC_CHECKED bool axc_plan_check(const AxcProgram *p, AxcDiag *d);
/* Greatest lower bound: the most bytes alive at one step, over all pools. */
size_t axc_plan_live_bytes(const AxcProgram *p, int *ret_step);

#endif
