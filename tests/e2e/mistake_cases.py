"""Rows of the table for models with mistakes: each is told with the node, what was found, what is wanted and what to
try, on the terminal and in the report alike; and all mistakes of a model at once."""
import re

import numpy as np

from onnx import TensorProto, helper, numpy_helper

from cases import case

node = helper.make_node


def ones(*shape):
    return np.full(shape, 0.1, np.float32)


def save(r, name, nodes, weights=None, inputs=(("x", [1, 3, 8, 8]),), outputs=("y",), opset=15, types=None):
    """A model whose weights are arrays or ready TensorProtos."""
    types = types or {}
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "net", [value(n, types.get(n, TensorProto.FLOAT), s) for n, s in inputs],
                              [value(*(o if isinstance(o, tuple) else (o, TensorProto.FLOAT, None))) for o in outputs],
                              [v if isinstance(v, TensorProto) else numpy_helper.from_array(v, k)
                               for k, v in (weights or {}).items()])
    opsets = [helper.make_opsetid("", opset)] if isinstance(opset, int) else [helper.make_opsetid(*o) for o in opset]
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 8
    with open(r.path(name + ".onnx"), "wb") as f:
        f.write(model.SerializeToString())


def external(**entries):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 3, 3, 3], data_location=1)
    for key, text in entries.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, text
    return tensor


