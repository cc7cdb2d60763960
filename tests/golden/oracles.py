"""The public implementations, asked for raw numbers. All of them run in float64.

Each function returns float64 arrays with the batch first. Where a library's value can be stated in a line
of arithmetic, that line is computed beside it and must agree, so that a golden is never the accident of a
library's version.
"""
import warnings

import captum.attr
import numpy as np
import onnx
import onnxruntime
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

AGREE = 1e-6  # Captum divides by its window counts in float32


def relative_l2(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(np.float64(a) - b) / np.linalg.norm(b))


def must_agree(a: np.ndarray, b: np.ndarray, what: str) -> np.ndarray:
    error = relative_l2(a, b)
    if not error < AGREE:
        raise SystemExit(f"{what}: the oracles differ by {error:.1e}")
    return np.float64(a)


def export(net: nn.Module, path: str, outputs: tuple = ("logits",)) -> None:
    """Opset 13, dynamic batch, no simplifier."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net, (torch.zeros(1, *net.shape),), path, dynamo=False, opset_version=13,
            input_names=["input"], output_names=list(outputs),
            dynamic_axes={name: {0: "batch"} for name in ("input", *outputs)})
    onnx.checker.check_model(path, full_check=True)


def run_onnx(path: str, x: np.ndarray, fetch: list[str] = ()) -> list[np.ndarray]:
    """ONNX Runtime's first output, then the named inner tensors or other outputs."""
    model = onnx.load(path)
    outputs = [output.name for output in model.graph.output]
    for name in (name for name in fetch if name not in outputs):
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run([outputs[0], *fetch], {"input": x})


def layer_value(net: nn.Module, layer: nn.Module, x: np.ndarray) -> np.ndarray:
    kept = []
    handle = layer.register_forward_hook(lambda _m, _i, output: kept.append(output.detach()))
    with torch.no_grad():
        net(torch.from_numpy(x).to(next(net.parameters()).dtype))
    handle.remove()
    assert len(kept) == 1, "a layer must be used once"
    return kept[0].double().numpy()


def tensor_name(path: str, value: np.ndarray, x: np.ndarray) -> str:
    """The name of the ONNX tensor that holds this value."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    rank = {v.name: len(v.type.tensor_type.shape.dim) for v in graph.value_info}
    names = [n.output[0] for n in graph.node if rank.get(n.output[0]) == 4]
    for name, candidate in zip(names, run_onnx(path, x, names)[1:]):
        if candidate.shape == value.shape and np.abs(candidate - value).max() < 1e-3 and \
                relative_l2(candidate, value) < 1e-4:
            return name
    raise SystemExit(f"{path}: no tensor with that layer's value")


def input_gradient(net: nn.Module, x: np.ndarray, target: int) -> np.ndarray:
    """d logit[target] / d input, per sample, in the network's own precision."""
    tensor = torch.from_numpy(x).to(next(net.parameters()).dtype).requires_grad_(True)
    (result,) = torch.autograd.grad(net(tensor)[:, target].sum(), tensor)
    return result.double().numpy()


def layer_gradient(net: nn.Module, layer: nn.Module, x: np.ndarray, target: int) -> np.ndarray:
    """d logit[target] / d layer's output."""
    kept = []
    handle = layer.register_forward_hook(lambda _m, _i, output: kept.append(output))
    logits = net(torch.from_numpy(x).to(next(net.parameters()).dtype).requires_grad_(True))
    handle.remove()
    (result,) = torch.autograd.grad(logits[:, target].sum(), kept[0])
    return result.double().numpy()


