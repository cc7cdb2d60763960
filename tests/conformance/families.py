"""The networks of export_families.py: which, at what size, by which exporter, in which form."""
import dataclasses
from pathlib import Path

import numpy as np
import onnx
import torch
import torchvision
from torch import nn
from torchvision.models import efficientnet, mnasnet, mobilenetv2, mobilenetv3, regnet, resnet

VERSIONS = f"torch {torch.__version__}, torchvision {torchvision.__version__}"


@dataclasses.dataclass(frozen=True)
class Case:
    net: str
    size: int = 128
    exporter: str = "torchscript"
    opset: int = 13
    inputs: int = 6  # of which the calmest is taken
    dense: bool = False  # maps as output; height and width are free in the file
    unfolded: bool = False
    external: bool = False  # dynamo: weights in another file
    form: str = ""  # see variant

    def recipe(self) -> str:
        words = [self.exporter, f"opset {self.opset}", f"{self.size} px"]
        words += ["free height and width"] * self.dense + ["unfolded"] * self.unfolded + ["external"] * self.external
        return ", ".join(words + [self.form] * bool(self.form))


CASES = {  # the cheap ones first
    f"opset{opset}": Case("small", 32, opset=opset) for opset in range(11, 21)
} | {
    f"dynamo{opset}": Case("small", 32, "dynamo", opset) for opset in range(18, 21)
} | {  # a few kilobytes each: kept in tests/exporters/data for `make test`
    "tiny_torchscript11": Case("tiny", 16, opset=11),
    "tiny_torchscript17": Case("tiny", 16, opset=17, unfolded=True),
    "tiny_dynamo18": Case("tiny", 16, "dynamo", 18),
    "tiny_dynamo20": Case("tiny", 16, "dynamo", 20, external=True),
    "tiny_half": Case("tiny", 16, unfolded=True, form="float16 throughout"),
    "tiny_half_weights": Case("tiny", 16, unfolded=True, form="float16 initialisers and Cast nodes"),
    "tiny_external": Case("tiny", 16, form="external, one file in a folder"),
    "tiny_constants": Case("tiny", 16, opset=12, form="Constant nodes"),
    "tiny_unet": Case("tiny_unet", 16, opset=16, dense=True),
    "tiny_unet_dynamo": Case("tiny_unet", 16, "dynamo", 18, dense=True),
} | {
    "unfolded": Case("small", 32, opset=13, unfolded=True),
    "half_weights": Case("small", 32, unfolded=True, form="float16 initialisers and Cast nodes"),
    "half_graph": Case("small", 32, unfolded=True, form="float16 throughout"),
    "external_many": Case("small", 32, form="external, a file a tensor"),
    "external_one": Case("small", 32, form="external, one file in a folder"),
    "old_inputs": Case("small", 32, opset=11, form="initialisers among the inputs"),
    "constants": Case("small", 32, form="Constant nodes"),
    "resnet18": Case("resnet18", 224, opset=11),
    "resnet50": Case("resnet50", 224, opset=13),
    "mobilenetv2": Case("mobilenet_v2", 224, opset=13),
    "resnext50": Case("resnext50_32x4d", opset=12),
    "wideresnet50": Case("wide_resnet50_2", exporter="dynamo", opset=18, inputs=2, external=True),
    "mobilenetv3_small": Case("mobilenet_v3_small", 224, opset=17),
    "mobilenetv3_large": Case("mobilenet_v3_large", exporter="dynamo", opset=20),
    "efficientnet_b0": Case("efficientnet_b0", 160, opset=16),
    "efficientnet_v2_s": Case("efficientnet_v2_s", exporter="dynamo", opset=18, inputs=3),
    "mnasnet": Case("mnasnet1_0", opset=15),
    "shufflenetv2": Case("shufflenet_v2_x1_0", 160, opset=14, inputs=12),
    "shufflenetv2_dynamo": Case("shufflenet_v2_x1_0", exporter="dynamo", opset=19),
    "squeezenet": Case("squeezenet1_1", 160, opset=11),
    "googlenet": Case("googlenet", 160, opset=18, inputs=12),
    "inceptionv3": Case("inception_v3", 192, opset=19, inputs=3),
    "regnet_y": Case("regnet_y_400mf", exporter="dynamo", opset=20),
    "regnet_x": Case("regnet_x_400mf", opset=20),
    "convnext": Case("convnext_tiny", opset=17, inputs=2),
    "convnext_dynamo": Case("convnext_tiny", exporter="dynamo", opset=20, inputs=2, external=True),
    "attention_unet": Case("attention_unet", 64, opset=16, dense=True),
    "attention_unet_dynamo": Case("attention_unet", 64, "dynamo", 18, dense=True),
    "fcn_resnet50": Case("fcn_resnet50", 96, opset=13, inputs=2, dense=True),
    "fcn_dynamo": Case("fcn_resnet50", 96, "dynamo", 18, inputs=2, dense=True),
    "vgg16": Case("vgg16", 224, opset=14, inputs=2),
    "densenet121": Case("densenet121", 224, opset=12, inputs=2),
    "vgg16_bn": Case("vgg16_bn", 224, "dynamo", 18, inputs=2, external=True),
    "vit_b_16": Case("vit_b_16", 224, opset=17, inputs=1),
    "vit_b_16_dynamo": Case("vit_b_16", 224, "dynamo", 20, inputs=1, external=True),
}


