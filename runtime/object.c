/* The table of living objects, contexts, errors and the log. See object.h. */
#include "object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A handle is ((generation << SLOT_BITS) | slot) << 4: never NULL, aligned like a real pointer. */
enum { SLOT_BITS = sizeof(uintptr_t) >= 8 ? 20 : 12, MAX_OBJECTS = 1 << SLOT_BITS };

static struct Table {
	pthread_mutex_t lock;
	RtObject **at;
	uintptr_t *generations;
	size_t n, cap;
	size_t hint; /* no free slot below */
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The calling thread's last error, and the context it was for (its handle; 0: no valid context). */
static _Thread_local struct ThreadError {
	uintptr_t context;
	bool set;
	axrResult result;
	char text[512];
} thread_error;

static size_t slot_of(uintptr_t handle)
{
	return (handle >> 4) & (MAX_OBJECTS - 1);
}

/* ---- errors and log ---- */

static void thread_reset(uintptr_t context)
{
	thread_error.context = context;
	thread_error.set = true;
	thread_error.result = AXR_SUCCESS;
	thread_error.text[0] = '\0';
}

static void log_text(RtContext *context, axrLogLevel level, const char *text)
{
	if ((int)level < atomic_load_explicit(&context->log_level, memory_order_relaxed))
		return;
	pthread_mutex_lock(&context->log_lock);
	if (context->logger)
		context->logger(context->log_arg, level, text);
	pthread_mutex_unlock(&context->log_lock);
}

axrResult rt_error(RtContext *context, axrResult result, const char *format, ...)
{
	char text[sizeof thread_error.text];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (context) {
		pthread_mutex_lock(&context->lock);
		context->last_error = result;
		memcpy(context->last_text, text, sizeof text);
		pthread_mutex_unlock(&context->lock);
		log_text(context, AXR_LOG_ERROR, text);
	}
	thread_reset(context ? context->object.handle : 0);
	thread_error.result = result;
	memcpy(thread_error.text, text, sizeof text);
	return result;
}

void rt_log(RtContext *context, axrLogLevel level, const char *format, ...)
{
	if ((int)level < atomic_load_explicit(&context->log_level, memory_order_relaxed))
		return;
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	log_text(context, level, text);
}

/* ---- references ---- */

static void object_free(RtObject *object)
{
	RtContext *context = object->context;
	if (object->release)
		object->release(object);
	free(object);
	if ((RtObject *)context != object)
		rt_leave(context);
}

void rt_ref(void *object)
{
	RtObject *o = object;
	atomic_fetch_add(&o->refs, 1);
}

void rt_leave(void *object)
{
	RtObject *o = object;
	if (o && atomic_fetch_sub(&o->refs, 1) == 1)
		object_free(o);
}

static RtObject *find_locked(const void *handle)
{
	uintptr_t h = (uintptr_t)handle;
	size_t slot = slot_of(h);
	if (!h || slot >= table.n || !table.at[slot] || table.at[slot]->handle != h)
		return NULL;
	return table.at[slot];
}

static RtObject *find(const void *handle)
{
	pthread_mutex_lock(&table.lock);
	RtObject *object = find_locked(handle);
	if (object)
		rt_ref(object);
	pthread_mutex_unlock(&table.lock);
	return object;
}

static const char *kind_name(RtKind kind)
{
	switch (kind) {
	case RT_ANY:
		return "object";
	case RT_CONTEXT:
		return "context";
	case RT_PROPERTIES:
		return "properties object";
	case RT_CONNECTION:
		return "connection";
	case RT_MODEL:
		return "model";
	case RT_INSTANCE:
		return "model instance";
	}
	return "object";
}

static void *check_kind(RtObject *object, const void *handle, RtContext *context, RtKind kind,
                        const char *function)
{
	if (!object) {
		rt_error(context, AXR_ERROR_INVALID_ARGUMENT, "%s: the %s is %s", function, kind_name(kind),
		         handle ? "no living object (destroyed, or never one)" : "NULL");
		return NULL;
	}
	if (kind != RT_ANY && object->kind != kind) {
		rt_error(object->context, AXR_ERROR_INVALID_ARGUMENT, "%s: wanted a %s, found a %s", function,
		         kind_name(kind), kind_name(object->kind));
		rt_leave(object);
		return NULL;
	}
	return object;
}

void *rt_enter(const void *handle, RtKind kind, const char *function)
{
	RtObject *object = check_kind(find(handle), handle, NULL, kind, function);
	if (object)
		thread_reset(object->context->object.handle);
	return object;
}

void *rt_also(const RtContext *context, const void *handle, RtKind kind, const char *function)
{
	RtContext *c = (RtContext *)(uintptr_t)context; /* errors are recorded in it */
	RtObject *object = check_kind(find(handle), handle, c, kind, function);
	if (object && object->context != context) {
		rt_error(c, AXR_ERROR_INVALID_ARGUMENT, "%s: the %s belongs to another context", function,
		         kind_name(kind));
		rt_leave(object);
		return NULL;
	}
	return object;
}

bool rt_alive(const void *object)
{
	const RtObject *o = object;
	pthread_mutex_lock(&table.lock);
	bool alive = find_locked((const void *)o->handle) == o;
	pthread_mutex_unlock(&table.lock);
	return alive;
}

/* ---- making and dropping ---- */

static bool table_grow(void)
{
	size_t cap = table.cap ? table.cap * 2 : 64;
	if (cap > MAX_OBJECTS)
		return false;
	RtObject **at = realloc(table.at, cap * sizeof *at);
	if (!at)
		return false;
	table.at = at;
	uintptr_t *generations = realloc(table.generations, cap * sizeof *generations);
	if (!generations)
		return false;
	table.generations = generations;
	for (size_t i = table.cap; i < cap; i++)
		table.generations[i] = 0;
	table.cap = cap;
	return true;
}

/* False when the table is full or the owner was destroyed meanwhile. */
static bool table_add(RtObject *object)
{
	pthread_mutex_lock(&table.lock);
	size_t slot = table.hint;
	while (slot < table.n && table.at[slot])
		slot++;
	RtObject *owner = (RtObject *)object->context;
	bool ok = owner == object || find_locked((const void *)owner->handle) == owner;
	ok = ok && (slot < table.cap || table_grow());
	if (ok) {
		if (slot == table.n)
			table.n++;
		table.at[slot] = object;
		table.hint = slot + 1;
		uintptr_t generation = ++table.generations[slot];
		object->handle = (generation << SLOT_BITS | slot) << 4;
		if (object->handle >> 4 == slot) /* wrapped around to generation 0 */
			object->handle = (++table.generations[slot] << SLOT_BITS | slot) << 4;
	}
	pthread_mutex_unlock(&table.lock);
	return ok;
}

void *rt_new(RtContext *context, RtKind kind, size_t size, void (*release)(RtObject *))
{
	RtObject *object = calloc(1, size);
	if (!object)
		goto fail;
	object->kind = kind;
	object->refs = 2; /* the table's and the maker's */
	object->context = context ? context : (RtContext *)object;
	object->release = release;
	if (context)
		rt_ref(context);
	if (table_add(object))
		return object;
	if (context)
		rt_leave(context);
	free(object);
fail:
	rt_error(context, AXR_ERROR_RUNTIME_ERROR, "no memory for another %s", kind_name(kind));
	return NULL;
}

/* Takes the table's reference of the object, which the caller then owes; false if it was not in there. */
static bool table_remove_locked(RtObject *object)
{
	size_t slot = slot_of(object->handle);
	if (slot >= table.n || table.at[slot] != object)
		return false;
	table.at[slot] = NULL;
	if (slot < table.hint)
		table.hint = slot;
	return true;
}

void rt_drop(void *object)
{
	pthread_mutex_lock(&table.lock);
	bool removed = table_remove_locked(object);
	pthread_mutex_unlock(&table.lock);
	if (removed)
		rt_leave(object);
}

/* Removes what the context owns, youngest kind first: instances before models and connections. */
static void drop_owned(RtContext *context)
{
	for (int kind = RT_INSTANCE; kind >= RT_PROPERTIES; kind--) {
		pthread_mutex_lock(&table.lock);
		for (size_t i = 0; i < table.n; i++) {
			RtObject *object = table.at[i];
			if (!object || object->context != context || (int)object->kind != kind)
				continue;
			table_remove_locked(object);
			pthread_mutex_unlock(&table.lock);
			rt_leave(object);
			pthread_mutex_lock(&table.lock);
		}
		pthread_mutex_unlock(&table.lock);
	}
}

static void context_release(RtObject *object)
{
	RtContext *context = (RtContext *)object;
	free(context->devices);
	pthread_mutex_destroy(&context->lock);
	pthread_mutex_destroy(&context->log_lock);
}

axrContext *axr_create_context(void)
{
	RtContext *context = rt_new(NULL, RT_CONTEXT, sizeof *context, context_release);
	if (!context)
		return (axrContext *)(uintptr_t)((MAX_OBJECTS - 1) << 4); /* valid in no table */
	pthread_mutexattr_t recursive;
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&context->lock, NULL);
	pthread_mutex_init(&context->log_lock, &recursive);
	pthread_mutexattr_destroy(&recursive);
	context->log_level = AXR_LOG_ERROR + 1;
	thread_reset(context->object.handle);
	rt_leave(context); /* the table's reference remains: nobody else has the handle yet */
	return (axrContext *)context->object.handle;
}