# name -> nodes, weights, further arguments of save(), node that is named (None: none), found, wanted, words
CONV = [node("Conv", ["x", "w"], ["y"], "conv")]
MISTAKES = {
    "types": ([node("Add", ["x", "k"], ["y"], "add")], {"k": np.ones(1, np.int64)}, {}, "add", "int64 1", "one type", ""),
    "shapes": ([node("Add", ["x", "k"], ["y"], "add")], {"k": ones(5)}, {}, "add", "1x3x8x8, 5", "broadcast", ""),
    "rank": (CONV, {"w": ones(4, 3, 3)}, {}, "conv", "1x3x8x8, 4x3x3", "same rank", ""),
    "channels": (CONV, {"w": ones(4, 5, 3, 3)}, {}, "conv", "4x5x3x3", "group's input", "3 input channels"),
    "attribute_value": ([node("Softmax", ["x"], ["y"], "soft", axis=9)], {}, {}, "soft", "1x3x8x8", "-4 to 3", "axis is 9"),
    "attribute_type": ([node("Concat", ["x", "x"], ["y"], "cat", axis=1.5)], {}, {}, "cat", None, None, "wanted an integer"),
    "attribute_of_unknown_value": ([node("Resize", ["x", "", "s"], ["y"], "rs", mode="cubicc")],
                                   {"s": np.array([1, 1, 2, 2], np.float32)}, {}, "rs", "1x3x8x8", "nearest, linear or cubic", ""),
    "inner_dimension": ([node("MatMul", ["x", "w"], ["y"], "mm")], {"w": ones(9, 10)}, {}, "mm", "1x3x8x8, 9x10", "equal", "8 and 9"),
    "reshape": ([node("Reshape", ["x", "s"], ["y"], "re")], {"s": np.array([7, -1])}, {}, "re", "1x3x8x8", "as many elements", "7x27"),
    "index": ([node("Gather", ["x", "i"], ["y"], "ga", axis=1)], {"i": np.array([7])}, {}, "ga", "1x3x8x8", "-3 to 2", "index 7"),
    "permutation": ([node("Transpose", ["x"], ["y"], "tr", perm=[0, 1, 1, 2])], {}, {}, "tr", "1x3x8x8", "each of 0 to 3 once", ""),
    "kernel": ([node("MaxPool", ["x"], ["y"], "mp", kernel_shape=[20, 20])], {}, {}, "mp", "1x3x8x8", "within", "spans 20"),
    "pads": ([node("Conv", ["x", "w"], ["y"], "conv", pads=[1, 1])], {"w": ones(4, 3, 3, 3)}, {}, "conv", "1x3x8x8", "4", "pads has 2"),
    "parts": ([node("Split", ["x", "s"], ["y", "z"], "sp", axis=1)], {"s": np.array([1, 5])}, {"outputs": ("y", "z")}, "sp",
              "1x3x8x8", "0 to 3", "part 1 has size 5"),
    "too_few_inputs": ([node("Conv", ["x"], ["y"], "conv")], {}, {}, "conv", "1", "2 to 3", ""),
    "cycle": ([node("Add", ["x", "b"], ["a"], "n1"), node("Relu", ["a"], ["b"], "n2"), node("Relu", ["b"], ["y"], "n3")], {}, {},
              "n1", None, None, "n1 reads n2 reads n1"),
    "no_such_tensor": ([node("Relu", ["nowhere"], ["y"], "re")], {}, {}, "re", None, None, "'nowhere', which nothing computes"),
    "written_twice": ([node("Relu", ["x"], ["y"], "n1"), node("Sigmoid", ["x"], ["y"], "n2")], {}, {}, "n2", None, None, "'y'"),
    "no_such_output": ([node("Relu", ["x"], ["q"], "re")], {}, {}, None, None, None, "the graph's output 'y'"),
    "data_missing": (CONV, {"w": external(location="nix.bin")}, {}, None, None, None, "'nix.bin' of the tensor 'w'"),
    "data_short": (CONV, {"w": external(location="short.bin")}, {}, None, None, None, "the tensor 'w' wants 432 at offset 0"),
    "data_elsewhere": (CONV, {"w": external(location="../../etc/passwd")}, {}, None, None, None, "tensor 'w' is outside"),
    "data_unnamed": (CONV, {"w": external(offset="0")}, {}, None, None, None, "the tensor 'w' has external data and names no"),
    "data_size": (CONV, {"w": TensorProto(name="w", data_type=1, dims=[4, 3, 3, 3], raw_data=b"abc")}, {}, None, None, None,
                  "the tensor 'w' has 3 bytes of data"),
    "type_of_input": ([node("Identity", ["x"], ["y"], "id")], {}, {"types": {"x": TensorProto.STRING}}, None, None, None, "string"),
    "recurrent": ([node("LSTM", ["x", "w", "w"], ["y"], "rec", hidden_size=4)], {"w": ones(1, 16, 8)}, {}, "rec", None, None,
                  "opset 15"),
    "misspelt": ([node("Sigmoyd", ["x"], ["y"], "sig")], {}, {}, "sig", None, None, "did you mean Sigmoid?"),
    "no_other_is_meant": ([node("Trilu", ["x"], ["y"], "tri")], {}, {}, "tri", None, None, "express it with other operators"),
    "domain": ([node("SVMClassifier", ["x"], ["y"], "svm", domain="ai.onnx.ml")], {}, {"opset": (("", 15), ("ai.onnx.ml", 3))}, "svm",
               None, None, "domain 'ai.onnx.ml' (opset 3)"),
    "no_opset": ([node("Relu", ["x"], ["y"], "re")], {}, {"opset": (("foo", 1),)}, None, None, None, "imports no opset"),
    "subgraph": ([node("If", ["c"], ["y"], "iff", then_branch=helper.make_graph(
        [node("Frob", ["x"], ["t"], "f")], "t", [], [helper.make_tensor_value_info("t", 1, None)]), else_branch=helper.make_graph(
            [node("Relu", ["x"], ["t"], "g")], "e", [], [helper.make_tensor_value_info("t", 1, None)]))], {"c": np.array(True)}, {},
                 "iff", None, None, "control flow"),
    "size_from_data": ([node("NonZero", ["x"], ["y"], "nz")], {}, {"outputs": (("y", TensorProto.INT64, None),)}, "nz", "1x3x8x8",
                       "a constant input", "extract_model"),
    "integers": (CONV, {"w": ones(4, 3, 3, 3)}, {"types": {"x": TensorProto.INT32}, "outputs": (("y", TensorProto.INT32, None),)}, "conv", "int32 1x3x8x8", "float32", ""),
    "type_of_output": ([node("Relu", ["x"], ["y"], "re")], {}, {"outputs": (("y", TensorProto.INT64, [1, 3, 8, 8]),)}, "re",
                       "float32", "int64", "output 'y'"),
    "size_is_an_input": ([node("Reshape", ["x", "s"], ["y"], "re")], {}, {"inputs": (("x", [1, 3, 8, 8]), ("s", [2])), "types":
                                                                         {"s": TensorProto.INT64}}, "re", "1x3x8x8, int64 2",
                         "a constant integer tensor", "make 's' an initializer"),
    "size_is_computed": ([node("Cast", ["x"], ["k"], "cast", to=TensorProto.INT64), node("Reshape", ["x", "k"], ["y"], "re")], {},
                         {"inputs": (("x", [4]),)}, "re", "4, int64 4", "a constant integer tensor", "onnxsim"),
    "not_a_number": (CONV, {"w": np.full((4, 3, 3, 3), np.nan, np.float32)}, {}, "conv", None, None, "its constant 'w' holds NaN"),
}


def mistake_row(name):
    nodes, weights, more, at, found, wanted, words = MISTAKES[name]

    def run(r):
        with open(r.path("short.bin"), "wb") as f:
            f.write(bytes(100))
        save(r, "m", nodes, weights, **more)
        for out, args in (("o1", ["--check"]), ("o2", ["--dataset-len", "1"])):
            r.run("-i", "{D}/m.onnx", "-o", "{D}/" + out, *args)
            r.expect(1, words)
            report = r.report(r.path(out))
            r.check(len(report["errors"]) == 1, report["errors"])
            error = report["errors"][0]
            r.said(error)
            r.check(error["node"] == at and report["nodes"] == ([{"name": at, "op": error["op"]}] if at else []), error)
            r.check(found is None or found in error["found"], error)
            r.check(wanted is None or wanted in error["wanted"], error)
            r.check(error["hint"] and all(report[k] == error[k] for k in ("message", "found", "wanted", "hint")), error)

    run.__name__ = "mistake_" + name
    case(run)


