"""The harness of `make bench`: turns, ratios, and that an engine that fails is shown. No time is asserted."""
import sys
from dataclasses import replace

import pytest

import peer
from measure import OURS, Effort, compare, judge, measure, quantile
from rows import MODELS, ORACLES, ROWS, WORKS, Row
from workers import Worker, WorkerFailed, cores, cores_for
from xai import BUILD, ROOT, XAI

TINY = ROOT / "tests/golden/data/tiny-resnet/model.onnx"
FAST = Effort(rounds=4, least=2, row_s=5, turn_ms=1, settle_s=0)
ROW = Row("forward", "lite0", 1, 2, ("onnxruntime", "openvino"), 1.0)
# An engine that takes a millisecond an image, as it says; it ends after argv[1] orders.
STEADY = """
import json, sys
print(json.dumps({"engine": "steady", "load_ms": 5}), flush=True)
for i, line in enumerate(sys.stdin):
    if i == int(sys.argv[1]):
        sys.exit("the engine is tired")
    print(json.dumps([1.0] * int(line.split()[1])), flush=True)
"""


def steady(orders: int = 1000) -> list:
    return [sys.executable, "-c", STEADY, orders]


def ours(row: Row) -> list:
    assert XAI.exists(), f"{XAI} is missing: run make"
    what = row.work if row.work == "gradient" else "forward"
    return [XAI, "bench", "--serve", "--model", TINY, "--what", what, "--batch", row.batch, "--threads", row.threads]


BROKEN = [sys.executable, "-c", "import a_peer_that_is_not_installed"]


@pytest.mark.parametrize("work", ["forward", "gradient"])
def test_ours_and_a_peer_take_turns(work):
    row = replace(ROW, work=work)
    result = measure(row, {OURS: ours(row), "openvino": steady()}, FAST)
    assert result["id"] == f"{work}/lite0/t1/b2" and result["rounds"] == 4 and result["unit"] == "ms per image"
    mine, peers = result["engines"][OURS], result["engines"]["openvino"]
    assert 0 < mine["low"] <= mine["median"] <= mine["high"]
    assert peers["median"] == 1 and peers["ratio"]["low"] <= peers["ratio"]["median"] <= peers["ratio"]["high"]
    assert result["best"] == {"peer": "openvino", "ratio": peers["ratio"]}
    assert result["reached"] == (peers["ratio"]["median"] >= 1)


def test_a_peer_that_does_not_start_is_shown_and_the_others_go_on():
    result = measure(ROW, {OURS: ours(ROW), "onnxruntime": BROKEN, "openvino": steady()}, FAST)
    assert "a_peer_that_is_not_installed" in result["engines"]["onnxruntime"]["error"]
    assert result["best"]["peer"] == "openvino" and result["rounds"] == 4


def test_a_peer_that_ends_on_the_way_is_shown():
    result = measure(ROW, {OURS: ours(ROW), "openvino": steady(4)}, FAST)
    assert result["engines"]["openvino"] == {"error": "the engine is tired"}
    assert result["rounds"] == 4 and "best" not in result and "reached" not in result


def test_a_program_that_is_not_there_is_shown():
    result = measure(ROW, {OURS: ours(ROW), "openvino": ["build/no-such-engine"]}, FAST)
    assert "No such file" in result["engines"]["openvino"]["error"]


@pytest.mark.parametrize("work", ["forward", "start", "memory"])
def test_without_ours_there_is_nothing_to_compare(work):
    result = measure(replace(ROW, work=work), {OURS: BROKEN, "openvino": steady()}, FAST)
    assert result["rounds"] == 0 and "error" in result["engines"][OURS] and "best" not in result


def test_start_load_and_memory_are_measured():
    for work, unit in (("start", "ms"), ("load", "ms"), ("memory", "MB")):
        row = replace(ROW, work=work)
        result = measure(row, {OURS: ours(row), "openvino": steady()}, FAST)
        assert result["unit"] == unit and result["engines"][OURS]["median"] > 0
        assert result["engines"]["openvino"]["ratio"]["median"] > 0
        if work == "load":  # what the peer says: 5 ms, and two images of one
            assert result["engines"]["openvino"]["median"] == 7


