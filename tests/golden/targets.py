"""Targets that are no plain class: boxes, masks and whole maps of a dense output, neurons, outputs by name.

score() is the definition, in a few lines of PyTorch; wherever a library knows the kind (pytorch-grad-cam's
SemanticSegmentationTarget, Captum's neuron selectors), it is asked too and must agree. A target is the very JSON
object that the engine is given.
"""
import json

import captum.attr
import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import SemanticSegmentationTarget
from torch import nn

import nets
import oracles

OUTPUTS = {"tiny-fcn": ("logits",), "tiny-steer": ("steering", "speed")}
HEADS = {"tiny-fcn": "dense", "tiny-steer": "regression"}
LABELS = {"tiny-fcn": ["road", "sky", "tree", "car", "person"], "tiny-steer": ["angle", "torque"]}
CALM = 2e-5
BOX = [3, 5, 22, 40]  # odd sides: cells of half the resolution are cut


def blob(height: int, width: int) -> np.ndarray:
    """A slanted ellipse, as people draw them."""
    y, x = np.mgrid[:height, :width]
    y, x = (y - 0.6 * height) / (0.3 * height), (x - 0.45 * width) / (0.3 * width)
    return (y * y + x * x + 0.7 * x * y <= 1).astype(np.float64)


def runs_of(mask: np.ndarray) -> list[int]:
    flat = np.concatenate([[0], mask.ravel().astype(int)])
    edges = np.concatenate([[0], np.flatnonzero(np.diff(flat)), [mask.size]])
    return [int(n) for n in np.diff(edges)]


def layer_by(net, layers: dict, names: dict, tensor: str) -> nn.Module:
    return next(layers[key] for key, name in names.items() if name == tensor)


def shares(target: dict, shape: tuple, cells: tuple) -> torch.Tensor:
    """How much of every cell counts."""
    area = np.zeros(shape)
    if "box" in target:
        top, left, bottom, right = target["box"]
        area[top:bottom, left:right] = 1
    elif "mask" in target:
        area = np.repeat(np.arange(len(target["mask"]["runs"])) % 2, target["mask"]["runs"]).astype(np.float64)
        area = area.reshape(target["mask"]["size"])
    else:
        area[:] = 1
    return nn.functional.adaptive_avg_pool2d(torch.from_numpy(area)[None], cells)[0]


def dense_score(target: dict, scores: torch.Tensor, shape: tuple) -> torch.Tensor:
    if target.get("space") == "probability":
        scores = torch.softmax(scores, 1)
    map_ = scores[:, target["class"]]
    if "contrast" in target:
        map_ = map_ - scores[:, target["contrast"]]
    return (map_ * shares(target, shape, map_.shape[1:]).to(map_.dtype)).sum(dim=(1, 2))


def hooked(layer: nn.Module, kept: list):
    return layer.register_forward_hook(lambda _m, _i, output: kept.append(output))


def score(net, x: torch.Tensor, target: dict, neuron_layer: nn.Module | None, outputs: tuple) -> torch.Tensor:
    """One number a sample."""
    if neuron_layer is not None:
        kept, neuron = [], target["neuron"]
        handle = hooked(neuron_layer, kept)
        net(x)
        handle.remove()
        plane = kept[0][:, neuron["channel"]]
        return plane[:, neuron["position"][0], neuron["position"][1]] if "position" in neuron else plane.sum(dim=(1, 2))
    result = net(x)
    if isinstance(result, torch.Tensor):
        result = (result,)
    if "output" in target:
        return result[outputs.index(target["output"]["name"])].flatten(1)[:, target["output"]["index"]]
    if result[0].ndim == 4:
        return dense_score(target, result[0], x.shape[2:])
    return result[0][:, target["class"]]


