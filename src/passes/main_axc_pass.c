/* axc-pass: reads a printed graph, runs passes by name, prints the result. How passes are tested and
 * looked at one by one.
 *
 *   axc-pass --list
 *   axc-pass [-b BLOB] [-o BLOB_OUT] [--no-arithmetic] GRAPH.txt [PASS | clean | check] ...
 *
 * BLOB holds the constants above 64 bytes that the dump names by offset; BLOB_OUT gets those of the
 * result (without it they are printed as "..."). Exit code 0 when every pass ran. */
#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>

#include "passes/passes.h"

typedef struct Options {
	const char *graph, *blob, *blob_out;
	bool list, arithmetic;
	char **passes;
	int n_passes;
} Options;

static bool parse_options(int argc, char **argv, Options *o)
{
	*o = (Options){.arithmetic = true};
	int i = 1;
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--list") == 0)
			o->list = true;
		else if (strcmp(argv[i], "--no-arithmetic") == 0)
			o->arithmetic = false;
		else if (strcmp(argv[i], "-b") == 0 && i + 1 < argc)
			o->blob = argv[++i];
		else if (strcmp(argv[i], "-o") == 0 && i + 1 < argc)
			o->blob_out = argv[++i];
		else
			return false;
	}
	if (i < argc)
		o->graph = argv[i++];
	o->passes = argv + i;
	o->n_passes = argc - i;
	return o->list || o->graph;
}

static void list_passes(void)
{
	size_t n;
	const AxcPass *const *all = axc_pass_all(&n);
	for (size_t i = 0; i < n; i++)
		printf("%-16s %s\n", all[i]->name, all[i]->what);
	printf("%-16s %s\n%-16s %s\n", "clean", "all of them in the compiler's order", "check",
	       "nodes that nothing can compile");
}

static bool run_one(AxcGraph *g, const char *name, const AxcPassConfig *config, unsigned *facts, AxcDiag *d)
{
	if (strcmp(name, "clean") == 0)
		return axc_clean(g, config, d);
	if (strcmp(name, "check") == 0)
		return axc_lower_check(g, d);
	const AxcPass *pass = axc_pass_find(name);
	if (!pass)
		return axc_fail(d, "there is no pass named \"%s\"", axc_safe_name(d->arena, name));
	return axc_passes_run(g, &pass, 1, "axc-pass", config, facts, d);
}

/* Without -b the constants are in the file that --dump-after writes beside the graph. */
static const char *find_blob(AxcArena *arena, const Options *o)
{
	size_t n = strlen(o->graph);
	if (o->blob || n < 4 || strcmp(o->graph + n - 4, ".txt") != 0)
		return o->blob;
	const char *beside = axc_format(arena, "%.*s.bin", (int)(n - 4), o->graph);
	return access(beside, R_OK) == 0 ? beside : NULL;
}

static bool run(AxcArena *arena, AxcDiag *d, const Options *o)
{
	enum { MAX_BYTES = 1 << 30 };
	const uint8_t *text, *blob = NULL;
	size_t text_bytes, blob_bytes = 0;
	AxcGraph *g;
	AxcPassConfig config = {.arithmetic_simplification = o->arithmetic};
	unsigned facts = 0;
	const char *beside = find_blob(arena, o);
	if (!axc_map_file(arena, d, "graph", o->graph, MAX_BYTES, &text, &text_bytes) ||
	    (beside && !axc_map_file(arena, d, "constants", beside, MAX_BYTES, &blob, &blob_bytes)) ||
	    !axc_graph_parse(arena, d, (const char *)text, text_bytes, blob, blob_bytes, &g))
		return false;
	if (axc_graph_verify(g, AXC_FORM_CLEAN, d))
		facts = AXC_FACT_SHAPES | AXC_FACT_EXPLICIT;
	d->failed = false;
	d->more.n = 0;
	for (int i = 0; i < o->n_passes; i++)
		if (!run_one(g, o->passes[i], &config, &facts, d))
			return false;
	AxcText out = {.arena = arena}, data = {.arena = arena};
	axc_graph_print(g, &out, o->blob_out ? &data : NULL);
	fwrite(out.at, 1, out.n, stdout);
	return !o->blob_out || axc_write_file(d, o->blob_out, data.at ? data.at : "", data.n);
}

static void print_errors(const AxcDiag *d)
{
	for (uint32_t i = 0; i <= d->more.n; i++) {
		const AxcError *e = i ? &d->more.at[i - 1] : &d->error;
		fprintf(stderr, "axc-pass: %s: %s\n", axc_status_name(e->status), e->message);
		if (e->node)
			fprintf(stderr, "  node: %s (%s)\n", axc_safe_name(d->arena, e->node), e->op ? e->op : "?");
		if (e->found)
			fprintf(stderr, "  found %s, wanted %s\n", e->found, e->wanted ? e->wanted : "?");
		if (e->hint)
			fprintf(stderr, "  hint: %s\n", e->hint);
	}
}

int main(int argc, char **argv)
{
	Options o;
	jmp_buf oom;
	if (!parse_options(argc, argv, &o)) {
		fprintf(stderr, "usage: axc-pass --list | [-b BLOB] [-o BLOB_OUT] [--no-arithmetic] GRAPH.txt [PASS ...]\n");
		return 2;
	}
	if (o.list) {
		list_passes();
		return 0;
	}
	AxcArena *volatile arena = axc_arena_new(&oom);
	if (!arena || setjmp(oom)) {
		fprintf(stderr, "axc-pass: out of memory\n");
		axc_arena_free(arena);
		return 1;
	}
	AxcDiag d;
	axc_diag_init(&d, arena);
	d.stage_status = AXC_ONNX_GRAPH_CLEANER_ERROR;
	d.stage = "axc-pass";
	bool ok = run(arena, &d, &o);
	if (!ok)
		print_errors(&d);
	axc_arena_free(arena);
	return ok ? 0 : 1;
}