for _name in MISTAKES:
    mistake_row(_name)


@case
def all_mistakes_at_once(r):
    """Whatever stage would find it: constants, inputs, operators, attributes, names, shapes, what no kernel computes."""
    nodes = [node("Conv", ["x", "w"], ["a"], "stride", strides=[0, 1]), node("Frob", ["x"], ["b"], "unknown"),
             node("Cast", ["x"], ["c"], "no_attribute"), node("Concat", ["x", "nowhere"], ["d"], "no_tensor", axis=1),
             node("MaxPool", ["x"], ["e", "where"], "indices", kernel_shape=[2, 2]), node("Relu", ["x"], ["a"], "twice"),
             node("Conv", ["x", "v"], ["f"], "reads_data_that_is_missing"), node("Relu", ["u"], ["g"], "reads_a_shape_that_is_missing"),
             node("Relu", ["a"], ["h"], "behind"), node("Relu", ["t"], ["i"], "reads_texts"), node("Relu", ["b"], ["j"], "behind_too")]
    missing = external(location="nix.bin")
    missing.name = "v"
    save(r, "m", nodes, {"w": ones(4, 3, 3, 3), "v": missing}, types={"t": TensorProto.STRING},
         inputs=(("x", [1, 3, 8, 8]), ("u", ["N", 3, "H"]), ("t", [1])), outputs=tuple("abcdefghij") + ("none", "where"))
    for more in ([], ["--check"]):
        r.run("-i", "{D}/m.onnx", "-o", "{D}/o%d" % len(more), *more)
        r.expect(1)
        errors = r.report(r.path("o%d" % len(more)))["errors"]
        for error in errors:
            r.said(error)
        nodes_told = [e["node"] for e in errors if e["node"]]
        r.check(sorted(nodes_told) == ["indices", "no_attribute", "no_tensor", "stride", "twice", "unknown"], nodes_told)
        others = [e["message"] for e in errors if not e["node"]]
        r.check(len(others) == 4 and all(any(w in m for m in others) for w in ("'v'", "'u'", "'t'", "output 'none'")), others)


@case
def shapes_that_the_network_is_not_for(r):
    """A mistake behind --input-shape: the hint says so; of several inputs each is told with what to write."""
    save(r, "m", [node("Flatten", ["x"], ["f"], "flat"), node("Gemm", ["f", "w"], ["y"], "gemm")], {"w": ones(192, 4)},
         inputs=(("x", [1, 3, "H", "W"]),))
    r.run("-i", "{D}/m.onnx", "-o", "{O}", "--input-shape", "1,3,9,9", "--check")
    r.expect(1, "node: gemm (Gemm)", "hint: --input-shape may not be")
    r.run("-i", "{D}/m.onnx", "-o", "{D}/o2", "--input-shape", "1,3,8,8", "--check")
    r.expect(0)
    save(r, "n", [node("Add", ["x", "z"], ["y"], "add")], inputs=(("x", ["N", 3, "H"]), ("z", [1, 3, "W"])))
    r.run("-i", "{D}/n.onnx", "--check")
    r.expect(1, "input 'x' has unknown dimensions", "--input-shape 'x:?,3,?'", "input 'z' has", "--input-shape 'z:1,3,?'")


@case
def shape_of_output_differs(r):
    """What the model declares of an output and the network does not give: a warning, and the network counts."""
    save(r, "m", [node("Relu", ["x"], ["y"], "re")], outputs=(("y", TensorProto.FLOAT, [1, 4, 9, 9]),))
    r.run("-i", "{D}/m.onnx", "-o", "{O}", "--dataset-len", "1", "--set", "build_kernel=false")
    r.expect(0, "warning: output 'y' is 1x4x9x9 in the model, the network gives 1x3x8x8")
    r.check(any(re.match("output 'y' is 1x4x9x9", w) for w in r.report()["warnings"]), "the report")
    save(r, "m", [node("Relu", ["x"], ["y"], "re")], outputs=(("y", TensorProto.FLOAT, ["N", 3, 8, 8]),))
    r.run("-i", "{D}/m.onnx", "--check")
    r.expect(0, absent=["output 'y'"])


@case
def attributes_without_a_default(r):
    """None of them is silently taken as something."""
    for op, attribute, opset, extra in (("Concat", "axis", 15, []), ("DepthToSpace", "blocksize", 13, []), ("MaxPool", "kernel_shape", 12, []),
                                        ("Cast", "to", 13, []), ("LRN", "size", 13, []), ("Unsqueeze", "axes", 11, []),
                                        ("Pad", "pads", 10, []), ("Slice", "ends", 9, []), ("Upsample", "scales", 8, []),
                                        ("TopK", "k", 9, []), ("SpaceToDepth", "blocksize", 13, [])):
        save(r, op, [node(op, ["x"] + extra, ["y"], "it")], opset=opset)
        r.run("-i", "{D}/%s.onnx" % op, "--check")
        r.expect(1, "lacks the attribute '%s'" % attribute, "node: it (%s)" % op)
