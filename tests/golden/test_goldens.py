"""The engine against the golden data: every case of data/cases.json that `xai` can be asked for.

Models, maps and masks are checked here; resize, geometry and preprocess cases are checked byte by byte in
test_pictures.c. The tests at the end plant errors and require that the same comparison rejects them, kind by kind.
"""
import functools
import json
from pathlib import Path

import numpy as np
import pytest

import xai
from compare import DATA, distance, path_of, results, samples_of, scratch, thinned

CASES = json.loads((DATA / "cases.json").read_text(encoding="utf-8"))["cases"]
PICTURE_KINDS = {"resize", "geometry", "preprocess"}
MODEL_CASES = [case for case in CASES if case["kind"] not in PICTURE_KINDS]


@functools.lru_cache(maxsize=None)
def input_file(case_input: str, crop: str) -> Path:
    """The .npy for `xai run`: the stored one, or the stored crop after the sidecar's normalisation."""
    if case_input:
        return path_of(case_input)
    from PIL import Image
    pixels = np.asarray(Image.open(path_of(crop)).convert("RGB"), np.float32)
    file = scratch("crops") / (Path(crop).stem + ".npy")
    np.save(file, np.ascontiguousarray(((pixels - 127) / 128).transpose(2, 0, 1)[None]))
    return file


@functools.lru_cache(maxsize=None)
def raw_run(model: str, file: Path, fetch: tuple, gradient: str) -> Path:
    """Runs the raw graph once for all cases that ask the same; gives the folder of its tensors."""
    out = scratch(f"run-{model}-{file.stem}-{gradient}")
    inputs = {"tiny": "input"}.get(model.split("-")[0], lite0_input())
    extra = [a for tensor in fetch for a in ("--fetch", tensor)] + (["--gradient", gradient] if gradient else [])
    xai.ask("run", "--model", path_of(model), "--input", f"{inputs}={file}", "--out", out, *extra)
    return out


@functools.lru_cache(maxsize=None)
def lite0_input() -> str:
    return json.loads(xai.LITE0.with_suffix(".json").read_text(encoding="utf-8"))["input"]["name"]


@functools.lru_cache(maxsize=None)
def fetched(model: str) -> tuple:
    """Every inner tensor that a case of this model wants, so that one run serves all."""
    wanted = {case.get("tensor") or case.get("wrt") for case in CASES if case.get("model") == model}
    return tuple(sorted(wanted - {None, "input"}))


def tensor(case, name: str, gradient: str = "") -> np.ndarray:
    file = input_file(case.get("input", ""), case.get("crop", ""))
    out = raw_run(case["model"], file, fetched(case["model"]), gradient)
    listed = {t["name"]: t["file"] for t in json.loads((out / "manifest.json").read_text())["tensors"]}
    return np.load(out / listed[name])


def explained(model: str, source: str, method: str, target: str, options: tuple) -> np.ndarray:
    """Their maps."""
    return np.stack([xai.array(xai.artifact(result)) for result in results(model, source, method, target, options)])


def target_of(case) -> str:
    return json.dumps(case["target"]) if "target" in case else str(case["class"])


def method_map(case, method: str, **params) -> np.ndarray:
    options = ["--space", case["space"]]
    for key, value in params.items():
        options += ["--param", f"{key}={value}"]
    return explained(case["model"], case.get("input") or case["image"], method, target_of(case), tuple(options))


def got_gradient(case) -> np.ndarray:
    wrt = lite0_input() if case["wrt"] == "input" and "image" in case else case["wrt"]
    return tensor(case, f"grad_{wrt}", f"{case['output_name']}:{case['class']}")


def got_value(case) -> np.ndarray:
    """A value is every method's; saliency is the quickest."""
    found = results(case["model"], case["input"], "saliency", target_of(case), ("--space", case["space"]))
    return np.array([result["target"]["value"] for result in found])


def got_rise(case) -> np.ndarray:
    draws = scratch("draws-" + case["id"])
    np.save(draws / "masks.npy", np.load(path_of(case["masks"])))
    options = ("--space", case["space"], "--param", f"p={case['p']}", "--use-draws", draws)
    return explained(case["model"], case["input"], "rise", target_of(case), options)


@functools.lru_cache(maxsize=None)
def got_rise_masks(grids_file: str, offsets_file: str) -> np.ndarray:
    """Grids and offsets given, masks asked back; any model of the right size will do."""
    given, made = scratch("grids"), scratch("masks")
    grids = np.load(path_of(grids_file))
    np.save(given / "grids.npy", grids)
    np.save(given / "offsets.npy", np.load(path_of(offsets_file)).astype(np.float32))
    model, source = "tiny-resnet/model.onnx", "tiny-resnet/input.npy"
    xai.ask("explain", *samples_of(model, source)[0], "--model", path_of(model), "--method", "rise", "--param",
            f"grid={grids.shape[1]}", "--use-draws", given, "--emit-draws", made)
    return np.load(made / "masks.npy")


GOT = {
    "forward": lambda case: tensor(case, case["output_name"]),
    "tensor": lambda case: tensor(case, case["tensor"]),
    "gradient": got_gradient,
    "gradcam": lambda case: method_map(case, "gradcam", layer=case["layer"]),
    "gradcam-signed": lambda case: method_map(case, "gradcam", layer=case["layer"], relu="false"),
    "saliency": lambda case: method_map(case, "saliency"),
    "occlusion": lambda case: method_map(case, "occlusion", window=case["window"], stride=case["stride"],
                                         baseline=case["baseline"]),
    "value": got_value,
    "rise": got_rise,
    "rise-masks": lambda case: got_rise_masks(case["grids"], case["offsets"]),
}


