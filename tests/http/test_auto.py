"""The method that is chosen by measurement, over HTTP: listed, decided, and repeated from its receipt."""
import pytest

from service import Service

CANDIDATES = "gradcam;saliency;inputxgradient"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("store") / "jobs.db", workers=1) as service:
        yield service


def explained(server, **params):
    answer = server.explain({"method": "auto", "params": params})
    assert answer.status == 200, answer.body[:500]
    (result,) = answer.json["results"]
    return answer, result


def test_auto_is_decided_and_repeated_from_its_receipt(server):
    _, first = explained(server, candidates=CANDIDATES, metrics="sparseness?random=0", budget_ms=60000)
    table = next(a for a in first["artifacts"] if a["name"] == "candidates")["data"]
    scores = {row[0]: row[1] for row in table["rows"]}
    assert set(scores) == set(CANDIDATES.split(";")) and first["params"]["choose"] == max(scores, key=scores.get)
    assert next(a for a in first["artifacts"] if a["name"] == "reason")["data"].startswith(first["params"]["choose"])
    _, again = explained(server, **{k: v for k, v in first["params"].items() if v is not None})
    maps = [next(a["data"] for a in r["artifacts"] if a["name"] == "map") for r in (first, again)]
    assert maps[0] == maps[1] and again["cost"] == first["cost"]
    assert {a["name"] for a in again["artifacts"]} == {"map", "overlay"}


def test_auto_is_listed_for_the_viewer(server):
    listed = {m["id"]: m for m in server.get("/api/v1/methods").json}
    assert set(listed["auto"]["params"]["properties"]) == {"budget_ms", "candidates", "metrics", "choose"}


def test_a_choice_of_nothing_is_refused_before_it_is_queued(server):
    answer = server.explain({"method": "auto", "params": {"candidates": "dance"}})
    assert answer.status in (400, 422) and "dance" in answer.json["detail"]


@pytest.mark.parametrize("metrics", ["dance", "insertion?step=no", "insertion?stepp=1"])
def test_a_measure_of_nothing_is_refused_before_it_is_queued(server, metrics):
    answer = server.explain({"method": "auto", "params": {"metrics": metrics}}, Prefer="respond-async")
    assert answer.status == 422 and "metrics" in answer.json["pointer"]
