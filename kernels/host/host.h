/* Compiler-side companions of the kernels (never emitted): whether a kernel fits, how many units it
 * has, how much scratch, how its weights are packed. Named in kernels.def. */
#ifndef AXK_HOST_H
#define AXK_HOST_H

#include "kernels/axk.h"
#include "kernels/host/elem.h"
#include "kernels/host/nn.h"
#include "kernels/host/u8.h"

#endif
