"""The metrics of given maps, against RISE's definition, pytorch-grad-cam, openvino_xai and Quantus: the cases of
data/metrics/maps/cases.json (metrics/make_maps.py). A case is one map of one picture, graded by several metrics.
"""
import functools
import json

import pytest

import xai
from compare import DATA, path_of, samples_of

CASES = json.loads((DATA / "metrics" / "maps" / "cases.json").read_text(encoding="utf-8"))["cases"]
NAMES = [case["id"] for case in CASES]
GRADES = [grade for case in CASES for grade in case["grades"]]


def options_of(case) -> list:
    """Metrics by their names; one that is asked for twice has a call of its own."""
    options = ["--model", path_of(case["model"]), "--target", case["target"], "--map", path_of(case["map"]),
               "--expected", "box:" + ",".join(map(str, case["expected"]))]
    return options + (["--use-draws", path_of(case["draws"])] if "draws" in case else [])


def rounds_of(grades) -> list:
    """The grades in as few calls as there are: in each a metric is asked for once."""
    rounds = []
    for grade in grades:
        free = [r for r in rounds if grade["metric"] not in [g["metric"] for g in r]]
        (free[0] if free else rounds.append([]) or rounds[-1]).append(grade)
    return rounds


def values_of(case, grades) -> list:
    """Of metrics that are different; what runs the method again is of its own map."""
    options = options_of(case) + ["--evaluate", ",".join(g["metric"] for g in grades)]
    if "method" in case:
        options += ["--method", case["method"], "--param", f"layer={case['layer']}"]
    for grade in grades:
        alone = {} if grade["metric"] == "adcc" else {"random": 0}  # adcc runs the method again: no random maps beside it
        for key, value in {**alone, **grade["params"]}.items():
            options += ["--param", f"{grade['metric']}.{key}={value}"]
    answer = xai.ask("evaluate", *samples_of(case["model"], case["input"])[case["sample"]], *options)
    found = {r["method"]: r["grades"] for r in answer["results"]}
    return [found[case["method"] if g["metric"] == "adcc" else "given"][i]["value"] for i, g in enumerate(grades)]


def distance(grade, value: float) -> float:
    off = abs(value - grade["expected"])
    return off / abs(grade["expected"]) if grade["relative"] else off


@functools.cache
def found(index: int) -> list:
    """Every grade of a case with the engine's value."""
    case = CASES[index]
    return [pair for r in rounds_of(case["grades"]) for pair in zip(r, values_of(case, r))]


@pytest.mark.parametrize("index", range(len(CASES)), ids=NAMES)
def test_metrics_give_the_golden(index):
    wrong = []
    for grade, value in found(index):
        if not distance(grade, value) <= grade["bound"]:
            wrong.append(f"{grade['metric']} {grade['params']}: {value}, not {grade['expected']}")
    assert not wrong


@pytest.mark.parametrize("index", range(len(CASES)), ids=NAMES)
def test_planted_errors_are_rejected(index):
    """The engine's value, moved by more than twice the bound, to either side."""
    for grade, value in found(index):
        by = 2.1 * grade["bound"] * (abs(grade["expected"]) if grade["relative"] else 1)
        assert min(distance(grade, value - by), distance(grade, value + by)) > grade["bound"], grade["metric"]


def test_cases_can_tell_metrics_apart():
    """No metric is always 0 or always 1 here."""
    for metric in {grade["metric"] for grade in GRADES}:
        assert len({round(g["expected"], 4) for g in GRADES if g["metric"] == metric}) > 1, metric


def test_a_case_is_named_once():
    assert len(NAMES) == len(set(NAMES))
