/* The lowered graph as JSON: what each entry point takes and gives, buffers with their addresses, layers, and
 * the kernel calls in order. For people and tools; the runtime does not read it. */
#include "report/lowered.h"

#include "base/json.h"

static void put_port(AxcJsonOut *j, const AxcPort *port)
{
	bool quantized = port->dtype == AXC_I8 && port->scale > 0;
	axc_json_object_row(j, NULL);
	axc_json_str(j, "name", port->name);
	axc_json_str(j, "dtype", axc_dtype_name(port->dtype));
	axc_json_ints(j, "shape", port->shape.dim, (size_t)port->shape.rank);
	axc_json_str(j, "layout", port->layout);
	axc_json_floats(j, "scale", &port->scale, quantized);
	axc_json_ints32(j, "zero_point", &port->zero_point, quantized);
	axc_json_null(j, "axis");
	axc_json_ints(j, "shape_original", port->original.dim, (size_t)port->original.rank);
	axc_json_end(j);
}

static void put_ports(AxcJsonOut *j, const char *key, const AxcPort *ports, uint32_t n)
{
	axc_json_array(j, key);
	for (uint32_t i = 0; i < n; i++)
		put_port(j, &ports[i]);
	axc_json_end(j);
}

static const char *space_name(AxcSpace space)
{
	switch (space) {
	case AXC_SPACE_NONE: return "none";
	case AXC_SPACE_WS: return "workspace";
	case AXC_SPACE_CONST: return "constants";
	case AXC_SPACE_IN: return "input";
	case AXC_SPACE_OUT: return "output";
	}
	return "none";
}

static void put_buffers(AxcJsonOut *j, const AxcProgram *p)
{
	static const char *const pools[AXC_POOL_COUNT] = {"ddr", "l2", "l1"};
	axc_json_array(j, "buffers");
	for (uint32_t i = 1; i < p->bufs.n; i++) {
		const AxcBuf *b = &p->bufs.at[i];
		axc_json_object_row(j, NULL);
		axc_json_uint(j, "id", i);
		axc_json_str(j, "tensor", b->name);
		axc_json_str(j, "space", space_name(b->space));
		axc_json_uint(j, "bytes", b->bytes);
		if (b->space == AXC_SPACE_WS)
			axc_json_str(j, "pool", pools[b->pool]);
		if (b->space == AXC_SPACE_WS || b->space == AXC_SPACE_CONST)
			axc_json_uint(j, "offset", b->offset);
		if (b->space == AXC_SPACE_IN || b->space == AXC_SPACE_OUT)
			axc_json_int(j, "argument", b->index);
		axc_json_end(j);
	}
	axc_json_end(j);
}

static void put_step(AxcJsonOut *j, const AxcStep *s)
{
	axc_json_object_row(j, NULL);
	axc_json_int(j, "layer", s->layer);
	axc_json_str(j, "kernel", s->kernel->name);
	axc_json_bool(j, "run_i8", (s->entries & AXC_ENTRY_I8) != 0);
	axc_json_bool(j, "run_f32", (s->entries & AXC_ENTRY_F32) != 0);
	axc_json_int(j, "units", s->units);
	axc_json_int(j, "chunks", s->chunks);
	axc_json_row(j, "buffers");
	for (uint32_t k = 0; k < s->n_args; k++)
		axc_json_uint(j, NULL, s->arg[k].buf);
	axc_json_end(j);
	axc_json_row(j, "offsets");
	for (uint32_t k = 0; k < s->n_args; k++)
		axc_json_uint(j, NULL, s->arg[k].offset);
	axc_json_end(j);
	axc_json_end(j);
}

void axc_report_lowered(const AxcProgram *p, AxcText *out)
{
	AxcJsonOut j = axc_json(out);
	axc_json_object(&j, NULL);
	axc_json_int(&j, "format_version", 1);
	axc_json_str(&j, "model_name", p->name);
	axc_json_str(&j, "target", p->target->name);
	axc_json_int(&j, "cores", p->cores);
	put_ports(&j, "inputs", p->in_i8.at, p->in_i8.n);
	put_ports(&j, "outputs", p->out_i8.at, p->out_i8.n);
	put_ports(&j, "inputs_f32", p->in_f32.at, p->in_f32.n);
	put_ports(&j, "outputs_f32", p->out_f32.at, p->out_f32.n);
	put_buffers(&j, p);
	axc_json_array(&j, "layers");
	for (uint32_t i = 0; i < p->layers.n; i++) {
		axc_json_object_row(&j, NULL);
		axc_json_str(&j, "text", p->layers.at[i].text);
		axc_json_str(&j, "node", p->layers.at[i].node);
		axc_json_bool(&j, "float", p->layers.at[i].is_float);
		axc_json_int(&j, "macs", p->layers.at[i].macs);
		axc_json_end(&j);
	}
	axc_json_end(&j);
	axc_json_array(&j, "steps");
	for (uint32_t i = 0; i < p->steps.n; i++)
		put_step(&j, &p->steps.at[i]);
	axc_json_end(&j);
	axc_json_end(&j);
}
