/* Tiling on small programs of real kernels, run step by step with every buffer in memory of its own, exactly as
 * large as the program says: the tiled program gives the same output bytes, the workspace falls, weights
 * are packed once. Random chains of convolutions, depthwise ones, pools, tables and additions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lower/tile.h"
#include "plan/plan.h"

static uint32_t state = 5;

static int pick(int n)
{
	state = state * 1664525u + 1013904223u;
	return (int)((state >> 8) % (uint32_t)n);
}

/* ---- building programs ---- */

typedef struct Tensor {
	uint32_t buf;
	int h, w, c;
} Tensor;

static uint32_t add_buf(AxcProgram *p, AxcSpace space, size_t bytes, const void *data)
{
	AxcBuf b = {.name = "t", .space = space, .bytes = bytes, .data = data, .first = -1, .last = -1};
	AXC_PUSH(p->arena, &p->bufs, b);
	return p->bufs.n - 1;
}

static Tensor tensor(AxcProgram *p, AxcSpace space, int h, int w, int c)
{
	return (Tensor){add_buf(p, space, (size_t)h * (size_t)w * (size_t)c, NULL), h, w, c};
}

static void add_step(AxcProgram *p, AxkKind kind, const void *params, uint32_t n, const AxcArg *args, const AxkPackIn *pack)
{
	AxcStep s = {.kernel = axk_select(kind, axk_cpu_isa(), params), .n_args = n, .entries = AXC_ENTRY_BOTH};
	assert_non_null(s.kernel);
	s.params = axc_memdup(p->arena, params, axk_kind_params_bytes(kind));
	memcpy(s.arg, args, n * sizeof *args);
	if (pack) {
		size_t bytes = s.kernel->pack_bytes(params);
		void *packed = axc_alloc(p->arena, bytes);
		s.kernel->pack(params, pack, packed);
		s.pack = axc_memdup(p->arena, pack, sizeof *pack);
		s.arg[2].buf = add_buf(p, AXC_SPACE_CONST, bytes, packed);
	}
	s.layer = (int)p->layers.n;
	AXC_PUSH(p->arena, &p->layers, ((AxcLayer){.text = axc_format(p->arena, "step %u", p->steps.n), .node = "n"}));
	axc_tile_append(p, s);
}

static AxkPackIn weights(AxcArena *arena, const struct axk_conv *p)
{
	size_t n = (size_t)p->oc * (size_t)(p->kh * p->kw) * (size_t)(p->ic / p->groups);
	int8_t *w = axc_alloc(arena, n);
	int32_t *bias = AXC_NEW_ARRAY(arena, int32_t, (size_t)p->oc);
	float *m = AXC_NEW_ARRAY(arena, float, (size_t)p->oc);
	for (size_t i = 0; i < n; i++)
		w[i] = (int8_t)(pick(255) - 127);
	for (int i = 0; i < p->oc; i++) {
		bias[i] = pick(4000) - 2000;
		m[i] = 0.002f + 0.0001f * (float)pick(50);
	}
	return (AxkPackIn){.weights = w, .bias = bias, .m = m};
}

static Tensor conv(AxcProgram *p, Tensor x, AxkKind kind, int oc, int k, int stride, int pad, const Tensor *residual)
{
	bool dw = kind == AXK_DWCONV_U8, up = kind == AXK_CONVT_U8;
	struct axk_conv c = {.n = 1, .ih = x.h, .iw = x.w, .ic = x.c, .in_ld = x.c, .oc = dw ? x.c : oc, .kh = k, .kw = k,
	                     .sh = stride, .sw = stride, .dh = 1, .dw = 1, .pt = pad, .pl = pad, .groups = dw ? x.c : 1,
	                     .zp_in = 100 + pick(50), .zp = 128.0f, .lo = -128.0f, .hi = 127.0f};
	c.oh = up ? (x.h - 1) * stride + k - 2 * pad : (x.h + 2 * pad - k) / stride + 1;
	c.ow = up ? (x.w - 1) * stride + k - 2 * pad : (x.w + 2 * pad - k) / stride + 1;
	Tensor y = tensor(p, AXC_SPACE_WS, c.oh, c.ow, c.oc);
	c.out_ld = c.oc;
	AxcArg args[6] = {{y.buf, 0}, {x.buf, 0}};
	if (residual && residual->h == y.h && residual->w == y.w && residual->c == y.c) {
		c.add = 1 + pick(2);
		c.res_ld = y.c;
		c.ra = 0.5f;
		c.rb = 0.25f;
		c.rfx = 20.0f;
		c.ahi = 255.0f;
		args[4].buf = residual->buf;
	}
	AxkPackIn pack = weights(p->arena, &c);
	add_step(p, kind, &c, 6, args, &pack);
	return y;
}

