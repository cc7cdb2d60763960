#!/usr/bin/env python3
"""Makes data/methods/gradient: gradients, along paths and with noise, as the libraries compute them.

usage: make_gradient.py --oracle captum|grad-cam|saliency

Attributions are stored as the sum over the colour channels (or a layer's), which is what a single map can be compared
by. Noise, points and baselines that a library draws are given to it here, and to the engine as draws.
"""
import copy
import warnings
from importlib import metadata
from unittest import mock

import captum.attr as ca
import numpy as np
import pytorch_grad_cam
import torch
from captum.attr._core.gradient_shap import InputBaselineXGradient
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from scipy import ndimage

import subjects
import oracles  # noqa: I001  (of the folder above, which subjects adds)

NOISE = {"smoothgrad": "smoothgrad", "squared": "smoothgrad_sq", "vargrad": "vargrad"}
RULES = ("riemann_trapezoid", "riemann_left", "riemann_right", "riemann_middle")
DRAWS = 3
KINK_DRAWS = 3  # where a path is looked for
CALM = 3e-4  # relative L2


def tensor_of(net, x) -> torch.Tensor:
    return torch.from_numpy(np.asarray(x)).to(next(net.parameters()).dtype)


def summed(attribution: torch.Tensor) -> np.ndarray:
    return attribution.detach().double().numpy().sum(axis=1)


def given_noise(noise):
    """In place of NoiseTunnel's own draws; every sample of the batch gets the same."""
    def add(x, _stdev, count):
        assert count == len(noise)
        return x.repeat_interleave(count, dim=0) + tensor_like(x, noise).repeat(len(x), 1, 1, 1)
    return mock.patch.object(ca.NoiseTunnel, "_add_noise_to_input", staticmethod(add))


def tensor_like(x, values) -> torch.Tensor:
    return torch.from_numpy(values).to(x.dtype)


class Maker:
    """The cases of one subject."""

    def __init__(self, subject: subjects.Subject, out: subjects.Cases):
        self.s, self.out, self.net = subject, out, subject.net

    def add(self, name, method, target, params, compute, **fields) -> None:
        """Of a deep net a rounding error may flip a unit, and each arithmetic has its own luck: oracles.kink_error."""
        error = oracles.float32_error(self.net, compute)
        if self.s.stride > 1 and any(isinstance(m, torch.nn.BatchNorm2d) for m in self.net.modules()):
            error = max(error, oracles.kink_error(self.net, compute) / 3)
        self.out.add(self.s, name, method, target, params, compute(), float32_error=error, **fields)

    def x(self) -> torch.Tensor:
        return tensor_of(self.net, self.s.x)


# ---------------------------------------------------------------- captum

def pictures(m: Maker, small: bool) -> None:
    net = m.net
    for t in m.s.classes:
        m.add(f"inputxgradient-class{t}", "inputxgradient", t, {}, thin=True, compute=lambda t=t: summed(
            ca.InputXGradient(net).attribute(m.x(), target=t)))
        if not small and t != m.s.classes[0]:
            continue
        steps = 50 if small else 8
        m.add(f"ig-class{t}", "integratedgradients", t, {"steps": steps}, thin=True,
              compute=lambda t=t: summed(ca.IntegratedGradients(net).attribute(m.x(), target=t, n_steps=steps,
                                                                               internal_batch_size=2)))
        if small:
            m.add(f"guidedbackprop-class{t}", "guidedbackprop", t, {},
                  lambda t=t: summed(ca.GuidedBackprop(net).attribute(m.x(), target=t)))


def rules(m: Maker) -> None:
    """From a picture that is one colour, where the maxima of a pool are all equal, no arithmetic has a gradient to
    agree on; so rules that begin there are compared on the net that has one pool alone."""
    t = m.s.classes[0]
    for rule in RULES[0 if m.s.name == "tiny-resnet" else 2:]:
        m.add(f"ig-{rule}", "integratedgradients", t, {"steps": 9, "rule": rule}, lambda rule=rule: summed(
            ca.IntegratedGradients(m.net).attribute(m.x(), target=t, n_steps=9, method=rule)))
    m.add("ig-probability", "integratedgradients", t, {"steps": 20, "absolute": True}, space="probability",
          compute=lambda: ca.IntegratedGradients(lambda x: torch.softmax(m.net(x), 1)).attribute(
              m.x(), target=t, n_steps=20).detach().abs().double().numpy().sum(axis=1))


