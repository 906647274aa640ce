/* Reads back what print.c writes. The text may come from anywhere: everything is checked, a message
 * says line and column. */
#include "ops/op.h"

typedef struct Parse {
	AxcArena *arena;
	AxcDiag *d;
	const char *at, *end;
	const char *line_start;
	int line;
	bool failed;
	const uint8_t *blob;
	size_t blob_bytes;
	AxcGraph *g;
	AxcMap values, nodes;
} Parse;

/* ---- tokens ---- */

static bool wrong(Parse *p, const char *what)
{
	if (!p->failed)
		axc_fail(p->d, "graph text, line %d, column %d: %s", p->line,
			 (int)(p->at - p->line_start) + 1, what);
	p->failed = true;
	return false;
}

static char peek(const Parse *p)
{
	return p->at < p->end ? *p->at : 0;
}

static void skip_blanks(Parse *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\t'))
		p->at++;
}

static bool take(Parse *p, char c)
{
	skip_blanks(p);
	if (peek(p) != c)
		return false;
	p->at++;
	return true;
}

static bool expect(Parse *p, char c)
{
	char what[] = "'.' is expected";
	what[1] = c;
	return take(p, c) || wrong(p, what);
}

static bool end_of_line(Parse *p)
{
	skip_blanks(p);
	if (peek(p) == '#')
		while (p->at < p->end && *p->at != '\n')
			p->at++;
	if (p->at < p->end && *p->at != '\n')
		return wrong(p, "the end of the line is expected");
	p->at += p->at < p->end;
	p->line++;
	p->line_start = p->at;
	return true;
}

static bool word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.';
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool quoted(Parse *p, const char **ret)
{
	AxcText t = {.arena = p->arena};
	axc_text_str(&t, "");
	if (!expect(p, '"'))
		return false;
	for (;;) {
		char c = peek(p);
		if (c == 0 || c == '\n')
			return wrong(p, "a string is not closed");
		p->at++;
		if (c == '"')
			break;
		if (c == '\\' && (peek(p) == '"' || peek(p) == '\\')) {
			c = *p->at++;
		} else if (c == '\\') {
			int hi = p->end - p->at >= 3 && p->at[0] == 'x' ? hex_digit(p->at[1]) : -1;
			int lo = hi >= 0 ? hex_digit(p->at[2]) : -1;
			if (lo < 0 || (hi == 0 && lo == 0))
				return wrong(p, "an escape is \\\", \\\\ or \\xNN");
			c = (char)(hi * 16 + lo);
			p->at += 3;
		}
		axc_text_add(&t, &c, 1);
	}
	*ret = t.at;
	return true;
}

/* The word at hand if it is one of letters, digits, '_', '.'; empty otherwise. */
static const char *bare_word(Parse *p)
{
	skip_blanks(p);
	const char *start = p->at;
	while (word_char(peek(p)))
		p->at++;
	return axc_strndup(p->arena, start, (size_t)(p->at - start));
}

static bool word(Parse *p, const char **ret)
{
	skip_blanks(p);
	if (peek(p) == '"')
		return quoted(p, ret);
	*ret = bare_word(p);
	return **ret || wrong(p, "a word is expected");
}

static bool keyword(Parse *p, const char *what)
{
	const char *start = p->at;
	if (strcmp(bare_word(p), what) == 0)
		return true;
	p->at = start;
	return false;
}

static bool number_text(Parse *p, const char **ret)
{
	skip_blanks(p);
	const char *start = p->at;
	while (word_char(peek(p)) ||
	       ((peek(p) == '-' || peek(p) == '+') && (p->at == start || p->at[-1] == 'e')))
		p->at++;
	*ret = axc_strndup(p->arena, start, (size_t)(p->at - start));
	return **ret || wrong(p, "a number is expected");
}

static bool integer(Parse *p, int64_t *ret)
{
	const char *text;
	return number_text(p, &text) &&
	       (axc_parse_int64(text, ret) || wrong(p, "a whole number is expected"));
}