# ---------------------------------------------------------------- networks that torchvision does not have

def block(channels_in: int, channels_out: int) -> nn.Sequential:
    layers = []
    for channels in (channels_in, channels_out):
        layers += [nn.Conv2d(channels, channels_out, 3, padding=1), nn.BatchNorm2d(channels_out), nn.ReLU()]
    return nn.Sequential(*layers)


class Gate(nn.Module):
    """The additive attention gate of Attention U-Net (Oktay et al., 2018, arXiv 1804.03999, section 3)."""

    def __init__(self, skip: int, signal: int, inner: int):
        super().__init__()
        self.skip = nn.Conv2d(skip, inner, 1, stride=2)
        self.signal = nn.Conv2d(signal, inner, 1)
        self.score = nn.Conv2d(inner, 1, 1)

    def forward(self, skip, signal):
        gate = torch.sigmoid(self.score(torch.relu(self.skip(skip) + self.signal(signal))))
        return skip * nn.functional.interpolate(gate, scale_factor=2.0, mode="bilinear")


class AttentionUNet(nn.Module):
    def __init__(self, widths=(8, 16, 32), classes: int = 5):
        super().__init__()
        self.down = nn.ModuleList(block(a, b) for a, b in zip((3, *widths), widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in zip(widths, widths[1:]))
        self.gates = nn.ModuleList(Gate(a, b, a) for a, b in zip(widths, widths[1:]))
        self.merge = nn.ModuleList(block(2 * a, a) for a in widths[:-1])
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        skips = []
        for level, down in enumerate(self.down):
            x = down(x if level == 0 else nn.functional.max_pool2d(x, 2))
            skips.append(x)
        for level in reversed(range(len(self.up))):
            gated = self.gates[level](skips[level], x)
            x = self.merge[level](torch.cat([gated, self.up[level](x)], 1))
        return self.head(x)


class Small(nn.Module):
    """A little of everything: depthwise and pointwise, squeeze-excitation, shuffle, residual, SiLU, hard swish."""

    def __init__(self, width: int = 16, classes: int = 10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.Hardswish())
        self.depthwise = nn.Sequential(nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False),
                                       nn.BatchNorm2d(width), nn.SiLU())
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, 4, 1), nn.ReLU(),
                                     nn.Conv2d(4, width, 1), nn.Hardsigmoid())
        self.project = nn.Sequential(nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width))
        self.last = nn.Sequential(nn.Conv2d(width, 2 * width, 3, 2, 1), nn.BatchNorm2d(2 * width), nn.ReLU6())
        self.head = nn.Linear(2 * width, classes)

    def forward(self, x):
        x = self.stem(x)
        y = self.depthwise(x)
        y = self.project(y * self.squeeze(y))
        n, c, h, w = y.shape
        y = y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        x = nn.functional.max_pool2d(x + y, 3, 2, 1, ceil_mode=True)
        return self.head(nn.functional.dropout(self.last(x).mean((2, 3)), 0.2, self.training))


