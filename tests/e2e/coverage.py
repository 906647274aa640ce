"""What the table must have a row for: every option, every property that has an effect, every status. Each is named
here with the row that checks its effect; gaps() finds what has no row, and rows that do not do what is said of them
(run.py notes which options and properties a row gives, and which statuses it asserts)."""
import json
import os
import re
import subprocess

LETTERS = {"i": "input", "o": "output", "j": "jobs", "q": "quiet", "v": "verbose", "h": "help"}

OPTIONS = {  # option -> the row that checks its effect
    "aipu_cores": "same_arguments_again", "cal_seed": "seeds", "calibration_data": "calibration_data", "check": "check",
    "cli_args": "cli_args_round_trip", "color_format": "what_the_transform_receives", "conf": "cli_args_precedence",
    "dataset_len": "progress", "dump_after": "dump_after", "generate_config": "generate_config", "help": "help",
    "imageset": "images_without_transform", "imreader_backend": "what_the_transform_receives", "input": "tree",
    "input_data_layout": "layout_of_the_input", "input_shape": "input_shape_forms", "jobs": "order_of_images",
    "log_level": "log_levels", "output": "tree", "overwrite": "overwrite", "progress": "progress", "python": "order_of_images",
    "quantize_only": "quantize_only_then_compile", "quiet": "log_levels", "set": "seeds", "target": "cli_args_precedence",
    "transform": "what_the_transform_receives", "verbose": "verbose", "verify": "verify_off", "version": "version",
}
PROPERTIES = {  # property with an effect -> the row that checks it
    "aipu_cores_used": "multicore_modes", "apply_arithmetic_simplification": "arithmetic_simplification",
    "apply_pword_padding": "io_table_plain", "build_kernel": "build_kernel_off", "cal_seed": "seeds",
    "calibration_method": "observers", "calibration_percentile": "observers", "cc": "c_compiler_flags",
    "cflags": "c_compiler_flags", "compiler_mode": "compiler_mode", "constant_memory_pool": "budgets",
    "ddr_constraint": "budgets", "ddr_size_max": "budgets", "ddr_size_used": "budgets", "double_buffer": "double_buffer_off",
    "enable_buffer_promotion": "budgets", "float_outputs": "nodes_kept_in_float", "force_h_tiling": "tiling",
    "force_oc_tiling": "tiling", "graph_cleaner_condition": "split_point", "graph_cleaner_dump_core_onnx": "core_dump",
    "graph_cleaner_dump_full_opt_onnx": "cleaned_model", "graph_cleaner_node": "split_point",
    "graph_cleaner_split_pre_post_processing": "io_with_pre_and_postamble", "graph_cleaner_threshold": "split_point",
    "input_dmabuf": "descriptors", "io_memory_pool": "budgets", "keep_float": "nodes_kept_in_float",
    "l1_constraint": "budgets", "l1_size_used": "pools_of_sizes", "l2_constraint": "budgets", "l2_size_used": "pools_of_sizes",
    "max_memplan_attempts": "plan_attempts", "max_tiling_attempts": "tiling_to_fit_a_budget", "model_debug_save_dir":
    "quantization_debug", "model_name": "model_name", "multicore_mode": "multicore_modes", "onnx_opset_version":
    "onnx_opset_version", "output_dir": "output_dir_property", "output_dmabuf": "descriptors", "precision":
    "precision_float32", "profiling_drop_percentile": "profile_drop", "profiling_levels": "profile_drop",
    "propagate_span_information": "names_left_out", "quantization_debug": "quantization_debug", "quantization_scheme":
    "channels_of_depthwise", "quantize_dw_channel_wise": "channels_of_depthwise", "quantized_graph_export":
    "quantized_graph_not_exported", "randomize_onnx_model": "error_artifact", "remove_io_padding_and_layout_transform":
    "io_table_plain", "remove_io_quantization": "io_table_plain", "remove_layout_transform_from_preamble":
    "leading_layout_dropped", "remove_output_dir": "remove_output_dir", "resources_used": "budgets",
    "rewrite_dense_to_conv2d": "dense_as_convolution", "run_graph_cleaner": "cleaner_off", "save_error_artifact":
    "error_artifact", "simplify_mac_before_after_lut": "tables_take_arithmetic", "softmax_neutral_value": "softmax_padding",
    "target": "float_kernels_of_older_cpus", "tiling_depth": "tiling", "trace_tvm_passes": "trace_passes",
    "validate_operators": "status_lower_frontend", "workspace_memory_pool": "budgets",
}
STATUSES = {  # status -> a row that reaches it by a real cause
    "SUCCEEDED": "tree", "INITIALIZE_CLI_ERROR": "conf_unknown_key", "ONNX_GRAPH_CLEANER_ERROR": "truncated",
    "QTOOLS_ERROR": "transform_raises", "GRAPH_EXPORTER_ERROR": "status_graph_exporter", "TVM_FRONTEND_ERROR":
    "damaged_quantized_model", "TOP_LEVEL_QUANTIZE_ERROR": "status_top_level_quantize", "LOWER_FRONTEND_ERROR":
    "status_lower_frontend", "FRONTEND_TO_MIDEND_ERROR": "status_frontend_to_midend", "LOWER_MIDEND_ERROR": "budget_refused",
    "LOWER_TIR_ERROR": "pipeline_without_enough_steps", "TIR_TO_RUNTIME_ERROR": "c_compiler_fails",
    "TOP_LEVEL_LOWER_ERROR": "status_top_level_lower",
}
# status -> (AXC_FAULT_NAME that reaches it in the fault-injection build (tests/fault), why nothing else does)
NO_CAUSE = {
    "MIDEND_TO_TIR_ERROR": ("kernel", "every operator that import accepts has a portable kernel, which fits every target"),
}


