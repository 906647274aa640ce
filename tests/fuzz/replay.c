/* Runs a fuzz target over the files of a folder: replay DIR. Nothing but crashes and sanitizers fail it. */
#include "fuzz.h"

#include <dirent.h>

static int replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		return perror(path), 1;
	uint8_t *data = malloc(1 << 24);
	size_t bytes = data ? fread(data, 1, 1 << 24, file) : 0;
	fclose(file);
	/* a block of its own size, so that reading behind its end is seen */
	uint8_t *exact = malloc(bytes ? bytes : 1);
	if (exact)
		memcpy(exact, data, bytes);
	free(data);
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(exact, bytes);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	int n = 0, failed = 0;
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	if (!dir)
		return fprintf(stderr, "usage: replay DIR\n"), 2;
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
		failed |= replay(path);
		n++;
	}
	closedir(dir);
	printf("%d files\n", n);
	return failed || n == 0;
}
