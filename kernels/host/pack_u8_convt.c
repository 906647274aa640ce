/* Companions of the vector transposed convolutions: each phase packed as the convolution that
 * computes it. */
#include "kernels/host/host.h"
#include "kernels/ref/epilogue.h"
#include "kernels/ref/math.h"
#include "kernels/ref/round.h"
#include "kernels/x86/convt_phases.h"

typedef size_t bytes_fn(const void *params);
typedef void pack_fn(const struct axk_conv *p, const AxkPackIn *in, AxkTaps taps, void *dst);

/* Every output must be reached by a tap. */
int axk_fits_convt_phases(const void *params)
{
	const struct axk_conv *p = params;
	for (int i = 0; i < p->sh * p->sw; i++) {
		struct axk_conv q = axk_convt_phase(p, i);
		if (q.oh > 0 && q.ow > 0 && (q.kh == 0 || q.kw == 0))
			return 0;
	}
	return 1;
}

int axk_units_convt_phases(const void *params)
{
	const struct axk_conv *p = params;
	return p->n * p->sh * p->sw;
}

static size_t table_bytes(const struct axk_conv *p)
{
	return ((size_t)p->sh * p->sw * sizeof(int32_t) + 63) / 64 * 64;
}

static size_t scratch_bytes(const struct axk_conv *p, bytes_fn *conv)
{
	size_t most = 0;
	for (int i = 0; i < p->sh * p->sw; i++) {
		struct axk_conv q = axk_convt_phase(p, i);
		size_t bytes = q.oh > 0 && q.ow > 0 ? axk_convt_bytes(&q) + conv(&q) : 0;
		most = bytes > most ? bytes : most;
	}
	return most;
}

static size_t packed_bytes(const struct axk_conv *p, bytes_fn *conv)
{
	size_t bytes = table_bytes(p);
	for (int i = 0; i < p->sh * p->sw; i++) {
		struct axk_conv q = axk_convt_phase(p, i);
		bytes += q.oh > 0 && q.ow > 0 ? (conv(&q) + 63) / 64 * 64 : 0;
	}
	return bytes;
}

static void pack(const struct axk_conv *p, const AxkPackIn *in, uint8_t *dst, bytes_fn *bytes,
		 pack_fn *conv)
{
	const AxkTaps all = axk_taps_of(p);
	int32_t *table = (int32_t *)dst;
	size_t at = table_bytes(p);
	memset(dst, 0, packed_bytes(p, bytes));
	for (int i = 0; i < p->sh * p->sw; i++) {
		const axk_convt_axis y = axk_convt_rows(p, i), x = axk_convt_cols(p, i);
		const AxkTaps taps = {all.channel, -y.step * all.row,
				      -x.step * all.col}; /* in reverse */
		struct axk_conv q = axk_convt_phase(p, i);
		AxkPackIn part = *in;
		table[i] = (int32_t)at;
		if (q.oh == 0 || q.ow == 0)
			continue;
		part.weights = (const int8_t *)in->weights +
			       (y.first + (y.count - 1) * y.step) * all.row +
			       (x.first + (x.count - 1) * x.step) * all.col;
		conv(&q, &part, taps, dst + at);
		at += (bytes(&q) + 63) / 64 * 64;
	}
}

size_t axk_scratch_convt_vnni(const void *params)
{
	return scratch_bytes(params, axk_scratch_conv_vnni);
}

size_t axk_pack_bytes_convt_vnni(const void *params)
{
	return packed_bytes(params, axk_pack_bytes_conv_vnni);
}

void axk_pack_convt_vnni(const void *params, const AxkPackIn *in, void *dst)
{
	pack(params, in, dst, axk_pack_bytes_conv_vnni, axk_pack_conv_vnni_taps);
}

size_t axk_scratch_convt_avx2(const void *params)
{
	return scratch_bytes(params, axk_scratch_conv_avx2);
}

size_t axk_pack_bytes_convt_avx2(const void *params)
{
	return packed_bytes(params, axk_pack_bytes_conv_avx2);
}

void axk_pack_convt_avx2(const void *params, const AxkPackIn *in, void *dst)
{
	pack(params, in, dst, axk_pack_bytes_conv_avx2, axk_pack_conv_avx2_taps);
}
