/* Program -> kernel_function.c and kernel_function.h: the structs and kernels that are used, pasted
 * verbatim; the steps (steps.c); two entry points that run them in order. */
#include "emit/emit_c.h"
#include "emit/kernel_sources.h"

static const char *upper(AxcArena *arena, const char *name)
{
	char *u = axc_strdup(arena, name);
	for (char *p = u; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	return u;
}

static const char *ctype(AxcDType t)
{
	switch (t) {
	case AXC_F32: return "float";
	case AXC_I8: return "int8_t";
	case AXC_U8: return "uint8_t";
	case AXC_I16: return "int16_t";
	case AXC_I32: return "int32_t";
	case AXC_I64: return "int64_t";
	case AXC_BOOL: return "uint8_t (0 or 1)";
	case AXC_DT_NONE:
	case AXC_DTYPE_COUNT: break;
	}
	return "?";
}

/* ---- header ---- */

static void header_ports(AxcText *h, AxcArena *arena, const char *title, const AxcPort *ports, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const AxcPort *port = &ports[i];
		axc_text_f(h, " *   %s[%u]  %s %s, %s, '%s'", title, i, ctype(port->dtype),
		           axc_shape_text(arena, &port->shape), port->layout, axc_safe_name(arena, port->name));
		if (port->dtype == AXC_I8 && port->scale > 0) {
			axc_text_str(h, ", real = (q - ");
			axc_text_f(h, "%d) * ", port->zero_point);
			axc_text_float(h, port->scale);
		}
		axc_text_str(h, "\n");
	}
}

static void header_entry(AxcText *h, const AxcProgram *p, const char *entry, const char *what,
                         const AxcPort *in, uint32_t n_in, const AxcPort *out, uint32_t n_out)
{
	axc_text_f(h, "/* %s\n", what);
	header_ports(h, p->arena, "in", in, n_in);
	header_ports(h, p->arena, "out", out, n_out);
	axc_text_f(h,
	           " */\n"
	           "int %s_%s(const axk_env *env, const void *consts, void *const ws[3],\n"
	           "\tconst void *const in[], void *const out[]);\n\n",
	           p->name, entry);
	if (p->run.mode == AXC_PIPELINE)
		axc_text_f(h,
		           "/* One stage of it, 0 to NUM_STAGES - 1; all in order are the same as the call above. -3: no such stage. */\n"
		           "int %s_%s_stage(const axk_env *env, const void *consts, void *const ws[3],\n"
		           "\tconst void *const in[], void *const out[], int stage);\n\n",
		           p->name, entry);
}

/* How many cores, and what a caller does with them. */
static void header_multicore(AxcText *h, const AxcProgram *p, const char *NAME)
{
	int n = p->run.cores;
	if (n == 1)
		return;
	axc_text_f(h, " *\n * Compiled for %d cores, multicore_mode %s: ", n, axc_multicore_name(p->run.mode));
	switch (p->run.mode) {
	case AXC_COOPERATIVE:
		axc_text_str(h, "env->parallel gets up to that many pieces of one frame.\n");
		break;
	case AXC_PIPELINE:
		axc_text_f(h,
		           "%s_NUM_STAGES threads run one stage each\n"
		           " * (%s_..._stage) and hand the frames on, each with a workspace and the in[] and out[] it began with.\n",
		           NAME, p->name);
		break;
	case AXC_MULTIPROCESS:
	case AXC_MULTITHREAD:
	case AXC_BATCH:
		axc_text_f(h, "every %s calls the entry\n * point for a frame of its own, with a workspace of its own.\n",
		           p->run.mode == AXC_MULTIPROCESS ? "process" : "thread");
		break;
	}
}

