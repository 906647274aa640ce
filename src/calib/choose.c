/* From a histogram to a range: the smallest squared quantization error, a percentile, or everything seen.
 *
 * The error of a range lo..hi with 255 steps of s = (hi - lo) / 255 is taken as s^2/12 for every element
 * inside but exact zeros (zero is always representable: error 0) and the squared distance to the range
 * for those outside; bins count with their centre. Both parts come from sums over the tails, so a
 * candidate costs a few operations and the search over pairs of bin edges is cheap: a coarse grid, then
 * every edge around the best. Ties go to the wider range. Sums are double, in a fixed order.
 *
 * Then the step is tuned by up to 3 %: values that lie on a lattice of their own (pixels scaled to -1..1,
 * for which zero is no pixel) may all fall half a step off the grid, and a slightly wider step spreads
 * them. Here the error is exact for elements spread evenly within each bin.
 */
#include "calib/observe.h"

#include <math.h>

/* One side of zero, mirrored to be positive: tails beyond edge k (k bins from zero). */
typedef struct Side {
	int n;           /* edges 0..n; beyond edge n there is nothing */
	double width;
	double full;     /* the extreme seen on this side: the range at edge n */
	double count[AXC_HIST_BINS + 1], sum[AXC_HIST_BINS + 1], square[AXC_HIST_BINS + 1];
} Side;

static void make_side(Side *side, const AxcRange *r, bool negative)
{
	const AxcHist *h = r->hist;
	side->width = ldexp(1, h->exponent);
	side->full = negative ? fmax(-(double)r->min, 0) : fmax((double)r->max, 0);
	side->n = negative ? -h->first : h->first + AXC_HIST_BINS;
	side->n = side->n < 0 ? 0 : AXC_MIN(side->n, (int)AXC_HIST_BINS);
	int top = side->full > 0 ? (int)fmin(floor(side->full / side->width) + 1, side->n) : 0;
	side->n = top;
	side->count[top] = side->sum[top] = side->square[top] = 0;
	for (int k = top - 1; k >= 0; k--) {
		int32_t bin = negative ? -1 - k : k;
		double c = (double)h->count[bin - h->first], x = ((double)k + 0.5) * side->width;
		side->count[k] = side->count[k + 1] + c;
		side->sum[k] = side->sum[k + 1] + c * x;
		side->square[k] = side->square[k + 1] + c * x * x;
	}
}

static double edge(const Side *side, int k)
{
	return k == side->n ? side->full : (double)k * side->width;
}

/* Squared distance of the tail beyond edge k to that edge. */
static double clip_error(const Side *side, int k)
{
	double at = edge(side, k);
	return side->square[k] - 2 * at * side->sum[k] + at * at * side->count[k];
}

typedef struct Best {
	double error;
	int up, down;
} Best;

static void search(const Side *up, const Side *down, double elements, int step, int u0, int u1, int d0, int d1,
                   Best *best)
{
	for (int u = u1; u >= u0; u -= step)
		for (int k = d1; k >= d0; k -= step) {
			double s = (edge(up, u) + edge(down, k)) / 255;
			double inside = fmax(elements - up->count[u] - down->count[k], 0);
			double error = inside * s * s / 12 + clip_error(up, u) + clip_error(down, k);
			if (error < best->error)
				*best = (Best){error, u, k};
		}
}

static void least_error(const AxcRange *r, const Side *up, const Side *down, int *ret_up, int *ret_down)
{
	double elements = (double)(r->elements - r->hist->zeros);
	int step = AXC_MAX(1, AXC_MAX(up->n, down->n) / 64);
	Best best = {INFINITY, up->n, down->n};
	search(up, down, elements, step, 0, up->n, 0, down->n, &best);
	search(up, down, elements, 1, AXC_MAX(best.up - step, 0), AXC_MIN(best.up + step, up->n),
	       AXC_MAX(best.down - step, 0), AXC_MIN(best.down + step, down->n), &best);
	*ret_up = best.up;
	*ret_down = best.down;
}

/* ---- tuning the step ---- */

/* Integral of the squared distance to the nearest multiple of s, from 0 to t. */
static double rounding_integral(double t, double s)
{
	double n = floor(t / s + 0.5), r = t - n * s;
	return n * s * s * s / 12 + r * r * r / 3;
}

static double exact_error(const AxcRange *r, double lo, double hi)
{
	const AxcHist *h = r->hist;
	double width = ldexp(1, h->exponent), s = (hi - lo) / 255, zero = nearbyint(-lo / s), error = 0;
	double bottom = -zero * s, top = (255 - zero) * s;
	for (int b = 0; b < AXC_HIST_BINS; b++) {
		double n = (double)(h->count[b] - (h->first + b == 0 ? h->zeros : 0));
		double from = (double)(h->first + b) * width, middle = from + width / 2;
		if (n == 0)
			continue;
		double beyond = fmax(middle - top, bottom - middle);
		error += beyond > 0 ? n * (beyond * beyond + width * width / 12)
		                    : n / width * (rounding_integral(from + width, s) - rounding_integral(from, s));
	}
	return error;
}

static void tune_step(AxcRange *r)
{
	static const int steps = 24;
	double lo = (double)r->lo, hi = (double)r->hi, best_factor = 1;
	if (hi - lo <= 0)
		return;
	double best = exact_error(r, lo, hi) * 0.9; /* not for less than a tenth */
	for (int i = -steps; i <= steps; i++) {
		double factor = 1 + 0.03 * i / steps, error = exact_error(r, lo * factor, hi * factor);
		if (error < best) {
			best = error;
			best_factor = factor;
		}
	}
	r->lo = (float)(lo * best_factor) + 0.0f;
	r->hi = (float)(hi * best_factor);
}

/* The innermost edge beyond which at most `most` elements lie. */
static int percentile_edge(const Side *side, double most)
{
	int k = side->n;
	while (k > 0 && side->count[k - 1] <= most)
		k--;
	return k;
}

/* Of the elements, those in bins whose middle is outside. */
static double clipped_share(const AxcRange *r)
{
	double width = ldexp(1, r->hist->exponent);
	uint64_t outside = 0;
	if (r->lo <= r->min && r->hi >= r->max)
		return 0;
	for (int b = 0; b < AXC_HIST_BINS; b++) {
		double middle = ((double)(r->hist->first + b) + 0.5) * width;
		outside += middle > (double)r->hi || middle < (double)r->lo ? r->hist->count[b] : 0;
	}
	return r->elements ? (double)outside / (double)r->elements : 0;
}

void axc_choose_range(AxcRange *r, AxcCalibMethod method, double percentile, bool bounded)
{
	static _Thread_local Side up, down;
	make_side(&up, r, false);
	make_side(&down, r, true);
	int u = up.n, k = down.n;
	r->method = bounded ? "bounded" : "min_max";
	if (!bounded && method == AXC_CALIB_MSE) {
		least_error(r, &up, &down, &u, &k);
		r->method = "mse";
	} else if (!bounded && method == AXC_CALIB_PERCENTILE) {
		double most = (double)r->elements * (1 - (percentile > 0 ? percentile : 99.999) / 100);
		u = percentile_edge(&up, most);
		k = percentile_edge(&down, most);
		r->method = "percentile";
	}
	r->hi = (float)edge(&up, u);
	r->lo = -(float)edge(&down, k) + 0.0f;
	if (strcmp(r->method, "mse") == 0)
		tune_step(r);
	r->clipped = clipped_share(r);
}
