/* --input-shape: gives every graph input a static shape.
 *
 * Entries are separated by ';'. NAME:DIMS splits at the last colon (names contain colons), DIMS may
 * be empty (a scalar); an entry without a colon that has '=' is a list of DIM=N for symbolic
 * dimensions; any other entry is the shape of the only input. A symbolic name has one size in the
 * whole model. A lone unknown first dimension is the batch and becomes 1, with a note; any other
 * one is an error.
 */
#include "onnx/internal.h"

typedef struct Bind {
	AxcGraph *g;
	AxcDiag *d;
	AxcOnnxInfo *info;
} Bind;

static const char *safe(Bind *b, const char *name)
{
	return axc_safe_name(b->d->arena, name);
}

static char *trimmed(AxcArena *arena, const char *text, size_t n)
{
	while (n && strchr(" \t\n\r", text[0])) {
		text++;
		n--;
	}
	while (n && strchr(" \t\n\r", text[n - 1]))
		n--;
	return axc_strndup(arena, text, n);
}

static const char *dim_name(const AxcValue *v, int i)
{
	return v->dim_names ? v->dim_names[i] : NULL;
}

static const char *list_inputs(Bind *b)
{
	AxcText t = {.arena = b->d->arena};
	axc_text_str(&t, "");
	for (uint32_t i = 0; i < b->g->inputs.n && i < 20; i++)
		axc_text_f(&t, "%s'%s'", i ? ", " : "",
			   safe(b, axc_value(b->g, b->g->inputs.at[i])->name));
	return b->g->inputs.n > 20 ? axc_format(b->d->arena, "%s, …", t.at) : t.at;
}

static const char *list_dims(Bind *b)
{
	AxcText t = {.arena = b->d->arena};
	AxcMap seen = {0};
	uint32_t n = 0;
	axc_text_str(&t, "");
	for (uint32_t i = 0; i < b->g->inputs.n; i++) {
		const AxcValue *v = axc_value(b->g, b->g->inputs.at[i]);
		for (int k = 0; k < v->shape.rank; k++) {
			const char *name = dim_name(v, k);
			if (!name || axc_map_get(&seen, name) || n == 20)
				continue;
			axc_map_put(&seen, b->d->arena, name, 1);
			axc_text_f(&t, "%s'%s'", n++ ? ", " : "", safe(b, name));
		}
	}
	return n ? t.at : "none";
}

/* The shape as the model has it, symbolic names and '?' in it. */
static const char *model_shape(Bind *b, const AxcValue *v)
{
	AxcText t = {.arena = b->d->arena};
	if (v->shape.rank < 0)
		return "of unknown rank";
	if (v->shape.rank == 0)
		return "scalar";
	for (int i = 0; i < v->shape.rank; i++) {
		axc_text_str(&t, i ? "," : "");
		if (v->shape.dim[i] >= 0)
			axc_text_f(&t, "%lld", (long long)v->shape.dim[i]);
		else
			axc_text_str(&t, dim_name(v, i) ? safe(b, dim_name(v, i)) : "?");
	}
	return t.at;
}

/* One size for a symbolic name, wherever it stands. */
static void bind_name(Bind *b, const char *name, int64_t size)
{
	for (uint32_t i = 0; name && i < b->g->inputs.n; i++) {
		AxcValue *v = axc_value(b->g, b->g->inputs.at[i]);
		for (int k = 0; k < v->shape.rank; k++)
			if (dim_name(v, k) && strcmp(dim_name(v, k), name) == 0 &&
			    v->shape.dim[k] < 0)
				v->shape.dim[k] = size;
	}
}

static bool parse_size(Bind *b, const char *text, int64_t *ret)
{
	if (!axc_parse_int64(text, ret) || *ret < 1 || *ret > INT32_MAX)
		return axc_fail(b->d,
				"--input-shape: '%s' is not a dimension; a whole number from 1 to %d "
				"is wanted",
				safe(b, text), INT32_MAX);
	return true;
}

static bool parse_dims(Bind *b, const char *text, AxcShape *ret)
{
	ret->rank = 0;
	if (!*text)
		return true;
	for (const char *p = text;; p++) {
		size_t n = strcspn(p, ",");
		if (ret->rank == AXC_MAX_RANK)
			return axc_fail(b->d, "--input-shape: '%s' has more than %d dimensions",
					safe(b, text), AXC_MAX_RANK);
		if (!parse_size(b, trimmed(b->d->arena, p, n), &ret->dim[ret->rank++]))
			return false;
		p += n;
		if (!*p)
			return true;
	}
}

