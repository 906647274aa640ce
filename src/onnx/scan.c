/* The wire format of a model file, walked once and iteratively before anything is unpacked.
 *
 * protobuf-c recurses without a limit and multiplies memory, so this scanner comes first: nesting,
 * counts and lengths are checked against limits.h, names must be UTF-8 without NUL, and a copy of
 * the message is made that has only the fields of onnx.proto and, in place of tensor payloads,
 * their position in the file. Only that skeleton is unpacked; payloads are read from the mapping.
 * Lengths of nested messages are written as five-byte varints and filled in when the message ends.
 */
#include "onnx/internal.h"

typedef enum MessageId {
	M_MODEL,
	M_GRAPH,
	M_NODE,
	M_ATTRIBUTE,
	M_TENSOR,
	M_SPARSE,
	M_VALUE_INFO,
	M_TYPE,
	M_TYPE_TENSOR,
	M_SHAPE,
	M_DIM,
	M_OPSET,
	M_ENTRY,
	M_FUNCTION,
	M_COUNT
} MessageId;

typedef enum Kind {
	K_INT,     /* varint */
	K_F32,     /* fixed32 */
	K_NAME,    /* string: UTF-8, bounded */
	K_BYTES,   /* bytes: any content */
	K_INTS,    /* repeated varint, packed or not */
	K_FLOATS,  /* repeated fixed32, packed or not; copied */
	K_PAYLOAD, /* tensor data: replaced by its position */
	K_ONE,     /* message, at most once */
	K_MANY,    /* message, repeated */
	K_DROP,    /* a known field that import does not need */
} Kind;

typedef enum Counter {
	C_NONE,
	C_NODES,
	C_TENSORS,
	C_ATTRIBUTES,
	C_DIMS,
	C_STRINGS,
	C_COUNT
} Counter;

static const struct {
	const char *what;
	uint32_t most;
} limits[C_COUNT] = {
	[C_NODES] = {"nodes", AXC_ONNX_MAX_NODES},
	[C_TENSORS] = {"tensors", AXC_ONNX_MAX_TENSORS},
	[C_ATTRIBUTES] = {"attributes", AXC_ONNX_MAX_ATTRIBUTES},
	[C_DIMS] = {"dimensions", AXC_ONNX_MAX_DIMS},
	[C_STRINGS] = {"strings", AXC_ONNX_MAX_STRINGS},
};

typedef struct Field {
	uint32_t number;
	Kind kind;
	Counter counter;
	MessageId sub;
} Field;

enum { MAX_FIELDS = 18 };