static bool real(Parse *p, float *ret)
{
	const char *text;
	double wide;
	if (!number_text(p, &text))
		return false;
	if (strlen(text) == 10 && text[0] == '0' && text[1] == 'x') {
		uint32_t bits = 0;
		for (int i = 2; i < 10; i++) {
			if (hex_digit(text[i]) < 0)
				return wrong(p, "0x and eight hexadecimal digits are expected");
			bits = bits << 4 | (uint32_t)hex_digit(text[i]);
		}
		memcpy(ret, &bits, 4);
		return true;
	}
	if (!axc_parse_double(text, &wide))
		return wrong(p, "a number is expected");
	*ret = (float)wide;
	return true;
}

/* ---- lists: [a,b,…] ---- */

typedef AXC_ARRAY(int64_t) IntList;
typedef AXC_ARRAY(float) FloatList;
typedef AXC_ARRAY(const char *) NameList;

static bool list_more(Parse *p, uint32_t n, char close, bool *ret_more)
{
	if (take(p, close)) {
		*ret_more = false;
		return true;
	}
	*ret_more = true;
	return n == 0 || expect(p, ',');
}

static bool int_list(Parse *p, char open, char close, IntList *list)
{
	bool more = true;
	if (!expect(p, open))
		return false;
	for (;;) {
		int64_t v = 0;
		if (!list_more(p, list->n, close, &more))
			return false;
		if (!more)
			return true;
		if (!integer(p, &v))
			return false;
		AXC_PUSH(p->arena, list, v);
	}
}

static bool float_list(Parse *p, char open, char close, FloatList *list)
{
	bool more = true;
	if (!expect(p, open))
		return false;
	for (;;) {
		float v = 0;
		if (!list_more(p, list->n, close, &more))
			return false;
		if (!more)
			return true;
		if (!real(p, &v))
			return false;
		AXC_PUSH(p->arena, list, v);
	}
}

/* Quoted names; `_` gives NULL. */
static bool name_list(Parse *p, char open, char close, NameList *list)
{
	bool more = true;
	if (!expect(p, open))
		return false;
	for (;;) {
		const char *v = NULL;
		if (!list_more(p, list->n, close, &more))
			return false;
		if (!more)
			return true;
		if (!take(p, '_') && !quoted(p, &v))
			return false;
		AXC_PUSH(p->arena, list, v);
	}
}

static bool find_value(Parse *p, const char *name, AxcId *ret)
{
	*ret = name ? axc_map_get(&p->values, name) : 0;
	if (name && !*ret)
		return wrong(p, axc_format(p->d->arena, "there is no value '%s'",
					   axc_safe_name(p->d->arena, name)));
	return true;
}

static bool ids(Parse *p, char open, char close, uint32_t *ret_n, AxcId **ret)
{
	NameList names = {0};
	if (!name_list(p, open, close, &names))
		return false;
	AxcId *list = AXC_NEW_ARRAY(p->arena, AxcId, names.n);
	for (uint32_t i = 0; i < names.n; i++)
		if (!find_value(p, names.at[i], &list[i]))
			return false;
	*ret_n = names.n;
	*ret = list;
	return true;
}

/* ---- value lines ---- */

static bool dtype(Parse *p, AxcDType *ret)
{
	const char *name = bare_word(p);
	*ret = axc_dtype_parse(name);
	return *ret != AXC_DT_NONE || strcmp(name, "none") == 0 || wrong(p, "an unknown type");
}

static bool shape(Parse *p, AxcShape *s)
{
	*s = (AxcShape){.rank = AXC_RANK_UNKNOWN};
	if (take(p, '?'))
		return true;
	bool more = true;
	s->rank = 0;
	if (!expect(p, '['))
		return false;
	for (;;) {
		int64_t dim = AXC_DIM_UNKNOWN;
		if (!list_more(p, (uint32_t)s->rank, ']', &more))
			return false;
		if (!more)
			return true;
		if (s->rank == AXC_MAX_RANK)
			return wrong(p, "too many dimensions");
		if (!take(p, '?') && (!integer(p, &dim) || dim < 0))
			return wrong(p, "a dimension is a number from 0 on, or ?");
		s->dim[s->rank++] = dim;
	}
}

