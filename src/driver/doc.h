/* Documents made from the tables of options and properties. */
#ifndef AXC_DRIVER_DOC_H
#define AXC_DRIVER_DOC_H

#include "driver/options.h"

void axc_doc_config(AxcText *out); /* docs/config.md */
void axc_doc_man(AxcText *out);    /* compile(1) */
void axc_doc_bash(AxcText *out);   /* bash completion */
void axc_doc_zsh(AxcText *out);

/* doc_schema.c */
void axc_doc_schema_conf(AxcText *out);
void axc_doc_schema_cli_args(AxcText *out);    /* zsh completion */

#endif
