#!/usr/bin/env python3
"""Makes ../data/methods/propagation: relevance and excitation by zennit, excitation by TorchRay, deconvolution and
DeepLIFT by Captum.

usage: make_propagation.py --oracle zennit|torchray|captum

The libraries hook modules. zennit and TorchRay must see a residual sum as a module of its own (a plain `+` passes
relevance to both summands whole), so the nets' sums are made such modules here; Captum knows nn.ReLU alone, so Lite0's
ReLU6 becomes a kind of nn.ReLU where it is asked.
"""
import copy
from importlib.metadata import version

import numpy as np
import torch
from torch import nn

import subjects  # first: it finds the others
import nets

# ImageNet's black and white, which the engine takes where a model has no sidecar; Lite0's are in its own.
MEAN, DEVIATION = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])
USUAL_BOUNDS = (-MEAN / DEVIATION, (255 - MEAN) / DEVIATION)
LITE0_BOUNDS = (np.full(3, -127 / 128), np.full(3, 1.0))


def relative(a, b) -> float:
    return float(np.linalg.norm(np.asarray(a, np.float64) - b) / np.linalg.norm(b))


def in_both(attribute, subject):
    """[N,H,W] in float64, and how far float32 itself is from it."""
    wide = attribute(subject.net.double(), torch.from_numpy(subject.x).double())
    narrow = attribute(copy.deepcopy(subject.net).float(), torch.from_numpy(subject.x).float())
    subject.net.double()
    return wide, relative(narrow, wide)


# ---------------------------------------------------------------- sums and normalisation

class ZennitSum(nn.Module):
    def __init__(self):
        super().__init__()
        from zennit.layer import Sum
        self.sum = Sum()

    def forward(self, a, b):
        return self.sum(torch.stack([a, b], dim=-1))


def torchray_sum() -> nn.Module:
    from torchray.attribution.excitation_backprop import EltwiseSum
    return EltwiseSum()


class Residual(nn.Module):
    """A block and the sum with its input, as a module that can be hooked."""

    def __init__(self, block, total):
        super().__init__()
        self.block, self.sum = block, total

    def forward(self, x):
        return self.sum(self.block(x), x)


def basic_forward(self, x):
    return self.relu2(self.sum(self.second(self.relu1(self.first(x))), self.shortcut(x)))


def bottleneck_forward(self, x):
    y = self.expand(self.relu2(self.middle(self.relu1(self.reduce(x)))))
    return self.relu3(self.sum(y, self.shortcut(x)))


def fuse(conv, norm) -> nn.Module:
    """Lite0's convolution, which pads itself by a child module (so that it is no leaf for zennit), and the normalisation
    after it, folded here: zennit's own canonizer leaves a factor 1 / sqrt(1 + eps) behind, which is small where eps is
    1e-5, but not here, where it is 1e-3 in 49 layers."""
    plain = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, groups=conv.groups,
                      bias=False).double()
    plain.weight.data.copy_(conv.weight.data)
    return nn.Sequential(conv.static_padding, nn.utils.fusion.fuse_conv_bn_eval(plain.eval(), norm.eval()))


def with_leaves(subject, make_sum) -> None:
    """The net in such modules as can be hooked: the same function."""
    for parent in list(subject.net.modules()):
        children = list(parent.named_children())
        for (name, child), (next_name, norm) in zip(children, children[1:]):
            if hasattr(child, "static_padding"):
                setattr(parent, name, fuse(child, norm))
                setattr(parent, next_name, nn.Identity())
    x = torch.from_numpy(subject.x).double()
    with torch.no_grad():
        before = subject.net(x)
    for module in subject.net.modules():
        if isinstance(module, (nets.Basic, nets.Bottleneck)):
            module.sum = make_sum()
            kind = basic_forward if isinstance(module, nets.Basic) else bottleneck_forward
            module.forward = kind.__get__(module)
    if isinstance(subject.net, nets.Lite0):
        blocks = subject.net.blocks
        for i, block in enumerate(blocks):
            args = block._block_args
            stride = args.stride if isinstance(args.stride, int) else args.stride[0]
            if not (block.id_skip and stride == 1 and args.input_filters == args.output_filters):
                continue
            block.id_skip = False
            blocks[i] = Residual(block, make_sum())
            for name, layer in subject.layers.items():
                if layer is block:
                    subject.layers[name] = blocks[i]
    with torch.no_grad():
        assert torch.allclose(subject.net(x), before)


