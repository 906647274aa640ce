/* Parameter structs of the float and integer kernels (ONNX layout, row-major). Included by axk.h.
 *
 * The rule for all of them (DESIGN section 3): a sum is one fmaf (or add) chain per output element in
 * increasing k, vectorised across outputs only; elementary functions are ours (ref/math.h). */

/* Convolution, NCHW: acc = bias (or 0); for ic, ky, kx in this order: acc = fmaf(x, w, acc), padding
 * counted as x = 0; then min(max(acc, lo), hi). buf: 0 out, 1 in, 2 packed weights + bias.
 * Pack takes: float w[oc][ic/groups][kh][kw], bias_f32[oc] or NULL. */
#define AXK_CONV_F32_FIELDS(I, F, A) \
	I(n) I(ic) I(ih) I(iw) I(oc) I(oh) I(ow) I(kh) I(kw) I(sh) I(sw) I(dh) I(dw) I(pt) I(pl) I(groups) \
	F(lo) F(hi)
AXK_STRUCT(axk_conv_f32, AXK_CONV_F32_FIELDS)