def test_the_service_is_measured():
    row = next(row for row in ROWS if row.id == "service/ready")
    result = measure(row, {OURS: [BUILD / "explaind"]}, Effort(rounds=1))
    assert result["engines"][OURS]["median"] > 0 and isinstance(result["reached"], bool)


def test_more_cores_than_there_are_is_an_error_of_the_row():
    many = len(cores()) + 1
    with pytest.raises(WorkerFailed, match="cores"):
        cores_for(many)
    assert "cores" in measure(replace(ROW, threads=many), {OURS: steady()}, FAST)["engines"][OURS]["error"]


def test_a_worker_that_says_nonsense_fails():
    with Worker([sys.executable, "-c", "print('hello')"], 1) as worker, pytest.raises(WorkerFailed):
        worker.ready()


def test_ratios_are_taken_round_by_round():
    """The machine halves its speed in the second round; the ratio does not notice."""
    engines = compare({OURS: [1.0, 2.0, 1.0], "openvino": [3.0, 6.0, 3.0]})
    assert engines["openvino"]["ratio"] == {"median": 3, "low": 3, "high": 3}
    assert quantile([4, 1, 3, 2, 5], 0.1) == pytest.approx(1.4) and quantile([7], 0.9) == 7


def test_the_best_peer_is_the_fastest_that_the_target_names():
    row = replace(ROW, against=("onnxruntime", "openvino"), target=1.3)
    engines = compare({OURS: [1.0], "onnxruntime": [1.4], "openvino": [1.2], "pytorch": [0.5]})
    assert judge(row, engines) == {"best": {"peer": "openvino", "ratio": engines["openvino"]["ratio"]}, "reached": False}
    assert judge(replace(row, target=1.1), engines)["reached"]


EXPLAIN = Row("explain", "lite0", 2, 1, ("captum",), 4, ("captum",), what="occlusion", moonshot=8, method="occlusion",
              params=("window=16", "stride=16"), share=0.5)


def test_an_explanation_and_a_peer_take_turns():
    command = [XAI, "bench", "--serve", "--model", TINY, "--what", "occlusion", "--param", "window=16", "--threads", 1]
    result = measure(replace(EXPLAIN, threads=1), {OURS: command, "captum": steady()}, FAST)
    assert result["id"] == "explain/occlusion" and result["rounds"] == 4 and result["params"] == ["window=16", "stride=16"]
    ratio = result["best"]["ratio"]["median"]
    assert result["reached"] == (ratio >= 4) and result["moonshot_reached"] == (ratio >= 8) and result["share"] == 0.5


def test_a_method_that_is_not_there_is_shown():
    command = [XAI, "bench", "--serve", "--model", TINY, "--what", "astrology"]
    result = measure(replace(EXPLAIN, threads=1), {OURS: command, "captum": steady()}, FAST)
    assert "astrology" in result["engines"][OURS]["error"] and "reached" not in result


def test_every_environment_has_its_requirements():
    for name in set(ORACLES.values()):
        pins = (ROOT / f"tests/bench/requirements-{name}.txt").read_text(encoding="utf-8").splitlines()
        assert all("==" in pin for pin in pins if not pin.startswith("#"))


def test_every_row_is_known_to_those_who_measure_and_tell_it():
    assert len({row.id for row in ROWS}) == len(ROWS) > 40
    for row in ROWS:
        work = {"start": "forward", "load": "forward", "memory": "forward", "explain": row.what}.get(row.work, row.work)
        assert row.model in MODELS and row.work in WORKS
        assert row.work == "explain" or set(row.against) >= set(row.peers) - {"pytorch"}
        assert all((name, work) in peer.ENGINES for name in row.peers)