def with_folded(net) -> None:
    """The tiny nets' normalisation goes into the convolutions."""
    for parent in list(net.modules()):
        children = list(parent.named_children())
        for (name, child), (next_name, norm) in zip(children, children[1:]):
            if isinstance(child, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, name, nn.utils.fusion.fuse_conv_bn_eval(child, norm))
                setattr(parent, next_name, nn.Identity())


# ---------------------------------------------------------------- zennit

def bounds_of(subject, dtype):
    low, high = LITE0_BOUNDS if isinstance(subject.net, nets.Lite0) else USUAL_BOUNDS
    return [torch.tensor(b, dtype=dtype)[None, :, None, None] for b in (low, high)]


def zennit_attribution(composite_of, target, start, path=None):
    """`path`: the module at whose output relevance is read; None: at the input."""
    def attribute(net, x):
        from zennit.attribution import Gradient
        kept, handle = [], None
        if path:
            module = net.get_submodule(path)
            handle = module.register_forward_hook(lambda m, i, out: (out.retain_grad(), kept.append(out))[0])
        with Gradient(model=net, composite=composite_of(x.dtype)) as attributor:
            _, relevance = attributor(x.clone().requires_grad_(), start(target))
        if handle:
            handle.remove()
        return (kept[-1].grad if path else relevance).detach().sum(1).numpy()
    return attribute


def score(target):
    def seed(output):
        grad = torch.zeros_like(output)
        grad[:, target] = output.detach()[:, target]
        return grad
    return seed


def one(target):
    def seed(output):
        grad = torch.zeros_like(output)
        grad[:, target] = 1
        return grad
    return seed


def composites(subject) -> dict:
    """By case name: the parameters that the engine takes, and what makes the composite."""
    from zennit import composites as z
    from zennit.canonizers import SequentialMergeBatchNorm
    from zennit.rules import AlphaBeta, Epsilon, Flat, Gamma, WSquare, ZBox, ZPlus
    from zennit.types import Linear

    def named(kind, **more):
        return lambda dtype: kind(canonizers=[SequentialMergeBatchNorm()], **more)

    def box(dtype):
        low, high = bounds_of(subject, dtype)
        return z.EpsilonGammaBox(low=low, high=high, canonizers=[SequentialMergeBatchNorm()])

    def single(rule, first=None):
        def make(dtype):
            layers = z.layer_map_base() + [(Linear, rule)]
            canonizers = [SequentialMergeBatchNorm()]
            if first is None:
                return z.LayerMapComposite(layers, canonizers=canonizers)
            rule_of_first = first(dtype) if callable(first) and not isinstance(first, torch.nn.Module) else first
            return z.SpecialFirstLayerMapComposite(layers, [(Linear, rule_of_first)], canonizers=canonizers)
        return make

    narrow = lambda dtype: ZBox(torch.full((1, 3, 1, 1), -3.0, dtype=dtype), torch.full((1, 3, 1, 1), 2.5, dtype=dtype))
    return {
        "plus": ({}, named(z.EpsilonPlus)),
        "gammabox": ({"composite": "epsilon_gamma_box"}, box),
        "alpha2beta1": ({"composite": "epsilon_alpha2_beta1"}, named(z.EpsilonAlpha2Beta1)),
        "plusflat": ({"composite": "epsilon_plus_flat"}, named(z.EpsilonPlusFlat)),
        "alpha2beta1flat": ({"composite": "epsilon_alpha2_beta1_flat"}, named(z.EpsilonAlpha2Beta1Flat)),
        "epsilon": ({"composite": "single", "rule": "epsilon", "epsilon": 0.3}, single(Epsilon(0.3))),
        "gamma": ({"composite": "single", "rule": "gamma", "gamma": 0.5}, single(Gamma(0.5))),
        "alpha3beta2": ({"composite": "single", "rule": "alpha_beta", "alpha": 3}, single(AlphaBeta(3, 2))),
        "zplus-w2": ({"composite": "single", "rule": "z_plus", "first": "w2"}, single(ZPlus(), lambda d: WSquare())),
        "gamma-flat": ({"composite": "single", "rule": "gamma", "first": "flat"}, single(Gamma(0.25), lambda d: Flat())),
        "epsilon-box": ({"composite": "single", "epsilon": 0.3, "first": "z_box", "low": "-3", "high": "2.5"},
                        single(Epsilon(0.3), narrow)),
    }


