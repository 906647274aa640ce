/* Which cases the vector u8 kernels without weights take. */
#include "kernels/host/host.h"

static int is_0_or_1(int stride)
{
	return stride == 0 || stride == 1;
}

int axk_fits_binary_vector(const void *params)
{
	const struct axk_binary_u8 *p = params;
	return p->sy[7] == 1 && is_0_or_1(p->sa[7]) && is_0_or_1(p->sb[7]);
}

int axk_fits_lut_vector(const void *params)
{
	const struct axk_lut *p = params;
	return p->sy[7] == 1 && p->sx[7] == 1;
}

int axk_fits_softmax_u8_vector(const void *params)
{
	const struct axk_softmax_u8 *p = params;
	return (p->x_c == 1 && p->y_c == 1) || (p->x_inner == 1 && p->y_inner == 1);
}
