#!/usr/bin/env python3
"""Goldens of method attention: the gates of gated_nets.py, as PyTorch computes them, in float64.

usage: make_attention.py --oracle torch

Writes data/methods/attention/: in nets/ the networks as the two exporters of PyTorch write them, two inputs, and
gates.json, which says of each network the kinds of its gates in network order; beside it the gates' values. What the
gates are is what the networks note while they run; no library is asked, since a gate's values are simply a tensor's.
"""
import contextlib
import io
import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch

import gated_nets
from subjects import DATA, Cases, Subject, oracle_asked

FAMILY = "attention"
NETS = f"methods/{FAMILY}/nets"
DYNAMO = ("spelt", "pooling", "vit")  # written by the other exporter too
SAMPLES = 2


def export(net: torch.nn.Module, path: Path, dynamo: bool) -> None:
    x = torch.zeros(1, 3, gated_nets.SIDE, gated_nets.SIDE)
    more = {"dynamo": True, "opset_version": 18, "external_data": False} if dynamo else {"dynamo": False, "opset_version": 13}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (x,), str(path), input_names=["input"], output_names=["logits"], **more)
    model = onnx.load(str(path))
    for node in model.graph.node:  # where in the source each node came from
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
    del model.graph.value_info[:], model.graph.metadata_props[:], model.metadata_props[:]
    onnx.save(model, str(path))


def gates_of(net: torch.nn.Module, x: np.ndarray) -> list:
    with torch.no_grad():
        net(torch.from_numpy(x[None]).double())
    return [(kind, gate.numpy()[0].copy()) for kind, gate in net.gates]


def tokens_before(count: int) -> int:
    """Tokens are a square of patches, and the class token."""
    return 0 if round(count ** 0.5) ** 2 == count else 1


def expected(kind: str, gate: np.ndarray) -> dict:
    """What the method's artifacts must hold, of one sample's gate [...]."""
    if kind == "self-attention":  # [heads, queries, keys] or [queries, keys]
        matrix = gate.reshape(-1, *gate.shape[-2:])
        found = {"matrix": matrix}
        if matrix.shape[1] != matrix.shape[2] or matrix.shape[2] < 16:
            return found
        lead, mean = tokens_before(matrix.shape[2]), matrix.mean(0)
        row = mean[0, lead:] if lead else mean.mean(0)
        side = round(row.size ** 0.5)
        return {**found, "map": row.reshape(side, side)}
    if kind == "attention pooling":
        maps = gate.reshape(-1, 8, 8)
        return {"map": maps.mean(0), **({"heads": maps} if len(maps) > 1 else {})}
    if kind == "squeeze-excitation":
        return {"weights": gate.reshape(-1)}
    if kind == "spatial":
        return {"map": gate[0]}
    return {"map": gate.mean(0), "weights": gate.mean((1, 2))}


def add_cases(cases: Cases, name: str, net: torch.nn.Module, x: np.ndarray) -> list:
    subject = Subject(name, f"{NETS}/{name}.onnx", f"{NETS}/input.npy", net, x, (), {}, 1)
    samples = [gates_of(net, one) for one in x]
    for i, (kind, _) in enumerate(samples[0]):
        want = [expected(kind, gates[i][1]) for gates in samples]
        for artifact in want[0]:
            cases.add(subject, f"gate{i}-{artifact}", "attention", 0, {"gate": i},
                      np.stack([one[artifact] for one in want]), artifact=artifact)
    return [kind for kind, _ in samples[0]]


def main() -> None:
    oracle_asked(["torch"])
    (DATA / NETS).mkdir(parents=True, exist_ok=True)
    cases, gates = Cases(FAMILY, "torch"), {}
    x = np.random.RandomState(5).standard_normal((SAMPLES, 3, gated_nets.SIDE, gated_nets.SIDE)).astype(np.float32)
    np.save(DATA / NETS / "input.npy", x)
    for name, make in gated_nets.NETS.items():
        for dynamo in (False, True)[: 1 + (name in DYNAMO)]:
            full = f"gated-{name}{'-dynamo' * dynamo}"
            net = make().eval()
            export(net, DATA / NETS / f"{full}.onnx", dynamo)
            gates[full] = add_cases(cases, full, net.double(), x)
    cases.save({"torch": torch.__version__, "onnx": onnx.__version__}, {"bound": "relative L2 of a gate's values"})
    (DATA / NETS / "gates.json").write_text(json.dumps(gates, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
