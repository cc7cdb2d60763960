#!/usr/bin/env python3
"""Makes data/methods/camscore: class activation maps by perturbation, as the libraries compute them.

usage: make_camscore.py --oracle grad-cam|torchcam|openvino-xai

What is stored is a library's own map in the layer's resolution, before the scaling and resizing that it does for
display. The libraries keep scores in float32 on the way: where that is so, the line of arithmetic that they mean is
computed beside them in float64, must agree, and is what is stored.
"""
import itertools
from importlib import metadata

import numpy as np
import torch
from torch import nn

import subjects
import oracles  # noqa: I001  (of the folder above, which subjects adds)

NOISE_SAMPLES, SIGMA = 2, 2.0
AGREE = 2e-3  # pytorch-grad-cam subtracts scores in float32


def tensor_of(net, x) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(x)).to(next(net.parameters()).dtype)


def each(x, compute) -> np.ndarray:
    """compute(sample) of every sample, stacked."""
    return np.stack([np.float64(compute(x[i:i + 1])) for i in range(len(x))])


def agreed(library, line, what) -> np.ndarray:
    error = oracles.relative_l2(library, line)
    if not error < AGREE:
        raise SystemExit(f"{what}: the library and its own definition differ by {error:.1e}")
    return line


class Adder:
    """Cases of one subject; of a small one each with float32's own error, which decides its bound."""

    def __init__(self, subject, out):
        self.subject, self.out = subject, out

    def __call__(self, name, method, target, params, compute, **fields):
        error = oracles.float32_error(self.subject.net, compute) if is_small(self.subject) else 0
        self.out.add(self.subject, name, method, target, params, compute(), float32_error=error, **fields)


def is_small(s) -> bool:
    return s.name.startswith("tiny")


def layers_of(s, least: int) -> list:
    """(number, tensor, module); of Lite0 only those with at most `least` channels: a forward each is much there."""
    return [(at, tensor, layer) for at, (tensor, layer) in enumerate(s.layers.items())
            if is_small(s) or oracles.layer_value(s.net, layer, s.x).shape[1] <= least]


# ---------------------------------------------------------------- pytorch-grad-cam

def grad_cam_raw(kind, net, layer, sample, target, **options) -> np.ndarray:
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    tensor, goals = tensor_of(net, sample), [ClassifierOutputTarget(target)]
    with kind(net, [layer], **options) as cam, torch.no_grad():
        cam.activations_and_grads(tensor)
        activations = cam.activations_and_grads.activations[0].numpy()
        return cam.get_cam_image(tensor, layer, goals, activations, None, False)[0]


def with_layer(net, layer, value, sample) -> np.ndarray:
    """The network's output where the layer gives `value`, whatever its batch."""
    handle = layer.register_forward_hook(lambda *_: value)
    with torch.no_grad():
        out = net(tensor_of(net, sample))
    handle.remove()
    return out.double().numpy()


def ablation_line(net, layer, sample, target) -> np.ndarray:
    a = oracles.layer_value(net, layer, sample)
    full, weights = with_layer(net, layer, tensor_of(net, a), sample)[0, target], []
    for first in range(0, a.shape[1], 64):
        channels = range(first, min(first + 64, a.shape[1]))
        off = np.repeat(a, len(channels), 0)
        for i, k in enumerate(channels):
            off[i, k] = 0
        weights += list((full - with_layer(net, layer, tensor_of(net, off), sample)[:, target]) / full)
    return np.tensordot(np.array(weights), a[0], 1)


def score_line(net, layer, sample, target) -> np.ndarray:
    a = torch.from_numpy(oracles.layer_value(net, layer, sample))
    up = nn.functional.interpolate(a, sample.shape[2:], mode="bilinear", align_corners=True)[0]
    low, high = up.amin((1, 2), keepdim=True), up.amax((1, 2), keepdim=True)
    masks = (up - low) / (high - low + 1e-8)
    with torch.no_grad():
        scores = [net((torch.from_numpy(sample) * m).to(tensor_of(net, sample).dtype))[0, target].double() for m in masks]
    return torch.tensordot(torch.softmax(torch.stack(scores), 0), a[0], 1).numpy()


