"""Trains the example network and writes what is committed beside this file: digits.onnx, calib/ and eval/.

Data: the 1,797 handwritten digits (8 x 8 pixels, 17 grey levels) that come with scikit-learn. The first
1,297 train the network, calib/ holds some of those, eval/ some of the other 500.

Needs Debian's python3-torch, python3-onnx, python3-sklearn, python3-pil; under a minute. Same versions and
machine give the same bytes (seeded, one thread); others a network just as good.

usage: /usr/bin/python3 examples/digits/train.py
"""
import os
import shutil

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from sklearn.datasets import load_digits

HERE = os.path.dirname(os.path.abspath(__file__))
TRAIN, EPOCHS, BATCH = 1297, 60, 32
CALIB_PER_DIGIT, EVAL_PER_DIGIT = 4, 10


class Network(nn.Module):
    """Convolutions with BatchNormalization, one of them depthwise, a residual Add, pooling, a classifier."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.dw = nn.Conv2d(32, 32, 3, padding=1, groups=32, bias=False)
        self.bn3 = nn.BatchNorm2d(32)
        self.pw = nn.Conv2d(32, 32, 1, bias=False)
        self.bn4 = nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        y = F.relu6(self.bn3(self.dw(x)))
        x = F.relu(x + self.bn4(self.pw(y)))
        x = F.relu(self.conv3(x))
        return self.fc(x.mean(dim=(2, 3)))


def augmented(x, generator):
    """Shifts by up to one pixel, and a little noise."""
    dy, dx = torch.randint(-1, 2, (2,), generator=generator).tolist()
    x = torch.roll(F.pad(x, (1, 1, 1, 1)), (dy, dx), (2, 3))[:, :, 1:-1, 1:-1]
    return x + 0.05 * torch.randn(x.shape, generator=generator)


def train(x, y):
    torch.manual_seed(7)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(7)
    net = Network()
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x), generator=generator)
        for at in range(0, len(x) - BATCH + 1, BATCH):
            index = order[at:at + BATCH]
            loss = F.cross_entropy(net(augmented(x[index], generator)), y[index], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()
    return net.eval()


class Writer:
    """ONNX nodes and weights, in order."""

    def __init__(self, state):
        self.state, self.nodes, self.weights = state, [], []

    def weight(self, name):
        self.weights.append(numpy_helper.from_array(self.state[name].numpy().astype(np.float32), name))
        return name

    def node(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name + "_out"], name=name, **attributes))
        return name + "_out"

    def conv(self, x, name, bn=None, pad=1, groups=1):
        kernel = list(self.state[name + ".weight"].shape[2:])
        inputs = [x, self.weight(name + ".weight")]
        if bn is None:
            inputs.append(self.weight(name + ".bias"))
        x = self.node("Conv", inputs, name, kernel_shape=kernel, pads=[pad] * 4, group=groups)
        if bn is None:
            return x
        parts = [self.weight(f"{bn}.{part}") for part in ("weight", "bias", "running_mean", "running_var")]
        return self.node("BatchNormalization", [x] + parts, bn, epsilon=1e-5)


def write_onnx(net, path):
    w = Writer(net.state_dict())
    x = w.node("Relu", [w.conv("image", "conv1", "bn1")], "relu1")
    x = w.node("Relu", [w.conv(x, "conv2", "bn2")], "relu2")
    x = w.node("MaxPool", [x], "pool", kernel_shape=[2, 2], strides=[2, 2])
    for name, value in (("zero", 0), ("six", 6)):
        w.weights.append(numpy_helper.from_array(np.array(value, np.float32), name))
    y = w.node("Clip", [w.conv(x, "dw", "bn3", groups=32), "zero", "six"], "relu6")
    x = w.node("Relu", [w.node("Add", [x, w.conv(y, "pw", "bn4", pad=0)], "add")], "relu3")
    x = w.node("Relu", [w.conv(x, "conv3")], "relu4")
    x = w.node("Flatten", [w.node("GlobalAveragePool", [x], "mean")], "flatten")
    w.nodes.append(helper.make_node("Gemm", [x, w.weight("fc.weight"), w.weight("fc.bias")], ["digit"],
                                    name="fc", transB=1))
    graph = helper.make_graph(
        w.nodes, "digits", [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("digit", TensorProto.FLOAT, [1, 10])], w.weights)
    model = helper.make_model(graph, producer_name="axcompile-example", ir_version=8,
                              opset_imports=[helper.make_opsetid("", 13)])
    onnx.checker.check_model(model)
    onnx.save(model, path)


def write_images(directory, images, labels, first, per_digit):
    """DIGIT_NUMBER.png: the number is the image's place in the data set."""
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    count = [0] * 10
    for i in range(first, len(images)):
        digit = int(labels[i])
        if count[digit] < per_digit:
            count[digit] += 1
            pixels = np.round(images[i] * (255 / 16)).astype(np.uint8)
            Image.fromarray(pixels).save(os.path.join(directory, f"{digit}_{i:04}.png"))


def main():
    data = load_digits()
    x = torch.tensor(np.round(data.images * (255 / 16)) / 255, dtype=torch.float32).unsqueeze(1)
    y = torch.tensor(data.target)
    net = train(x[:TRAIN], y[:TRAIN])
    with torch.no_grad():
        correct = (net(x[TRAIN:]).argmax(1) == y[TRAIN:]).float().mean().item()
    print(f"held-out accuracy: {correct * 100:.1f} %")
    write_onnx(net, os.path.join(HERE, "digits.onnx"))
    write_images(os.path.join(HERE, "calib"), data.images, data.target, 0, CALIB_PER_DIGIT)
    write_images(os.path.join(HERE, "eval"), data.images, data.target, TRAIN, EVAL_PER_DIGIT)


if __name__ == "__main__":
    main()
