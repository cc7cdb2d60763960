"""Every method against the libraries of the field: the cases of data/methods/<family>/cases.json (methods/README.md).

A case is one request, asked of `xai explain` for every sample of its input, and one artifact of the answer.
"""
import json

import numpy as np
import pytest

import xai
from compare import DATA, distance, path_of, results, thinned

LISTS = sorted((DATA / "methods").glob("*/cases.json"))
CASES = [case for file in LISTS for case in json.loads(file.read_text(encoding="utf-8"))["cases"]]
NAMES = [case["id"] for case in CASES]


def options_of(case) -> tuple:
    options = [] if case.get("space") is None else ["--space", case["space"]]
    for key, value in case["params"].items():
        options += ["--param", f"{key}={json.dumps(value) if isinstance(value, bool) else value}"]
    if "seed" in case:
        options += ["--seed", case["seed"]]
    if "draws" in case:
        options += ["--use-draws", path_of(case["draws"])]
    return tuple(options)


def got(case) -> np.ndarray:
    target = case["target"] if isinstance(case["target"], int) else json.dumps(case["target"])
    answers = results(case["model"], case["input"], case["method"], str(target), options_of(case))
    return np.stack([xai.array(xai.artifact(a, case.get("artifact", "map"))) for a in answers])


def expected(case) -> np.ndarray:
    return np.load(path_of(case["expected"])).astype(np.float64)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_method_gives_the_golden(case):
    error = distance(case, thinned(case, got(case)), expected(case))
    assert error <= case["bound"], f"{case['metric']} {error:.3g}, at most {case['bound']:.3g} ({case['oracle']})"


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_planted_errors_are_rejected(case):
    """What passes for the golden is the golden alone: not 1 % more, not its mirror image, not its negative."""
    want = expected(case)
    for wrong in (want * (1.01 if case["bound"] < 0.005 else 1 + 3 * case["bound"]), -want, want[..., ::-1]):
        if not np.array_equal(wrong, want):
            assert distance(case, wrong, want) > case["bound"]


def test_a_case_is_named_once():
    assert len(NAMES) == len(set(NAMES))