def black(m: Maker) -> None:
    """Baseline black, which is -127/128 for the shipped model."""
    t = m.s.classes[0]
    m.add("ig-black", "integratedgradients", t, {"steps": 6, "baseline": "black"}, thin=True,
          compute=lambda: summed(ca.IntegratedGradients(m.net).attribute(
              m.x(), baselines=-127 / 128, target=t, n_steps=6, internal_batch_size=2)))


def noisy(m: Maker) -> None:
    rng, net = np.random.RandomState(300), m.net
    shape = (DRAWS, *m.s.x.shape[1:])
    noise = (0.3 * rng.standard_normal(shape)).astype(np.float32)
    folder = m.out.draws(f"{m.s.name}-noise", noise=noise)
    t = m.s.classes[1]

    def tunnel(method, kind, **more):
        with given_noise(noise):
            return ca.NoiseTunnel(method).attribute(m.x(), nt_type=NOISE[kind], nt_samples=DRAWS, target=t, **more)

    for kind in NOISE:
        m.add(f"saliency-{kind}", "saliency", t, {"noise": kind, "channels": "sum"}, draws=folder,
              compute=lambda kind=kind: summed(tunnel(ca.Saliency(net), kind)))
        m.add(f"ig-{kind}", "integratedgradients", t, {"noise": kind, "steps": 6}, draws=folder,
              compute=lambda kind=kind: summed(tunnel(ca.IntegratedGradients(net), kind, n_steps=6)))
    m.add("inputxgradient-smoothgrad", "inputxgradient", t, {"noise": "smoothgrad"}, draws=folder,
          compute=lambda: summed(tunnel(ca.InputXGradient(net), "smoothgrad")))
    m.add("guidedbackprop-smoothgrad", "guidedbackprop", t, {"noise": "smoothgrad"}, draws=folder,
          compute=lambda: summed(tunnel(ca.GuidedBackprop(net), "smoothgrad")))
    tensor, layer = list(m.s.layers.items())[0]
    m.add("guidedgradcam-smoothgrad", "guidedgradcam", t, {"noise": "smoothgrad", "layer": tensor}, draws=folder,
          compute=lambda: summed(tunnel(ca.GuidedGradCam(net, layer), "smoothgrad")))
    ways = {"gradientxactivation": (ca.LayerGradientXActivation, "vargrad", {}),
            "internal_influence": (ca.InternalInfluence, "smoothgrad", {"n_steps": 5}),
            "layer_integratedgradients": (ca.LayerIntegratedGradients, "squared", {"n_steps": 5}),
            "conductance": (ca.LayerConductance, "squared", {"n_steps": 5})}
    for which, (method, kind, more) in ways.items():
        params = {"which": which, "layer": tensor, "noise": kind, **({"steps": 5} if more else {})}
        m.add(f"layer-{which}-{kind}", "layergradients", t, params, draws=folder,
              compute=lambda method=method, kind=kind, more=more: summed(tunnel(method(net, layer), kind, **more)))


