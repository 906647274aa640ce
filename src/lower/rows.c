/* Cutting a step: which input rows a band of its output rows needs, and its parameters for that band.
 *
 * A band is a problem of its own: `oh` its rows, `ih` the input rows its windows touch, `pt` what of its
 * first window lies above them. Where the image ends the band's input ends too, so padding below stays
 * what it was. Batches (n > 1) are not cut: their rows are not neighbours. */
#include "lower/tile.h"

/* Room for the parameters of every kind that can be cut. */
typedef union Params {
	struct axk_conv conv;
	struct axk_pool pool;
	struct axk_binary_u8 binary;
	struct axk_lut lut;
	struct axk_copy copy;
	struct axk_quant quant;
} Params;

static bool is_conv(AxkKind kind)
{
	return kind == AXK_CONV_U8 || kind == AXK_DWCONV_U8 || kind == AXK_CONVT_U8 || kind == AXK_DENSE_U8;
}

static bool is_pool(AxkKind kind)
{
	return kind == AXK_MAXPOOL_U8 || kind == AXK_AVGPOOL_U8;
}

/* ---- element-wise kinds: the operands' strides in one form ---- */

typedef struct Strided {
	int n;        /* operands; operand k is argument k, 0 the result */
	int *dims, *stride[3];
	size_t elem[3];
} Strided;

static bool strided_of(AxkKind kind, Params *p, Strided *ret)
{
	*ret = (Strided){.n = 2, .elem = {1, 1, 1}};
	if (kind == AXK_LUT_U8) {
		ret->dims = p->lut.dims;
		ret->stride[0] = p->lut.sy;
		ret->stride[1] = p->lut.sx;
	} else if (kind == AXK_COPY) {
		ret->dims = p->copy.dims;
		ret->stride[0] = p->copy.sy;
		ret->stride[1] = p->copy.sx;
		ret->elem[0] = ret->elem[1] = (size_t)p->copy.elem_bytes;
	} else if (kind == AXK_QUANTIZE || kind == AXK_DEQUANTIZE) {
		ret->dims = p->quant.dims;
		ret->stride[0] = p->quant.sy;
		ret->stride[1] = p->quant.sx;
		ret->elem[kind == AXK_QUANTIZE] = sizeof(float);
	} else if (kind == AXK_ADD_U8 || kind == AXK_MUL_U8) {
		ret->n = 3;
		ret->dims = p->binary.dims;
		ret->stride[0] = p->binary.sy;
		ret->stride[1] = p->binary.sa;
		ret->stride[2] = p->binary.sb;
	} else {
		return false;
	}
	return true;
}

/* Entries of dimension `dim` that make a row, from what is known of the operands' buffers; 0: unknown. */
static int entries_per_row(const AxcStep *s, const Strided *x, int dim, const size_t *pitch)
{
	for (int k = 0; k < x->n; k++) {
		size_t step = (size_t)x->stride[k][dim] * x->elem[k], row = pitch[s->arg[k].buf];
		if (!step || !row || row % step || row / step > (size_t)x->dims[dim])
			continue;
		int n = (int)(row / step);
		if (x->dims[dim] % n == 0)
			return n;
	}
	return 0;
}

static bool strided_rows(const AxcStep *s, const Strided *x, const size_t *pitch, AxcRows *r)
{
	int dim = 0;
	while (dim < AXK_DIMS && x->dims[dim] == 1)
		dim++;
	if (dim == AXK_DIMS || !pitch)
		return false;
	for (int k = 0; k < x->n; k++)
		for (int i = 0; i < AXK_DIMS; i++)
			if (x->stride[k][i] < 0 || x->dims[i] < 1)
				return false;
	r->per_row = entries_per_row(s, x, dim, pitch);
	if (!r->per_row)
		return false;
	r->dim = dim;
	r->align = 1;
	r->out = r->in = x->dims[dim] / r->per_row;
	r->work = r->per_row;
	for (int k = 0; k < x->n; k++) {
		AxcRowArg *a = &r->arg[k];
		size_t last = (size_t)(r->per_row - 1) * (size_t)x->stride[k][dim];
		for (int i = dim + 1; i < AXK_DIMS; i++)
			last += (size_t)(x->dims[i] - 1) * (size_t)x->stride[k][i];
		a->pitch = (size_t)r->per_row * (size_t)x->stride[k][dim] * x->elem[k];
		a->span = (last + 1) * x->elem[k];
		a->use = k == 0 ? AXC_ROW_OUT : a->pitch ? AXC_ROW_SAME : AXC_ROW_WHOLE;
	}
	for (int i = dim + 1; i < AXK_DIMS; i++)
		r->work *= x->dims[i];
	return r->arg[0].pitch > 0;
}

/* ---- windows ---- */