def grad_cam_cases(s, out) -> None:
    import pytorch_grad_cam as pgc
    from pytorch_grad_cam.ablation_layer import AblationLayer

    class Zeroing(AblationLayer):
        """Sets channels to zero whatever the layer's least activation."""

        def __call__(self, x):
            for i in range(len(self.activations)):
                self.activations[i, self.indices[i]] = 0
            return self.activations

    add = Adder(s, out)
    for at, tensor, layer in layers_of(s, 1280 if s.name.endswith("coffee") else 0):
        zero = oracles.layer_value(s.net, layer, s.x).min() == 0
        options = {} if zero else {"ablation_layer": Zeroing()}
        for target in s.classes if is_small(s) else s.classes[:1]:
            s.net.float()  # where the library has a thousand forwards to make; its own scores are float32 anyway
            library = each(s.x, lambda x: grad_cam_raw(pgc.AblationCAM, s.net, layer, x, target, **options))
            s.net.double()
            add(f"ablationcam-{at}-{target}", "ablationcam", target, {"layer": tensor}, lambda: agreed(
                library, each(s.x, lambda x: ablation_line(s.net, layer, x, target)), f"{s.name} ablationcam"))
    for at, tensor, layer in layers_of(s, 128 if s.name.endswith("coffee") else 0):
        for target in s.classes if is_small(s) else s.classes[:1]:
            library = each(s.x, lambda x: grad_cam_raw(pgc.ScoreCAM, s.net, layer, x, target))
            add(f"scorecam-{at}-{target}", "scorecam", target,
                {"layer": tensor, "dialect": "grad-cam", "relu": False}, lambda: agreed(
                library, each(s.x, lambda x: score_line(s.net, layer, x, target)), f"{s.name} scorecam"))


# ---------------------------------------------------------------- torch-cam

class AsThePaper(nn.Module):
    """Probabilities of a picture that is given as its difference from black: so a product with a mask, which is what
    torch-cam makes, hides with black."""

    def __init__(self, net, black):
        super().__init__()
        self.net, self.black = net, torch.from_numpy(black)

    def forward(self, x):
        return torch.softmax(self.net(x + self.black.to(x.dtype)), 1)


def black_of(s) -> np.ndarray:
    """A black pixel as the network sees it: by the sidecar of Lite0, by ImageNet's usual preprocessing without one."""
    if not is_small(s):
        return np.full((1, 3, 1, 1), -127 / 128)
    return (-np.array([123.675, 116.28, 103.53]) / np.array([58.395, 57.12, 57.375])).reshape(1, 3, 1, 1)


def torchcam_raw(kind, net, layer, sample, target, noise=None, **options) -> np.ndarray:
    with kind(net, layer, input_shape=sample.shape[1:], **options) as extractor, torch.no_grad():
        if noise is not None:
            given = itertools.cycle(tensor_of(net, noise))
            extractor._distrib.sample = lambda shape: next(given).reshape(shape)
        net(tensor_of(net, sample))
        return extractor(target, normalized=False)[0][0].double().numpy()


def torchcam_cases(s, out) -> None:
    from torchcam import methods
    add = Adder(s, out)
    for at, tensor, layer in layers_of(s, 128 if s.name.endswith("chelsea") else 0):
        for target in s.classes if is_small(s) else s.classes[:1]:
            paper, black = AsThePaper(s.net, black_of(s)), np.float64(black_of(s))
            add(f"scorecam-paper-{at}-{target}", "scorecam", target, {"layer": tensor}, lambda: each(
                s.x, lambda x: torchcam_raw(methods.ScoreCAM, paper, layer, np.float64(x) - black, target)))
            add(f"scorecam-torchcam-{at}-{target}", "scorecam", target, {"layer": tensor, "dialect": "torchcam"},
                lambda: each(s.x, lambda x: torchcam_raw(methods.ScoreCAM, s.net, layer, x, target)))
            if is_small(s):
                add(f"iscam-{at}-{target}", "iscam", target, {"layer": tensor}, lambda: each(
                    s.x, lambda x: torchcam_raw(methods.ISCAM, s.net, layer, x, target)))
    if not is_small(s):
        return
    tensor, layer = next(iter(s.layers.items()))
    noise = np.float32(np.random.default_rng(5).normal(0, SIGMA, (NOISE_SAMPLES, 16, *s.x.shape[2:])))
    draws = out.draws("sscam", noise=noise)
    for target in s.classes:
        add(f"sscam-0-{target}", "sscam", target,
            {"layer": tensor, "samples": NOISE_SAMPLES, "noise_sigma": SIGMA}, lambda: each(
                s.x, lambda x: torchcam_raw(methods.SSCAM, s.net, layer, x, target, noise,
                                            num_samples=NOISE_SAMPLES, std=SIGMA)), draws=draws)


