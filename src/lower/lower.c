/* Graph -> Program. Walks the quantized graph once; int8 nodes become u8 kernels over strided
 * channel-last tensors, float and integer nodes become the calls their literal builds, over dense tensors
 * in ONNX layout. */
#include "lower/lower.h"

static bool is_op(const AxcNode *n, const char *op)
{
	return strcmp(n->op_type, op) == 0;
}

/* ---- ports ---- */

/* The kernel's own shape of an int8 tensor: NHWC, channels padded (DESIGN section 5). */
static void port_shape(const AxcLowerConfig *config, AxcPort *port)
{
	const AxcShape *x = &port->original;
	port->shape = *x;
	port->layout = "ONNX";
	if (!config->io_nhwc || x->rank != 4)
		return;
	bool last = port->channels_last;
	int64_t c = x->dim[last ? 3 : 1], padded = c;
	if (config->io_padding)
		padded = c <= 4 ? 4 : (c + 63) / 64 * 64;
	port->shape = (AxcShape){.rank = 4, .dim = {x->dim[0], x->dim[last ? 1 : 2], x->dim[last ? 2 : 3], padded}};
	port->pad_hi[3] = padded - c;
	port->layout = "NHWC";
}

/* The name a user knows: the graph input or output that the value is quantized from or to. */
static const char *port_name(const AxcLowering *l, AxcId v)
{
	const AxcValue *value = &l->g->values.at[v];
	const AxcNode *n = &l->g->nodes.at[value->producer];
	if (value->producer && l->layout[value->producer]) {
		value = &l->g->values.at[n->in[0]];
		n = &l->g->nodes.at[value->producer];
	}
	if (value->producer && is_op(n, "QuantizeLinear") && l->part[value->producer] == AXC_PART_PRE)
		return l->g->values.at[n->in[0]].name;
	for (uint32_t u = l->uses.first[v]; u < l->uses.first[v + 1]; u++) {
		n = &l->g->nodes.at[l->uses.node[u]];
		if (is_op(n, "DequantizeLinear") && l->part[l->uses.node[u]] == AXC_PART_POST)
			return axc_outer_name(l->g, &l->uses, l->part, n->out[0]);
	}
	return value->name;
}

static AxcPort make_port(const AxcLowering *l, const AxcGraph *core, AxcId v, bool input)
{
	const AxcValue *value = &l->g->values.at[v];
	AxcPort port = {.value = v, .name = value->name, .dtype = value->dtype, .original = value->shape};
	port.channels_last = input && axc_is_channels_last(l->g, &l->uses, v);
	port.shape = value->shape;
	port.layout = "ONNX";
	if (!core)
		return port;
	port.name = port_name(l, v);
	if (core->values.at[v].dtype == AXC_I8 && value->q.n == 1) {
		port.dtype = AXC_I8;
		port.scale = value->q.scale[0];
		port.zero_point = value->q.zero_point[0];
		port_shape(l->config, &port);
	}
	return port;
}

static void make_ports(AxcLowering *l)
{
	AxcProgram *p = l->p;
	AxcGraph *core = axc_core_graph(l->g, l->config->split, l->arena);
	for (uint32_t i = 0; i < core->inputs.n; i++)
		AXC_PUSH(l->arena, &p->in_i8, make_port(l, core, core->inputs.at[i], true));
	for (uint32_t i = 0; i < core->outputs.n; i++)
		AXC_PUSH(l->arena, &p->out_i8, make_port(l, core, core->outputs.at[i], false));
	for (uint32_t i = 0; i < l->g->inputs.n; i++)
		AXC_PUSH(l->arena, &p->in_f32, make_port(l, NULL, l->g->inputs.at[i], true));
	for (uint32_t i = 0; i < l->g->outputs.n; i++)
		AXC_PUSH(l->arena, &p->out_f32, make_port(l, NULL, l->g->outputs.at[i], false));
	p->has_i8 = p->out_i8.n > 0;
	p->has_f32 = l->config->run_f32 || !p->has_i8;
}

