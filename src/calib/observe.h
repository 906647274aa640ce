/* Observers: what one tensor of one sample looks like, and how that merges into what all of them look
 * like. Merging is exact and order-free: see AxcHist in calib.h. */
#ifndef AXC_CALIB_OBSERVE_H
#define AXC_CALIB_OBSERVE_H

#include "calib/calib.h"

/* Smallest and largest element (-0 counts as 0); false if one is NaN or infinite. n > 0. */
bool axc_scan(const float *x, int64_t n, float *ret_min, float *ret_max);

/* Smallest exponent e >= -126 such that min..max and zero fit in 2,048 bins of width 2^e, and the first bin. */
int axc_hist_exponent(float min, float max, int32_t *ret_first);
/* The histogram of x, whose elements are all in min..max. */
void axc_hist_fill(AxcHist *h, const float *x, int64_t n, float min, float max);
/* Adds `from` (elements in from_min..from_max) to `into` (into_min..into_max, or NULL counts when empty). */
void axc_hist_merge(AxcHist *into, float into_min, float into_max, const AxcHist *from, float from_min,
                    float from_max, bool into_is_empty);

/* sum[c] of x seen as [outer][n][inner], always added in the same order. */
void axc_channel_sums(const float *x, int64_t outer, int64_t n, int64_t inner, double *sum);

/* ---- choose.c ---- */

/* Sets lo, hi, clipped and method of a range whose observations are complete. */
void axc_choose_range(AxcRange *r, AxcCalibMethod method, double percentile, bool bounded);

#endif
