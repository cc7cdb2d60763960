"""Gradients by weights, and by what lies beside them, against PyTorch in float64 (make_second.py).

Every weight of two nets: convolutions (strided, grouped, dilated, depthwise, pointwise), batch normalisation, linear
layers as Gemm and as MatMul of a transposed weight, and what becomes of layer normalisation at opset 13.
"""
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest

import xai

DATA = Path(__file__).parent / "data" / "second"
NETS = ("gate", "attention")
TOLERANCE = 1e-3  # relative L2, of any gradient


def names(net: str) -> dict:
    return json.loads((DATA / net / "names.json").read_text(encoding="utf-8"))


def difference(got: np.ndarray, expected: np.ndarray) -> float:
    assert got.shape == expected.shape
    return float(np.linalg.norm(got.astype(float) - expected) / np.linalg.norm(expected))


@pytest.fixture(scope="module", params=NETS)
def run(request):
    """The folder of one run that fetches every weight, and the layer, with gradients."""
    net = request.param
    with tempfile.TemporaryDirectory(prefix="xai-second-") as out:
        fetch = [a for name in [*names(net)["weights"], names(net)["layer"]] for a in ("--fetch", name)]
        xai.ask("run", "--model", DATA / net / "model.onnx", "--input", f"input={DATA / net / 'input.npy'}",
                "--gradient", "logits:3", "--out", out, *fetch)
        listed = json.loads((Path(out) / "manifest.json").read_text())["tensors"]
        yield net, {t["name"]: np.load(Path(out) / t["file"]) for t in listed}


def test_logits_and_gradients_beside_the_weights(run):
    net, got = run
    expected = np.load(DATA / net / "logits.npy")
    assert np.abs(got["logits"] - expected).max() <= 1e-4 * max(1, np.abs(expected).max())
    assert difference(got["grad_input"], np.load(DATA / net / "gradient_input.npy")) <= TOLERANCE
    assert difference(got["grad_" + names(net)["layer"]], np.load(DATA / net / "gradient_layer.npy")) <= TOLERANCE


def test_every_weight_has_its_gradient(run):
    net, got = run
    assert len(names(net)["weights"]) >= 10
    wrong = {name: difference(got["grad_" + name], np.load(DATA / net / f"weight_{name}.npy"))
             for name in names(net)["weights"]}
    assert {name: error for name, error in wrong.items() if not error <= TOLERANCE} == {}


def test_a_wrong_gradient_would_be_found(run):
    net, got = run
    name = names(net)["weights"][0]
    assert difference(1.01 * got["grad_" + name], np.load(DATA / net / f"weight_{name}.npy")) > TOLERANCE


def test_what_must_stay_constant_says_so():
    done = xai.call("run", "--model", DATA / "gate" / "model.onnx", "--input",
                    f"input={DATA / 'gate' / 'input.npy'}", "--gradient", "logits:3", "--out",
                    tempfile.gettempdir(), "--fetch", "stem.1.running_var")
    assert done.code == 4 and "constant" in done.stderr and "BatchNormalization" in done.stderr
