/* The planner on random programs: the independent checker agrees, no plan is below the live bytes, and
 * a plan damaged by hand is caught. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan.h"

static uint32_t state = 7;

static uint32_t pick(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

static AxcProgram *random_program(AxcArena *arena, uint32_t n_steps)
{
	AxcProgram *p = AXC_NEW(arena, AxcProgram);
	p->arena = arena;
	AXC_PUSH(arena, &p->bufs, (AxcBuf){0});
	AXC_PUSH(arena, &p->layers, ((AxcLayer){.text = "layer", .node = "node"}));
	for (uint32_t s = 0; s < n_steps; s++) {
		AxcBuf b = {.name = axc_format(arena, "b%u", s), .space = AXC_SPACE_WS, .bytes = 1 + pick(5000)};
		AXC_PUSH(arena, &p->bufs, b);
		AxcStep step = {.n_args = 3};
		step.arg[0].buf = p->bufs.n - 1;
		step.arg[1].buf = s ? p->bufs.n - 2 : 0;
		step.arg[2].buf = s > 4 ? p->bufs.n - 2 - pick(5) : 0;
		AXC_PUSH(arena, &p->steps, step);
	}
	return p;
}

static void plans_are_valid_and_small(void **unused)
{
	(void)unused;
	for (int round = 0; round < 60; round++) {
		AxcArena *arena = axc_arena_new(NULL);
		AxcDiag d;
		axc_diag_init(&d, arena);
		AxcProgram *p = random_program(arena, 3 + pick(60));
		assert_true(axc_plan(p, &(AxcPlanConfig){.attempts = 5}, &d));
		assert_true(axc_plan_check(p, &d));
		int step;
		size_t live = axc_plan_live_bytes(p, &step);
		assert_true(p->ws_bytes[0] >= live);
		assert_true(p->ws_bytes[0] <= live * 2 + AXK_SLACK);
		axc_arena_free(arena);
	}
}

static void overlap_is_caught(void **unused)
{
	(void)unused;
	AxcArena *arena = axc_arena_new(NULL);
	AxcDiag d;
	axc_diag_init(&d, arena);
	AxcProgram *p = random_program(arena, 20);
	assert_true(axc_plan(p, &(AxcPlanConfig){.attempts = 5}, &d));
	p->bufs.at[6].offset = p->bufs.at[5].offset;
	assert_false(axc_plan_check(p, &d));
	assert_non_null(strstr(d.error.message, "overlaps"));
	axc_arena_free(arena);
}

static void budget_names_bytes_and_layer(void **unused)
{
	(void)unused;
	AxcArena *arena = axc_arena_new(NULL);
	AxcDiag d;
	axc_diag_init(&d, arena);
	AxcProgram *p = random_program(arena, 20);
	assert_false(axc_plan(p, &(AxcPlanConfig){.budget_bytes = {100}, .attempts = 5}, &d));
	assert_int_equal(d.error.status, AXC_LOWER_MIDEND_ERROR);
	assert_non_null(strstr(d.error.message, "too many"));
	assert_string_equal(d.error.node, "node");
	axc_arena_free(arena);
}

static void fast_pools_fill_up_to_their_budget(void **unused)
{
	(void)unused;
	for (int round = 0; round < 40; round++) {
		AxcArena *arena = axc_arena_new(NULL);
		AxcDiag d;
		axc_diag_init(&d, arena);
		AxcProgram *p = random_program(arena, 10 + pick(40));
		AxcPlanConfig config = {.budget_bytes = {0, 8000, 3000}, .promote = true, .attempts = 5};
		assert_true(axc_plan(p, &config, &d));
		assert_true(axc_plan_check(p, &d));
		assert_in_range(p->ws_bytes[AXC_POOL_L1], 1, 3000);
		assert_in_range(p->ws_bytes[AXC_POOL_L2], 1, 8000);
		config.promote = false;
		assert_true(axc_plan(p, &config, &d));
		assert_int_equal(p->ws_bytes[AXC_POOL_L1], 0);
		assert_int_equal(p->ws_bytes[AXC_POOL_L2], 0);
		axc_arena_free(arena);
	}
}

static void homes_are_kept(void **unused)
{
	(void)unused;
	AxcArena *arena = axc_arena_new(NULL);
	AxcDiag d;
	axc_diag_init(&d, arena);
	AxcProgram *p = random_program(arena, 20);
	AxcPlanConfig config = {.workspace_home = AXC_POOL_L2, .attempts = 5};
	assert_true(axc_plan(p, &config, &d));
	assert_int_equal(p->ws_bytes[AXC_POOL_DDR], 0);
	assert_true(p->ws_bytes[AXC_POOL_L2] > 0);
	axc_arena_free(arena);
}

/* A large buffer that is rarely used, and small ones that are used often, all alive at once: the small ones would fill
 * the fast pool, but the slow pool's budget is kept only when the large one moves. */