static bool give_shape(Bind *b, AxcId input, const AxcShape *given)
{
	AxcValue *v = axc_value(b->g, input);
	const char *wanted = model_shape(b, v);
	bool fits = v->shape.rank < 0 || v->shape.rank == given->rank;
	for (int i = 0; fits && i < v->shape.rank; i++)
		fits = v->shape.dim[i] < 0 || v->shape.dim[i] == given->dim[i];
	if (!fits) {
		const char *found = axc_shape_text(b->d->arena, given);
		axc_fail(b->d,
			 "--input-shape gives input '%s' the shape %s (rank %d); the model has %s",
			 safe(b, v->name), found, given->rank, wanted);
		return axc_diag_shapes(b->d, found, wanted);
	}
	if (v->shape.rank < 0)
		v->shape = *given;
	for (int i = 0; i < given->rank; i++) {
		if (v->shape.dim[i] >= 0 && v->shape.dim[i] != given->dim[i])
			return axc_fail(b->d,
					"--input-shape gives dimension '%s' both %lld and %lld",
					safe(b, dim_name(v, i)), (long long)v->shape.dim[i],
					(long long)given->dim[i]);
		v->shape.dim[i] = given->dim[i];
		bind_name(b, dim_name(v, i), given->dim[i]);
	}
	return true;
}

static bool bind_named(Bind *b, const char *entry, const char *colon)
{
	const char *name = trimmed(b->d->arena, entry, (size_t)(colon - entry));
	AxcShape given = {0};
	for (uint32_t i = 0; i < b->g->inputs.n; i++)
		if (strcmp(axc_value(b->g, b->g->inputs.at[i])->name, name) == 0)
			return parse_dims(b, trimmed(b->d->arena, colon + 1, strlen(colon + 1)),
					  &given) &&
			       give_shape(b, b->g->inputs.at[i], &given);
	axc_fail(b->d, "--input-shape names an input '%s'; the model has %s", safe(b, name),
		 list_inputs(b));
	return axc_diag_hint(b->d, "write NAME:DIMS, e.g. '%s:1,3,224,224'",
			     b->g->inputs.n ? safe(b, axc_value(b->g, b->g->inputs.at[0])->name)
					    : "input");
}

static bool bind_symbol(Bind *b, const char *item)
{
	const char *equals = strchr(item, '=');
	if (!equals)
		return axc_fail(b->d, "--input-shape: '%s' is not of the form DIM=N",
				safe(b, item));
	const char *name = trimmed(b->d->arena, item, (size_t)(equals - item));
	int64_t size = 0;
	if (!parse_size(b, trimmed(b->d->arena, equals + 1, strlen(equals + 1)), &size))
		return false;
	bool known = false;
	for (uint32_t i = 0; i < b->g->inputs.n; i++) {
		const AxcValue *v = axc_value(b->g, b->g->inputs.at[i]);
		for (int k = 0; k < v->shape.rank; k++) {
			if (!dim_name(v, k) || strcmp(dim_name(v, k), name) != 0)
				continue;
			known = true;
			if (v->shape.dim[k] >= 0 && v->shape.dim[k] != size)
				return axc_fail(
					b->d,
					"--input-shape gives dimension '%s' both %lld and %lld",
					safe(b, name), (long long)v->shape.dim[k], (long long)size);
		}
	}
	if (!known)
		return axc_fail(
			b->d,
			"--input-shape names a dimension '%s'; the symbolic dimensions are: %s",
			safe(b, name), list_dims(b));
	bind_name(b, name, size);
	return true;
}

static bool bind_symbols(Bind *b, const char *entry)
{
	for (const char *p = entry;; p++) {
		size_t n = strcspn(p, ",");
		if (!bind_symbol(b, trimmed(b->d->arena, p, n)))
			return false;
		p += n;
		if (!*p)
			return true;
	}
}

