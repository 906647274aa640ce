"""The small networks of the command-line tests, made with python3-onnx at test time."""
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def _weights(rng, name, *shape):
    return numpy_helper.from_array((rng.standard_normal(shape) * 0.3).astype(np.float32), name)


def network(in_shape=(1, 3, 8, 8), names=None, op="Relu", op_domain=""):
    """Conv - op - GlobalAveragePool - Flatten - Gemm; `names`: of the five nodes."""
    rng = np.random.default_rng(1)
    n = list(names or ("conv", "act", "pool", "flat", "fc"))
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], n[0], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        helper.make_node(op, ["c"], ["r"], n[1], domain=op_domain),
        helper.make_node("GlobalAveragePool", ["r"], ["p"], n[2]),
        helper.make_node("Flatten", ["p"], ["f"], n[3]),
        helper.make_node("Gemm", ["f", "v", "d"], ["y"], n[4]),
    ]
    weights = [_weights(rng, "w", 4, 3, 3, 3), _weights(rng, "b", 4), _weights(rng, "v", 4, 5),
               _weights(rng, "d", 5)]
    graph = helper.make_graph(
        nodes, "tiny net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(in_shape))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [in_shape[0], 5])], weights)
    opsets = [helper.make_opsetid("", 13)] + ([helper.make_opsetid(op_domain, 1)] if op_domain else [])
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 8
    return model


def write_all(folder):
    def path(name):
        return os.path.join(folder, name)

    onnx.save(network(), path("tiny.onnx"))
    onnx.save(network((1, 3, "H", "W")), path("dynamic.onnx"))
    onnx.save(network(("N", 3, 8, 8)), path("batch.onnx"))
    onnx.save(network(op="Frobnicate"), path("unknown_op.onnx"))
    onnx.save(network(op="Relu", op_domain="my.domain"), path("unknown_domain.onnx"))
    onnx.save(network(names=("*/ int x; /*", "??/", "a\nb", "\x1b[31mred\x1b[0m", "\\\n#error")),
              path("hostile.onnx"))
    data = open(path("tiny.onnx"), "rb").read()
    open(path("truncated.onnx"), "wb").write(data[: len(data) // 2])
    open(path("not_onnx.onnx"), "w").write("this is no model\n" * 100)
    open(path("empty.onnx"), "w").close()
    onnx.save(network(), path("external.onnx"), save_as_external_data=True, location="weights.bin",
              size_threshold=0)
