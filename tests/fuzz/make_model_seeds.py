#!/usr/bin/env python3
"""Writes the seeds of fuzz_model: small ONNX files, one an operator, and a few chains that fuse and fold.

    python tests/fuzz/make_model_seeds.py tests/fuzz/corpus/fuzz_model      (needs the onnx package)
"""
import pathlib
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper

IMAGE = [None, 3, 8, 8]


def constant(name, value):
    return numpy_helper.from_array(np.asarray(value), name)


def floats(name, *shape):
    return constant(name, np.linspace(-0.5, 0.6, int(np.prod(shape, dtype=int)), dtype=np.float32).reshape(shape))


def ints(name, *values):
    return constant(name, np.array(values, np.int64))


def node(op, inputs, output="y", **attributes):
    outputs = output.split()
    return helper.make_node(op, inputs.split(" ") if inputs else [], outputs, **attributes)


def single(op, inputs="x", constants=(), **attributes):
    return [node(op, inputs, **attributes)], list(constants)


def seeds():
    for op in ("Relu Sigmoid Tanh Softmax LogSoftmax Identity Flatten GlobalAveragePool GlobalMaxPool Shape Neg Abs Exp "
               "Log Sqrt Erf Floor Ceil Elu LeakyRelu HardSigmoid HardSwish Softplus Reciprocal Dropout Transpose "
               "Squeeze").split():
        yield op, single(op)
    for op in "Add Sub Mul Div Pow PRelu Max Min Greater Less Equal".split():
        yield op, single(op, "x w", [floats("w", 3, 1, 1)])
    for op in "ReduceMean ReduceMax ReduceMin ReduceProd".split():
        yield op, single(op, axes=[2, 3], keepdims=0)
    yield "ReduceSum", single("ReduceSum", "x a", [ints("a", 1)])
    yield "Conv", single("Conv", "x w b", [floats("w", 4, 3, 3, 3), floats("b", 4)], pads=[1, 1, 1, 1], strides=[2, 1])
    yield "depthwise", single("Conv", "x w", [floats("w", 3, 1, 3, 3)], group=3, auto_pad="SAME_UPPER", strides=[2, 2])
    yield "dilated", single("Conv", "x w", [floats("w", 2, 3, 2, 2)], dilations=[2, 3], pads=[0, 1, 2, 1])
    for op in "MaxPool AveragePool".split():
        yield op, single(op, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1], ceil_mode=1)
    yield "LRN", single("LRN", size=3, alpha=0.1)
    yield "Clip", single("Clip", "x a b", [constant("a", np.float32(0)), constant("b", np.float32(0.5))])
    yield "Pad", single("Pad", "x p", [ints("p", 0, 0, 1, 2, 0, 0, 0, 1)])
    yield "reflect", single("Pad", "x p", [ints("p", 0, 0, 1, 2, 0, 0, 0, 1)], mode="reflect")
    yield "Slice", single("Slice", "x f t a s", [ints("f", 7), ints("t", -100), ints("a", 2), ints("s", -2)])
    yield "Gather", single("Gather", "x i", [ints("i", 2, -1)], axis=1)
    yield "Reshape", single("Reshape", "x s", [ints("s", 0, -1)])
    yield "Unsqueeze", single("Unsqueeze", "x a", [ints("a", 0, -1)])
    yield "Expand", single("Expand", "w s", [floats("w", 3, 1), ints("s", 2, 3, 4)])
    yield "Tile", single("Tile", "x r", [ints("r", 1, 2, 1, 2)])
    yield "Concat", single("Concat", "x w x", [floats("w", 1, 3, 8, 8)], axis=1)
    yield "Where", ([node("Greater", "x z", "c"), node("Where", "c x z")], [constant("z", np.float32(0))])
    yield "Split", ([node("Split", "x l", "p q", axis=1), node("Concat", "q p", axis=1)], [ints("l", 1, 2)])
    yield "Cast", ([node("Cast", "x", "i", to=TensorProto.INT64), node("Cast", "i", to=TensorProto.FLOAT)], [])
    yield "Range", ([node("Range", "a b c", "r"), node("Cast", "r", "f", to=1), node("Mul", "x f")],
                    [constant("a", np.int64(0)), constant("b", np.int64(8)), constant("c", np.int64(1))])
    yield "BatchNormalization", single("BatchNormalization", "x w w w v",
                                       [floats("w", 3), constant("v", np.ones(3, np.float32))])
    flat = [node("Flatten", "x", "flat")]
    yield "Gemm", (flat + [node("Gemm", "flat w b", transB=1, alpha=0.5)], [floats("w", 5, 192), floats("b", 5)])
    yield "MatMul", (flat + [node("MatMul", "flat w")], [floats("w", 192, 4)])
    yield "matmul_broadcast", single("MatMul", "x w", [floats("w", 8, 3)])
    yield "fused", ([node("ConstantOfShape", "two", "z"), node("Concat", "z one z one", "p", axis=0),
                     node("Pad", "x p", "q"), node("Conv", "q w", "c"), node("BatchNormalization", "c g g g v", "n"),
                     node("Relu", "n", "r"), node("Add", "r c2", "s"), node("GlobalAveragePool", "s", "m"),
                     node("Flatten", "m")],
                    [ints("two", 2), ints("one", 1, 1), floats("w", 4, 3, 3, 3), floats("g", 4),
                     constant("v", np.ones(4, np.float32)), floats("c2", 4, 1, 1)])
    yield "shape_arithmetic", ([node("Shape", "x", "s"), node("Gather", "s i", "n"), node("Unsqueeze", "n a", "u"),
                                node("Concat", "u m", "t", axis=0), node("Reshape", "x t")],
                               [constant("i", np.int64(0)), ints("a", 0), ints("m", -1)])


