/* Shared by the two halves of the C emitter: emit_c.c (header, kernels, entry points) and steps.c. */
#ifndef AXC_EMIT_C_H
#define AXC_EMIT_C_H

#include "emit/emit.h"

typedef struct AxcEmitC {
	const AxcProgram *p;
	AxcDiag *d;
	AxcText *c;
	const char *NAME; /* upper case */
	AxcMap params;    /* struct and hash of its bytes -> step that printed it, + 1 */
	uint32_t *row;    /* steps as a table: of each step, how many steps in use lie before it */
} AxcEmitC;

/* A program has the step, and one of its entry points calls it. */
bool axc_step_used(const AxcProgram *p, const AxcStep *s);
/* The steps (functions or table) and what runs one. */
void axc_emit_steps(AxcEmitC *e);
/* Functions axk_ENTRY_0, axk_ENTRY_1, … that run the entry's steps in order; returns how many there are.
 * stage_end[k]: functions up to the end of stage k. */
uint32_t axc_emit_parts(AxcEmitC *e, const char *entry, unsigned mask, uint32_t *stage_end);

#endif
