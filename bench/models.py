#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the models with which bench/run measures engines. They have not learned anything, but take their time.

    models.py DIRECTORY

Writes to it, for TIME of 1, 10 and 100 (milliseconds, about, on one processor of 2020 or so):

    TIME/model.onnx, TIME/labels.txt    a classifier of pictures
    TIME/model.tflite, TIME/model.pt, TIME/graph.pb

    large/model.onnx, large/labels.txt  a classifier that has 50 MB of weights, and little to do
    small/model.onnx, small/labels.txt  the same with 50 kB
    mlp/model.onnx                      layers of 50 MB of weights together, for any number of rows

All but the last take a picture of 32 x 32 pixels, of which the TensorFlow models have the channels last.
"""

import os
import sys
import zipfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../examples/models/shapes"))
import convert
from convert import CONV_2D, CONV_OPTIONS, RELU, Lite, const, ints, message, node, torch_pickle

SIDE, SAME, MEAN = 32, 0, 40
TIMES = {1: (16, 6), 10: (48, 8), 100: (64, 44)}  # channels, and layers with as many
WIDTH, LAYERS = 2048, 3  # of the last one
LARGE, SMALL = 4096, 4  # classes: each has 3 * 32 * 32 weights


def weights(channels):
    """Of the first layer and of all others, so that what goes through keeps its size"""
    rng = np.random.default_rng(channels)

    def layer(inputs):
        return rng.normal(0, np.sqrt(2 / (9 * inputs)), (channels, inputs, 3, 3)).astype(np.float32)

    return {"first": layer(3), "other": layer(channels), "bias": np.zeros(channels, dtype=np.float32)}


def write(directory, name, data):
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, name), "wb") as file:
        file.write(data)


def labels(directory, count):
    write(directory, "labels.txt", "".join(f"class {i}\n" for i in range(count)).encode())


def onnx_model(nodes, arrays, classes):
    graph = helper.make_graph(
        nodes, "bench", [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, classes])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def for_onnx(w, layers):
    nodes, last = [], "image"
    for i in range(layers + 1):
        nodes += [helper.make_node("Conv", [last, "other" if i else "first", "bias"], [f"sum{i}"], pads=[1, 1, 1, 1]),
                  helper.make_node("Relu", [f"sum{i}"], [f"layer{i}"])]
        last = f"layer{i}"
    nodes.append(helper.make_node("ReduceMean", [last], ["scores"], axes=[2, 3], keepdims=0))
    return onnx_model(nodes, w, len(w["bias"]))


def for_tflite(w, layers):
    lite, channels = Lite(), len(w["bias"])
    first = last = lite.tensor("image", [1, SIDE, SIDE, 3])
    kernels = [lite.const_tensor(name, w[name].transpose(0, 2, 3, 1)) for name in ("first", "other")]
    bias = lite.const_tensor("bias", w["bias"])
    for i in range(layers + 1):
        last = lite.operator(CONV_2D, [last, kernels[min(i, 1)], bias], f"layer{i}", [1, SIDE, SIDE, channels],
                             CONV_OPTIONS, {0: SAME, 1: 1, 2: 1, 3: RELU})
    axes = lite.const_tensor("axes", np.array([1, 2], dtype=np.int32))
    return lite.finish(first, lite.operator(MEAN, [last, axes], "scores", [1, channels]), "bench")


def for_torch(w, layers, path):
    names = list(w)
    code = "\n".join([
        "class Shapes(Module):",
        f"  __parameters__ = [{', '.join(repr(name) for name in names)}, ]", "  __buffers__ = []",
        *[f"  {name} : Tensor" for name in names], "  training : bool",
        "  def forward(self: __torch__.Shapes,", "    image: Tensor) -> Tensor:",
        *[f"    layer{i} = torch.relu(torch.conv2d({f'layer{i - 1}' if i else 'image'}, "
          f"self.{'other' if i else 'first'}, self.bias, [1, 1], [1, 1]))" for i in range(layers + 1)],
        f"    return torch.mean(layer{layers}, [2, 3])"]) + "\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in [("data.pkl", torch_pickle(w)), ("code/__torch__.py", code),
                           *[(f"data/{i}", np.ascontiguousarray(array).tobytes()) for i, array in enumerate(w.values())],
                           ("constants.pkl", b"\x80\x02)."), ("version", "3\n")]:
            archive.writestr(zipfile.ZipInfo("shapes/" + name), data)


def for_tf(w, layers):
    float_type = (6, convert.DT_FLOAT)
    nodes = [node("image", "Placeholder", [], dtype=float_type, shape=(7, convert.shape_proto([1, SIDE, SIDE, 3]))),
             const("axes", np.array([1, 2], dtype=np.int32)), const("bias", w["bias"]),
             *[const(name, w[name].transpose(2, 3, 1, 0)) for name in ("first", "other")]]
    last = "image"
    for i in range(layers + 1):
        nodes += [node(f"product{i}", "Conv2D", [last, "other" if i else "first"], T=float_type,
                       strides=ints(1, 1, 1, 1), padding=(2, "SAME")),
                  node(f"sum{i}", "BiasAdd", [f"product{i}", "bias"], T=float_type),
                  node(f"layer{i}", "Relu", [f"sum{i}"], T=float_type)]
        last = f"layer{i}"
    nodes.append(node("scores", "Mean", [last, "axes"], T=float_type, Tidx=(6, convert.DT_INT32)))
    return message(*nodes, (4, message((1, 27))))


def by_weight(directory, classes):
    size = 3 * SIDE * SIDE
    w = np.random.default_rng(classes).normal(0, 0.02, (size, classes)).astype(np.float32)
    nodes = [helper.make_node("Flatten", ["image"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["scores"])]
    write(directory, "model.onnx", onnx_model(nodes, {"w": w}, classes))
    labels(directory, classes)


def layers(directory):
    rng, nodes, arrays, last = np.random.default_rng(WIDTH), [], {}, "x"
    for i in range(LAYERS):
        arrays[f"w{i}"] = rng.normal(0, np.sqrt(2 / WIDTH), (WIDTH, WIDTH)).astype(np.float32)
        nodes += [helper.make_node("MatMul", [last, f"w{i}"], [f"sum{i}"]),
                  helper.make_node("Relu", [f"sum{i}"], [f"layer{i}" if i + 1 < LAYERS else "y"])]
        last = f"layer{i}"
    graph = helper.make_graph(
        nodes, "bench", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", WIDTH])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    write(directory, "model.onnx", model.SerializeToString())


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    out = sys.argv[1]
    for time, (channels, layers) in TIMES.items():
        w, directory = weights(channels), os.path.join(out, str(time))
        write(directory, "model.onnx", for_onnx(w, layers))
        labels(directory, channels)
        write(directory, "model.tflite", for_tflite(w, layers))
        write(directory, "graph.pb", for_tf(w, layers))
        for_torch(w, layers, os.path.join(directory, "model.pt"))
    by_weight(os.path.join(out, "large"), LARGE)
    by_weight(os.path.join(out, "small"), SMALL)
    layers(os.path.join(out, "mlp"))


if __name__ == "__main__":
    main()