def external(name, location, offset, *shape):
    """A tensor in a file of the fuzzer's folder."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    size = 4 * int(np.prod(shape, dtype=int))
    for key, value in {"location": location, "offset": offset, "length": size}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def loader_seeds():
    conv = node("Conv", "x w")
    for name, location in {"external": "w.bin", "external_below": "below/w.bin", "external_link": "link.bin",
                           "external_up": "../w.bin", "external_absolute": "/etc/passwd", "external_pipe": "pipe"}.items():
        yield name, ([conv], [external("w", location, 64, 4, 3, 3, 3)])
    yield "external_short", ([conv], [external("w", "w.bin", 4096, 4, 3, 3, 3)])
    half = constant("h", np.linspace(-1, 1, 12, dtype=np.float16).reshape(4, 3, 1, 1))
    yield "half", ([node("Cast", "h", "w", to=TensorProto.FLOAT), conv], [half])
    yield "half_cast", ([node("Cast", "x", "c", to=TensorProto.FLOAT16), node("Relu", "c")], [])
    yield "double", ([node("Mul", "x d")], [constant("d", np.float64(0.5))])
    yield "unsorted", ([node("Add", "p q"), node("Relu", "q", "p"), node("Sigmoid", "x", "q")], [])
    yield "cycle", ([node("Add", "x q"), node("Relu", "y", "q")], [])
    scores = [node("GlobalAveragePool", "x", "g"), node("Flatten", "g", "f"), node("Softmax", "f", "s")]
    yield "probabilities", (scores + [node("Cast", "s", "c", to=1), node("Identity", "c")], [])
    yield "regression", ([node("ReduceMean", "x", axes=[1, 2, 3], keepdims=0)], [])
    value = helper.make_attribute("value_floats", [0.1, 0.2, 0.3])
    yield "constant_floats", ([node("Constant", "", "w"), node("Reshape", "w s", "v"), node("Mul", "x v")],
                              [ints("s", 3, 1, 1)], value)


def write(folder, name, nodes, constants, attribute=None):
    if attribute is not None:
        nodes[0].attribute.append(attribute)
    # Integer zeros where ConstantOfShape makes paddings.
    for n in nodes:
        if n.op_type == "ConstantOfShape":
            n.attribute.append(helper.make_attribute("value", constant("v", np.zeros(1, np.int64))))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, IMAGE)],
                              [helper.make_empty_tensor_value_info("y")], constants)
    old_axes = any(n.op_type in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd") for n in nodes)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13 if old_axes else 17)], ir_version=8)
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, parts in [*seeds(), *loader_seeds()]:
        write(folder, name.lower(), *parts)


if __name__ == "__main__":
    main()
