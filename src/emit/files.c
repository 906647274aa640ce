/* The files of compiled_model/: C, header, constants, shared object, model.json (docs/model_json.md),
 * manifest.json (17 keys, docs/artifacts.md), the float parts as ONNX. */
#include "base/json.h"
#include "emit/emit.h"
#include "onnx/onnx.h"

/* ---- model.json ---- */

static void json_dims(AxcJsonOut *j, const char *key, const AxcShape *s)
{
	axc_json_ints(j, key, s->dim, (size_t)s->rank);
}

static const char *original_letters(const AxcPort *port)
{
	if (port->channels_last)
		return "NHWC";
	switch (port->original.rank) {
	case 4: return "NCHW";
	case 3: return "NCL";
	case 2: return "NC";
	default: return "";
	}
}

static const char *layout_letters(const AxcPort *port)
{
	return strcmp(port->layout, "NHWC") == 0 ? "NHWC" : original_letters(port);
}

static void json_port(AxcJsonOut *j, const AxcPort *port)
{
	bool q = port->dtype == AXC_I8 && port->scale > 0;
	axc_json_object(j, NULL);
	axc_json_str(j, "name", port->name);
	axc_json_str(j, "dtype", axc_dtype_name(port->dtype));
	json_dims(j, "shape", &port->shape);
	axc_json_str(j, "layout", layout_letters(port));
	axc_json_floats(j, "scale", &port->scale, q);
	axc_json_ints32(j, "zero_point", &port->zero_point, q);
	axc_json_null(j, "axis");
	axc_json_row(j, "padding");
	for (int d = 0; d < port->shape.rank; d++)
		axc_json_ints(j, NULL, (int64_t[]){port->pad_lo[d], port->pad_hi[d]}, 2);
	axc_json_end(j);
	json_dims(j, "shape_original", &port->original);
	axc_json_str(j, "layout_original", original_letters(port));
	axc_json_end(j);
}

static void json_ports(AxcJsonOut *j, const char *key, const AxcPort *ports, uint32_t n)
{
	axc_json_array(j, key);
	for (uint32_t i = 0; i < n; i++)
		json_port(j, &ports[i]);
	axc_json_end(j);
}

static const char *machine_arch(const AxcTarget *target)
{
	if (strcmp(target->arch, "x86-64") == 0)
		return "x86_64";
	if (strcmp(target->arch, "any") != 0)
		return target->arch;
#if defined(__x86_64__)
	return "x86_64";
#elif defined(__aarch64__)
	return "aarch64";
#else
	return "arm";
#endif
}

static void json_features(AxcJsonOut *j, AxcArena *arena, const char *features)
{
	axc_json_row(j, "cpu_features");
	while (*features) {
		size_t n = strcspn(features, ",");
		axc_json_str(j, NULL, axc_strndup(arena, features, n));
		features += n;
		features += *features == ',';
	}
	axc_json_end(j);
}

static void json_file(AxcJsonOut *j, AxcArena *arena, const char *key, const char *file, bool known,
                      const void *data, size_t bytes)
{
	axc_json_object_row(j, key);
	axc_json_str(j, "file", file);
	if (known) {
		axc_json_uint(j, "bytes", bytes);
		axc_json_str(j, "hash", axc_format(arena, "%016llx", (unsigned long long)axc_hash(data, bytes)));
	} else {
		axc_json_null(j, "bytes");
		axc_json_null(j, "hash");
	}
	axc_json_end(j);
}

/* Each layer's first kernel. */
static void json_layers(AxcJsonOut *j, AxcArena *arena, const AxcProgram *p)
{
	const char **kernel = AXC_NEW_ARRAY(arena, const char *, p->layers.n + 1);
	for (uint32_t s = p->steps.n; s-- > 0;)
		kernel[p->steps.at[s].layer] = p->steps.at[s].kernel->name;
	axc_json_array(j, "layers");
	for (uint32_t i = 0; i < p->layers.n; i++) {
		axc_json_object_row(j, NULL);
		axc_json_str(j, "name", *p->layers.at[i].node ? p->layers.at[i].node : p->layers.at[i].text);
		axc_json_str(j, "kernel", kernel[i] ? kernel[i] : "");
		axc_json_end(j);
	}
	axc_json_end(j);
}

/* What the runtime and axrunmodel do unless they are told otherwise. */
static void json_runtime(AxcJsonOut *j, const AxcProgram *p)
{
	axc_json_object_row(j, "runtime");
	axc_json_bool(j, "double_buffer", p->run.double_buffer);
	axc_json_bool(j, "input_dmabuf", p->run.input_dmabuf);
	axc_json_bool(j, "output_dmabuf", p->run.output_dmabuf);
	axc_json_double(j, "profiling_drop_percentile", p->run.profiling_drop);
	axc_json_end(j);
}