LITE0_RULES = ("plus", "gammabox", "alpha2beta1flat")


def path_of(net, wanted) -> str:
    return next(name for name, module in net.named_modules() if module is wanted)


def zennit_cases(cases, subject) -> None:
    from zennit.canonizers import SequentialMergeBatchNorm
    from zennit.composites import ExcitationBackprop
    with_leaves(subject, ZennitSum)
    big = isinstance(subject.net, nets.Lite0)
    for name, (params, make) in composites(subject).items():
        if big and name not in LITE0_RULES:
            continue
        for target in subject.classes if name in LITE0_RULES else subject.classes[:1]:
            values, error = in_both(zennit_attribution(make, target, score), subject)
            cases.add(subject, f"lrp-{name}-class{target}", "lrp", target, params, values, thin=True, float32_error=error)
    excitation = lambda dtype: ExcitationBackprop(canonizers=[SequentialMergeBatchNorm()])
    for target in subject.classes:
        values, error = in_both(zennit_attribution(excitation, target, one), subject)
        cases.add(subject, f"excitationbp-class{target}", "excitationbp", target, {}, values, thin=True,
                  float32_error=error)
    for tensor, layer in subject.layers.items():
        path, target = path_of(subject.net, layer), subject.classes[0]
        values, error = in_both(zennit_attribution(excitation, target, one, path), subject)
        cases.add(subject, f"excitationbp-{path}-class{target}", "excitationbp", target, {"at": "layer", "layer": tensor},
                  values, float32_error=error)


# ---------------------------------------------------------------- torchray

def torchray_cases(cases, subject) -> None:
    """Where all inputs on the way are positive. Elsewhere (at the pixels, through Lite0's blocks, which end without a
    rectifier) TorchRay divides by sums of both signs, which may be anything: float32 alone is 1 % off."""
    from torchray.attribution.excitation_backprop import contrastive_excitation_backprop, excitation_backprop
    with_leaves(subject, torchray_sum)
    with_folded(subject.net)
    (early, early_layer), (late, late_layer) = subject.layers.items()
    if isinstance(subject.net, nets.Lite0):
        early, early_layer = late, late_layer
    at, top = path_of(subject.net, early_layer), path_of(subject.net, late_layer)

    def plain(target):
        return lambda net, x: np.concatenate([excitation_backprop(net, sample[None].clone(), target, at)
                                              .detach()[:, 0].numpy() for sample in x])

    def contrastive(target):
        return lambda net, x: np.concatenate([contrastive_excitation_backprop(net, sample[None].clone(), target, at, top)
                                              .detach()[:, 0].numpy() for sample in x])

    for target in subject.classes:
        where = {"dialect": "torchray", "at": "layer", "layer": early}
        values, error = in_both(plain(target), subject)
        cases.add(subject, f"excitationbp-torchray-class{target}", "excitationbp", target, where, values,
                  float32_error=error)
        values, error = in_both(contrastive(target), subject)
        cases.add(subject, f"excitationbp-contrastive-class{target}", "excitationbp", target,
                  {**where, "contrastive": True, "contrast_layer": late}, values, float32_error=error)


# ---------------------------------------------------------------- captum

class Rectifier6(nn.ReLU):
    """ReLU6 as a kind of nn.ReLU: Captum's deconvolution looks for those."""

    def forward(self, x):
        return torch.clamp(x, 0, 6)


class Block(nn.Module):
    """Lite0's block with activations of its own; it uses one module twice, which Captum's DeepLift refuses."""

    def __init__(self, block):
        super().__init__()
        args = block._block_args
        stride = args.stride if isinstance(args.stride, int) else args.stride[0]
        self.residual = block.id_skip and stride == 1 and args.input_filters == args.output_filters
        expand = [block._expand_conv, block._bn0, nn.ReLU6()] if args.expand_ratio != 1 else []
        self.main = nn.Sequential(*expand, block._depthwise_conv, block._bn1, nn.ReLU6(), block._project_conv, block._bn2)

    def forward(self, x):
        return self.main(x) + x if self.residual else self.main(x)


