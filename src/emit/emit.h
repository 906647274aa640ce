/* A planned Program becomes files: kernel_function.c and .h, pool_l2_const.bin, the shared object,
 * model.json, manifest.json, the pre/postprocess graphs, report.json.
 */
#ifndef AXC_EMIT_H
#define AXC_EMIT_H

#include "lower/program.h"

/* The C file and its header. `const_hash`: axc_hash of the constants, which the library carries. */
AXC_CHECKED bool axc_emit_c(const AxcProgram *p, AxcDiag *d, uint64_t const_hash, AxcText *ret_c, AxcText *ret_h);
/* The constants as one block of p->const_bytes + AXK_SLACK, in p->arena. */
AXC_CHECKED bool axc_emit_consts(const AxcProgram *p, AxcDiag *d, const uint8_t **ret_data, size_t *ret_bytes);

/* The C compiler: `cc` as given, else $CC-independent: cc, gcc, clang on PATH. TIR_TO_RUNTIME_ERROR with
 * the hint `--set build_kernel=false` if there is none. Called before calibration too. */
AXC_CHECKED bool axc_find_cc(AxcArena *arena, AxcDiag *d, const char *cc, const char **ret_path);
/* Runs the compiler, without a shell: DIR/kernel_function.c -> DIR/kernel_function.so. `cflags` is split at blanks. */
AXC_CHECKED bool axc_build_so(AxcArena *arena, AxcDiag *d, const char *cc_path, const char *cflags,
                              const AxcTarget *target, const char *dir);
/* Was the library made for a processor of this machine's kind? A cross compiler's is not. */
bool axc_so_is_for_this_machine(const char *path);

typedef struct AxcEmitConfig {
	const char *cc_path;  /* NULL: do not build */
	const char *cflags;
	int onnx_opset;       /* of preprocess_graph.onnx / postprocess_graph.onnx */
	bool split_graphs;    /* graph_cleaner_split_pre_post_processing */
} AxcEmitConfig;

/* Writes everything but report.json into the existing directory `dir`. */
AXC_CHECKED bool axc_emit(AxcArena *arena, AxcDiag *d, const AxcProgram *p, const AxcGraph *quantized,
                          const AxcEmitConfig *config, const char *dir);

typedef struct AxcVerify {
	int samples;      /* run through kernel and interpreter */
	bool equal;
	bool skipped;     /* the target cannot run here, or nothing was built */
	const char *note; /* why skipped, or where the first difference is */
} AxcVerify;

/* Runs sample(ctx, i, inputs) -> float inputs of the ONNX model, i in 0..n-1, through DIR/kernel_function.so
 * (both entries) and the interpreter, and compares every output byte. A difference is TIR_TO_RUNTIME_ERROR. */
AXC_CHECKED bool axc_verify(AxcArena *arena, AxcDiag *d, const AxcProgram *p, const AxcGraph *quantized,
                            const char *dir, int n,
                            bool (*sample)(void *ctx, AxcDiag *d, int i, void *const *inputs), void *ctx,
                            AxcVerify *ret_verify);

/* compiled_model/report.json (docs/artifacts.md). */
AXC_CHECKED bool axc_emit_report(AxcArena *arena, AxcDiag *d, const AxcProgram *p, const AxcGraph *quantized,
                                 const AxcVerify *verify, const char *dir);

#endif
