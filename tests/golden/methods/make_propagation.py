#!/usr/bin/env python3
"""Makes ../data/methods/propagation: relevance and excitation by zennit, deconvolution and DeepLIFT by Captum.

usage: make_propagation.py --oracle zennit|captum

Both libraries hook modules. zennit must see a residual sum as a module of its own (a plain `+` passes relevance to both
summands whole), so the nets' sums are made such modules here; Captum knows nn.ReLU alone, so Lite0's ReLU6 becomes a
kind of nn.ReLU where it is asked.
"""
import argparse
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


# ---------------------------------------------------------------- zennit

class Residual(nn.Module):
    """A block and the sum with its input, as a module that zennit sees."""

    def __init__(self, block):
        super().__init__()
        from zennit.layer import Sum
        self.block, self.sum = block, Sum()

    def forward(self, x):
        return self.sum(torch.stack([self.block(x), x], dim=-1))


def basic_forward(self, x):
    y = self.second(self.relu1(self.first(x)))
    return self.relu2(self.sum(torch.stack([y, self.shortcut(x)], dim=-1)))


def bottleneck_forward(self, x):
    y = self.expand(self.relu2(self.middle(self.relu1(self.reduce(x)))))
    return self.relu3(self.sum(torch.stack([y, self.shortcut(x)], dim=-1)))


def fuse(conv, norm) -> nn.Module:
    """Lite0's convolution, which pads itself by a child module (so that it is no leaf for zennit), and the normalisation
    after it, folded here: zennit's own canonizer leaves a factor 1 / sqrt(1 + eps) behind, which is small where eps is
    1e-5, but not here, where it is 1e-3 in 49 layers."""
    plain = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, groups=conv.groups,
                      bias=False).double()
    plain.weight.data.copy_(conv.weight.data)
    return nn.Sequential(conv.static_padding, nn.utils.fusion.fuse_conv_bn_eval(plain.eval(), norm.eval()))


def with_leaves(subject) -> None:
    """The net in such modules as zennit can see: the same function."""
    from zennit.layer import Sum
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
            module.sum = Sum()
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
            blocks[i] = Residual(block)
            for name, layer in subject.layers.items():
                if layer is block:
                    subject.layers[name] = blocks[i]
    with torch.no_grad():
        assert torch.allclose(subject.net(x), before)


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
    with_leaves(subject)
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


# ---------------------------------------------------------------- main

NOTES = {
    "zennit": {"sums": "modules of their own (zennit.layer.Sum)", "batch norm": "SequentialMergeBatchNorm",
               "channels": "summed"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--oracle", choices=("zennit",), required=True)
    oracle = parser.parse_args().oracle
    torch.set_num_threads(1)
    cases = subjects.Cases("propagation", oracle)
    for subject in subjects.subjects():
        {"zennit": zennit_cases}[oracle](cases, subject)
    cases.save({name: version(name) for name in (oracle, "torch", "numpy")}, NOTES[oracle])


if __name__ == "__main__":
    main()