void axr_destroy(const axrObject *obj)
{
	RtObject *object = find(obj);
	if (!object)
		return;
	RtContext *context = object->context;
	rt_log(context, AXR_LOG_TRACE, "destroying a %s", kind_name(object->kind));
	bool is_context = object->kind == RT_CONTEXT;
	rt_drop(object);
	if (is_context)
		drop_owned(context);
	rt_leave(object);
}

axrContext *axr_get_context(axrObject *obj)
{
	RtObject *object = rt_enter(obj, RT_ANY, "axr_get_context");
	if (!object)
		return NULL;
	axrContext *handle = (axrContext *)object->context->object.handle;
	rt_leave(object);
	return handle;
}

/* Fills the thread's slot with what axr_last_error is to report for the object. */
static void fetch_error(const axrObject *obj)
{
	RtObject *object = find(obj);
	if (!object) {
		if (!thread_error.set || thread_error.result == AXR_SUCCESS) {
			thread_reset(0);
			thread_error.result = AXR_ERROR_INVALID_ARGUMENT;
			snprintf(thread_error.text, sizeof thread_error.text,
			         "the object is no living object (destroyed, or never one)");
		}
		return;
	}
	RtContext *context = object->context;
	bool own = thread_error.set &&
	           (thread_error.context == context->object.handle || thread_error.context == 0);
	if (!own) {
		thread_reset(context->object.handle);
		pthread_mutex_lock(&context->lock);
		thread_error.result = context->last_error;
		memcpy(thread_error.text, context->last_text, sizeof thread_error.text);
		pthread_mutex_unlock(&context->lock);
	}
	rt_leave(object);
}