static const Field schema[M_COUNT][MAX_FIELDS] = {
	[M_MODEL] = {{1, K_INT, 0, 0},
		     {2, K_NAME, C_STRINGS, 0},
		     {3, K_NAME, C_STRINGS, 0},
		     {4, K_NAME, C_STRINGS, 0},
		     {5, K_INT, 0, 0},
		     {6, K_DROP, 0, 0},
		     {7, K_ONE, 0, M_GRAPH},
		     {8, K_MANY, C_STRINGS, M_OPSET},
		     {14, K_DROP, 0, 0},
		     {20, K_DROP, 0, 0},
		     {25, K_MANY, C_STRINGS, M_FUNCTION},
		     {26, K_DROP, 0, 0}},
	[M_GRAPH] = {{1, K_MANY, C_NODES, M_NODE},
		     {2, K_NAME, C_STRINGS, 0},
		     {5, K_MANY, C_TENSORS, M_TENSOR},
		     {11, K_MANY, C_STRINGS, M_VALUE_INFO},
		     {12, K_MANY, C_STRINGS, M_VALUE_INFO},
		     {15, K_MANY, C_TENSORS, M_SPARSE}},
	[M_NODE] = {{1, K_NAME, C_STRINGS, 0},
		    {2, K_NAME, C_STRINGS, 0},
		    {3, K_NAME, C_STRINGS, 0},
		    {4, K_NAME, C_STRINGS, 0},
		    {5, K_MANY, C_ATTRIBUTES, M_ATTRIBUTE},
		    {7, K_NAME, C_STRINGS, 0}},
	[M_ATTRIBUTE] = {{1, K_NAME, C_STRINGS, 0},
			 {2, K_F32, 0, 0},
			 {3, K_INT, 0, 0},
			 {4, K_BYTES, C_STRINGS, 0},
			 {5, K_ONE, C_TENSORS, M_TENSOR},
			 {6, K_ONE, 0, M_GRAPH},
			 {7, K_FLOATS, 0, 0},
			 {8, K_INTS, 0, 0},
			 {9, K_BYTES, C_STRINGS, 0},
			 {10, K_MANY, C_TENSORS, M_TENSOR},
			 {11, K_MANY, 0, M_GRAPH},
			 {20, K_INT, 0, 0},
			 {21, K_NAME, C_STRINGS, 0}},
	[M_TENSOR] = {{1, K_INTS, C_DIMS, 0},
		      {2, K_INT, 0, 0},
		      {TENSOR_FLOAT_DATA, K_PAYLOAD, 0, 0},
		      {5, K_INTS, 0, 0},
		      {6, K_BYTES, C_STRINGS, 0},
		      {7, K_INTS, 0, 0},
		      {8, K_NAME, C_STRINGS, 0},
		      {TENSOR_RAW_DATA, K_PAYLOAD, 0, 0},
		      {TENSOR_DOUBLE_DATA, K_PAYLOAD, 0, 0},
		      {11, K_INTS, 0, 0},
		      {13, K_MANY, C_STRINGS, M_ENTRY},
		      {14, K_INT, 0, 0}},
	[M_SPARSE] = {{1, K_ONE, 0, M_TENSOR}},
	[M_VALUE_INFO] = {{1, K_NAME, C_STRINGS, 0}, {2, K_ONE, 0, M_TYPE}},
	[M_TYPE] = {{1, K_ONE, 0, M_TYPE_TENSOR}},
	[M_TYPE_TENSOR] = {{1, K_INT, 0, 0}, {2, K_ONE, 0, M_SHAPE}},
	[M_SHAPE] = {{1, K_MANY, C_DIMS, M_DIM}},
	[M_DIM] = {{1, K_INT, 0, 0}, {2, K_NAME, C_STRINGS, 0}},
	[M_OPSET] = {{1, K_NAME, C_STRINGS, 0}, {2, K_INT, 0, 0}},
	[M_ENTRY] = {{1, K_NAME, C_STRINGS, 0}, {2, K_NAME, C_STRINGS, 0}},
	[M_FUNCTION] = {{1, K_NAME, C_STRINGS, 0}, {10, K_NAME, C_STRINGS, 0}},
};

typedef struct Frame {
	MessageId message;
	size_t end;    /* in the file */
	size_t length; /* where its length stands in the skeleton */
	uint32_t seen; /* K_ONE fields met, by index in the schema row */
	uint32_t attributes; /* met in this message */
} Frame;

typedef struct Scan {
	AxcDiag *d;
	const char *path; /* safe to print */
	const uint8_t *data;
	size_t bytes, at;
	bool is_model; /* something only a model has was met */
	uint32_t count[C_COUNT];
	Frame frames[AXC_ONNX_MAX_NESTING];
	int depth; /* of the innermost frame; 0: the model */
	AxcText *out;
} Scan;

/* ---- messages ---- */

static bool malformed(Scan *s, const char *what)
{
	if (!s->is_model)
		return axc_fail(s->d, "'%s' is not an ONNX model (%s at byte %zu)", s->path, what,
				s->at);
	return axc_fail(s->d, "the model '%s' is malformed: %s at byte %zu", s->path, what, s->at);
}

/* Something ends behind its surroundings: behind the file itself, it was cut off. */
static bool overrun(Scan *s, uint64_t need)
{
	Frame *f = &s->frames[s->depth];
	if (!s->is_model || f->end != s->bytes)
		return malformed(s, "a field longer than what holds it");
	axc_fail(s->d,
		 "the model '%s' is truncated: at byte %zu it needs %llu more, the file ends after "
		 "%zu",
		 s->path, s->at, (unsigned long long)need, s->bytes - s->at);
	return axc_diag_hint(s->d, "the file has %zu bytes; copy or download it again", s->bytes);
}

static bool count(Scan *s, Counter c, size_t n)
{
	if (c == C_NONE)
		return true;
	if (n > limits[c].most - s->count[c])
		return axc_fail(s->d, "the model '%s' has more than the %u %s that are accepted",
				s->path, limits[c].most, limits[c].what);
	s->count[c] += (uint32_t)n;
	Frame *f = &s->frames[s->depth];
	if (c == C_ATTRIBUTES && (f->attributes += (uint32_t)n) > AXC_ONNX_MAX_NODE_ATTRIBUTES)
		return axc_fail(s->d, "the model '%s' has a node with more than the %d attributes that are accepted (byte %zu)",
				s->path, AXC_ONNX_MAX_NODE_ATTRIBUTES, s->at);
	return true;
}

