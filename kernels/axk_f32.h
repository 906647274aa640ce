/* Parameter structs of the float and integer kernels (ONNX layout, row-major). Included by axk.h.
 *
 * The rule for all of them (DESIGN section 3): a sum is one fmaf (or add) chain per output element in
 * increasing k, vectorised across outputs only; elementary functions are ours (ref/elementary.h). */

/* Convolution, NCHW: acc = bias (or 0); for ic, ky, kx in this order: acc = fmaf(x, w, acc), padding
 * counted as x = 0; then min(max(acc, lo), hi). buf: 0 out, 1 in, 2 packed weights + bias.
 * Pack takes: float w[oc][ic/groups][kh][kw], bias_f32[oc] or NULL. */
#define AXK_CONV_F32_FIELDS(I, F, A) \
	I(n) I(ic) I(ih) I(iw) I(oc) I(oh) I(ow) I(kh) I(kw) I(sh) I(sw) I(dh) I(dw) I(pt) I(pl) I(groups) \
	F(lo) F(hi)
AXK_STRUCT(axk_conv_f32, AXK_CONV_F32_FIELDS)

/* In all of them "clamped" is v < lo ? lo : v, then v > hi ? hi : v: NaN stays. lo and hi may be infinite.
 * AXK_CONV_F32 covers depthwise (a row of its own). Weights not known at compile time: the portable
 * kernel's packed form is the weights as they are, then bias[oc] (zeros if there is none).
 * AXK_CONVT_F32, transposed: the same struct, ih/iw the input, oh/ow the output. The chain starts at the bias and runs over
 *   ic, ky, kx for the taps with oy + pt - ky*dh divisible by sh (and so for x): fmaf(in[ic][that / sh][..], w[ic][oc in
 *   group][ky][kx], acc), a position outside of the input counted as 0. Pack takes float w[ic][oc/groups][kh][kw]. */

/* Convolution over three spatial dimensions (depth, height, width), also transposed; chain order ic, kz,
 * ky, kx; padding is left out of the chain. buf and pack as above with a kd before kh. */
#define AXK_CONV3D_F32_FIELDS(I, F, A) \
	I(n) I(ic) I(oc) I(groups) I(transposed) A(in, 3) A(out, 3) A(k, 3) A(s, 3) A(d, 3) A(p, 3)
AXK_STRUCT(axk_conv3d_f32, AXK_CONV3D_F32_FIELDS)

/* y[batch][m][n] = alpha * sum_k a[k] * b[k] + beta * c. batch: sizes of up to 6 leading dimensions (unused ones
 * 1, outermost first), sa / sb: their strides in a and b (0: broadcast). a is at i*sam + k*sak, b at k*sbk + j*sbn, c (has_c)
 * at i*scm + j*scn. With alpha 1 the chain starts at beta*c (c itself when beta is 1); otherwise it starts at 0 and
 * y = fmaf(alpha, chain, beta*c). packed: b is one constant matrix for all batches, in the kernel's order.
 * buf: 0 y, 1 a, 2 b, 3 c. Pack takes: float b[k][n]. */
#define AXK_MATMUL_F32_FIELDS(I, F, A) \
	A(batch, 6) A(sa, 6) A(sb, 6) I(m) I(k) I(n) I(sam) I(sak) I(sbk) I(sbn) I(has_c) I(scm) I(scn) \
	I(packed) F(alpha) F(beta)
AXK_STRUCT(axk_matmul_f32, AXK_MATMUL_F32_FIELDS)

/* Pooling of [planes][in0][in1][in2] (2-D: in0 = 1). Max: acc = x > acc ? x : acc over z, y, x from -infinity (a NaN
 * is passed over). Average: sum of the elements inside the tensor in that order, from 0, divided by their number, or with
 * count_pad by the number of positions inside the tensor with its padding. buf: 0 out, 1 in. */
#define AXK_POOL_F32_FIELDS(I, F, A) \
	I(planes) A(in, 3) A(out, 3) A(k, 3) A(s, 3) A(d, 3) A(pb, 3) A(pe, 3) I(count_pad)
AXK_STRUCT(axk_pool_f32, AXK_POOL_F32_FIELDS)

/* Over whole planes of `count` elements: sum in order, then / count; or the maximum. buf: 0 out, 1 in. */
#define AXK_GPOOL_F32_FIELDS(I, F, A) I(planes) I(count)
AXK_STRUCT(axk_gpool_f32, AXK_GPOOL_F32_FIELDS)

/* [n][c][inner]: a = scale / sqrt(var + epsilon), y = fmaf(x, a, fmaf(-mean, a, bias)).
 * buf: 0 out, 1 in, 2 scale, 3 bias, 4 mean, 5 var. */
#define AXK_BATCHNORM_F32_FIELDS(I, F, A) I(n) I(c) I(inner) F(epsilon)
AXK_STRUCT(axk_batchnorm_f32, AXK_BATCHNORM_F32_FIELDS)

/* Rows of `count` elements to mean 0 and variance 1 (sums in double, in order), then times scale plus bias, both
 * at (row % row_mod) * row_step + i / inner: instance, layer and group normalization.
 * buf: 0 out, 1 in, 2 scale or NULL, 3 bias or NULL, 4 mean[rows] or NULL, 5 1/deviation[rows] or NULL. */
#define AXK_NORM_F32_FIELDS(I, F, A) I(rows) I(count) I(row_mod) I(row_step) I(inner) F(epsilon)
AXK_STRUCT(axk_norm_f32, AXK_NORM_F32_FIELDS)

/* [n][c][inner]: y = x / (bias + alpha / size * sum of squares over channels c - (size-1)/2 .. c + size/2)^beta. buf: 0
 * out, 1 in. */
#define AXK_LRN_F32_FIELDS(I, F, A) I(n) I(c) I(inner) I(size) F(alpha) F(beta) F(bias)
AXK_STRUCT(axk_lrn_f32, AXK_LRN_F32_FIELDS)

/* One axis of a linear or cubic resize: [outer][in][inner] -> [outer][out][inner]; the value is w[o][0]*x, then fmaf over the
 * other taps; a negative first index fills with `extrapolate`. buf: 0 out, 1 in, 2 int32 index[out][taps], 3 float
 * w[out][taps]. */
#define AXK_RESIZE_F32_FIELDS(I, F, A) I(outer) I(in) I(out) I(inner) I(taps) F(extrapolate)
AXK_STRUCT(axk_resize_f32, AXK_RESIZE_F32_FIELDS)

#include "kernels/axk_elem.h" /* element-wise, reductions, softmax, moves */
