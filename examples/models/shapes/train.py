#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the small classifier of drawn shapes that the examples and tests use.

    train.py [--out DIRECTORY] [--images DIRECTORY] [--pictures-only]

Draws shapes of random colour, size, place, turn and background, trains a convolutional network on
them in numpy (about a minute on two cores), says how accurate it is on pictures that it has not
seen, and writes shapes.onnx and labels.txt to --out (default: this directory). With --images it also
draws the example pictures there, from random numbers of their own.

Input of the model: float32 [1, 3, 40, 40], RGB. A picture is resized with a triangle filter,
divided by 255, and MEAN and STD of each channel are applied. That is what the onnx plugin does.
"""

import argparse
import io
import math
import os
import struct
import sys

import numpy as np
from PIL import Image, ImageDraw

LABELS = ["circle", "cross", "square", "star", "triangle"]
SIZE = 40
MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)

SEED_TRAINING, SEED_TEST, SEED_PICTURES, SEED_WEIGHTS = 1, 2, 3, 4
TRAINING, TEST = 8000, 2000
EPOCHS, BATCH, RATE = 16, 50, 0.003
CHANNELS = [3, 16, 32, 48]


# ---- Pictures ------------------------------------------------------------------------------------

def polygon(shape):
    """Corners of a shape of radius 1 around (0, 0)."""
    def corners(n, radii, start=-math.pi / 2):
        return [(radii[i % len(radii)] * math.cos(start + 2 * math.pi * i / n),
                 radii[i % len(radii)] * math.sin(start + 2 * math.pi * i / n))
                for i in range(n)]

    if shape == "circle":
        return corners(60, [1])
    if shape == "square":
        return corners(4, [1], math.pi / 4)
    if shape == "triangle":
        return corners(3, [1])
    if shape == "star":
        return corners(10, [1, 0.42])
    a, b = 0.95, 0.3  # cross
    return [(-b, -a), (b, -a), (b, -b), (a, -b), (a, b), (b, b),
            (b, a), (-b, a), (-b, b), (-a, b), (-a, -b), (-b, -b)]


def brightness(colour):
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def background(rng, colours, size):
    """A gradient between two colours with grain and a few thin lines."""
    ramp = np.linspace(0, 1, size, dtype=np.float32)
    ramp = ramp[:, None] if rng.random() < 0.5 else ramp[None, :]
    ramp = np.broadcast_to(ramp, (size, size))[:, :, None]
    first, last = (np.array(c, dtype=np.float32) for c in colours)
    pixels = first * (1 - ramp) + last * ramp
    pixels = pixels + rng.normal(0, rng.uniform(0, 10), (size, size, 1))
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGB")
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(0, 4)):
        ends = [tuple(int(v) for v in rng.integers(0, size, 2)) for _ in range(2)]
        draw.line(ends, fill=tuple(int(v) for v in rng.integers(0, 256, 3)),
                  width=max(1, size // 96))
    return image


def picture(rng, shape, size):
    """A picture of one shape, size x size pixels."""
    while True:  # a shape has to stand out from both ends of the background
        colours = [tuple(int(v) for v in rng.integers(0, 256, 3)) for _ in range(3)]
        if min(abs(brightness(colours[2]) - brightness(c)) for c in colours[:2]) > 60:
            break
    big = 2 * size  # drawn larger, so that edges become smooth
    image = background(rng, colours[:2], big)
    radius = big * rng.uniform(0.25, 0.45)
    x, y = rng.uniform(radius, big - radius, 2)
    turn = rng.uniform(-0.4, 0.4)
    stretch = rng.uniform(0.9, 1.1)
    cos, sin = math.cos(turn), math.sin(turn)
    points = [(x + radius * (px * cos - py * stretch * sin) * 0.95,
               y + radius * (px * sin + py * stretch * cos) * 0.95) for px, py in polygon(shape)]
    draw = ImageDraw.Draw(image)
    draw.polygon(points, fill=colours[2])
    if rng.random() < 0.3:
        draw.line(points + points[:2], fill=tuple(int(v) for v in rng.integers(0, 256, 3)),
                  width=max(2, big // 60))
    return image.resize((size, size), Image.BOX)


def compressed(image, rng):
    """What a JPEG file makes of the picture."""
    data = io.BytesIO()
    image.save(data, "JPEG", quality=int(rng.integers(60, 96)))
    return Image.open(data)


def as_input(image):
    image = image.convert("RGB").resize((SIZE, SIZE), Image.BILINEAR)
    return ((np.asarray(image, dtype=np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1)


def data_set(seed, count):
    rng = np.random.default_rng(seed)
    x = np.empty((count, 3, SIZE, SIZE), dtype=np.float32)
    y = np.arange(count) % len(LABELS)
    for i in range(count):
        image = picture(rng, LABELS[y[i]], 80)
        x[i] = as_input(compressed(image, rng) if rng.random() < 0.5 else image)
    return x, y


def varied(rng, x):
    """The pictures in other colours, mirrored or turned: still of the same shapes."""
    x = x[:, rng.permutation(3)]
    if rng.random() < 0.5:
        x = -x
    if rng.random() < 0.5:
        x = x[:, :, :, ::-1]
    return np.rot90(x, rng.integers(0, 4), (2, 3))


# ---- The network: three convolutions of 3 x 3 with stride 2, and one layer ------------------------

def windows(x):
    """[n, c, h, w] to [n * h/2 * w/2, c * 9]: what each output of a convolution sees."""
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    parts = np.empty((n, h // 2, w // 2, c, 9), dtype=np.float32)
    for i in range(9):
        dy, dx = divmod(i, 3)
        parts[:, :, :, :, i] = padded[:, :, dy:dy + h:2, dx:dx + w:2].transpose(0, 2, 3, 1)
    return parts.reshape(-1, c * 9)


def windows_back(d, shape):
    """Adds up the gradients of windows()."""
    n, c, h, w = shape
    padded = np.zeros((n, c, h + 2, w + 2), dtype=np.float32)
    d = d.reshape(n, h // 2, w // 2, c, 9)
    for i in range(9):
        dy, dx = divmod(i, 3)
        padded[:, :, dy:dy + h:2, dx:dx + w:2] += d[:, :, :, :, i].transpose(0, 3, 1, 2)
    return padded[:, :, 1:-1, 1:-1]


class Network:
    def __init__(self, rng):
        self.weights = []
        for c_in, c_out in zip(CHANNELS, CHANNELS[1:]):
            fan_in = c_in * 9
            self.weights.append(rng.normal(0, math.sqrt(2 / fan_in), (fan_in, c_out)))
            self.weights.append(np.zeros(c_out))
        features = CHANNELS[-1] * (SIZE // 8) ** 2
        self.weights.append(rng.normal(0, math.sqrt(1 / features), (features, len(LABELS))))
        self.weights.append(np.zeros(len(LABELS)))
        self.weights = [w.astype(np.float32) for w in self.weights]
        self.moments = [(np.zeros_like(w), np.zeros_like(w)) for w in self.weights]
        self.steps = 0

    def forward(self, x):
        self.seen = []
        for i in range(len(CHANNELS) - 1):
            cols = windows(x)
            n, _, h, w = x.shape
            out = np.maximum(cols @ self.weights[2 * i] + self.weights[2 * i + 1], 0)
            self.seen.append((cols, x.shape, out))
            x = out.reshape(n, h // 2, w // 2, -1).transpose(0, 3, 1, 2)
        self.features = x.reshape(len(x), -1)
        logits = self.features @ self.weights[-2] + self.weights[-1]
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def backward(self, probabilities, y):
        n = len(y)
        d = probabilities.copy()
        d[np.arange(n), y] -= 1
        d /= n
        gradients = [self.features.T @ d, d.sum(axis=0)]
        d = (d @ self.weights[-2].T).reshape(n, CHANNELS[-1], SIZE // 8, SIZE // 8)
        for i in reversed(range(len(CHANNELS) - 1)):
            cols, shape, out = self.seen[i]
            d = d.transpose(0, 2, 3, 1).reshape(out.shape) * (out > 0)
            gradients = [cols.T @ d, d.sum(axis=0)] + gradients
            if i:
                d = windows_back(d @ self.weights[2 * i].T, shape)
        return gradients

    def step(self, gradients, rate):  # Adam
        self.steps += 1
        for w, (m, v), g in zip(self.weights, self.moments, gradients):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            w -= rate * (m / (1 - 0.9 ** self.steps)) / (
                np.sqrt(v / (1 - 0.999 ** self.steps)) + 1e-8)

    def predict(self, x):
        return np.concatenate([self.forward(x[i:i + 200]).argmax(axis=1)
                               for i in range(0, len(x), 200)])


def train():
    print(f"drawing {TRAINING} + {TEST} pictures", flush=True)
    x, y = data_set(SEED_TRAINING, TRAINING)
    x_test, y_test = data_set(SEED_TEST, TEST)
    rng = np.random.default_rng(SEED_WEIGHTS)
    network = Network(rng)
    for epoch in range(EPOCHS):
        rate = RATE * 0.5 * (1 + math.cos(math.pi * epoch / EPOCHS))
        order = rng.permutation(len(x))
        loss = 0.0
        for i in range(0, len(order), BATCH):
            batch = order[i:i + BATCH]
            p = network.forward(varied(rng, x[batch]))
            loss -= float(np.log(p[np.arange(len(batch)), y[batch]] + 1e-9).sum())
            network.step(network.backward(p, y[batch]), rate)
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {loss / len(x):.4f}", flush=True)
    right = network.predict(x_test) == y_test
    print(f"accuracy on {TEST} pictures that it has not seen: {100 * right.mean():.2f} %")
    for i, label in enumerate(LABELS):
        print(f"  {label}: {100 * right[y_test == i].mean():.2f} %")
    return network, float(right.mean())


# ---- Files ---------------------------------------------------------------------------------------

def write_model(network, directory):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights, last = [], [], "image"
    for i, (c_in, c_out) in enumerate(zip(CHANNELS, CHANNELS[1:]), 1):
        kernel = network.weights[2 * i - 2].T.reshape(c_out, c_in, 3, 3)
        weights.append(numpy_helper.from_array(np.ascontiguousarray(kernel), f"w{i}"))
        weights.append(numpy_helper.from_array(network.weights[2 * i - 1], f"b{i}"))
        nodes.append(helper.make_node("Conv", [last, f"w{i}", f"b{i}"], [f"conv{i}"],
                                      kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"conv{i}"], [f"relu{i}"]))
        last = f"relu{i}"
    weights.append(numpy_helper.from_array(network.weights[-2], "w"))
    weights.append(numpy_helper.from_array(network.weights[-1], "b"))
    nodes.append(helper.make_node("Flatten", [last], ["features"]))
    nodes.append(helper.make_node("Gemm", ["features", "w", "b"], ["logits"]))
    nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))
    graph = helper.make_graph(
        nodes, "shapes",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, len(LABELS)])],
        weights)
    model = helper.make_model(graph, producer_name="train.py", ir_version=8,
                              opset_imports=[helper.make_opsetid("", 13)])
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(directory, "shapes.onnx"))
    with open(os.path.join(directory, "labels.txt"), "w", encoding="utf-8") as f:
        f.write("\n".join(LABELS) + "\n")


def scene(rng):
    """The large example picture: a star over hills at night.

    A red light shines in its corner. Normalised for ImageNet, the first value of the picture is then
    the largest of all: an echo of it, which plugin noop gives, stands for class 0.
    """
    width, height = 800, 600
    sky = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    pixels = np.array([18, 24, 62]) * (1 - sky) + np.array([96, 62, 110]) * sky
    pixels = np.broadcast_to(pixels, (height, width, 3)) + rng.normal(0, 4, (height, width, 1))
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGB")
    draw = ImageDraw.Draw(image)
    for depth, colour in enumerate([(52, 44, 78), (38, 36, 62), (22, 26, 44)]):
        top = height * (0.78 + 0.07 * depth)
        hills = [(x, top + 22 * math.sin(x / (90 - 20 * depth) + depth)) for x in range(width + 1)]
        draw.polygon(hills + [(width, height), (0, height)], fill=colour)
    star = [(width * 0.5 + 200 * x, height * 0.42 + 200 * y) for x, y in polygon("star")]
    draw.polygon(star, fill=(228, 196, 88))
    glow = 1 - np.hypot(*np.mgrid[0:60, 0:60])[:, :, None] / 60
    pixels = np.array(image, dtype=np.float32)
    pixels[:60, :60] = np.where(glow > 0, pixels[:60, :60] * (1 - glow), pixels[:60, :60])
    pixels[:60, :60] += glow.clip(0) * np.array([262, 92, 41])
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGB")


def write_jpeg_of_size(image, path, size):
    """Saves with the best quality that fits, and fills up with comment segments."""
    for quality in range(97, 10, -1):
        data = io.BytesIO()
        image.save(data, "JPEG", quality=quality)
        room = size - len(data.getvalue())
        if room == 0 or 4 <= room <= 60000:
            break
    else:
        sys.exit(f"the picture cannot be made {size} bytes large")
    data = data.getvalue()
    comment = b"" if room == 0 else struct.pack(">HH", 0xFFFE, room - 2) + b" " * (room - 4)
    with open(path, "wb") as f:
        f.write(data[:2] + comment + data[2:])


def write_pictures(directory):
    rng = np.random.default_rng(SEED_PICTURES)
    for shape in LABELS:
        name = f"{shape}.png" if shape in ("square", "cross") else f"{shape}.jpg"
        image = picture(rng, shape, 160 if name.endswith(".png") else 256)
        image.save(os.path.join(directory, name), **({"quality": 88} if "jpg" in name else {}))
    write_jpeg_of_size(scene(rng), os.path.join(directory, "example.jpg"), 79281)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=here, help="directory for the model and its labels")
    parser.add_argument("--images", help="directory for the example pictures")
    parser.add_argument("--pictures-only", action="store_true", help="do not train")
    args = parser.parse_args()
    if args.images:
        write_pictures(args.images)
    if args.pictures_only:
        return
    network, accuracy = train()
    if accuracy < 0.95:
        sys.exit("the model is not good enough to be of use; nothing was written")
    write_model(network, args.out)


main()