def expected(case) -> np.ndarray:
    values = np.load(path_of(case["expected"])).astype(np.float64)
    if case["kind"] == "saliency" and case["reduce"] == "none":
        return values.max(axis=1)  # the map's own reduction, which is exact
    return values


def clamped(case) -> bool:
    """RISE's masks by clamping at the edge: another convention than ours, kept to show that we mirror."""
    return case["kind"] == "rise-masks" and case["edge"] == "clamp"


@pytest.mark.parametrize("case", [c for c in MODEL_CASES if not clamped(c)], ids=lambda case: case["id"])
def test_engine_gives_the_golden(case):
    error = distance(case, thinned(case, GOT[case["kind"]](case)), expected(case))
    assert error <= case["bound"], f"{case['metric']} {error:.3g}, at most {case['bound']:.3g}"


def test_every_kind_of_the_list_is_checked():
    assert {case["kind"] for case in CASES} == set(GOT) | PICTURE_KINDS


@pytest.mark.parametrize("case", [c for c in MODEL_CASES if "top5" in c], ids=lambda case: case["id"])
def test_predictions_name_the_golden_top5(case):
    """From the picture, through our decoder and preprocessing."""
    found = xai.ask("predict", path_of(case["image"]), "--model", path_of(case["model"]))["predictions"]
    assert [p["class"] for p in found] == case["top5"]
    np.testing.assert_allclose([p["probability"] for p in found], case["top5_probability"], atol=1e-4)


@pytest.mark.parametrize("case", [c for c in MODEL_CASES if "top5" in c], ids=lambda case: case["id"])
def test_picture_and_golden_crop_are_the_same_input(case):
    """All logits, bit for bit: so preprocessing gives the very bytes of the golden crop."""
    ours, theirs = (xai.ask("predict", *source, "--model", path_of(case["model"]), "--top", 1000)["predictions"]
                    for source in ([path_of(case["image"])], ["--tensor", input_file("", case["crop"])]))
    assert ours == theirs


# ---------------------------------------------------------------- planted errors: each must be rejected

def turned(values: np.ndarray) -> np.ndarray:
    """Maps and gradients transposed; logits shifted by one class, and one number's values by one sample."""
    if values.ndim == 2 and values.shape[1] == 1:
        return np.roll(values, 1, axis=0)
    return values.swapaxes(-1, -2) if values.ndim > 2 else np.roll(values, 1, axis=-1)


def relative_bound(case) -> float:
    return case["bound"] if case["metric"] == "relative_l2" else 0.0


PLANTED = {
    "scaled": None,  # by 1 %, or as much as the golden can tell
    "turned": turned,
    "samples swapped or map mirrored": lambda values: values[::-1] if len(values) > 1 else values[..., ::-1],
    "one NaN": lambda values: np.where(np.arange(values.size).reshape(values.shape) == values.size // 2, np.nan, values),
}


@pytest.mark.parametrize("error", PLANTED)
@pytest.mark.parametrize("kind", GOT)
def test_planted_error_is_rejected(kind, error):
    for case in (c for c in MODEL_CASES if c["kind"] == kind and not clamped(c)):
        plant = PLANTED[error] or functools.partial(np.multiply, 1 + max(0.01, 3 * relative_bound(case)))
        wrong = plant(thinned(case, GOT[kind](case)))
        assert distance(case, wrong, expected(case)) > case["bound"], f"{case['id']} passes although {error}"


def test_planted_other_class_is_rejected():
    """Explaining class 7 does not pass for class 3, whatever the method."""
    twins = {case["id"]: case for case in MODEL_CASES}
    pairs = [(case, twins[name[:-1] + "7"]) for name, case in twins.items() if name.endswith("class3")]
    assert len(pairs) >= 40
    for case, other in pairs:
        assert distance(case, GOT[case["kind"]](other), expected(case)) > case["bound"], case["id"]


def test_planted_other_target_is_rejected():
    """A target does not pass for another one of the same net: a box for a mask, a class for its contrast, and so on."""
    told = [case for case in MODEL_CASES if case["kind"] == "value"]
    assert len(told) >= 16
    for case in told:
        for other in (c for c in told if c["model"] == case["model"] and c is not case and not same_target(case, c)):
            assert distance(case, GOT["value"](other), expected(case)) > case["bound"], f"{other['id']} as {case['id']}"


def same_target(a, b) -> bool:
    """Two names of one number: a class of a regression, and the output by its name."""
    forms = [case["target"].get("output", {}).get("index", case["target"].get("class")) for case in (a, b)]
    return "steer" in a["id"] and forms[0] == forms[1]


def test_planted_absolute_gradcam_is_rejected():
    """Grad-CAM without its ReLU does not pass for Grad-CAM, where the sign matters at all."""
    told = [case for case in MODEL_CASES if case["kind"] == "gradcam"
            and distance(case, GOT["gradcam-signed"](case), expected(case)) > case["bound"]]
    assert len(told) >= 10


def test_planted_clamped_edge_is_rejected():
    """RISE's masks mirror at the edge, as the authors' code does: the clamped goldens must not fit."""
    case = next(c for c in MODEL_CASES if clamped(c))
    assert distance(case, GOT["rise-masks"](case), expected(case)) > case["bound"]
