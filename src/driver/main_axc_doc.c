/* axc-doc: prints a document made from the tables of options and properties. */
#include "driver/doc.h"

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*make)(AxcText *out);
	} documents[] = {
		{"config", axc_doc_config}, {"man", axc_doc_man}, {"bash", axc_doc_bash}, {"zsh", axc_doc_zsh},
		{"axrunmodel-man", axc_doc_run_man}, {"axrunmodel-bash", axc_doc_run_bash}, {"axrunmodel-zsh", axc_doc_run_zsh},
		{"schema-conf", axc_doc_schema_conf}, {"schema-cli-args", axc_doc_schema_cli_args}};
	for (size_t i = 0; argc == 2 && i < AXC_COUNT(documents); i++) {
		if (strcmp(argv[1], documents[i].name) != 0)
			continue;
		AxcText text = {.arena = axc_arena_new(NULL)};
		if (!text.arena)
			return 1;
		documents[i].make(&text);
		bool ok = fwrite(text.at, 1, text.n, stdout) == text.n && fflush(stdout) == 0;
		axc_arena_free(text.arena);
		return ok ? 0 : 1;
	}
	fputs("usage: axc-doc", stderr);
	for (size_t i = 0; i < AXC_COUNT(documents); i++)
		fprintf(stderr, "%s %s", i ? " |" : "", documents[i].name);
	fputs("\n", stderr);
	return 2;
}
