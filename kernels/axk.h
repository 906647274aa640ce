/* The kernel ABI: parameter structs, the kernel table, the environment that emitted code calls back.
 *
 * A kernel is a pure function
 *     void k(const void *params, void *const *buf, void *scratch, int begin, int end)
 * over the units [begin, end) of its output (rows of an image, blocks of channels: the kernel's own
 * choice, see AxkInfo.units). It allocates nothing, has no state, calls nothing but mem* and other
 * static functions, and gives the same bits for every split of the units. Calls on disjoint units may
 * run at once, each with scratch of its own.
 *
 * Sources are pasted verbatim into kernel_function.c, so: C11, no libm, no include but <stdint.h>,
 * <stddef.h>, <string.h>, <immintrin.h> / <arm_neon.h>, and quoted headers: every #include "…" line is
 * dropped by the emitter, which prints the structs that are used and pastes what AxkInfo.files lists. A kernel is declared AXK_FN, its helpers AXK_INLINE.
 *
 * int8 activations are stored as uint8 = q + 128 inside the workspace ("u8"), in NHWC with a pixel
 * stride ("ld", in elements) so that concatenation and split need no copy. Every buffer has at least
 * AXK_SLACK readable bytes behind its end: kernels may read past a row, never write. But what a kernel writes,
 * and what quantize and copy read, may be the caller's: behind its end they do not read either.
 */
#ifndef AXK_H
#define AXK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef AXK_FN
#define AXK_FN /* the library: external; emitted C: static */
#endif
#ifdef AXK_NATIVE
#define AXK_NAME(name) name##_native
#elif !defined AXK_NAME
#define AXK_NAME(name) name /* ref kernels: AXK_FN void AXK_NAME(axk_…_c)(…) */
#endif
#ifndef AXK_INLINE
#define AXK_INLINE static inline __attribute__((unused))
#endif

enum { AXK_MAX_BUFS = 12, AXK_SLACK = 64, AXK_ALIGN = 64, AXK_DIMS = 8 };

/* ISA features a kernel may need; a target has a set of them. AXK_ISA_C is the empty set. */
enum {
	AXK_ISA_C = 0,
	AXK_ISA_AVX2 = 1 << 0,   /* x86-64-v3: AVX2, FMA, BMI, F16C */
	AXK_ISA_AVX512 = 1 << 1, /* F, BW, DQ, VL */
	AXK_ISA_VNNI = 1 << 2,   /* AVX512-VNNI */
	AXK_ISA_AMX = 1 << 3,    /* AMX-TILE, AMX-INT8 */
	AXK_ISA_NEON = 1 << 4,
	AXK_ISA_DOTPROD = 1 << 5,
	AXK_ISA_I8MM = 1 << 6,
};
/* Features of the CPU this runs on (and that the OS enables); AXK_CPU_ISA=c|avx2|avx512 in the environment takes
 * away what is beyond, for tests. */
unsigned axk_cpu_isa(void);

typedef void axk_fn(const void *params, void *const *buf, void *scratch, int begin, int end);

/* ---- parameter structs ----
 * Each is an X-macro of int (I), float (F) and int-array (A) fields, so that the emitter can print
 * values and dumps can name them. Sizes are in elements unless they end in _bytes. */

#define AXK_STRUCT_I(name) int name;
#define AXK_STRUCT_F(name) float name;
#define AXK_STRUCT_A(name, count) int name[count];
#define AXK_STRUCT(tag, FIELDS) \
	struct tag { \
		FIELDS(AXK_STRUCT_I, AXK_STRUCT_F, AXK_STRUCT_A) \
	};

/* Epilogue shared by the u8 kernels that accumulate in int32, rule 1 then 5 then 2 of docs/numerics.md:
 *   q = rint(clamp((float)acc * m[oc], lo, hi)) + zp      lo, hi already minus zp; q in 0..255
 *   if has_lut:  q = lut[q]
 *   if add == 1: q = sat(rint(fmaf(q, ra, fmaf(r, rb, rfx)))) clamped to [alo, ahi]   (q is operand a)
 *   if add == 2: q = sat(rint(fmaf(r, ra, fmaf(q, rb, rfx)))) clamped to [alo, ahi]   (q is operand b)
 * r: the residual, u8, pixel stride res_ld. out_f32: instead of all that, out is float (float)acc * m[oc]
 * with m = s_x*s_w (and out_ld counts floats). */
#define AXK_EPI_FIELDS(I, F, A) \
	I(out_f32) F(zp) F(lo) F(hi) I(has_lut) I(add) I(res_ld) F(ra) F(rb) F(rfx) F(alo) F(ahi)

/* Convolution, u8 x s8 -> u8 or f32, NHWC. groups: ic and oc are totals. zp_in (0..255) pads. A dense
 * product is ih = M, iw = kh = kw = 1. Depthwise (ic == oc == groups) is a kind of its own.
 * buf: 0 out, 1 in, 2 packed weights + bias + m (AxkInfo.pack), 3 lut, 4 residual.
 * Pack takes: int8 w[oc][kh][kw][ic/groups], int32 bias[oc] (without zero-point correction: pack folds
 * zp_in * sum(w) in), float m[oc]. */
