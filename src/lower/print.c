/* The Program as text: what --dump-after=program writes. One line per step: kernel, units, entries,
 * arguments as space+offset, then its parameters that are not zero. */
#include "lower/program.h"

static const char *const spaces[] = {"-", "ws", "const", "in", "out"};

static void print_arg(const AxcProgram *p, AxcArg a, AxcText *t)
{
	const AxcBuf *b = &p->bufs.at[a.buf];
	if (!a.buf) {
		axc_text_str(t, " -");
		return;
	}
	if (b->space == AXC_SPACE_IN || b->space == AXC_SPACE_OUT)
		axc_text_f(t, " %s[%d]", spaces[b->space], b->index);
	else
		axc_text_f(t, " %s@%zu", spaces[b->space], b->offset);
	if (a.offset)
		axc_text_f(t, "+%zu", a.offset);
}

static void print_params(const AxcStep *s, AxcText *t)
{
	int n;
	const AxkField *f = axk_kind_fields(s->kernel->kind, &n);
	for (int i = 0; i < n; i++) {
		const char *at = (const char *)s->params + f[i].offset;
		if (f[i].type == AXK_FIELD_FLOAT && *(const float *)(const void *)at != 0) {
			axc_text_f(t, " %s=", f[i].name);
			axc_text_float(t, *(const float *)(const void *)at);
		} else if (f[i].type == AXK_FIELD_INT && *(const int *)(const void *)at) {
			axc_text_f(t, " %s=%d", f[i].name, *(const int *)(const void *)at);
		} else if (f[i].type == AXK_FIELD_INTS) {
			axc_text_f(t, " %s=", f[i].name);
			for (int k = 0; k < f[i].count; k++)
				axc_text_f(t, "%s%d", k ? "," : "", ((const int *)(const void *)at)[k]);
		}
	}
}

static void print_ports(const char *title, const AxcPort *ports, uint32_t n, AxcArena *arena, AxcText *t)
{
	for (uint32_t i = 0; i < n; i++) {
		axc_text_f(t, "%s[%u] %s %s %s '%s'", title, i, axc_dtype_name(ports[i].dtype),
		           axc_shape_text(arena, &ports[i].shape), ports[i].layout, axc_safe_name(arena, ports[i].name));
		if (ports[i].scale > 0) {
			axc_text_str(t, " scale ");
			axc_text_float(t, ports[i].scale);
			axc_text_f(t, " zero_point %d", ports[i].zero_point);
		}
		axc_text_str(t, "\n");
	}
}

void axc_program_print(const AxcProgram *p, AxcText *t)
{
	axc_text_f(t, "program %s target %s cores %d\nworkspace %zu %zu %zu constants %zu\n", p->name, p->target->name,
	           p->cores, p->ws_bytes[0], p->ws_bytes[1], p->ws_bytes[2], p->const_bytes);
	print_ports("i8 in", p->in_i8.at, p->in_i8.n, p->arena, t);
	print_ports("i8 out", p->out_i8.at, p->out_i8.n, p->arena, t);
	print_ports("f32 in", p->in_f32.at, p->in_f32.n, p->arena, t);
	print_ports("f32 out", p->out_f32.at, p->out_f32.n, p->arena, t);
	for (uint32_t i = 0; i < p->steps.n; i++) {
		const AxcStep *s = &p->steps.at[i];
		axc_text_f(t, "step %u %s units %d chunks %d entries %s%s layer %s\n\targs", i, s->kernel->name, s->units,
		           s->chunks, s->entries & AXC_ENTRY_I8 ? "i" : "", s->entries & AXC_ENTRY_F32 ? "f" : "",
		           p->layers.at[s->layer].text);
		for (uint32_t k = 0; k < s->n_args; k++)
			print_arg(p, s->arg[k], t);
		if (s->scratch) {
			axc_text_str(t, " scratch");
			print_arg(p, (AxcArg){s->scratch, 0}, t);
		}
		axc_text_str(t, "\n\tparams");
		print_params(s, t);
		axc_text_str(t, "\n");
	}
}

void axc_program_memory_map(const AxcProgram *p, AxcText *t)
{
	axc_text_str(t, "first last      offset       bytes buffer\n");
	for (uint32_t i = 1; i < p->bufs.n; i++) {
		const AxcBuf *b = &p->bufs.at[i];
		if (b->space == AXC_SPACE_WS && b->first >= 0)
			axc_text_f(t, "%5d %4d %11zu %11zu %s\n", b->first, b->last, b->offset, b->bytes,
			           axc_safe_name(p->arena, b->name));
	}
}
