/* A graph's text: refused, or printing it again and reading that gives the same text. */
#include "fuzz.h"

#include "ir/ir.h"

static void print_twice(AxcArena *arena, AxcDiag *d, const AxcGraph *g)
{
	AxcGraph *back = NULL;
	AxcText text = {.arena = arena}, blob = text, again = text, again_blob = text;
	axc_graph_print(g, &text, &blob);
	if (!axc_graph_parse(arena, d, text.at, text.n, (const uint8_t *)blob.at, blob.n, &back))
		abort();
	axc_graph_print(back, &again, &again_blob);
	if (text.n != again.n || memcmp(text.at, again.at, text.n) != 0)
		abort();
	if (!axc_graph_verify(g, AXC_FORM_QUANTIZED, d) && !d->failed)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const uint8_t blob[256];
	jmp_buf out_of_memory;
	AxcArena *arena = axc_arena_new(&out_of_memory);
	if (!arena)
		abort();
	if (setjmp(out_of_memory) == 0) {
		AxcDiag d;
		AxcGraph *graph;
		axc_diag_init(&d, arena);
		if (axc_graph_parse(arena, &d, (const char *)data, bytes, blob, sizeof blob,
				    &graph))
			print_twice(arena, &d, graph);
		else if (!d.failed)
			abort();
	}
	axc_arena_free(arena);
	return 0;
}
