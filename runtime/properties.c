/* Properties: a small list of keys and values, searched linearly. */
#include "runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PROPERTIES = 4096 };

static void properties_release(RtObject *object)
{
	RtProperties *p = (RtProperties *)object;
	for (size_t i = 0; i < p->n; i++) {
		free(p->at[i].key);
		free(p->at[i].value);
	}
	free(p->at);
	free(p->list);
	pthread_mutex_destroy(&p->lock);
}

RtProperties *rt_properties_new(RtContext *context)
{
	RtProperties *p = rt_new(context, RT_PROPERTIES, sizeof *p, properties_release);
	if (p)
		pthread_mutex_init(&p->lock, NULL);
	return p;
}

static RtProperty *find(RtProperties *p, const char *key)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->at[i].key, key) == 0)
			return &p->at[i];
	}
	return NULL;
}

static bool set_locked(RtProperties *p, const char *key, const char *value)
{
	char *copy = strdup(value);
	if (!copy)
		return false;
	RtProperty *old = find(p, key);
	if (old) {
		free(old->value);
		old->value = copy;
		return true;
	}
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 8;
		RtProperty *at = cap <= MAX_PROPERTIES ? realloc(p->at, cap * sizeof *at) : NULL;
		if (!at)
			goto fail;
		p->at = at;
		p->cap = cap;
	}
	char *key_copy = strdup(key);
	if (!key_copy)
		goto fail;
	p->at[p->n++] = (RtProperty){key_copy, copy};
	return true;
fail:
	free(copy);
	return false;
}

bool rt_properties_set(RtProperties *p, const char *key, const char *value)
{
	pthread_mutex_lock(&p->lock);
	bool ok = set_locked(p, key, value);
	pthread_mutex_unlock(&p->lock);
	return ok;
}

bool rt_properties_each(RtProperties *p, bool (*fn)(void *ctx, const char *key, const char *value), void *ctx)
{
	bool ok = true;
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; ok && i < p->n; i++)
		ok = fn(ctx, p->at[i].key, p->at[i].value);
	pthread_mutex_unlock(&p->lock);
	return ok;
}

bool rt_parse_int(const char *text, long long min, long long max, long long *ret)
{
	char *end;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (end == text || *end || errno || value < min || value > max)
		return false;
	*ret = value;
	return true;
}

static char *trimmed(char *text)
{
	text += strspn(text, " \t\r");
	size_t n = strlen(text);
	while (n > 0 && strchr(" \t\r", text[n - 1]))
		text[--n] = '\0';
	return text;
}

/* Sets what `text` (changed on the way) lists; an entry that is none is recorded as an error and left out.
 * False: no memory, which is recorded too. */
static bool parse_list(RtProperties *p, char *text)
{
	RtContext *context = p->object.context;
	char *save = NULL;
	for (char *entry = strtok_r(text, ";\n", &save); entry; entry = strtok_r(NULL, ";\n", &save)) {
		entry = trimmed(entry);
		if (!*entry)
			continue;
		char *equals = strchr(entry, '=');
		if (!equals || equals == entry) {
			rt_error(context, AXR_ERROR_INVALID_ARGUMENT,
			         "axr_create_properties: wanted key=value, found '%.100s'", entry);
			continue;
		}
		*equals = '\0';
		if (!rt_properties_set(p, trimmed(entry), trimmed(equals + 1))) {
			rt_error(context, AXR_ERROR_RUNTIME_ERROR,
			         "axr_create_properties: no memory for another property");
			return false;
		}
	}
	return true;
}

axrProperties *axr_create_properties(axrContext *handle, const char *initial)
{
	RtContext *context = rt_enter(handle, RT_CONTEXT, "axr_create_properties");
	if (!context)
		return NULL;
	axrProperties *ret = NULL;
	RtProperties *p = rt_properties_new(context);
	if (p) {
		char *text = strdup(initial ? initial : "");
		if (!text)
			rt_error(context, AXR_ERROR_RUNTIME_ERROR, "axr_create_properties: no memory");
		if (text && parse_list(p, text))
			ret = (axrProperties *)p->object.handle;
		else
			rt_drop(p);
		free(text);
		rt_leave(p);
	}
	rt_leave(context);
	return ret;
}

void axr_set_property(axrProperties *handle, const char *key, const char *value)
{
	RtProperties *p = rt_enter(handle, RT_PROPERTIES, "axr_set_property");
	if (!p)
		return;
	if (!key || !*key || strpbrk(key, "=;\n") || !value)
		rt_error(p->object.context, AXR_ERROR_INVALID_ARGUMENT,
		         "axr_set_property: wanted a key without '=', ';' and newlines, and a value");
	else if (!rt_properties_set(p, key, value))
		rt_error(p->object.context, AXR_ERROR_RUNTIME_ERROR, "axr_set_property: no memory for '%.100s'",
		         key);
	rt_leave(p);
}

void axr_del_property(axrProperties *handle, const char *key)
{
	RtProperties *p = rt_enter(handle, RT_PROPERTIES, "axr_del_property");
	if (!p)
		return;
	if (!key)
		rt_error(p->object.context, AXR_ERROR_INVALID_ARGUMENT, "axr_del_property: the key is NULL");
	pthread_mutex_lock(&p->lock);
	RtProperty *property = key ? find(p, key) : NULL;
	if (property) {
		free(property->key);
		free(property->value);
		size_t i = (size_t)(property - p->at);
		memmove(property, property + 1, (p->n - i - 1) * sizeof *property);
		p->n--;
	}
	pthread_mutex_unlock(&p->lock);
	rt_leave(p);
}

const char *axr_get_property(axrProperties *handle, const char *key)
{
	RtProperties *p = rt_enter(handle, RT_PROPERTIES, "axr_get_property");
	if (!p)
		return NULL;
	if (!key)
		rt_error(p->object.context, AXR_ERROR_INVALID_ARGUMENT, "axr_get_property: the key is NULL");
	pthread_mutex_lock(&p->lock);
	RtProperty *property = key ? find(p, key) : NULL;
	const char *value = property ? property->value : NULL;
	pthread_mutex_unlock(&p->lock);
	rt_leave(p);
	return value;
}

const char *axr_list_properties(axrProperties *handle)
{
	RtProperties *p = rt_enter(handle, RT_PROPERTIES, "axr_list_properties");
	if (!p)
		return NULL;
	pthread_mutex_lock(&p->lock);
	size_t bytes = 1;
	for (size_t i = 0; i < p->n; i++)
		bytes += strlen(p->at[i].key) + 1;
	char *list = realloc(p->list, bytes);
	if (list) {
		p->list = list;
		char *end = list;
		*end = '\0';
		for (size_t i = 0; i < p->n; i++) {
			if (i > 0)
				*end++ = ';';
			end = stpcpy(end, p->at[i].key);
		}
	}
	pthread_mutex_unlock(&p->lock);
	if (!list)
		rt_error(p->object.context, AXR_ERROR_RUNTIME_ERROR, "axr_list_properties: no memory");
	rt_leave(p);
	return list;
}
