"""xai evaluate and xai metrics: given maps and methods graded alike, regions, pictures of curves, refusals."""
import json

import numpy as np
import pytest
from PIL import Image

import xai
from xai import ask, call

NET = xai.ROOT / "tests/golden/data/tiny-resnet/model.onnx"


@pytest.fixture(scope="module")
def tensor(tmp_path_factory):
    path = tmp_path_factory.mktemp("tensor") / "x.npy"
    np.save(path, np.load(NET.parent / "input.npy")[:1])
    return path


def evaluate(tensor, *args, command="evaluate"):
    return ask(command, "--model", NET, "--tensor", tensor, "--target", 3, *args)["results"]


def test_metrics_are_listed_with_their_parameters():
    metrics = ask("metrics")
    assert {"insertion", "deletion", "road", "sparseness", "pointing"} <= {m["id"] for m in metrics}
    for metric in metrics:
        assert metric["better"] in ("higher", "lower", "none")
        assert ("random" in metric["params"]["properties"]) == (metric["needs"] != "method")
    assert [m["id"] for m in ask("metrics", "road")] == ["road"]
    assert "there is no metric 'raod'" in call("metrics", "raod").stderr


def test_a_given_map_is_graded_as_the_method_that_made_it(tensor, tmp_path):
    names = "deletion,road,sparseness,massinside"
    (made,) = evaluate(tensor, "--method", "saliency", "--evaluate", names, "--expected", "box:4,4,20,20", command="explain")
    np.save(tmp_path / "map.npy", xai.array(xai.artifact(made)))
    (given,) = evaluate(tensor, "--map", tmp_path / "map.npy", "--evaluate", names, "--expected", "box:4,4,20,20")
    assert given["method"] == "given" and given["grades"] == made["grades"] and given["metrics"] == made["metrics"]
    assert given["metrics"] == {g["id"]: g["value"] for g in given["grades"]}


def test_maps_come_after_methods_for_every_target(tensor, tmp_path):
    np.save(tmp_path / "map.npy", np.ones((1, 3, 4), np.float32))
    results = ask("evaluate", "--model", NET, "--tensor", tensor, "--target", "3,7", "--method", "gradcam", "--map",
                  tmp_path / "map.npy", "--evaluate", "complexity")["results"]
    assert [(r["method"], r["target"]["class"]) for r in results] == [("gradcam", 3), ("gradcam", 7), ("given", 3), ("given", 7)]
    assert all(g["random_count"] == 20 for r in results for g in r["grades"])


def test_parameters_of_a_metric_are_its_own(tensor):
    (result,) = evaluate(tensor, "--method", "integratedgradients", "--param", "steps=4", "--evaluate", "deletion",
                         "--param", "deletion.step=100", "--param", "deletion.random=3")
    (grade,) = result["grades"]
    assert grade["params"] == {"random": 3, "step": 100} and result["params"]["steps"] == 4 and grade["random_count"] == 3
    (series, _, _) = json.loads(json.dumps(xai.artifact(result, "deletion")["data"]["series"]))
    assert len(series["x"]) == 12 and series["x"][-1] == 1


def test_a_metric_asked_for_twice_has_two_names(tensor):
    (result,) = evaluate(tensor, "--method", "saliency", "--evaluate", "deletion,deletion,complexity")
    assert [(g["id"], g["name"]) for g in result["grades"]] == [("deletion", "deletion"), ("deletion", "deletion-2"),
                                                               ("complexity", "complexity")]
    assert result["metrics"] == {g["name"]: g["value"] for g in result["grades"]}


def test_nothing_is_compared_where_no_random_maps_are_wanted(tensor):
    asked = ["--method", "saliency", "--evaluate", "averagedrop", "--param"]
    (alone,), (beside,) = evaluate(tensor, *asked, "averagedrop.random=0"), evaluate(tensor, *asked, "averagedrop.random=2")
    grade = alone["grades"][0]
    assert grade["value"] == beside["grades"][0]["value"] and beside["grades"][0]["edges"] is not None
    assert grade["percentile"] is grade["edges"] is grade["random_mean"] is None and grade["random_count"] == 0


def test_a_region_from_a_picture_is_the_box(tensor, tmp_path):
    mask = np.zeros((64, 64), np.uint8)
    mask[8:40, 16:48] = 200
    Image.fromarray(mask).save(tmp_path / "mask.png")
    asked = ["--method", "saliency", "--evaluate", "pointing,massinside,iou"]
    (box,) = evaluate(tensor, *asked, "--expected", "box:4,8,20,24")
    (file,) = evaluate(tensor, *asked, "--expected", f"mask:{tmp_path / 'mask.png'}")
    assert box["grades"] == file["grades"]


def test_the_edges_beat_random_maps_or_not_but_the_same_every_time(tensor):
    asked = ["--method", "gradcam", "--evaluate", "insertion", "--seed", 4]
    (one,), (two,) = evaluate(tensor, *asked, "--threads", 1), evaluate(tensor, *asked, "--threads", 2)
    assert one == two and 0 <= one["grades"][0]["percentile"] <= 100


def test_curves_are_drawn(tensor, tmp_path):
    evaluate(tensor, "--method", "gradcam", "--evaluate", "insertion,mprt", "--param", "mprt.stages=2", "--out", tmp_path)
    for name in ("0-insertion-picture.png", "0-mprt-picture.png"):
        assert np.asarray(Image.open(tmp_path / name)).std() > 5


@pytest.mark.parametrize("args, message, code", [
    (["--method", "gradcam"], "give --evaluate", 2),
    (["--evaluate", "road"], "give --method or --map", 2),
    (["--method", "gradcam", "--evaluate", "nothing"], "evaluate.0.id", 3),
    (["--method", "gradcam", "--evaluate", "iou"], "give \"expected\"", 3),
    (["--method", "gradcam", "--evaluate", "iou", "--expected", "box:9,9,3,3"], "expected.box", 3),
    (["--method", "gradcam", "--evaluate", "iou", "--expected", "3"], "box:TOP,LEFT,BOTTOM,RIGHT", 3),
    (["--method", "gradcam", "--evaluate", "road", "--param", "road.levels=0"], "evaluate.0.params.levels", 3),
    (["--method", "gradcam", "--evaluate", "averagedrop", "--space", "logit"], "probability of one class", 3),
])
def test_what_cannot_be_graded_is_refused_before_anything_runs(tensor, args, message, code):
    done = call("evaluate", "--model", NET, "--tensor", tensor, "--target", 3, *args)
    assert done.code == code and message in done.stderr and not done.stdout
