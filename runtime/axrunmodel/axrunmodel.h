/* axrunmodel: runs a model.json again and again and says how fast that is; with real inputs, also what
 * comes out.
 *
 *   main.c      the order of things
 *   options.c   the command line
 *   frames.c    input frames from files or made up, output files
 *   measure.c   the frame loop
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
	void *buffer; /* what the model reads */
} Input;

typedef struct Output {
	axrxTensor tensor;
	void *buffer;
	char *path, *file_name; /* NULL without --output-dir */
	FILE *file;
	bool concatenated; /* frames follow each other on axis 0; else on a new axis */
} Output;

typedef struct Frames {
	axrxIo io;
	Input *in;
	size_t num_in;
	Output *out;
	size_t num_out;
	size_t distinct; /* different input frames */
	axrArgument *in_args, *out_args;
} Frames;

/* Chooses the entry point, opens and checks the inputs, allocates. False: the message is printed. */
bool frames_open(Frames *f, const Options *o, axrModel *model);
/* Creates the output files for `frames` frames; later frames are not written. */
bool frames_create_outputs(Frames *f, const Options *o, uint64_t frames);
void frames_load(Frames *f, uint64_t frame);
bool frames_store(Frames *f);
bool frames_finish(Frames *f);
/* Removes output files that are not finished. */
void frames_close(Frames *f);

/* ---- measure.c ---- */

enum { MAX_SAMPLES = 1 << 20 };

typedef struct Sample {
	uint64_t start_ns; /* since the first frame */
	uint64_t device_ns;
} Sample;

typedef struct Measure {
	uint64_t frames;
	double seconds, device_seconds, host_seconds; /* sums over the frames */
	Sample *samples; /* every `stride`-th frame */
	size_t num_samples;
	uint64_t stride;
	uint64_t *layer_ns; /* per layer, summed; NULL without --profile */
	size_t num_layers;
	bool interrupted;
} Measure;

bool measure(Measure *m, Frames *f, const Options *o, axrContext *context, axrModelInstance *instance);

/* ---- report.c ---- */

void report_text(const Measure *m, const Frames *f, const Options *o, axrModel *model);
bool report_json(const Measure *m, const Frames *f, const Options *o, axrModel *model);

/* "axrunmodel: …" on stderr; always false. */
bool complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