/* ---- the wire ---- */

static bool read_varint(Scan *s, uint64_t *ret)
{
	uint64_t v = 0;
	size_t end = s->frames[s->depth].end, at = s->at;
	for (int shift = 0; shift < 70; shift += 7) {
		if (at == end)
			return overrun(s, 1);
		uint8_t byte = s->data[at++];
		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			s->at = at;
			*ret = v;
			return true;
		}
	}
	return malformed(s, "a number of more than 64 bits");
}

static void put_varint(AxcText *out, uint64_t v)
{
	char bytes[10];
	size_t n = 0;
	do {
		bytes[n++] = (char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		v >>= 7;
	} while (v);
	axc_text_add(out, bytes, n);
}

static void put_fixed64(AxcText *out, uint64_t v)
{
	char bytes[8];
	for (int i = 0; i < 8; i++)
		bytes[i] = (char)(v >> (8 * i));
	axc_text_add(out, bytes, 8);
}

/* Length of a UTF-8 sequence at p, 0 if there is none (or a NUL). */
static size_t utf8_step(const uint8_t *p, size_t left)
{
	if (p[0] < 0x80)
		return p[0] != 0;
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	bool bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		   (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
	return bad ? 0 : n;
}

static bool check_name(Scan *s, size_t n)
{
	if (n > AXC_ONNX_MAX_NAME_BYTES)
		return axc_fail(s->d,
				"a name of %zu bytes at byte %zu of the model '%s'; at most %d are "
				"accepted",
				n, s->at, s->path, AXC_ONNX_MAX_NAME_BYTES);
	for (size_t i = 0; i < n;) {
		size_t step = utf8_step(s->data + s->at + i, n - i);
		if (!step)
			return malformed(s, "a name that is not UTF-8");
		i += step;
	}
	return true;
}

/* ---- fields ---- */

static const Field *find_field(MessageId message, uint64_t number)
{
	for (const Field *f = schema[message]; f < schema[message] + MAX_FIELDS && f->number; f++)
		if (f->number == number)
			return f;
	return NULL;
}

static bool wire_fits(Kind kind, uint32_t number, unsigned wire)
{
	switch (kind) {
	case K_INT:
		return wire == 0;
	case K_F32:
		return wire == 5;
	case K_INTS:
		return wire == 0 || wire == 2;
	case K_FLOATS:
		return wire == 5 || wire == 2;
	case K_PAYLOAD:
		return wire == 2 || (number == TENSOR_FLOAT_DATA && wire == 5) ||
		       (number == TENSOR_DOUBLE_DATA && wire == 1);
	case K_NAME:
	case K_BYTES:
	case K_ONE:
	case K_MANY:
		return wire == 2;
	case K_DROP:
		return true;
	}
	return false;
}

static size_t count_varints(const uint8_t *p, size_t n)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++)
		k += p[i] < 0x80;
	return k;
}

static bool check_content(Scan *s, const Field *f, unsigned wire, size_t n)
{
	const uint8_t *p = s->data + s->at;
	if (f->kind == K_NAME && !check_name(s, n))
		return false;
	if (wire != 2)
		return count(s, f->counter, 1);
	if (f->kind == K_INTS && n && p[n - 1] >= 0x80)
		return malformed(s, "a list of numbers cut off");
	if (f->kind == K_FLOATS && n % 4)
		return malformed(s, "a list of floats of odd length");
	return count(s, f->counter, f->kind == K_INTS ? count_varints(p, n) : 1);
}

static void put_payload(Scan *s, uint32_t number, size_t n)
{
	put_varint(s->out, 1000 << 3 | 2);
	put_varint(s->out, 24);
	put_fixed64(s->out, number);
	put_fixed64(s->out, s->at);
	put_fixed64(s->out, n);
}

