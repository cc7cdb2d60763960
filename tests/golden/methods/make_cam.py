#!/usr/bin/env python3
"""Makes data/methods/cam: class activation maps of gradients and activations, as the libraries compute them.

usage: make_cam.py --oracle grad-cam|torchcam|openvino-xai

What is stored is a library's own map in the layer's resolution, before the scaling and resizing that it does for
display (pytorch-grad-cam's get_cam_image; torch-cam with normalized=False). Of components found by an SVD the sign is
open, and numpy's is an accident: they are turned so that they correlate positively with the mean activation.
"""
import json
from importlib import metadata

import numpy as np
import pytorch_grad_cam as pgc
import torch
from pytorch_grad_cam.refine_cam import RefineCAM
from pytorch_grad_cam.seg_eigen_cam import SegEigenCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

import subjects
import oracles  # noqa: I001  (of the folder above, which subjects adds)

GRADIENT = {"gradcam": pgc.GradCAM, "gradcam++": pgc.GradCAMPlusPlus, "xgradcam": pgc.XGradCAM,
            "hirescam": pgc.HiResCAM, "elementcam": pgc.GradCAMElementWise, "layercam": pgc.LayerCAM,
            "eigengradcam": pgc.EigenGradCAM, "segeigencam": SegEigenCAM}
ACTIVATION = {"eigencam": pgc.EigenCAM, "fem": pgc.FEM, "kpcacam": pgc.KPCA_CAM}
SVD = ("eigencam", "eigengradcam")
CALM = 2e-5


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


def final(kind, net, layers, x, target, aug=False) -> np.ndarray:
    """What pytorch-grad-cam returns: fused, from 0 to 1, in the input's resolution; [N,H,W]."""
    tensor, goals = tensor_of(net, x), [ClassifierOutputTarget(target)] * len(x)
    with kind(net, layers) as cam:
        return np.float64(cam(tensor, targets=goals, aug_smooth=aug))


def largest(kind, net, layers, x, target) -> np.ndarray:
    """The same with the largest of the layers' maps in place of their mean, which is all the library has."""
    tensor, goals = tensor_of(net, x), [ClassifierOutputTarget(target)] * len(x)
    with kind(net, layers) as cam:
        cam(tensor, targets=goals)
        each = np.concatenate(cam.compute_cam_per_layer(tensor, goals, False), axis=1)
    return np.float64(scale_cam_image(np.maximum(each, 0).max(axis=1)))


def refined(net, layers, x, target) -> np.ndarray:
    cam = RefineCAM(net, layers)
    return np.float64(cam(tensor_of(net, x), [ClassifierOutputTarget(target)] * len(x)))


def finer(net, layer, x, target, alpha) -> np.ndarray:
    """Before any scaling: FinerCAM chooses its classes, and Grad-CAM's map of that target is asked."""
    tensor = tensor_of(net, x)
    cam = pgc.FinerCAM(net, [layer])
    cam(tensor, alpha=alpha, target_idx=target)
    both = cam.base_cam.activations_and_grads
    image = cam.base_cam.get_cam_image(tensor, layer, None, both.activations[0].numpy(), both.gradients[0].numpy())
    both.release()
    return np.float64(image)


def shapley(net, layer, x, target) -> np.ndarray:
    tensor, goals = tensor_of(net, x), [ClassifierOutputTarget(target)] * len(x)
    kept = []

    class Kept(pgc.ShapleyCAM):
        def get_cam_image(self, *args, **more):
            kept.append(super().get_cam_image(*args, **more))
            return kept[-1]

    with Kept(net, [layer]) as cam:
        cam(tensor, targets=goals)
    return np.float64(kept[0])


def both_signs(method) -> dict:
    return {"relu": False} if method == "gradcam" else {}


def grad_cam_cases(s: subjects.Subject, out: subjects.Cases) -> None:
    for at, (tensor, layer) in enumerate(s.layers.items()):
        def add(name, method, target, params, values):
            out.add(s, name, method, target, {"layer": tensor, **params}, values)
        for method, kind in ACTIVATION.items():
            add(f"{method}-{at}", method, s.classes[0], {},
                raw(kind, s.net, layer, s.x, s.classes[0], svd=method in SVD))
        for target in s.classes:
            for method, kind in GRADIENT.items():
                add(f"{method}-{at}-{target}", method, target, both_signs(method),
                    raw(kind, s.net, layer, s.x, target, svd=method in SVD))
        for method in ("gradcam", "layercam"):
            add(f"{method}-smooth-{at}", method, s.classes[1], {**both_signs(method), "eigen_smooth": True},
                raw(GRADIENT[method], s.net, layer, s.x, s.classes[1], smooth=True))


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


