/* Handles, reference counts and errors: what every API function begins and ends with.
 *
 * A handle given to users is a number (slot and generation) in the clothes of a pointer. rt_enter() looks
 * it up in one table of living objects, so a destroyed or foreign handle is recognised without
 * touching memory, and takes a reference, so an object destroyed meanwhile by another thread stays
 * until rt_leave(). Lock order: table, then object; the log lock is taken last.
 */
#ifndef AXR_OBJECT_H
#define AXR_OBJECT_H

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "axruntime/axruntime.h"

typedef enum RtKind {
	RT_ANY,
	RT_CONTEXT,
	RT_PROPERTIES,
	RT_CONNECTION,
	RT_MODEL,
	RT_INSTANCE
} RtKind;

typedef struct RtContext RtContext;

/* First member of every object. */
typedef struct RtObject {
	RtKind kind;
	atomic_int refs;
	uintptr_t handle;
	RtContext *context;              /* of the context itself: itself */
	void (*release)(struct RtObject *); /* frees what the object holds, not the object */
} RtObject;

struct RtContext {
	RtObject object;
	pthread_mutex_t lock; /* of the fields below */
	axrResult last_error; /* of any thread */
	char last_text[512];
	axrDeviceInfo *devices;
	pthread_mutex_t log_lock; /* recursive: a logger may call the library */
	atomic_int log_level;
	axr_logger_fn logger;
	void *log_arg;
};

/* Looks up a handle of the kind (RT_ANY: any), takes a reference and clears the thread's error. NULL:
 * AXR_ERROR_INVALID_ARGUMENT was recorded, naming the function. */
void *rt_enter(const void *handle, RtKind kind, const char *function);
/* Another object of the same call: as rt_enter, but it must belong to `context`; NULL handle is an error. */
void *rt_also(const RtContext *context, const void *handle, RtKind kind, const char *function);
void rt_leave(void *object);
/* For an object that another one keeps. */
void rt_ref(void *object);
/* Still in the table? */
bool rt_alive(const void *object);

/* Zeroed memory for a new object of `size` bytes, in the table, owned by `context` (NULL: it is one). The
 * caller has a reference to it until rt_leave(): another thread may destroy the context while the object is still
 * being made. NULL when memory is short (error recorded). */
void *rt_new(RtContext *context, RtKind kind, size_t size, void (*release)(RtObject *));
/* Out of the table; what nobody else uses is released. */
void rt_drop(void *object);

/* Records the error for the thread and the context, logs it, returns `result`. */
axrResult rt_error(RtContext *context, axrResult result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void rt_log(RtContext *context, axrLogLevel level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
