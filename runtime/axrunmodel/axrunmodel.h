/* axrunmodel: runs a model.json again and again and says how fast that is; with real inputs, also what
 * comes out.
 *
 *   main.c      the order of things
 *   options.c   the command line
 *   frames.c    input frames from files or made up, output files
 *   buffers.c   the memory that a lane's inputs and outputs pass through
 *   measure.c   the frame loop of a lane
 *   lanes.c     lanes: what runs frames on its own, as the model's multicore mode has it
 *   profile.c   times per layer from many frames
 *   report.c    what is printed
 *   npy.c       .npy files
 */
#ifndef AXRUNMODEL_H
#define AXRUNMODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "axruntime/axruntime_ext.h"
#include "npy.h"

enum { MAX_INPUTS = 256, EXIT_USAGE = 2, WARM_UP_FRAMES = 2 };

typedef struct Options {
	const char *model;
	const char *inputs[MAX_INPUTS]; /* [NAME=]FILE.npy */
	size_t num_inputs;
	const char *output_dir;
	bool io_given;
	axrxIo io;
	uint64_t frames; /* 0: not given */
	double seconds;
	bool seconds_given;
	unsigned cores; /* 0: as compiled */
	double throttle_fps;
	int double_buffer, input_dmabuf, output_dmabuf; /* -1: as compiled */
	bool profile, json, histogram, bar_chart;
} Options;

/* Fills the options; when the program is to end at once (help, mistake) returns false and its exit code. */
bool parse_options(Options *o, int argc, char **argv, int *ret_exit);

/* ---- frames.c ---- */

typedef struct Input {
	axrxTensor tensor;
	Npy file;          /* of a real input */
	const char *data;  /* frame 0 */
	void *random;      /* owned, when made up */
	size_t frames;
} Input;

typedef struct Output {
	axrxTensor tensor;
	char *path, *file_name; /* NULL without --output-dir */
	FILE *file;
	size_t header_bytes;
	bool concatenated; /* frames follow each other on axis 0; else on a new axis */
} Output;

typedef struct Frames {
	axrxIo io;
	Input *in;
	size_t num_in;
	Output *out;
	size_t num_out;
	size_t distinct; /* different input frames */
	uint64_t written; /* frames that go to the output files: the first ones */
} Frames;

/* Chooses the entry point, opens and checks the inputs, allocates. False: the message is printed. */
bool frames_open(Frames *f, const Options *o, axrModel *model);
/* Creates the output files for `frames` frames; later frames are not written. */
bool frames_create_outputs(Frames *f, const Options *o, uint64_t frames);
bool frames_finish(Frames *f);
/* Removes output files that are not finished. */
void frames_close(Frames *f);

/* ---- lanes.c: the plan ---- */

/* How the frames are divided. A call of the runtime has frames_per_run frames; lane i makes the calls i,
 * i + lanes, i + 2 * lanes … */
typedef struct Plan {
	axrxModelInfo model;
	unsigned cores;
	unsigned lanes;
	bool processes; /* lanes are processes; else threads */
	unsigned frames_per_run;
	bool double_buffer, input_dmabuf, output_dmabuf;
} Plan;

bool make_plan(Plan *plan, const Options *o, axrModel *model);

/* ---- buffers.c ---- */

/* One tensor of a call: anonymous memory, or a memfd that is mapped here too. */
typedef struct Buffer {
	void *at;
	size_t bytes;
	int fd; /* -1: none */
} Buffer;

typedef struct Buffers {
	Buffer *in, *out;
	axrArgument *in_args, *out_args;
	size_t num_in, num_out;
} Buffers;

bool buffers_open(Buffers *b, const Frames *f, const Plan *plan);
/* The inputs of a call. */
void buffers_load(Buffers *b, const Frames *f, const Plan *plan, uint64_t call);
/* Its results into the output files, as far as they go there. */
bool buffers_store(const Buffers *b, const Frames *f, const Plan *plan, uint64_t call);
void buffers_close(Buffers *b);

/* ---- profile.c ---- */

/* Numbers per layer of some of the calls: when there are too many, every second one is dropped and half as
 * many are taken from then on. */
typedef struct Profile {
	uint64_t *rows; /* num_layers numbers each, ns per frame */
	size_t num_layers, num_rows, max_rows;
	uint64_t stride;
} Profile;

size_t profile_bytes(size_t num_layers, unsigned lanes);
void profile_init(Profile *p, void *memory, size_t num_layers, unsigned lanes);
void profile_add(Profile *p, uint64_t call, const uint64_t *layer_ns, unsigned frames);
/* ret_us[layer]: mean over the rows of all profiles without the share `drop` of them at the ends, half of it at
 * the low and half at the high one. *ret_samples: rows per layer. False: no memory. */
bool profile_means(const Profile *const *profiles, size_t n, double drop, double *ret_us, size_t *ret_samples);

/* ---- measure.c: a lane ---- */

enum { MAX_SAMPLES = 1 << 20 };

typedef struct Sample {
	uint64_t start_ns; /* on the clock; in Measure: since the first frame */
	uint64_t device_ns;
} Sample;

typedef struct Lane {
	unsigned index;
	uint64_t calls, frames;
	uint64_t device_ns, host_ns;  /* sums */
	uint64_t begin_ns, end_ns;
	Sample *samples; /* every `stride`-th call */
	size_t num_samples, max_samples;
	uint64_t stride;
	Profile profile;
	size_t workspace_bytes, buffer_bytes;
	bool ok, interrupted;
} Lane;

typedef struct Limits {
	uint64_t frames; /* 0: none */
	uint64_t ns;
	uint64_t period_ns; /* between frames; 0: as fast as possible */
} Limits;

extern volatile int stop_requested;
uint64_t now_ns(void);
/* Runs the lane's calls; `start` is called after the warm-up, false: another lane failed. */
bool run_lane(Lane *lane, const Plan *plan, const Frames *f, const Limits *limits, axrContext *context,
              axrModelInstance *instance, bool (*start)(void *ctx), void *ctx);

/* ---- lanes.c ---- */

typedef struct Measure {
	uint64_t frames;
	double seconds, device_seconds, host_seconds; /* by the wall; sums over the calls, divided by the lanes */
	Sample *samples;
	size_t num_samples;
	uint64_t stride;
	double *layer_us; /* per layer and frame; NULL without --profile */
	size_t num_layers, profile_samples;
	size_t workspace_bytes, buffer_bytes; /* of all lanes */
	bool interrupted;
} Measure;

bool measure(Measure *m, Frames *f, const Options *o, const Plan *plan, axrContext *context, axrModel *model);
void measure_release(Measure *m);

/* ---- report.c ---- */

void report_text(const Measure *m, const Frames *f, const Options *o, const Plan *plan, axrModel *model);
bool report_json(const Measure *m, const Frames *f, const Plan *plan, axrModel *model);

/* "axrunmodel: …" on stderr; always false. */
bool complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
