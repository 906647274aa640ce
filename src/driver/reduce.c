/* Reducing texts line by line; reduce.h has the rules. */
#include "driver/reduce.h"

#include "driver/outdir.h"

#include <sys/stat.h>

void axc_reduce_know(AxcReduce *r, AxcKnownPath known)
{
	size_t n = known.path ? strlen(known.path) : 0;
	while (n && known.path[n - 1] == '/')
		n--;
	if (n < 2 || known.path[0] != '/')
		return;
	known.path = axc_strndup(r->arena, known.path, n);
	AXC_PUSH(r->arena, &r->known, known);
	const char *safe = axc_safe_name(r->arena, known.path);
	if (strcmp(safe, known.path) != 0) {
		known.path = safe;
		AXC_PUSH(r->arena, &r->known, known);
	}
}

/* ---- paths ---- */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* May a path begin at text[i]? Not inside a word, but behind -I. */
static bool may_begin(const char *text, size_t i)
{
	if (i == 0 || !(is_word(text[i - 1]) || strchr("./~+\\", text[i - 1])))
		return true;
	return i >= 2 && is_letter(text[i - 1]) && text[i - 2] == '-' && (i == 2 || !is_word(text[i - 3]));
}

/* The end of the path that begins at `start` and has at least n characters: at the closing quotation mark when it
 * began behind one, else at a blank or a bracket. */
static size_t path_end(const char *text, size_t start, size_t n)
{
	char quote = start ? text[start - 1] : 0;
	size_t at = start + n, line = strcspn(text + at, "\n");
	if (quote == '"' || quote == '\'' || quote == '`') {
		const char *close = memchr(text + at, quote, line);
		if (close)
			return (size_t)(close - text);
	}
	return at + strcspn(text + at, " \t\r\n\"'`<>|();,[]{}");
}

/* The longest known path that stands at `at`. */
static const AxcKnownPath *known_at(const AxcReduce *r, const char *at)
{
	const AxcKnownPath *found = NULL;
	for (uint32_t i = 0; i < r->known.n; i++) {
		const AxcKnownPath *k = &r->known.at[i];
		size_t n = strlen(k->path);
		if (strncmp(at, k->path, n) == 0 && !is_word(at[n]) && (!found || n > strlen(found->path)))
			found = k;
	}
	return found;
}

/* Is the first component a directory of the root? */
static bool from_root(const AxcReduce *r, const char *at)
{
	struct stat st;
	at += strspn(at, "/");
	size_t n = strcspn(at, "/ \t\r\n\"'`<>|();,[]{}:");
	return n && stat(axc_format(r->arena, "/%.*s", (int)n, at), &st) == 0 && S_ISDIR(st.st_mode);
}

static void add_base(AxcText *out, const char *path, size_t n)
{
	while (n && path[n - 1] == '/')
		n--;
	size_t base = n, depth = 0;
	while (base && path[base - 1] != '/')
		base--;
	for (size_t i = 1; i < n; i++)
		depth += path[i] == '/' && path[i - 1] != '/';
	bool user = depth == 1 && (strncmp(path, "/home/", 6) == 0 || strncmp(path, "/Users/", 7) == 0);
	axc_text_add(out, user ? "~" : path + base, user ? 1 : n - base);
}

/* "*.png" of a name or path that ends with .png, else "*". */
static void add_ending(AxcText *out, const char *name, size_t n)
{
	size_t dot = n;
	while (dot && name[dot - 1] != '.' && name[dot - 1] != '/')
		dot--;
	axc_text_str(out, "*");
	if (dot && name[dot - 1] == '.' && n - dot <= 5)
		axc_text_add(out, name + dot - 1, n - dot + 1);
}

/* What stands for the path text[start..end), of which `k` (or NULL) is the beginning. */
static void add_path(const AxcReduce *r, AxcText *out, const AxcKnownPath *k, const char *path, size_t n)
{
	size_t known = k ? strlen(k->path) : 0;
	if (k && k->output && n > known + 1) {
		const char *rest = path + known + 1;
		const char *first = axc_strndup(r->arena, rest, AXC_MIN(strcspn(rest, "/"), n - known - 1));
		if (axc_outdir_is_artifact(first) || strstr(first, ".tmp-")) {
			axc_text_add(out, rest, n - known - 1);
			return;
		}
	}
	if (k && k->home && n == known)
		axc_text_str(out, "~");
	else if (k && k->pictures && n > known + 1)
		add_ending(out, path, n);
	else
		add_base(out, path, n);
}

