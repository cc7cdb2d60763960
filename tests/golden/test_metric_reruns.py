"""The metrics that hide at random or run the method again, against Captum, Xplique, Quantus: the cases of
data/metrics/reruns/cases.json (metrics/make_reruns.py). A case is a value, or the points of a curve, for every sample.
"""
import functools
import json

import numpy as np
import pytest

import xai
from compare import DATA, path_of, results

FILE = DATA / "metrics" / "reruns" / "cases.json"
ALL = json.loads(FILE.read_text(encoding="utf-8"))["cases"]
CASES, RANKS = [case for case in ALL if "calls" not in case], [case for case in ALL if "calls" in case]
NAMES = [case["id"] for case in CASES]


def options_of(case, *more) -> tuple:
    pairs = {**case["params"], **{f"{case['metric']}.{k}": v for k, v in case["metric_params"].items()}}
    options = ["--evaluate", case["metric"]]
    for key, value in pairs.items():
        options += ["--param", f"{key}={json.dumps(value) if isinstance(value, bool) else value}"]
    return tuple(options + list(more) + (["--use-draws", path_of(case["draws"])] if "draws" in case else []))


@functools.cache
def got(index: int) -> np.ndarray:
    case = CASES[index]
    answers = results(case["model"], case["input"], case["method"], str(case["target"]), options_of(case))
    curve = len(case["expected"][0]) > 1
    return np.array([xai.array(xai.artifact(a, case["metric"])) if curve else [a["grades"][0]["value"]]
                     for a in answers], float)


def distance(case, values: np.ndarray) -> float:
    """The largest difference, relative where the values have a unit."""
    want = np.array(case["expected"])
    if values.shape != want.shape or not np.isfinite(values).all():
        return float("inf")
    return float((np.abs(values - want) / (np.abs(want) if case["relative"] else 1)).max())


@pytest.mark.parametrize("index", range(len(CASES)), ids=NAMES)
def test_metric_gives_the_golden(index):
    case = CASES[index]
    error = distance(case, got(index))
    assert error <= case["bound"], f"{error:.3g}, at most {case['bound']:.3g} ({case['oracle']})"


@pytest.mark.parametrize("index", range(len(CASES)), ids=NAMES)
def test_planted_errors_are_rejected(index):
    """One of the engine's values, moved by more than twice the bound, to either side."""
    case, values = CASES[index], got(index)
    by = 2.1 * case["bound"] * (abs(case["expected"][-1][-1]) if case["relative"] else 1)
    for error in (-by, by):
        moved = values.copy()
        moved[-1, -1] += error
        assert distance(case, moved) > case["bound"]


def mean_of(case, call) -> float:
    """One method's grade, over samples and seeds."""
    options = [options_of({**case, **call}, "--seed", str(seed)) for seed in range(case["seeds"])]
    return np.mean([a["grades"][0]["value"] for o in options
                    for a in results(case["model"], case["input"], call["method"], str(case["target"]), o)])


@pytest.mark.parametrize("case", RANKS, ids=[case["id"] for case in RANKS])
def test_methods_stand_in_the_same_order(case):
    """Where the library randomises layers that are folded here, values differ; the methods' order is the same."""
    means = [mean_of(case, call) for call in case["calls"]]
    order = [np.argsort(np.argsort(values)) for values in (means, case["means"])]
    assert np.corrcoef(order)[0, 1] >= case["bound"], (means, case["means"])


def test_a_case_is_named_once():
    assert len(NAMES) == len(set(NAMES))
