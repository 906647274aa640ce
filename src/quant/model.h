/* quantized_model/ as files: the quantized graph written and read back.
 *
 *     quantized_model_manifest.json   the 17 keys that readers of the SDK know; `compile -i` takes it
 *     quantized_model.json            the graph: format_version, model_name, tensors, nodes, inputs, outputs
 *     quantized_model.bin             data of the constants, each 64-byte aligned, by offset from the .json
 *     quantized_model.txt             the same graph for people
 *
 * Writing is byte-stable and write(read(x)) == x. The lower half always works on the graph as read
 * back, in a one-step run too, so a run from the manifest has the same input. Docs: docs/artifacts.md.
 */
#ifndef AXC_QUANT_MODEL_H
#define AXC_QUANT_MODEL_H

#include "ir/ir.h"

enum { AXC_MODEL_FORMAT_VERSION = 1, AXC_MODEL_FILES = 3 };

/* Writes the four files into the existing directory. */
AXC_CHECKED bool axc_model_write(AxcArena *arena, AxcDiag *d, const AxcGraph *quantized, const char *dir);
/* The graph that a quantized_model_manifest.json stands for. Constants stay in the mapped .bin, which lives as
 * long as the arena. Everything is checked: types, keys, version, size and hash of the .bin, names, shapes (inferred
 * again), quantization, the graph's invariants; errors (TVM_FRONTEND_ERROR) name file and key. */
AXC_CHECKED bool axc_model_read(AxcArena *arena, AxcDiag *d, const char *manifest_path, AxcGraph **ret_graph);
/* The same, and the names of its files in the manifest's directory: manifest, graph, constants. */
AXC_CHECKED bool axc_model_read_files(AxcArena *arena, AxcDiag *d, const char *manifest_path,
                                      const char *ret_names[AXC_MODEL_FILES], AxcGraph **ret_graph);

/* ---- the parts ---- */

void axc_model_json(AxcArena *arena, const AxcGraph *quantized, AxcText *json, AxcText *bin);
/* `graph`: false when quantized_model.json will not be there; then nothing can continue from it. */
void axc_model_manifest(AxcArena *arena, const AxcGraph *quantized, bool graph, AxcText *json);
void axc_model_text(AxcArena *arena, const AxcGraph *quantized, AxcText *text);

#endif
