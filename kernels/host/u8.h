/* Companions of the u8 kernels: how many units, how much scratch, how weights are packed. */
#ifndef AXK_HOST_U8_H
#define AXK_HOST_U8_H

#include "kernels/axk.h"

/* split_u8.c: units of the kernels that need no packing, and of the reference kernels */
int axk_units_conv_rows(const void *params); /* struct axk_conv: n * oh */
int axk_units_conv_u8_c(const void *params); /* n * oh * blocks of 8 channels */
int axk_units_pool_rows(const void *params); /* struct axk_pool: n * oh */
int axk_units_requant(const void *params);         /* rows */
int axk_units_mean_u8(const void *params);   /* n * blocks of 64 channels */
int axk_units_binary_u8(const void *params); /* places of the outer dimensions * chunks */
int axk_units_lut_u8(const void *params);
int axk_units_softmax_u8(const void *params);     /* outer */
size_t axk_scratch_softmax_u8(const void *params); /* the exponentials of a vector of columns or 4 rows */
int axk_units_resize_u8_rows(const void *params); /* n * oh */

/* fits_u8.c: inner strides that the vector kernels take */
int axk_fits_binary_vector(const void *params);
int axk_fits_lut_vector(const void *params);
int axk_fits_softmax_u8_vector(const void *params);

/* pack_u8_c.c: weights of the reference kernels */
size_t axk_pack_bytes_conv_u8_c(const void *params);
void axk_pack_conv_u8_c(const void *params, const AxkPackIn *in, void *dst);
int axk_units_dense_u8_c(const void *params); /* rows * blocks of 8 columns */
size_t axk_pack_bytes_dense_u8_c(const void *params);
void axk_pack_dense_u8_c(const void *params, const AxkPackIn *in, void *dst);
size_t axk_pack_bytes_dwconv_u8_c(const void *params);
void axk_pack_dwconv_u8_c(const void *params, const AxkPackIn *in, void *dst);
size_t axk_pack_bytes_convt_u8_c(const void *params);
void axk_pack_convt_u8_c(const void *params, const AxkPackIn *in, void *dst);

/* pack_u8_vnni.c: conv_u8_avx512vnni.c */
int axk_units_conv_vnni(const void *params);
size_t axk_scratch_conv_vnni(const void *params);
size_t axk_pack_bytes_conv_vnni(const void *params);
void axk_pack_conv_vnni(const void *params, const AxkPackIn *in, void *dst);

/* pack_u8_avx2.c: conv_u8_avx2.c */
int axk_units_conv_avx2(const void *params);
size_t axk_scratch_conv_avx2(const void *params);
size_t axk_pack_bytes_conv_avx2(const void *params);
void axk_pack_conv_avx2(const void *params, const AxkPackIn *in, void *dst);

/* pack_u8_dw.c: dwconv_u8_avx512vnni.c, dwconv_u8_avx2.c */
int axk_fits_dwconv_vnni(const void *params);
size_t axk_scratch_dwconv_vnni(const void *params);
size_t axk_pack_bytes_dwconv_vnni(const void *params);
void axk_pack_dwconv_vnni(const void *params, const AxkPackIn *in, void *dst);
int axk_fits_dwconv_avx2(const void *params);
size_t axk_scratch_dwconv_avx2(const void *params);
size_t axk_pack_bytes_dwconv_avx2(const void *params);
void axk_pack_dwconv_avx2(const void *params, const AxkPackIn *in, void *dst);

/* Weights of a convolution inside an array of other order: steps in elements, possibly negative,
 * between output channels and the rows and columns of the window; the input channels of a tap lie
 * together. */
typedef struct AxkTaps {
	ptrdiff_t channel, row, col;
} AxkTaps;
AxkTaps axk_taps_of(const struct axk_conv *p); /* the usual order */
void axk_pack_conv_vnni_taps(const struct axk_conv *p, const AxkPackIn *in, AxkTaps taps,
			     void *dst);
void axk_pack_conv_avx2_taps(const struct axk_conv *p, const AxkPackIn *in, AxkTaps taps,
			     void *dst);

/* pack_u8_convt.c: convt_u8_avx512vnni.c, convt_u8_avx2.c */
int axk_fits_convt_phases(const void *params);
int axk_units_convt_phases(const void *params);
size_t axk_scratch_convt_vnni(const void *params);
size_t axk_pack_bytes_convt_vnni(const void *params);
void axk_pack_convt_vnni(const void *params, const AxkPackIn *in, void *dst);
size_t axk_scratch_convt_avx2(const void *params);
size_t axk_pack_bytes_convt_avx2(const void *params);
void axk_pack_convt_avx2(const void *params, const AxkPackIn *in, void *dst);

/* shared by the pack functions: bias - zp * sum(w) of one output channel with k weights */
int32_t axk_folded_bias(int32_t bias, const int8_t *w, size_t k, int zp);

#endif
