"""Which gates method `attention` finds: all of those that a network has and none of those that it has not, in network
order, with what each is. Their values are cases of test_methods.py; the networks those of methods/gated_nets.py."""
import json

import numpy as np
import pytest

import xai
from compare import DATA

NETS = DATA / "methods/attention/nets"
KINDS = json.loads((NETS / "gates.json").read_text(encoding="utf-8"))
EXPORTED = sorted(path.parent for path in (xai.ROOT / "tests/exporters/data").glob("*/case.json"))
SQUEEZED = {"tiny_constants", "tiny_dynamo18", "tiny_dynamo20", "tiny_external", "tiny_half", "tiny_half_weights", "tiny_keras13",
            "tiny_keras18", "tiny_paddle", "tiny_torchscript11", "tiny_torchscript17"}
UNET = {"tiny_unet", "tiny_unet_dynamo"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "x.npy"
    np.save(path, np.load(NETS / "input.npy")[:1])
    return path


def ask(model, sample, *params, **options):
    arguments = [word for param in params for word in ("--param", param)]
    return xai.call("explain", "--tensor", sample, "--model", model, "--method", "attention", *arguments, **options)


def table(result) -> list:
    data = xai.artifact(result, "gates")["data"]
    return [dict(zip(data["columns"], row)) for row in data["rows"]]


@pytest.mark.parametrize("name", KINDS)
def test_all_gates_in_network_order_and_no_other(name, sample):
    result = ask(NETS / f"{name}.onnx", sample).json["results"][0]
    rows = table(result)
    assert [row["kind"] for row in rows] == KINDS[name]
    assert [row["gate"] for row in rows] == list(range(len(rows)))
    assert result["metrics"]["gates"] == len(rows) and result["cost"] == {"forwards": 1, "backwards": 0}


@pytest.mark.parametrize("folder", EXPORTED, ids=lambda folder: folder.name)
def test_gates_of_every_exporter(folder):
    """One squeeze-excitation each, spelt by PyTorch, tf2onnx and paddle2onnx, beside a hard swish and a SiLU."""
    done = xai.call("explain", xai.CHELSEA, "--model", folder / "model.onnx", "--method", "attention")
    kinds = [row["kind"] for row in table(done.json["results"][0])] if done.code == 0 else []
    assert kinds == ["squeeze-excitation"] * (folder.name in SQUEEZED) + ["spatial"] * (folder.name in UNET)
    assert done.code == (0 if kinds else 4), done.stderr


@pytest.mark.parametrize("model", [xai.LITE0, DATA / "tiny-resnet/model.onnx", DATA / "tiny-mobilenet/model.onnx"])
def test_model_without_gates_says_so(model):
    served = {m["id"]: m for m in xai.ask("model", model)["methods"]}["attention"]
    assert not served["served"] and "has none" in served["reason"]
    done = xai.call("explain", xai.CHELSEA, "--model", model, "--method", "attention")
    assert done.code == 4 and "has none" in done.stderr


def test_one_gate_by_place_or_name(sample):
    model = NETS / "gated-cbam.onnx"
    whole = ask(model, sample).json["results"][0]
    for row in table(whole):
        for text in (row["gate"], row["tensor"]):
            one = ask(model, sample, f"gate={text}").json["results"][0]
            assert table(one) == [row]
            for a in one["artifacts"]:
                if a["name"] in ("map", "weights"):
                    assert a["data"] == xai.artifact(whole, f"gate{row['gate']}-{a['name']}")["data"]


def test_statistics_are_those_of_the_values(sample):
    result = ask(NETS / "gated-spelt.onnx", sample).json["results"][0]
    for row in table(result):
        weights = xai.array(xai.artifact(result, f"gate{row['gate']}-weights"))
        assert np.allclose([row["mean"], row["min"], row["max"]], [weights.mean(), weights.min(), weights.max()], atol=1e-7)
        assert row["strongest"] == ", ".join(map(str, np.argsort(-weights, kind="stable")[:5]))


def test_limit_shows_the_first_and_says_so(sample):
    result = ask(NETS / "gated-spelt.onnx", sample, "limit=3").json["results"][0]
    assert [row["gate"] for row in table(result)] == [0, 1, 2] and result["metrics"]["gates"] == 8
    assert any("3 of 8" in warning for warning in result["warnings"])


@pytest.mark.parametrize("text", ["6", "-1", "nonsense", "/stem/Conv_output_0"])
def test_what_is_no_gate_is_refused(sample, text):
    done = ask(NETS / "gated-cbam.onnx", sample, f"gate={text}")
    assert done.code == 3 and "is no gate" in done.stderr


def test_same_bytes_whatever_the_threads_and_the_company(sample):
    """Beside methods that run other programs, and with another number of threads."""
    model = NETS / "gated-vit.onnx"
    alone = ask(model, sample, "gate=1").json["results"][0]
    for threads in (1, 2):
        done = xai.call("explain", "--tensor", sample, "--model", model, "--method", "saliency,occlusion,attention",
                        "--threads", threads)
        assert xai.artifact(done.json["results"][2], "gate1-map")["data"] == xai.artifact(alone, "map")["data"]


def test_shares_sum_to_one(sample):
    result = ask(NETS / "gated-vit.onnx", sample, "gate=0").json["results"][0]
    matrix = xai.array(xai.artifact(result, "matrix"))
    assert matrix.shape == (2, 17, 17) and np.allclose(matrix.sum(-1), 1, atol=1e-6)
    heads = xai.array(xai.artifact(result, "heads"))
    assert np.array_equal(heads.reshape(2, 16), matrix[:, 0, 1:])