def used_by(args):
    """Options and properties that a command line gives."""
    used = set()
    for i, arg in enumerate(args):
        following = args[i + 1] if i + 1 < len(args) else ""
        if re.match(r"^--[a-z]", arg):
            name, _, value = arg[2:].partition("=")
            used.add(name.replace("-", "_"))
            used.add(re.sub("^no_", "", name.replace("-", "_")))
            value = value or following
            if name == "set":
                used.add("property " + value.split("=")[0])
            elif name == "conf":
                try:
                    with open(value, encoding="utf-8") as f:
                        keys = json.load(f)
                    if len(keys) < 20:  # not all of them at their defaults
                        used |= {"property " + k for k in keys}
                except (OSError, ValueError, TypeError, AttributeError):
                    pass
        elif re.match(r"^-[a-z]$", arg) and arg[1] in LETTERS:
            used.add(LETTERS[arg[1]])
    used |= {"property " + p for o, p in (("target", "target"), ("aipu_cores", "aipu_cores_used"),
                                          ("cal_seed", "cal_seed")) if o in used}
    return used


def all_options(bin_dir):
    """From the manual page, which is made from the option table."""
    text = subprocess.run([os.path.join(bin_dir, "axc-doc"), "man"], check=True, stdout=subprocess.PIPE).stdout.decode()
    words = set()
    for line in re.findall(r"^\.TP\n(.*)$", text.replace("\\-", "-"), re.M):
        words |= set(re.findall(r"--([a-z][a-z-]*)", line))
    return {w.replace("-", "_") for w in words if not (w.startswith("no-") and w[3:] in words)}


def all_properties(bin_dir):
    """Those with an effect, from the document made of the property table."""
    text = subprocess.run([os.path.join(bin_dir, "axc-doc"), "config"], check=True, stdout=subprocess.PIPE).stdout.decode()
    return {m.group(1) for m in re.finditer(r"^\| `([a-z0-9_]+)` \|.*$", text, re.M) if "*(Effect: none" not in m.group(0)}


def all_statuses(root):
    with open(os.path.join(root, "docs", "schema", "compilation_report.schema.json"), encoding="utf-8") as f:
        return set(json.load(f)["properties"]["status"]["enum"])


def gaps(bin_dir, root, used, rows):
    """What lacks a row, or has one that does not use it. `used`: by row that passed; `rows`: all there are."""
    for kind, prefix, table, wanted in (("option", "", OPTIONS, all_options(bin_dir)),
                                        ("property", "property ", PROPERTIES, all_properties(bin_dir)),
                                        ("status", "status ", STATUSES, all_statuses(root) - set(NO_CAUSE))):
        for name in sorted(wanted - set(table)):
            yield "the %s %s has no row" % (kind, name)
        for name in sorted(set(table) - wanted):
            yield "there is no %s %s with an effect" % (kind, name)
        for name, row in sorted(table.items()):
            if row not in rows:
                yield "%s %s: there is no row %s" % (kind, name, row)
            elif row in used and prefix + name not in used[row]:
                yield "%s %s: the row %s does not use it" % (kind, name, row)
