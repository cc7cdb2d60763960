#!/usr/bin/env python3
"""Makes data/methods/fusion: what pytorch-grad-cam returns of methods that do not live by one backward pass: maps of
several layers, and of the picture's variants, fused, from 0 to 1, in the input's resolution.

usage: make_fusion.py --oracle grad-cam

The library keeps scores in float32; those of small networks are far enough from each other for that.
"""
from importlib import metadata

import numpy as np
import pytorch_grad_cam as pgc
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

import subjects
import oracles  # noqa: I001  (of the folder above, which subjects adds)

KINDS = {"scorecam": pgc.ScoreCAM, "ablationcam": pgc.AblationCAM, "shapleycam": pgc.ShapleyCAM}
OPTIONS = {"scorecam": {"dialect": "grad-cam"}}


def final(kind, net, layers, x, target, aug) -> np.ndarray:
    """[N,H,W]; one picture at a time: the library's ablation takes the first one's activations for all."""
    maps = []
    for sample in x:
        tensor = torch.from_numpy(sample[None]).to(next(net.parameters()).dtype)
        with kind(net, layers) as cam:
            maps.append(np.float64(cam(tensor, targets=[ClassifierOutputTarget(target)], aug_smooth=aug))[0])
    return np.stack(maps)


def cases(s: subjects.Subject, out: subjects.Cases) -> None:
    tensors, layers, (first, second) = list(s.layers), list(s.layers.values()), s.classes

    def add(name, method, target, params, which, aug):
        def compute() -> np.ndarray:
            return final(KINDS[method], s.net, which, s.x, target, aug)
        out.add(s, name, method, target, {**OPTIONS.get(method, {}), **params}, compute(),
                float32_error=oracles.float32_error(s.net, compute))
    for method in KINDS:
        if method == "scorecam":  # elsewhere the library's second layer finds its graph freed, or its module replaced
            add(f"{method}-mean", method, first, {"layers": ",".join(tensors)}, layers, False)
        add(f"{method}-aug", method, second, {"layer": tensors[0], "aug_smooth": True}, layers[:1], True)


def main() -> None:
    oracle = subjects.oracle_asked(["grad-cam"])
    out = subjects.Cases("fusion", oracle)
    for s in subjects.subjects(with_lite0=False):
        cases(s, out)
    out.save({name: metadata.version(name) for name in ("grad-cam", "ttach", "torch", "numpy")},
             {"whole": "What the library returns, after all of its scaling and resizing."})


if __name__ == "__main__":
    main()
