/* What a model file may ask for. Beyond it: ONNX_GRAPH_CLEANER_ERROR with the limit in the message.
 */
#ifndef AXC_ONNX_LIMITS_H
#define AXC_ONNX_LIMITS_H

#include <stddef.h>
#include <stdint.h>

enum {
	AXC_ONNX_MAX_NESTING = 64,     /* messages within messages */
	AXC_ONNX_MAX_NODES = 500000,   /* subgraphs included, as in all counts */
	AXC_ONNX_MAX_TENSORS = 500000, /* initializers and tensors in attributes */
	AXC_ONNX_MAX_ATTRIBUTES = 2000000,
	AXC_ONNX_MAX_DIMS = 4000000,        /* dimensions of tensors and types */
	AXC_ONNX_MAX_STRINGS = 8000000,     /* names, attribute strings, string tensor elements */
	AXC_ONNX_MAX_NAME_BYTES = 65536,    /* one name */
	AXC_ONNX_MAX_INPUTS = 4096,         /* of the graph */
	AXC_ONNX_MAX_NODE_ATTRIBUTES = 256, /* of one node */
	AXC_ONNX_MAX_EXTERNAL_FILES = 4096,
	AXC_ONNX_MAX_TOLD = 1000, /* mistakes reported one by one */
	AXC_ONNX_MIN_OPSET = 7,
	AXC_ONNX_MAX_OPSET = 21,
};

static const size_t AXC_ONNX_MAX_FILE_BYTES = (size_t)1 << 31;     /* protobuf's own limit */
static const size_t AXC_ONNX_MAX_EXTERNAL_BYTES = (size_t)1 << 38; /* one external data file */
static const size_t AXC_ONNX_MAX_SKELETON_BYTES = (size_t)1
						  << 29;      /* the file without tensor payloads */
static const size_t AXC_ONNX_UNPACK_BUDGET = (size_t)1 << 31; /* what unpacking may allocate */
static const int64_t AXC_ONNX_MAX_TENSOR_BYTES = ((int64_t)1 << 31) - 1; /* G6 */
static const size_t AXC_ONNX_MAX_COPIED_BYTES = (size_t)1
						<< 35; /* all copied or converted constants */

#endif