def with_modules(subject) -> None:
    """Activations that Captum can hook: the same function."""
    x = torch.from_numpy(subject.x).double()
    with torch.no_grad():
        before = subject.net(x)
    if isinstance(subject.net, nets.Lite0):
        for i, block in enumerate(subject.net.blocks):
            subject.net.blocks[i] = Block(block)
            for name, layer in subject.layers.items():
                if layer is block:
                    subject.layers[name] = subject.net.blocks[i]
    with torch.no_grad():
        assert torch.allclose(subject.net(x), before)


def rectified(net) -> nn.Module:
    """A copy whose ReLU6 Captum's deconvolution sees."""
    net = copy.deepcopy(net)
    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.ReLU6):
                setattr(parent, name, Rectifier6())
    return net


def one_by_one(attribute):
    """[N,H,W] of a function of one sample [1,3,H,W]; alone, since Captum mixes up samples in a batch (grad_input[0])."""
    def run(net, x):
        return np.concatenate([attribute(net, sample[None]).detach().sum(1).numpy() for sample in x])
    return run


def activations_of(net, layer, x):
    kept = []
    handle = layer.register_forward_hook(lambda m, i, out: kept.append(out.detach()))
    with torch.no_grad():
        net(x)
    handle.remove()
    return kept[0]


def projected(path, chosen):
    """One activation of a layer, all others zero, down to the pixels; `chosen` (channel, row, col) or the strongest."""
    from captum.attr import NeuronDeconvolution

    def attribute(net, sample):
        net = rectified(net)
        layer = net.get_submodule(path)
        values = activations_of(net, layer, sample)[0]
        at = chosen or tuple(int(i) for i in np.unravel_index(int(values.argmax()), values.shape))
        return values[at] * NeuronDeconvolution(net, layer).attribute(sample, at)
    return one_by_one(attribute)


def constant(subject, name, like):
    """A baseline of one colour."""
    low, _ = bounds_of(subject, like.dtype)
    return {"mean": torch.zeros_like(like), "black": low.expand_as(like)}[name].clone()


def deeplift(subject, target, baseline, probability=False):
    from captum.attr import DeepLift

    def attribute(net, sample):
        asked = nn.Sequential(copy.deepcopy(net), nn.Softmax(1)) if probability else net
        return DeepLift(asked).attribute(sample, constant(subject, baseline, sample), target=target)
    return one_by_one(attribute)


def deepshap(target, baselines):
    from captum.attr import DeepLiftShap
    return one_by_one(lambda net, sample: DeepLiftShap(net).attribute(sample, baselines.to(sample), target=target))


def captum_deconvolution(cases, subject) -> None:
    from captum.attr import Deconvolution
    for target in subject.classes:
        down = one_by_one(lambda net, sample: Deconvolution(rectified(net)).attribute(sample, target))
        values, error = in_both(down, subject)
        cases.add(subject, f"deconvnet-class{target}", "deconvnet", target, {}, values, thin=True, float32_error=error)
    for k, (tensor, layer) in enumerate(subject.layers.items()):
        path = path_of(subject.net, layer)
        for name, chosen in (("strongest", None), ("chosen", (2 + k, 1, 3))):
            if chosen and isinstance(subject.net, nets.Lite0):
                continue
            params = {"from": "activation", "layer": tensor}
            if chosen:
                params |= dict(zip(("channel", "row", "col"), chosen))
                kept = activations_of(subject.net, layer, torch.from_numpy(subject.x).double())
                if any(values[chosen] <= 0 for values in kept):
                    continue  # a negative one sends down what Captum's seed of 1 does not
            values, error = in_both(projected(path, chosen), subject)
            cases.add(subject, f"deconvnet-{path}-{name}", "deconvnet", subject.classes[0], params, values, thin=True,
                      float32_error=error)


def captum_deeplift(cases, subject) -> None:
    small = not isinstance(subject.net, nets.Lite0)
    for target in subject.classes:
        for baseline in ("mean", "black") if small or target == subject.classes[0] else ("mean",):
            values, error = in_both(deeplift(subject, target, baseline), subject)
            cases.add(subject, f"deeplift-{baseline}-class{target}", "deeplift", target, {"baseline": baseline}, values,
                      thin=True, float32_error=error)
    if not small:
        return
    target = subject.classes[0]
    values, error = in_both(deeplift(subject, target, "mean", probability=True), subject)
    cases.add(subject, "deeplift-probability", "deeplift", target, {}, values, float32_error=error, space="probability")
    baselines = nets.smooth_images(3, subject.net.shape, 77)
    draws = cases.draws(f"{subject.name}-deepshap", baselines=baselines.numpy())
    for target in subject.classes:
        values, error = in_both(deepshap(target, baselines), subject)
        cases.add(subject, f"deepshap-class{target}", "deepshap", target, {}, values, float32_error=error, draws=draws)