static Tensor pool(AxcProgram *p, Tensor x, int k, int stride, int pad)
{
	struct axk_pool c = {.n = 1, .ih = x.h, .iw = x.w, .c = x.c, .in_ld = x.c, .out_ld = x.c, .kh = k, .kw = k, .sh = stride,
	                     .sw = stride, .dh = 1, .dw = 1, .pt = pad, .pl = pad, .pb = pad, .pr = pad, .zp_in = 90,
	                     .zp_out = 110, .s_in = 0.1f, .s_out = 0.09f, .count_pad = pick(2)};
	c.oh = (x.h + 2 * pad - k) / stride + 1;
	c.ow = (x.w + 2 * pad - k) / stride + 1;
	Tensor y = tensor(p, AXC_SPACE_WS, c.oh, c.ow, x.c);
	AxcArg args[2] = {{y.buf, 0}, {x.buf, 0}};
	add_step(p, pick(2) ? AXK_MAXPOOL_U8 : AXK_AVGPOOL_U8, &c, 2, args, NULL);
	return y;
}

static Tensor table(AxcProgram *p, Tensor x)
{
	int n = x.h * x.w * x.c;
	struct axk_lut c = {.dims = {1, 1, 1, 1, 1, 1, 1, n}, .sy = {0, 0, 0, 0, 0, 0, 0, 1}, .sx = {0, 0, 0, 0, 0, 0, 0, 1}};
	uint8_t *t = axc_alloc(p->arena, 256);
	for (int i = 0; i < 256; i++)
		t[i] = (uint8_t)pick(256);
	Tensor y = tensor(p, AXC_SPACE_WS, x.h, x.w, x.c);
	AxcArg args[3] = {{y.buf, 0}, {x.buf, 0}, {add_buf(p, AXC_SPACE_CONST, 256, t), 0}};
	add_step(p, AXK_LUT_U8, &c, 3, args, NULL);
	return y;
}

static Tensor sum(AxcProgram *p, Tensor a, Tensor b)
{
	int n = a.h * a.w * a.c;
	struct axk_binary_u8 c = {.dims = {1, 1, 1, 1, 1, 1, 1, n}, .sy = {[7] = 1}, .sa = {[7] = 1}, .sb = {[7] = 1},
	                          .ra = 0.5f, .rb = 0.25f, .fx = 20.0f, .hi = 255.0f};
	Tensor y = tensor(p, AXC_SPACE_WS, a.h, a.w, a.c);
	AxcArg args[4] = {{y.buf, 0}, {a.buf, 0}, {b.buf, 0}};
	add_step(p, AXK_ADD_U8, &c, 4, args, NULL);
	return y;
}

static AxcProgram *new_program(AxcArena *arena)
{
	AxcProgram *p = AXC_NEW(arena, AxcProgram);
	p->arena = arena;
	p->cores = 1 + pick(2);
	AXC_PUSH(arena, &p->bufs, (AxcBuf){0});
	return p;
}

/* The last step writes to the caller. */
static void finish(AxcProgram *p)
{
	p->bufs.at[p->steps.at[p->steps.n - 1].arg[0].buf].space = AXC_SPACE_OUT;
}

static AxcProgram *random_chain(AxcArena *arena)
{
	AxcProgram *p = new_program(arena);
	Tensor x = tensor(p, AXC_SPACE_IN, 8 + pick(20), 6 + pick(12), 1 + pick(20)), before = x;
	for (int i = 0, n = 3 + pick(7); i < n && x.h > 5 && x.w > 5; i++) {
		Tensor y;
		switch (pick(7)) {
		case 0: y = conv(p, x, AXK_CONV_U8, 1 + pick(70), 1, 1, 0, &before); break;
		case 1: y = conv(p, x, AXK_CONV_U8, before.c, 3, 1, 1, &before); break;
		case 2: y = conv(p, x, AXK_CONV_U8, 1 + pick(40), 1 + pick(4), 1 + pick(2), pick(2), NULL); break;
		case 3: y = conv(p, x, AXK_DWCONV_U8, 0, 3, 1 + pick(2), pick(2), NULL); break;
		case 4: y = pool(p, x, 2 + pick(2), 1 + pick(2), pick(2)); break;
		case 5: y = x.h < 20 && x.c < 20 ? conv(p, x, AXK_CONVT_U8, 1 + pick(9), 2 + pick(2), 2, pick(2), NULL) : table(p, x); break;
		default: y = before.h == x.h && before.w == x.w && before.c == x.c ? sum(p, x, before) : table(p, x); break;
		}
		before = x;
		x = y;
	}
	finish(p);
	return p;
}