def shap(m: Maker) -> None:
    rng = np.random.RandomState(400)
    shape = (DRAWS, *m.s.x.shape[1:])
    noise = (0.1 * rng.standard_normal(shape)).astype(np.float32)
    baselines = rng.standard_normal(shape).astype(np.float32)
    alphas = rng.uniform(size=DRAWS).astype(np.float32)
    folder = m.out.draws(f"{m.s.name}-shap", noise=noise, baselines=baselines, alphas=alphas)

    def attribute(t, kind):
        """GradientShap.attribute, which leaves the kind of fold at its default."""
        n = len(m.s.x)
        tunnel = ca.NoiseTunnel(InputBaselineXGradient(m.net))
        with given_noise(noise), \
                mock.patch("numpy.random.choice", lambda _n, count: np.tile(np.arange(DRAWS), n)), \
                mock.patch("numpy.random.uniform", lambda _low, _high, count: np.tile(np.float64(alphas), n)):
            given = {"baselines": tensor_like(m.x(), baselines), "target": t}
            if kind == "smoothgrad":
                return ca.GradientShap(m.net).attribute(m.x(), **given, n_samples=DRAWS, stdevs=0.1)
            return tunnel.attribute(m.x(), **given, nt_type=NOISE[kind], nt_samples=DRAWS, stdevs=0.1,
                                    draw_baseline_from_distrib=True)
    for t in m.s.classes:
        m.add(f"gradientshap-class{t}", "gradientshap", t, {"noise_sigma": 0.1}, draws=folder,
              compute=lambda t=t: summed(attribute(t, "smoothgrad")))
    for kind in ("squared", "vargrad"):
        m.add(f"gradientshap-{kind}", "gradientshap", t, {"noise_sigma": 0.1, "noise": kind}, draws=folder,
              compute=lambda kind=kind: summed(attribute(t, kind)))


def neurons(m: Maker) -> None:
    """A neuron of a layer as the target: Captum's Neuron* methods."""
    tensor, layer = list(m.s.layers.items())[0]
    value = oracles.layer_value(m.net, layer, m.s.x).min(axis=0)  # one that is active on every picture
    channel, row, col = (int(i) for i in np.unravel_index(value.argmax(), value.shape))
    target, chosen = {"neuron": {"layer": tensor, "channel": channel, "position": [row, col]}}, (channel, row, col)
    m.add("neuron-gradient", "saliency", target, {"absolute": False, "channels": "sum"},
          lambda: summed(ca.NeuronGradient(m.net, layer).attribute(m.x(), chosen)))
    m.add("neuron-ig", "integratedgradients", target, {"steps": 10},
          lambda: summed(ca.NeuronIntegratedGradients(m.net, layer).attribute(m.x(), chosen, n_steps=10)))
    m.add("neuron-guidedbackprop", "guidedbackprop", target, {},
          lambda: summed(ca.NeuronGuidedBackprop(m.net, layer).attribute(m.x(), chosen)))
    conductance(m, channel, row, col)


def conductance(m: Maker, channel, row, col) -> None:
    (tensor, layer), t = list(m.s.layers.items())[0], m.s.classes[0]
    rules_here = ("gausslegendre", "riemann_middle")
    for rule in rules_here:
        params = {"layer": tensor, "channel": channel, "row": row, "column": col, "steps": 10, "rule": rule}
        m.add(f"neuronconductance-{rule}", "neuronconductance", t, params,
              lambda rule=rule: summed(ca.NeuronConductance(m.net, layer).attribute(
                  m.x(), (channel, row, col), target=t, n_steps=10, method=rule)))

    def of_channel() -> np.ndarray:
        """The library takes single neurons: the sum over all of the channel's."""
        height, width = oracles.layer_value(m.net, layer, m.s.x).shape[2:]
        return sum(summed(ca.NeuronConductance(m.net, layer).attribute(
            m.x(), (channel, i, j), target=t, n_steps=4, method="gausslegendre"))
            for i in range(height) for j in range(width))
    m.add("neuronconductance-channel", "neuronconductance", t,
          {"layer": tensor, "channel": channel, "steps": 4}, of_channel)


