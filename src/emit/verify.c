/* --verify: the built kernel against the interpreter, byte for byte, on both entry points. */
#include "emit/emit.h"
#include "eval/eval.h"

#include <dlfcn.h>

typedef int Entry(const void *env, const void *consts, void *const ws[3], const void *const in[], void *const out[]);

typedef struct Verifier {
	AxcArena *arena;
	AxcDiag *d;
	const AxcProgram *p;
	const AxcGraph *g;    /* quantized */
	AxcGraph *core;
	AxcEval *whole, *core_eval;
	Entry *run_i8, *run_f32;
	const uint8_t *consts;
	void *ws[3];
	AxcVerify *verify;
} Verifier;

static void close_library(void *handle)
{
	dlclose(handle);
}

static Entry *entry(Verifier *v, void *handle, const char *name)
{
	void *symbol = dlsym(handle, axc_format(v->arena, "%s_%s", v->p->name, name));
	Entry *fn;
	memcpy(&fn, &symbol, sizeof fn);
	return fn;
}

static bool open_kernel(Verifier *v, const char *dir)
{
	const char *so = axc_path_absolute(v->arena, axc_path_join(v->arena, dir, "kernel_function.so"));
	void *handle = dlopen(so, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return axc_fail_as(v->d, AXC_TIR_TO_RUNTIME_ERROR, "cannot load the kernel just built: %s", dlerror());
	axc_arena_defer(v->arena, close_library, handle);
	v->run_i8 = v->p->has_i8 ? entry(v, handle, "run_i8") : NULL;
	v->run_f32 = v->p->has_f32 ? entry(v, handle, "run_f32") : NULL;
	if ((v->p->has_i8 && !v->run_i8) || (v->p->has_f32 && !v->run_f32))
		return axc_fail_as(v->d, AXC_TIR_TO_RUNTIME_ERROR, "the kernel just built lacks its entry points");
	size_t bytes;
	return axc_emit_consts(v->p, v->d, &v->consts, &bytes);
}

/* The int8 tensor of a port inside its padded NHWC memory; with `put` the other way. */
static void port_bytes(const AxcPort *port, void *memory, void *dense, bool put)
{
	const AxcShape *o = &port->original;
	size_t size = axc_dtype_bytes(port->dtype), count = (size_t)axc_shape_count(o);
	if (strcmp(port->layout, "NHWC") != 0) {
		memcpy(put ? memory : dense, put ? dense : memory, count * size);
		return;
	}
	if (put)
		memset(memory, port->zero_point, (size_t)axc_shape_count(&port->shape));
	bool last = port->channels_last;
	size_t C = (size_t)o->dim[last ? 3 : 1], H = (size_t)o->dim[last ? 1 : 2], W = (size_t)o->dim[last ? 2 : 3];
	size_t ld = (size_t)port->shape.dim[3];
	for (size_t i = 0; i < count; i++) {
		size_t w = i % W, h = i / W % H, c = i / (W * H) % C, n = i / (W * H * C);
		if (last)
			c = i % C, w = i / C % W, h = i / (C * W) % H;
		uint8_t *m = (uint8_t *)memory + ((n * H + h) * W + w) * ld + c, *x = (uint8_t *)dense + i;
		if (put)
			*m = *x;
		else
			*x = *m;
	}
}

static bool differs(Verifier *v, const char *which, const AxcPort *port, const void *got, const void *want, int sample)
{
	size_t size = axc_dtype_bytes(port->dtype), n = (size_t)axc_shape_count(&port->original), bad = 0, first = 0;
	for (size_t i = 0; i < n; i++)
		if (memcmp((const char *)got + i * size, (const char *)want + i * size, size) != 0 && bad++ == 0)
			first = i;
	if (!bad)
		return true;
	v->verify->equal = false;
	v->verify->note = axc_format(v->arena,
	                             "%s: output '%s' differs from the interpreter in %zu of %zu elements on sample %d, first at %zu",
	                             which, axc_safe_name(v->arena, port->name), bad, n, sample, first);
	axc_fail_as(v->d, AXC_TIR_TO_RUNTIME_ERROR, "verification failed: %s", v->verify->note);
	return axc_diag_hint(v->d, "this is a defect of the compiler or of the C compiler: please report it; try another cc meanwhile");
}

static void *memory_of(Verifier *v, const AxcPort *port)
{
	return axc_alloc(v->arena, (size_t)axc_shape_count(&port->shape) * axc_dtype_bytes(port->dtype));
}

static bool run_entry(Verifier *v, const char *name, Entry *fn, const AxcPort *in, uint32_t n_in, void *const *inputs,
                      const AxcPort *out, uint32_t n_out, const AxcEval *ref, const AxcId *ref_out, int sample)
{
	const void **ins = AXC_NEW_ARRAY(v->arena, const void *, n_in + 1);
	void **outs = AXC_NEW_ARRAY(v->arena, void *, n_out + 1);
	for (uint32_t i = 0; i < n_in; i++) {
		void *m = memory_of(v, &in[i]);
		port_bytes(&in[i], m, inputs[i], true);
		ins[i] = m;
	}
	for (uint32_t i = 0; i < n_out; i++)
		outs[i] = memory_of(v, &out[i]);
	int code = fn(NULL, v->consts, v->ws, ins, outs);
	if (code)
		return axc_fail_as(v->d, AXC_TIR_TO_RUNTIME_ERROR, "verification failed: %s returned %d", name, code);
	for (uint32_t i = 0; i < n_out; i++) {
		void *dense = axc_alloc(v->arena, (size_t)axc_shape_count(&out[i].original) * axc_dtype_bytes(out[i].dtype));
		port_bytes(&out[i], outs[i], dense, false);
		if (!differs(v, name, &out[i], dense, axc_eval_data(ref, ref_out[i]), sample))
			return false;
	}
	return true;
}

/* The core's inputs are values of the whole graph: caught while that runs. */
typedef struct Catch {
	const AxcProgram *p;
	void **copies;
} Catch;

static void catch_value(void *ctx, AxcId value, const void *data)
{
	Catch *c = ctx;
	for (uint32_t i = 0; i < c->p->in_i8.n; i++)
		if (c->p->in_i8.at[i].value == value)
			memcpy(c->copies[i], data,
			       (size_t)axc_shape_count(&c->p->in_i8.at[i].original) * axc_dtype_bytes(c->p->in_i8.at[i].dtype));
}

static bool verify_sample(Verifier *v, int i, bool (*sample)(void *, AxcDiag *, int, void *const *), void *ctx)
{
	const AxcProgram *p = v->p;
	void **inputs = AXC_NEW_ARRAY(v->arena, void *, p->in_f32.n + 1);
	void **core_in = AXC_NEW_ARRAY(v->arena, void *, p->in_i8.n + 1);
	AxcId *outs = AXC_NEW_ARRAY(v->arena, AxcId, AXC_MAX(p->out_f32.n, p->out_i8.n) + 1);
	for (uint32_t k = 0; k < p->in_f32.n; k++)
		inputs[k] = memory_of(v, &p->in_f32.at[k]);
	for (uint32_t k = 0; k < p->in_i8.n; k++)
		core_in[k] = axc_alloc(v->arena, (size_t)axc_shape_count(&p->in_i8.at[k].original) *
		                                         axc_dtype_bytes(p->in_i8.at[k].dtype));
	if (!sample(ctx, v->d, i, inputs))
		return false;
	Catch c = {p, core_in};
	if (!axc_eval_run(v->whole, v->d, (const void *const *)inputs, catch_value, &c))
		return false;
	for (uint32_t k = 0; k < p->out_f32.n; k++)
		outs[k] = p->out_f32.at[k].value;
	if (v->run_f32 && !run_entry(v, "run_f32", v->run_f32, p->in_f32.at, p->in_f32.n, inputs, p->out_f32.at,
	                             p->out_f32.n, v->whole, outs, i))
		return false;
	if (!v->run_i8)
		return true;
	if (!axc_eval_run(v->core_eval, v->d, (const void *const *)core_in, NULL, NULL))
		return false;
	for (uint32_t k = 0; k < p->out_i8.n; k++)
		outs[k] = p->out_i8.at[k].value;
	return run_entry(v, "run_i8", v->run_i8, p->in_i8.at, p->in_i8.n, core_in, p->out_i8.at, p->out_i8.n,
	                 v->core_eval, outs, i);
}

static bool prepare(Verifier *v, const char *dir)
{
	if (!open_kernel(v, dir))
		return false;
	for (int k = 0; k < AXC_POOL_COUNT; k++)
		v->ws[k] = axc_alloc(v->arena, AXC_MAX(v->p->ws_bytes[k], (size_t)64) + AXK_SLACK);
	if (!axc_eval_new(v->arena, v->d, v->g, axk_cpu_isa(), false, NULL, &v->whole))
		return false;
	if (!v->p->has_i8)
		return true;
	v->core = axc_core_graph(v->g, v->p->split, v->arena);
	return axc_eval_new(v->arena, v->d, v->core, axk_cpu_isa(), false, NULL, &v->core_eval);
}

bool axc_verify(AxcArena *arena, AxcDiag *d, const AxcProgram *p, const AxcGraph *quantized, const char *dir, int n,
                bool (*sample)(void *ctx, AxcDiag *d, int i, void *const *inputs), void *ctx, AxcVerify *ret_verify)
{
	Verifier v = {.arena = arena, .d = d, .p = p, .g = quantized, .verify = ret_verify};
	*ret_verify = (AxcVerify){.equal = true};
	const char *so = axc_path_join(arena, dir, "kernel_function.so");
	bool built = axc_exists(so), foreign = built && !axc_so_is_for_this_machine(so);
	if (n <= 0 || !axc_target_runs_here(p->target) || !built || foreign) {
		*ret_verify = (AxcVerify){.skipped = true};
		ret_verify->note = n <= 0 ? "switched off by --verify 0"
		                   : !axc_target_runs_here(p->target) ? "this CPU cannot run the target's code"
		                   : foreign ? "the C compiler builds for another processor"
		                             : "no kernel was built";
		return true;
	}
	if (!prepare(&v, dir))
		return false;
	for (int i = 0; i < n; i++) {
		if (!verify_sample(&v, i, sample, ctx))
			return false;
		ret_verify->samples = i + 1;
	}
	return true;
}