class Asked:
    """One target of one net on one input."""

    def __init__(self, net, x, target, neuron_layer, outputs):
        self.net, self.x, self.target, self.neuron_layer, self.outputs = net, x, target, neuron_layer, outputs

    def tensor(self, x=None) -> torch.Tensor:
        return torch.from_numpy(self.x if x is None else x).to(next(self.net.parameters()).dtype)

    def score(self, x: torch.Tensor) -> torch.Tensor:
        return score(self.net, x, self.target, self.neuron_layer, self.outputs)

    def value(self, x=None) -> np.ndarray:
        with torch.no_grad():
            return self.score(self.tensor(x)).double().numpy()

    def gradient(self) -> np.ndarray:
        x = self.tensor().requires_grad_(True)
        (result,) = torch.autograd.grad(self.score(x).sum(), x)
        return result.double().numpy()

    def gradcam(self, layer: nn.Module) -> np.ndarray:
        """Signed."""
        kept = []
        handle = hooked(layer, kept)
        total = self.score(self.tensor().requires_grad_(True)).sum()
        handle.remove()
        (gradient,) = torch.autograd.grad(total, kept[0])
        weights = gradient.mean(dim=(2, 3), keepdim=True)
        return (weights * kept[0]).sum(dim=1).detach().double().numpy()

    def saliency(self) -> np.ndarray:
        """abs(gradient), [N,3,H,W]; Captum's, where it knows the kind."""
        by_hand = np.abs(self.gradient())
        x = self.tensor().requires_grad_(True)
        if self.neuron_layer is not None:
            neuron = self.target["neuron"]
            place = tuple(neuron["position"]) if "position" in neuron else (slice(None), slice(None))
            method = captum.attr.NeuronGradient(self.net, self.neuron_layer)
            theirs = method.attribute(x, neuron_selector=(neuron["channel"], *place)).abs()
        else:
            theirs = captum.attr.Saliency(self.score).attribute(x, abs=True)
        return oracles.must_agree(theirs.detach().double().numpy(), by_hand, "saliency")

    def relu_gradcam(self, layer: nn.Module) -> np.ndarray:
        by_hand = np.maximum(self.gradcam(layer), 0)
        plain = "class" in self.target and self.target.get("space") != "probability" and "contrast" not in self.target
        if not plain or not isinstance(self.net, nets.TinyFcn):
            return by_hand
        x = self.tensor()
        part = shares(self.target, x.shape[2:], self.net(x).shape[2:]).numpy()
        goals = [SemanticSegmentationTarget(self.target["class"], part)] * len(x)
        with GradCAM(model=self.net, target_layers=[layer]) as cam:
            cam(x, targets=goals)
            activations = cam.activations_and_grads.activations[0].numpy()
            gradients = cam.activations_and_grads.gradients[0].numpy()
            theirs = np.maximum(cam.get_cam_image(x, layer, goals, activations, gradients), 0)
        return oracles.must_agree(theirs, by_hand, "gradcam")

    def occlusion(self, window: int, stride: int) -> np.ndarray:
        """By brute force: every window hidden, one at a time."""
        height, width = self.x.shape[2:]
        total, count = np.zeros((len(self.x), height, width)), np.zeros((height, width))
        base = self.value()
        for top in oracles.window_starts(height, window, stride):
            for left in oracles.window_starts(width, window, stride):
                rows, columns = slice(top, top + window), slice(left, left + window)
                hidden = self.x.copy()
                hidden[:, :, rows, columns] = 0
                total[:, rows, columns] += (base - self.value(hidden))[:, None, None]
                count[rows, columns] += 1
        return total / count


def asked_of(name: str, names: dict) -> dict:
    """Target by a short name. Masks come at the input's resolution and at the output's own."""
    if name == "tiny-steer":
        return {"steering0": {"output": {"name": "steering", "index": 0}}, "class1": {"class": 1},
                "speed": {"output": {"name": "speed", "index": 0}},
                "neuron": {"neuron": {"layer": names["left"], "channel": 5, "position": [3, 7]}},
                "plane": {"neuron": {"layer": names["trunk"], "channel": 2}}}
    fine, own = blob(32, 48), blob(16, 24)
    mask = {"size": [32, 48], "runs": runs_of(fine)}
    return {"whole": {"class": 2}, "box": {"class": 3, "box": BOX}, "mask": {"class": 1, "mask": mask},
            "ownmask": {"class": 4, "mask": {"size": [16, 24], "runs": runs_of(own)}},
            "boxp": {"class": 3, "box": BOX, "space": "probability"},
            "maskp": {"class": 1, "mask": mask, "space": "probability"},
            "contrast": {"class": 1, "contrast": 0, "mask": mask},
            "contrastp": {"class": 1, "contrast": 0, "mask": mask, "space": "probability"},
            "output": {"output": {"name": "logits", "index": 2 * 16 * 24 + 7 * 24 + 9}},
            "neuron": {"neuron": {"layer": names["last"], "channel": 4, "position": [6, 11]}},
            "plane": {"neuron": {"layer": names["deep"], "channel": 9}}}


