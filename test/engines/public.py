#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inputs for public models, and whether what they answer can be right: for public.sh.

    public.py picture TEXT FILE.png            draws a picture with that text, 320 x 160 pixels
    public.py inputs NAME DIRECTORY METADATA   writes DIRECTORY/INPUT.npy for each input that vaccel-infer --metadata --json
                                               has listed, and prints the options of vaccel-infer
    public.py text TEXT FILE.png               of the map that segment has written for that picture: what is text lies
                                               within it, and takes up most of its width
    public.py check NAME ANSWER                of what vaccel-infer --json has printed: numbers of the shape that it says,
                                               all of them finite, and not all of them the same
"""

import json
import os
import sys

import numpy as np
from PIL import Image

LETTERS = {  # rows of 5 pixels
    "H": "10001 10001 10001 11111 10001 10001 10001", "E": "11111 10000 10000 11110 10000 10000 11111",
    "L": "10000 10000 10000 10000 10000 10000 11111", "O": "01110 10001 10001 10001 10001 10001 01110"}
WIDTH, HEIGHT, PIXEL, LEFT, TOP = 320, 160, 6, 40, 60
TYPES = {"FP32": np.float32, "INT64": np.int64}
# What the models leave open: those of Silero take 64 samples of before and 512 more, and its state
SHAPES = {("voice_detection", "input"): [1, 576], ("voice_detection", "state"): [2, 1, 128],
          ("voice_detection", "sr"): [1], ("text_detection", "x"): [1, 3, 160, 320]}


def picture(letters, path):
    pixels = np.full((HEIGHT, WIDTH), 235, dtype=np.uint8)
    for i, letter in enumerate(letters):
        rows = np.array([[int(c) for c in row] for row in LETTERS[letter].split()])
        dark = np.kron(rows, np.ones((PIXEL, PIXEL), dtype=int)).astype(bool)
        left = LEFT + i * 7 * PIXEL
        pixels[TOP:TOP + dark.shape[0], left:left + dark.shape[1]][dark] = 20
    Image.fromarray(pixels).save(path)


def text(letters, path):
    y, x = np.nonzero(np.asarray(Image.open(path)))
    right, bottom = LEFT + len(letters) * 7 * PIXEL, TOP + 7 * PIXEL
    if not letters and not len(x):
        return
    if not len(x):
        sys.exit("no text was found")
    print(f"text from {x.min()}, {y.min()} to {x.max()}, {y.max()}")
    if x.min() < LEFT or y.min() < TOP or x.max() >= right or y.max() >= bottom or \
            len(set(x)) < 0.7 * (right - LEFT):
        sys.exit(f"it is from {LEFT}, {TOP} to {right}, {bottom}")


def inputs(model, directory, path):
    """Pictures of grain from 0 to 1; silence at 16 kHz"""
    with open(path, encoding="utf-8") as file:
        described = json.load(file)["inputs"]
    rng = np.random.default_rng(1)
    for tensor in described:
        name = tensor["name"]
        shape = SHAPES.get((model, name), tensor["shape"])
        values = rng.random(shape)
        if model == "voice_detection":
            values = np.full(shape, 16000 if name == "sr" else 0)
        if (model, name) == ("voice_detection", "sr") and tensor["shape"] == []:
            values = values.reshape(())
        to = os.path.join(directory, name + ".npy")
        np.save(to, values.astype(TYPES[tensor["datatype"]]))
        print(f"--input={name}=@{to}")


def check(model, path):
    with open(path, encoding="utf-8") as file:
        outputs = {t["name"]: t for t in json.load(file)["outputs"]}
    for name, tensor in outputs.items():
        if None in tensor["data"]:
            sys.exit(f"{name} has values that are not finite")
        if len(tensor["data"]) != np.prod(tensor["shape"]) or not tensor["data"]:
            sys.exit(f"{name} has {len(tensor['data'])} values, and is {tensor['shape']}")
        if len(tensor["data"]) > 1 and len(set(tensor["data"])) == 1:
            sys.exit(f"{name} is {tensor['data'][0]} everywhere")
    if model == "voice_detection" and not 0 <= outputs["output"]["data"][0] < 0.1:
        sys.exit(f"silence is taken for a voice: {outputs['output']['data']}")
    print(", ".join(f"{name} {tensor['shape']}" for name, tensor in outputs.items()))


def main():
    actions = {"picture": (picture, 2), "text": (text, 2), "inputs": (inputs, 3), "check": (check, 2)}
    if len(sys.argv) < 2 or sys.argv[1] not in actions or len(sys.argv) != 2 + actions[sys.argv[1]][1]:
        sys.exit(__doc__)
    actions[sys.argv[1]][0](*sys.argv[2:])


if __name__ == "__main__":
    main()
