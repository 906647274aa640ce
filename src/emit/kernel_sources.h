/* The sources of all kernels as text, generated at build time from kernels/. */
#ifndef AXC_KERNEL_SOURCES_H
#define AXC_KERNEL_SOURCES_H

typedef struct AxcKernelSource {
	const char *name; /* relative to kernels/, "ref/conv_u8.c" */
	const char *text;
} AxcKernelSource;

extern const AxcKernelSource axc_kernel_sources[]; /* ends with name == NULL */

#endif