#define AXK_CONV_FIELDS(I, F, A) \
	I(n) I(ih) I(iw) I(ic) I(in_ld) I(oh) I(ow) I(oc) I(out_ld) I(kh) I(kw) I(sh) I(sw) I(dh) I(dw) \
	I(pt) I(pl) I(groups) I(zp_in) AXK_EPI_FIELDS(I, F, A)
AXK_STRUCT(axk_conv, AXK_CONV_FIELDS)

/* Depthwise: the same struct, groups == ic, oc == ic * multiplier (usually 1). With per-channel input
 * zero points zp_in is -1 and buf 5 is u8 zp_in[ic]; pack then takes them as its last argument. */

/* Dense product as a kind of its own: the same struct with n = iw = kh = kw = 1, groups 1, ih = oh rows. The same
 * bits as the 1x1 convolution, with the weights in their own order: small and simple, not fast. */

/* Transposed convolution: out[y*sh - pt + ky*dh] += in[y] * w; the same struct; w as above. */

/* Max pooling u8 (padding never wins); average pooling u8 by rule 4 (AveragePool): dequantize with
 * (s_in, zp_in), sequential float sum in window order (y, x), / n, / s_out, + zp, rint; count_pad counts padding
 * (the taps inside the padded input, pb and pr included). A max window wholly outside the input gives 0, an
 * average over no taps gives zp_out.
 * buf: 0 out, 1 in. */
#define AXK_POOL_FIELDS(I, F, A) \
	I(n) I(ih) I(iw) I(c) I(in_ld) I(oh) I(ow) I(out_ld) I(kh) I(kw) I(sh) I(sw) I(dh) I(dw) I(pt) I(pl) \
	I(pb) I(pr) I(count_pad) I(zp_in) I(zp_out) F(s_in) F(s_out)
AXK_STRUCT(axk_pool, AXK_POOL_FIELDS)

/* Global average / ReduceMean over the rows of [n][rows][c]: exact sum of (u8 - zp_in), times m, rule 1
 * bounds; out_f32 gives (float)sum * m as float. buf: 0 out [n][c] (out_ld between n), 1 in. */
#define AXK_MEAN_FIELDS(I, F, A) \
	I(n) I(rows) I(c) I(in_ld) I(out_ld) I(zp_in) I(out_f32) F(m) F(zp) F(lo) F(hi)
AXK_STRUCT(axk_mean, AXK_MEAN_FIELDS)

/* Accumulators kept as float ((float)acc, what a convolution with out_f32 and m = 1 gives) times m[c]: float, or
 * u8 by rule 1. Lets both entry points share one set of packed weights, and serves outputs whose zero point
 * differs per channel (per_channel: zp, lo and hi come from buf 3). buf: 0 out [rows][c], 1 in float
 * [rows][c], 2 float m[c], 3 float zp[c] or NULL. */
#define AXK_REQUANT_FIELDS(I, F, A) I(rows) I(c) I(in_ld) I(out_ld) I(out_f32) I(per_channel) F(zp) F(lo) F(hi)
AXK_STRUCT(axk_requant, AXK_REQUANT_FIELDS)

/* Element-wise u8 over dims[0..7] (outermost first, unused ones 1) with a stride per operand and
 * dimension (0 = broadcast). The innermost dimension is fast when its strides are 0 or 1.
 * add: q = sat(rint(fmaf(a, ra, fmaf(b, rb, fx)))) clamped to [lo, hi]
 * mul: q = sat(rint((float)((a - za) * (b - zb)) * m + zy)) clamped to [lo, hi]; ra = m, fx = zy
 * has_lut: then q = lut[q]. buf: 0 out, 1 a, 2 b, 3 lut. */
#define AXK_BINARY_U8_FIELDS(I, F, A) \
	A(dims, 8) A(sy, 8) A(sa, 8) A(sb, 8) I(za) I(zb) F(ra) F(rb) F(fx) F(lo) F(hi) I(has_lut)
AXK_STRUCT(axk_binary_u8, AXK_BINARY_U8_FIELDS)

/* y = lut[x] over strided dims. buf: 0 out, 1 in, 2 lut[256]. */
#define AXK_LUT_FIELDS(I, F, A) A(dims, 8) A(sy, 8) A(sx, 8)
AXK_STRUCT(axk_lut, AXK_LUT_FIELDS)

/* Strided copy of elements of elem_bytes (1, 2, 4, 8); every byte is xored with `flip` (0 or 128, 1-byte
 * elements only: int8 <-> u8). Fast for contiguous runs and for 2-D transposes. buf: 0 out, 1 in. */
#define AXK_COPY_FIELDS(I, F, A) I(elem_bytes) I(flip) A(dims, 8) A(sy, 8) A(sx, 8)
AXK_STRUCT(axk_copy, AXK_COPY_FIELDS)

/* Strided fill with an element of elem_bytes taken from buf 1 (a constant). buf: 0 out, 1 element. */
#define AXK_FILL_FIELDS(I, F, A) I(elem_bytes) A(dims, 8) A(sy, 8)
AXK_STRUCT(axk_fill, AXK_FILL_FIELDS)