def smooth(s: subjects.Subject, layer, target, noise) -> np.ndarray:
    """torch-cam draws its noise from a distribution object: this one hands out what is given. Every sample of the batch
    gets the same, so that it can be replayed for each alone."""
    import torchcam.methods
    rest = list(noise)

    class Given:
        @staticmethod
        def sample(size):
            return tensor_of(s.net, rest.pop(0)).expand(size)

    with torchcam.methods.SmoothGradCAMpp(s.net, layer, num_samples=len(noise),
                                          input_shape=s.x.shape[1:]) as extractor:
        extractor._distrib = Given()
        s.net(tensor_of(s.net, s.x))
        return extractor(target, normalized=False)[0].detach().double().numpy()


def calm_noise(s: subjects.Subject) -> np.ndarray:
    """The first draw with which no rounding moves the gradients: no unit sits on its kink (as the nets' inputs are
    taken)."""
    for seed in range(800, 900):
        noise = np.float32(0.3 * np.random.RandomState(seed).standard_normal((4, *s.x.shape[1:])))
        errors = (oracles.float32_error(s.net, lambda: smooth(s, layer, target, noise))
                  for layer in s.layers.values() for target in s.classes)
        if all(error < CALM for error in errors):
            return noise
    raise SystemExit("no calm noise")


def smooth_torchcam_cases(s: subjects.Subject, out: subjects.Cases) -> None:
    noise = calm_noise(s)
    folder = out.draws(f"{s.name}-smoothgradcam++", noise=noise)
    for at, (tensor, layer) in enumerate(s.layers.items()):
        for target in s.classes:
            out.add(s, f"smoothgradcam++-{at}-{target}", "smoothgradcam++", target, {"layer": tensor, "relu": True},
                    smooth(s, layer, target, noise), draws=folder)


def large_smooth_case(s: subjects.Subject, out: subjects.Cases) -> None:
    """Noise of whole numbers, which are small in a file: every draw is as good as another once it is given."""
    noise = np.random.RandomState(900).randint(0, 2, (2, *s.x.shape[1:])).astype(np.uint8)
    folder = out.draws(f"{s.name}-smoothgradcam++", as_they_are=True, noise=noise)
    (tensor, layer), target = list(s.layers.items())[-1], s.classes[0]
    out.add(s, "smoothgradcam++", "smoothgradcam++", target, {"layer": tensor, "relu": True},
            smooth(s, layer, target, noise.astype(np.float32)), draws=folder,
            float32_error=oracles.float32_error(s.net, lambda: smooth(s, layer, target, noise.astype(np.float32))))


def openvino_cases(s: subjects.Subject, out: subjects.Cases) -> None:
    from openvino_xai.methods.white_box.torch import TorchActivationMap

    class Plain(TorchActivationMap):
        """The library takes the last layer whose name holds the given one."""

        def _find_feature_module_by_name(self, model, target_name):
            return model.get_submodule(target_name)

    names = {module: name for name, module in s.net.named_modules()}
    for at, (tensor, layer) in enumerate(s.layers.items()):
        method = Plain(s.net, target_layer=names[layer], embed_scaling=False)
        with torch.no_grad():
            values = method._model_compiled(tensor_of(s.net, s.x))["saliency_map"].double().numpy()
        out.add(s, f"activationmap-{at}", "activationmap", s.classes[0], {"layer": tensor}, values)


def torchcam_cases(s: subjects.Subject, out: subjects.Cases) -> None:
    import torchcam.methods

    def raw_torchcam(kind, layer, target):
        with kind(s.net, layer, input_shape=s.x.shape[1:]) as extractor:
            scores = s.net(tensor_of(s.net, s.x))
            return extractor(target, scores, normalized=False)[0].detach().double().numpy()

    for at, (tensor, layer) in enumerate(s.layers.items()):
        for target in s.classes:
            out.add(s, f"gradcam++-torchcam-{at}-{target}", "gradcam++", target,
                    {"layer": tensor, "dialect": "torchcam", "relu": True},
                    raw_torchcam(torchcam.methods.GradCAMpp, layer, target))
    if s.stride == 1:
        smooth_torchcam_cases(s, out)
    elif s.name == "lite0-chelsea":
        large_smooth_case(s, out)
    if hasattr(s.net, "fc"):
        linear_head_cases(s, "cam", "fc", {c: c for c in s.classes}, out)