static const char *reduce_paths(const AxcReduce *r, const char *text)
{
	AxcText out = {.arena = r->arena};
	axc_text_str(&out, "");
	for (size_t i = 0; text[i];) {
		const AxcKnownPath *k = NULL;
		bool path = text[i] == '/' && may_begin(text, i) && ((k = known_at(r, text + i)) || from_root(r, text + i));
		if (!path) {
			axc_text_add(&out, text + i++, 1);
			continue;
		}
		size_t end = path_end(text, i, k ? strlen(k->path) : 1);
		add_path(r, &out, k, text + i, end - i);
		i = end;
	}
	return out.at;
}

const char *axc_reduce_path(const AxcReduce *r, const char *path)
{
	AxcText out = {.arena = r->arena};
	if (!path)
		return NULL;
	const AxcKnownPath *k = known_at(r, path);
	axc_text_str(&out, "");
	add_path(r, &out, k && strlen(k->path) == strlen(path) ? k : NULL, path, strlen(path));
	return out.at;
}

/* ---- the user's pictures and Python ---- */

/* Where the user's words begin in a line, behind which nothing stays; NULL: nowhere. */
static const char *own_words(const char *line)
{
	static const char *const marks[] = {"the transform failed: ", "the transform file cannot be imported: "};
	const char *python = strstr(line, " python ");
	if (python) { /* what it printed: "python PID: …" */
		size_t n = 8 + strspn(python + 8, "0123456789");
		if (n > 8 && strncmp(python + n, ": ", 2) == 0)
			return python + n + 1;
	}
	for (size_t i = 0; i < AXC_COUNT(marks); i++) {
		const char *at = strstr(line, marks[i]);
		if (at) /* the exception's type stays */
			return at + strlen(marks[i]) + strcspn(at + strlen(marks[i]), ":");
	}
	return NULL;
}

/* The names of pictures, which stand behind these words: "image 'sub/x.png'" -> "image '*.png'". */
static const char *hide_pictures(const AxcReduce *r, const char *line)
{
	static const char *const marks[] = {"image '", "skipped '", "no readable image, the first is ",
	                                    "no readable images, the first is "};
	for (size_t i = 0; i < AXC_COUNT(marks); i++) {
		const char *at = strstr(line, marks[i]);
		if (!at)
			continue;
		AxcText out = {.arena = r->arena};
		const char *name = at + strlen(marks[i]);
		size_t n = strcspn(name, name[-1] == '\'' ? "'" : " :");
		axc_text_add(&out, line, (size_t)(name - line));
		add_ending(&out, name, n);
		axc_text_str(&out, name + n);
		line = out.at;
	}
	return line;
}

static const char *reduce_line(const AxcReduce *r, const char *line)
{
	const char *own = own_words(line);
	if (own)
		line = axc_strndup(r->arena, line, (size_t)(own - line));
	return reduce_paths(r, hide_pictures(r, line));
}

const char *axc_reduce_text(const AxcReduce *r, const char *text)
{
	AxcText out = {.arena = r->arena};
	if (!text)
		return NULL;
	axc_text_str(&out, "");
	while (*text) {
		size_t n = strcspn(text, "\n");
		axc_text_str(&out, reduce_line(r, axc_strndup(r->arena, text, n)));
		text += n;
		if (*text)
			axc_text_add(&out, text++, 1);
	}
	return out.at;
}

const char *axc_reduce_traceback(const AxcReduce *r, const char *text)
{
	static const char head[] = "Traceback (most recent call last):";
	AxcText out = {.arena = r->arena};
	bool frames = false; /* an exception's type is what follows frames; other lines are what somebody wrote */
	while (text && *text) {
		size_t n = strcspn(text, "\n"), name = 0;
		bool frame = strncmp(text, "  File \"", 8) == 0;
		while (name < n && (is_word(text[name]) || text[name] == '.'))
			name++;
		bool type = frames && name && (name == n || text[name] == ':');
		if (frame || strncmp(text, head, sizeof head - 1) == 0)
			axc_text_f(&out, "%s\n", reduce_paths(r, axc_strndup(r->arena, text, n)));
		else if (type)
			axc_text_f(&out, "%.*s\n", (int)name, text);
		frames = frame || (frames && !type);
		text += n;
		text += *text == '\n';
	}
	return out.at;
}