static uint32_t port_buf(AxcLowering *l, AxcSpace space, const AxcPort *port, int index)
{
	size_t bytes = (size_t)axc_shape_count(&port->shape) * axc_dtype_bytes(port->dtype);
	uint32_t b = axc_buf_add(l, space, port->name, bytes);
	l->p->bufs.at[b].index = index;
	return b;
}

/* The ONNX-shaped tensor inside a port's memory. */
static AxcView port_view(const AxcPort *port, uint32_t buf)
{
	AxcView v = {.buf = buf, .shape = port->original};
	axc_view_row_major(&v);
	if (strcmp(port->layout, "NHWC") == 0) {
		const AxcShape *s = &port->shape;
		int c = port->channels_last ? 3 : 1, h = port->channels_last ? 1 : 2;
		v.stride[c] = 1;
		v.stride[h + 1] = s->dim[3];
		v.stride[h] = s->dim[2] * s->dim[3];
		v.stride[0] = s->dim[1] * v.stride[h];
	}
	return v;
}

bool axc_store_port(AxcLowering *l, AxcId value, const AxcView *from)
{
	unsigned entries = l->entries;
	bool ok = true;
	l->entries = AXC_ENTRY_I8;
	for (uint32_t i = 0; i < l->p->out_i8.n && ok; i++) {
		const AxcPort *port = &l->p->out_i8.at[i];
		if (port->value != value)
			continue;
		uint32_t buf = port_buf(l, AXC_SPACE_OUT, port, (int)i);
		AxcView to = port_view(port, buf);
		int64_t total = axc_shape_count(&port->shape);
		bool i8 = port->dtype == AXC_I8;
		if (total != axc_shape_count(&port->original)) {
			struct axk_fill p = {.elem_bytes = 1, .dims = {1, 1, 1, 1, 1, 1, 1, (int)total},
			                     .sy = {0, 0, 0, 0, 0, 0, 0, 1}};
			int8_t zero = (int8_t)port->zero_point;
			AxcArg args[2] = {{buf, 0}, {axc_buf_const(l, "zero point", axc_memdup(l->arena, &zero, 1), 1), 0}};
			ok = axc_step_add(l, AXK_FILL, &p, 2, args, NULL);
		}
		ok = ok && axc_step_copy(l, &to, from, (int)axc_dtype_bytes(port->dtype), i8 ? 128 : 0);
	}
	l->entries = entries;
	return ok;
}

bool axc_store_port_of(AxcLowering *l, AxcId value)
{
	AxcView from = axc_dense_view(l, value);
	return axc_store_port(l, value, &from);
}

bool axc_store_float(AxcLowering *l, AxcId value, const AxcView *from)
{
	if (!l->dense[value] && axc_view_is_row_major(from) && from->offset == 0) {
		l->dense[value] = from->buf;
		return true;
	}
	AxcView to = axc_dense_view(l, value);
	return axc_step_copy(l, &to, from, 4, 0);
}

/* What a leading change of layout reads lies in the memory of what it makes: run_f32 quantizes into it. */
static void view_before_layout(AxcLowering *l, AxcId value, const AxcView *made)
{
	static const int from[4] = {0, 2, 3, 1};
	AxcId node = l->g->values.at[value].producer;
	if (!node || !l->layout[node])
		return;
	AxcId in = l->g->nodes.at[node].in[0];
	AxcView v = {.buf = made->buf, .offset = made->offset, .shape = l->g->values.at[in].shape};
	for (int i = 0; i < 4; i++)
		v.stride[i] = made->stride[from[i]];
	l->view[in] = v;
}