def layers(m: Maker, small: bool) -> None:
    net, steps, part = m.net, 20 if small else 4, None if small else 2
    for at, (tensor, layer) in enumerate(m.s.layers.items()):
        for t in m.s.classes[:None if small else 1]:
            where = {"layer": tensor, "steps": steps}

            def add(which, compute, **params):
                m.add(f"layer{at}-{which}-class{t}", "layergradients", t, {"which": which, **where, **params}, compute)
            add("conductance", lambda: summed(ca.LayerConductance(net, layer).attribute(
                m.x(), target=t, n_steps=steps, internal_batch_size=part)))
            add("layer_integratedgradients", lambda: summed(ca.LayerIntegratedGradients(net, layer).attribute(
                m.x(), target=t, n_steps=steps)))
            add("internal_influence", lambda: summed(ca.InternalInfluence(net, layer).attribute(
                m.x(), target=t, n_steps=steps, internal_batch_size=part)))
            add("gradientxactivation", lambda: summed(ca.LayerGradientXActivation(net, layer).attribute(
                m.x(), target=t)))
            if small:
                m.add(f"guidedgradcam-layer{at}-class{t}", "guidedgradcam", t, {"layer": tensor}, lambda: summed(
                    ca.GuidedGradCam(net, layer).attribute(m.x(), target=t)))


def captum_cases(m: Maker) -> None:
    small = m.s.stride == 1
    pictures(m, small)
    if m.s.name != "lite0-coffee":
        layers(m, small)
    if small:
        rules(m)
        noisy(m)
        shap(m)
        neurons(m)
    elif m.s.name == "lite0-coffee":
        black(m)


# ---------------------------------------------------------------- saliency (PAIR)

def gradients_for(net, target):
    """What the library asks a model for: pictures with channels last in, gradients out."""
    def call(pictures, call_model_args=None, expected_keys=None):
        x = tensor_of(net, np.asarray(pictures).transpose(0, 3, 1, 2)).requires_grad_(True)
        (g,) = torch.autograd.grad(net(x)[:, target].sum(), x)
        return {"INPUT_OUTPUT_GRADIENTS": g.double().numpy().transpose(0, 2, 3, 1)}
    return call


def quantile(values, share, interpolation, real=np.quantile):
    """The library calls numpy's by the name that its parameter had before numpy 2."""
    return real(values, share, method=interpolation)


def saliency_cases(m: Maker) -> None:
    import saliency.core as pair
    small = m.s.stride == 1
    pictures = [np.float64(x).transpose(1, 2, 0) for x in m.s.x]

    def each(method, t, **params):
        """The library takes one picture at a time."""
        with mock.patch("numpy.quantile", quantile):
            masks = [method.GetMask(x, gradients_for(m.net, t), **params) for x in pictures]
        return np.stack([mask.sum(axis=2) if mask.ndim == 3 else mask for mask in masks])

    blur = {"max_sigma": 6, "steps": 12} if small else {"max_sigma": 20, "steps": 3}
    for t in m.s.classes if small else m.s.classes[:1]:
        m.add(f"blurig-class{t}", "blurig", t, blur, lambda t=t: each(pair.BlurIG(), t, **blur), thin=True)
        regions(m, pair, each, t, small)
    if small:
        guided(m, pair)
        smoothed(m, pair)
        m.add("blurig-sqrt", "blurig", t, {**blur, "sqrt": True},
              lambda: each(pair.BlurIG(), t, **blur, sqrt=True))


