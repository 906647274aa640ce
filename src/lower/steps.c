/* Appending buffers and steps to the Program. */
#include "lower/lower.h"

#include "base/fault.h"

uint32_t axc_buf_add(AxcLowering *l, AxcSpace space, const char *name, size_t bytes)
{
	AxcBuf b = {.name = name, .space = space, .bytes = bytes, .first = -1, .last = -1};
	AXC_PUSH(l->arena, &l->p->bufs, b);
	return l->p->bufs.n - 1;
}

uint32_t axc_buf_const(AxcLowering *l, const char *name, const void *data, size_t bytes)
{
	uint32_t id = axc_buf_add(l, AXC_SPACE_CONST, name, bytes);
	l->p->bufs.at[id].data = data;
	return id;
}

static bool pack_weights(AxcLowering *l, const AxkInfo *k, const void *params, const AxkPackIn *pack,
                         AxcArg *arg)
{
	size_t bytes = k->pack_bytes(params);
	if (bytes > (size_t)INT32_MAX)
		return axc_fail_as(l->d, AXC_FRONTEND_TO_MIDEND_ERROR,
		                   "packed weights take %zu bytes; at most 2147483647 are possible", bytes);
	void *packed = axc_alloc(l->arena, bytes);
	k->pack(params, pack, packed);
	*arg = (AxcArg){axc_buf_const(l, "weights", packed, bytes), 0};
	return true;
}

bool axc_step_add(AxcLowering *l, AxkKind kind, const void *params, uint32_t n_args, const AxcArg *args,
                  const AxkPackIn *pack)
{
	const AxkInfo *k = axc_fault_named("kernel") ? NULL : axk_select(kind, l->config->target->isa, params);
	if (!k)
		return axc_fail_as(l->d, AXC_MIDEND_TO_TIR_ERROR, "no kernel of kind %s for target %s",
		                   axk_kind_name(kind), l->config->target->name);
	AxcStep s = {.kernel = k, .n_args = n_args, .entries = l->entries, .layer = l->layer};
	s.params = axc_memdup(l->arena, params, axk_kind_params_bytes(kind));
	memcpy(s.arg, args, n_args * sizeof *args);
	if (pack && k->pack) {
		s.pack = axc_memdup(l->arena, pack, sizeof *pack);
		if (!pack_weights(l, k, params, pack, &s.arg[2]))
			return false;
	}
	s.units = k->units ? k->units(params) : 1;
	s.chunks = AXC_MAX(1, AXC_MIN(s.units, l->config->cores));
	if (k->scratch_bytes)
		s.scratch_bytes = axc_align_up(k->scratch_bytes(params), AXK_ALIGN);
	if (s.scratch_bytes)
		s.scratch = axc_buf_add(l, AXC_SPACE_WS, "scratch", s.scratch_bytes * (size_t)s.chunks);
	AXC_PUSH(l->arena, &l->p->steps, s);
	return true;
}

/* Loop dimensions over two views of equal count; false if their shapes have no common refinement. */
static bool pair_dims(const AxcView *dst, const AxcView *src, int dims[8], int strides[2][8])
{
	int n;
	int64_t d[AXC_MAX_RANK], s[2][AXC_MAX_RANK];
	if (!axc_view_refine(dst, src, &n, d, s[0], s[1]))
		return false;
	const int64_t *const both[2] = {s[0], s[1]};
	axc_loop_dims(n, d, 2, both, dims, strides);
	return true;
}

bool axc_step_copy(AxcLowering *l, const AxcView *dst, const AxcView *src, int elem_bytes, int flip)
{
	struct axk_copy p = {.elem_bytes = elem_bytes, .flip = flip};
	int strides[2][8];
	if (!pair_dims(dst, src, p.dims, strides)) {
		/* through a row-major temporary, which refines against anything */
		AxcView t = axc_view_temp(l, &src->shape, false, (size_t)elem_bytes);
		AxcView u = t;
		u.shape = dst->shape;
		axc_view_row_major(&u);
		return axc_step_copy(l, &t, src, elem_bytes, 0) && axc_step_copy(l, dst, &u, elem_bytes, flip);
	}
	memcpy(p.sy, strides[0], sizeof p.sy);
	memcpy(p.sx, strides[1], sizeof p.sx);
	AxcArg args[2] = {axc_view_arg(dst, (size_t)elem_bytes), axc_view_arg(src, (size_t)elem_bytes)};
	return axc_step_add(l, AXK_COPY, &p, 2, args, NULL);
}

bool axc_step_lut(AxcLowering *l, const AxcView *dst, const AxcView *src, const uint8_t table[256])
{
	struct axk_lut p = {0};
	int strides[2][8];
	if (!pair_dims(dst, src, p.dims, strides))
		return axc_fail(l->d, "a table step needs equal shapes");
	memcpy(p.sy, strides[0], sizeof p.sy);
	memcpy(p.sx, strides[1], sizeof p.sx);
	uint32_t lut = axc_buf_const(l, "table", axc_memdup(l->arena, table, 256), 256);
	AxcArg args[3] = {axc_view_arg(dst, 1), axc_view_arg(src, 1), {lut, 0}};
	return axc_step_add(l, AXK_LUT_U8, &p, 3, args, NULL);
}
