#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the network of shapes.onnx as models for TensorFlow, TensorFlow Lite and Torch.

    convert.py [DIRECTORY]      the directory of models/ (default: the one above this one)

It makes tf/frozen_graph.pb, tf/lstm2/ (a SavedModel with one variable, b), tf/lstm2.tflite and
torch/cnn_trace.pt, the names under which programs for vAccel look for samples, without any of the
three frameworks.

They take a picture as the inference examples send it: 224 x 224 pixels, with MEAN and STD of each
channel applied. Squares of 5 x 5 pixels become one, and these are resized to the 40 x 40 of the
network's input. The output is a probability for each line of shapes/labels.txt.
"""

import os
import struct
import sys
import zipfile

import numpy as np
import onnx
from onnx import numpy_helper

SIDE, POOL, SIZE = 224, 5, 40
POOLED = SIDE // POOL
IN_NAME, OUT_NAME = "serving_default_input_1", "StatefulPartitionedCall"
FILES, SAVE, RESTORE = "files", "save", "restore"


def read_weights(path):
    """Return: name: array; convolutions as [out, in, height, width], w as [in, out]."""
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


def dense_by_pixel(weights):
    """w for features in the order height, width, channel instead of channel, height, width."""
    channels, side = weights["w3"].shape[0], SIZE // 8
    w = weights["w"]
    return w.reshape(channels, side, side, -1).transpose(1, 2, 0, 3).reshape(w.shape)


# ---- TensorFlow: protocol buffers (tensorflow/core/framework/*.proto) --------------------------

DT_FLOAT, DT_INT32, DT_STRING, DT_RESOURCE = 1, 3, 7, 20


def varint(n):
    out = bytearray()
    while n > 0x7f:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def message(*fields):
    """fields: pairs of a number and an int, str or bytes"""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def shape_proto(dims):
    return message(*[(2, message((1, d))) for d in dims])


def tensor_proto(array):
    kind = DT_INT32 if array.dtype == np.int32 else DT_FLOAT
    return message((1, kind), (2, shape_proto(array.shape)), (4, array.tobytes()))


def node(name, op, inputs, **attributes):
    """attributes: the number of the field in AttrValue, and its value"""
    return (1, message((1, name), (2, op), *[(3, i) for i in inputs],
                       *[(5, message((1, key), (2, message(value))))
                         for key, value in sorted(attributes.items())]))


def ints_of(field, *values):
    return (1, message((field, b"".join(varint(v) for v in values))))


def ints(*values):
    return ints_of(3, *values)


def const(name, array):
    array = np.ascontiguousarray(array)
    kind = DT_INT32 if array.dtype == np.int32 else DT_FLOAT
    return node(name, "Const", [], dtype=(6, kind), value=(8, tensor_proto(array)))


def text_const(name, value, dims):
    tensor = message((1, DT_STRING), (2, shape_proto(dims)), (8, value))
    return node(name, "Const", [], dtype=(6, DT_STRING), value=(8, tensor))


def variable(name, array):
    """A variable, and the operations that save it to and restore it from what FILES names."""
    float_type, slot = (6, DT_FLOAT), [FILES, f"{name}/key", f"{name}/slice"]
    return [
        node(f"{name}/variable", "VarHandleOp", [], dtype=float_type,
             shape=(7, shape_proto(array.shape)), shared_name=(2, name)),
        node(name, "ReadVariableOp", [f"{name}/variable"], dtype=float_type),
        text_const(FILES, "variables", []),
        text_const(f"{name}/key", name, [1]),
        text_const(f"{name}/slice", "", [1]),
        node(f"{name}/save", "SaveV2", [*slot, name], dtypes=ints_of(6, DT_FLOAT)),
        node(SAVE, "Identity", [FILES, f"^{name}/save"], T=(6, DT_STRING)),
        node(f"{name}/restore", "RestoreV2", slot, dtypes=ints_of(6, DT_FLOAT)),
        node(f"{name}/assign", "AssignVariableOp", [f"{name}/variable", f"{name}/restore"],
             dtype=float_type),
        node(RESTORE, "NoOp", [f"^{name}/assign"]),
    ]


def graph_def(weights, with_variable):
    float_type, index_type = (6, DT_FLOAT), (6, DT_INT32)
    nodes = [
        node(IN_NAME, "Placeholder", [], dtype=float_type,
             shape=(7, shape_proto([1, SIDE, SIDE, 3]))),
        node("pool", "AvgPool", [IN_NAME], T=float_type, ksize=ints(1, POOL, POOL, 1),
             strides=ints(1, POOL, POOL, 1), padding=(2, "VALID")),
        const("size", np.array([SIZE, SIZE], dtype=np.int32)),
        node("small", "ResizeBilinear", ["pool", "size"], T=float_type, half_pixel_centers=(5, 1)),
    ]
    last = "small"
    for i in "123":
        nodes += [
            const("w" + i, weights["w" + i].transpose(2, 3, 1, 0)),
            const("b" + i, weights["b" + i]),
            node("conv" + i, "Conv2D", [last, "w" + i], T=float_type, strides=ints(1, 2, 2, 1),
                 padding=(2, "EXPLICIT"), explicit_paddings=ints(0, 0, 1, 1, 1, 1, 0, 0)),
            node("sum" + i, "BiasAdd", ["conv" + i, "b" + i], T=float_type),
            node("relu" + i, "Relu", ["sum" + i], T=float_type),
        ]
        last = "relu" + i
    nodes += [
        const("flat", np.array([1, weights["w"].shape[0]], dtype=np.int32)),
        node("features", "Reshape", [last, "flat"], T=float_type, Tshape=index_type),
        const("w", dense_by_pixel(weights)),
        *(variable if with_variable else lambda *args: [const(*args)])("b", weights["b"]),
        node("product", "MatMul", ["features", "w"], T=float_type),
        node("logits", "BiasAdd", ["product", "b"], T=float_type),
        node(OUT_NAME, "Softmax", ["logits"], T=float_type),
    ]
    return message(*nodes, (4, message((1, 27))))


def saved_model(graph, classes):
    def tensor_info(key, name, dims):
        info = message((1, name + ":0"), (2, DT_FLOAT), (3, shape_proto(dims)))
        return message((1, key), (2, info))

    signature = message((1, tensor_info("input_1", IN_NAME, [1, SIDE, SIDE, 3])),
                        (2, tensor_info("output_1", OUT_NAME, [1, classes])),
                        (3, "tensorflow/serving/predict"))
    saver = message((1, FILES + ":0"), (2, SAVE + ":0"), (3, RESTORE), (7, 2))
    meta_graph = message((1, message((4, "serve"))), (2, graph), (3, saver),
                         (5, message((1, "serving_default"), (2, signature))))
    return message((1, 1), (2, meta_graph))


# ---- TensorFlow's variables: a tensor bundle, whose index is a sorted table as LevelDB has it ------

def checksum(data):
    """CRC-32C, masked as LevelDB does"""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    crc ^= 0xffffffff
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff)


def table(items):
    """items: pairs of a key and a value, both bytes, in order"""
    out = b""

    def block(entries):
        nonlocal out
        data = b"".join(b"\0" + varint(len(k)) + varint(len(v)) + k + v for k, v in entries)
        # Each key is whole, so that one restart point is enough: the start.
        data += struct.pack("<II", 0, 1)
        handle = varint(len(out)) + varint(len(data))
        out += data + b"\0" + checksum(data + b"\0")
        return handle

    handle = block(items)
    handles = block([]) + block([(items[-1][0], handle)])
    return out + handles.ljust(40, b"\0") + struct.pack("<Q", 0xdb4775248b80fb57)


def bundle(name, array):
    """Return: the index and the data of a bundle with one tensor."""
    data = np.ascontiguousarray(array).tobytes()
    header = message((1, 1), (3, message((1, 1))))
    entry = message((1, DT_FLOAT), (2, shape_proto(array.shape)), (5, len(data)))
    entry += varint(6 << 3 | 5) + checksum(data)
    return table([(b"", header), (name.encode(), entry)]), data


# ---- TensorFlow Lite: FlatBuffers (tensorflow/compiler/mlir/lite/schema/schema.fbs) -----------

class Flat:
    """Writes parents before children, so that each offset points forwards, as it must."""

    def __init__(self, identifier, root):
        self.data = bytearray(8)
        self.data[4:8] = identifier
        self.point(0, root)

    def align(self, size, ahead=0):
        self.data += bytes(-(len(self.data) + ahead) % size)

    def point(self, at, value):
        where = self.table(value) if isinstance(value, dict) else self.vector(value)
        struct.pack_into("<I", self.data, at, where - at)

    def table(self, fields):
        """fields: their number in the schema: an int or float, or a table or vector"""
        slots = max(fields, default=-1) + 1
        self.align(4, 2 * slots + 4)
        vtable = len(self.data)
        order = sorted(fields)
        self.data += struct.pack("<HH", 4 + 2 * slots, 4 + 4 * len(order))
        for slot in range(slots):
            self.data += struct.pack("<H", 4 + 4 * order.index(slot) if slot in fields else 0)
        start = len(self.data)
        self.data += struct.pack("<i", start - vtable) + bytes(4 * len(order))
        for i, slot in enumerate(order):
            at, value = start + 4 + 4 * i, fields[slot]
            if isinstance(value, (int, float)):
                struct.pack_into("<f" if isinstance(value, float) else "<i", self.data, at, value)
            else:
                self.point(at, value)
        return start

    def vector(self, items):
        """items: a str, bytes, or a list of ints or of tables"""
        self.align(16 if isinstance(items, bytes) else 4, 4)
        where = len(self.data)
        self.data += struct.pack("<I", len(items))
        if isinstance(items, (str, bytes)):
            self.data += items.encode() + b"\0" if isinstance(items, str) else items
        elif items and isinstance(items[0], dict):
            self.data += bytes(4 * len(items))
            for i, item in enumerate(items):
                self.point(where + 4 + 4 * i, item)
        else:
            self.data += struct.pack(f"<{len(items)}i", *items)
        return where


# BuiltinOperator and BuiltinOptions
AVERAGE_POOL_2D, POOL_OPTIONS = 1, 5
CONV_2D, CONV_OPTIONS = 3, 1
FULLY_CONNECTED, FULLY_CONNECTED_OPTIONS = 9, 8
RESHAPE = 22
RESIZE_BILINEAR, RESIZE_OPTIONS = 23, 15
SOFTMAX, SOFTMAX_OPTIONS = 25, 9
PAD = 34
VALID, RELU = 1, 1
FLOAT32, INT32 = 0, 2


class Lite:
    """A model with one graph: tensors, and operators one after the other"""

    def __init__(self):
        self.codes, self.tensors, self.operators = [], [], []
        self.buffers = [{}]  # the first one is that of tensors without data

    def tensor(self, name, shape, data=None):
        content = {0: list(shape), 1: FLOAT32, 3: name}
        if data is not None:
            data = np.ascontiguousarray(data)
            content[1] = INT32 if data.dtype == np.int32 else FLOAT32
            content[2] = len(self.buffers)
            self.buffers.append({0: data.tobytes()})
        self.tensors.append(content)
        return len(self.tensors) - 1

    def const_tensor(self, name, array):
        return self.tensor(name, array.shape, array)

    def operator(self, code, inputs, name, shape, options_type=0, options=None):
        if code not in self.codes:
            self.codes.append(code)
        output = self.tensor(name, shape)
        content = {0: self.codes.index(code), 1: inputs, 2: [output]}
        if options is not None:
            content.update({3: options_type, 4: options})
        self.operators.append(content)
        return output

    def finish(self, first, last, name):
        graph = {0: self.tensors, 1: [first], 2: [last], 3: self.operators, 4: name}
        return bytes(Flat(b"TFL3", {0: 3, 1: [{0: code, 2: 1, 3: code} for code in self.codes], 2: [graph],
                                    3: name, 4: self.buffers}).data)


def tflite(weights):
    lite = Lite()
    tensor, const_tensor, operator = lite.tensor, lite.const_tensor, lite.operator
    first = tensor(IN_NAME, [1, SIDE, SIDE, 3])
    last = operator(AVERAGE_POOL_2D, [first], "pool", [1, POOLED, POOLED, 3], POOL_OPTIONS,
                    {0: VALID, 1: POOL, 2: POOL, 3: POOL, 4: POOL})
    size = const_tensor("size", np.array([SIZE, SIZE], dtype=np.int32))
    last = operator(RESIZE_BILINEAR, [last, size], "small", [1, SIZE, SIZE, 3], RESIZE_OPTIONS,
                    {3: 1})
    pads = const_tensor("pads", np.array([[0, 0], [1, 1], [1, 1], [0, 0]], dtype=np.int32))
    side = SIZE
    for i in "123":
        out_channels, in_channels = weights["w" + i].shape[:2]
        last = operator(PAD, [last, pads], "padded" + i, [1, side + 2, side + 2, in_channels])
        side //= 2
        kernel = const_tensor("w" + i, weights["w" + i].transpose(0, 2, 3, 1))
        bias = const_tensor("b" + i, weights["b" + i])
        last = operator(CONV_2D, [last, kernel, bias], "relu" + i, [1, side, side, out_channels],
                        CONV_OPTIONS, {0: VALID, 1: 2, 2: 2, 3: RELU})
    features, classes = weights["w"].shape
    last = operator(RESHAPE, [last, const_tensor("flat", np.array([1, features], dtype=np.int32))],
                    "features", [1, features])
    last = operator(FULLY_CONNECTED, [last, const_tensor("w", dense_by_pixel(weights).T),
                                      const_tensor("b", weights["b"])],
                    "logits", [1, classes], FULLY_CONNECTED_OPTIONS, {})
    last = operator(SOFTMAX, [last], OUT_NAME, [1, classes], SOFTMAX_OPTIONS, {0: 1.0})

    return lite.finish(first, last, "shapes")


# ---- Torch: TorchScript, a zip file with source code, pickles and arrays ------------------------

def torch_code(names):
    lines = [
        "class Shapes(Module):",
        f"  __parameters__ = [{', '.join(repr(name) for name in names)}, ]",
        "  __buffers__ = []",
        *[f"  {name} : Tensor" for name in names],
        "  training : bool",
        "  def forward(self: __torch__.Shapes,",
        "    image: Tensor) -> Tensor:",
        f"    pool = torch.avg_pool2d(image, [{POOL}, {POOL}])",
        f"    relu0 = torch.upsample_bilinear2d(pool, [{SIZE}, {SIZE}], False)",
    ]
    for i in (1, 2, 3):
        lines += [f"    conv{i} = torch.conv2d(relu{i - 1}, self.w{i}, self.b{i}, [2, 2], [1, 1])",
                  f"    relu{i} = torch.relu(conv{i})"]
    lines += ["    features = torch.flatten(relu3, 1)",
              "    logits = torch.addmm(self.b, features, self.w)",
              "    return torch.softmax(logits, 1)"]
    return "\n".join(lines) + "\n"


def torch_pickle(weights):
    """An object of class Shapes, as instructions of pickle: its classes exist in Torch only."""
    def text(s):
        return b"X" + struct.pack("<I", len(s)) + s.encode()

    def number(n):
        return b"J" + struct.pack("<i", n)

    def numbers(values):
        return b"(" + b"".join(number(v) for v in values) + b"t"

    def name_of_class(module, name):
        return f"c{module}\n{name}\n".encode()

    out = b"\x80\x02" + name_of_class("__torch__", "Shapes") + b")\x81}("
    for i, (name, array) in enumerate(weights.items()):
        storage = (b"(" + text("storage") + name_of_class("torch", "FloatStorage") + text(str(i)) +
                   text("cpu") + number(array.size) + b"tQ")
        strides = [s // array.itemsize for s in np.ascontiguousarray(array).strides]
        out += (text(name) + name_of_class("torch._utils", "_rebuild_tensor_v2") + b"(" + storage +
                number(0) + numbers(array.shape) + numbers(strides) + b"\x89" +
                name_of_class("collections", "OrderedDict") + b")R" + b"tR")
    return out + text("training") + b"\x89" + b"ub."


def write_torch(path, weights):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        def put(name, data):
            archive.writestr(zipfile.ZipInfo("shapes/" + name), data)

        put("data.pkl", torch_pickle(weights))
        put("code/__torch__.py", torch_code(list(weights)))
        for i, array in enumerate(weights.values()):
            put(f"data/{i}", np.ascontiguousarray(array).tobytes())
        put("constants.pkl", b"\x80\x02).")
        put("version", "3\n")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    if len(sys.argv) > 2 or (len(sys.argv) == 2 and sys.argv[1].startswith("-")):
        sys.exit(f"Usage: {sys.argv[0]} [DIRECTORY]")
    models = sys.argv[1] if len(sys.argv) == 2 else os.path.dirname(here)
    weights = read_weights(os.path.join(here, "shapes.onnx"))

    def write(name, data):
        path = os.path.join(models, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)

    index, data = bundle("b", weights["b"])
    write("tf/frozen_graph.pb", graph_def(weights, False))
    write("tf/lstm2/saved_model.pb", saved_model(graph_def(weights, True), weights["w"].shape[1]))
    write("tf/lstm2/variables/variables.index", index)
    write("tf/lstm2/variables/variables.data-00000-of-00001", data)
    write("tf/lstm2.tflite", tflite(weights))
    os.makedirs(os.path.join(models, "torch"), exist_ok=True)
    write_torch(os.path.join(models, "torch/cnn_trace.pt"), weights)


if __name__ == "__main__":
    main()
