/* A graph as text, one line per value and node, in the order of their ids:
 *
 *   graph "name" model "network" opset 13
 *   value "x" float32 [1,3,?,224] input dims ["N",_,_,_] tag uint8
 *   value "w" int8 [8,3,3,3] data @64+216 q axis 0 scale [0.5,…] zero [0,…]
 *   value "axes" int64 [2] data {2,3}
 *   node "Conv_0" Conv ("x","w",_) -> ("y") {strides: ints [2,2], mode: string "a"}   # float32
 * [1,8,…] inputs ["x"] outputs ["y"]
 *
 * `_` is an absent input, output or name; an unknown dimension or rank is `?`. Strings are quoted,
 * with everything but printable ASCII as \xNN. Floats are the shortest text that reads back to the
 * same bits, or 0x and the bits. What stands behind # is for people. Dead entries are left out.
 */
#include "ir/ir.h"

typedef struct Print {
	const AxcGraph *g;
	AxcText *t, *blob;
	bool bare;
} Print;

static void quoted(Print *p, const char *s)
{
	axc_text_str(p->t, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			axc_text_f(p->t, "\\%c", *s);
		else if (*s >= ' ' && *s <= '~')
			axc_text_add(p->t, s, 1);
		else
			axc_text_f(p->t, "\\x%02x", (unsigned char)*s);
	}
	axc_text_str(p->t, "\"");
}

/* Bare where it is a plain word, else quoted. */
static void word(Print *p, const char *s)
{
	bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z');
	for (const char *c = s; *c && plain; c++)
		plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			(*c >= '0' && *c <= '9') || *c == '_' || *c == '.';
	if (plain)
		axc_text_str(p->t, s);
	else
		quoted(p, s);
}

static void number(Print *p, float f)
{
	size_t start = p->t->n;
	double back = 0;
	float same;
	uint32_t bits;
	axc_text_float(p->t, f);
	bool ok = axc_parse_double(p->t->at + start, &back);
	same = (float)back;
	if (ok && memcmp(&same, &f, sizeof f) == 0)
		return;
	memcpy(&bits, &f, sizeof bits);
	p->t->n = start;
	axc_text_f(p->t, "0x%08x", bits);
}

static void reference(Print *p, AxcId id)
{
	if (id)
		quoted(p, p->g->values.at[id].name);
	else
		axc_text_str(p->t, "_");
}

static void shape(Print *p, const AxcShape *s)
{
	if (s->rank < 0) {
		axc_text_str(p->t, "?");
		return;
	}
	axc_text_str(p->t, "[");
	for (int i = 0; i < s->rank; i++) {
		axc_text_str(p->t, i ? "," : "");
		if (s->dim[i] < 0)
			axc_text_str(p->t, "?");
		else
			axc_text_f(p->t, "%lld", (long long)s->dim[i]);
	}
	axc_text_str(p->t, "]");
}

static void element(Print *p, const AxcValue *v, int64_t i)
{
	const char *at = (const char *)v->data + (size_t)i * axc_dtype_bytes(v->dtype);
	float f;
	int64_t wide = 0;
	int32_t n;
	int16_t s;
	switch (v->dtype) {
	case AXC_F32:
		memcpy(&f, at, 4);
		number(p, f);
		return;
	case AXC_I64:
		memcpy(&wide, at, 8);
		break;
	case AXC_I32:
		memcpy(&n, at, 4);
		wide = n;
		break;
	case AXC_I16:
		memcpy(&s, at, 2);
		wide = s;
		break;
	case AXC_I8:
		wide = *(const int8_t *)at;
		break;
	case AXC_U8:
	case AXC_BOOL:
		wide = *(const uint8_t *)at;
		break;
	case AXC_DT_NONE:
	case AXC_DTYPE_COUNT:
		break;
	}
	axc_text_f(p->t, "%lld", (long long)wide);
}

enum { MAX_INLINE_BYTES = 64 };

static void data(Print *p, const AxcValue *v)
{
	axc_text_str(p->t, " data ");
	if ((v->data_bytes > MAX_INLINE_BYTES && !p->blob) || (p->bare && v->dtype != AXC_I64)) {
		axc_text_str(p->t, "...");
	} else if (v->data_bytes > MAX_INLINE_BYTES) {
		static const char zeros[64];
		axc_text_add(p->blob, zeros, axc_align_up(p->blob->n, 64) - p->blob->n);
		axc_text_f(p->t, "@%zu+%zu", p->blob->n, v->data_bytes);
		axc_text_add(p->blob, v->data, v->data_bytes);
	} else {
		int64_t n = axc_shape_count(&v->shape);
		axc_text_str(p->t, "{");
		for (int64_t i = 0; i < n; i++) {
			axc_text_str(p->t, i ? "," : "");
			element(p, v, i);
		}
		axc_text_str(p->t, "}");
	}
}

static void quant(Print *p, const AxcQuant *q)
{
	axc_text_f(p->t, " q axis %d scale [", q->axis);
	for (int i = 0; i < q->n; i++) {
		axc_text_str(p->t, i ? "," : "");
		number(p, q->scale[i]);
	}
	axc_text_str(p->t, "] zero [");
	for (int i = 0; i < q->n; i++)
		axc_text_f(p->t, "%s%d", i ? "," : "", q->zero_point[i]);
	axc_text_str(p->t, "]");
}