def derived_cases(s: subjects.Subject, out: subjects.Cases) -> None:
    """What is made of several maps or of another target; costly on large nets, so fewer."""
    def add(name, method, target, params, values, thin=False):
        out.add(s, name, method, target, params, values, thin=thin)

    tensors, layers, (first, second) = list(s.layers), list(s.layers.values()), s.classes
    many = {"layers": ",".join(tensors)}
    for method in ("gradcam", "layercam"):
        add(f"{method}-mean", method, first, many, final(GRADIENT[method], s.net, layers, s.x, first), True)
    add("gradcam++-max", "gradcam++", second, {**many, "fusion": "max"},
        largest(pgc.GradCAMPlusPlus, s.net, layers, s.x, second), True)
    add("gradcam-aug", "gradcam", second, {"layer": tensors[1], "aug_smooth": True},
        final(pgc.GradCAM, s.net, layers[1:], s.x, second, True), True)
    add("fem-mean-aug", "fem", first, {**many, "aug_smooth": True},
        final(pgc.FEM, s.net, layers, s.x, first, True), True)
    add("refinecam", "refinecam", first, many, refined(s.net, layers, s.x, first), True)
    for at, tensor in enumerate(tensors):
        add(f"finercam-{at}", "finercam", first, {"layer": tensor},
            finer(s.net, layers[at], s.x, first, 1))
        add(f"finercam-half-{at}", "finercam", second, {"layer": tensor, "alpha": 0.5},
            finer(s.net, layers[at], s.x, second, 0.5))
        add(f"shapleycam-{at}", "shapleycam", second, {"layer": tensor},
            shapley(s.net, layers[at], s.x, second))


def gate() -> subjects.Subject:
    """A smooth net, whose second derivatives are not 0."""
    import make_second
    net, folder = make_second.make(make_second.Gate, 900).double(), subjects.DATA / "second" / "gate"
    x = np.load(folder / "input.npy")
    with torch.no_grad():
        if np.abs(net(torch.from_numpy(x).double()).numpy() - np.load(folder / "logits.npy")).max() > 1e-3:
            raise SystemExit("gate: this version of PyTorch draws other weights than the stored model has")
    tensor = json.loads((folder / "names.json").read_text(encoding="utf-8"))["layer"]
    return subjects.Subject("gate", "second/gate/model.onnx", "second/gate/input.npy", net, x, (3, 7),
                            {tensor: net.swish}, 1)


def smooth_cases(out: subjects.Cases) -> None:
    s = gate()
    for tensor, layer in s.layers.items():
        for target in s.classes:
            values = shapley(s.net, layer, s.x, target)
            out.add(s, f"shapleycam-{target}", "shapleycam", target, {"layer": tensor}, values)
            plain = raw(pgc.GradCAM, s.net, layer, s.x, target)
            if oracles.relative_l2(plain, values) < 0.05:
                raise SystemExit("gate: its curvature makes no difference")


ORACLES = {"grad-cam": (grad_cam_cases, ("grad-cam", "torch", "numpy")),
           "torchcam": (torchcam_cases, ("torchcam", "torch")),
           "openvino-xai": (openvino_cases, ("openvino_xai", "torch"))}
NOTES = {
    "grad-cam": {"sign": "Components (eigencam, eigengradcam, eigen_smooth) are turned so that they correlate "
                         "positively with the mean activation: the library leaves the SVD's sign."},
    "torchcam": {"gradcam++": "The division that makes alpha is lost in a copy (alpha[idx][mask].div_): the weights "
                              "are sum(g^2 relu(g)). The dialect has the same."},
    "openvino-xai": {"scaling": "embed_scaling=False: the means themselves."},
}


def main() -> None:
    oracle = subjects.oracle_asked(ORACLES)
    make, packages = ORACLES[oracle]
    out = subjects.Cases("cam", oracle)
    for s in subjects.subjects():
        make(s, out)
        if oracle == "grad-cam":
            derived_cases(s, out)
    if oracle == "grad-cam":
        smooth_cases(out)
    if oracle == "torchcam":
        linear_head_cases(steer(), "ram", "speed", {0: {"output": {"name": "speed", "index": 0}}}, out)
    out.save({name: metadata.version(name) for name in packages}, NOTES[oracle])


if __name__ == "__main__":
    main()