/* run_i8's inputs into the workspace. */
static bool load_ports(AxcLowering *l)
{
	for (uint32_t i = 0; i < l->p->in_i8.n; i++) {
		const AxcPort *port = &l->p->in_i8.at[i];
		AxcView from = port_view(port, port_buf(l, AXC_SPACE_IN, port, (int)i)), to;
		bool i8 = port->dtype == AXC_I8;
		l->entries = AXC_ENTRY_I8;
		if (!i8)
			to = axc_dense_view(l, port->value);
		else if (!axc_view_new(l, port->value, NULL, &to))
			return false;
		if (i8)
			view_before_layout(l, port->value, &to);
		if (!axc_step_copy(l, &to, &from, (int)axc_dtype_bytes(port->dtype), i8 ? 128 : 0))
			return false;
	}
	return true;
}

/* Graph inputs in the caller's memory: read in place by kernels that read nothing behind the end, else copied. */
static bool load_inputs(AxcLowering *l)
{
	for (uint32_t i = 0; i < l->g->inputs.n && l->p->has_f32; i++) {
		AxcId v = l->g->inputs.at[i];
		uint32_t buf = port_buf(l, AXC_SPACE_IN, &l->p->in_f32.at[i], (int)i);
		bool direct = true;
		for (uint32_t u = l->uses.first[v]; u < l->uses.first[v + 1]; u++)
			direct = direct && is_op(&l->g->nodes.at[l->uses.node[u]], "QuantizeLinear");
		if (direct && !axc_is_graph_output(l->g, v)) {
			l->dense[v] = buf;
			continue;
		}
		AxcView from = {.buf = buf, .shape = l->g->values.at[v].shape};
		axc_view_row_major(&from);
		AxcView to = axc_dense_view(l, v);
		l->entries = AXC_ENTRY_F32;
		if (!axc_step_copy(l, &to, &from, (int)axc_dtype_bytes(l->g->values.at[v].dtype), 0))
			return false;
	}
	return true;
}

/* Graph outputs that nobody else reads are computed straight into the caller's memory. */
static void aim_outputs(AxcLowering *l)
{
	for (uint32_t i = 0; i < l->g->outputs.n && l->p->has_f32; i++) {
		AxcId v = l->g->outputs.at[i];
		const AxcValue *value = &l->g->values.at[v];
		bool once = true;
		for (uint32_t k = 0; k < l->g->outputs.n; k++)
			once = once && (k == i || l->g->outputs.at[k] != v);
		/* a float result of the core is run_i8's too */
		once = once && !(l->part[value->producer] == AXC_PART_CORE && l->p->has_i8 && !value->q.n);
		if (once && value->producer && !l->dense[v] && axc_n_readers(l, v) == 0 && value->dtype != AXC_I8)
			l->dense[v] = port_buf(l, AXC_SPACE_OUT, &l->p->out_f32.at[i], (int)i);
	}
}

static bool store_outputs(AxcLowering *l)
{
	l->entries = AXC_ENTRY_F32;
	for (uint32_t i = 0; i < l->g->outputs.n && l->p->has_f32; i++) {
		AxcId v = l->g->outputs.at[i];
		const AxcValue *value = &l->g->values.at[v];
		AxcView from = axc_dense_view(l, v), to = from;
		if (l->p->bufs.at[from.buf].space == AXC_SPACE_OUT)
			continue;
		if (value->dtype == AXC_I8 && !axc_view_of(l, v, &from))
			return false;
		to.buf = port_buf(l, AXC_SPACE_OUT, &l->p->out_f32.at[i], (int)i);
		if (!axc_step_copy(l, &to, &from, (int)axc_dtype_bytes(value->dtype), value->dtype == AXC_I8 ? 128 : 0))
			return false;
	}
	return true;
}

/* ---- nodes ---- */

