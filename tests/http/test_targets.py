"""Boxes, masks, neurons and outputs over real HTTP, with a dense model and one of two outputs beside the shipped one."""
import base64
import io
import shutil

import numpy as np
import pytest
from PIL import Image

from service import COFFEE, ROOT, Service

GOLDEN = ROOT / "tests" / "golden" / "data"
LAYER = "/relu4/Relu_output_0"
RUNS = {"size": [32, 48], "runs": [5 * 48, 7, 41, 9, 32 * 48 - 5 * 48 - 57]}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name in ("tiny-fcn", "tiny-steer"):
        for suffix in (".onnx", ".json"):
            shutil.copy(GOLDEN / name / f"model{suffix}", folder / f"{name}{suffix}")
    with Service(tmp_path_factory.mktemp("store") / "jobs.db", model_dir=folder, workers=2) as service:
        yield service


def explained(server, target, method="saliency", model="tiny-fcn", **more):
    answer = server.explain({"model": model, "method": method, "target": target, "seed": 3, **more})
    assert answer.status == 200, answer.body[:500]
    return answer


def values_of(answer):
    (result,) = answer.json["results"]
    found = next(a for a in result["artifacts"] if a["kind"] == "map")
    return np.frombuffer(base64.b64decode(found["data"]), "<f4").reshape(found["shape"])


def png_of(mask):
    out = io.BytesIO()
    Image.fromarray((mask * 255).astype(np.uint8)).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def mask_of(runs):
    flat = np.repeat(np.arange(len(runs["runs"])) % 2, runs["runs"])
    return flat.reshape(runs["size"])


TARGETS = [
    {"class": 3},
    {"class": "car", "box": [2, 4, 20, 40]},
    {"class": 1, "contrast": "road", "mask": RUNS},
    {"class": 2, "space": "probability", "box": [0, 0, 32, 48]},
    {"neuron": {"layer": LAYER, "channel": 4}},
    {"neuron": {"layer": LAYER, "channel": 2, "position": [6, 11]}},
    {"output": {"name": "logits", "index": 700}},
    {"output": {"index": 700}},
]


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_a_result_tells_its_target_so_that_it_can_be_asked_again(server, target):
    first = explained(server, target)
    (result,) = first.json["results"]
    told = dict(result["target"])
    assert {"name", "space", "value"} <= set(told) and np.abs(values_of(first)).max() > 0
    assert set(target) - {"class", "contrast"} <= set(told)
    again = {k: v for k, v in told.items() if k not in ("name", "value")}
    second = explained(server, again, seed=4)
    assert second.json["results"][0]["target"] == result["target"]
    assert np.array_equal(values_of(first), values_of(second))


def test_a_mask_as_picture_is_the_mask_as_runs(server):
    runs = explained(server, {"class": 1, "mask": RUNS})
    picture = explained(server, {"class": 1, "mask": {"b64": png_of(mask_of(RUNS))}})
    assert runs.headers["x-cache"] == picture.headers["x-cache"] == "miss"
    assert picture.json["results"][0]["target"] == runs.json["results"][0]["target"]
    assert picture.json["results"][0]["target"]["mask"] == RUNS
    assert np.array_equal(values_of(runs), values_of(picture))
    other = explained(server, {"class": 1, "mask": {"b64": png_of(1 - mask_of(RUNS))}})
    assert other.headers["x-cache"] == "miss" and not np.array_equal(values_of(runs), values_of(other))


def test_the_cache_tells_targets_apart(server):
    near = [{"class": 3, "box": [2, 4, 20, 40]}, {"class": 3, "box": [2, 4, 20, 41]}, {"class": 2, "box": [2, 4, 20, 40]},
            {"neuron": {"layer": LAYER, "channel": 5}}, {"neuron": {"layer": LAYER, "channel": 5, "position": [0, 0]}},
            {"output": {"name": "logits", "index": 1}}, {"output": {"name": "logits", "index": 2}}]
    for target in near:
        assert explained(server, target, seed=77).headers["x-cache"] == "miss", target
    for target in near:
        assert explained(server, target, seed=77).headers["x-cache"] == "hit", target


def test_targets_as_text(server):
    query = f"model=tiny-fcn&method=saliency&target=box:car:2,4,20,40,1,neuron:{LAYER}:4:6,11,output:logits:7"
    answer = server.post(f"/api/v1/explanations?{query}", COFFEE, "image/png")
    told = [result["target"] for result in answer.json["results"]]
    assert [t["name"] for t in told] == ["car", "sky", f"{LAYER}[4] at 6,11", "logits[7]"]
    assert told[0]["box"] == [2, 4, 20, 40]


