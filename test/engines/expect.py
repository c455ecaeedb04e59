#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Computes with numpy what the network of examples/models/shapes says of two inputs: expected.txt.

    expect.py            prints it
    expect.py --check    compares it with the file beside this script

The first is as examples/models/shapes/convert.py describes it, 224 x 224 x 3, the other 40 x 40 x 3, as the network
itself has it (shapes.onnx). The i-th value is (37 * i % 101) / 50 - 1. The tests of engines make the same.
"""

import os
import sys

import numpy as np
import onnx
from onnx import numpy_helper

SIDE, POOL, SIZE = 224, 5, 40


def resize(x, size):
    """Bilinear, with the centres of pixels at halves."""
    at = np.clip((np.arange(size) + 0.5) * len(x) / size - 0.5, 0, len(x) - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(x) - 1)
    part = (at - low)[:, None, None]
    return x[low] * (1 - part) + x[high] * part


def convolve(x, kernel, bias):
    """3 x 3 with stride 2 and a border of zeros"""
    x = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    side = (len(x) - 2) // 2
    out = np.zeros((side, side, len(kernel))) + bias
    for dy in range(3):
        for dx in range(3):
            out += x[dy:dy + 2 * side:2, dx:dx + 2 * side:2] @ kernel[:, :, dy, dx].T
    return np.maximum(out, 0)


def picture(side):
    return ((37 * np.arange(side * side * 3) % 101) / 50 - 1).reshape(side, side, 3)


def smaller(x):
    pooled = SIDE // POOL
    x = x[:pooled * POOL, :pooled * POOL].reshape(pooled, POOL, pooled, POOL, 3).mean(axis=(1, 3))
    return resize(resize(x, SIZE).transpose(1, 0, 2), SIZE).transpose(1, 0, 2)


def scores(w, x):
    for i in "123":
        x = convolve(x, w["w" + i], w["b" + i])
    logits = x.transpose(2, 0, 1).reshape(-1) @ w["w"] + w["b"]
    e = np.exp(logits - logits.max())
    return e / e.sum()


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    model = onnx.load(os.path.join(here, "../../examples/models/shapes/shapes.onnx"))
    w = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in model.graph.initializer}
    found = np.concatenate([scores(w, smaller(picture(SIDE))), scores(w, picture(SIZE))])
    lines = "".join(f"{value:.9f}\n" for value in found)
    if sys.argv[1:] == ["--check"]:
        with open(os.path.join(here, "expected.txt"), encoding="ascii") as f:
            stored = np.array([float(line) for line in f])
        if stored.shape != found.shape or np.abs(stored - found).max() > 1e-8:
            sys.exit("expected.txt is not what expect.py computes")
    else:
        print(lines, end="")


main()
