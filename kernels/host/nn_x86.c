/* Units, scratch and packing of the float kernels for AVX2 and AVX-512. `rows` channels and
 * `columns` positions make a tile: 4 x 24 and 8 x 48. */
#include "kernels/host/nn.h"

#include <string.h>

#include "kernels/x86/phases_f32.h"
#include "kernels/x86/pool_f32_shape.h"

static int ceil_div(int a, int b)
{
	return (a + b - 1) / b;
}

/* ---- pooling ---- */

size_t axk_scratch_maxpool_f32(const void *params)
{
	const struct axk_pool_f32 *p = params;
	const axk_pool_shape s = axk_pool_shape_of(p);
	size_t taps = (size_t)p->k[2] + (size_t)p->k[0] * (size_t)p->k[1];
	size_t rows = (size_t)s.reach[0] * (size_t)s.reach[1];
	size_t padded = s.rows_fit ? 0 : rows * (size_t)s.reach[2] + s.behind;
	return (taps + rows * s.pitch + padded) * sizeof(float);
}

size_t axk_scratch_avgpool_f32(const void *params)
{
	const struct axk_pool_f32 *p = params;
	const axk_pool_shape s = axk_pool_shape_of(p);
	size_t taps = (size_t)p->k[0] * (size_t)p->k[1] * (size_t)p->k[2];
	size_t plane = (size_t)s.reach[0] * (size_t)s.reach[1] * (size_t)s.reach[2] + s.behind;
	return (taps + 2 * s.pitch + (s.fits ? 0 : plane)) * sizeof(float);
}

/* ---- resize ---- */

static size_t resize_scratch(const struct axk_resize_f32 *p, int lanes)
{
	return p->inner == 1 ? ((size_t)p->in + (size_t)ceil_div(p->out, lanes) * (size_t)lanes) * (size_t)lanes *
				       sizeof(float)
			     : 0;
}

size_t axk_scratch_resize_f32_avx2(const void *params)
{
	return resize_scratch(params, 8);
}

size_t axk_scratch_resize_f32_avx512(const void *params)
{
	return resize_scratch(params, 16);
}

/* ---- convolution ---- */

static int taps_of(const struct axk_conv_f32 *p)
{
	return p->ic / p->groups * p->kh * p->kw;
}

static int conv_units(const struct axk_conv_f32 *p, int columns)
{
	return p->n * p->groups * ceil_div(p->oh * p->ow, columns);
}

static size_t conv_scratch(const struct axk_conv_f32 *p, int columns)
{
	return (size_t)taps_of(p) * (size_t)columns * sizeof(float);
}

static size_t conv_blocks(const struct axk_conv_f32 *p, int rows)
{
	return (size_t)p->groups * (size_t)ceil_div(p->oc / p->groups, rows);
}

static size_t conv_pack_bytes(const struct axk_conv_f32 *p, int rows)
{
	return conv_blocks(p, rows) * (size_t)rows * ((size_t)taps_of(p) + 1) * sizeof(float);
}

/* Per group and block of `rows` channels w[taps][rows], then the biases in the same blocks. */
static void conv_pack(const struct axk_conv_f32 *p, const AxkPackIn *in, void *dst, int rows)
{
	const float *w = in->weights;
	const int ocg = p->oc / p->groups, taps = taps_of(p);
	float *out = dst, *bias = out + conv_blocks(p, rows) * (size_t)rows * (size_t)taps;
	memset(dst, 0, conv_pack_bytes(p, rows));
	for (int g = 0; g < p->groups; g++)
		for (int c0 = 0; c0 < ocg;
		     c0 += rows, bias += rows, out += (size_t)rows * (size_t)taps)
			for (int i = 0; i < rows && c0 + i < ocg; i++) {
				size_t oc = (size_t)g * (size_t)ocg + (size_t)(c0 + i);
				bias[i] = in->bias_f32 ? in->bias_f32[oc] : 0.0f;
				for (int k = 0; k < taps; k++)
					out[(size_t)k * (size_t)rows + (size_t)i] =
						w[oc * (size_t)taps + (size_t)k];
			}
}