static void store(AxcDType type, int64_t wide, void *data, int64_t i)
{
	switch (type) {
	case AXC_I64:
		((int64_t *)data)[i] = wide;
		break;
	case AXC_I32:
		((int32_t *)data)[i] = (int32_t)wide;
		break;
	case AXC_I16:
		((int16_t *)data)[i] = (int16_t)wide;
		break;
	case AXC_I8:
	case AXC_U8:
	case AXC_BOOL:
		((uint8_t *)data)[i] = (uint8_t)wide;
		break;
	case AXC_F32:
	case AXC_DT_NONE:
	case AXC_DTYPE_COUNT:
		break;
	}
}

static bool inline_data(Parse *p, AxcDType type, int64_t count, const void **ret)
{
	if (type == AXC_F32) {
		FloatList list = {0};
		if (!float_list(p, '{', '}', &list))
			return false;
		*ret = axc_memdup(p->arena, list.at, list.n * sizeof(float));
		return list.n == count || wrong(p, "the number of elements does not fit the shape");
	}
	IntList list = {0};
	if (!int_list(p, '{', '}', &list))
		return false;
	void *out = axc_alloc_array(p->arena, list.n, axc_dtype_bytes(type));
	for (uint32_t i = 0; i < list.n; i++)
		store(type, list.at[i], out, i);
	*ret = out;
	return list.n == count || wrong(p, "the number of elements does not fit the shape");
}

static bool blob_data(Parse *p, size_t want, const void **ret)
{
	int64_t offset = 0, bytes = 0;
	if (!expect(p, '@') || !integer(p, &offset) || !expect(p, '+') || !integer(p, &bytes))
		return false;
	if (offset < 0 || offset % 64 || bytes < 0 || (size_t)bytes != want)
		return wrong(p, "offset or size of the data do not fit type and shape");
	if (!p->blob || (size_t)offset > p->blob_bytes || want > p->blob_bytes - (size_t)offset)
		return wrong(p, "the data lies outside the data file");
	*ret = p->blob + offset;
	return true;
}

static bool data(Parse *p, AxcValue *v)
{
	int64_t count = axc_shape_static(&v->shape) ? axc_shape_count(&v->shape) : -1;
	if (v->dtype == AXC_DT_NONE || count < 0 || count > INT32_MAX)
		return wrong(p, "a constant needs a type and a shape of less than 2^31 elements");
	v->data_bytes = (size_t)count * axc_dtype_bytes(v->dtype);
	skip_blanks(p);
	if (peek(p) == '.')
		return wrong(p, "this dump was made without its data and cannot be read back");
	return peek(p) == '@' ? blob_data(p, v->data_bytes, &v->data)
			      : inline_data(p, v->dtype, count, &v->data);
}

static bool quant(Parse *p, AxcQuant *q)
{
	int64_t axis = -1;
	FloatList scale = {0};
	IntList zero = {0};
	if (!keyword(p, "axis") || !integer(p, &axis) || !keyword(p, "scale") ||
	    !float_list(p, '[', ']', &scale) || !keyword(p, "zero") ||
	    !int_list(p, '[', ']', &zero))
		return wrong(p, "axis N scale [...] zero [...] is expected");
	if (!scale.n || scale.n != zero.n || axis < -1 || axis >= AXC_MAX_RANK)
		return wrong(p, "scales and zero points do not fit each other");
	int32_t *zero_point = AXC_NEW_ARRAY(p->arena, int32_t, zero.n);
	for (uint32_t i = 0; i < zero.n; i++) {
		if (zero.at[i] < INT32_MIN || zero.at[i] > INT32_MAX)
			return wrong(p, "a zero point of more than 32 bits");
		zero_point[i] = (int32_t)zero.at[i];
	}
	*q = (AxcQuant){
		.n = (int)scale.n, .axis = (int)axis, .scale = scale.at, .zero_point = zero_point};
	return true;
}

static bool dim_names(Parse *p, AxcValue *v)
{
	NameList names = {0};
	if (!name_list(p, '[', ']', &names))
		return false;
	if ((int64_t)names.n != v->shape.rank)
		return wrong(p, "one dimension name per dimension is expected");
	v->dim_names = names.at;
	return true;
}

