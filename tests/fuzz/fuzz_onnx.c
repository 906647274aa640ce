/* ONNX models: import, and what is imported, also with mistakes, through shape inference and folding. */
#include "fuzz.h"

#include "onnx/onnx.h"
#include "passes/passes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char path[64];
	jmp_buf out_of_memory;
	int fd = fuzz_file(data, bytes, path);
	AxcArena *arena = axc_arena_new(&out_of_memory);
	if (!arena)
		abort();
	if (setjmp(out_of_memory) == 0) {
		AxcDiag d;
		AxcGraph *graph;
		axc_diag_init(&d, arena);
		AxcPassConfig config = {.arithmetic_simplification = true, .check_operators = true};
		bool imported = axc_onnx_import(arena, &d, path, NULL, NULL, &graph);
		bool cleaned = graph && axc_clean(graph, &config, &d);
		if ((imported && cleaned) != !d.failed || (!imported && cleaned))
			abort();
	}
	axc_arena_free(arena);
	close(fd);
	return 0;
}