int axk_units_conv_f32_avx512(const void *params)
{
	return conv_units(params, 48);
}

size_t axk_scratch_conv_f32_avx512(const void *params)
{
	return conv_scratch(params, 48);
}

size_t axk_pack_bytes_conv_f32_avx512(const void *params)
{
	return conv_pack_bytes(params, 8);
}

void axk_pack_conv_f32_avx512(const void *params, const AxkPackIn *in, void *dst)
{
	conv_pack(params, in, dst, 8);
}

int axk_units_conv_f32_avx2(const void *params)
{
	return conv_units(params, 24);
}

size_t axk_scratch_conv_f32_avx2(const void *params)
{
	return conv_scratch(params, 24);
}

size_t axk_pack_bytes_conv_f32_avx2(const void *params)
{
	return conv_pack_bytes(params, 4);
}

void axk_pack_conv_f32_avx2(const void *params, const AxkPackIn *in, void *dst)
{
	conv_pack(params, in, dst, 4);
}

/* ---- transposed ---- */

static int convt_units(const struct axk_conv_f32 *p, int columns)
{
	int n = 0;
	for (int phase = 0; phase < p->sh * p->sw; phase++) {
		axk_ct_f32 c = axk_ct_f32_phase(p, phase);
		n += ceil_div(c.rows * c.cols, columns) * p->n * p->groups;
	}
	return n;
}

static size_t convt_scratch(const struct axk_conv_f32 *p, int rows, int columns)
{
	return ((size_t)taps_of(p) + (size_t)rows) * (size_t)columns * sizeof(float);
}

/* Biases in blocks of `rows`, then w[ic/groups * taps of the phase][rows] per phase, group and
 * block. */
static void convt_pack(const struct axk_conv_f32 *p, const AxkPackIn *in, void *dst, int rows)
{
	const float *w = in->weights;
	const int icg = p->ic / p->groups, ocg = p->oc / p->groups, blocks = ceil_div(ocg, rows);
	float *out = dst;
	memset(dst, 0, conv_pack_bytes(p, rows));
	for (int oc = 0; oc < p->oc && in->bias_f32; oc++)
		out[oc / ocg * blocks * rows + oc % ocg] = in->bias_f32[oc];
	out += (size_t)p->groups * (size_t)(blocks * rows);
	for (int phase = 0; phase < p->sh * p->sw; phase++)
		for (int b = 0; b < p->groups * blocks; b++)
			for (int ic = 0; ic < icg; ic++)
				for (int tap = 0; tap < p->kh * p->kw; tap++) {
					int ky = tap / p->kw, kx = tap % p->kw,
					    c0 = b % blocks * rows;
					if (ky * p->dh % p->sh != phase / p->sw ||
					    kx * p->dw % p->sw != phase % p->sw)
						continue;
					size_t row = (size_t)(b / blocks * icg + ic) * (size_t)ocg;
					for (int i = 0; i < rows && c0 + i < ocg; i++)
						out[i] = w[(row + (size_t)(c0 + i)) *
								   (size_t)(p->kh * p->kw) +
							   (size_t)tap];
					out += rows;
				}
}

/* Every phase is walked by every call. */
int axk_fits_convt_f32_x86(const void *params)
{
	const struct axk_conv_f32 *p = params;
	return p->sh <= 64 && p->sw <= 64;
}

int axk_units_convt_f32_avx512(const void *params)
{
	return convt_units(params, 48);
}

size_t axk_scratch_convt_f32_avx512(const void *params)
{
	return convt_scratch(params, 8, 48);
}

void axk_pack_convt_f32_avx512(const void *params, const AxkPackIn *in, void *dst)
{
	convt_pack(params, in, dst, 8);
}

