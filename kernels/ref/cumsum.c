/* Running sums. Unit: one place of `outer`. */
#include "kernels/axk.h"
#include "kernels/ref/int_at.h"

AXK_FN void AXK_NAME(axk_cumsum_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_cumsum *p = params;
	const float *x = buf[1];
	float *y = buf[0];
	(void)scratch;
	for (int o = begin; o < end; o++)
		for (int i = 0; i < p->inner; i++) {
			float sum = 0.0f;
			uint64_t whole = 0;
			for (int k = 0; k < p->c; k++) {
				ptrdiff_t at = ((ptrdiff_t)o * p->c + (p->reverse ? p->c - 1 - k : k)) * p->inner + i;
				if (p->type == AXK_T_F32) {
					float next = sum + x[at];
					y[at] = p->exclusive ? sum : next;
					sum = next;
				} else {
					uint64_t next = whole + (uint64_t)axk_int_at(buf[1], p->type, at);
					axk_int_put(buf[0], p->type, at, (int64_t)(p->exclusive ? whole : next));
					whole = next;
				}
			}
		}
}