static bool lower_quantize(AxcLowering *l, const AxcNode *n, bool quantize)
{
	const AxcValue *q = &l->g->values.at[quantize ? n->out[0] : n->in[0]];
	AxcView f = axc_dense_view(l, quantize ? n->in[0] : n->out[0]), u;
	if (quantize) {
		u = l->view[n->out[0]]; /* a port may have made it */
		if (!u.buf && !axc_view_new(l, n->out[0], NULL, &u))
			return false;
	} else if (!axc_view_of(l, n->in[0], &u)) {
		return false;
	}
	if (q->q.n != 1)
		return axc_fail_as(l->d, AXC_MIDEND_TO_TIR_ERROR, "quantizing per channel is possible only inside the core");
	struct axk_quant p = {.s = q->q.scale[0], .zp = q->q.zero_point[0] + 128};
	const AxcView *dst = quantize ? &u : &f, *src = quantize ? &f : &u;
	const int64_t *const both[2] = {dst->stride, src->stride};
	int s[2][8];
	axc_loop_dims(dst->shape.rank, dst->shape.dim, 2, both, p.dims, s);
	memcpy(p.sy, s[0], sizeof p.sy);
	memcpy(p.sx, s[1], sizeof p.sx);
	AxcArg args[2] = {axc_view_arg(dst, quantize ? 1 : 4), axc_view_arg(src, quantize ? 4 : 1)};
	return axc_step_add(l, quantize ? AXK_QUANTIZE : AXK_DEQUANTIZE, &p, 2, args, NULL);
}

static AxcArg float_arg(AxcLowering *l, const AxcNode *n, AxcRef r, const uint32_t *temps, const uint32_t *consts)
{
	AxcArg a = {.offset = r.offset};
	switch (r.kind) {
	case AXC_REF_NONE:
		break;
	case AXC_REF_IN:
		a.buf = axc_dense_view(l, n->in[r.index]).buf;
		break;
	case AXC_REF_OUT:
		a.buf = axc_dense_view(l, n->out[r.index]).buf;
		break;
	case AXC_REF_CONST:
		a.buf = consts[r.index];
		break;
	case AXC_REF_TEMP:
		a.buf = temps[r.index];
		break;
	}
	return a;
}

static void append_call(AxcLowering *l, const AxcNode *n, const AxcCall *c, const uint32_t *temps,
                        const uint32_t *consts)
{
	AxcStep s = {.kernel = c->kernel, .params = c->params, .n_args = c->n_buf, .units = c->units,
	             .entries = l->entries, .layer = l->layer};
	for (uint32_t k = 0; k < c->n_buf; k++)
		s.arg[k] = float_arg(l, n, c->buf[k], temps, consts);
	s.chunks = AXC_MAX(1, AXC_MIN(s.units, l->config->cores));
	if (c->kernel->scratch_bytes)
		s.scratch_bytes = axc_align_up(c->kernel->scratch_bytes(c->params), AXK_ALIGN);
	if (s.scratch_bytes)
		s.scratch = axc_buf_add(l, AXC_SPACE_WS, "scratch", s.scratch_bytes * (size_t)s.chunks);
	AXC_PUSH(l->arena, &l->p->steps, s);
}

static bool lower_float(AxcLowering *l, AxcId node)
{
	const AxcNode *n = &l->g->nodes.at[node];
	if (n->op->lower == AXC_LK_VIEW && !l->dense[n->out[0]]) {
		l->dense[n->out[0]] = axc_dense_view(l, n->in[0]).buf;
		return true;
	}
	AxcBuild b = {.arena = l->arena, .d = l->d, .isa = l->config->target->isa};
	if (!n->op->build) {
		axc_fail_as(l->d, AXC_MIDEND_TO_TIR_ERROR, "no float kernel for this operator");
		return axc_diag_node(l->d, n->name, n->op_type);
	}
	if (!n->op->build(l->g, n, &b)) {
		if (!l->d->error.node)
			axc_diag_node(l->d, n->name, n->op_type);
		return false;
	}
	uint32_t *temps = AXC_NEW_ARRAY(l->arena, uint32_t, b.temps.n), *consts = AXC_NEW_ARRAY(l->arena, uint32_t, b.consts.n);
	for (uint32_t i = 0; i < b.temps.n; i++)
		temps[i] = axc_buf_add(l, AXC_SPACE_WS, "temporary", b.temps.at[i]);
	for (uint32_t i = 0; i < b.consts.n; i++)
		consts[i] = axc_buf_const(l, "constant", b.consts.at[i], b.consts.bytes[i]);
	for (uint32_t i = 0; i < b.calls.n; i++)
		append_call(l, n, &b.calls.at[i], temps, consts);
	return true;
}