def smoothed(m: Maker, pair) -> None:
    """The library's own noise, given: the mean, or the mean square, of what each draw gives. For XRAI, whose maps have no
    colours, its GetSmoothedMask ends in an error of shapes: its maps of noisy pictures are averaged here."""
    rng, t = np.random.RandomState(500), m.s.classes[1]
    noise = (0.2 * rng.standard_normal((DRAWS, *m.s.x.shape[1:]))).astype(np.float32)
    masks = grid_and_discs(m)
    folder = m.out.draws(f"{m.s.name}-smoothed", noise=noise, segments=np.stack(masks))

    def fold(method, magnitude, **params):
        found = []
        for x in m.s.x:
            draws = iter(np.float64(noise).transpose(0, 2, 3, 1))
            with mock.patch("numpy.random.normal", lambda *_, draws=draws: next(draws)), \
                    mock.patch("numpy.quantile", quantile):
                mask = method.GetSmoothedMask(np.float64(x).transpose(1, 2, 0), gradients_for(m.net, t), nsamples=DRAWS,
                                              magnitude=magnitude, **params)
            found.append(mask.sum(axis=2) if mask.ndim == 3 else mask)
        return np.stack(found)

    blur = {"max_sigma": 6, "steps": 5}
    for kind in ("smoothgrad", "squared"):
        m.add(f"blurig-{kind}", "blurig", t, {**blur, "noise": kind}, draws=folder,
              compute=lambda kind=kind: fold(pair.BlurIG(), kind == "squared", **blur))
    how = pair.XRAIParameters(steps=6)
    m.add("xrai-smoothgrad", "xrai", t, {"steps": 6, "noise": "smoothgrad"}, draws=folder, compute=lambda: np.stack([
        np.mean([pair.XRAI().GetMask(np.float64(x + draw).transpose(1, 2, 0), gradients_for(m.net, t), segments=masks,
                                     extra_parameters=how) for draw in noise], axis=0) for x in m.s.x]))
    if m.s.name == "tiny-resnet":  # a path that one unit sends another way: see guided()
        zero = np.zeros_like(np.float64(m.s.x[0]).transpose(1, 2, 0))
        m.add("guidedig-smoothgrad", "guidedig", t, {"steps": 4, "noise": "smoothgrad"}, draws=folder,
              compute=lambda: fold(pair.GuidedIG(), False, x_baseline=zero, x_steps=4, fraction=0.25, max_dist=0.02))


def guided(m: Maker, pair) -> None:
    """One unit that flips sends the path another way: compared where rounding errors flip none, which is looked for
    before anything is asked of the engine. From a picture of one colour they always do, since maxima are equal there."""
    found = 0
    for t, steps in ((t, steps) for steps in (14, 11, 9, 8, 7, 6, 5) for t in m.s.classes):
        params = {"steps": steps, "fraction": 0.25, "max_dist": 0.02} if found != 1 else \
            {"steps": steps, "fraction": 0.1, "max_dist": 0.3}

        def compute():
            masks = []
            for x in m.s.x:
                blurred = ndimage.gaussian_filter(np.float64(x), (0, 2, 2), mode="mirror").astype(np.float32)
                with mock.patch("numpy.quantile", quantile):
                    masks.append(pair.GuidedIG().GetMask(
                        np.float64(x).transpose(1, 2, 0), gradients_for(m.net, t),
                        x_baseline=np.float64(blurred).transpose(1, 2, 0), x_steps=steps,
                        fraction=params["fraction"], max_dist=params["max_dist"]).sum(axis=2))
            return np.stack(masks)
        if oracles.kink_error(m.net, compute, KINK_DRAWS) < CALM:
            m.add(f"guidedig-{found}", "guidedig", t, {**params, "baseline": "blur", "sigma": 2}, compute)
            found += 1
        if found == 3:
            return
    raise SystemExit(f"{m.s.name}: no calm path")


