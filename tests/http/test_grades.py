"""Grades over HTTP: metrics in a request, their list, errors that point at them, the cache."""
import pytest

from service import ROOT, Service

NET = ROOT / "tests/golden/data/methods/attention/nets/gated-cbam.onnx"
QUICK = [{"id": "deletion", "params": {"random": 2, "step": 300}}, {"id": "sparseness", "params": {"random": 2}}]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("grades") / "jobs.db", model=NET) as service:
        yield service


def explain(server, **more):
    return server.explain({"method": "gradcam", "seed": 1, **more})


def test_results_carry_grades(server):
    answer = explain(server, evaluate=QUICK)
    assert answer.status == 200, answer.body[:400]
    (result,) = answer.json["results"]
    assert [g["id"] for g in result["grades"]] == ["deletion", "sparseness"]
    assert result["metrics"]["deletion"] == result["grades"][0]["value"]
    assert [a["kind"] for a in result["artifacts"] if a["name"] == result["grades"][0]["curve"]] == ["curve"]
    assert answer.json["cost"]["forwards"] > 4 * (2 + 1 + 1)


def test_metrics_are_part_of_what_is_cached(server):
    region = {"box": [2, 2, 20, 20]}
    kinds = [{"evaluate": ["massinside"], "expected": region}, {"evaluate": ["massinside"], "expected": {"box": [0, 0, 9, 9]}},
             {"evaluate": ["complexity"]}, {"evaluate": [{"id": "complexity", "params": {"random": 3}}]}, {}]
    first = [explain(server, **kind).json for kind in kinds]
    again = [explain(server, **kind).json for kind in kinds]
    assert [a["cache"] for a in again] == ["hit"] * len(kinds)
    assert [a["results"] for a in again] != [again[0]["results"]] * len(kinds)
    for one, two in zip(first, again):
        assert [r.get("grades") for r in one["results"]] == [r.get("grades") for r in two["results"]]


@pytest.mark.parametrize("more, code, pointer", [
    ({"evaluate": ["no-such"]}, "unknown-metric", "/evaluate/0/id"),
    ({"evaluate": ["sparseness", {"id": "road", "params": {"levels": 1000}}]}, "bad-parameter", "/evaluate/1/params/levels"),
    ({"evaluate": [{}]}, "bad-request", "/evaluate/0/id"),
    ({"evaluate": ["iou"]}, "bad-parameter", "/expected"),
    ({"evaluate": ["iou"], "expected": {"box": [5, 5, 2, 2]}}, "bad-parameter", "/expected/box"),
    ({"evaluate": ["iou"], "expected": {"class": 3}}, "bad-request", "/expected/class"),
    ({"evaluate": ["iou"], "expected": {}}, "bad-request", "/expected"),
])
def test_errors_point_at_the_culprit(server, more, code, pointer):
    answer = explain(server, **more)
    assert answer.status in (400, 422) and answer.json["code"] == code and answer.json["pointer"] == pointer


def test_metrics_are_listed(server):
    metrics = server.get("/api/v1/metrics").json
    assert "road" in [m["id"] for m in metrics]
    assert server.get("/api/v1/metrics/road").json in metrics
    assert server.get("/api/v1/metrics/none").status == 404
    schema = server.get("/api/v1/openapi.json").json["components"]["schemas"]
    assert schema["Metric"]["anyOf"][-1]["enum"] == [m["id"] for m in metrics]