static bool lower_int8(AxcLowering *l, AxcId node)
{
	const AxcNode *n = &l->g->nodes.at[node];
	switch (axc_lower_kind(n)) {
	case AXC_LK_CONV:
	case AXC_LK_CONV_TRANSPOSE:
	case AXC_LK_DENSE:
		return axc_lower_mac(l, node);
	case AXC_LK_TABLE:
		return axc_lower_table(l, node);
	case AXC_LK_ADD:
	case AXC_LK_MUL:
		return axc_lower_binary(l, node);
	case AXC_LK_MAXPOOL:
		return axc_lower_pool(l, node);
	case AXC_LK_AVGPOOL:
		return axc_lower_mean(l, node);
	case AXC_LK_MOVE:
	case AXC_LK_VIEW:
		return axc_lower_move(l, node);
	case AXC_LK_CONCAT:
		return axc_lower_concat(l, node);
	case AXC_LK_SOFTMAX:
		return axc_lower_softmax(l, node);
	case AXC_LK_RESIZE_LINEAR:
		return axc_lower_resize(l, node);
	case AXC_LK_REDUCE_MAX:
		return axc_lower_reduce_max(l, node);
	case AXC_LK_NONE:
		break;
	}
	axc_fail_as(l->d, AXC_MIDEND_TO_TIR_ERROR, "no int8 kernel for this operator");
	return axc_diag_node(l->d, n->name, n->op_type);
}

static const char *layer_text(AxcLowering *l, AxcId node)
{
	const AxcFusion *f = &l->fusion[node];
	const AxcNode *n = &l->g->nodes.at[node];
	AxcText t = {.arena = l->arena};
	axc_text_f(&t, "%s %s", axc_safe_name(l->arena, n->op_type), axc_safe_name(l->arena, n->name));
	if (f->lut)
		axc_text_str(&t, " + table");
	if (f->add)
		axc_text_f(&t, " + Add %s", axc_safe_name(l->arena, l->g->nodes.at[f->add].name));
	return t.at;
}

static void begin_layer(AxcLowering *l, AxcId node, bool is_float)
{
	const AxcNode *n = &l->g->nodes.at[node];
	AxcLayer layer = {.text = layer_text(l, node), .node = n->name, .is_float = is_float};
	layer.macs = n->op && n->op->macs ? n->op->macs(l->g, n) : 0;
	l->layer = (int)l->p->layers.n;
	AXC_PUSH(l->arena, &l->p->layers, layer);
}

static bool lower_node(AxcLowering *l, AxcId node)
{
	const AxcNode *n = &l->g->nodes.at[node];
	bool core = l->part[node] == AXC_PART_CORE, int8 = false;
	bool q = is_op(n, "QuantizeLinear"), dq = is_op(n, "DequantizeLinear");
	l->entries = core ? AXC_ENTRY_BOTH : AXC_ENTRY_F32;
	if (!l->p->has_f32)
		l->entries &= AXC_ENTRY_I8;
	if (!l->p->has_i8)
		l->entries = AXC_ENTRY_F32;
	for (uint32_t k = 0; k < n->n_out; k++) {
		const AxcValue *v = &l->g->values.at[n->out[k]];
		int8 = int8 || (n->out[k] && (v->dtype == AXC_I8 || (v->dtype == AXC_F32 && v->q.n)));
	}
	if (l->layout[node] && l->view[n->out[0]].buf) /* view_before_layout */
		return true;
	begin_layer(l, node, !int8 && !dq);
	if (dq && !core) {
		AxcView from;
		if (!axc_view_of(l, n->in[0], &from) || !axc_store_port(l, n->in[0], &from))
			return false;
	}
	if (!l->entries)
		return true;
	if (q)
		return lower_quantize(l, n, true);
	if (int8)
		return lower_int8(l, node);
	if (dq ? !lower_quantize(l, n, false) : !lower_float(l, node))
		return false;
	for (uint32_t k = 0; k < n->n_out && core; k++)
		if (n->out[k] && !axc_store_port_of(l, n->out[k]))
			return false;
	return true;
}