static bool bind_entry(Bind *b, const char *entry)
{
	const char *colon = strrchr(entry, ':');
	AxcShape given = {0};
	if (colon)
		return bind_named(b, entry, colon);
	if (strchr(entry, '='))
		return bind_symbols(b, entry);
	if (b->g->inputs.n != 1) {
		axc_fail(b->d, "--input-shape '%s' names no input, and the model has %u: %s",
			 safe(b, entry), b->g->inputs.n, list_inputs(b));
		return axc_diag_hint(b->d, "write NAME:DIMS for each, separated by ';'");
	}
	return parse_dims(b, entry, &given) && give_shape(b, b->g->inputs.at[0], &given);
}

/* A lone unknown first dimension is the batch. */
static void default_batch(Bind *b, AxcValue *v)
{
	for (int i = 1; i < v->shape.rank; i++)
		if (v->shape.dim[i] < 0)
			return;
	if (v->shape.rank < 1 || v->shape.dim[0] >= 0)
		return;
	const char *name = dim_name(v, 0);
	const char *note =
		axc_format(b->g->arena, "input '%s': the batch dimension '%s' is taken as 1",
			   safe(b, v->name), name ? safe(b, name) : "?");
	v->shape.dim[0] = 1;
	bind_name(b, name, 1);
	AXC_PUSH(b->g->arena, &b->info->notes, note);
	axc_log(b->d, AXC_INFO, "%s", note);
}

/* What to write behind --input-shape, with ? for what is not known. */
static const char *shape_to_give(Bind *b, const AxcValue *v)
{
	AxcText t = {.arena = b->d->arena};
	if (b->g->inputs.n > 1)
		axc_text_f(&t, "%s:", safe(b, v->name));
	for (int i = 0; i < v->shape.rank; i++)
		if (v->shape.dim[i] >= 0)
			axc_text_f(&t, "%s%lld", i ? "," : "", (long long)v->shape.dim[i]);
		else
			axc_text_str(&t, i ? ",?" : "?");
	return t.at;
}

static bool check_static(Bind *b, const AxcValue *v)
{
	if (v->shape.rank < 0) {
		axc_fail(b->d, "the shape of input '%s' is not known", safe(b, v->name));
		return axc_diag_hint(b->d, "give it with --input-shape '%s:…'", safe(b, v->name));
	}
	AxcText unknown = {.arena = b->d->arena};
	uint32_t n = 0;
	for (int i = 0; i < v->shape.rank; i++) {
		if (v->shape.dim[i] >= 0)
			continue;
		axc_text_f(&unknown, "%s%d ('%s')", n++ ? ", " : "", i,
			   dim_name(v, i) ? safe(b, dim_name(v, i)) : "?");
	}
	if (!n && axc_shape_count(&v->shape) > AXC_ONNX_MAX_TENSOR_BYTES / (int64_t)axc_dtype_bytes(v->dtype))
		return axc_fail(b->d, "input '%s' of shape %s is larger than 2^31 bytes", safe(b, v->name),
				axc_shape_text(b->d->arena, &v->shape));
	if (!n)
		return true;
	const char *shape = model_shape(b, v);
	axc_fail(b->d, "input '%s' has unknown dimension%s %s: its shape is %s", safe(b, v->name),
		 n > 1 ? "s" : "", unknown.at, shape);
	axc_diag_shapes(b->d, shape, "a static shape");
	return axc_diag_hint(b->d, "give the whole shape, with numbers in place of ?: --input-shape '%s'",
			     shape_to_give(b, v));
}

bool axc_onnx_bind_shapes(AxcGraph *g, AxcDiag *d, AxcOnnxInfo *info, const char *text)
{
	Bind b = {g, d, info};
	bool any = false;
	for (const char *p = text ? text : ""; *p;) {
		size_t n = strcspn(p, ";");
		const char *entry = trimmed(d->arena, p, n);
		if (*entry && !bind_entry(&b, entry))
			return false;
		any = any || *entry;
		p += n + (p[n] == ';');
	}
	if (text && !any && !bind_entry(&b, "")) /* a scalar */
		return false;
	for (uint32_t i = 0; i < g->inputs.n; i++)
		default_batch(&b, axc_value(g, g->inputs.at[i]));
	bool ok = true;
	for (uint32_t i = 0; i < g->inputs.n; i++)
		ok = check_static(&b, axc_value(g, g->inputs.at[i])) && ok;
	return ok;
}
