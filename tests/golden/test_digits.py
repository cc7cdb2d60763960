"""The two small shipped models: what their samples are called is what they answer, and the methods that they are shipped for
say what they should. What they are worth on unseen digits is in their sidecars, by models/tools/train_digits.py."""
import json
import re

import numpy as np
import pytest

import xai

MODELS = xai.ROOT / "models"
SAMPLES = MODELS / "samples"


def named(task: str) -> list:
    found = [(path, int(re.search(r"-(\d+)\.png", path.name)[1])) for path in sorted(SAMPLES.glob(f"digits-{task}-*.png"))]
    assert len(found) >= 2
    return found


def ask(task: str, picture, method: str, *options) -> dict:
    return xai.ask("explain", picture, "--model", MODELS / f"digits-{task}.onnx", "--method", method, *options)


@pytest.mark.parametrize("picture, digit", named("attention"), ids=lambda v: getattr(v, "name", v))
def test_the_digit_is_read_and_the_gates_look_at_it(picture, digit):
    answer = ask("attention", picture, "attention")
    assert answer["predictions"][0]["name"] == str(digit)
    table = xai.artifact(answer["results"][0], "gates")["data"]
    rows = [dict(zip(table["columns"], row)) for row in table["rows"]]
    assert [row["kind"] for row in rows] == ["squeeze-excitation", "spatial", "attention pooling"]
    shares = xai.array(xai.artifact(answer["results"][0], "gate2-map"))
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    assert np.sort(shares.ravel())[-36:].sum() > 0.9  # a quarter of the picture: the digit, and not what lies about


@pytest.mark.parametrize("picture, total", named("sum"), ids=lambda v: getattr(v, "name", v))
def test_the_sum_is_right_and_its_map_adds_up_to_it(picture, total):
    answer = ask("sum", picture, "ram")
    value = answer["predictions"][0]["value"]
    assert value == pytest.approx(total, abs=1.5)
    assert xai.array(xai.artifact(answer["results"][0])).mean() == pytest.approx(value, abs=1e-3)


@pytest.mark.parametrize("task, head", [("attention", "softmax"), ("sum", "regression")])
def test_sidecar(task, head):
    told = json.loads((MODELS / f"digits-{task}.json").read_text(encoding="utf-8"))
    assert told["id"] == f"digits-{task}" and told["output"]["head"] == head and "CC BY 4.0" in told["provenance"]
    model = xai.ask("model", MODELS / f"digits-{task}.onnx")
    served = {method["id"] for method in model["methods"] if method["served"]}
    assert ("attention" in served) == (task == "attention")
    assert (MODELS / f"digits-{task}.onnx").stat().st_size < 300_000
