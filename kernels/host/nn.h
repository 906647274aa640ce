/* Companions of the float convolution, matrix, pooling, normalization and resize kernels. */
#ifndef AXK_HOST_NN_H
#define AXK_HOST_NN_H

#include "kernels/axk.h"

/* ---- convolution ---- */
int axk_units_conv_f32_c(const void *params);  /* output rows */
int axk_units_convt_f32_c(const void *params); /* output rows */
size_t axk_pack_bytes_conv_f32_c(const void *params);
void axk_pack_conv_f32_c(const void *params, const AxkPackIn *in, void *dst);
size_t axk_pack_bytes_convt_f32_c(const void *params);
void axk_pack_convt_f32_c(const void *params, const AxkPackIn *in, void *dst);
int axk_units_conv3d_f32_c(const void *params);
size_t axk_pack_bytes_conv3d_f32_c(const void *params);
void axk_pack_conv3d_f32_c(const void *params, const AxkPackIn *in, void *dst);

/* ---- matrix product ---- */
int axk_units_matmul_f32_c(const void *params);
size_t axk_pack_bytes_matmul_f32_c(const void *params);
void axk_pack_matmul_f32_c(const void *params, const AxkPackIn *in, void *dst);

/* ---- x86 ---- */
int axk_units_conv_f32_avx512(const void *params);
size_t axk_scratch_conv_f32_avx512(const void *params);
size_t axk_pack_bytes_conv_f32_avx512(const void *params);
void axk_pack_conv_f32_avx512(const void *params, const AxkPackIn *in, void *dst);
int axk_units_conv_f32_avx2(const void *params);
size_t axk_scratch_conv_f32_avx2(const void *params);
size_t axk_pack_bytes_conv_f32_avx2(const void *params);
void axk_pack_conv_f32_avx2(const void *params, const AxkPackIn *in, void *dst);
int axk_fits_convt_f32_x86(const void *params);
int axk_units_convt_f32_avx512(const void *params);
size_t axk_scratch_convt_f32_avx512(const void *params);
void axk_pack_convt_f32_avx512(const void *params, const AxkPackIn *in, void *dst);
int axk_units_convt_f32_avx2(const void *params);
size_t axk_scratch_convt_f32_avx2(const void *params);
void axk_pack_convt_f32_avx2(const void *params, const AxkPackIn *in, void *dst);
int axk_fits_dwconv_f32(const void *params);
int axk_fits_dwconv_rows_f32(const void *params); /* 3x3 and 5x5, stride 1 and 2, not dilated */
size_t axk_scratch_dwconv_rows_f32(const void *params); /* a row of zeros */
int axk_units_dwconv_f32(const void *params);
size_t axk_scratch_dwconv_f32(const void *params);
int axk_fits_matmul_f32_x86(const void *params);
int axk_units_matmul_f32_avx512(const void *params);
size_t axk_pack_bytes_matmul_f32_avx512(const void *params);
void axk_pack_matmul_f32_avx512(const void *params, const AxkPackIn *in, void *dst);
int axk_units_matmul_f32_avx2(const void *params);
size_t axk_pack_bytes_matmul_f32_avx2(const void *params);
void axk_pack_matmul_f32_avx2(const void *params, const AxkPackIn *in, void *dst);

/* ---- the rest ---- */
int axk_units_pool_f32(const void *params);
int axk_units_gpool_f32(const void *params);
int axk_units_batchnorm_f32(const void *params);
int axk_units_norm_f32(const void *params);
int axk_units_lrn_f32(const void *params);
int axk_units_resize_f32(const void *params);
size_t axk_scratch_maxpool_f32(const void *params); /* taps, the maxima along rows, padded rows */
size_t axk_scratch_avgpool_f32(const void *params); /* taps, counts, a padded plane */
size_t axk_scratch_resize_f32_avx2(const void *params); /* a vector of rows turned, in and out */
size_t axk_scratch_resize_f32_avx512(const void *params);

#endif