static void value(Print *p, const AxcValue *v)
{
	axc_text_str(p->t, "value ");
	quoted(p, v->name);
	axc_text_f(p->t, " %s ", axc_dtype_name(v->dtype));
	shape(p, &v->shape);
	if (v->is_input)
		axc_text_str(p->t, " input");
	if (v->dim_names && v->shape.rank > 0) {
		axc_text_str(p->t, " dims [");
		for (int i = 0; i < v->shape.rank; i++) {
			axc_text_str(p->t, i ? "," : "");
			if (v->dim_names[i])
				quoted(p, v->dim_names[i]);
			else
				axc_text_str(p->t, "_");
		}
		axc_text_str(p->t, "]");
	}
	if (v->onnx_dtype_tag)
		axc_text_f(p->t, " tag %s", axc_dtype_name(v->onnx_dtype_tag));
	if (v->onnx_narrow)
		axc_text_f(p->t, " onnx_type %d", v->onnx_narrow);
	if (v->data)
		data(p, v);
	if (v->q.n > 0 && p->bare && v->data)
		axc_text_f(p->t, " q axis %d scale ...", v->q.axis);
	else if (v->q.n > 0)
		quant(p, &v->q);
	axc_text_str(p->t, "\n");
}

static void attribute_list(Print *p, const AxcAttr *a)
{
	axc_text_str(p->t, "[");
	for (uint32_t i = 0; i < a->n; i++) {
		axc_text_str(p->t, i ? "," : "");
		if (a->kind == AXC_ATTR_INTS)
			axc_text_f(p->t, "%lld", (long long)a->ints[i]);
		else if (a->kind == AXC_ATTR_FLOATS)
			number(p, a->floats[i]);
		else
			quoted(p, a->strings[i]);
	}
	axc_text_str(p->t, "]");
}

static void attribute(Print *p, const AxcAttr *a)
{
	static const char *const kinds[] = {
		[AXC_ATTR_INT] = "int",       [AXC_ATTR_FLOAT] = "float",
		[AXC_ATTR_STRING] = "string", [AXC_ATTR_INTS] = "ints",
		[AXC_ATTR_FLOATS] = "floats", [AXC_ATTR_STRINGS] = "strings",
		[AXC_ATTR_TENSOR] = "tensor",
	};
	word(p, a->name);
	axc_text_f(p->t, ": %s ", kinds[a->kind]);
	switch (a->kind) {
	case AXC_ATTR_INT:
		axc_text_f(p->t, "%lld", (long long)a->i);
		return;
	case AXC_ATTR_FLOAT:
		number(p, a->f);
		return;
	case AXC_ATTR_STRING:
		quoted(p, a->s);
		return;
	case AXC_ATTR_INTS:
	case AXC_ATTR_FLOATS:
	case AXC_ATTR_STRINGS:
		attribute_list(p, a);
		return;
	case AXC_ATTR_TENSOR:
		reference(p, a->tensor);
		return;
	}
}

static void references(Print *p, const AxcId *ids, uint32_t n, const char *open, const char *close)
{
	axc_text_str(p->t, open);
	for (uint32_t i = 0; i < n; i++) {
		axc_text_str(p->t, i ? "," : "");
		reference(p, ids[i]);
	}
	axc_text_str(p->t, close);
}

static void node(Print *p, const AxcNode *n)
{
	axc_text_str(p->t, "node ");
	quoted(p, n->name);
	axc_text_str(p->t, " ");
	word(p, n->op_type);
	references(p, n->in, n->n_in, " (", ")");
	references(p, n->out, n->n_out, " -> (", ")");
	for (uint32_t i = 0; i < n->n_attrs; i++) {
		axc_text_str(p->t, i ? ", " : " {");
		attribute(p, &n->attrs[i]);
	}
	axc_text_str(p->t, n->n_attrs ? "}" : "");
	if (n->domain && *n->domain && strcmp(n->domain, "axc") != 0) {
		axc_text_str(p->t, " domain ");
		quoted(p, n->domain);
	}
	for (uint32_t i = 0; i < n->n_origins; i++) {
		axc_text_str(p->t, i ? "," : " origins [");
		quoted(p, n->origins[i]);
	}
	axc_text_str(p->t, n->n_origins ? "]" : "");
	if (n->float_reason) {
		axc_text_str(p->t, " float ");
		quoted(p, n->float_reason);
	}
	if (n->n_out && n->out[0]) {
		const AxcValue *v = &p->g->values.at[n->out[0]];
		axc_text_f(p->t, "   # %s ", axc_dtype_name(v->dtype));
		shape(p, &v->shape);
	}
	axc_text_str(p->t, "\n");
}

static void graph(const AxcGraph *g, AxcText *text, AxcText *blob, bool bare)
{
	Print p = {g, text, blob, bare};
	axc_text_str(text, "graph ");
	quoted(&p, g->name);
	axc_text_str(text, " model ");
	quoted(&p, g->model_name);
	axc_text_f(text, " opset %lld\n", (long long)g->opset);
	for (AxcId i = 1; i < g->values.n; i++)
		if (!g->values.at[i].dead)
			value(&p, &g->values.at[i]);
	for (AxcId i = 1; i < g->nodes.n; i++)
		if (!g->nodes.at[i].dead)
			node(&p, &g->nodes.at[i]);
	references(&p, g->inputs.at, g->inputs.n, "inputs [", "]\n");
	references(&p, g->outputs.at, g->outputs.n, "outputs [", "]\n");
}

void axc_graph_print(const AxcGraph *g, AxcText *text, AxcText *blob)
{
	graph(g, text, blob, false);
}

void axc_graph_print_bare(const AxcGraph *g, AxcText *text)
{
	graph(g, text, NULL, true);
}
