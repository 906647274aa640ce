/* Documents made from the tables of options and properties. */
#ifndef AXC_DRIVER_DOC_H
#define AXC_DRIVER_DOC_H

#include "driver/options.h"

/* A program with its options. */
typedef struct AxcDocProgram {
	const char *names, *function; /* "compile axcompile"; the completion function's name */
	const char *title, *line, *synopsis, *description, *rest; /* of the manual page, in roff */
	const AxcOption *options;
	int n;
	bool properties; /* --set takes KEY=VALUE of the configuration */
} AxcDocProgram;

const AxcDocProgram *axc_doc_compile(void);
const AxcDocProgram *axc_doc_axrunmodel(void);

void axc_doc_config(AxcText *out); /* docs/config.md */
void axc_doc_man(AxcText *out);    /* compile(1) */
void axc_doc_run_man(AxcText *out); /* axrunmodel(1) */

/* doc_complete.c */
void axc_doc_bash(AxcText *out);
void axc_doc_zsh(AxcText *out);
void axc_doc_run_bash(AxcText *out);
void axc_doc_run_zsh(AxcText *out);

/* doc_schema.c */
void axc_doc_schema_conf(AxcText *out);
void axc_doc_schema_cli_args(AxcText *out);

#endif
