/* classify MODEL.json IMAGE.pgm|ppm [MEAN STD]: runs one image through a compiled classifier and prints the
 * top class. Uses nothing but the documented API (axruntime/axruntime.h), so it runs any network with
 * one image input: it is resized (nearest pixel), scaled to 0..1, (x - MEAN) / STD if given, quantized.
 *
 *     cc -O2 -Iruntime/include examples/classify.c -Lbuild/lib -laxruntime -lm
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "axruntime/axruntime.h"

typedef struct Image {
	size_t width, height, channels; /* 1 or 3 */
	unsigned char *pixels;
} Image;

static int read_image(const char *path, Image *image)
{
	char kind;
	unsigned width, height, max;
	FILE *file = fopen(path, "rb");
	if (!file)
		return perror(path), 0;
	int ok = fscanf(file, "P%c %u %u %u", &kind, &width, &height, &max) == 4 && fgetc(file) != EOF &&
	         (kind == '5' || kind == '6') && max == 255 && width - 1 < 20000 && height - 1 < 20000;
	if (ok) {
		*image = (Image){width, height, kind == '5' ? 1 : 3, NULL};
		size_t bytes = image->width * image->height * image->channels;
		image->pixels = malloc(bytes);
		ok = image->pixels && fread(image->pixels, 1, bytes, file) == bytes;
	}
	fclose(file);
	if (!ok)
		fprintf(stderr, "%s: wanted a binary PGM or PPM image with 255 levels\n", path);
	return ok;
}

/* Where the layout keeps height, width and channels: NHWC, or NCHW. */
typedef struct Axes {
	int h, w, c;
} Axes;

static size_t unpadded(const axrTensorInfo *t, int axis)
{
	return t->dims[axis] - t->padding[axis][0] - t->padding[axis][1];
}

static void put(const axrTensorInfo *t, void *data, size_t at, double value)
{
	double q = rint(value / t->scale) + t->zero_point;
	if (t->type == AXR_FLOAT)
		((float *)data)[at] = (float)value;
	else if (t->type == AXR_SIGNED)
		((int8_t *)data)[at] = (int8_t)(q < -128 ? -128 : q > 127 ? 127 : q);
	else
		((uint8_t *)data)[at] = (uint8_t)(q < 0 ? 0 : q > 255 ? 255 : q);
}

static double get(const axrTensorInfo *t, const void *data, size_t at)
{
	if (t->type == AXR_FLOAT)
		return ((const float *)data)[at];
	int q = t->type == AXR_SIGNED ? ((const int8_t *)data)[at] : ((const uint8_t *)data)[at];
	return (q - t->zero_point) * t->scale;
}

/* Every element, padding too, gets a value: padding is the zero point, which is 0.0. */
static void fill_input(const axrTensorInfo *t, Axes a, const Image *image, double mean, double std, void *data)
{
	size_t height = unpadded(t, a.h), width = unpadded(t, a.w), channels = unpadded(t, a.c);
	size_t n = axr_tensor_size(t) / (t->bits / 8), index[4], at[4];
	for (size_t i = 0; i < n; i++) {
		size_t rest = i;
		for (int d = 3; d >= 0; d--) {
			index[d] = rest % t->dims[d];
			at[d] = index[d] - t->padding[d][0]; /* wraps around below, so one test is enough */
			rest /= t->dims[d];
		}
		if (at[a.h] >= height || at[a.w] >= width || at[a.c] >= channels) {
			put(t, data, i, 0);
			continue;
		}
		size_t y = at[a.h] * image->height / height, x = at[a.w] * image->width / width;
		size_t c = at[a.c] % image->channels;
		put(t, data, i, (image->pixels[(y * image->width + x) * image->channels + c] / 255.0 - mean) / std);
	}
}

/* The index of the largest value among those that are no padding. */
static size_t top_class(const axrTensorInfo *t, const void *data, double *ret_value)
{
	size_t n = axr_tensor_size(t) / (t->bits / 8), number = 0, best = 0;
	*ret_value = -INFINITY;
	for (size_t i = 0; i < n; i++) {
		int inside = 1;
		size_t rest = i;
		for (size_t d = t->ndims; d-- > 0; rest /= t->dims[d])
			inside &= rest % t->dims[d] - t->padding[d][0] < unpadded(t, (int)d);
		if (!inside)
			continue;
		double value = get(t, data, i);
		if (value > *ret_value) {
			*ret_value = value;
			best = number;
		}
		number++;
	}
	return best;
}

static void print_log(void *arg, axrLogLevel level, const char *message)
{
	(void)arg, (void)level;
	fprintf(stderr, "axruntime: %s\n", message);
}

static int fits(const axrTensorInfo *t)
{
	return (t->type == AXR_FLOAT && t->bits == 32) || (t->type != AXR_FLOAT && t->bits == 8);
}

static int classify(axrContext *context, const char *path, const Image *image, double mean, double std)
{
	axrModel *model = axr_load_model(context, path);
	if (!model)
		return 0;
	if (axr_num_model_inputs(model) != 1 || axr_num_model_outputs(model) < 1)
		return fputs("wanted a model with one input\n", stderr), 0;
	axrTensorInfo in = axr_get_model_input(model, 0), out = axr_get_model_output(model, 0);
	if (in.ndims != 4 || in.dims[0] != 1 || !fits(&in) || !fits(&out))
		return fputs("wanted one image as input, and scores as output\n", stderr), 0;
	const char *layout = axr_get_property(axr_get_model_properties(model), "input_tensor_layout");
	Axes axes = layout && strcmp(layout, "NCHW") == 0 ? (Axes){2, 3, 1} : (Axes){1, 2, 3};

	axrConnection *connection = axr_device_connect(context, NULL, 1, NULL);
	axrModelInstance *instance = connection ? axr_load_model_instance(connection, model, NULL) : NULL;
	if (!instance)
		return 0;
	size_t num_outputs = axr_num_model_outputs(model);
	axrArgument input = {.ptr = malloc(axr_tensor_size(&in))};
	axrArgument *outputs = calloc(num_outputs, sizeof *outputs);
	int ok = input.ptr && outputs;
	for (size_t i = 0; ok && i < num_outputs; i++) {
		axrTensorInfo t = axr_get_model_output(model, i);
		outputs[i].ptr = malloc(axr_tensor_size(&t) + 1);
		ok = outputs[i].ptr != NULL;
	}
	if (ok) {
		fill_input(&in, axes, image, mean, std, input.ptr);
		ok = axr_run_model_instance(instance, &input, 1, outputs, num_outputs) == AXR_SUCCESS;
	}
	if (ok) {
		double score;
		size_t class = top_class(&out, outputs[0].ptr, &score);
		printf("class %zu, score %.3f\n", class, score);
	}
	for (size_t i = 0; outputs && i < num_outputs; i++)
		free(outputs[i].ptr);
	free(outputs);
	free(input.ptr);
	return ok;
}

int main(int argc, char **argv)
{
	Image image = {0};
	if (argc != 3 && argc != 5)
		return fprintf(stderr, "usage: %s MODEL.json IMAGE.pgm|ppm [MEAN STD]\n", argv[0]), 2;
	if (!read_image(argv[2], &image))
		return free(image.pixels), 1;
	axrContext *context = axr_create_context();
	axr_set_logger(context, AXR_LOG_WARNING, print_log, NULL);
	int ok = classify(context, argv[1], &image, argc == 5 ? atof(argv[3]) : 0, argc == 5 ? atof(argv[4]) : 1);
	axr_destroy(AXR_OBJECT(context));
	free(image.pixels);
	return ok ? 0 : 1;
}