/* ---- running them ---- */

/* The bytes of the OUT buffer. Workspace starts as noise, so that a row nobody computed shows. */
static uint8_t *run(const AxcProgram *p, size_t *ret_bytes)
{
	void **memory = AXC_NEW_ARRAY(p->arena, void *, p->bufs.n);
	uint8_t *out = NULL;
	for (uint32_t i = 1; i < p->bufs.n; i++) {
		const AxcBuf *b = &p->bufs.at[i];
		uint8_t *at = axc_alloc(p->arena, b->bytes + AXK_SLACK);
		for (size_t k = 0; k < b->bytes + AXK_SLACK; k++)
			at[k] = (uint8_t)(b->space == AXC_SPACE_IN ? k * 37 % 251 : k * 7 + i);
		if (b->space == AXC_SPACE_CONST)
			memcpy(at, b->data, b->bytes);
		if (b->space == AXC_SPACE_OUT) {
			out = at;
			*ret_bytes = b->bytes;
		}
		memory[i] = at;
	}
	for (uint32_t i = 0; i < p->steps.n; i++) {
		const AxcStep *s = &p->steps.at[i];
		void *buf[AXK_MAX_BUFS] = {NULL};
		for (uint32_t k = 0; k < s->n_args; k++)
			buf[k] = s->arg[k].buf ? (char *)memory[s->arg[k].buf] + s->arg[k].offset : NULL;
		axk_run_fn(s->kernel)(s->params, buf, memory[s->scratch], 0, s->units);
	}
	/* what lies behind a buffer is never written */
	for (uint32_t i = 1; i < p->bufs.n; i++)
		for (size_t k = p->bufs.at[i].bytes; k < p->bufs.at[i].bytes + AXK_SLACK && p->bufs.at[i].space == AXC_SPACE_WS; k++)
			assert_int_equal(((uint8_t *)memory[i])[k], (uint8_t)(k * 7 + i));
	return out;
}

static size_t planned(void *ctx, AxcProgram *p)
{
	AxcPlanConfig config = {.attempts = 5};
	assert_true(axc_plan(p, &config, ctx));
	assert_true(axc_plan_check(p, ctx));
	return p->ws_bytes[0];
}

static AxcTileConfig config_for(AxcDiag *d, int depth, int rows, int channels)
{
	return (AxcTileConfig){.depth = depth, .attempts = 8, .force_rows = rows, .force_channels = channels,
	                       .workspace_bytes = planned, .ctx = d};
}

/* Tiles a random chain; its bytes and its workspace before and after. Returns whether the program changed. */
static bool check_random(int depth, int rows, int channels, size_t *ret_before, size_t *ret_after)
{
	AxcArena *arena = axc_arena_new(NULL);
	AxcDiag d;
	size_t n, m;
	axc_diag_init(&d, arena);
	AxcProgram *p = random_chain(arena);
	uint32_t steps = p->steps.n;
	*ret_before = planned(&d, p);
	uint8_t *whole = run(p, &n);
	AxcTileConfig config = config_for(&d, depth, rows, channels);
	axc_tile(p, &config, &d);
	uint8_t *tiled = run(p, &m);
	assert_int_equal(n, m);
	assert_memory_equal(whole, tiled, n);
	*ret_after = planned(&d, p);
	bool changed = p->steps.n != steps;
	axc_arena_free(arena);
	return changed;
}

static void bands_give_the_same_bytes_in_less_memory(void **unused)
{
	(void)unused;
	int changed = 0;
	for (int i = 0; i < 200; i++) {
		size_t before, after;
		if (check_random(2 + i % 6, 0, 0, &before, &after)) {
			changed++;
			assert_true(after < before);
		} else {
			assert_int_equal(after, before);
		}
	}
	assert_true(changed > 80);
}

