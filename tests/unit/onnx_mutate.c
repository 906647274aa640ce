/* Damaged models: bytes flipped, cut, doubled, moved in models that were good. Import takes them or
 * says why not; a sanitizer build shows that it reads nothing it should not. Small models of
 * ../shared are used where they are there. */
#include <sys/mman.h>

#include "onnx_model.h"

enum { ROUNDS_OWN = 6000, ROUNDS_SHARED = 400 };

static uint64_t seed = 88172645463325252u;

static uint32_t random_below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

/* A bit of everything that import looks at. */
static void own_model(Frame *f)
{
	float w[6] = {1, 2, 3, 4, 5, 6};
	size_t g = model_begin(f, 11);
	put_io(f, 11, "x", ONNX_FLOAT, 2, (int64_t[]){-1, 6}, "N-");
	put_input(f, "w", 2, (int64_t[]){1, 6});
	put_tensor(f, 5, "w", ONNX_FLOAT, 2, (int64_t[]){1, 6}, w, sizeof w);
	put_tensor(f, 5, "h", ONNX_FLOAT16, 1, (int64_t[]){4}, "abcdefg", 8);
	put_tensor(f, 5, "s", ONNX_FLOAT, 1, (int64_t[]){2}, w, 8);
	size_t m = axc_pb_begin(&f->model, 5);
	axc_pb_int(&f->model, 1, 3);
	axc_pb_int(&f->model, 2, ONNX_INT64);
	axc_pb_bytes(&f->model, 7, "\x01\x02\x03", 3);
	axc_pb_str(&f->model, 8, "ints");
	axc_pb_end(&f->model, m);
	size_t n = node_begin(f, "Constant", "", "", "c");
	attr_floats(f, "value_floats", 3, w);
	node_end(f, n);
	n = node_begin(f, "Clip", "clip", "x - h", "a");
	node_end(f, n);
	n = node_begin(f, "Slice", "slice", "a ints ints", "b");
	node_end(f, n);
	n = node_begin(f, "Softmax", "", "b", "d");
	attr_int(f, "axis", 1);
	node_end(f, n);
	n = node_begin(f, "ReduceMean", "", "d", "e");
	attr_ints(f, "axes", 2, (int64_t[]){0, 1});
	node_end(f, n);
	n = node_begin(f, "FusedConv", "fused", "e w - s", "z");
	axc_pb_str(&f->model, 7, "com.microsoft");
	attr_string(f, "activation", "Clip");
	attr_floats(f, "activation_params", 2, w);
	node_end(f, n);
	put_node(f, "Upsample", "up", "z s", "u");
	put_node(f, "Split", "split", "u", "y -");
	put_output(f, "y");
	put_output(f, "c");
	model_end(f, g);
}

static size_t mutate(uint8_t *bytes, size_t n, size_t cap)
{
	for (uint32_t k = 1 + random_below(3); k && n > 4; k--) {
		uint32_t at = random_below((uint32_t)n), to = random_below((uint32_t)n);
		uint32_t len = 1 + random_below(AXC_MIN(32u, (uint32_t)n - AXC_MAX(at, to)));
		switch (random_below(6)) {
		case 0:
			bytes[at] ^= (uint8_t)(1u << random_below(8));
			break;
		case 1:
			bytes[at] = (uint8_t)random_below(256);
			break;
		case 2:
			bytes[at] = (uint8_t)(bytes[at] + (random_below(2) ? 1 : -1));
			break;
		case 3:
			memmove(bytes + at, bytes + to, len);
			break;
		case 4:
			n = at ? at : n;
			break;
		default:
			if (n + len > cap)
				break;
			memmove(bytes + at + len, bytes + at, n - at);
			n += len;
			break;
		}
	}
	return n;
}

/* True if import took it. */
static bool import_bytes(const uint8_t *bytes, size_t n)
{
	char path[64];
	int fd = memfd_create("model", MFD_CLOEXEC);
	assert_true(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	AxcDiag d;
	AxcGraph *g;
	AxcArena *arena = axc_arena_new(NULL);
	axc_diag_init(&d, arena);
	bool ok = axc_onnx_import(arena, &d, path, NULL, NULL, &g);
	if (ok && !axc_graph_verify(g, AXC_FORM_IMPORTED, &d) && !strstr(d.error.message, "G5"))
		fail_msg("import made a broken graph: %s", d.error.message);
	if (ok) {
		AxcText text = {.arena = arena}, blob = {.arena = arena};
		axc_graph_print(g, &text, &blob);
	} else {
		assert_true(d.failed && d.error.message && *d.error.message);
	}
	axc_arena_free(arena);
	close(fd);
	return ok;
}

static uint32_t damage(const void *good, size_t n, int rounds)
{
	uint32_t taken = 0;
	uint8_t *copy = malloc(n + 4096);
	for (int i = 0; i < rounds; i++) {
		memcpy(copy, good, n);
		taken += import_bytes(copy, mutate(copy, n, n + 4096));
	}
	free(copy);
	return taken;
}

static void own(void **state)
{
	Frame *f = *state;
	own_model(f);
	assert_true(import_bytes((const uint8_t *)f->model.at, f->model.n));
	for (size_t n = 0; n < f->model.n; n++)
		assert_false(import_bytes((const uint8_t *)f->model.at, n));
	uint32_t taken = damage(f->model.at, f->model.n, ROUNDS_OWN);
	/* both outcomes must occur, or the damage is of no use */
	assert_in_range(taken, ROUNDS_OWN / 50, ROUNDS_OWN * 49 / 50);
}

static void shared(void **state)
{
	static const char *const models[] = {"hand_keypoint_classifier", "sci_180x320",
					     "emx_micro_kws_fp32"};
	Frame *f = *state;
	uint32_t found = 0;
	for (size_t i = 0; i < AXC_COUNT(models); i++) {
		const char *path =
			axc_format(f->arena, "../shared/models/%s/model.onnx", models[i]);
		const uint8_t *data;
		size_t n;
		if (!axc_exists(path))
			continue;
		assert_true(axc_map_file(f->arena, &f->d, "model", path, 1 << 20, &data, &n));
		damage(data, n, ROUNDS_SHARED);
		found++;
	}
	if (!found) {
		print_message("skipped: no models in ../shared\n");
		skip();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {ONNX_TEST(own), ONNX_TEST(shared)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