static AxcRowArg pixels(AxcRowUse use, int w, int ld, int c, size_t elem)
{
	return (AxcRowArg){use, (size_t)w * (size_t)ld * elem, ((size_t)(w - 1) * (size_t)ld + (size_t)c) * elem};
}

static bool conv_rows(const AxcStep *s, const struct axk_conv *p, AxcRows *r)
{
	size_t elem = p->out_f32 ? sizeof(float) : 1;
	if (p->n != 1 || p->oh < 1 || p->ih < 1)
		return false;
	r->out = p->oh;
	r->in = p->ih;
	r->stride = p->sh;
	r->pad = p->pt;
	r->reach = (p->kh - 1) * p->dh + 1;
	r->up = s->kernel->kind == AXK_CONVT_U8;
	r->align = r->up ? p->sh : 1; /* its weights are packed by the remainder of the row */
	r->work = (int64_t)p->ow * p->oc * p->kh * p->kw * (p->ic / p->groups);
	r->arg[0] = pixels(AXC_ROW_OUT, p->ow, p->out_ld, p->oc, elem);
	r->arg[1] = pixels(AXC_ROW_WINDOW, p->iw, p->in_ld, p->ic, 1);
	if (p->add)
		r->arg[4] = pixels(AXC_ROW_SAME, p->ow, p->res_ld, p->oc, 1);
	return true;
}

static bool pool_rows(const struct axk_pool *p, AxcRows *r)
{
	if (p->n != 1 || p->oh < 1 || p->ih < 1)
		return false;
	r->out = p->oh;
	r->in = p->ih;
	r->stride = p->sh;
	r->pad = p->pt;
	r->reach = (p->kh - 1) * p->dh + 1;
	r->align = 1;
	r->work = (int64_t)p->ow * p->c * p->kh * p->kw;
	r->arg[0] = pixels(AXC_ROW_OUT, p->ow, p->out_ld, p->c, 1);
	r->arg[1] = pixels(AXC_ROW_WINDOW, p->iw, p->in_ld, p->c, 1);
	return true;
}

bool axc_rows_of(const AxcStep *s, const size_t *pitch, AxcRows *ret)
{
	AxkKind kind = s->kernel->kind;
	Params copy;
	Strided x;
	*ret = (AxcRows){0};
	if (is_conv(kind))
		return conv_rows(s, s->params, ret);
	if (is_pool(kind))
		return pool_rows(s->params, ret);
	if (axk_kind_params_bytes(kind) > sizeof copy)
		return false;
	memcpy(&copy, s->params, axk_kind_params_bytes(kind));
	return strided_of(kind, &copy, &x) && strided_rows(s, &x, pitch, ret);
}

static int floor_div(int a, int b)
{
	return a >= 0 ? a / b : -((b - 1 - a) / b);
}

AxcSpan axc_rows_aligned(const AxcRows *r, AxcSpan out)
{
	int end = (out.end + r->align - 1) / r->align * r->align;
	return (AxcSpan){out.begin / r->align * r->align, AXC_MIN(end, r->out)};
}

AxcSpan axc_rows_needed(const AxcRows *r, AxcSpan out)
{
	AxcSpan in;
	if (r->up) {
		in.begin = floor_div(out.begin + r->pad - r->reach, r->stride) + 1;
		in.end = floor_div(out.end - 1 + r->pad, r->stride) + 1;
	} else {
		in.begin = out.begin * r->stride - r->pad;
		in.end = (out.end - 1) * r->stride - r->pad + r->reach;
	}
	in.begin = AXC_MAX(0, AXC_MIN(in.begin, r->in - 1));
	in.end = AXC_MAX(in.begin + 1, AXC_MIN(in.end, r->in));
	return in;
}

/* ---- cutting ---- */

static void cut_params(const AxcStep *s, const AxcRows *r, AxcSpan out, Params *p)
{
	AxkKind kind = s->kernel->kind;
	AxcSpan in = axc_rows_needed(r, out);
	int rows = out.end - out.begin, above = in.begin - (out.begin * r->stride - r->pad);
	Strided x;
	memcpy(p, s->params, axk_kind_params_bytes(kind));
	if (is_conv(kind)) {
		p->conv.oh = rows;
		p->conv.ih = in.end - in.begin;
		p->conv.pt = r->up ? r->pad + out.begin - in.begin * r->stride : above;
	} else if (is_pool(kind)) {
		p->pool.oh = rows;
		p->pool.ih = in.end - in.begin;
		p->pool.pt = above;
	} else if (strided_of(kind, p, &x)) {
		x.dims[r->dim] = rows * r->per_row;
	}
}

