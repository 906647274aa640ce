/* The command line of axrunmodel. */
#include "axrunmodel.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: axrunmodel MODEL.json [options]\n"
	"\n"
	"Runs a compiled model (compiled_model/model.json) and reports its speed. Without --input every\n"
	"frame has the same seeded random data.\n"
	"\n"
	"input and output\n"
	"  --input [NAME=]FILE.npy  real input, once per model input; without NAME in the model's order. float\n"
	"                           files hold the ONNX model's input, int8 files the kernel's. One more\n"
	"                           leading axis, or a first axis that is a multiple of the batch: that many\n"
	"                           frames, each run once unless --frames or --seconds says otherwise\n"
	"  --output-dir DIR         write each output as NAME.npy, all frames in one file\n"
	"  --io float|int8          entry point that runs: the whole ONNX model, or the quantized core\n"
	"                           (default: float with a float input, else int8)\n"
	"how long\n"
	"  --seconds N              run for N seconds (default 10)\n"
	"  --frames N               stop after N frames\n"
	"  --throttle-fps N         at most N frames per second\n"
	"where\n"
	"  --aipu-cores N           cores to use (default: what the model was compiled for); what they do is the\n"
	"                           model's multicore mode: processes or threads with frames of their own, a\n"
	"                           batch, pieces of one frame, stages of a pipeline\n"
	"  -d, --devices LIST       device indices; a CPU is device 0, the only one\n"
	"  --[no-]double-buffer     load a frame's input while the frame before is computed\n"
	"  --[no-]input-dmabuf      pass inputs as file descriptors (memfd) instead of pointers\n"
	"  --[no-]output-dmabuf     the same for outputs (default of the three: as the model was compiled)\n"
	"report\n"
	"  --json                   one JSON object on standard output\n"
	"  --profile                time per layer, when the model was compiled with profiling\n"
	"  --show-histogram         distribution of the frames' speed\n"
	"  --show-bar-chart         speed over time\n"
	"  --help\n";