static bool enter(Scan *s, const Field *f, size_t n)
{
	Frame *outer = &s->frames[s->depth];
	uint32_t bit = 1u << (f - schema[outer->message]);
	if (f->kind == K_ONE && (outer->seen & bit))
		return malformed(s, "a message that may stand only once, twice");
	outer->seen |= bit;
	if (s->depth + 1 == AXC_ONNX_MAX_NESTING)
		return axc_fail(
			s->d,
			"the model '%s' nests messages deeper than the %d levels that are accepted",
			s->path, AXC_ONNX_MAX_NESTING);
	put_varint(s->out, f->number << 3 | 2);
	s->frames[++s->depth] = (Frame){.message = f->sub, .end = s->at + n, .length = s->out->n};
	axc_text_add(s->out, "\x80\x80\x80\x80", 5);
	return true;
}

static void leave(Scan *s)
{
	Frame *f = &s->frames[s->depth--];
	size_t n = s->out->n - f->length - 5;
	for (int i = 0; i < 5; i++)
		s->out->at[f->length + i] = (char)((n >> (7 * i) & 0x7f) | (i < 4 ? 0x80 : 0));
}

/* Reads past a field's value: its bytes are at s->at .. + *ret_bytes. */
static bool measure(Scan *s, unsigned wire, size_t *ret_bytes)
{
	size_t left, start = s->at;
	uint64_t n = 0;
	switch (wire) {
	case 0:
		if (!read_varint(s, &n))
			return false;
		*ret_bytes = s->at - start;
		s->at = start;
		return true;
	case 1:
		n = 8;
		break;
	case 2:
		if (!read_varint(s, &n))
			return false;
		break;
	case 5:
		n = 4;
		break;
	default:
		return malformed(s, "a field of a kind that does not exist");
	}
	left = s->frames[s->depth].end - s->at;
	if (n > left)
		return overrun(s, n);
	*ret_bytes = (size_t)n;
	return true;
}

static bool scan_field(Scan *s)
{
	uint64_t tag = 0;
	size_t n = 0, start = s->at;
	MessageId message = s->frames[s->depth].message;
	if (!read_varint(s, &tag))
		return false;
	unsigned wire = tag & 7;
	const Field *f = find_field(message, tag >> 3);
	if (!s->is_model && message == M_MODEL && !(f && wire_fits(f->kind, f->number, wire))) {
		s->at = start;
		return malformed(s, "no field of a model");
	}
	if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
		return malformed(s, "a field number that does not exist");
	if (message == M_MODEL && f && f->kind == K_INT)
		s->is_model = true;
	if (!measure(s, wire, &n))
		return false;
	if (!f || f->kind == K_DROP) {
		s->at += n;
		return true;
	}
	if (!wire_fits(f->kind, f->number, wire))
		return malformed(s, "a field of the wrong kind");
	if (!check_content(s, f, wire, n))
		return false;
	if (f->kind == K_ONE || f->kind == K_MANY)
		return enter(s, f, n);
	if (f->kind == K_PAYLOAD) {
		put_payload(s, f->number, n);
	} else {
		put_varint(s->out, tag);
		if (wire == 2)
			put_varint(s->out, n);
		axc_text_add(s->out, (const char *)s->data + s->at, n);
	}
	s->at += n;
	return true;
}

bool axc_onnx_scan(AxcArena *arena, AxcDiag *d, const char *path, const uint8_t *data, size_t bytes,
		   AxcText *ret_skeleton)
{
	AxcText out = {.arena = arena};
	Scan *s = AXC_NEW(arena, Scan);
	*s = (Scan){.d = d,
		    .path = axc_safe_name(arena, path),
		    .data = data,
		    .bytes = bytes,
		    .out = &out};
	s->frames[0] = (Frame){.message = M_MODEL, .end = bytes};
	if (!bytes)
		return axc_fail(d, "'%s' is not an ONNX model: it is empty", s->path);
	for (;;) {
		while (s->depth && s->at == s->frames[s->depth].end)
			leave(s);
		if (s->at == bytes)
			break;
		if (!scan_field(s))
			return false;
		if (out.n > AXC_ONNX_MAX_SKELETON_BYTES)
			return axc_fail(d,
					"the model '%s' has more than %zu bytes beside its weights",
					s->path, AXC_ONNX_MAX_SKELETON_BYTES);
	}
	bool has_graph = s->frames[0].seen & 1u << (find_field(M_MODEL, 7) - schema[M_MODEL]);
	if (!has_graph)
		return axc_fail(d, "'%s' is not an ONNX model: it has no graph", s->path);
	*ret_skeleton = out;
	return true;
}