static void model_json(AxcText *t, AxcArena *arena, const AxcProgram *p, const uint8_t *consts,
                       const uint8_t *so, size_t so_bytes, bool pre, bool post)
{
	AxcJsonOut j = axc_json(t);
	bool i8 = p->has_i8;
	axc_json_object(&j, NULL);
	axc_json_int(&j, "format_version", 1);
	axc_json_str(&j, "model_name", p->name);
	axc_json_str(&j, "entry_prefix", p->name);
	axc_json_str(&j, "target", p->target->name);
	axc_json_str(&j, "arch", machine_arch(p->target));
	json_features(&j, arena, p->target->features);
	json_file(&j, arena, "kernel", "kernel_function.so", so != NULL, so, so_bytes);
	json_file(&j, arena, "constants", "pool_l2_const.bin", true, consts, p->const_bytes);
	axc_json_row(&j, "workspace_bytes");
	for (int k = 0; k < AXC_POOL_COUNT; k++)
		axc_json_uint(&j, NULL, p->ws_bytes[k]);
	axc_json_end(&j);
	axc_json_int(&j, "align", AXK_ALIGN);
	axc_json_int(&j, "cores", p->run.cores);
	axc_json_str(&j, "multicore_mode", axc_multicore_name(p->run.mode));
	json_runtime(&j, p);
	axc_json_row(&j, "entry_points");
	if (i8)
		axc_json_str(&j, NULL, "run_i8");
	if (p->has_f32)
		axc_json_str(&j, NULL, "run_f32");
	axc_json_end(&j);
	json_ports(&j, "inputs", i8 ? p->in_i8.at : p->in_f32.at, i8 ? p->in_i8.n : p->in_f32.n);
	json_ports(&j, "outputs", i8 ? p->out_i8.at : p->out_f32.at, i8 ? p->out_i8.n : p->out_f32.n);
	json_ports(&j, "inputs_f32", p->in_f32.at, p->has_f32 ? p->in_f32.n : 0);
	json_ports(&j, "outputs_f32", p->out_f32.at, p->has_f32 ? p->out_f32.n : 0);
	axc_json_bool(&j, "profiling", p->profile);
	json_layers(&j, arena, p);
	axc_json_object(&j, "properties");
	axc_json_str(&j, "input_tensor_layout", i8 && p->in_i8.n ? layout_letters(&p->in_i8.at[0]) : "NCHW");
	if (pre)
		axc_json_str(&j, "preamble_graph", "preprocess_graph.onnx");
	if (post)
		axc_json_str(&j, "postamble_graph", "postprocess_graph.onnx");
	axc_json_end(&j);
	axc_json_end(&j);
}

/* ---- manifest.json: exactly 17 keys, its readers construct from them ---- */

static void manifest_quant(AxcJsonOut *j, const char *key, const AxcPort *ports, uint32_t n)
{
	axc_json_array(j, key);
	for (uint32_t i = 0; i < n; i++) {
		axc_json_row(j, NULL);
		axc_json_float(j, NULL, ports[i].scale > 0 ? ports[i].scale : 1.0f);
		axc_json_int(j, NULL, ports[i].zero_point);
		axc_json_end(j);
	}
	axc_json_end(j);
}

/* Of one call of the API: in batch mode the frames of all cores lie behind each other on the first axis. */
static void manifest_shapes(AxcJsonOut *j, const char *key, const AxcProgram *p, const AxcPort *ports, uint32_t n,
                            bool original)
{
	axc_json_array(j, key);
	for (uint32_t i = 0; i < n; i++) {
		AxcShape s = original ? ports[i].original : ports[i].shape;
		if (p->run.mode == AXC_BATCH && s.rank > 0)
			s.dim[0] *= p->run.cores;
		else if (p->run.mode == AXC_BATCH)
			s = (AxcShape){.rank = 1, .dim = {p->run.cores}};
		json_dims(j, NULL, &s);
	}
	axc_json_end(j);
}

static void manifest_pads(AxcJsonOut *j, const char *key, const AxcPort *ports, uint32_t n)
{
	axc_json_array(j, key);
	for (uint32_t i = 0; i < n; i++) {
		axc_json_row(j, NULL);
		for (int d = 0; d < ports[i].shape.rank; d++) {
			axc_json_int(j, NULL, ports[i].pad_lo[d]);
			axc_json_int(j, NULL, ports[i].pad_hi[d]);
		}
		axc_json_end(j);
	}
	axc_json_end(j);
}

