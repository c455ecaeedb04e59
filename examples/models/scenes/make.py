#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the small models of drawn scenes that the examples and tests of detect, segment, pose and depth use.

    make.py [--out DIRECTORY] [--images DIRECTORY]

Writes TASK/model.onnx, TASK/config.json and TASK/preprocessor_config.json to --out (default: this
directory). With --images it also draws the example pictures there, and says what is in them.

These networks are not trained, but worked out by hand: they tell things by their colours, on any gray
background, and are right or wrong like others. Each takes float32 [1, 3, 96, 96], RGB from 0 to 1.

    detect    red circles, green squares and blue triangles, the largest of each: as YOLO's heads,
              float32 [1, 4 + 3, 3]
    segment   the same, place by place, and what is none of them: logits, float32 [1, 4, 24, 24]
    pose      a figure whose head, hands and feet have colours: heat maps, float32 [1, 5, 24, 24]
    depth     things in a mist, which is the paler the farther: metres, float32 [1, 48, 48]
"""

import argparse
import json
import math
import os

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

SIZE = 96
KINDS = ["circle", "square", "triangle"]
POINTS = {"head": (1, 0, 0), "left hand": (0, 1, 0), "right hand": (0, 0, 1), "left foot": (1, 1, 0),
          "right foot": (1, 0, 1)}
NEAR, FAR = 1.0, 10.0  # metres
DARK, PALE = 0.1, 0.9  # of what is there


# ---- Networks ------------------------------------------------------------------------------------

class Graph:
    """Nodes one after the other, each of which has one output."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, values):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values), name))
        return name

    def add(self, op, *inputs, **attributes):
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def floats(self, values):
        return self.constant(np.array(values, dtype=np.float32))

    def mix(self, x, weights, bias):
        """Each output is a sum of the inputs at the same place."""
        weights = np.array(weights, dtype=np.float32)
        return self.add("Conv", x, self.floats(weights[:, :, None, None]), self.floats(bias))

    def scaled(self, x, factor, more):
        return self.add("Add", self.add("Mul", x, self.floats(factor)), self.floats(more))

    def mean(self, x, side):
        return self.add("AveragePool", x, kernel_shape=[side, side], strides=[side, side])

    def write(self, path, output, name, shape):
        self.nodes[-1].output[0] = name
        assert self.nodes[-1].output[0] == name and output == f"n{len(self.nodes) - 1}"
        graph = helper.make_graph(
            self.nodes, "scenes",
            [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8,
                                  producer_name="vaccel")
        checker.check_model(model, full_check=True)
        save(model, path)


def colourful(g, x):
    """How red, green and blue a place is, rather than gray: from -1 to 1."""
    return g.mix(x, [[1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1]], [0, 0, 0])


def segment(path):
    g = Graph()
    colours = colourful(g, g.mean("pixel_values", 4))
    out = g.mix(colours, 20 * np.vstack([np.zeros(3), np.eye(3)]), [5, 0, 0, 0])
    g.write(path, out, "logits", [1, 4, 24, 24])


def ends(g, there, axis, other):
    """The first and the last pixel of each class along an axis. Return: two of [1, 3, 1]"""
    line = g.add("ReduceMax", there, axes=[other], keepdims=0)
    steps = np.arange(SIZE, dtype=np.float32)
    nowhere = g.scaled(line, -1000.0, 1000.0)
    first = g.add("ReduceMin", g.add("Add", nowhere, g.floats(steps)), axes=[2], keepdims=1)
    last = g.add("ReduceMax", g.add("Mul", line, g.floats(steps + 1)), axes=[2], keepdims=1)
    return first, last


def detect(path):
    g = Graph()
    # a place counts when there is enough of the colour around it
    colours = colourful(g, g.add("AveragePool", "pixel_values", kernel_shape=[3, 3], strides=[1, 1],
                                 pads=[1, 1, 1, 1], count_include_pad=0))
    there = g.add("Clip", g.scaled(colours, 100.0, -35.0), g.floats(0.0), g.floats(1.0))
    left, right = ends(g, there, 3, 2)
    top, bottom = ends(g, there, 2, 3)
    half = g.floats(0.5)
    numbers = [g.add("Mul", g.add("Add", left, right), half), g.add("Mul", g.add("Add", top, bottom), half),
               g.add("Sub", right, left), g.add("Sub", bottom, top)]
    size = g.add("ReduceSum", there, g.constant(np.array([2, 3], dtype=np.int64)), keepdims=1)
    sure = g.add("Clip", g.scaled(g.add("Reshape", size, g.constant(np.array([1, 3, 1]))), 0.01, 0.0),
                 g.floats(0.0), g.floats(0.95))
    scores = g.add("Mul", sure, g.floats(np.eye(3)))  # each place has the score of its class
    rows = g.add("Concat", *numbers, scores, axis=2)
    g.write(path, g.add("Transpose", rows, perm=[0, 2, 1]), "output0", [1, 4 + len(KINDS), len(KINDS)])


def pose(path):
    g = Graph()
    nr = len(POINTS)
    apart = g.add("Abs", g.mix("pixel_values", np.tile(np.eye(3), (nr, 1)),
                               [-c for colour in POINTS.values() for c in colour]))
    like = g.add("Relu", g.mix(apart, -1.5 * np.kron(np.eye(nr), np.ones(3)), np.ones(nr)))
    heat = g.add("AveragePool", like, kernel_shape=[12, 12], strides=[4, 4], pads=[4, 4, 4, 4])
    # a dot fills a part of the window, whose middle is warmest
    out = g.add("Clip", g.add("Mul", heat, g.floats(1.5)), g.floats(0.0), g.floats(1.0))
    g.write(path, out, "heatmaps", [1, nr, 24, 24])


def depth(path):
    g = Graph()
    metres = (FAR - NEAR) / (PALE - DARK)
    gray = g.mix(g.mean("pixel_values", 2), [[metres / 3] * 3], [NEAR - metres * DARK])
    out = g.add("Squeeze", gray, g.constant(np.array([1], dtype=np.int64)))
    g.write(path, out, "predicted_depth", [1, 48, 48])


TASKS = {"detect": (detect, KINDS), "segment": (segment, ["background"] + KINDS),
         "pose": (pose, list(POINTS)), "depth": (depth, None)}


def write_description(directory, labels, **more):
    """What the plugins read beside a model: its input, its classes, if it has any, and more of config.json."""
    preprocessor = {"do_resize": True, "size": {"height": SIZE, "width": SIZE}, "resample": 2,
                    "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": False}
    config = {"num_channels": 3, **more}
    if labels:
        config["id2label"] = {str(i): label for i, label in enumerate(labels)}
    for name, content in (("preprocessor_config.json", preprocessor), ("config.json", config)):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.write("\n")


def write_models(out):
    for task, (make, labels) in TASKS.items():
        directory = os.path.join(out, task)
        os.makedirs(directory, exist_ok=True)
        make(os.path.join(directory, "model.onnx"))
        write_description(directory, labels)


# ---- Pictures ------------------------------------------------------------------------------------

def background(rng, width, height):
    from PIL import Image

    ramp = np.linspace(90, 170, width)[None, :, None] + rng.normal(0, 6, (height, width, 1))
    return Image.fromarray(np.broadcast_to(ramp, (height, width, 3)).clip(0, 255).astype(np.uint8), "RGB")


def draw_scene(rng, path):
    from PIL import ImageDraw

    image = background(rng, 320, 240)
    draw = ImageDraw.Draw(image)
    draw.ellipse([30, 40, 110, 120], fill=(205, 30, 40))
    draw.rectangle([180, 20, 250, 90], fill=(35, 180, 50))
    draw.polygon([(200, 140), (290, 220), (130, 220)], fill=(40, 50, 200))
    image.save(path, quality=92, subsampling=0)
    print("scene.jpg: circle 30 40 110 120, square 180 20 250 90, triangle 130 140 290 220, shares "
          f"{math.pi * 40 * 40 / 76800:.4f} {70 * 70 / 76800:.4f} {160 * 80 / 2 / 76800:.4f}")


def draw_figure(rng, path):
    from PIL import ImageDraw

    image = background(rng, 240, 320)
    draw = ImageDraw.Draw(image)
    at = {"head": (125, 60), "left hand": (200, 110), "right hand": (45, 150), "left foot": (170, 285),
          "right foot": (80, 280)}
    neck, hip = (122, 100), (120, 190)
    for start, end in ((at["head"], neck), (neck, hip), (neck, at["left hand"]), (neck, at["right hand"]),
                       (hip, at["left foot"]), (hip, at["right foot"])):
        draw.line([start, end], fill=(40, 40, 40), width=8)
    for name, (x, y) in at.items():
        draw.ellipse([x - 14, y - 14, x + 14, y + 14], fill=tuple(int(c * 225) + 15 for c in POINTS[name]))
    image.save(path, quality=92, subsampling=0)
    print("figure.jpg:", at)


def draw_mist(rng, path):
    from PIL import Image, ImageDraw

    def paleness(metres):
        return int(255 * (DARK + (PALE - DARK) * (metres - NEAR) / (FAR - NEAR)) + 0.5)

    image = Image.new("RGB", (320, 240), (paleness(9.5),) * 3)
    draw = ImageDraw.Draw(image)
    for metres, box in ((7, [20, 60, 100, 140]), (4, [120, 30, 220, 130]), (1.5, [160, 100, 300, 230])):
        draw.ellipse(box, fill=(paleness(metres),) * 3)
    image.save(path, quality=92)
    print("mist.jpg: 1.5, 4, 7 and 9.5 metres")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--images")
    args = parser.parse_args()
    write_models(args.out)
    if args.images:
        rng = np.random.default_rng(1)
        draw_scene(rng, os.path.join(args.images, "scene.jpg"))
        draw_figure(rng, os.path.join(args.images, "figure.jpg"))
        draw_mist(rng, os.path.join(args.images, "mist.jpg"))


if __name__ == "__main__":
    main()