class Pooled(nn.Module):
    """Overlapping max-pools that follow no activation: there Captum's own rule for them is in force. One is followed by
    an activation, whose rule then is not."""
    shape = (3, 16, 16)

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.MaxPool2d(3, 2, 1), nn.Conv2d(6, 12, 3, padding=1),
                                      nn.ReLU(), nn.Conv2d(12, 12, 3, padding=1), nn.MaxPool2d(3, 2, 1), nn.ReLU(),
                                      nn.Conv2d(12, 12, 3), nn.Tanh())
        self.gap, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(12, nets.CLASSES)

    def forward(self, x):
        return self.head(self.gap(self.features(x)).flatten(1))


class Bent(nn.Module):
    """The activations that Captum knows beside ReLU, and a Softmax inside."""
    shape = (3, 16, 16)

    def __init__(self):
        super().__init__()
        layers, inp = [], 3
        for activation in (nn.LeakyReLU(0.1), nn.Sigmoid(), nn.Tanh(), nn.Softplus(), nn.ELU(0.7), nn.Softmax(1)):
            layers += [nn.Conv2d(inp, 8, 3, padding=1, stride=2 if inp == 3 else 1), activation]
            inp = 8
        self.features, self.gap, self.head = nn.Sequential(*layers), nn.AdaptiveAvgPool2d(1), nn.Linear(8, nets.CLASSES)

    def forward(self, x):
        return self.head(self.gap(self.features(x)).flatten(1))


def small_net(kind, seed: int):
    """One of the nets above, with its file."""
    torch.manual_seed(seed)
    net = kind()
    nets.calibrate(net, seed + 1)
    folder = subjects.DATA / "methods" / "propagation" / kind.__name__.lower()
    folder.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(net, (torch.zeros(1, *net.shape),), str(folder / "model.onnx"), dynamo=False, opset_version=13,
                      input_names=["input"], output_names=["logits"])
    x = nets.smooth_images(2, net.shape, seed + 2).numpy()
    np.save(folder / "input.npy", x)
    place = str(folder.relative_to(subjects.DATA))
    return subjects.Subject(kind.__name__.lower(), f"{place}/model.onnx", f"{place}/input.npy", net.double(), x, (3, 7),
                            {}, 1)


def captum_cases(cases, subject) -> None:
    import warnings

    from captum.attr._core import deep_lift
    warnings.filterwarnings("ignore", module="captum")
    deep_lift.SUPPORTED_NON_LINEAR[nn.ReLU6] = deep_lift.nonlinear  # its own rule, which it does not apply to ReLU6
    with_modules(subject)
    if not isinstance(subject.net, Bent):  # which has other rectifiers: they are cut here, and not by Captum
        captum_deconvolution(cases, subject)
    captum_deeplift(cases, subject)


# ---------------------------------------------------------------- main

NOTES = {
    "zennit": {"sums": "modules of their own (zennit.layer.Sum)", "batch norm": "SequentialMergeBatchNorm",
               "channels": "summed"},
    "torchray": {"sums": "EltwiseSum", "batch norm": "folded", "channels": "summed"},
    "captum": {"ReLU6": "a kind of nn.ReLU for deconvolution; rescaled by Captum's own function for DeepLift",
               "batch": "one sample at a time", "channels": "summed"},
}


def main() -> None:
    oracle = subjects.oracle_asked(("zennit", "torchray", "captum"))
    cases = subjects.Cases("propagation", oracle)
    extra = [small_net(Pooled, 710), small_net(Bent, 720)] if oracle == "captum" else []
    for subject in [*extra, *subjects.subjects()]:
        {"zennit": zennit_cases, "torchray": torchray_cases, "captum": captum_cases}[oracle](cases, subject)
    cases.save({name: version(name) for name in (oracle, "torch", "numpy")}, NOTES[oracle])


if __name__ == "__main__":
    main()
