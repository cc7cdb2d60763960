#!/usr/bin/env python3
"""Makes data/methods/cam: class activation maps of gradients and activations, as the libraries compute them.

usage: make_cam.py --oracle grad-cam|torchcam

What is stored is a library's own map in the layer's resolution, before the scaling and resizing that it does for
display (pytorch-grad-cam's get_cam_image; torch-cam with normalized=False). Of components found by an SVD the sign is
open, and numpy's is an accident: they are turned so that they correlate positively with the mean activation.
"""
import argparse
from importlib import metadata

import numpy as np
import pytorch_grad_cam as pgc
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

import subjects
import oracles  # noqa: I001  (of the folder above, which subjects adds)

GRADIENT = {"gradcam": pgc.GradCAM, "gradcam++": pgc.GradCAMPlusPlus, "xgradcam": pgc.XGradCAM,
            "hirescam": pgc.HiResCAM, "elementcam": pgc.GradCAMElementWise, "layercam": pgc.LayerCAM,
            "eigengradcam": pgc.EigenGradCAM}
ACTIVATION = {"eigencam": pgc.EigenCAM, "fem": pgc.FEM}
SVD = ("eigencam", "eigengradcam")


def tensor_of(net, x) -> torch.Tensor:
    return torch.from_numpy(x).to(next(net.parameters()).dtype)


def turned(image, activations) -> np.ndarray:
    """Each map with the sign that makes it correlate with the mean activation."""
    mean = activations.mean(axis=1)
    mean = mean - mean.mean(axis=(1, 2), keepdims=True)
    return image * np.sign((image * mean).sum(axis=(1, 2), keepdims=True))


def raw(kind, net, layer, x, target, smooth=False, svd=False) -> np.ndarray:
    """pytorch-grad-cam's map before any scaling, [N,h,w]."""
    tensor, goals = tensor_of(net, x), [ClassifierOutputTarget(target)] * len(x)
    with kind(net, [layer]) as cam:
        cam(tensor, targets=goals, eigen_smooth=smooth)
        both = cam.activations_and_grads
        activations = both.activations[0].numpy()
        gradients = both.gradients[0].numpy() if both.gradients else None
        image = cam.get_cam_image(tensor, layer, goals, activations, gradients, smooth)
    return np.float64(turned(image, activations) if smooth or svd else image)


def both_signs(method) -> dict:
    return {"relu": False} if method == "gradcam" else {}


def grad_cam_cases(s: subjects.Subject, out: subjects.Cases) -> None:
    for at, (tensor, layer) in enumerate(s.layers.items()):
        def add(name, method, target, params, compute):
            out.add(s, name, method, target, {"layer": tensor, **params}, compute(),
                    float32_error=oracles.float32_error(s.net, compute))
        for method, kind in ACTIVATION.items():
            add(f"{method}-{at}", method, s.classes[0], {},
                lambda: raw(kind, s.net, layer, s.x, s.classes[0], svd=method in SVD))
        for target in s.classes:
            for method, kind in GRADIENT.items():
                add(f"{method}-{at}-{target}", method, target, both_signs(method),
                    lambda: raw(kind, s.net, layer, s.x, target, svd=method in SVD))
        for method in ("gradcam", "layercam"):
            add(f"{method}-smooth-{at}", method, s.classes[1], {**both_signs(method), "eigen_smooth": True},
                lambda: raw(GRADIENT[method], s.net, layer, s.x, s.classes[1], smooth=True))


def steer() -> subjects.Subject:
    """A regression: the branch of tiny-steer that ends in a global average and a linear layer."""
    net, _ = subjects.nets.make("tiny-steer")
    x = np.load(subjects.DATA / "tiny-steer" / "input.npy")
    tensor = oracles.tensor_name(str(subjects.DATA / "tiny-steer/model.onnx"), oracles.layer_value(net, net.relu4, x), x)
    return subjects.Subject("tiny-steer", "tiny-steer/model.onnx", "tiny-steer/input.npy", net.double(), x, (),
                            {tensor: net.relu4}, 1)


def linear_head_cases(s: subjects.Subject, method: str, fc: str, targets: dict, out: subjects.Cases) -> None:
    """torch-cam's CAM: `targets` by the row of the linear layer."""
    import torchcam.methods
    tensor, layer = list(s.layers.items())[-1]
    for row, target in targets.items():
        with torchcam.methods.CAM(s.net, layer, fc, input_shape=s.x.shape[1:]) as extractor, torch.no_grad():
            s.net(tensor_of(s.net, s.x))
            values = extractor(row, normalized=False)[0].numpy()
        out.add(s, f"{method}-{row}", method, target, {"layer": tensor}, values)


def torchcam_cases(s: subjects.Subject, out: subjects.Cases) -> None:
    import torchcam.methods

    def raw_torchcam(kind, layer, target):
        with kind(s.net, layer, input_shape=s.x.shape[1:]) as extractor:
            scores = s.net(tensor_of(s.net, s.x))
            return extractor(target, scores, normalized=False)[0].detach().double().numpy()

    for at, (tensor, layer) in enumerate(s.layers.items()):
        for target in s.classes:
            def compute():
                return raw_torchcam(torchcam.methods.GradCAMpp, layer, target)
            out.add(s, f"gradcam++-torchcam-{at}-{target}", "gradcam++", target,
                    {"layer": tensor, "dialect": "torchcam", "relu": True}, compute(),
                    float32_error=oracles.float32_error(s.net, compute))
    if hasattr(s.net, "fc"):
        linear_head_cases(s, "cam", "fc", {c: c for c in s.classes}, out)


ORACLES = {"grad-cam": (grad_cam_cases, ("grad-cam", "torch", "numpy")),
           "torchcam": (torchcam_cases, ("torchcam", "torch"))}
NOTES = {
    "grad-cam": {"sign": "Components (eigencam, eigengradcam, eigen_smooth) are turned so that they correlate "
                         "positively with the mean activation: the library leaves the SVD's sign."},
    "torchcam": {"gradcam++": "The division that makes alpha is lost in a copy (alpha[idx][mask].div_): the weights "
                              "are sum(g^2 relu(g)). The dialect has the same."},
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--oracle", choices=ORACLES, required=True)
    oracle = parser.parse_args().oracle
    torch.set_num_threads(1)
    make, packages = ORACLES[oracle]
    out = subjects.Cases("cam", oracle)
    for s in subjects.subjects():
        make(s, out)
    if oracle == "torchcam":
        linear_head_cases(steer(), "ram", "speed", {0: {"output": {"name": "speed", "index": 0}}}, out)
    out.save({name: metadata.version(name) for name in packages}, NOTES[oracle])


if __name__ == "__main__":
    main()
