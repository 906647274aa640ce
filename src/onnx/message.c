/* Unpacking by protobuf-c, with an allocator that counts: what a small file may blow up to is
 * bounded, and everything is released with the arena, also when memory runs out half-way. */
#include "base/fault.h"
#include "onnx/internal.h"

#include <stdlib.h>

typedef struct Unpacked {
	Onnx__ModelProto *model;
	ProtobufCAllocator allocator;
	size_t used, budget;
	bool over, no_memory;
} Unpacked;

enum { HEADER = 16 }; /* keeps the block's size, and malloc's alignment */

static void *counted_alloc(void *arg, size_t bytes)
{
	Unpacked *u = arg;
	size_t total;
	if (!axc_add_size(bytes, HEADER, &total) || total > u->budget - u->used) {
		u->over = true;
		return NULL;
	}
	char *p = axc_fault_malloc(total);
	if (!p) {
		u->no_memory = true;
		return NULL;
	}
	u->used += total;
	memcpy(p, &total, sizeof total);
	return p + HEADER;
}

static void counted_free(void *arg, void *p)
{
	Unpacked *u = arg;
	if (!p)
		return;
	char *block = (char *)p - HEADER;
	size_t total;
	memcpy(&total, block, sizeof total);
	u->used -= total;
	free(block);
}

static void release(void *arg)
{
	Unpacked *u = arg;
	if (u->model)
		onnx__model_proto__free_unpacked(u->model, &u->allocator);
}

bool axc_onnx_unpack(AxcArena *arena, AxcDiag *d, const AxcText *skeleton, size_t budget,
		     const Onnx__ModelProto **ret_model)
{
	Unpacked *u = AXC_NEW(arena, Unpacked);
	u->allocator = (ProtobufCAllocator){counted_alloc, counted_free, u};
	u->budget = budget;
	axc_arena_defer(arena, release, u);
	u->model = onnx__model_proto__unpack(&u->allocator, skeleton->n,
					     (const uint8_t *)skeleton->at);
	if (u->model) {
		*ret_model = u->model;
		return true;
	}
	if (u->over)
		return axc_fail(
			d, "the model's messages need more than the %zu bytes that are accepted",
			budget);
	if (u->no_memory)
		axc_out_of_memory(arena);
	return axc_fail(d, "the model's messages cannot be unpacked: they are malformed");
}