static void emit_header(const AxcProgram *p, AxcText *h, const char *NAME)
{
	axc_text_f(h,
	           "/* %s, compiled for %s.\n"
	           " *\n"
	           " * Every call is re-entrant: all memory comes in through the arguments. consts is the content of\n"
	           " * pool_l2_const.bin, ws[0..2] are scratch memory of the sizes below (a pool of 0 bytes may be NULL),\n"
	           " * all aligned to %s_ALIGN. in[] and out[] are aligned to their elements. Returns 0; -1: a NULL or\n"
	           " * misaligned pointer; -2: env->parallel failed.\n",
	           axc_safe_name(p->arena, p->name), p->target->name, NAME);
	if (p->target->features[0])
		axc_text_f(h, " * The CPU must have: %s.\n", p->target->features);
	header_multicore(h, p, NAME);
	axc_text_f(h, " */\n#ifndef %s_KERNEL_FUNCTION_H\n#define %s_KERNEL_FUNCTION_H\n\n#include <stdint.h>\n\n",
	           NAME, NAME);
	axc_text_str(h, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
	                "#ifndef AXK_ENV_DEFINED\n#define AXK_ENV_DEFINED\n"
	                "/* What a caller may offer; NULL instead of it means: run serially, no profiling. */\n"
	                "typedef struct axk_env {\n"
	                "\t/* Calls fn(arg, i) for i in 0..n-1, in any order, at the same time if it can; 0 when all are done. */\n"
	                "\tint (*parallel)(void *ctx, void (*fn)(void *arg, int i), void *arg, int n);\n"
	                "\tuint64_t (*now)(void *ctx); /* a clock */\n"
	                "\tvoid *ctx;\n"
	                "\tuint64_t *layer_ticks; /* one sum per layer, or NULL */\n"
	                "} axk_env;\n#endif\n\n");
	axc_text_f(h, "#define %s_CONST_BYTES %zu\n#define %s_WS_BYTES_DDR %zu\n#define %s_WS_BYTES_L2 %zu\n"
	              "#define %s_WS_BYTES_L1 %zu\n#define %s_ALIGN %d\n#define %s_NUM_LAYERS %u\n",
	           NAME, p->const_bytes, NAME, p->ws_bytes[0], NAME, p->ws_bytes[1], NAME, p->ws_bytes[2], NAME,
	           AXK_ALIGN, NAME, p->layers.n);
	axc_text_f(h, "#define %s_NUM_INPUTS %u\n#define %s_NUM_OUTPUTS %u\n", NAME,
	           p->has_f32 ? p->in_f32.n : p->in_i8.n, NAME, p->has_f32 ? p->out_f32.n : p->out_i8.n);
	if (p->has_i8)
		axc_text_f(h, "#define %s_NUM_INPUTS_I8 %u\n#define %s_NUM_OUTPUTS_I8 %u\n", NAME, p->in_i8.n, NAME,
		           p->out_i8.n);
	if (p->run.mode == AXC_PIPELINE)
		axc_text_f(h, "#define %s_NUM_STAGES %d\n", NAME, p->run.cores);
	axc_text_str(h, "\n");
	if (p->has_i8)
		header_entry(h, p, "run_i8", "The quantized core: int8 in, int8 out.", p->in_i8.at, p->in_i8.n,
		             p->out_i8.at, p->out_i8.n);
	if (p->has_f32)
		header_entry(h, p, "run_f32", "The whole ONNX model.", p->in_f32.at, p->in_f32.n, p->out_f32.at,
		             p->out_f32.n);
	axc_text_f(h,
	           "/* The sizes above and of all tensors, for who loads a library of this code and must know that it fits. */\n"
	           "extern const uint64_t %s_contract[];\n\n",
	           p->name);
	axc_text_str(h, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}

/* ---- kernels ---- */

static const char *source_text(const char *name, size_t bytes)
{
	for (const AxcKernelSource *s = axc_kernel_sources; s->name; s++)
		if (strlen(s->name) == bytes && memcmp(s->name, name, bytes) == 0)
			return s->text;
	return NULL;
}

static bool line_is(const char *line, size_t n, const char *start)
{
	while (n && (*line == ' ' || *line == '\t')) {
		line++;
		n--;
	}
	return n >= strlen(start) && memcmp(line, start, strlen(start)) == 0;
}

/* Pastes a source without its #include lines (what it needs is already there). */
static void paste(AxcText *c, const char *text)
{
	for (const char *line = text; *line;) {
		const char *end = strchr(line, '\n');
		size_t n = end ? (size_t)(end - line) + 1 : strlen(line);
		if (!line_is(line, n, "#include"))
			axc_text_add(c, line, n);
		line += n;
	}
}

static bool paste_files(AxcEmitC *e, AxcMap *done, const char *files)
{
	for (const char *at = files; *at;) {
		size_t n = strcspn(at, " ");
		const char *name = axc_strndup(e->p->arena, at, n);
		if (n && !axc_map_get(done, name)) {
			const char *text = source_text(name, n);
			if (!text)
				return axc_fail_as(e->d, AXC_TIR_TO_RUNTIME_ERROR, "kernel source '%s' is not embedded", name);
			axc_map_put(done, e->p->arena, name, 1);
			axc_text_f(e->c, "\n/* ---- kernels/%s ---- */\n\n", name);
			paste(e->c, text);
		}
		at += n;
		at += *at == ' ';
	}
	return true;
}

static void emit_struct(AxcEmitC *e, AxkKind kind)
{
	int n;
	const AxkField *f = axk_kind_fields(kind, &n);
	axc_text_f(e->c, "struct %s {\n", axk_kind_struct(kind));
	for (int i = 0; i < n; i++) {
		if (f[i].type == AXK_FIELD_INTS)
			axc_text_f(e->c, "\tint %s[%d];\n", f[i].name, f[i].count);
		else
			axc_text_f(e->c, "\t%s %s;\n", f[i].type == AXK_FIELD_INT ? "int" : "float", f[i].name);
	}
	axc_text_str(e->c, "};\n\n");
}

static bool emit_kernels(AxcEmitC *e)
{
	AxcMap structs = {0}, files = {0};
	const AxcProgram *p = e->p;
	for (uint32_t i = 0; i < p->steps.n; i++) {
		AxkKind kind = p->steps.at[i].kernel->kind;
		if (!axc_step_used(p, &p->steps.at[i]) || axc_map_get(&structs, axk_kind_struct(kind)))
			continue;
		axc_map_put(&structs, p->arena, axk_kind_struct(kind), 1);
		emit_struct(e, kind);
	}
	for (uint32_t i = 0; i < p->steps.n; i++)
		if (axc_step_used(p, &p->steps.at[i]) && !paste_files(e, &files, p->steps.at[i].kernel->files))
			return false;
	return true;
}

/* ---- entries ---- */

static int port_align(const AxcPort *port)
{
	return (int)axc_dtype_bytes(port->dtype);
}

/* Ports of one alignment in a row share a loop. */
static void emit_checks(AxcEmitC *e, const char *array, const AxcPort *ports, uint32_t n)
{
	uint32_t end;
	for (uint32_t i = 0; i < n; i = end) {
		int align = port_align(&ports[i]);
		for (end = i + 1; end < n && port_align(&ports[end]) == align; end++)
			;
		const char *index = end == i + 1 ? axc_format(e->p->arena, "%u", i) : "k";
		if (end > i + 1)
			axc_text_f(e->c, "\tfor (k = %u; k < %u; k++)\n\t", i, end);
		axc_text_f(e->c, "\tif (!%s[%s]", array, index);
		if (align > 1)
			axc_text_f(e->c, " || (uintptr_t)%s[%s] %% %d", array, index, align);
		axc_text_f(e->c, ")\n\t\t%sreturn -1;\n", end > i + 1 ? "\t" : "");
	}
}

/* The entry point of a pipeline: its stages, and all of them in order. */
static void emit_stages(AxcEmitC *e, const char *entry, const uint32_t *stage_end)
{
	const AxcProgram *p = e->p;
	axc_text_str(e->c, "\tswitch (stage) {\n"); /* checked above */
	for (int k = 0; k < p->run.cores; k++) {
		axc_text_f(e->c, "\tcase %d:\n", k);
		for (uint32_t part = k ? stage_end[k - 1] : 0; part < stage_end[k]; part++)
			axc_text_f(e->c, "\t\tbad |= axk_%s_%u(&f);\n", entry, part);
		axc_text_str(e->c, "\t\tbreak;\n");
	}
	axc_text_f(e->c,
	           "\t}\n\treturn bad ? -2 : 0;\n}\n"
	           "\nint %s_%s(const axk_env *env, const void *consts, void *const ws[3],\n"
	           "\tconst void *const in[], void *const out[])\n{\n\tint code = 0, stage;\n\n"
	           "\tfor (stage = 0; stage < %d && !code; stage++)\n"
	           "\t\tcode = %s_%s_stage(env, consts, ws, in, out, stage);\n\treturn code;\n}\n",
	           p->name, entry, p->run.cores, p->name, entry);
}

static void emit_calls(AxcEmitC *e, const char *entry, unsigned mask)
{
	const AxcProgram *p = e->p;
	bool pipeline = p->run.mode == AXC_PIPELINE;
	uint32_t *stage_end = AXC_NEW_ARRAY(p->arena, uint32_t, AXC_MAX(1, p->run.cores));
	uint32_t parts = axc_emit_parts(e, entry, mask, stage_end);
	axc_text_f(e->c,
	           "\nint %s_%s%s(const axk_env *env, const void *consts, void *const ws[3],\n"
	           "\tconst void *const in[], void *const out[]%s)\n{\n\tstruct axk_frame f;\n\tint bad = 0, k;\n\n",
	           p->name, entry, pipeline ? "_stage" : "", pipeline ? ", int stage" : "");
	if (pipeline)
		axc_text_f(e->c, "\tif (stage < 0 || stage >= %d)\n\t\treturn -3;\n", p->run.cores);
	axc_text_f(e->c, "\tif (!consts || !ws || !in || !out || (uintptr_t)consts %% %d)\n\t\treturn -1;\n", AXK_ALIGN);
	for (int pool = 0; pool < AXC_POOL_COUNT; pool++)
		if (p->ws_bytes[pool])
			axc_text_f(e->c, "\tif (!ws[%d] || (uintptr_t)ws[%d] %% %d)\n\t\treturn -1;\n", pool, pool, AXK_ALIGN);
	bool i8 = mask == AXC_ENTRY_I8;
	emit_checks(e, "in", i8 ? p->in_i8.at : p->in_f32.at, i8 ? p->in_i8.n : p->in_f32.n);
	emit_checks(e, "out", i8 ? p->out_i8.at : p->out_f32.at, i8 ? p->out_i8.n : p->out_f32.n);
	axc_text_str(e->c, "\tf.env = env;\n\tf.consts = consts;\n\tf.in = in;\n\tf.out = out;\n"
	                   "\tfor (k = 0; k < 3; k++)\n\t\tf.ws[k] = ws[k];\n");
	if (pipeline) {
		emit_stages(e, entry, stage_end);
		return;
	}
	for (uint32_t k = 0; k < parts; k++)
		axc_text_f(e->c, "\tbad |= axk_%s_%u(&f);\n", entry, k);
	axc_text_str(e->c, "\treturn bad ? -2 : 0;\n}\n");
}

static void emit_prologue(AxcEmitC *e)
{
	const AxcProgram *p = e->p;
	const char *target = p->target->gcc_target;
	axc_text_f(e->c,
	           "/* %s: a neural network as one C file, made by axcompile for %s.\n"
	           " * Compile with: cc -O2 -c kernel_function.c   (no other flags are needed)\n"
	           " * Its constants are in pool_l2_const.bin; how to call it is in kernel_function.h.\n */\n",
	           axc_safe_name(p->arena, p->name), p->target->name);
	axc_text_str(e->c, "#include \"kernel_function.h\"\n\n#include <float.h>\n#include <stddef.h>\n#include <stdint.h>\n"
	                   "#include <string.h>\n");
	if (strcmp(p->target->arch, "x86-64") == 0)
		axc_text_str(e->c, "\n#if !defined(__x86_64__)\n#error \"this file is for x86-64\"\n#endif\n#include <immintrin.h>\n");
	axc_text_str(e->c, "\n/* The results are defined to the last bit: contraction and fast-math would change them. */\n"
	                   "#if defined(__FAST_MATH__)\n#error \"compile without -ffast-math\"\n#endif\n"
	                   "#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0\n#error \"float must be evaluated as float\"\n#endif\n"
	                   "#if defined(__clang__)\n#pragma STDC FP_CONTRACT OFF\n");
	if (target[0])
		axc_text_f(e->c, "#pragma clang attribute push(__attribute__((target(\"%s\"))), apply_to = function)\n", target);
	axc_text_str(e->c, "#elif defined(__GNUC__)\n#pragma GCC optimize(\"fp-contract=off\")\n"
	                   /* GCC 12 deletes loops over x[2 * i] when parameters are constants (lut_u8 of a channel
	                    * shuffle); it finds a bound on the iterations that is not there */
	                   "#pragma GCC optimize(\"no-aggressive-loop-optimizations\")\n"
	                   /* and takes addresses that its induction variables compute from 0 for null pointers: it holds
	                    * a step whose store follows one for pure, and leaves the call out (requantization) */
	                   "#pragma GCC optimize(\"no-delete-null-pointer-checks\")\n");
	if (target[0])
		axc_text_f(e->c, "#pragma GCC target(\"%s\")\n", target);
	axc_text_str(e->c, "#endif\n\n");
	if (p->target->has_fma)
		axc_text_str(e->c, "#define AXK_HAS_FMA 1\n");
	axc_text_str(e->c, "#define AXK_FN static\n#define AXK_NAME(name) name\n"
	                   "#define AXK_INLINE static inline __attribute__((unused))\n"
	                   "#define AXK_SLACK 64\n#define AXK_ALIGN 64\n#define AXK_DIMS 8\n"
	                   "#define AXK_INF __builtin_inff()\n#define AXK_NAN __builtin_nanf(\"\")\n\n"
	                   "struct axk_frame {\n\tconst axk_env *env;\n\tconst char *consts;\n\tchar *ws[3];\n"
	                   "\tconst void *const *in;\n\tvoid *const *out;\n};\n\n");
}

static void contract_ports(AxcText *t, const AxcPort *ports, uint32_t n)
{
	axc_text_f(t, ",\n\t%u", n);
	for (uint32_t i = 0; i < n; i++)
		axc_text_f(t, ", %zu", (size_t)axc_shape_count(&ports[i].shape) * axc_dtype_bytes(ports[i].dtype));
}

/* The sizes that caller and code must agree about, for who loads the code at run time (docs/model_json.md). */
static void emit_contract(const AxcProgram *p, uint64_t const_hash, AxcText *ret_c)
{
	AxcText t = {.arena = p->arena};
	axc_text_f(&t, "\t%zu, 0x%016llx, %d, %zu, %zu, %zu, %u, %d, %d", p->const_bytes, (unsigned long long)const_hash,
	           AXK_ALIGN, p->ws_bytes[0], p->ws_bytes[1], p->ws_bytes[2], p->layers.n, p->has_i8, p->has_f32);
	if (p->has_i8) {
		contract_ports(&t, p->in_i8.at, p->in_i8.n);
		contract_ports(&t, p->out_i8.at, p->out_i8.n);
	}
	if (p->has_f32) {
		contract_ports(&t, p->in_f32.at, p->in_f32.n);
		contract_ports(&t, p->out_f32.at, p->out_f32.n);
	}
	size_t n = 9;
	if (p->has_i8)
		n += 2 + p->in_i8.n + p->out_i8.n;
	if (p->has_f32)
		n += 2 + p->in_f32.n + p->out_f32.n;
	axc_text_f(ret_c,
	           "\n/* For loaders, which compare: how many numbers follow; constants: bytes, hash; alignment; ws[0..2]; layers;\n"
	           " * is there run_i8, run_f32; of each the number of inputs and their bytes, and of outputs. */\n"
	           "const uint64_t %s_contract[] = {\n\t%zu,\n%s\n};\n",
	           p->name, n, t.at);
}

bool axc_emit_c(const AxcProgram *p, AxcDiag *d, uint64_t const_hash, AxcText *ret_c, AxcText *ret_h)
{
	AxcEmitC e = {.p = p, .d = d, .c = ret_c, .NAME = upper(p->arena, p->name)};
	emit_header(p, ret_h, e.NAME);
	emit_prologue(&e);
	if (!emit_kernels(&e))
		return false;
	axc_emit_steps(&e);
	if (p->has_i8)
		emit_calls(&e, "run_i8", AXC_ENTRY_I8);
	if (p->has_f32)
		emit_calls(&e, "run_f32", AXC_ENTRY_F32);
	emit_contract(p, const_hash, ret_c);
	if (p->target->gcc_target[0])
		axc_text_str(ret_c, "\n#if defined(__clang__)\n#pragma clang attribute pop\n#endif\n");
	return true;
}

bool axc_emit_consts(const AxcProgram *p, AxcDiag *d, const uint8_t **ret_data, size_t *ret_bytes)
{
	(void)d;
	uint8_t *data = axc_alloc(p->arena, p->const_bytes + AXK_SLACK);
	for (uint32_t i = 1; i < p->bufs.n; i++) {
		const AxcBuf *b = &p->bufs.at[i];
		if (b->space == AXC_SPACE_CONST && b->bytes)
			memcpy(data + b->offset, b->data, b->bytes);
	}
	*ret_data = data;
	*ret_bytes = p->const_bytes;
	return true;
}
