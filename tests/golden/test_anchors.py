"""Every anchor that alibi follows on the way, with its samples, precision and coverage: methods/make_anchors.py."""
import json

import pytest

import xai
from compare import DATA, results
from test_methods import CASES, options_of

LISTED = json.loads((DATA / "methods/anchors/candidates.json").read_text(encoding="utf-8"))
NAMED = {case["id"]: case for case in CASES if case["method"] == "anchors"}


@pytest.mark.parametrize("name", LISTED)
def test_the_search_takes_the_librarys_way(name):
    case = NAMED[name]
    answers = results(case["model"], case["input"], "anchors", str(case["target"]), options_of(case))
    for answer, want in zip(answers, LISTED[name], strict=True):
        table = xai.artifact(answer, "candidates")["data"]
        rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
        assert [row["features"] for row in rows] == [c["features"] for c in want["candidates"]]
        for row, anchor in zip(rows, want["candidates"], strict=True):
            assert row["samples"] == anchor["samples"]
            assert row["precision"] == pytest.approx(anchor["precision"], abs=1e-9)
            assert row["coverage"] == pytest.approx(anchor["coverage"], abs=1e-9)
            assert row["low"] <= row["precision"] <= row["high"]
        assert answer["metrics"]["samples"] == want["samples"]
