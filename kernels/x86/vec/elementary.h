/* ref/elementary.h on vectors: the same operations in the same order, so the same bits. */
#ifndef AXK_VEC_ELEMENTARY_H
#define AXK_VEC_ELEMENTARY_H

#include "kernels/x86/vec_f32.h"

AXK_VEC axk_vf axk_vf_abs(axk_vf a)
{
	return axk_vi_float(axk_vi_and(axk_vf_bits(a), axk_vi_set(0x7fffffff)));
}

AXK_VEC axk_vf axk_vf_neg(axk_vf a)
{
	return axk_vi_float(axk_vi_xor(axk_vf_bits(a), axk_vi_set(INT32_MIN)));
}

AXK_VEC axk_vf axk_vf_copysign(axk_vf a, axk_vf s)
{
	axk_vi sign = axk_vi_and(axk_vf_bits(s), axk_vi_set(INT32_MIN));
	return axk_vi_float(axk_vi_or(axk_vf_bits(axk_vf_abs(a)), sign));
}

/* p * x + c in two roundings. */
AXK_VEC axk_vf axk_vf_horner(axk_vf p, axk_vf x, float c)
{
	return axk_vf_add(axk_vf_mul(p, x), axk_vf_set(c));
}

AXK_VEC axk_vf axk_vf_exp(axk_vf x)
{
	axk_vf c = axk_vf_min(axk_vf_set(89.0f), axk_vf_max(axk_vf_set(-104.0f), x));
	axk_vf t = axk_vf_horner(c, axk_vf_set(1.44269504f), 12582912.0f);
	axk_vf n = axk_vf_sub(t, axk_vf_set(12582912.0f));
	axk_vf r = axk_vf_sub(axk_vf_sub(c, axk_vf_mul(n, axk_vf_set(0.693359375f))),
			      axk_vf_mul(n, axk_vf_set(-2.12194440e-4f)));
	axk_vf p = axk_vf_set(0x1.6db5bap-10f);
	p = axk_vf_horner(p, r, 0x1.123c78p-7f);
	p = axk_vf_horner(p, r, 0x1.55545cp-5f);
	p = axk_vf_horner(p, r, 0x1.55548ep-3f);
	p = axk_vf_horner(p, r, 0.5f);
	p = axk_vf_add(axk_vf_add(axk_vf_mul(p, axk_vf_mul(r, r)), r), axk_vf_set(1.0f));
	axk_vi k = axk_vi_add(axk_vf_bits(t), axk_vi_set(512 - 0x4b400000));
	axk_vi k1 = axk_vi_shr(k, 1), k2 = axk_vi_sub(k, k1), bias = axk_vi_set(127 - 256);
	p = axk_vf_mul(p, axk_vi_float(axk_vi_shl(axk_vi_add(k1, bias), 23)));
	return axk_vf_mul(p, axk_vi_float(axk_vi_shl(axk_vi_add(k2, bias), 23)));
}

AXK_VEC axk_vf axk_vf_log(axk_vf x)
{
	const axk_vf zero = axk_vf_set(0.0f);
	axk_vm small = axk_vf_lt(x, axk_vf_set(1.17549435e-38f));
	axk_vi u = axk_vf_bits(axk_vf_if(small, axk_vf_mul(x, axk_vf_set(8388608.0f)), x));
	axk_vi k = axk_vi_sar(axk_vi_sub(u, axk_vi_set(0x3f3504f3)), 23);
	axk_vf f = axk_vf_sub(axk_vi_float(axk_vi_sub(u, axk_vi_shl(k, 23))), axk_vf_set(1.0f));
	axk_vf e = axk_vf_sub(axk_vi_convert(k), axk_vf_if(small, axk_vf_set(23.0f), zero)),
	       z = axk_vf_mul(f, f);
	axk_vf p = axk_vf_set(0x1.1b61d6p-4f);
	p = axk_vf_horner(p, f, -0x1.e32204p-4f);
	p = axk_vf_horner(p, f, 0x1.e660d8p-4f);
	p = axk_vf_horner(p, f, -0x1.fb3b50p-4f);
	p = axk_vf_horner(p, f, 0x1.23313ap-3f);
	p = axk_vf_horner(p, f, -0x1.55630cp-3f);
	p = axk_vf_horner(p, f, 0x1.99a558p-3f);
	p = axk_vf_horner(p, f, -0x1.ffffeep-3f);
	p = axk_vf_horner(p, f, 0x1.555546p-2f);
	p = axk_vf_add(axk_vf_mul(axk_vf_mul(p, f), z), axk_vf_mul(e, axk_vf_set(-2.12194440e-4f)));
	p = axk_vf_sub(p, axk_vf_mul(axk_vf_set(0.5f), z));
	axk_vf y = axk_vf_add(axk_vf_add(f, p), axk_vf_mul(e, axk_vf_set(0.693359375f)));
	y = axk_vf_if(axk_vf_gt(x, axk_vf_set(3.4028235e38f)), x, y);
	y = axk_vf_if(axk_vf_eq(x, zero), axk_vf_set(-1.0f / 0.0f), y);
	return axk_vf_if(axk_vf_ge(x, zero), y, axk_vf_div(axk_vf_sub(x, x), zero));
}

