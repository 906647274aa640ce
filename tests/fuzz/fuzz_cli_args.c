/* cli_args.json: what is read is printed, and printed again after reading that gives the same text; the
 * configuration that it stands for is made. */
#include "fuzz.h"

#include "driver/options.h"

static void print_twice(AxcArena *arena, AxcDiag *d, const AxcOptions *o)
{
	AxcText text = {.arena = arena}, again = text;
	AxcOptions back = {0};
	char path[64];
	axc_options_print(o, &text);
	int fd = fuzz_file((const uint8_t *)text.at, text.n, path);
	if (!axc_options_load(arena, d, path, &back))
		abort();
	close(fd);
	axc_options_print(&back, &again);
	/* overwrite is stored and not taken over */
	if (!AXC_OPT(o, overwrite)->given && (text.n != again.n || memcmp(text.at, again.at, text.n) != 0))
		abort();
}

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
		AxcOptions options = {0};
		AxcConfig config;
		axc_diag_init(&d, arena);
		if (!axc_options_load(arena, &d, path, &options)) {
			if (!d.failed)
				abort();
		} else {
			print_twice(arena, &d, &options);
			if (!axc_options_config(arena, &d, &options, &config) && !d.failed)
				abort();
		}
	}
	axc_arena_free(arena);
	close(fd);
	return 0;
}
