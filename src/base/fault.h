/* The guarded operations that a fault-injection build makes fail (fault.c). */
#ifndef AXC_FAULT_H
#define AXC_FAULT_H

#include "base/base.h"

/* True if the operation about to happen must fail. Always false in ordinary builds. */
bool axc_fault_now(void);
/* AXC_FAULT_NAME is this name. Always false in ordinary builds. */
bool axc_fault_named(const char *name);
void *axc_fault_malloc(size_t bytes);
void *axc_fault_calloc(size_t bytes); /* zeroed */

#endif
