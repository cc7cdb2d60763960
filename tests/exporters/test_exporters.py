"""Models as real exporters write them, in data/: outputs, inner tensors and gradients; and what is read from the graph
where no sidecar says anything. The last tests plant errors and require that they are found."""
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import xai

sys.path.insert(0, str(xai.ROOT / "tests/conformance"))
import check_families  # noqa: E402

DATA = Path(__file__).parent / "data"
FOLDERS = sorted(path.parent for path in DATA.glob("*/case.json"))
DENSE = {"tiny_unet", "tiny_unet_dynamo", "tiny_keras_segment", "tiny_paddle_segment"}
PROBABILITIES = {"tiny_keras13", "tiny_keras_gates", "tiny_paddle"}


def test_every_exporter_is_there():
    recipes = " ".join(json.loads((folder / "case.json").read_text())["recipe"] for folder in FOLDERS)
    for word in ("torchscript", "dynamo", "tf2onnx", "paddle2onnx", "float16", "external"):
        assert word in recipes


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_numbers(folder):
    verdict = check_families.judge(str(xai.XAI), folder)
    assert verdict.passed, verdict


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_description(folder):
    done = xai.call("model", folder / "model.onnx")
    assert done.code == 0, done.stderr
    model = done.json
    keras = "keras" in folder.name
    assert model["input"]["layout"] == ("NHWC" if keras else "NCHW")
    assert model["output"]["head"] == ("dense" if folder.name in DENSE else
                                       "probabilities" if folder.name in PROBABILITIES else "softmax")
    classes = np.load(folder / "logits.npy").shape[-1 if keras or folder.name not in DENSE else 1]
    assert model["classes"] == classes
    layer = {layer["name"]: layer for layer in model["layers"]}[model["default_layer"]]
    assert layer["spatial"] and layer["shape"][2] * layer["shape"][3] > 1
    assert all(method["served"] for method in model["methods"] if method["id"] in ("gradcam", "saliency"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_explained(folder):
    done = xai.call("explain", xai.CHELSEA, "--model", folder / "model.onnx", "--method", "gradcam,saliency")
    assert done.code == 0, done.stderr
    for result in done.json["results"]:
        assert result["status"] == "done" and result["artifacts"]


@pytest.mark.parametrize("name", ["tiny_dynamo20", "tiny_keras13"])
def test_logits_are_what_goes_into_the_softmax(name):
    """Probabilities come from logits, whichever of them the graph ends with."""
    done = xai.call("predict", xai.CHELSEA, "--model", DATA / name / "model.onnx", "--top", 100)
    predictions = done.json["predictions"]
    logits = np.array([one["logit"] for one in predictions])
    weights = np.exp(logits - logits.max())
    assert np.allclose([one["probability"] for one in predictions], weights / weights.sum(), atol=1e-5)


def planted(tmp_path: Path, name: str) -> Path:
    return Path(shutil.copytree(DATA / name, tmp_path / name))


def test_planted_gradient_is_found(tmp_path):
    folder = planted(tmp_path, "tiny_dynamo18")
    gradient = np.load(folder / "gradient.npy")
    np.save(folder / "gradient.npy", gradient * 1.01)
    assert not check_families.judge(str(xai.XAI), folder).passed


def test_planted_weight_is_found(tmp_path):
    folder = planted(tmp_path, "tiny_external")
    weights = folder / "weights/all.weights"
    data = np.frombuffer(weights.read_bytes(), np.float32).copy()
    data[: data.size // 2] *= 1.01
    weights.write_bytes(data.tobytes())
    assert not check_families.judge(str(xai.XAI), folder).passed


@pytest.mark.parametrize("spoil", ["shorten", "remove", "link"])
def test_spoilt_external_data_is_refused(tmp_path, spoil):
    folder = planted(tmp_path, "tiny_dynamo20")
    data = folder / "model.onnx.data"
    if spoil == "shorten":
        data.write_bytes(data.read_bytes()[:-4])
    else:
        data.rename(tmp_path / "elsewhere")
        if spoil == "link":
            data.symlink_to(tmp_path / "elsewhere")
    done = xai.call("model", folder / "model.onnx")
    assert done.code == 3 and "model.onnx.data" in done.stderr and done.stderr.count("xai model:") == 1