static void a_slow_pools_budget_moves_the_large(void **unused)
{
	(void)unused;
	AxcArena *arena = axc_arena_new(NULL);
	AxcDiag d;
	axc_diag_init(&d, arena);
	AxcProgram *p = random_program(arena, 0);
	AXC_PUSH(arena, &p->bufs, ((AxcBuf){.name = "large", .space = AXC_SPACE_WS, .bytes = 6000}));
	for (int i = 0; i < 8; i++)
		AXC_PUSH(arena, &p->bufs, ((AxcBuf){.name = "small", .space = AXC_SPACE_WS, .bytes = 300}));
	for (int s = 0; s < 6; s++) {
		AxcStep step = {.n_args = 9};
		for (uint32_t k = 0; k < 9; k++)
			step.arg[k].buf = k || s == 0 || s == 5 ? k + 1 : 0;
		AXC_PUSH(arena, &p->steps, step);
	}
	AxcPlanConfig config = {.budget_bytes = {0, 6200, 0}, .promote = true, .attempts = 5};
	assert_true(axc_plan(p, &config, &d));
	assert_int_equal(p->bufs.at[1].pool, AXC_POOL_DDR);
	config.budget_bytes[AXC_POOL_DDR] = 8 * 320 + 64 + AXK_SLACK;
	assert_true(axc_plan(p, &config, &d));
	assert_true(axc_plan_check(p, &d));
	assert_int_equal(p->bufs.at[1].pool, AXC_POOL_L2);
	config.budget_bytes[AXC_POOL_DDR] = 1000;
	assert_false(axc_plan(p, &config, &d));
	axc_arena_free(arena);
}

/* When the constants alone are too many, tiling is no advice. */
static void constants_that_do_not_fit(void **unused)
{
	(void)unused;
	AxcArena *arena = axc_arena_new(NULL);
	AxcDiag d;
	axc_diag_init(&d, arena);
	AxcProgram *p = random_program(arena, 5);
	AXC_PUSH(arena, &p->bufs, ((AxcBuf){.name = "weights", .space = AXC_SPACE_CONST, .bytes = 900,
	                                    .data = axc_alloc(arena, 900)}));
	AxcPlanConfig config = {.budget_bytes = {0, 0, 500}, .const_home = AXC_POOL_L1, .attempts = 5};
	config.budget_name[AXC_POOL_L1] = "l1_size_used";
	assert_false(axc_plan(p, &config, &d));
	assert_non_null(strstr(d.error.message, "constants alone"));
	assert_non_null(strstr(d.error.hint, "raise l1_size_used"));
	assert_non_null(strstr(d.error.hint, "constant_memory_pool=global.ddr"));
	axc_arena_free(arena);
}

static void long_programs_take_the_scan(void **unused)
{
	(void)unused;
	AxcArena *arena = axc_arena_new(NULL);
	AxcDiag d;
	axc_diag_init(&d, arena);
	AxcProgram *p = random_program(arena, 100000);
	assert_true(axc_plan(p, &(AxcPlanConfig){.attempts = 5}, &d));
	assert_true(axc_plan_check(p, &d));
	axc_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_are_valid_and_small), cmocka_unit_test(overlap_is_caught),
		cmocka_unit_test(budget_names_bytes_and_layer), cmocka_unit_test(long_programs_take_the_scan),
		cmocka_unit_test(fast_pools_fill_up_to_their_budget), cmocka_unit_test(homes_are_kept),
		cmocka_unit_test(a_slow_pools_budget_moves_the_large), cmocka_unit_test(constants_that_do_not_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