def cam_layers(name: str, short: str) -> list[str]:
    """The layers before the target, by their short names."""
    if name == "tiny-steer":
        return {"speed": ["trunk"], "plane": [], "neuron": ["trunk"]}.get(short, ["trunk", "left"])
    return {"plane": [], "neuron": ["deep"]}.get(short, ["deep", "last"])


def cases(out, name: str) -> None:
    net, layers = nets.make(name)
    path = str(out.data / name / "model.onnx")
    (out.data / name).mkdir(parents=True, exist_ok=True)
    oracles.export(net, path, OUTPUTS[name])
    sidecar = {"schema": 1, "id": name, "output": {"name": OUTPUTS[name][0], "head": HEADS[name]}, "labels": LABELS[name]}
    (out.data / name / "model.json").write_text(json.dumps(sidecar) + "\n", encoding="utf-8")
    x, names = calm_input(net, name, layers, path)
    net.double()
    common = {"model": f"{name}/model.onnx", "input_name": "input", "input": out.array(f"{name}/input.npy", x)}
    for output, values in zip(OUTPUTS[name], oracles.run_onnx(path, x, OUTPUTS[name])[1:]):
        out.case(common, "forward", output, values, name, output_name=output, metric="max_abs", oracle="onnxruntime")
    for short, target in asked_of(name, names).items():
        target_cases(out, name, short, common, asker(net, x, target, layers, names, name), layers, names)
    print(f"{name:16} {len(open(path, 'rb').read()):7} bytes  {names}")


def asker(net, x, target, layers, names, name) -> Asked:
    neuron = target.get("neuron")
    return Asked(net, x, target, layer_by(net, layers, names, neuron["layer"]) if neuron else None, OUTPUTS[name])


def calm_input(net, name: str, layers: dict, path: str):
    """As make_goldens.calm_input, over this net's targets."""
    for seed in range(300, 400):
        x = nets.smooth_images(2, net.shape, seed).numpy()
        names = {key: oracles.tensor_name(path, oracles.layer_value(net, layer, x), x) for key, layer in layers.items()}
        all_asked = [asker(net, x, target, layers, names, name) for target in asked_of(name, names).values()]
        alive = min(np.abs(a.gradient()).max(axis=(1, 2, 3)).min() for a in all_asked) > 1e-3
        if alive and max(oracles.float32_error(net, a.gradient) for a in all_asked) < CALM:
            return x, names
        net.float()
    raise SystemExit("no calm input")


def target_cases(out, name: str, short: str, common: dict, asked: Asked, layers: dict, names: dict) -> None:
    space = asked.target.get("space", "logit")
    fields = {"target": asked.target, "space": space}
    out.case(common, "value", f"value_{short}", asked.value(), name, **fields, metric="max_abs", oracle="torch float64")
    out.case(common, "saliency", f"saliency_{short}", asked.saliency().max(axis=1), name, **fields,
             reduce="channel_max", oracle="captum")
    for key in cam_layers(name, short):
        which = {**fields, "layer": names[key]}
        out.case(common, "gradcam", f"gradcam_{key}_{short}", asked.relu_gradcam(layers[key]), name, **which,
                 oracle="pytorch-grad-cam")
        out.case(common, "gradcam-signed", f"gradcamsigned_{key}_{short}", asked.gradcam(layers[key]), name, **which,
                 oracle="definition")
    if short in ("mask", "maskp", "box", "speed", "neuron"):
        out.case(common, "occlusion", f"occlusion_{short}", asked.occlusion(8, 5), name, **fields, window=8, stride=5,
                 baseline="mean", oracle="definition")
