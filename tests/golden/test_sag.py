"""`sag` in the dialect of the reference code: what make_sag.py's re-implementation finds with ONNX Runtime's
probabilities from the same mask."""
import json

import numpy as np
import pytest

import xai
from compare import DATA, scratch

CASES = json.loads((DATA / "sag/lite0.json").read_text(encoding="utf-8"))["cases"]
NAMES = [f"{i}-{case['sample'].split('/')[-1]}" for i, case in enumerate(CASES)]
NEAR = 2e-5  # of a probability in float32; make_sag.MARGIN


def graph(case, *options) -> dict:
    result = xai.ask("explain", xai.ROOT / case["sample"], "--model", xai.ROOT / "models/efficientnet-lite0.onnx",
                     "--method", "sag", "--param", "dialect=reference", *options)["results"][0]
    assert result["target"]["class"] == case["target"]
    return xai.artifact(result, "sag")["data"]


@pytest.fixture(scope="module")
def found() -> dict:
    """Every case's graph, asked for once."""
    graphs = {}
    for name, case in zip(NAMES, CASES):
        folder = scratch(f"sag-{name}")
        np.save(folder / "mask.npy", np.float32(case["mask"]))
        graphs[name] = graph(case, "--use-draws", folder)
    return graphs


@pytest.mark.parametrize("name,case", zip(NAMES, CASES), ids=NAMES)
def test_same_mask_same_roots(found, name, case):
    mses = {mse["id"]: mse for mse in found[name]["mses"]}
    assert list(mses) == case["shown"] + [root["id"] for root in case["roots"] if root["id"] not in case["shown"]]
    assert found[name]["roots"] == case["shown"]
    for root in case["roots"]:
        assert abs(mses[root["id"]]["p"] - root["p"]) < NEAR
        assert mses[root["id"]]["root"] == (root["id"] in case["shown"])


@pytest.mark.parametrize("name,case", zip(NAMES, CASES), ids=NAMES)
def test_same_graph_and_forwards(found, name, case):
    nodes = {node["id"]: node["p"] for node in found[name]["nodes"]}
    assert nodes.keys() == case["nodes"].keys()
    assert all(abs(p - case["nodes"][id_]) < NEAR for id_, p in nodes.items())
    stats = found[name]["stats"]
    assert stats["reference_forwards"] == case["forwards"]
    assert stats["evals"] == stats["unique"] == case["evaluated"], "the same sets, each once"


def test_another_mask_finds_other_roots(found):
    first = CASES[0]
    folder = scratch("sag-other")
    np.save(folder / "mask.npy", 1 - np.float32(first["mask"]))
    other = graph(first, "--use-draws", folder)
    assert {mse["id"] for mse in other["mses"]} != {root["id"] for root in first["roots"]}


def test_a_mask_of_its_own_is_found_written_and_replayed():
    """Where none is given, I-GOS makes one."""
    folder = scratch("sag-own")
    own = graph(CASES[0], "--emit-draws", folder)
    assert np.load(folder / "mask.npy").shape == (7, 7) and own["roots"]
    (folder / "noise.npy").unlink()
    again = graph(CASES[0], "--use-draws", folder)
    assert again["roots"] == own["roots"] and again["mses"] == own["mses"]


@pytest.mark.parametrize("mask,what", [(np.zeros((5, 5), np.float32), "7 x 7"),
                                       (np.full((7, 7), np.nan, np.float32), "finite")])
def test_a_mask_that_does_not_do_is_refused(mask, what):
    folder = scratch(f"sag-bad-{what}")
    np.save(folder / "mask.npy", mask)
    run = xai.call("explain", xai.ROOT / CASES[0]["sample"], "--model", xai.ROOT / "models/efficientnet-lite0.onnx",
                  "--method", "sag", "--param", "dialect=reference", "--use-draws", folder)
    assert run.code == 3 and what in run.stderr
