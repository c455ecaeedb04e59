#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains small networks that detect things, segment, find poses and see depth in drawn scenes.

    train.py [--out DIRECTORY] [TASK...]        TASK: detect, segment, pose, depth (default: all)

For each task it draws scenes of random colours, sizes and places, trains one convolutional network on them (a minute or
so on two cores), says how often it is right on scenes that it has not seen, and writes TASK/model.onnx, TASK/model.pt
(TorchScript), TASK/config.json and TASK/preprocessor_config.json to --out (default: this directory). lite.py makes
TASK/model.tflite of the first.

They know the scenes of ../scenes/make.py by their forms, where the networks that are worked out by hand there go by
colours, and take the same pictures: float32 [1, 3, 96, 96], RGB from 0 to 1. Their outputs, on a grid of 24 x 24:

    detect    circles, squares and triangles: as YOLO's heads, float32 [1, 4 + 3, 24 * 24]
    segment   the same, place by place, and what is none of them: logits, float32 [1, 4, 24, 24]
    pose      a figure's head, hands and feet: heat maps, float32 [1, 5, 24, 24]
    depth     metres of things in a mist: float32 [1, 24, 24]
"""

import argparse
import math
import os
import sys

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import nn
from torch.nn import functional

from lite import GRID, MIDDLE, STEP

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../scenes"))
from make import FAR, KINDS, NEAR, SIZE, write_description

POINTS = ["head", "left hand", "right hand", "left foot", "right foot"]
TRAINING, TEST, EPOCHS, BATCH, RATE = 3000, 300, 16, 30, 0.01
BOX_UNIT, THRESHOLD = 16, 0.5
MIDDLE_PART = 0.2  # of a thing's width and height, to either side
SEED_TRAINING, SEED_TEST, SEED_WEIGHTS = 1, 2, 3


# ---- Scenes --------------------------------------------------------------------------------------

def colour(rng, low=0, high=256):
    return tuple(int(v) for v in rng.integers(low, high, 3))


def canvas(rng):
    """A gradient with grain, twice as large as the input. Return: a picture, and its mean colour"""
    first, last = (np.array(colour(rng, 60, 200)) for _ in range(2))
    if rng.random() < 0.5:  # gray ones
        first, last = (np.full(3, c.mean()) for c in (first, last))
    ramp = np.linspace(0, 1, 2 * SIZE)
    ramp = (ramp[:, None] if rng.random() < 0.5 else ramp[None, :])[..., None]
    pixels = np.broadcast_to(first * (1 - ramp) + last * ramp, (2 * SIZE, 2 * SIZE, 3))
    pixels = pixels + rng.normal(0, rng.uniform(0, 8), (2 * SIZE, 2 * SIZE, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGB"), (first + last) / 2


def standing_out(rng, mean):
    while True:
        c = colour(rng)
        if np.abs(np.array(c) - mean).sum() > 150:
            return c


def small(image):
    return np.asarray(image.resize((SIZE, SIZE), Image.BOX), dtype=np.float32).transpose(2, 0, 1) / 255


def outline(kind, box):
    left, top, right, bottom = box
    if kind == 0:
        angles = np.linspace(0, 2 * math.pi, 40, endpoint=False)
        return [((left + right) / 2 + (right - left) / 2 * math.cos(a),
                 (top + bottom) / 2 + (bottom - top) / 2 * math.sin(a)) for a in angles]
    if kind == 1:
        return [(left, top), (right, top), (right, bottom), (left, bottom)]
    tip = left + (right - left) * 0.45
    return [(tip, top), (right, bottom), (left, bottom)]


def draw_things(rng):
    """One to four things that do not touch. Return: picture, class of each pixel, kinds and boxes"""
    image, mean = canvas(rng)
    mask = Image.new("L", image.size)
    kinds, found = [], []
    for _ in range(int(rng.integers(1, 5))):
        for _ in range(20):
            width = rng.uniform(16, 60)
            height = width * rng.uniform(0.6, 1.6)
            if height > 70:
                continue
            left, top = rng.uniform(1, SIZE - 1 - width), rng.uniform(1, SIZE - 1 - height)
            box = (left, top, left + width, top + height)
            if all(box[2] + 2 < b[0] or b[2] + 2 < box[0] or box[3] + 2 < b[1] or b[3] + 2 < box[1]
                   for b in found):
                kind = int(rng.integers(0, 3))
                points = [(2 * x, 2 * y) for x, y in outline(kind, box)]
                ImageDraw.Draw(image).polygon(points, fill=standing_out(rng, mean))
                ImageDraw.Draw(mask).polygon(points, fill=kind + 1)
                kinds.append(kind)
                found.append(box)
                break
    return small(image), mask, kinds, found


def draw_segment(rng):
    """Target: the class of each place"""
    image, mask, _, _ = draw_things(rng)
    return image, np.asarray(mask)[STEP::2 * STEP, STEP::2 * STEP].astype(np.int64)


def draw_detect(rng):
    """
    Target: for each place its class, and of what is in the box of a thing its middle, width and height. Only around
    its middle has a thing its class.
    """
    image, _, kinds, boxes = draw_things(rng)
    target = np.zeros((5, GRID, GRID), dtype=np.float32)
    centres = (np.arange(GRID) + 0.5) * STEP
    for kind, (left, top, right, bottom) in zip(kinds, boxes):
        x, y, width, height = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
        for part, first, values in ((0.5, 1, [x, y, width, height]), (MIDDLE_PART, 0, [1 + kind])):
            across = np.abs(centres - x) < max(width * part, STEP / 2)
            down = np.abs(centres - y) < max(height * part, STEP / 2)
            target[first:first + len(values), down[:, None] & across] = np.array(values)[:, None]
    return image, target


def draw_pose(rng):
    """A figure that faces us: its left hand is on our right. Target: heat maps"""
    image, mean = canvas(rng)
    draw = ImageDraw.Draw(image)
    scale = rng.uniform(0.75, 1.1)

    def at(x, y, spread):
        return (SIZE / 2 + shift[0] + scale * x + rng.uniform(-spread, spread),
                SIZE / 2 + shift[1] + scale * y + rng.uniform(-spread, spread))

    shift = rng.uniform(-9, 9, 2)
    head, neck, hip = at(0, -30, 3), at(0, -18, 1), at(0, 8, 2)
    ends = [at(26, -6, 9), at(-26, -6, 9), at(16, 36, 5), at(-16, 36, 5)]
    fill = standing_out(rng, mean)
    for start, end in [(head, neck), (neck, hip), (neck, ends[0]), (neck, ends[1]), (hip, ends[2]), (hip, ends[3])]:
        draw.line([tuple(2 * c for c in start), tuple(2 * c for c in end)], fill=fill, width=int(rng.integers(4, 9)))
    radius = rng.uniform(3.5, 6)
    dots = rng.random() < 0.6  # hands and feet, too
    for i, (x, y) in enumerate([head] + ends):
        if i == 0 or dots:
            box = [2 * (x - radius), 2 * (y - radius * 0.9), 2 * (x + radius), 2 * (y + radius * 0.9)]
            draw.ellipse(box, fill=standing_out(rng, mean))
    centres = (np.arange(GRID) + 0.5) * STEP
    heat = np.stack([np.exp(-((centres[None, :] - x) ** 2 + (centres[:, None] - y) ** 2) / 40)
                     for x, y in [head] + ends])
    return small(image), heat.astype(np.float32)


def draw_depth(rng):
    """Dark things, the paler the farther. Target: metres"""
    def seen(metres):
        part = (metres - NEAR) / (FAR - NEAR)
        return tuple(int(v + 0.5) for v in dark * (1 - part) + pale * part)

    pale = np.full(3, 255 * 0.9)
    dark = np.full(3, 255 * 0.1)
    far = rng.uniform(7, FAR)
    image = Image.new("RGB", (2 * SIZE, 2 * SIZE), seen(far))
    metres = np.full((2 * SIZE, 2 * SIZE), far, dtype=np.float32)
    mask = Image.new("L", image.size)
    for i, distance in enumerate(sorted(rng.uniform(NEAR, far, int(rng.integers(1, 5))), reverse=True), 1):
        dark = (np.full(3, 25.5) + rng.uniform(-20, 20, 3)).clip(0, 60)  # of any colour
        width, height = rng.uniform(16, 60, 2)
        left, top = rng.uniform(-10, SIZE - 20, 2)
        points = [(2 * x, 2 * y) for x, y in outline(int(rng.integers(0, 3)),
                                                     (left, top, left + width, top + height))]
        ImageDraw.Draw(image).polygon(points, fill=seen(distance))
        ImageDraw.Draw(mask).polygon(points, fill=i)
        metres[np.asarray(mask) == i] = distance
    noise = rng.normal(0, rng.uniform(0, 4), (2 * SIZE, 2 * SIZE, 1))
    image = Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8), "RGB")
    return small(image), metres.reshape(GRID, 2 * STEP, GRID, 2 * STEP).mean(axis=(1, 3))


# ---- Networks ------------------------------------------------------------------------------------

# channels, stride, dilation: a place of the grid sees the whole picture, but for those at its edges
LAYERS = [(8, 2, 1), (16, 2, 1), (16, 1, 1), (16, 1, 2), (16, 1, 4), (16, 1, 8)]
DETECT_LAYERS = [(8, 2, 1), (16, 2, 1), (32, 1, 1), (32, 1, 2), (32, 1, 4), (32, 1, 8), (32, 1, 1)]


class Network(nn.Module):
    def __init__(self, outputs, layers=None):
        super().__init__()
        self.layers, self.norms = nn.ModuleList(), nn.ModuleList()
        before = 3
        for channels, stride, dilation in layers or LAYERS:
            self.layers.append(nn.Conv2d(before, channels, 3, stride, dilation, dilation))
            self.norms.append(nn.BatchNorm2d(channels))
            before = channels
        self.last = nn.Conv2d(before, outputs, 1)

    def raw(self, x):
        for layer, norm in zip(self.layers, self.norms):
            x = functional.relu(norm(layer(x)))
        return self.last(x)

    def simplify(self):
        """What has been learned of means and deviations becomes part of the convolutions."""
        self.eval()
        for i, norm in enumerate(self.norms):
            self.layers[i] = nn.utils.fuse_conv_bn_eval(self.layers[i], norm)
            self.norms[i] = nn.Identity()


class Segment(Network):
    def __init__(self):
        super().__init__(1 + len(KINDS))

    def loss(self, x, target):
        return functional.cross_entropy(self.raw(x), target)

    def forward(self, pixel_values):
        return self.raw(pixel_values)


class Detect(Network):
    """The first four channels are how far the middle of a thing is, and its width and height, in BOX_UNIT pixels"""

    def __init__(self):
        super().__init__(4 + 1 + len(KINDS), DETECT_LAYERS)
        centres = (torch.arange(GRID) + 0.5) * STEP
        x, y = centres.expand(GRID, GRID), centres[:, None].expand(GRID, GRID)
        self.register_buffer("places", torch.stack([x, y, torch.zeros_like(x), torch.zeros_like(x)])[None])

    def loss(self, x, target):
        raw, classes = self.raw(x), target[:, 0].long()
        things = (target[:, 3:4] > 0).expand(-1, 4, -1, -1)
        boxes = (target[:, 1:] - self.places) / BOX_UNIT
        return (functional.cross_entropy(raw[:, 4:], classes) * 4 +
                functional.smooth_l1_loss(raw[:, :4][things], boxes[things], beta=0.1))

    def simplify(self):
        super().simplify()
        with torch.no_grad():
            self.last.weight[:4] *= BOX_UNIT
            self.last.bias[:4] *= BOX_UNIT

    def forward(self, pixel_values):
        raw = self.raw(pixel_values)
        boxes, scores = raw[:, :4] + self.places, torch.softmax(raw[:, 4:], 1)[:, 1:]
        return torch.cat([boxes, scores], 1).reshape(1, 4 + len(KINDS), GRID * GRID)


class Pose(Network):
    def __init__(self):
        super().__init__(len(POINTS))

    def loss(self, x, target):
        return functional.binary_cross_entropy_with_logits(self.raw(x), target) * 5

    def forward(self, pixel_values):
        return torch.sigmoid(self.raw(pixel_values))


class Depth(Network):
    def __init__(self):
        super().__init__(1)

    def loss(self, x, target):
        return functional.smooth_l1_loss(self.raw(x)[:, 0] + MIDDLE, target, beta=0.2)

    def forward(self, pixel_values):
        return self.raw(pixel_values).reshape(1, GRID, GRID) + MIDDLE


# ---- What is right -------------------------------------------------------------------------------

def overlap(a, b):
    """a, b: middle, width, height. Return: the share of what either has that both have"""
    both = np.prod([max(0, min(a[i] + a[i + 2] / 2, b[i] + b[i + 2] / 2) -
                        max(a[i] - a[i + 2] / 2, b[i] - b[i + 2] / 2)) for i in (0, 1)])
    return both / (a[2] * a[3] + b[2] * b[3] - both)


def right_detect(out, target):
    """Each thing is found where it is, as what it is, and nothing else."""
    found = []
    for place in sorted(out[0].T, key=lambda p: -p[4:].max()):
        kind = place[4:].argmax()
        if place[4 + kind] >= THRESHOLD and all(kind != k or overlap(place, b) <= 0.45 for k, b in found):
            found.append((kind, place[:4]))
    things = {tuple(p) for p in target.reshape(5, -1).T if p[0] > 0}
    return len(found) == len(things) and all(
        any(kind + 1 == t[0] and overlap(box, t[1:]) > 0.7 for t in things) for kind, box in found)


def right_segment(out, target):
    return (out[0].argmax(axis=0) == target).mean() > 0.95


def right_pose(out, target):
    def places(maps):
        return np.stack(np.unravel_index(maps.reshape(len(POINTS), -1).argmax(axis=1), (GRID, GRID)))

    return np.abs(places(out[0]) - places(target)).max() <= 1


def right_depth(out, target):
    return np.abs(out[0] - target).mean() < 0.3


TASKS = {"detect": (Detect, draw_detect, right_detect, KINDS, "output0"),
         "segment": (Segment, draw_segment, right_segment, ["background"] + KINDS, "logits"),
         "pose": (Pose, draw_pose, right_pose, POINTS, "heatmaps"),
         "depth": (Depth, draw_depth, right_depth, None, "predicted_depth")}


def data_set(draw, seed, count):
    rng = np.random.default_rng(seed)
    pairs = [draw(rng) for _ in range(count)]
    return torch.tensor(np.stack([p[0] for p in pairs])), torch.tensor(np.stack([p[1] for p in pairs]))


def train(task):
    make, draw, right, _, _ = TASKS[task]
    torch.set_num_threads(1)
    torch.manual_seed(SEED_WEIGHTS)
    network = make()
    x, y = data_set(draw, SEED_TRAINING, TRAINING)
    steps = EPOCHS * (TRAINING // BATCH)
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for epoch in range(EPOCHS):
        total = 0.0
        for batch in torch.randperm(TRAINING).reshape(-1, BATCH):
            loss = network.loss(x[batch][:, torch.randperm(3)], y[batch])  # other colours, the same things
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss)
        print(f"{task}: epoch {epoch + 1} of {EPOCHS}: loss {total * BATCH / TRAINING:.4f}", flush=True)
    network.simplify()
    x, y = data_set(draw, SEED_TEST, TEST)
    with torch.no_grad():
        good = sum(bool(right(network(x[i:i + 1]).numpy(), y[i].numpy())) for i in range(TEST))
    print(f"{task}: right on {100 * good / TEST:.1f} % of {TEST} scenes that it has not seen", flush=True)
    return network, good / TEST


# ---- Files ---------------------------------------------------------------------------------------

def write(network, task, directory):
    labels, output = TASKS[task][3:]
    os.makedirs(directory, exist_ok=True)
    example = torch.zeros(1, 3, SIZE, SIZE)
    torch.onnx.export(network, (example,), os.path.join(directory, "model.onnx"), opset_version=13, dynamo=False,
                      input_names=["pixel_values"], output_names=[output])
    torch.jit.trace(network, example).save(os.path.join(directory, "model.pt"))
    write_description(directory, labels, **({"vaccel_threshold": THRESHOLD} if task == "detect" else {}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("tasks", nargs="*", metavar="TASK", default=list(TASKS), choices=list(TASKS))
    args = parser.parse_args()
    for task in args.tasks:
        network, share = train(task)
        if share < 0.8:
            sys.exit(f"{task}: too often wrong; nothing was written")
        write(network, task, os.path.join(args.out, task))


if __name__ == "__main__":
    main()