AXK_VEC axk_vf axk_vf_log1p_unit(axk_vf x)
{
	axk_vf s = axk_vf_div(x, axk_vf_add(axk_vf_set(2.0f), x)), z = axk_vf_mul(s, s);
	axk_vf p = axk_vf_set(0x1.be4eecp-4f);
	p = axk_vf_horner(p, z, 0x1.5f301ep-4f);
	p = axk_vf_horner(p, z, 0x1.c8bc18p-4f);
	p = axk_vf_horner(p, z, 0x1.248a56p-3f);
	p = axk_vf_horner(p, z, 0x1.9999bep-3f);
	p = axk_vf_horner(p, z, 0x1.555556p-2f);
	s = axk_vf_add(s, s);
	return axk_vf_add(s, axk_vf_mul(s, axk_vf_mul(z, p)));
}

AXK_VEC axk_vf axk_vf_sigmoid(axk_vf x)
{
	const axk_vf one = axk_vf_set(1.0f);
	axk_vf e = axk_vf_exp(axk_vf_neg(axk_vf_abs(x)));
	return axk_vf_div(axk_vf_if(axk_vf_lt(x, axk_vf_set(0.0f)), e, one), axk_vf_add(one, e));
}

AXK_VEC axk_vf axk_vf_tanh(axk_vf x)
{
	axk_vf a = axk_vf_abs(x), z = axk_vf_mul(x, x), one = axk_vf_set(1.0f);
	axk_vf p = axk_vf_set(-0x1.76abf6p-8f);
	p = axk_vf_horner(p, z, 0x1.5256cep-6f);
	p = axk_vf_horner(p, z, -0x1.b84448p-5f);
	p = axk_vf_horner(p, z, 0x1.110768p-3f);
	p = axk_vf_horner(p, z, -0x1.555534p-2f);
	p = axk_vf_add(a, axk_vf_mul(a, axk_vf_mul(z, p)));
	axk_vf q = axk_vf_sub(
		one, axk_vf_div(axk_vf_set(2.0f), axk_vf_add(axk_vf_exp(axk_vf_add(a, a)), one)));
	return axk_vf_copysign(axk_vf_if(axk_vf_lt(a, axk_vf_set(0.625f)), p, q), x);
}

AXK_VEC axk_vf axk_vf_erf(axk_vf x)
{
	axk_vf a = axk_vf_abs(x), z = axk_vf_mul(x, x), five = axk_vf_set(5.0f),
	       one = axk_vf_set(1.0f);
	axk_vf t = axk_vf_if(axk_vf_lt(a, five), a, five);
	axk_vf p = axk_vf_set(0x1.5e062cp-14f);
	p = axk_vf_horner(p, z, -0x1.aaa2d6p-11f);
	p = axk_vf_horner(p, z, 0x1.54d42ap-8f);
	p = axk_vf_horner(p, z, -0x1.b80ff2p-6f);
	p = axk_vf_horner(p, z, 0x1.ce2e1cp-4f);
	p = axk_vf_horner(p, z, -0x1.812744p-2f);
	p = axk_vf_horner(p, z, 0x1.06eba8p-3f);
	p = axk_vf_add(a, axk_vf_mul(a, p));
	axk_vf r = axk_vf_set(-0x1.78dd8ep-17f);
	r = axk_vf_horner(r, t, 0x1.527c6ap-12f);
	r = axk_vf_horner(r, t, -0x1.dd6cd8p-9f);
	r = axk_vf_horner(r, t, 0x1.85515ep-6f);
	r = axk_vf_horner(r, t, -0x1.b32574p-4f);
	r = axk_vf_horner(r, t, -0x1.45328ep-1f);
	r = axk_vf_horner(r, t, -0x1.0778dcp-3f);
	r = axk_vf_sub(one, axk_vf_exp(axk_vf_sub(axk_vf_mul(r, t), t)));
	r = axk_vf_if(axk_vf_lt(a, axk_vf_set(3.9375f)), r, one);
	r = axk_vf_if(axk_vf_lt(a, axk_vf_set(0.9225f)), p, r);
	return axk_vf_if(axk_vf_nan(x), x, axk_vf_copysign(r, x));
}

AXK_VEC axk_vf axk_vf_softplus(axk_vf x)
{
	axk_vf e = axk_vf_exp(axk_vf_neg(axk_vf_abs(x)));
	return axk_vf_add(axk_vf_max(axk_vf_set(0.0f), x), axk_vf_log1p_unit(e));
}

#endif