static bool value_line(Parse *p)
{
	AxcValue v = {.q = {.axis = -1}};
	if (!quoted(p, &v.name) || !dtype(p, &v.dtype) || !shape(p, &v.shape))
		return false;
	if (!*v.name || axc_map_get(&p->values, v.name))
		return wrong(p, "a value's name is empty or stands twice");
	int64_t narrow = 0;
	v.is_input = keyword(p, "input");
	if ((keyword(p, "dims") && !dim_names(p, &v)) ||
	    (keyword(p, "tag") && !dtype(p, &v.onnx_dtype_tag)) ||
	    (keyword(p, "onnx_type") && !integer(p, &narrow)) ||
	    (keyword(p, "data") && !data(p, &v)) || (keyword(p, "q") && !quant(p, &v.q)))
		return false;
	if (narrow < 0 || narrow > 255)
		return wrong(p, "no ONNX element type");
	v.onnx_narrow = (int)narrow;
	AxcId id = axc_value_add(p->g, v.name, v.dtype, &v.shape);
	v.name = axc_value(p->g, id)->name;
	*axc_value(p->g, id) = v;
	axc_map_put(&p->values, p->arena, v.name, id);
	return end_of_line(p);
}

/* ---- node lines ---- */

static bool attribute_value(Parse *p, const char *kind, AxcAttr *a)
{
	IntList ints = {0};
	FloatList floats = {0};
	NameList strings = {0};
	const char *name = NULL;
	if (strcmp(kind, "int") == 0) {
		a->kind = AXC_ATTR_INT;
		return integer(p, &a->i);
	}
	if (strcmp(kind, "float") == 0) {
		a->kind = AXC_ATTR_FLOAT;
		return real(p, &a->f);
	}
	if (strcmp(kind, "string") == 0) {
		a->kind = AXC_ATTR_STRING;
		return quoted(p, &a->s);
	}
	if (strcmp(kind, "tensor") == 0) {
		a->kind = AXC_ATTR_TENSOR;
		return quoted(p, &name) && find_value(p, name, &a->tensor);
	}
	bool is_ints = strcmp(kind, "ints") == 0, is_floats = strcmp(kind, "floats") == 0;
	if (!is_ints && !is_floats && strcmp(kind, "strings") != 0)
		return wrong(p, "an unknown kind of attribute");
	a->kind = is_ints ? AXC_ATTR_INTS : is_floats ? AXC_ATTR_FLOATS : AXC_ATTR_STRINGS;
	if (!(is_ints     ? int_list(p, '[', ']', &ints)
	      : is_floats ? float_list(p, '[', ']', &floats)
			  : name_list(p, '[', ']', &strings)))
		return false;
	for (uint32_t i = 0; i < strings.n; i++)
		if (!strings.at[i])
			return wrong(p, "a string is expected");
	a->n = is_ints ? ints.n : is_floats ? floats.n : strings.n;
	a->ints = ints.at;
	a->floats = floats.at;
	a->strings = strings.at;
	return true;
}

enum { MAX_ATTRIBUTES = 256 };

static bool attributes(Parse *p, AxcNode *n)
{
	AXC_ARRAY(AxcAttr) list = {0};
	bool more = true;
	if (!take(p, '{'))
		return true;
	while (list_more(p, list.n, '}', &more) && more) {
		AxcAttr a = {0};
		if (list.n == MAX_ATTRIBUTES)
			return wrong(p, "too many attributes");
		if (!word(p, &a.name) || !expect(p, ':') || !attribute_value(p, bare_word(p), &a))
			return false;
		for (uint32_t i = 0; i < list.n; i++)
			if (strcmp(list.at[i].name, a.name) == 0)
				return wrong(p, "an attribute stands twice");
		AXC_PUSH(p->arena, &list, a);
	}
	n->attrs = list.at;
	n->n_attrs = list.n;
	return !p->failed;
}