class Segmenter(nn.Module):
    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)["out"]


def build(case: Case) -> nn.Module:
    if case.net in ("small", "tiny"):
        return Small() if case.net == "small" else Small(width=6, classes=5)
    if case.net == "tiny_unet":
        return AttentionUNet(widths=(4, 6), classes=3)
    if case.net == "attention_unet":
        return AttentionUNet()
    if case.net == "fcn_resnet50":
        return Segmenter(torchvision.models.segmentation.fcn_resnet50(weights=None, weights_backbone=None))
    more = {}
    if case.net in ("googlenet", "inception_v3"):
        more = {"aux_logits": False, "init_weights": False}
    return getattr(torchvision.models, case.net)(weights=None, **more)


def head_of(net: nn.Module) -> nn.Module:
    """The last layer: a Linear, or a convolution where there is none."""
    linear = [m for m in net.modules() if isinstance(m, nn.Linear)]
    return linear[-1] if linear else [m for m in net.modules() if isinstance(m, nn.Conv2d)][-1]


def branch_ends(net: nn.Module) -> list[nn.BatchNorm2d]:
    """The last normalisation of every residual branch, before it is added to the trunk."""
    ends = []
    for m in net.modules():
        if isinstance(m, resnet.BasicBlock):
            ends.append(m.bn2)
        elif isinstance(m, resnet.Bottleneck):
            ends.append(m.bn3)
        elif isinstance(m, mobilenetv2.InvertedResidual) and m.use_res_connect:
            ends.append(m.conv[-1])
        elif isinstance(m, mnasnet._InvertedResidual) and m.apply_residual:
            ends.append(m.layers[-1])
        elif isinstance(m, regnet.ResBottleneckBlock):
            ends.append(m.f[-1][1])
        elif isinstance(m, (mobilenetv3.InvertedResidual, efficientnet.MBConv, efficientnet.FusedMBConv)):
            if m.use_res_connect:
                ends.append(m.block[-1][1])
    return ends


# ---------------------------------------------------------------- forms that other tools write

def half_weights(model: onnx.ModelProto) -> None:
    """float16 initialisers, each widened by a Cast: what compressors of files write."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            half = onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor).astype(np.float16))
            half.name = tensor.name + "_half"
            casts.append(onnx.helper.make_node("Cast", [half.name], [tensor.name], to=onnx.TensorProto.FLOAT))
            tensor.CopyFrom(half)
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def constant_nodes(model: onnx.ModelProto) -> None:
    """Every initialiser as a Constant node, as Paddle writes them."""
    nodes = [onnx.helper.make_node("Constant", [], [t.name], value=t) for t in model.graph.initializer]
    nodes += list(model.graph.node)
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)


def variant(net: nn.Module, case: Case, path: Path) -> bool:
    """Rewrites the exported file in another form. True: ONNX Runtime would compute it in half precision."""
    if not case.form:
        return False
    model = onnx.load(str(path))
    half = case.form.startswith("float16")
    if half:
        for parameter in [*net.parameters(), *net.buffers()]:
            parameter.data = parameter.data.half().to(parameter.dtype) if parameter.is_floating_point() else parameter
    if case.form == "float16 throughout":
        from onnxruntime.transformers.float16 import convert_float_to_float16
        model = convert_float_to_float16(model, keep_io_types=True)
    elif half:
        half_weights(model)
    elif case.form == "Constant nodes":
        constant_nodes(model)
    elif case.form == "initialisers among the inputs":
        model.ir_version = 3
        model.graph.input.extend(onnx.helper.make_tensor_value_info(t.name, t.data_type, t.dims)
                                 for t in model.graph.initializer)
    one = case.form == "external, one file in a folder"
    if one:
        (path.parent / "weights").mkdir(exist_ok=True)
    for old in path.parent.glob("**/*.weights"):
        old.unlink()
    external = {"save_as_external_data": True, "size_threshold": 0, "all_tensors_to_one_file": one,
                "location": "weights/all.weights" if one else None} if case.form.startswith("external") else {}
    onnx.save(model, str(path), **external)
    return case.form == "float16 throughout"
