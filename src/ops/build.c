/* What an operator's build function calls: temporaries, constants, and the choice of a kernel. */
#include "ops/op.h"

AxcRef axc_build_temp(AxcBuild *b, size_t bytes)
{
	AXC_PUSH(b->arena, &b->temps, bytes);
	return (AxcRef){AXC_REF_TEMP, b->temps.n - 1, 0};
}

AxcRef axc_build_const_new(AxcBuild *b, size_t bytes, void **ret_data)
{
	if (b->consts.n == b->consts.cap) {
		uint32_t cap = b->consts.cap;
		b->consts.at = axc_grow(b->arena, b->consts.at, b->consts.n, &cap, sizeof *b->consts.at);
		cap = b->consts.cap;
		b->consts.bytes = axc_grow(b->arena, b->consts.bytes, b->consts.n, &cap, sizeof *b->consts.bytes);
		b->consts.cap = cap;
	}
	*ret_data = axc_alloc(b->arena, axc_align_up(bytes + AXK_SLACK, AXK_ALIGN));
	b->consts.at[b->consts.n] = *ret_data;
	b->consts.bytes[b->consts.n] = bytes;
	return (AxcRef){AXC_REF_CONST, b->consts.n++, 0};
}

AxcRef axc_build_const(AxcBuild *b, const void *data, size_t bytes)
{
	void *copy;
	AxcRef ref = axc_build_const_new(b, bytes, &copy);
	if (bytes)
		memcpy(copy, data, bytes);
	return ref;
}

const AxkInfo *axc_build_select(AxcBuild *b, AxkKind kind, const void *params)
{
	const AxkInfo *k = axk_select(kind, b->isa, params);
	if (!k)
		axc_fail_as(b->d, AXC_MIDEND_TO_TIR_ERROR, "no kernel of kind %s fits on this target",
		            axk_kind_name(kind));
	return k;
}

bool axc_build_call(AxcBuild *b, AxkKind kind, const void *params, size_t params_bytes, int units,
                    uint32_t n_buf, const AxcRef *buf)
{
	const AxkInfo *k = axc_build_select(b, kind, params);
	if (!k)
		return false;
	AxcCall call = {.kernel = k, .n_buf = n_buf, .units = units};
	call.params = axc_memdup(b->arena, params, params_bytes);
	if (units <= 0)
		call.units = k->units ? k->units(params) : 1;
	memcpy(call.buf, buf, n_buf * sizeof *buf);
	AXC_PUSH(b->arena, &b->calls, call);
	return true;
}
