/* Gather along one dimension by indices known at run time. Unit: one place of `outer`. */
#include "kernels/axk.h"
#include "kernels/ref/int_at.h"

AXK_FN void AXK_NAME(axk_gather_c)(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_gather *p = params;
	const size_t run = (size_t)p->inner * (size_t)p->elem_bytes;
	(void)scratch;
	for (int o = begin; o < end; o++)
		for (int i = 0; i < p->n; i++) {
			int from = axk_index_at(buf[2], p->index_type, i, p->axis);
			memcpy((char *)buf[0] + ((size_t)o * (size_t)p->n + (size_t)i) * run,
			       (const char *)buf[1] + ((size_t)o * (size_t)p->axis + (size_t)from) * run, run);
		}
}
