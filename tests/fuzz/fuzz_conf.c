/* conf.json. */
#include "fuzz.h"

#include "driver/config.h"

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
		AxcConfig config;
		axc_diag_init(&d, arena);
		axc_config_defaults(&config);
		if (!axc_config_load(arena, &d, path, &config) && !d.failed)
			abort();
	}
	axc_arena_free(arena);
	close(fd);
	return 0;
}