static bool node_tail(Parse *p, AxcNode *n)
{
	NameList origins = {0};
	if (!attributes(p, n))
		return false;
	n->domain = strncmp(n->op_type, "axc.", 4) == 0 ? "axc" : "";
	if (keyword(p, "domain") && !quoted(p, &n->domain))
		return false;
	if (keyword(p, "origins") && !name_list(p, '[', ']', &origins))
		return false;
	for (uint32_t i = 0; i < origins.n; i++)
		if (!origins.at[i])
			return wrong(p, "a name is expected");
	n->origins = origins.at;
	n->n_origins = origins.n;
	if (keyword(p, "float") && !quoted(p, &n->float_reason))
		return false;
	return end_of_line(p);
}

static bool node_line(Parse *p)
{
	AxcNode n = {0};
	if (!quoted(p, &n.name) || !word(p, &n.op_type) || !ids(p, '(', ')', &n.n_in, &n.in) ||
	    !expect(p, '-') || !expect(p, '>') || !ids(p, '(', ')', &n.n_out, &n.out))
		return false;
	if (!*n.name || axc_map_get(&p->nodes, n.name))
		return wrong(p, "a node's name is empty or stands twice");
	for (uint32_t i = 0; i < n.n_out; i++) {
		const AxcValue *v = axc_value(p->g, n.out[i]);
		if (n.out[i] && (v->producer || v->is_input || v->data))
			return wrong(
				p,
				"an output that another node computes, or an input, or a constant");
		if (n.out[i])
			axc_value(p->g, n.out[i])->producer = p->g->nodes.n;
	}
	if (!node_tail(p, &n))
		return false;
	AxcId id = axc_node_add(p->g, n.op_type, n.name, n.n_in, n.in, n.n_out, n.out);
	AxcNode *to = axc_node(p->g, id);
	to->attrs = n.attrs;
	to->n_attrs = n.n_attrs;
	to->origins = n.origins;
	to->n_origins = n.n_origins;
	to->float_reason = n.float_reason;
	to->domain = n.domain;
	to->op = axc_op_find(n.domain, n.op_type);
	axc_map_put(&p->nodes, p->arena, to->name, id);
	return true;
}

/* ---- the whole ---- */

static bool graph_line(Parse *p)
{
	const char *name, *model;
	int64_t opset = 0;
	if (!keyword(p, "graph") || !quoted(p, &name) || !keyword(p, "model") ||
	    !quoted(p, &model) || !keyword(p, "opset") || !integer(p, &opset))
		return wrong(p, "graph \"NAME\" model \"NAME\" opset N is expected");
	p->g = axc_graph_new(p->arena, name);
	p->g->model_name = model;
	p->g->opset = opset;
	return end_of_line(p);
}

static bool graph_ends(Parse *p, bool is_input)
{
	uint32_t n = 0;
	AxcId *list = NULL;
	if (!ids(p, '[', ']', &n, &list))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (!list[i] || (is_input && !axc_value(p->g, list[i])->is_input))
			return wrong(p, "the name of a graph input or output is expected");
		if (is_input)
			AXC_PUSH(p->arena, &p->g->inputs, list[i]);
		else
			AXC_PUSH(p->arena, &p->g->outputs, list[i]);
	}
	return end_of_line(p);
}

static bool body(Parse *p)
{
	while (p->at < p->end) {
		skip_blanks(p);
		bool ok;
		if (peek(p) == '\n' || peek(p) == '#')
			ok = end_of_line(p);
		else if (keyword(p, "value"))
			ok = value_line(p);
		else if (keyword(p, "node"))
			ok = node_line(p);
		else if (keyword(p, "inputs"))
			ok = graph_ends(p, true);
		else if (keyword(p, "outputs"))
			ok = graph_ends(p, false);
		else
			ok = wrong(p, "value, node, inputs or outputs is expected");
		if (!ok)
			return false;
	}
	return p->g->outputs.n || wrong(p, "the text ends before the graph's outputs");
}

bool axc_graph_parse(AxcArena *arena, AxcDiag *d, const char *text, size_t bytes,
		     const uint8_t *blob, size_t blob_bytes, AxcGraph **ret_graph)
{
	Parse p = {.arena = arena,
		   .d = d,
		   .at = text,
		   .end = text + bytes,
		   .line_start = text,
		   .line = 1};
	p.blob = blob;
	p.blob_bytes = blob_bytes;
	if (!graph_line(&p) || !body(&p))
		return false;
	*ret_graph = p.g;
	return true;
}