def float32_error(net: nn.Module, compute) -> float:
    """The largest relative L2 error of compute() among PyTorch's float32 arithmetics; leaves the net in float64."""
    net.double()
    exact = compute()
    net.float()
    results = [compute()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.backends.mkldnn.flags(enabled=False):
            results.append(compute())
    net.to(memory_format=torch.channels_last)
    results.append(compute())
    net.to(memory_format=torch.contiguous_format)
    net.double()
    return max(relative_l2(result, exact) for result in results)


def kink_error(net: nn.Module, compute, draws: int = 16) -> float:
    """How far one float32 rounding a layer moves compute(), in float64: relative L2, the largest of seeded draws.

    A deep network always has units within a rounding error of their ReLU's kink; which side they fall on is
    each arithmetic's own luck, and one such unit moves a gradient by some 1e-3. So each normalisation's output
    gets noise of 2^-23 of its mean size, which is what its float32 sum is uncertain by.
    """
    net.double()
    exact = compute()
    generator = torch.Generator().manual_seed(700)

    def shake(_module, _inputs, output):
        noise = torch.randn(output.shape, generator=generator, dtype=output.dtype)
        return output + 2.0 ** -23 * output.abs().mean() * noise

    handles = [m.register_forward_hook(shake) for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    worst = max(relative_l2(compute(), exact) for _ in range(draws))
    for handle in handles:
        handle.remove()
    return worst


def gradcam_by_hand(net: nn.Module, layer: nn.Module, x: np.ndarray, target: int) -> np.ndarray:
    """Sum over channels of mean(gradient) * activation, signed, [N,h,w], in the network's own precision."""
    weights = layer_gradient(net, layer, x, target).mean(axis=(2, 3), keepdims=True)
    return (weights * layer_value(net, layer, x)).sum(axis=1)


def gradcam(net: nn.Module, layer: nn.Module, x: np.ndarray, target: int) -> np.ndarray:
    """relu(sum over channels of mean(gradient) * activation), [N,h,w], before any scaling."""
    tensor = torch.from_numpy(x).double()
    goals = [ClassifierOutputTarget(target)] * len(x)
    with GradCAM(model=net, target_layers=[layer]) as cam:
        cam(tensor, targets=goals)
        activations = cam.activations_and_grads.activations[0].numpy()
        gradients = cam.activations_and_grads.gradients[0].numpy()
        first = np.maximum(cam.get_cam_image(tensor, layer, goals, activations, gradients), 0)
    second = captum.attr.LayerGradCam(net, layer).attribute(tensor, target=target, relu_attributions=True)
    must_agree(first, second.detach().numpy()[:, 0], "gradcam")
    return must_agree(first, np.maximum(gradcam_by_hand(net, layer, x, target), 0), "gradcam by hand")


def saliency(net: nn.Module, x: np.ndarray, target: int) -> np.ndarray:
    """abs(gradient), [N,3,H,W]."""
    tensor = torch.from_numpy(x).double().requires_grad_(True)
    result = captum.attr.Saliency(net).attribute(tensor, target=target, abs=True)
    return must_agree(result.detach().numpy(), np.abs(input_gradient(net, x, target)), "saliency")


def forward(net: nn.Module, x: np.ndarray, space: str) -> np.ndarray:
    """Logits or probabilities, [N,classes]."""
    with torch.no_grad():
        logits = net(torch.from_numpy(x).double())
        return (torch.softmax(logits, 1) if space == "probability" else logits).numpy()


def window_starts(length: int, window: int, stride: int) -> list[int]:
    """Captum's positions: enough strides to reach the end; the last window may stick out and is clipped."""
    return [i * stride for i in range(-(-(length - window) // stride) + 1)]


def occlusion_by_hand(net, x, target, window, stride, space) -> np.ndarray:
    height, width = x.shape[2:]
    total, count = np.zeros((len(x), height, width)), np.zeros((height, width))
    base = forward(net, x, space)[:, target]
    for top in window_starts(height, window, stride):
        for left in window_starts(width, window, stride):
            rows, columns = slice(top, top + window), slice(left, left + window)
            hidden = x.copy()
            hidden[:, :, rows, columns] = 0
            difference = base - forward(net, hidden, space)[:, target]
            total[:, rows, columns] += difference[:, None, None]
            count[rows, columns] += 1
    return total / count


def occlusion(net, x, target, window, stride, space) -> np.ndarray:
    """Baseline 0 (the normalised mean), [N,H,W]; all channels hidden together."""
    def score(tensor):
        logits = net(tensor)
        return torch.softmax(logits, 1) if space == "probability" else logits

    with torch.no_grad():
        result = captum.attr.Occlusion(score).attribute(
            torch.from_numpy(x).double(), target=target, baselines=0, perturbations_per_eval=4,
            sliding_window_shapes=(x.shape[1], window, window), strides=(x.shape[1], stride, stride)).numpy()
    assert (result[:, :1] == result).all(), "channels are hidden together"
    by_hand = occlusion_by_hand(net, x, target, window, stride, space)
    return must_agree(result[:, 0], by_hand, "occlusion")


def rise(net, x, target, masks: np.ndarray, p: float) -> np.ndarray:
    """sum over masks of probability(x * mask) * mask / (masks * p), [N,H,W]."""
    total = np.zeros((len(x), *masks.shape[1:]))
    for mask in masks:
        value = forward(net, np.float64(x) * mask, "probability")[:, target]
        total += value[:, None, None] * mask
    return total / (len(masks) * p)
