/* What the runtime's C tests share: a temporary directory with the hand-written network, a context. */
#ifndef RUNTIME_FIXTURE_H
#define RUNTIME_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "axruntime/axruntime_ext.h"
#include "base/base.h"
#include "tiny_model.h"

typedef struct Fixture {
	char dir[64], json[96];
	axrContext *context;
	axrModel *model;
	axrConnection *connection;
} Fixture;

static inline int fixture_setup(void **state)
{
	Fixture *f = calloc(1, sizeof *f);
	strcpy(f->dir, "/tmp/axr-test-XXXXXX");
	if (!mkdtemp(f->dir) || tiny_model_write(f->dir, &(TinyModel){.kernel = TINY_KERNEL}, 2) != 0)
		return -1;
	snprintf(f->json, sizeof f->json, "%s/model.json", f->dir);
	f->context = axr_create_context();
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	Fixture *f = *state;
	axr_destroy(AXR_OBJECT(f->context));
	axc_remove_tree(f->dir);
	free(f);
	return 0;
}

/* Model and connection; an instance with these properties. */
static inline axrModelInstance *load(Fixture *f, const char *properties)
{
	f->model = axr_load_model(f->context, f->json);
	if (!f->model)
		return NULL;
	f->connection = axr_device_connect(f->context, NULL, 1, NULL);
	return axr_load_model_instance(f->connection, f->model,
	                               properties ? axr_create_properties(f->context, properties) : NULL);
}

#define expect_error(f, result, part) \
	do { \
		assert_int_equal(axr_last_error(AXR_OBJECT((f)->context)), (result)); \
		const char *text_ = axr_last_error_string(AXR_OBJECT((f)->context)); \
		if (!strstr(text_, (part))) \
			fail_msg("error text '%s' does not contain '%s'", text_, (part)); \
	} while (0)

#endif