bool complain(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("axrunmodel: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return false;
}

enum {
	OPT_INPUT = 256,
	OPT_OUTPUT_DIR,
	OPT_IO,
	OPT_SECONDS,
	OPT_FRAMES,
	OPT_THROTTLE,
	OPT_CORES,
	OPT_DOUBLE_BUFFER,
	OPT_NO_DOUBLE_BUFFER,
	OPT_INPUT_DMABUF,
	OPT_NO_INPUT_DMABUF,
	OPT_OUTPUT_DMABUF,
	OPT_NO_OUTPUT_DMABUF,
	OPT_JSON,
	OPT_PROFILE,
	OPT_HISTOGRAM,
	OPT_BAR_CHART,
	OPT_NO_JSON,
	OPT_NO_PROFILE,
	OPT_NO_HISTOGRAM,
	OPT_NO_BAR_CHART,
	OPT_HELP,
};

static const struct option options[] = {
	{"input", required_argument, NULL, OPT_INPUT},
	{"output-dir", required_argument, NULL, OPT_OUTPUT_DIR},
	{"io", required_argument, NULL, OPT_IO},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"frames", required_argument, NULL, OPT_FRAMES},
	{"throttle-fps", required_argument, NULL, OPT_THROTTLE},
	{"aipu-cores", required_argument, NULL, OPT_CORES},
	{"devices", required_argument, NULL, 'd'},
	{"double-buffer", no_argument, NULL, OPT_DOUBLE_BUFFER},
	{"no-double-buffer", no_argument, NULL, OPT_NO_DOUBLE_BUFFER},
	{"input-dmabuf", no_argument, NULL, OPT_INPUT_DMABUF},
	{"no-input-dmabuf", no_argument, NULL, OPT_NO_INPUT_DMABUF},
	{"output-dmabuf", no_argument, NULL, OPT_OUTPUT_DMABUF},
	{"no-output-dmabuf", no_argument, NULL, OPT_NO_OUTPUT_DMABUF},
	{"json", no_argument, NULL, OPT_JSON},
	{"no-json", no_argument, NULL, OPT_NO_JSON},
	{"profile", no_argument, NULL, OPT_PROFILE},
	{"no-profile", no_argument, NULL, OPT_NO_PROFILE},
	{"show-histogram", no_argument, NULL, OPT_HISTOGRAM},
	{"no-show-histogram", no_argument, NULL, OPT_NO_HISTOGRAM},
	{"show-bar-chart", no_argument, NULL, OPT_BAR_CHART},
	{"no-show-bar-chart", no_argument, NULL, OPT_NO_BAR_CHART},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static bool number(const char *option, const char *text, double min, double max, bool whole, double *ret)
{
	char *end;
	errno = 0;
	double value = strtod(text, &end);
	if (end == text || *end || errno || !(value >= min && value <= max) || (whole && value != (double)(long long)value))
		return complain("%s: wanted a %snumber from %.17g to %.17g, found '%s'", option, whole ? "whole " : "",
		                min, max, text);
	*ret = value;
	return true;
}

static bool check_devices(const char *list)
{
	for (const char *at = list;; at++) {
		char *end;
		long index = strtol(at, &end, 10);
		if (end == at || (*end && *end != ','))
			return complain("--devices: wanted indices separated by commas, found '%s'", list);
		if (index != 0)
			return complain("--devices: there is no device %ld, only 0 (the CPU)", index);
		if (!*end)
			return true;
		at = end;
	}
}

static bool set_option(Options *o, int option, const char *value)
{
	double n;
	switch (option) {
	case OPT_INPUT:
		if (o->num_inputs == MAX_INPUTS)
			return complain("--input: more than %d", MAX_INPUTS);
		o->inputs[o->num_inputs++] = value;
		return true;
	case OPT_OUTPUT_DIR:
		o->output_dir = value;
		return true;
	case OPT_IO:
		if (strcmp(value, "float") != 0 && strcmp(value, "int8") != 0)
			return complain("--io: wanted float or int8, found '%s'", value);
		o->io = value[0] == 'f' ? AXRX_FLOAT : AXRX_INT8;
		return o->io_given = true;
	case OPT_SECONDS:
		return o->seconds_given = number("--seconds", value, 0, 1e9, false, &o->seconds);
	case OPT_FRAMES:
		if (!number("--frames", value, 1, 1e15, true, &n))
			return false;
		o->frames = (uint64_t)n;
		return true;
	case OPT_THROTTLE:
		return number("--throttle-fps", value, 1e-3, 1e9, false, &o->throttle_fps);
	case OPT_CORES:
		if (!number("--aipu-cores", value, 1, 256, true, &n))
			return false;
		o->cores = (unsigned)n;
		return true;
	case 'd':
		return check_devices(value);
	case OPT_JSON:
	case OPT_NO_JSON:
		o->json = option == OPT_JSON;
		return true;
	case OPT_PROFILE:
	case OPT_NO_PROFILE:
		o->profile = option == OPT_PROFILE;
		return true;
	case OPT_HISTOGRAM:
	case OPT_NO_HISTOGRAM:
		o->histogram = option == OPT_HISTOGRAM;
		return true;
	case OPT_BAR_CHART:
	case OPT_NO_BAR_CHART:
		o->bar_chart = option == OPT_BAR_CHART;
		return true;
	case OPT_DOUBLE_BUFFER:
	case OPT_NO_DOUBLE_BUFFER:
		o->double_buffer = option == OPT_DOUBLE_BUFFER;
		return true;
	case OPT_INPUT_DMABUF:
	case OPT_NO_INPUT_DMABUF:
		o->input_dmabuf = option == OPT_INPUT_DMABUF;
		return true;
	case OPT_OUTPUT_DMABUF:
	case OPT_NO_OUTPUT_DMABUF:
		o->output_dmabuf = option == OPT_OUTPUT_DMABUF;
		return true;
	default:
		return false;
	}
}

bool parse_options(Options *o, int argc, char **argv, int *ret_exit)
{
	*o = (Options){.seconds = 10, .double_buffer = -1, .input_dmabuf = -1, .output_dmabuf = -1};
	*ret_exit = EXIT_USAGE;
	for (;;) {
		int option = getopt_long(argc, argv, "d:", options, NULL);
		if (option == -1)
			break;
		if (option == OPT_HELP) {
			fputs(help, stdout);
			*ret_exit = 0;
			return false;
		}
		if (!set_option(o, option, optarg)) {
			fputs("Try 'axrunmodel --help'.\n", stderr);
			return false;
		}
	}
	if (optind != argc - 1) {
		complain("wanted one MODEL.json, found %d arguments", argc - optind);
		fputs("Try 'axrunmodel --help'.\n", stderr);
		return false;
	}
	o->model = argv[optind];
	return true;
}
