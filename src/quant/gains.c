/* Equalization: between a convolution and the depthwise convolutions that read it, a channel that uses
 * little of the tensor's int8 range is carried larger. Channel c of the int8 value is gain[c] times what
 * it means; the convolution's weights and bias are multiplied by the gain, the depthwise weights divided
 * by it. Weights have a scale per output channel, and in a depthwise convolution that is the channel
 * itself, so this costs nothing: no other number changes, and each channel has its own resolution as with
 * a scale per channel (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias
 * Correction", section 4.1, with ranges measured instead of guessed from weights).
 */
#include "quant/scales.h"

/* A channel that was silent in calibration may still speak. */
static const float most_gain = 32.0f;

static const float *channel_gains(AxcArena *arena, const AxcRange *r, const AxcQuant *q)
{
	float *gain = AXC_NEW_ARRAY(arena, float, (size_t)r->n_channels);
	float hi = (float)(127 - q->zero_point[0]) * q->scale[0], lo = (float)(-128 - q->zero_point[0]) * q->scale[0];
	bool any = false;
	for (int c = 0; c < r->n_channels; c++) {
		gain[c] = most_gain;
		if (r->channel_max[c] > 0.0f)
			gain[c] = AXC_MIN(gain[c], hi / r->channel_max[c]);
		if (r->channel_min[c] < 0.0f)
			gain[c] = AXC_MIN(gain[c], lo / r->channel_min[c]);
		gain[c] = AXC_MAX(gain[c], 1.0f);
		any = any || gain[c] > 1.0f;
	}
	return any ? gain : NULL;
}

const float **axc_quant_gains(AxcArena *arena, const AxcGraph *clean, const AxcQuantPlan *plan,
                              const AxcRanges *ranges, const AxcQuant *q)
{
	const float **gains = AXC_NEW_ARRAY(arena, const float *, clean->values.n);
	for (AxcId v = 1; v < clean->values.n; v++) {
		const AxcRange *r = &ranges->at[v];
		if (plan->equalized[v] && !ranges->random && q[v].n == 1 && r->n_channels > 1 &&
		    r->n_channels == clean->values.at[v].shape.dim[1])
			gains[v] = channel_gains(arena, r, &q[v]);
	}
	return gains;
}
