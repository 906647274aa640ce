/* The log's two ends: terminal and file. */
#include "driver/log.h"

#include <strings.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"TRACE", "DEBUG", "INFO", "WARNING", "ERROR"};

bool axc_level_parse(const char *name, AxcLevel *ret_level)
{
	for (int i = 0; i < (int)AXC_COUNT(level_names); i++) {
		if (strcasecmp(level_names[i], name) == 0) {
			*ret_level = (AxcLevel)i;
			return true;
		}
	}
	return false;
}

void axc_log_init(AxcLog *log, AxcArena *arena)
{
	*log = (AxcLog){.arena = arena, .early = {.arena = arena}, .least = AXC_INFO,
	                .least_in_file = AXC_DEBUG};
}

/* C0 and C1 control characters (C1 also as UTF-8) could steer a terminal. */
static size_t control_bytes(const unsigned char *p)
{
	if (*p == '\n' || *p == '\t')
		return 0;
	if (*p < 0x20 || *p == 0x7f)
		return 1;
	return *p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0 ? 2 : 0;
}

const char *axc_printable(AxcArena *arena, const char *text)
{
	AxcText t = {.arena = arena};
	axc_text_str(&t, "");
	for (const char *p = text; *p;) {
		size_t n = control_bytes((const unsigned char *)p);
		if (n == 0)
			axc_text_add(&t, p++, 1);
		for (; n; n--)
			axc_text_f(&t, "\\x%02x", (unsigned char)*p++);
	}
	return t.at;
}

/* Straight to a file: a message must not need memory (the arena may just have run out). */
static void put(FILE *f, const char *text, const char *indent)
{
	for (const unsigned char *p = (const unsigned char *)text; *p;) {
		size_t n = control_bytes(p);
		if (n == 0) {
			putc(*p, f);
			if (*p++ == '\n' && *p)
				fputs(indent, f);
		}
		for (; n; n--)
			fprintf(f, "\\x%02x", *p++);
	}
}

static void stamp(char *text, size_t bytes)
{
	struct timespec now;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	size_t n = strftime(text, bytes, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, bytes - n, ".%03ldZ", now.tv_nsec / 1000000);
}

static void to_file(AxcLog *log, AxcLevel level, const char *text)
{
	char when[40];
	stamp(when, sizeof when);
	if (!log->file) {
		axc_text_f(&log->early, "%s %-7s ", when, level_names[level]);
		axc_text_str(&log->early, axc_printable(log->arena, text));
		axc_text_str(&log->early, "\n");
		return;
	}
	fprintf(log->file, "%s %-7s ", when, level_names[level]);
	put(log->file, text, "    ");
	putc('\n', log->file);
	fflush(log->file);
}

static void clear_bar(AxcLog *log)
{
	if (log->bar_shown)
		fputs("\r\033[K", stderr);
	log->bar_shown = false;
}

void axc_log_message(void *ctx, AxcLevel level, const char *text)
{
	AxcLog *log = ctx;
	if (level >= log->least_in_file)
		to_file(log, level, text);
	if (level < log->least)
		return;
	clear_bar(log);
	if (level == AXC_WARNING)
		fputs("warning: ", stderr);
	else if (level == AXC_ERROR)
		fputs("error: ", stderr);
	else if (level < AXC_INFO)
		fprintf(stderr, "%s: ", level == AXC_DEBUG ? "debug" : "trace");
	put(stderr, text, "  ");
	putc('\n', stderr);
	fflush(stderr);
}

void axc_log_open(AxcLog *log, const char *path)
{
	log->file = fopen(path, "we");
	if (log->file && log->early.n)
		fwrite(log->early.at, 1, log->early.n, log->file);
	if (log->file)
		fflush(log->file);
	log->early.n = 0;
}

void axc_log_close(AxcLog *log)
{
	clear_bar(log);
	if (log->file)
		fclose(log->file);
	log->file = NULL;
}

void axc_log_progress(AxcLog *log, const char *what, int64_t done, int64_t total, double per_second,
                      double seconds_left)
{
	enum { WIDTH = 30 };
	if (!log->progress)
		return;
	clear_bar(log);
	if (total <= 0)
		return;
	int filled = (int)(AXC_MIN(done, total) * WIDTH / total);
	fprintf(stderr, "%s [%.*s%*s] %lld/%lld  %.1f/s", what, filled, "##############################",
	        WIDTH - filled, "", (long long)done, (long long)total, per_second);
	if (seconds_left >= 0)
		fprintf(stderr, "  %.0f s left", seconds_left);
	fflush(stderr);
	log->bar_shown = true;
}

enum { MOST_ERRORS = 25 }; /* shown, behind the first */

static const char *error_text(AxcLog *log, const AxcError *e)
{
	AxcText t = {.arena = log->arena};
	axc_text_f(&t, "%s: %s", axc_status_name(e->status), e->message);
	if (e->node)
		axc_text_f(&t, "\nnode: %s%s%s%s", axc_safe_name(log->arena, e->node), e->op ? " (" : "",
		           e->op ? axc_safe_name(log->arena, e->op) : "", e->op ? ")" : "");
	if (e->found)
		axc_text_f(&t, "\nfound: %s", e->found);
	if (e->wanted)
		axc_text_f(&t, "\nwanted: %s", e->wanted);
	if (e->hint)
		axc_text_f(&t, "\nhint: %s", e->hint);
	if (e->traceback)
		axc_text_f(&t, "\n%s", e->traceback);
	if (log->verbose && e->file)
		axc_text_f(&t, "\nraised at %s:%d", e->file, e->line);
	return t.at;
}

void axc_log_errors(AxcLog *log, const AxcDiag *d)
{
	if (!d->failed)
		return;
	axc_log_message(log, AXC_ERROR, error_text(log, &d->error));
	for (uint32_t i = 0; i < d->more.n && i < MOST_ERRORS; i++)
		axc_log_message(log, AXC_ERROR, error_text(log, &d->more.at[i]));
	if (d->more.n > MOST_ERRORS)
		axc_log_message(log, AXC_ERROR, axc_format(log->arena, "and %u more (compilation_report.json has all)",
		                                           d->more.n - MOST_ERRORS));
}
