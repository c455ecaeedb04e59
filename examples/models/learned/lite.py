#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the networks of TASK/model.onnx, which train.py has made, for TensorFlow Lite: TASK/model.tflite.

    lite.py [--to DIRECTORY] DIRECTORY/TASK...

With --to they are written to DIRECTORY/TASK.tflite instead. Channels come last in inputs and outputs; else both are as
train.py describes them.
"""

import argparse
import os
import sys

import numpy as np
import onnx
from onnx import numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, "../scenes"), os.path.join(HERE, "../shapes")]
from convert import CONV_2D, CONV_OPTIONS, PAD, RELU, RESHAPE, SOFTMAX, SOFTMAX_OPTIONS, VALID, Lite
from make import SIZE

GRID, STEP = 24, 4
MIDDLE = 5.0  # metres, when the last convolution gives 0
ADD, CONCATENATION, CONCATENATION_OPTIONS, LOGISTIC, SLICE, SAME = 0, 2, 10, 14, 65, 0


def read(path):
    """Return: for each convolution its weights, bias, stride and dilation, in order."""
    graph = onnx.load(path).graph
    arrays = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    layers = []
    for node in graph.node:
        if node.op_type == "Conv":
            sizes = {a.name: a.ints for a in node.attribute}
            layers.append((arrays[node.input[1]], arrays[node.input[2]], sizes["strides"][0], sizes["dilations"][0]))
    return layers


class Network:
    def __init__(self, layers):
        self.lite, self.layers, self.side = Lite(), layers[:-1], SIZE
        self.kernel, self.bias = layers[-1][:2]
        self.first = self.lite.tensor("pixel_values", [1, SIZE, SIZE, 3])

    def convolve(self, last, kernel, bias, stride=1, dilation=1, padding=SAME, activation=RELU):
        """The grid's next layer. Return: its output"""
        shape = [1, self.side // stride, self.side // stride, len(kernel)]
        name = f"layer{len(self.lite.operators)}"
        inputs = [last, self.lite.const_tensor(name + ".weight", kernel.transpose(0, 2, 3, 1)),
                  self.lite.const_tensor(name + ".bias", bias)]
        return self.lite.operator(CONV_2D, inputs, name, shape, CONV_OPTIONS,
                                  {0: padding, 1: stride, 2: stride, 3: activation, 4: dilation, 5: dilation})

    def features(self):
        last = self.first
        pads = self.lite.const_tensor("pads", np.array([[0, 0], [1, 1], [1, 1], [0, 0]], dtype=np.int32))
        for kernel, bias, stride, dilation in self.layers:
            if stride == 1:
                last = self.convolve(last, kernel, bias, 1, dilation)
                continue
            padded = [1, self.side + 2, self.side + 2, kernel.shape[1]]
            last = self.lite.operator(PAD, [last, pads], f"padded{self.side}", padded)
            last = self.convolve(last, kernel, bias, stride, 1, VALID)
            self.side //= stride
        return last

    def outputs(self, last, kernel, bias):
        return self.convolve(last, kernel, bias, activation=0)

    def detections(self, last):
        """Four numbers of the box at each place, from its own place on, and a probability of each class but none"""
        classes = len(self.kernel) - 4
        centres = (np.arange(GRID, dtype=np.float32) + 0.5) * STEP
        places = np.zeros((1, GRID, GRID, 4), dtype=np.float32)
        places[0, :, :, 0], places[0, :, :, 1] = centres[None, :], centres[:, None]
        boxes = self.lite.operator(ADD, [self.outputs(last, self.kernel[:4], self.bias[:4]),
                                         self.lite.const_tensor("places", places)], "boxes", places.shape)
        all_scores = self.lite.operator(SOFTMAX, [self.outputs(last, self.kernel[4:], self.bias[4:])], "all_scores",
                                        [1, GRID, GRID, classes], SOFTMAX_OPTIONS, {0: 1.0})
        scores = self.lite.operator(SLICE, [all_scores] + [
            self.lite.const_tensor(name, np.array(values, dtype=np.int32))
            for name, values in (("begin", [0, 0, 0, 1]), ("size", [1, GRID, GRID, classes - 1]))], "scores",
            [1, GRID, GRID, classes - 1])
        both = self.lite.operator(CONCATENATION, [boxes, scores], "both", [1, GRID, GRID, 3 + classes],
                                  CONCATENATION_OPTIONS, {0: 3})
        shape = [1, GRID * GRID, 3 + classes]
        return self.lite.operator(RESHAPE, [both, self.lite.const_tensor("shape", np.array(shape, dtype=np.int32))],
                                  "output0", shape)

    def write(self, task):
        last = self.features()
        if task == "detect":
            last = self.detections(last)
        elif task == "pose":
            maps = self.outputs(last, self.kernel, self.bias)
            last = self.lite.operator(LOGISTIC, [maps], "heatmaps", [1, GRID, GRID, len(self.kernel)])
        else:
            last = self.outputs(last, self.kernel, self.bias + np.float32(MIDDLE if task == "depth" else 0))
        return self.lite.finish(self.first, last, task)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--to", metavar="DIRECTORY")
    parser.add_argument("tasks", nargs="+", metavar="DIRECTORY/TASK")
    args = parser.parse_args()
    for path in args.tasks:
        task = os.path.basename(os.path.normpath(path))
        to = os.path.join(args.to, task + ".tflite") if args.to else os.path.join(path, "model.tflite")
        with open(to, "wb") as file:
            file.write(Network(read(os.path.join(path, "model.onnx"))).write(task))


if __name__ == "__main__":
    main()
