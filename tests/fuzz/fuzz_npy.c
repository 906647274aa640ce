/* .npy files as axrunmodel reads them: a file that is accepted has its data where it says. */
#include "fuzz.h"

#include "axrunmodel/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char path[64], problem[256] = "";
	Npy npy;
	int fd = fuzz_file(data, bytes, path);
	if (npy_open(&npy, path, problem, sizeof problem)) {
		volatile uint8_t sum = 0;
		for (size_t i = 0; i < npy.bytes; i++)
			sum = (uint8_t)(sum + ((const uint8_t *)npy.data)[i]);
		npy_close(&npy);
	} else if (!problem[0]) {
		abort();
	}
	close(fd);
	return 0;
}