AxcStep axc_rows_cut(AxcArena *arena, const AxcStep *s, const AxcRows *r, AxcSpan out)
{
	AxcStep cut = *s;
	AxcSpan in = axc_rows_needed(r, out);
	Params p;
	cut_params(s, r, out, &p);
	cut.params = axc_memdup(arena, &p, axk_kind_params_bytes(s->kernel->kind));
	cut.scratch = 0;
	for (uint32_t k = 0; k < s->n_args; k++)
		if (r->arg[k].use != AXC_ROW_WHOLE)
			cut.arg[k].offset +=
				(size_t)(r->arg[k].use == AXC_ROW_WINDOW ? in.begin : out.begin) * r->arg[k].pitch;
	return cut;
}

static int chunks_of(const AxcProgram *p, int units)
{
	return AXC_MAX(1, AXC_MIN(units, p->cores));
}

size_t axc_rows_scratch(const AxcProgram *p, const AxcStep *s, const AxcRows *r, AxcSpan out)
{
	Params params;
	const AxkInfo *k = s->kernel;
	if (!k->scratch_bytes)
		return 0;
	cut_params(s, r, out, &params);
	return axc_align_up(k->scratch_bytes(&params), AXK_ALIGN) *
	       (size_t)chunks_of(p, k->units ? k->units(&params) : 1);
}

bool axc_rows_weights_fit(const AxcProgram *p, const AxcStep *s, const AxcStep *cut, void *room)
{
	const AxkInfo *k = s->kernel;
	if (k->fits && !k->fits(cut->params))
		return false;
	if (!k->pack)
		return true;
	const AxcBuf *b = &p->bufs.at[s->arg[2].buf];
	if (!s->pack || k->pack_bytes(cut->params) != b->bytes)
		return false;
	k->pack(cut->params, s->pack, room);
	return memcmp(room, b->data, b->bytes) == 0;
}

/* ---- channels ---- */

int axc_channels_of(const AxcStep *s)
{
	const struct axk_conv *p = s->params;
	if (!is_conv(s->kernel->kind) || !s->pack)
		return 0;
	return p->groups > 1 ? p->groups : p->oc;
}

bool axc_channels_cut(AxcProgram *p, const AxcStep *s, int begin, int end, AxcStep *ret)
{
	struct axk_conv c = *(const struct axk_conv *)s->params;
	const AxkInfo *k = s->kernel;
	int icg = c.ic / c.groups, ocg = c.oc / c.groups;
	bool by_group = c.groups > 1;
	size_t out = (size_t)begin * (size_t)(by_group ? ocg : 1), in = by_group ? (size_t)begin * (size_t)icg : 0;
	c.oc = by_group ? (end - begin) * ocg : end - begin;
	c.ic = by_group ? (end - begin) * icg : c.ic;
	c.groups = by_group ? end - begin : 1;
	if (k->fits && !k->fits(&c))
		return false;
	AxkPackIn pack = *s->pack;
	pack.weights = (const int8_t *)pack.weights + out * (size_t)(c.kh * c.kw) * (size_t)icg;
	pack.bias += out;
	pack.m += out;
	if (pack.zp_in)
		pack.zp_in += in;
	AxcBuf weights = {.name = "weights", .space = AXC_SPACE_CONST, .bytes = k->pack_bytes(&c), .first = -1, .last = -1};
	void *packed = axc_alloc(p->arena, weights.bytes);
	k->pack(&c, &pack, packed);
	weights.data = packed;
	AXC_PUSH(p->arena, &p->bufs, weights);
	*ret = *s;
	ret->params = axc_memdup(p->arena, &c, sizeof c);
	ret->pack = axc_memdup(p->arena, &pack, sizeof pack);
	ret->scratch = 0;
	ret->arg[0].offset += out * (c.out_f32 ? sizeof(float) : 1);
	ret->arg[1].offset += in;
	ret->arg[2] = (AxcArg){p->bufs.n - 1, 0};
	if (c.add)
		ret->arg[4].offset += out;
	if (ret->arg[5].buf)
		ret->arg[5].offset += in;
	return true;
}

void axc_tile_append(AxcProgram *p, AxcStep s)
{
	const AxkInfo *k = s.kernel;
	s.units = k->units ? k->units(s.params) : 1;
	s.chunks = chunks_of(p, s.units);
	s.scratch = 0;
	s.scratch_bytes = k->scratch_bytes ? axc_align_up(k->scratch_bytes(s.params), AXK_ALIGN) : 0;
	if (s.scratch_bytes) {
		AxcBuf b = {.name = "scratch", .space = AXC_SPACE_WS, .bytes = s.scratch_bytes * (size_t)s.chunks,
		            .first = -1, .last = -1};
		AXC_PUSH(p->arena, &p->bufs, b);
		s.scratch = p->bufs.n - 1;
	}
	AXC_PUSH(p->arena, &p->steps, s);
}