static void manifest_dtypes(AxcJsonOut *j, const char *key, const AxcPort *ports, uint32_t n)
{
	axc_json_row(j, key);
	for (uint32_t i = 0; i < n; i++)
		axc_json_str(j, NULL, axc_dtype_name(ports[i].dtype));
	axc_json_end(j);
}

static void manifest_json(AxcText *t, const AxcProgram *p, bool pre, bool post)
{
	AxcJsonOut j = axc_json(t);
	const AxcPort *in = p->has_i8 ? p->in_i8.at : p->in_f32.at, *out = p->has_i8 ? p->out_i8.at : p->out_f32.at;
	uint32_t n_in = p->has_i8 ? p->in_i8.n : p->in_f32.n, n_out = p->has_i8 ? p->out_i8.n : p->out_f32.n;
	axc_json_object(&j, NULL);
	axc_json_str(&j, "manifest_version", "1.0");
	axc_json_str(&j, "quantized_model_file", "quantized_model.json");
	manifest_quant(&j, "quantize_params", in, n_in);
	manifest_quant(&j, "dequantize_params", out, n_out);
	manifest_shapes(&j, "input_shapes", p, in, n_in, false);
	manifest_shapes(&j, "output_shapes", p, out, n_out, false);
	manifest_pads(&j, "n_padded_ch_inputs", in, n_in);
	manifest_pads(&j, "n_padded_ch_outputs", out, n_out);
	axc_json_str(&j, "input_tensor_layout", n_in ? layout_letters(&in[0]) : "NHWC");
	axc_json_str(&j, "model_lib_file", "model.json");
	axc_json_null(&j, "model_params_file");
	axc_json_str(&j, "preprocess_graph", pre ? "preprocess_graph.onnx" : NULL);
	axc_json_str(&j, "postprocess_graph", post ? "postprocess_graph.onnx" : NULL);
	manifest_dtypes(&j, "input_dtypes", in, n_in);
	manifest_dtypes(&j, "output_dtypes", out, n_out);
	manifest_shapes(&j, "input_shapes_original", p, in, n_in, true);
	manifest_shapes(&j, "output_shapes_original", p, out, n_out, true);
	axc_json_end(&j);
}

/* ---- all of them ---- */

static bool write_text(AxcDiag *d, AxcArena *arena, const char *dir, const char *name, const AxcText *t)
{
	return axc_write_file(d, axc_path_join(arena, dir, name), t->at, t->n);
}

static bool write_outer(AxcArena *arena, AxcDiag *d, const AxcProgram *p, const AxcGraph *quantized,
                        const AxcEmitConfig *config, const char *dir, AxcPart part, const char *name, bool *ret_written)
{
	const AxcGraph *g = config->split_graphs ? axc_outer_graph(quantized, p->split, arena, part) : NULL;
	*ret_written = g != NULL;
	return !g || axc_onnx_write(d, g, config->onnx_opset, axc_path_join(arena, dir, name));
}

bool axc_emit(AxcArena *arena, AxcDiag *d, const AxcProgram *p, const AxcGraph *quantized,
              const AxcEmitConfig *config, const char *dir)
{
	AxcText c = {.arena = arena}, h = {.arena = arena}, model = {.arena = arena}, manifest = {.arena = arena};
	const uint8_t *consts, *so = NULL;
	size_t const_bytes, so_bytes = 0;
	bool pre = false, post = false;
	if (!axc_emit_consts(p, d, &consts, &const_bytes) ||
	    !axc_emit_c(p, d, axc_hash(consts, const_bytes), &c, &h))
		return false;
	if (!write_text(d, arena, dir, "kernel_function.c", &c) || !write_text(d, arena, dir, "kernel_function.h", &h) ||
	    !axc_write_file(d, axc_path_join(arena, dir, "pool_l2_const.bin"), consts, const_bytes))
		return false;
	if (config->cc_path) {
		if (!axc_build_so(arena, d, config->cc_path, config->cflags, p->target, dir) ||
		    !axc_map_file(arena, d, "shared object", axc_path_join(arena, dir, "kernel_function.so"), SIZE_MAX / 2,
		                  &so, &so_bytes))
			return false;
	}
	if (p->has_i8 && (!write_outer(arena, d, p, quantized, config, dir, AXC_PART_PRE, "preprocess_graph.onnx", &pre) ||
	                  !write_outer(arena, d, p, quantized, config, dir, AXC_PART_POST, "postprocess_graph.onnx", &post)))
		return false;
	model_json(&model, arena, p, consts, so, so_bytes, pre, post);
	axc_free_large(p->arena, (void *)(uintptr_t)consts, const_bytes + AXK_SLACK);
	manifest_json(&manifest, p, pre, post);
	return write_text(d, arena, dir, "model.json", &model) && write_text(d, arena, dir, "manifest.json", &manifest);
}
