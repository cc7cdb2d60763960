"""Which gates method `attention` finds: all of those that a network has and none of those that it has not, in network
order, with what each is. Their values are cases of test_methods.py; the networks those of methods/gated_nets.py."""
import json
import sys

import numpy as np
import pytest

import xai
from compare import DATA

sys.path.insert(0, str(xai.ROOT / "tests/conformance"))
import check_families  # noqa: E402

NETS = DATA / "methods/attention/nets"
KINDS = json.loads((NETS / "gates.json").read_text(encoding="utf-8"))
EXPORTED = sorted(path.parent for path in (xai.ROOT / "tests/exporters/data").glob("*/case.json"))
SQUEEZED = {"tiny_constants", "tiny_dynamo18", "tiny_dynamo20", "tiny_external", "tiny_half", "tiny_half_weights", "tiny_keras13",
            "tiny_keras18", "tiny_paddle", "tiny_torchscript11", "tiny_torchscript17"}
UNET = {"tiny_unet", "tiny_unet_dynamo"}
KERAS = ["squeeze-excitation", "squeeze-excitation", "spatial", "spatial", "self-attention", "attention pooling"]


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


def kinds_in(name: str) -> list:
    """Of the exporters' models, each with a hard swish and a SiLU beside its gates."""
    if name == "tiny_keras_gates":
        return KERAS
    return ["squeeze-excitation"] * (name in SQUEEZED) + ["spatial"] * (name in UNET)


@pytest.mark.parametrize("folder", EXPORTED, ids=lambda folder: folder.name)
def test_gates_of_every_exporter(folder):
    """Spelt by PyTorch's two exporters, tf2onnx and paddle2onnx."""
    done = xai.call("explain", xai.CHELSEA, "--model", folder / "model.onnx", "--method", "attention")
    kinds = [row["kind"] for row in table(done.json["results"][0])] if done.code == 0 else []
    assert kinds == kinds_in(folder.name)
    assert done.code == (0 if kinds else 4), done.stderr


def test_values_are_those_of_the_tensor_of_that_name(tmp_path):
    """In a graph that lies channels last. Tensors themselves are compared with other engines in tests/exporters."""
    folder = xai.ROOT / "tests/exporters/data/tiny_keras_gates"
    result = ask(folder / "model.onnx", folder / "input.npy").json["results"][0]
    artifacts = {a["name"]: a for a in result["artifacts"]}
    for row in table(result):
        name = row["tensor"]
        xai.call("run", "--model", folder / "model.onnx", "--input", f"image={folder / 'input.npy'}", "--fetch", name,
                 "--out", tmp_path)
        tensor = np.load(tmp_path / check_families.file_name(name))
        for artifact in (f"gate{row['gate']}-weights", f"gate{row['gate']}-map"):
            if artifact in artifacts:
                got = xai.array(artifacts[artifact]).flatten()
                want = tensor.flatten() if tensor.size == got.size else tensor.mean((0, 1, 2))
                assert np.allclose(got, want, atol=1e-6)


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