# ---------------------------------------------------------------- OpenVINO XAI

def openvino_cases(s, out) -> None:
    from openvino_xai.methods.white_box.torch import TorchReciproCAM, TorchViTReciproCAM

    class Plain(TorchReciproCAM):
        """The library takes the last layer whose name holds the given one."""

        def _find_feature_module_by_name(self, model, target_name):
            return model.get_submodule(target_name)

    class Gaussian(Plain):
        """With the masks of the library's variant for transformers, whose tokens are the layer's cells here."""
        _use_gaussian, _use_cls_token = True, False

        def _get_mosaic_feature_map(self, feature_map, c, h, w):
            tokens = torch.cat([feature_map.new_zeros(1, c), feature_map.reshape(c, h * w).T])
            mosaic = TorchViTReciproCAM._get_mosaic_feature_map(self, tokens, c, h, w)[:, 1:]
            return mosaic.reshape(h * w, h, w, c).permute(0, 3, 1, 2).to(feature_map.dtype)

    names = {module: name for name, module in s.net.named_modules()}
    add = Adder(s, out)

    def raw(kind, layer, sample, target):
        method = kind(s.net, target_layer=names[layer], embed_scaling=False)
        with torch.no_grad():
            return method._model_compiled(tensor_of(s.net, sample))["saliency_map"][0, target].double().numpy()

    for at, tensor, layer in layers_of(s, 1280):
        for target in s.classes:
            add(f"reciprocam-{at}-{target}", "reciprocam", target, {"layer": tensor},
                lambda: each(s.x, lambda x: raw(Plain, layer, x, target)))
        add(f"reciprocam-gaussian-{at}", "reciprocam", s.classes[0], {"layer": tensor, "gaussian": True},
            lambda: each(s.x, lambda x: raw(Gaussian, layer, x, s.classes[0])))


ORACLES = {"grad-cam": (grad_cam_cases, ("grad-cam", "torch", "numpy")),
           "torchcam": (torchcam_cases, ("torchcam", "torch", "numpy")),
           "openvino-xai": (openvino_cases, ("openvino_xai", "torch", "numpy"))}
NOTES = {
    "grad-cam": {"ablationcam": "Where the layer's least activation is not 0 the library sets a channel to 1e7 below the "
                                "least, measured anew after each channel: there its ablation layer is replaced by one "
                                "that sets zeros.",
                 "float32": "The library keeps scores in float32 before it subtracts them; stored is the same in float64."},
    "torchcam": {"scorecam-paper": "The library on a network that takes a picture as its difference from black and gives "
                                   "probabilities.",
                 "baseline": "The library subtracts the unmasked picture's score, a constant, before the softmax.",
                 "iscam": "The library adds its factors up: 0.1, 0.3, 0.6, ... 5.5 with ten samples."},
    "openvino-xai": {"gaussian": "The library's masks for transformers, with the layer's cells as tokens.",
                     "scaling": "embed_scaling=False: the scores themselves."},
}


def main() -> None:
    oracle = subjects.oracle_asked(ORACLES)
    make, packages = ORACLES[oracle]
    out = subjects.Cases("camscore", oracle)
    for s in subjects.subjects():
        make(s, out)
    out.save({name: metadata.version(name) for name in packages}, NOTES[oracle])


if __name__ == "__main__":
    main()