int axk_units_convt_f32_avx2(const void *params)
{
	return convt_units(params, 24);
}

size_t axk_scratch_convt_f32_avx2(const void *params)
{
	return convt_scratch(params, 4, 24);
}

void axk_pack_convt_f32_avx2(const void *params, const AxkPackIn *in, void *dst)
{
	convt_pack(params, in, dst, 4);
}

/* ---- depthwise ---- */

int axk_fits_dwconv_f32(const void *params)
{
	const struct axk_conv_f32 *p = params;
	return p->ic > 1 && p->groups == p->ic && p->oc / p->ic <= 4 &&
	       p->kh * p->kw <= AXK_DWF_TAPS;
}

int axk_fits_dwconv_rows_f32(const void *params)
{
	const struct axk_conv_f32 *p = params;
	return p->groups == p->ic && p->oc % p->ic == 0 && p->kh == p->kw && (p->kh == 3 || p->kh == 5) &&
	       p->sh == p->sw && p->sh <= 2 && p->dh == 1 && p->dw == 1;
}

size_t axk_scratch_dwconv_rows_f32(const void *params)
{
	return ((size_t)((const struct axk_conv_f32 *)params)->iw + 40) * sizeof(float);
}

int axk_units_dwconv_f32(const void *params)
{
	const struct axk_conv_f32 *p = params;
	return p->n * p->oc;
}

size_t axk_scratch_dwconv_f32(const void *params)
{
	const struct axk_conv_f32 *p = params;
	axk_dw_f32 s = axk_dw_f32_shape(p);
	return (s.phase * (size_t)p->sh * (size_t)p->sw + s.flat) * sizeof(float);
}

/* ---- matrix product ---- */

/* The tiles take chains that start at zero or at one value per column. */
static int matmul_fits(const struct axk_matmul_f32 *p)
{
	return p->alpha == 1.0f && (p->packed || p->sbn == 1) &&
	       (!p->has_c || (p->beta == 1.0f && p->scm == 0));
}

int axk_fits_matmul_f32_x86(const void *params)
{
	return matmul_fits(params);
}

static int matmul_units(const struct axk_matmul_f32 *p, int columns)
{
	int n = p->m > 0 ? ceil_div(p->n, columns) : 0;
	for (int i = 0; i < 6; i++)
		n *= p->batch[i];
	return n;
}

static size_t matmul_pack_bytes(const struct axk_matmul_f32 *p, int columns)
{
	return (size_t)ceil_div(p->n, columns) * (size_t)columns * (size_t)p->k * sizeof(float);
}

static void matmul_pack(const struct axk_matmul_f32 *p, const AxkPackIn *in, void *dst, int columns)
{
	const float *b = in->weights;
	float *out = dst;
	memset(dst, 0, matmul_pack_bytes(p, columns));
	for (int j0 = 0; j0 < p->n; j0 += columns)
		for (int k = 0; k < p->k; k++, out += columns) {
			int n = p->n - j0 < columns ? p->n - j0 : columns;
			memcpy(out, b + (size_t)k * (size_t)p->n + (size_t)j0,
			       (size_t)n * sizeof *out);
		}
}

int axk_units_matmul_f32_avx512(const void *params)
{
	return matmul_units(params, 48);
}

size_t axk_pack_bytes_matmul_f32_avx512(const void *params)
{
	return matmul_pack_bytes(params, 48);
}

void axk_pack_matmul_f32_avx512(const void *params, const AxkPackIn *in, void *dst)
{
	matmul_pack(params, in, dst, 48);
}

int axk_units_matmul_f32_avx2(const void *params)
{
	return matmul_units(params, 24);
}

size_t axk_pack_bytes_matmul_f32_avx2(const void *params)
{
	return matmul_pack_bytes(params, 24);
}

void axk_pack_matmul_f32_avx2(const void *params, const AxkPackIn *in, void *dst)
{
	matmul_pack(params, in, dst, 24);
}
