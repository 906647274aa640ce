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


def inverted_residual():
    """Two blocks of 1x1 Conv - depthwise Conv - 1x1 Conv, wide in between: what depth-first tiling is for."""
    rng = np.random.default_rng(2)
    nodes, weights, x = [], [], "x"
    for block, (stride, oc) in enumerate(((1, 8), (2, 16))):
        start = x
        for i, (c, k, group) in enumerate(((64, 1, 1), (64, 3, 64), (oc, 1, 1))):
            w, y = "w%d_%d" % (block, i), "y%d_%d" % (block, i)
            into = 1 if group > 1 else 8 if i == 0 else 64
            weights.append(_weights(rng, w, c, into, k, k))
            nodes.append(helper.make_node("Conv", [x, w], [y], "conv%d_%d" % (block, i), kernel_shape=[k, k],
                                          pads=[k // 2] * 4, strides=[stride if k == 3 else 1] * 2, group=group))
            x = y
        if stride == 1:
            nodes.append(helper.make_node("Add", [x, start], ["sum%d" % block], "add%d" % block))
            x = "sum%d" % block
    nodes.append(helper.make_node("MaxPool", [x], ["y"], "pool", kernel_shape=[2, 2], strides=[2, 2]))
    graph = helper.make_graph(
        nodes, "inverted residual", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 16, 8, 8])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return model


def nhwc():
    """The same behind a Transpose, with free height and width: an input in NHWC."""
    model = network((1, "H", "W", 3))
    nodes = model.graph.node
    nodes[0].input[0] = "t"
    nodes.insert(0, helper.make_node("Transpose", ["x"], ["t"], "nchw", perm=[0, 3, 1, 2]))
    return model


def many_mistakes():
    """One operator that does not exist, and beside it three nodes that are each wrong in their own way."""
    nodes = [helper.make_node("Frobnicate", ["x"], ["a"], "unknown"),
             helper.make_node("Relu", ["a"], ["b"], "behind"),
             helper.make_node("MaxPool", ["x"], ["c"], "stride", kernel_shape=[2, 2], strides=[0, 1]),
             helper.make_node("Softmax", ["x"], ["d"], "axis", axis=9),
             helper.make_node("Transpose", ["x"], ["e"], "perm", perm=[0, 1, 1, 2])]
    graph = helper.make_graph(nodes, "wrong", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
                              [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in "bcde"])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return model


def write_all(folder):
    def path(name):
        return os.path.join(folder, name)

    onnx.save(network(), path("tiny.onnx"))
    onnx.save(inverted_residual(), path("wide.onnx"))
    onnx.save(network((1, 3, "H", "W")), path("dynamic.onnx"))
    onnx.save(nhwc(), path("nhwc.onnx"))
    onnx.save(network(("N", 3, 8, 8)), path("batch.onnx"))
    onnx.save(network(op="Frobnicate"), path("unknown_op.onnx"))
    onnx.save(many_mistakes(), path("many_mistakes.onnx"))
    onnx.save(network(op="Relu", op_domain="my.domain"), path("unknown_domain.onnx"))
    onnx.save(network(names=("*/ int x; /*", "??/", "a\nb", "\x1b[31mred\x1b[0m", "\\\n#error")),
              path("hostile.onnx"))
    data = open(path("tiny.onnx"), "rb").read()
    open(path("truncated.onnx"), "wb").write(data[: len(data) // 2])
    open(path("not_onnx.onnx"), "w").write("this is no model\n" * 100)
    open(path("empty.onnx"), "w").close()
    onnx.save(network(), path("external.onnx"), save_as_external_data=True, location="weights.bin",
              size_threshold=0)
