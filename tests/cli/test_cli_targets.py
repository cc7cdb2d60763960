"""Targets on the command line: every form of --target, masks from files, what models and predictions tell."""
import base64
import json

import numpy as np
import pytest
from PIL import Image

import xai
from xai import ask, call

FCN = xai.ROOT / "tests/golden/data/tiny-fcn/model.onnx"
STEER = xai.ROOT / "tests/golden/data/tiny-steer/model.onnx"
LAYER = "/relu4/Relu_output_0"
BOX = (2, 4, 20, 40)


@pytest.fixture(scope="module")
def tensor(tmp_path_factory):
    path = tmp_path_factory.mktemp("tensor") / "x.npy"
    np.save(path, np.load(FCN.parent / "input.npy")[:1])
    return path


def explain(tensor, target, *args, model=FCN):
    return ask("explain", "--model", model, "--tensor", tensor, "--method", "saliency", "--target", target,
               *args)["results"]


def rectangle(path, size, box, value):
    """A mask of that size (rows, columns) that covers a box of the 32 x 48 input."""
    mask = np.zeros(size, np.uint8)
    scale = size[0] / 32
    top, left, bottom, right = (int(v * scale) for v in box)
    mask[top:bottom, left:right] = value
    Image.fromarray(mask).save(path)
    return path


def test_every_form_of_a_target(tensor):
    forms = f"3,car,box:car:2,4,20,40,neuron:{LAYER}:4,neuron:{LAYER}:4:6,11,output:logits:7,output:8"
    told = [result["target"] for result in explain(tensor, forms)]
    assert [t["name"] for t in told] == ["car", "car", "car", f"{LAYER}[4]", f"{LAYER}[4] at 6,11", "logits[7]", "logits[8]"]
    assert told[0] == told[1] and told[2]["box"] == list(BOX)
    (spelt,) = explain(tensor, json.dumps({"class": "car", "box": BOX}))
    assert spelt["target"] == told[2]


def test_a_box_is_the_mask_of_the_same_rectangle_at_any_resolution(tensor, tmp_path):
    (box,) = explain(tensor, "box:car:2,4,20,40")
    for size, value in (((32, 48), 255), ((16, 24), 1), ((64, 96), 7)):
        file = rectangle(tmp_path / f"{size[0]}.png", size, BOX, value)
        (mask,) = explain(tensor, f"mask:car:{file}")
        assert mask["target"]["mask"]["size"] == list(size)
        assert mask["target"]["value"] == pytest.approx(box["target"]["value"], rel=1e-6)
        np.testing.assert_allclose(xai.array(xai.artifact(mask)), xai.array(xai.artifact(box)), rtol=1e-5, atol=1e-7)
        (spelt,) = explain(tensor, json.dumps({k: v for k, v in mask["target"].items() if k not in ("name", "value")}))
        assert spelt == mask
        picture = base64.b64encode(file.read_bytes()).decode()
        (inline,) = explain(tensor, json.dumps({"class": "car", "mask": {"b64": picture}}))
        assert inline == mask


def test_space_and_contrast_go_with_box_and_mask(tensor):
    (result,) = explain(tensor, "box:car:2,4,20,40", "--space", "probability", "--contrast", "road")
    values = [explain(tensor, f"box:{c}:2,4,20,40", "--space", "probability")[0]["target"]["value"]
              for c in ("car", "road")]
    assert result["target"]["contrast"] == 0
    assert result["target"]["value"] == pytest.approx(values[0] - values[1], abs=1e-6)


def test_a_model_of_two_outputs(tensor):
    model = ask("model", STEER)
    assert model["outputs"] == [{"name": "steering", "dtype": "float32", "shape": [1, 2], "head": "regression"},
                                {"name": "speed", "dtype": "float32", "shape": [1, 1], "head": None}]
    predictions = ask("predict", "--tensor", tensor, "--model", STEER)["predictions"]
    assert [p["name"] for p in predictions] == ["angle", "torque"]
    angle, speed = (explain(tensor, target, model=STEER)[0]["target"] for target in ("angle", "output:speed:0"))
    assert angle["value"] == pytest.approx(predictions[0]["value"]) and angle["space"] == "logit"
    assert speed["value"] != angle["value"]
    raw = ask("run", "--model", STEER, "--input", f"input={tensor}", "--out", tensor.parent / "raw")
    file = next(t["file"] for t in raw["tensors"] if t["name"] == "speed")
    assert speed["value"] == pytest.approx(float(np.load(tensor.parent / "raw" / file)[0, 0]), rel=1e-5)


def test_a_dense_model_tells_shares(tensor):
    predictions = ask("predict", "--tensor", tensor, "--model", FCN)["predictions"]
    assert sum(p["share"] for p in predictions) == pytest.approx(1)
    assert ask("model", FCN)["output"] == {"name": "logits", "head": "dense", "classes": 5}


REFUSED = [
    ("malformed box", 3, "bad-request", "box:CLASS:TOP", FCN, "box:car:1,2,3"),
    ("box beyond the input", 3, "bad-parameter", "32 rows", FCN, "box:car:0,0,33,48"),
    ("no such mask", 3, "io", "nowhere.png", FCN, "mask:car:nowhere.png"),
    ("mask that is no picture", 3, "", "", FCN, "mask:car:Makefile"),
    ("box of a model without map", 3, "bad-parameter", "dense", STEER, "box:angle:0,0,4,4"),
    ("unknown layer", 3, "unknown-layer", "nowhere", FCN, "neuron:nowhere:0"),
    ("unknown output", 3, "", "steering", STEER, "output:wheel:0"),
    ("channel beyond the last", 3, "bad-parameter", "0 to 15", FCN, f"neuron:{LAYER}:16"),
]


@pytest.mark.parametrize("code,id_,part,model,target", [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_is_refused(tensor, code, id_, part, model, target):
    done = call("explain", "--model", model, "--tensor", tensor, "--method", "saliency", "--target", target)
    assert done.code == code and done.stdout == "", done.stderr
    assert id_ in done.stderr and part in done.stderr


def test_help_tells_the_forms():
    text = call("help", "explain").stdout
    for form in ("box:CLASS:TOP,LEFT,BOTTOM,RIGHT", "mask:CLASS:FILE", "neuron:LAYER:CHANNEL[:ROW,COL]", "output:NAME:INDEX"):
        assert form in text
    assert max(map(len, text.splitlines())) <= 140
