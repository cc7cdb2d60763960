"""xai study: three photos on a small network, what it writes, how it goes on, what it refuses; and `auto`."""
import csv
import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
from PIL import Image

import xai
from xai import COFFEE, array, artifact, ask, call

TINY = xai.ROOT / "tests/golden/data/tiny-resnet/model.onnx"
SAMPLES = xai.ROOT / "models/samples"
SAG = ["study", "sag", "--model", TINY, "--threads", 1, "--quiet", "--param", "beams=2,4", "--param", "grid=4",
       "--param", "orders=gradcam,occlusion?window=8&stride=4"]
METHODS = ["study", "methods", "--model", TINY, "--threads", 1, "--quiet", "--method",
           "gradcam,saliency,Smooth=saliency?noise=smoothgrad&noise_samples=3",
           "--evaluate", "sparseness?random=3,complexity?random=3"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three photos and a file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("chelsea.png", "coffee.png", "digits-sum-2-12.png"):
        (folder / name).write_bytes((SAMPLES / name).read_bytes())
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    rows = ["file\tclass\tbox", "chelsea.png\t3\t100,20,350,280", "coffee.png\t7\t", "broken.jpg\t1\t",
            "digits-sum-2-12.png\t0\t"]
    (folder / "labels.tsv").write_text("\n".join(rows) + "\n")
    return folder


def study(photos, *args, **options):
    return ask(*args, "--images", photos, "--labels", photos / "labels.tsv", **options)


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def untimed(summary):
    """A summary without what a clock said."""
    text = json.loads(json.dumps(summary))
    for table in ("series", "methods", "percentiles"):
        for row in text.get(table, []):
            row.pop("seconds"), row.pop("cpu_seconds")
    return text


# ---------------------------------------------------------------- sag

@pytest.fixture(scope="module")
def sag(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("sag")
    return study(photos, *SAG, "--out", out), out


def test_every_photo_is_a_record_and_a_broken_one_says_why(sag):
    summary, out = sag
    lines = [json.loads(line) for line in (out / "records.jsonl").read_text().splitlines()]
    assert lines[0]["study"] == "sag" and [r["file"] for r in lines[1:]] == \
        ["chelsea.png", "broken.jpg", "coffee.png", "digits-sum-2-12.png"]  # spread over the set
    assert summary["photos"] == 4 and summary["measured"] == 3 and summary["status"] == "done"
    assert [f["file"] for f in summary["failures"]] == ["broken.jpg"] and summary["failures"][0]["error"] == "bad-image"


def test_the_tables_say_what_the_records_say(sag):
    summary, out = sag
    records = [json.loads(line) for line in (out / "records.jsonl").read_text().splitlines()[1:]]
    for row in summary["series"]:
        sizes = [r.get("patches") for rec in records for r in rec.get("runs", []) if r["name"] == row["series"]]
        assert row["photos"] == len(sizes) == 3
        assert row["at_5"]["value"] == pytest.approx(np.mean([s is not None and s <= 5 for s in sizes]))
        assert row["at_5"]["low"] <= row["at_5"]["value"] <= row["at_5"]["high"]
    coverage = rows_of(out / "coverage.csv")
    assert len(coverage) == 16 * len(summary["series"])
    assert [c["series"] for c in coverage[::16]] == [s["series"] for s in summary["series"]]
    assert (out / "series.md").read_text().count("\n") == 2 + len(summary["series"])
    assert json.loads((out / "summary.json").read_text()) == summary
    with Image.open(out / "coverage.png") as plot:
        assert plot.size[0] > 600 and len(set(plot.convert("RGB").getdata())) > 20


def patches_of(name):
    """The patches of a set's name: hex, bit i = patch i."""
    return [i for i in range(4 * len(name)) if int(name, 16) >> i & 1]


def test_the_smallest_sets_are_enough_and_minimal_when_asked_by_themselves(photos, sag):
    _, out = sag
    record = json.loads((out / "records.jsonl").read_text().splitlines()[1])
    runs = [r for r in record["runs"] if r["name"] in ("beam 4, tent", "beam 2, hard", "occlusion order, tent")]
    assert len(runs) == 3
    found = [run for run in runs if "id" in run]
    assert found
    for run in found:
        patches = patches_of(run["id"])
        assert len(patches) == run["patches"]
        sets = [patches] + [[p for p in patches if p != left] for left in patches if len(patches) > 1]
        rel = [ask("predict", photos / record["file"], "--model", TINY, "--grid", 4, "--region", run["region"], "--target",
                   record["class"], "--patches", ",".join(map(str, s)))["rel"] for s in sets]
        assert rel[0] >= 0.9 - 1e-6
        assert run["kind"] == "order" or max(rel[1:], default=0) < 0.9


def test_heat_orders_insert_the_hottest_patches_first(photos, sag):
    """The fewest patches of the heat order, inserted by another command, reach the threshold, and one fewer does not."""
    _, out = sag
    record = json.loads((out / "records.jsonl").read_text().splitlines()[1])
    run = next(r for r in record["runs"] if r["name"] == "gradcam order, hard")
    cam = array(artifact(ask("explain", photos / record["file"], "--model", TINY, "--method", "gradcam", "--threads", 1,
                             "--target", record["class"])["results"][0])).astype(float)
    size = 32  # of the network's input; hard patches of 8 pixels
    at = (np.arange(size) + 0.5) * cam.shape[0] / size - 0.5
    low = np.clip(np.floor(at), 0, cam.shape[0] - 1).astype(int)
    high, part = np.minimum(low + 1, cam.shape[0] - 1), np.clip(at, 0, cam.shape[0] - 1) - low
    full = (cam[low] * (1 - part)[:, None] + cam[high] * part[:, None])
    full = full[:, low] * (1 - part) + full[:, high] * part
    heat = full.reshape(4, 8, 4, 8).mean((1, 3)).ravel()
    order = np.argsort(-heat, kind="stable")
    k = run.get("patches", 17)
    assert k == 17 or sorted(order[:k]) == patches_of(run["id"])
    rel = [ask("predict", photos / record["file"], "--model", TINY, "--grid", 4, "--region", "hard", "--target",
               record["class"], "--patches", ",".join(map(str, order[:n])))["rel"] for n in (k - 1, k) if 0 < n <= 16]
    assert rel[-1] >= 0.9 if k <= 16 else rel[-1] < 0.9
    assert len(rel) == 1 or rel[0] < 0.9


def test_a_study_goes_on_where_it_was(photos, sag, tmp_path):
    summary, out = sag
    lines = (out / "records.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "records.jsonl").write_text("".join(lines[:3]) + lines[3][:20])  # cut in the middle of a line
    again = study(photos, *SAG, "--out", tmp_path)
    assert untimed(again) == untimed(summary)
    assert (tmp_path / "records.jsonl").read_text().splitlines()[:3] == "".join(lines[:3]).splitlines()


def test_records_of_another_protocol_are_not_mixed(photos, sag):
    done = call(*SAG, "--images", photos, "--labels", photos / "labels.tsv", "--out", sag[1], "--param", "p_high=0.5")
    assert done.code == 2 and "another protocol" in done.stderr


def test_two_threads_give_the_same_numbers(photos, sag):
    again = study(photos, *[2 if a == 1 else a for a in SAG])
    assert untimed(again) == untimed(sag[0])


def test_an_interrupt_gives_what_is_there(photos, tmp_path):
    """Many searches, one interrupt: exit 6, with a report of the photos that were done, and the rest later."""
    slow = ["study", "sag", "--threads", "1", "--param", "beams=3", "--param", "regions=tent", "--param", "orders="]
    process = subprocess.Popen([xai.XAI, *slow, "--images", str(photos), "--labels", str(photos / "labels.tsv"), "--out",
                                str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=xai.ROOT)
    end = time.time() + xai.TIMEOUT
    while time.time() < end and (not (tmp_path / "records.jsonl").exists()
                                 or (tmp_path / "records.jsonl").read_text().count("\n") < 2):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=xai.TIMEOUT)
    summary = json.loads(stdout)
    if process.returncode == 0:  # it was done before the signal came
        assert summary["status"] == "done"
        return
    assert process.returncode == 6 and "[cancelled]" in stderr
    assert summary["status"] == "partial" and 1 <= summary["measured"] < 3


# ---------------------------------------------------------------- methods

@pytest.fixture(scope="module")
def methods(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("methods")
    return study(photos, *METHODS, "--out", out), out


def test_grades_are_those_of_explain(photos, methods):
    _, out = methods
    records = [json.loads(line) for line in (out / "records.jsonl").read_text().splitlines()[1:]]
    for record in [r for r in records if "methods" in r][:2]:
        alone = ask("explain", photos / record["file"], "--model", TINY, "--method", "saliency", "--evaluate", "sparseness",
                    "--param", "sparseness.random=3", "--target", record["class"], "--threads", 1)["results"][0]
        row = next(r for r in record["methods"] if r["name"] == "saliency")
        assert row["grades"]["sparseness"]["value"] == pytest.approx(alone["metrics"]["sparseness"], rel=1e-6)


def test_methods_are_ranked_and_every_form_agrees(methods):
    summary, out = methods
    names = [row["method"] for row in summary["methods"]]
    assert names[-1] == "(edges of the photo)" and set(names[:-1]) == {"gradcam", "saliency", "Smooth"}
    ranks = [row["mean_rank"]["value"] for row in summary["methods"][:-1]]
    assert ranks == sorted(ranks) and sum(ranks) == pytest.approx(6)
    table = rows_of(out / "methods.csv")
    assert [row["method"] for row in table] == names
    for row, line in zip(summary["methods"], table):
        assert float(line["sparseness"]) == pytest.approx(row["sparseness"]["value"], rel=1e-6)
    assert names[0] in (out / "methods.md").read_text().splitlines()[2]
    assert (out / "methods.png").stat().st_size > 2000
    assert all(0 <= row["sparseness_percentile"]["value"] <= 100 for row in summary["percentiles"])


def test_mosaics_measure_where_a_map_lies(photos, tmp_path):
    """Four photos of four classes; of a mosaic that holds a broken one there is no number, and the photo stays."""
    for name in ("chelsea.png", "coffee.png", "digits-sum-2-12.png", "digits-sum-1-21.png"):
        (tmp_path / name).write_bytes((SAMPLES / name).read_bytes())
    (tmp_path / "labels.tsv").write_text("file\tclass\nchelsea.png\t0\ncoffee.png\t1\ndigits-sum-2-12.png\t2\n"
                                         "digits-sum-1-21.png\t3\n")
    whole = study(tmp_path, *METHODS[:-1], "focus,sparseness?random=0")
    assert all(0 < row["focus"]["value"] < 1 and row["focus"]["n"] == 4 for row in whole["methods"][:3])
    broken = study(photos, *METHODS[:-1], "focus,sparseness?random=0")
    assert broken["measured"] == 3 and all(row["focus"]["n"] == 0 for row in broken["methods"][:3])
    assert all(row["sparseness"]["n"] == 3 for row in broken["methods"][:3])


STUDY_REFUSED = [
    ("no kind", 2, "sag or methods", ["study", "--images", "."]),
    ("no such kind", 2, "'dance'", ["study", "dance", "--images", "."]),
    ("no images", 2, "--images", ["study", "sag"]),
    ("no such folder", 3, "nowhere", ["study", "sag", "--images", "nowhere"]),
    ("an empty folder", 3, "no photos", ["study", "sag", "--images", "tests/cli"]),
    ("no such labels", 3, "nowhere.tsv", ["study", "sag", "--images", SAMPLES, "--labels", "nowhere.tsv"]),
    ("no such order", 3, "'dance'", ["study", "sag", "--model", TINY, "--images", SAMPLES, "--param", "orders=dance"]),
    ("a beam of nothing", 3, "beams", ["study", "sag", "--model", TINY, "--images", SAMPLES, "--param", "beams=0"]),
    ("no methods", 2, "--method", ["study", "methods", "--model", TINY, "--images", SAMPLES]),
    ("no metrics", 2, "--evaluate", ["study", "methods", "--model", TINY, "--images", SAMPLES, "--method", "gradcam"]),
    ("no such metric", 3, "'dance'", [*METHODS[:-1], "dance", "--images", SAMPLES]),
    ("twice the same", 2, "twice", [*METHODS[:4], "--method", "gradcam,gradcam", "--evaluate", "sparseness", "--images", SAMPLES]),
    ("a method that is many", 2, "stands for", [*METHODS[:6], "--method", "auto", *METHODS[-2:], "--images", SAMPLES]),
    ("focus without labels", 2, "class", [*METHODS[:-1], "focus", "--images", SAMPLES]),
]


@pytest.mark.parametrize("what, code, part, args", STUDY_REFUSED, ids=[row[0] for row in STUDY_REFUSED])
def test_refusals_say_why(what, code, part, args):
    done = call(*args)
    assert done.code == code and part in done.stderr and done.stdout == "", (what, done.stderr)


# ---------------------------------------------------------------- auto

def test_auto_chooses_by_measurement_and_its_receipt_repeats_the_choice():
    base = ["explain", COFFEE, "--model", TINY, "--method", "auto", "--threads", 1]
    first = ask(*base, "--param", "candidates=gradcam;saliency;occlusion?window=8&stride=4", "--param", "budget_ms=60000",
                "--param", "metrics=sparseness")["results"][0]
    table = artifact(first, "candidates")["data"]
    scores = {row[0]: row[1] for row in table["rows"]}
    assert first["method"] == "auto" and first["params"]["choose"] == max(scores, key=scores.get)
    assert "measured best" in artifact(first, "reason")["data"]
    repeated = ask(*base, *[p for k, v in first["params"].items() if v is not None for p in ("--param", f"{k}={v}")])
    repeated = repeated["results"][0]
    assert (array(artifact(first)) == array(artifact(repeated))).all() and repeated["params"] == first["params"]
    assert not [a for a in repeated["artifacts"] if a["name"] == "candidates"]


def test_auto_is_in_the_list_of_methods():
    listed = {m["id"]: m for m in ask("methods")}
    assert "budget_ms" in listed["auto"]["params"]["properties"]


def test_quiet_really_is_and_progress_is_not_on_stdout(photos, tmp_path):
    done = call(*METHODS, "--images", photos, "--limit", 1, "--out", tmp_path, env=dict(os.environ))
    assert done.stderr.count("photo") == 0 and json.loads(done.stdout)["photos"] == 1


def test_boxes_are_what_the_pointing_metrics_expect(photos, tmp_path):
    """The box of the one photo that has one, seen through the model's crop, as a mask given to `explain`."""
    metrics = "pointing?random=0,massinside?random=0"
    summary = study(photos, *METHODS[:-1], metrics, "--out", tmp_path)
    records = [json.loads(line) for line in (tmp_path / "records.jsonl").read_text().splitlines()[1:]]
    record = next(r for r in records if r["file"] == "chelsea.png")
    head = ["explain", photos / "chelsea.png", "--model", TINY, "--method", "saliency", "--target", record["class"],
            "--threads", 1]
    crop = ask(*head)["image"]["crop"]
    x, y = (crop[a] + (np.arange(32) + 0.5) / 32 * crop[a + 2] for a in (0, 1))
    inside = ((y >= 20) & (y < 280))[:, None] & ((x >= 100) & (x < 350))[None]
    Image.fromarray((inside * 255).astype(np.uint8)).save(tmp_path / "mask.png")
    alone = ask(*head, "--evaluate", "pointing,massinside", "--expected", f"mask:{tmp_path / 'mask.png'}")["results"][0]
    row = next(m for m in record["methods"] if m["name"] == "saliency")
    for metric in ("pointing", "massinside"):
        assert row["grades"][metric]["value"] == pytest.approx(alone["metrics"][metric], rel=1e-6)
        assert all(m[metric]["n"] == 1 for m in summary["methods"] if not m["method"].startswith("("))
    done = call(*METHODS[:-1], metrics, "--images", SAMPLES)
    assert done.code == 2 and "box" in done.stderr
