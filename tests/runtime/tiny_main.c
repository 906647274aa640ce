/* make-tiny-model DIR [profiling] [MODE CORES [RUNTIME]]: the hand-written network on disk, for tests of
 * axrunmodel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tiny_model.h"

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	TinyModel model = {.kernel = TINY_KERNEL, .profiling = argc > 2 && strcmp(argv[2], "profiling") == 0};
	int at = model.profiling ? 3 : 2;
	if (argc > at + 1) {
		model.mode = argv[at];
		model.cores = atoi(argv[at + 1]);
		model.runtime = argc > at + 2 ? argv[at + 2] : NULL;
	}
	if (tiny_model_write(argv[1], &model, 2) == 0)
		return 0;
	fprintf(stderr, "cannot write to %s\n", argv[1]);
	return 1;
}
