/* Calibration: pictures, arrays or random numbers in, a range for every float activation out.
 *
 * Two halves. *Samples* turn whatever the user gave (--imageset through Python workers,
 * --calibration-data, or nothing: random) into buffers for the graph's inputs; quantize's report and
 * --verify use them too. *axc_calibrate* runs the fp32 interpreter over the samples and observes.
 *
 * Results never depend on `jobs` or on timing: histograms have integer counts and bins that merge
 * exactly, minima and maxima are order-free, other sums are kept per sample and added in sample
 * order; an error is that of the first failing sample. Memory does not grow with the number of
 * samples. All errors are QTOOLS_ERROR under d->stage_status as the caller set it.
 *
 * Threads: everything here is called from one thread; the sinks in AxcDiag and `progress` may be
 * called from others, never two at a time.
 */
#ifndef AXC_CALIB_H
#define AXC_CALIB_H

#include "eval/eval.h"

#include <signal.h>

typedef enum AxcColor { AXC_COLOR_RGB, AXC_COLOR_BGR, AXC_COLOR_GRAY } AxcColor;
typedef enum AxcReader { AXC_READER_PIL, AXC_READER_OPENCV } AxcReader;
typedef enum AxcDataLayout { AXC_LAYOUT_NCHW, AXC_LAYOUT_NHWC } AxcDataLayout;

typedef enum AxcCalibMethod {
	AXC_CALIB_AUTO, /* by the scheme; min-max for values that their operator bounds */
	AXC_CALIB_MIN_MAX,
	AXC_CALIB_PERCENTILE,
	AXC_CALIB_MSE, /* least squared quantization error over the histogram */
} AxcCalibMethod;

typedef enum AxcQuantScheme {
	AXC_SCHEME_PER_TENSOR_HISTOGRAM,
	AXC_SCHEME_PER_TENSOR_MIN_MAX,
	AXC_SCHEME_HYBRID, /* hybrid_per_tensor_per_channel */
} AxcQuantScheme;

typedef struct AxcCalibProgress {
	int64_t done, total;
	double per_second;   /* samples */
	double seconds_left; /* < 0: unknown yet */
} AxcCalibProgress;

/* All zero is a valid configuration: 100 random samples from seed 0 on one thread. */
typedef struct AxcCalibConfig {
	/* where samples come from: imageset, else data, else random */
	const char *imageset;  /* --imageset */
	const char *data;      /* --calibration-data: .npy, .npz or a directory of them */
	const char *transform; /* --transform FILE[:FUNC]; NULL: resize and scale to 0..1 */
	const char *python;    /* --python; NULL: chosen as cli_decisions.md says */
	AxcColor color;
	AxcReader reader;
	AxcDataLayout layout;
	int64_t dataset_len; /* most samples used; 0: 200 of images, all of data, 100 random */
	bool has_seed;
	uint64_t seed; /* shuffles the images, seeds random data */
	/* how ranges are chosen */
	AxcQuantScheme scheme;
	AxcCalibMethod method;
	double percentile; /* 0: 99.999 */
	/* running */
	int jobs; /* 0: axc_cpu_count() */
	const volatile sig_atomic_t *stop; /* becomes non-zero when the run is interrupted; may be NULL */
	void (*progress)(void *ctx, const AxcCalibProgress *p); /* at most ten times a second; may be NULL */
	void *progress_ctx;
} AxcCalibConfig;

/* ---- samples (samples.c; images.c, python.c, arrays.c, random.c are its sources) ---- */

typedef struct AxcSamples AxcSamples;

typedef struct AxcSample {
	int64_t index;             /* 0, 1, … in the order of the source, unusable files counted */
	const char *name;          /* "cat/0001.jpg", "data.npy[3]", "random sample 3": safe to print */
	const void *const *inputs; /* per graph input: data in its dtype and shape, row-major */
} AxcSample;

/* Finds the files, chooses the interpreter, starts and greets the Python workers (images), opens and
 * checks the arrays. Keeps a pointer to g, a copy of cfg (not of its
 * strings). Workers end with the arena at the latest. */
AXC_CHECKED bool axc_samples_open(AxcArena *arena, AxcDiag *d, const AxcGraph *g, const AxcCalibConfig *cfg,
                                  AxcSamples **ret_samples);
/* Calls fn for the first `want` usable samples (0: as many as dataset_len allows), on up to `jobs`
 * threads (0: as configured); `worker` is 0..jobs-1, and fn has that worker's own diagnostics and
 * arena in d. fn returns false to fail the run (error in d). Unusable files are replaced by those
 * that follow; none usable is an error. May be called again and starts from the first sample. */