static void forced_tiles_give_the_same_bytes(void **unused)
{
	(void)unused;
	int changed = 0;
	for (int i = 0; i < 150; i++) {
		size_t before, after;
		changed += check_random(i % 3 == 2 ? 4 : 1, i % 3 ? 2 + i % 5 : 0, i % 3 == 1 ? 0 : 2 + i % 4, &before, &after);
	}
	assert_true(changed > 120);
}

/* ---- one chain in detail ---- */

static AxcProgram *tall_chain(AxcArena *arena)
{
	AxcProgram *p = new_program(arena);
	p->cores = 1;
	Tensor x = tensor(p, AXC_SPACE_IN, 32, 16, 8);
	x = conv(p, x, AXK_CONV_U8, 64, 1, 1, 0, NULL);
	x = conv(p, x, AXK_DWCONV_U8, 0, 3, 1, 1, NULL);
	conv(p, x, AXK_CONV_U8, 8, 1, 1, 0, NULL);
	finish(p);
	return p;
}

static size_t const_bytes(const AxcProgram *p)
{
	size_t n = 0;
	for (uint32_t i = 1; i < p->bufs.n; i++)
		n += p->bufs.at[i].space == AXC_SPACE_CONST ? p->bufs.at[i].bytes : 0;
	return n;
}

static void weights_are_packed_once(void **unused)
{
	(void)unused;
	AxcArena *arena = axc_arena_new(NULL);
	AxcDiag d;
	axc_diag_init(&d, arena);
	AxcProgram *p = tall_chain(arena);
	size_t before = planned(&d, p), consts = const_bytes(p);
	AxcTileConfig config = config_for(&d, 3, 0, 0);
	axc_tile(p, &config, &d);
	assert_int_equal(const_bytes(p), consts);
	assert_true(planned(&d, p) < before / 3);
	p = tall_chain(arena);
	config = config_for(&d, 1, 4, 0);
	axc_tile(p, &config, &d);
	assert_int_equal(p->steps.n, 12);
	assert_int_equal(const_bytes(p), consts);
	p = tall_chain(arena);
	config = config_for(&d, 1, 0, 2);
	axc_tile(p, &config, &d);
	assert_int_equal(p->steps.n, 6);
	axc_arena_free(arena);
}

/* More band counts tried: never more workspace. Depth 1 and no force: nothing happens. */
static void attempts_and_depth_bound_the_search(void **unused)
{
	(void)unused;
	AxcArena *arena = axc_arena_new(NULL);
	AxcDiag d;
	axc_diag_init(&d, arena);
	size_t last = SIZE_MAX, first = 0;
	for (int attempts = 1; attempts <= 8; attempts++) {
		AxcProgram *p = tall_chain(arena);
		AxcTileConfig config = config_for(&d, 3, 0, 0);
		config.attempts = attempts;
		axc_tile(p, &config, &d);
		size_t bytes = planned(&d, p);
		assert_true(bytes <= last);
		first = attempts == 1 ? bytes : first;
		last = bytes;
	}
	assert_true(last < first);
	AxcProgram *p = tall_chain(arena);
	AxcTileConfig config = config_for(&d, 1, 0, 0);
	axc_tile(p, &config, &d);
	assert_int_equal(p->steps.n, 3);
	axc_arena_free(arena);
}

/* The search does not grow with the square of the program. */
static void long_programs_stay_fast(void **unused)
{
	(void)unused;
	AxcArena *arena = axc_arena_new(NULL);
	AxcDiag d;
	axc_diag_init(&d, arena);
	AxcProgram *p = new_program(arena);
	Tensor x = tensor(p, AXC_SPACE_IN, 6, 6, 4);
	for (int i = 0; i < 20000; i++)
		x = i % 50 ? table(p, x) : pool(p, x, 3, 1, 1);
	finish(p);
	AxcTileConfig config = config_for(&d, 32, 0, 0);
	axc_tile(p, &config, &d);
	assert_true(p->steps.n <= 20000 + AXC_TILE_MAX_STEPS);
	axc_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bands_give_the_same_bytes_in_less_memory), cmocka_unit_test(forced_tiles_give_the_same_bytes),
		cmocka_unit_test(weights_are_packed_once), cmocka_unit_test(attempts_and_depth_bound_the_search),
		cmocka_unit_test(long_programs_stay_fast),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