REFUSED = [
    ({"class": 1, "box": [0, 0, 33, 10]}, "bad-parameter", "/targets/0/box"),
    ({"class": 1, "box": [5, 5, 5, 10]}, "bad-parameter", "/targets/0/box"),
    ({"class": 1, "mask": {"size": [2, 2], "runs": [4]}}, "bad-parameter", "/targets/0/mask"),
    ({"class": 1, "mask": {"size": [2, 2], "runs": [1, 4]}}, "bad-parameter", "/targets/0/mask"),
    ({"class": 1, "mask": {"file": "/etc/hostname"}}, "bad-request", "/target/mask/file"),
    ({"class": 1, "mask": {"b64": "%"}}, "bad-request", "/targets/0/mask/b64"),
    ({"class": 1, "neuron": {"layer": LAYER, "channel": 0}}, "bad-request", "/target/class"),
    ({"neuron": {"layer": LAYER, "channel": 16}}, "bad-parameter", "/targets/0/neuron/channel"),
    ({"neuron": {"layer": LAYER, "channel": 1, "position": [16, 0]}}, "bad-parameter", "/targets/0/neuron/position"),
    ({"neuron": {"layer": LAYER, "channel": 1}, "space": "probability"}, "bad-parameter", "/targets/0/space"),
    ({"output": {"name": "logits", "index": 1920}}, "bad-parameter", "/targets/0/output/index"),
]


@pytest.mark.parametrize("target,code,pointer", REFUSED, ids=str)
def test_what_is_refused_points_at_its_member(server, target, code, pointer):
    answer = server.explain({"model": "tiny-fcn", "method": "saliency", "target": target})
    problem = answer.problem(answer.status, code, pointer)
    assert 400 <= answer.status < 500 and len(problem["detail"]) > 20


def test_an_empty_mask_or_no_picture_fails_the_job_with_words(server):
    for picture in (png_of(np.zeros((4, 4))), base64.b64encode(b"no picture").decode()):
        answer = server.explain({"model": "tiny-fcn", "method": "saliency", "target": {"class": 1, "mask": {"b64": picture}}})
        assert 400 <= answer.status < 500 and answer.problem(answer.status)["detail"]


def test_a_dense_model_predicts_the_share_of_its_classes(server):
    answer = server.post("/api/v1/predictions?model=tiny-fcn", COFFEE, "image/png")
    predictions = answer.json["predictions"]
    assert sorted(p["name"] for p in predictions) == ["car", "person", "road", "sky", "tree"]
    assert sum(p["share"] for p in predictions) == pytest.approx(1)
    assert [p["share"] for p in predictions] == sorted((p["share"] for p in predictions), reverse=True)
    assert sum(p["probability"] for p in predictions) == pytest.approx(1, abs=1e-5)


def test_a_regression_predicts_its_numbers_in_order(server):
    answer = server.post("/api/v1/predictions?model=tiny-steer", COFFEE, "image/png")
    assert [set(p) for p in answer.json["predictions"]] == [{"class", "name", "value", "logit"}] * 2
    assert [p["name"] for p in answer.json["predictions"]] == ["angle", "torque"]
    (result,) = explained(server, "torque", "occlusion", "tiny-steer", params={"window": 8, "stride": 8}).json["results"]
    assert result["target"]["space"] == "logit"
    assert result["target"]["value"] == pytest.approx(answer.json["predictions"][1]["value"])


def test_models_list_their_outputs(server):
    model = server.get("/api/v1/models/tiny-steer").json
    assert [(o["name"], o["shape"], o["head"]) for o in model["outputs"]] == [("steering", [1, 2], "regression"),
                                                                             ("speed", [1, 1], None)]
    sag = next(m for m in model["methods"] if m["id"] == "sag")
    assert not sag["served"] and "probability" in sag["reason"]


def test_a_graph_of_a_box_is_probed_as_it_was_made(server):
    target = {"class": 3, "box": [2, 4, 20, 40]}
    answer = explained(server, target, "sag", params={"grid": 3, "criterion": "relative"})
    (result,) = answer.json["results"]
    graph = next(a for a in result["artifacts"] if a["kind"] == "graph")["data"]
    masks = [node["id"] for node in graph["nodes"]] or ["1ff"]
    probe = server.post(f"/api/v1/explanations/{answer.json['id']}/probe", {"masks": [*masks[:8], "1ff", "000"]})
    assert probe.status == 200, probe.body
    found = {value["id"]: value["p"] for value in probe.json["values"]}
    assert found["1ff"] == pytest.approx(graph["threshold"]["f_all"], abs=1e-7)
    assert found["000"] == pytest.approx(graph["threshold"]["f_empty"], abs=1e-7)
    for node in graph["nodes"][:8]:
        assert found[node["id"]] == pytest.approx(node["p"], abs=1e-7)
    assert 0 < found["1ff"] < 1