/* General gather: y[i0..i7] = x[t0[i0] + … + t7[i7]], or the fill element where any t is negative. The
 * tables are int32, concatenated in order (dims[0] entries, dims[1] entries, …), offsets in elements.
 * buf: 0 out (strides sy), 1 in, 2 tables, 3 fill element (may be NULL when no t is negative). */
#define AXK_MOVE_FIELDS(I, F, A) I(elem_bytes) A(dims, 8) A(sy, 8)
AXK_STRUCT(axk_move, AXK_MOVE_FIELDS)

/* Quantize f32 -> u8 (flip = 0) or int8 (flip = 128): rint(clamp(x / s, -zp, 255 - zp)) + zp, NaN to the minimum; zp in
 * the u8 domain. Dequantize the way back: (float)(q - zp) * s. Strided, so layouts change on the way.
 * buf: 0 out, 1 in. */
#define AXK_QUANT_FIELDS(I, F, A) F(s) I(zp) I(flip) A(dims, 8) A(sy, 8) A(sx, 8)
AXK_STRUCT(axk_quant, AXK_QUANT_FIELDS)

/* Softmax u8 -> u8 over the middle of [outer][c][inner], strides in elements; rule 8. buf: 0 out, 1 in,
 * 2 float exp_table[256]: exp(-i * s_in) in double, rounded; table[max - x].
 * The sum is float, sequential in c. out = rint(e / sum * 256) saturated, zero point 0. */
#define AXK_SOFTMAX_U8_FIELDS(I, F, A) I(outer) I(c) I(inner) I(x_outer) I(x_c) I(x_inner) I(y_outer) I(y_c) I(y_inner)
AXK_STRUCT(axk_softmax_u8, AXK_SOFTMAX_U8_FIELDS)

/* Bilinear resize u8 NHWC by rule 9. buf: 0 out, 1 in, 2 int32 y0[oh], y1[oh], x0[ow], x1[ow],
 * 3 float dy1[oh], dy2[oh], dx1[ow], dx2[ow] (made by lowering from the coordinate mode: dy1 = |y - y0|,
 * dy2 = |y - y1|, both 0.5 where y0 == y1). */
#define AXK_RESIZE_U8_FIELDS(I, F, A) \
	I(n) I(ih) I(iw) I(c) I(in_ld) I(oh) I(ow) I(out_ld) I(zp_in) I(zp_out) F(s_in) F(s_out)
AXK_STRUCT(axk_resize_u8, AXK_RESIZE_U8_FIELDS)

#include "axk_f32.h" /* structs of the float and integer kernels */

/* ---- the table, made from kernels.def ---- */

typedef enum AxkKind {
#define AXK_KIND(kind, tag, fields) kind,
#include "kinds.def"
#undef AXK_KIND
	AXK_KIND_COUNT
} AxkKind;

typedef enum AxkFieldType { AXK_FIELD_INT, AXK_FIELD_FLOAT, AXK_FIELD_INTS } AxkFieldType;

typedef struct AxkField {
	const char *name;
	AxkFieldType type;
	int count; /* of AXK_FIELD_INTS */
	size_t offset;
} AxkField;

/* What pack functions read; fields a kind does not use are NULL. */
typedef struct AxkPackIn {
	const void *weights; /* int8 or float, in the order the struct's comment says */
	const int32_t *bias;
	const float *bias_f32;
	const float *m;
	const uint8_t *zp_in; /* per channel, depthwise only */
} AxkPackIn;

typedef struct AxkInfo {
	const char *name;  /* the function, e.g. "axk_conv_u8_avx512vnni" */
	AxkKind kind;
	unsigned isa;      /* features it needs */
	const char *files; /* sources to paste, in order, below kernels/, space-separated */
	axk_fn *fn;        /* NULL when this build has no such ISA */
	axk_fn *fn_native; /* ref kernels: the same source built for AVX2+FMA; use axk_run_fn() */
	int (*fits)(const void *params);                /* NULL: always */
	int (*units)(const void *params);               /* >= 1 */
	size_t (*scratch_bytes)(const void *params);    /* per concurrent call; NULL: 0 */
	size_t (*pack_bytes)(const void *params);       /* NULL: nothing is packed */
	void (*pack)(const void *params, const AxkPackIn *in, void *dst);
} AxkInfo;

extern const AxkInfo axk_table[]; /* best first within a kind; ends with name == NULL */

/* First row of the kind whose ISA is within `isa` and that fits; NULL if none. */
const AxkInfo *axk_select(AxkKind kind, unsigned isa, const void *params);
/* Fastest build of the function on this CPU; same bits. */
axk_fn *axk_run_fn(const AxkInfo *info);
const char *axk_kind_name(AxkKind kind);         /* "AXK_CONV_U8" */
const char *axk_kind_struct(AxkKind kind);       /* "axk_conv" */
size_t axk_kind_params_bytes(AxkKind kind);
const AxkField *axk_kind_fields(AxkKind kind, int *ret_n);

#endif