typedef bool AxcSampleFn(void *ctx, const AxcSample *sample, int worker, AxcDiag *d);
AXC_CHECKED bool axc_samples_run(AxcSamples *s, AxcDiag *d, int64_t want, int jobs, AxcSampleFn *fn,
                                 void *ctx, int64_t *ret_used);
/* Copies the i-th usable sample (0, 1, …) into buffers for all graph inputs; cheap when i grows by one. Fewer
 * samples than that: an error. */
AXC_CHECKED bool axc_samples_read(AxcSamples *s, AxcDiag *d, int64_t i, void *const *inputs);
int axc_samples_jobs(const AxcSamples *s);      /* threads that a run with jobs 0 uses */
int64_t axc_samples_count(const AxcSamples *s); /* samples that a run with want 0 uses at most */
bool axc_samples_random(const AxcSamples *s);   /* no data was given */
int64_t axc_samples_skipped(const AxcSamples *s); /* unusable files met so far */
const char *axc_samples_python(const AxcSamples *s); /* interpreter in use, or NULL */
/* The configuration's progress callback, for those who read samples one by one; runs call it themselves. `started`
 * is axc_samples_clock() at the start, *shown when it was called last (0 at first): at most ten times a second. */
void axc_samples_progress(const AxcSamples *s, int64_t done, int64_t total, double started, double *shown);
double axc_samples_clock(void); /* seconds */
/* Ends the workers now; nothing may be read afterwards. */
void axc_samples_close(AxcSamples *s);

/* ---- ranges (calibrate.c, observe.c, choose.c) ---- */

enum { AXC_HIST_BINS = 2048 };

/* Bin i counts values x >= 0 with floor(x / w) == first + i, and x < 0 with
 * -1 - floor(-x / w) == first + i; w = 2^exponent. The bins hold all of min..max and zero. */
typedef struct AxcHist {
	int exponent;
	int32_t first;
	uint64_t zeros; /* of the elements, exactly zero (they are in a bin too) */
	uint64_t count[AXC_HIST_BINS];
} AxcHist;

typedef struct AxcRange {
	bool observed;     /* a float value that occurs when the graph runs */
	float lo, hi;      /* the range chosen: lo <= 0 <= hi */
	float min, max;    /* seen */
	uint64_t elements; /* seen in all samples */
	double clipped;    /* share of the elements outside lo..hi */
	const char *method; /* "mse", "min_max", "percentile", "bounded" */
	const AxcHist *hist;
	int n_channels; /* 0, or the size of dimension 1 where every reader is a depthwise Conv */
	const float *channel_min, *channel_max; /* zero included */
	int n_means; /* 0, or the channels of a value that a Conv, ConvTranspose (dimension 1), Gemm or MatMul */
	const float *mean; /* (last dimension) reads: the mean of each over all samples */
} AxcRange;

typedef struct AxcRanges {
	uint32_t n;   /* as many as the graph has values; at[0] unused */
	AxcRange *at; /* by AxcId of the graph that was calibrated */
	int64_t samples; /* used */
	int64_t skipped; /* unusable files */
	bool random;     /* no real data */
} AxcRanges;

/* Runs the clean float graph over all samples. NaN or infinity in an activation: an error that names
 * node and sample. Warns when the data is random. */
AXC_CHECKED bool axc_calibrate(AxcArena *arena, AxcDiag *d, const AxcGraph *g, const AxcCalibConfig *cfg,
                               AxcRanges **ret_ranges);
/* The same over samples already opened (the driver opens once and verifies with them too). */
AXC_CHECKED bool axc_calibrate_samples(AxcArena *arena, AxcDiag *d, const AxcGraph *g,
                                       const AxcCalibConfig *cfg, AxcSamples *samples, AxcRanges **ret_ranges);

/* ---- what quantization cost, layer by layer (snr.c) ---- */

typedef struct AxcLayerSnr {
	AxcId value;       /* of the quantized graph; same name in the float graph */
	const char *name;  /* of the value */
	const char *node;  /* that made it, or NULL for a graph input */
	double signal, noise; /* sums of squares over the samples */
	double db;         /* 10 log10(signal / noise); INFINITY without noise, -INFINITY without signal */
	double max_error;
} AxcLayerSnr;

/* Runs both graphs (float: clean; quantized: made from it, values keep their names) on the first
 * `want` samples and compares every activation that exists under one name in both, in the quantized
 * graph's order. */
AXC_CHECKED bool axc_layer_snr(AxcArena *arena, AxcDiag *d, const AxcGraph *clean, const AxcGraph *quantized,
                               AxcSamples *samples, int64_t want, AxcLayerSnr **ret_layers, uint32_t *ret_n);
/* Bytes of activations that one thread keeps for it (one value may be larger); beyond, the graphs run
 * again for the rest. */
extern size_t axc_snr_store_bytes;

#endif