def grid_and_discs(m: Maker) -> list:
    y, x = np.mgrid[:m.s.x.shape[2], :m.s.x.shape[3]]
    masks = [(y // 11 == i) & (x // 11 == j) for i in range(3) for j in range(3)]
    return masks + [(y - i) ** 2 + (x - j) ** 2 <= 49 for i in (8, 17, 26) for j in (9, 20)]


def regions(m: Maker, pair, each, t, small) -> None:
    """XRAI: on the small pictures with given segments, a grid and discs over it; on the large with its own."""
    if not small:
        how = pair.XRAIParameters(steps=3)
        m.add(f"xrai-class{t}", "xrai", t, {"steps": 3}, lambda: each(pair.XRAI(), t, extra_parameters=how), thin=True)
        return
    masks = grid_and_discs(m)
    folder = m.out.draws(f"{m.s.name}-segments", segments=np.stack(masks))
    for kind in ("full", "fast"):
        how = pair.XRAIParameters(steps=10, algorithm=kind)
        m.add(f"xrai-{kind}-class{t}", "xrai", t, {"steps": 10, "fast": kind == "fast"}, draws=folder,
              compute=lambda how=how: each(pair.XRAI(), t, segments=masks, extra_parameters=how))


# ---------------------------------------------------------------- pytorch-grad-cam

def folded(net: torch.nn.Module) -> torch.nn.Module:
    """Each normalisation moved into the convolution before it, as exporters do. The library looks for Conv2d itself,
    so a convolution that pads by itself is taken apart."""
    net = copy.deepcopy(net)
    for parent in list(net.modules()):
        names = list(parent._modules)
        for name, following in zip(names, names[1:]):
            conv, norm = parent._modules[name], parent._modules[following]
            if not isinstance(conv, torch.nn.Conv2d) or not isinstance(norm, torch.nn.BatchNorm2d):
                continue
            fused = torch.nn.utils.fusion.fuse_conv_bn_eval(conv, norm)
            if hasattr(conv, "static_padding"):
                plain = torch.nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride,
                                        groups=conv.groups).double().eval()
                plain.load_state_dict(fused.state_dict())
                fused = torch.nn.Sequential(conv.static_padding, plain)
            parent._modules[name], parent._modules[following] = fused, torch.nn.Identity()
    return net


def full_gradient(net, x, target) -> np.ndarray:
    """The sum before it is scaled for display."""
    cam = pytorch_grad_cam.FullGrad(net, [])
    cam.aggregate_multi_layers = lambda layers: layers[:, 0]
    return cam(tensor_of(net, x), [ClassifierOutputTarget(target)] * len(x))


def noisy_fullgrad(m: Maker) -> None:
    """The library has no noise: its maps of noisy pictures, folded here as Captum folds."""
    noise = (0.3 * np.random.RandomState(600).standard_normal((DRAWS, *m.s.x.shape[1:]))).astype(np.float32)
    folder, t = m.out.draws(f"{m.s.name}-fullgrad", noise=noise), m.s.classes[0]
    folds = {"smoothgrad": lambda maps: maps.mean(axis=0), "squared": lambda maps: (maps ** 2).mean(axis=0),
             "vargrad": lambda maps: (maps ** 2).mean(axis=0) - maps.mean(axis=0) ** 2}
    for kind, fold in folds.items():
        m.add(f"fullgrad-{kind}", "fullgrad", t, {"noise": kind}, draws=folder, compute=lambda fold=fold: fold(
            np.stack([full_gradient(m.net, m.s.x + draw, t) for draw in noise])))


def grad_cam_cases(m: Maker) -> None:
    net = folded(m.net)
    x = tensor_of(m.net, m.s.x)
    with torch.no_grad():
        assert (net(x) - m.net(x)).abs().max() < 1e-9
    whole, m.net = m.net, net
    for t in m.s.classes:
        m.add(f"fullgrad-class{t}", "fullgrad", t, {}, lambda t=t: full_gradient(net, m.s.x, t), thin=True)
    if m.s.stride == 1:
        noisy_fullgrad(m)
    m.net = whole


ORACLES = {"captum": (captum_cases, ("captum",)),
           "grad-cam": (grad_cam_cases, ("grad-cam",)),
           "saliency": (saliency_cases, ("saliency", "scikit-image", "scipy"))}
NOTES = {"grad-cam": {
    "fold": "on the nets with their normalisations folded into convolutions, as the exported models have them"},
    "saliency": {
    "precision": "pictures are given in float64, so that blurs are; integrated gradients inside XRAI sum in float32"},
    "captum": {
    "sum": "channels are summed; noise, points and baselines are given in place of Captum's draws",
    "guided": "on the nets with ReLU modules alone: on ReLU6 Captum's guided backpropagation is the plain gradient"}}


def main() -> None:
    oracle = subjects.oracle_asked(ORACLES)
    warnings.simplefilter("ignore")
    cases, packages = ORACLES[oracle]
    out = subjects.Cases("gradient", oracle)
    for subject in subjects.subjects():
        cases(Maker(subject, out))
    out.save({name: metadata.version(name) for name in ("torch", *packages)}, NOTES[oracle])


if __name__ == "__main__":
    main()