/* An int8 value that is a graph output itself (a model with int8 outputs). */
static bool store_int8_outputs(AxcLowering *l)
{
	for (uint32_t i = 0; i < l->g->outputs.n; i++) {
		AxcId v = l->g->outputs.at[i];
		AxcView from;
		if (l->g->values.at[v].dtype == AXC_I8 && l->g->values.at[v].producer &&
		    (!axc_view_of(l, v, &from) || !axc_store_port(l, v, &from)))
			return false;
	}
	return true;
}

static bool lower_nodes(AxcLowering *l)
{
	for (AxcId i = 1; i < l->g->nodes.n; i++) {
		AxcId node = l->deferred[i] ? l->deferred[i] : i;
		if (l->g->nodes.at[i].dead || (l->absorbed[i] && !l->deferred[i]) ||
		    (!l->deferred[i] && l->fusion[i].at != i))
			continue;
		if (!lower_node(l, node)) {
			if (l->d->failed && !l->d->error.node)
				axc_diag_node(l->d, l->g->nodes.at[node].name, l->g->nodes.at[node].op_type);
			return false;
		}
	}
	return true;
}

bool axc_lower(AxcArena *arena, AxcDiag *d, const AxcGraph *quantized, const AxcLowerConfig *config,
               AxcProgram **ret_program)
{
	const AxcGraph *g = quantized;
	AxcLowering l = {.arena = arena, .d = d, .g = g, .config = config};
	AxcProgram *p = l.p = AXC_NEW(arena, AxcProgram);
	p->arena = arena;
	p->name = g->model_name;
	p->target = config->target;
	p->profile = config->profile;
	p->cores = config->cores;
	p->split = config->split;
	AXC_PUSH(arena, &p->bufs, (AxcBuf){0});
	l.uses = axc_graph_uses(g, arena);
	l.part = axc_parts(g, config->split, arena);
	l.layout = AXC_NEW_ARRAY(arena, bool, g->nodes.n);
	for (uint32_t i = 0; i < g->inputs.n && config->split.bare_layout; i++)
		l.layout[axc_leading_layout(g, &l.uses, g->inputs.at[i])] = true;
	l.layout[0] = false;
	l.fusion = AXC_NEW_ARRAY(arena, AxcFusion, g->nodes.n);
	l.absorbed = AXC_NEW_ARRAY(arena, bool, g->nodes.n);
	l.deferred = AXC_NEW_ARRAY(arena, AxcId, g->nodes.n);
	l.place = AXC_NEW_ARRAY(arena, AxcPlace, g->values.n);
	l.view = AXC_NEW_ARRAY(arena, AxcView, g->values.n);
	l.dense = AXC_NEW_ARRAY(arena, uint32_t, g->values.n);
	axc_fuse(&l);
	axc_place_concats(&l);
	make_ports(&l);
	AXC_PUSH(arena, &p->layers, ((AxcLayer){.text = "inputs", .node = ""}));
	if ((p->has_i8 && !load_ports(&l)) || !load_inputs(&l))
		return false;
	aim_outputs(&l);
	if (!lower_nodes(&l) || !store_int8_outputs(&l))
		return false;
	AXC_PUSH(arena, &p->layers, ((AxcLayer){.text = "outputs", .node = ""}));
	l.layer = (int)p->layers.n - 1;
	if (!store_outputs(&l))
		return false;
	*ret_program = p;
	return true;
}
