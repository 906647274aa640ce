/* Writes the directory of the hand-written network: model.json, kernel_function.so, pool_l2_const.bin. */
#ifndef TINY_MODEL_H
#define TINY_MODEL_H

#include <stdbool.h>

typedef struct TinyModel {
	const char *kernel;   /* path of the built kernel library */
	const char *features; /* JSON list; NULL: [] */
	const char *arch;     /* NULL: this machine's */
	const char *entries;  /* JSON list; NULL: both */
	bool unbuilt;         /* hash and bytes of the kernel are null */
	bool no_library;      /* kernel_function.so is not written */
	bool profiling;
	int cores; /* 0: 1 */
	const char *mode;    /* multicore_mode; NULL: not written, nor is `runtime` */
	const char *runtime; /* JSON object; NULL: {} */
} TinyModel;

/* 0 on success. `factor` is the first byte of the constants. */
int tiny_model_write(const char *dir, const TinyModel *model, int factor);

#endif