axrResult axr_last_error(const axrObject *obj)
{
	fetch_error(obj);
	return thread_error.result;
}

const char *axr_last_error_string(const axrObject *obj)
{
	fetch_error(obj);
	return thread_error.text;
}

void axr_set_logger(axrContext *handle, axrLogLevel level, axr_logger_fn logger, void *arg)
{
	RtContext *context = rt_enter(handle, RT_CONTEXT, "axr_set_logger");
	if (!context)
		return;
	if ((int)level < AXR_LOG_TRACE || (int)level > AXR_LOG_ERROR) {
		rt_error(context, AXR_ERROR_INVALID_ARGUMENT, "axr_set_logger: there is no level %d", (int)level);
		rt_leave(context);
		return;
	}
	pthread_mutex_lock(&context->log_lock);
	context->logger = logger;
	context->log_arg = arg;
	atomic_store(&context->log_level, logger ? (int)level : AXR_LOG_ERROR + 1);
	pthread_mutex_unlock(&context->log_lock);
	rt_leave(context);
}

unsigned int axr_api_version(void)
{
	return AXR_API_VERSION_MAJOR << 16 | AXR_API_VERSION_MINOR;
}

const char *axr_error_string(axrResult result)
{
	switch (result) {
	case AXR_SUCCESS:
		return "Success";
	case AXR_ERROR_RUNTIME_ERROR:
		return "Runtime error";
	case AXR_ERROR_VALUE_ERROR:
		return "Value error";
	case AXR_ERROR_INVALID_ARGUMENT:
		return "Invalid argument";
	case AXR_ERROR_CONNECTION_ERROR:
		return "Connection error";
	case AXR_ERROR_DEVICE_IN_USE:
		return "Device in use";
	case AXR_ERROR_INCOMPATIBLE_DEVICE:
		return "Incompatible device";
	case AXR_ERROR_INVALID_CONFIGURATION:
		return "Invalid configuration";
	case AXR_ERROR_NOT_IMPLEMENTED:
		return "Not implemented";
	case AXR_ERROR_INTERNAL_ERROR:
		return "Internal error";
	case AXR_ERROR_PENDING_ERROR:
		return "Pending";
	case AXR_ERROR_UNKNOWN_ERROR:
		break;
	}
	return "Unknown error";
}
