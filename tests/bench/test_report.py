"""What `make bench` publishes: the documents' tables, and that those in the tree are the ones their numbers give."""
import json
import re

import pytest

import report
from measure import OURS, compare, judge
from rows import ROWS

HEADER = {"schema": 1, "date": "2026-01-02", "seconds": 1,
          "machine": {"cpu": "A processor", "cores": 2, "isa": "avx512", "memory_gb": 24.0, "system": "Linux"},
          "versions": {OURS: "0.1.0 abc", "onnxruntime": "1.2", "openvino": "3.4", "torch": "5.6", "numpy": "7"}}


def measured(row, **times) -> dict:
    engines = compare({OURS: [2.0, 2.0], **times})
    return {"id": row.id, "work": row.work, "model": row.model, "threads": row.threads, "batch": row.batch,
            "precision": row.precision, "unit": row.unit, "target": row.target, "rounds": 2, "engines": engines,
            "what": row.what, "params": list(row.params), "share": row.share, "moonshot": row.moonshot,
            **judge(row, engines)}


def row_of(id_: str):
    return next(row for row in ROWS if row.id == id_)


@pytest.fixture(name="results")
def results_fixture():
    lost = measured(row_of("forward/vgg16/t1/b1"), onnxruntime=[2.4, 2.4], openvino=[2.2, 2.2])
    lost["engines"]["pytorch"] = {"error": "no | such module"}
    won = measured(row_of("forward/lite0/t2/b16"), onnxruntime=[2.2, 2.6], openvino=[3.0, 3.0])
    back = measured(row_of("gradient/lite0/t2/b1"), pytorch=[6.0, 6.0])
    service = {**measured(row_of("service/ready")), "reached": True}
    score = measured(row_of("explain/scorecam"), **{"grad-cam": [20.0, 20.0]})
    missing = measured(row_of("explain/lime"))
    missing["engines"] = {OURS: {"error": "'lime' is no method"}}
    rise = measured(row_of("explain/rise/bf16"), **{"openvino-xai": [3.0, 3.0], "openvino-xai-default": [1.5, 1.5]})
    return {**HEADER, "rows": [lost, won, back, score, missing, rise, service]}


def test_a_missed_target_is_told_with_its_reason(results):
    notes = [{"rows": "^forward/vgg16/", "reason": "Its first layer."}, {"rows": "vgg16", "reason": "Not this."}]
    text = report.markdown(report.add_reasons(results, notes))
    assert "missed: Its first layer." in text and "Not this." not in text
    lite0 = next(line for line in text.splitlines() if "Lite0, 2 threads, batch 16" in line)
    assert "reached" in lite0 and "Its first layer" not in lite0


def test_a_failed_peer_is_told_and_breaks_no_table(results):
    text = report.markdown(results)
    assert "failed: no \\| such module" in text
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1, block


def test_explanations_are_told_with_both_columns(results):
    lines = report.markdown(results).splitlines()
    score = next(line for line in lines if line.startswith("| scorecam (dialect=grad-cam) |"))
    assert "| pytorch-grad-cam | 20.0; from 10 % of its work | 10.00 (10.00..10.00) | 7 |  | reached |" in score
    assert any(line.startswith("| lime (") and "failed: 'lime' is no method" in line for line in lines)
    rise = [line for line in lines if line.startswith("| rise in bf16")]
    assert len(rise) == 2 and "| 2.2, missed |" in rise[0] and "default precision | 1.50" in rise[1]
    assert "| scorecam | pytorch-grad-cam | 10.0 | 7, reached |  |" in report.short(results).splitlines()


def test_the_machine_and_the_versions_are_told(results):
    for text in (report.markdown(results), report.short(results)):
        assert all(part in text for part in ("2026-01-02", "A processor", "2 cores", "avx512", "openvino 3.4"))


def test_the_short_table_gives_the_ratio_to_the_best_peer(results):
    lines = report.short(results).splitlines()
    assert "| VGG-16, forward | 1.10 (missed) |  |  |  |" in lines
    assert "| EfficientNet-Lite0, forward |  |  |  | 1.20 |" in lines
    assert "| EfficientNet-Lite0, forward + backward |  |  | 3.00 |  |" in lines


def test_lines_for_the_terminal(results):
    assert "VGG" not in report.line(results["rows"][0]) and "missed" in report.line(results["rows"][0])
    assert "service/ready" in report.line(results["rows"][-1])
    assert "target 7: reached" in report.line(results["rows"][3])
    assert "moonshot 2.2, missed" in report.line(results["rows"][5])


def test_publish_writes_all_documents(results, tmp_path, monkeypatch):
    for name in ("NOTES", "JSON", "MARKDOWN", "README"):
        monkeypatch.setattr(report, name, tmp_path / name)
    (tmp_path / "NOTES").write_text('[{"rows": "vgg16", "reason": "Because."}]')
    (tmp_path / "README").write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.publish(results)
    readme = (tmp_path / "README").read_text()
    assert readme.startswith("before\n") and readme.endswith(f"{report.END}\nafter\n") and "old" not in readme
    assert json.loads((tmp_path / "JSON").read_text())["rows"][0]["reason"] == "Because."
    assert "Because." in (tmp_path / "MARKDOWN").read_text()
    report.publish(json.loads((tmp_path / "JSON").read_text()))
    assert (tmp_path / "README").read_text() == readme


def test_the_notes_are_expressions_that_find_rows():
    for note in json.loads(report.NOTES.read_text(encoding="utf-8")):
        assert any(re.search(note["rows"], row.id) for row in ROWS) and note["reason"]


def test_published_documents_are_what_their_numbers_give():
    readme = report.README.read_text(encoding="utf-8")
    assert report.BEGIN in readme and report.END in readme
    if not report.JSON.exists():
        pytest.skip("nothing is published yet: make bench")
    results = json.loads(report.JSON.read_text(encoding="utf-8"))
    results = report.add_reasons(results, json.loads(report.NOTES.read_text(encoding="utf-8")))
    assert report.MARKDOWN.read_text(encoding="utf-8") == report.markdown(results), "run make docs"
    assert report.fill(readme, report.short(results)) == readme, "run make docs"
