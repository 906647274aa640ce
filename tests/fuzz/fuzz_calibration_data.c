/* --calibration-data: the input is a .npy or .npz as it stands, or (so that no checksum has to be guessed) the
 * members of a .npz. All samples are read for a network with inputs of three types. */
#include "fuzz.h"

#include "calib/calib.h"

#include <zip.h>

enum { MAX_SAMPLES = 64 };

static AxcGraph *network(AxcArena *arena, bool several)
{
	static const struct {
		const char *name;
		AxcDType dtype;
	} inputs[] = {{"x", AXC_F32}, {"ids", AXC_I32}, {"mask", AXC_BOOL}};
	AxcGraph *g = axc_graph_new(arena, "net");
	AxcShape shape = axc_shape_of(2, (const int64_t[]){1, 3});
	for (size_t i = 0; i < (several ? AXC_COUNT(inputs) : 1); i++) {
		AxcId id = axc_value_add(g, inputs[i].name, inputs[i].dtype, &shape);
		axc_value(g, id)->is_input = true;
		AXC_PUSH(arena, &g->inputs, id);
	}
	return g;
}

static void read_samples(AxcArena *arena, const char *path, bool several)
{
	AxcDiag d;
	AxcSamples *samples;
	AxcGraph *g = network(arena, several);
	AxcCalibConfig config = {.data = path, .jobs = 1};
	uint64_t into[3][8];
	void *inputs[3] = {into[0], into[1], into[2]};
	axc_diag_init(&d, arena);
	bool ok = axc_samples_open(arena, &d, g, &config, &samples);
	int64_t n = ok ? axc_samples_count(samples) : 0;
	for (int64_t i = 0; ok && i < n && i < MAX_SAMPLES; i++)
		ok = axc_samples_read(samples, &d, i, inputs);
	if (!ok && !d.failed)
		abort();
	if (ok)
		axc_samples_close(samples);
}

/* An archive of the parts, named after the inputs. */
static void put_archive(FuzzPart rest, const char *path)
{
	static const char *const names[] = {"x.npy", "ids.npy", "mask.npy"};
	int error = 0;
	unlink(path);
	zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &error);
	if (!zip)
		abort();
	for (size_t i = 0; i < AXC_COUNT(names) && (rest.bytes || i == 0); i++) {
		FuzzPart part = fuzz_part(&rest);
		zip_source_t *source = zip_source_buffer(zip, part.data, part.bytes, 0);
		zip_int64_t at = source ? zip_file_add(zip, names[i], source, 0) : -1;
		if (at < 0 || zip_set_file_compression(zip, (zip_uint64_t)at, i % 2 ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0) != 0)
			abort();
	}
	if (zip_close(zip) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char path[128];
	jmp_buf out_of_memory;
	FuzzPart rest = {data, bytes};
	bool several = bytes && data[0] % 2, npy = bytes && data[0] == '.';
	snprintf(path, sizeof path, "%s/%s", fuzz_dir(), npy ? "d.npy" : "d.npz");
	if (npy) { /* ".", then the file */
		fuzz_put("d.npy", data + 1, bytes - 1);
	} else if (bytes > 4 && memcmp(data + 1, "PK", 2) == 0) { /* "n" or "m" (one input, several), then the file */
		fuzz_put("d.npz", data + 1, bytes - 1);
	} else { /* the same, then the members */
		if (rest.bytes)
			rest = (FuzzPart){data + 1, bytes - 1};
		put_archive(rest, path);
	}
	AxcArena *arena = axc_arena_new(&out_of_memory);
	if (!arena)
		abort();
	if (setjmp(out_of_memory) == 0)
		read_samples(arena, path, several);
	axc_arena_free(arena);
	return 0;
}
