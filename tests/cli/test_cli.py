"""The command line as scripts use it: exit codes, JSON on stdout alone, files, determinism, interrupts."""
import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest

import xai
from xai import COFFEE, LITE0, ask, call

TINY = xai.ROOT / "tests/golden/data/tiny-resnet"
SAMPLE = ["explain", COFFEE, "--method"]
ALL_METHODS = {"gradcam", "saliency", "occlusion", "rise", "sag"}


@pytest.fixture(scope="module")
def tensor(tmp_path_factory):
    """One preprocessed sample for the tiny net, whose runs take milliseconds."""
    path = tmp_path_factory.mktemp("tensor") / "x.npy"
    np.save(path, np.load(TINY / "input.npy")[:1])
    return path


def tiny(tensor, *args):
    return ["explain", "--model", TINY / "model.onnx", "--tensor", tensor, *args]


# ---------------------------------------------------------------- exit codes and messages

REFUSED = [  # what, exit code, id in the message, part of the message, arguments
    ("no such command", 2, "", "no command", ["dance"]),
    ("no method", 2, "usage", "--method", ["explain", COFFEE]),
    ("no image", 2, "usage", "IMAGE", ["predict"]),
    ("two images", 2, "usage", "too many", ["predict", COFFEE, COFFEE]),
    ("image and tensor", 2, "usage", "not both", ["predict", COFFEE, "--tensor", "x.npy"]),
    ("unknown option", 2, "usage", "--colour", ["predict", COFFEE, "--colour", "red"]),
    ("option of another command", 2, "usage", "--method", ["predict", COFFEE, "--method", "rise"]),
    ("value is missing", 2, "usage", "--top", ["predict", COFFEE, "--top"]),
    ("no number", 2, "usage", "many", ["predict", COFFEE, "--top", "many"]),
    ("no pair", 2, "usage", "NAME=VALUE", [*SAMPLE, "rise", "--param", "masks"]),
    ("run without out", 2, "usage", "--out", ["run", "--model", TINY / "model.onnx", "--input", f"input={TINY}/input.npy"]),
    ("gradient without index", 2, "usage", "OUTPUT:INDEX",
     ["run", "--model", TINY / "model.onnx", "--input", f"input={TINY}/input.npy", "--out", "x", "--gradient", "logits"]),
    ("no such image", 3, "io", "nowhere.png", ["predict", "nowhere.png"]),
    ("not an image", 3, "", "", ["predict", "Makefile"]),
    ("no such model", 3, "io", "nowhere.onnx", ["predict", COFFEE, "--model", "nowhere.onnx"]),
    ("not a model", 3, "bad-model", "coffee.png", ["model", COFFEE]),
    ("no such sidecar", 3, "io", "nowhere.json", ["predict", COFFEE, "--config", "nowhere.json"]),
    ("unknown method", 3, "unknown-method", "'dance'", [*SAMPLE, "dance"]),
    ("unknown class", 3, "unknown-class", "unicorn", [*SAMPLE, "gradcam", "--target", "unicorn"]),
    ("class beyond the last", 3, "unknown-class", "1000", [*SAMPLE, "gradcam", "--target", "1000"]),
    ("ambiguous class", 3, "ambiguous-class", "134, 517", [*SAMPLE, "gradcam", "--target", "crane"]),
    ("unknown layer", 3, "unknown-layer", "nowhere", [*SAMPLE, "gradcam", "--param", "layer=nowhere"]),
    ("NaN", 3, "bad-parameter", "masks", [*SAMPLE, "rise", "--param", "masks=nan"]),
    ("infinity", 3, "bad-parameter", "p", [*SAMPLE, "rise", "--param", "p=inf"]),
    ("out of range", 3, "bad-parameter", "100000", [*SAMPLE, "rise", "--param", "masks=0"]),
    ("unknown parameter", 3, "bad-parameter", "window", [*SAMPLE, "occlusion", "--param", "windw=32"]),
    ("unknown space", 3, "bad-request", "logit|probability", [*SAMPLE, "gradcam", "--space", "outer"]),
    ("unknown input", 3, "bad-tensor", "inptu",
     ["run", "--model", TINY / "model.onnx", "--input", f"inptu={TINY}/input.npy", "--out", "x"]),
    ("work that is none", 3, "unknown-method", "'dance'", ["bench", "--what", "dance"]),
    ("timed with an unknown parameter", 3, "bad-parameter", "params.windo",
     ["bench", "--what", "occlusion", "--param", "windo=64"]),
    ("two kinds of work to serve", 2, "usage", "--what", ["bench", "--serve"]),
    ("layers of a method", 2, "usage", "'rise'", ["bench", "--per-layer", "--what", "rise"]),
    ("no such precision", 2, "usage", "bf16", ["bench", "--precision", "f16"]),
    ("CMYK", 4, "unsupported-image", "CMYK", ["predict", "tests/engine/image/fixtures/cmyk.jpg"]),
]


@pytest.mark.parametrize("what, code, id_, part, args", REFUSED, ids=[row[0] for row in REFUSED])
def test_refusals_have_their_code_and_say_why(what, code, id_, part, args, tmp_path):
    args = [a if a != "x" else tmp_path / "out" for a in args]
    done = call(*args)
    assert done.code == code, done.stderr
    assert done.stdout == ""
    assert part in done.stderr and (not id_ or f"[{id_}]" in done.stderr), done.stderr


def test_a_file_above_the_limit_is_refused_with_5(tmp_path):
    large = tmp_path / "large.png"
    with open(large, "wb") as f:
        f.truncate(30_000_000)
    done = call("predict", large)
    assert done.code == 5 and "[too-large]" in done.stderr


def test_a_folder_that_cannot_be_made_is_refused_with_3(tensor):
    done = call(*tiny(tensor, "--method", "gradcam", "--out", TINY / "model.onnx" / "below"))
    assert done.code == 3 and "[io]" in done.stderr and done.stdout == ""


def test_help_and_version_succeed():
    assert call("help").code == call("--help").code == call().code == 0
    assert "--method" in call("help", "explain").stdout
    assert call("--version").stdout.startswith("xai ")


# ---------------------------------------------------------------- results

def test_predict_lists_the_top_classes():
    predictions = ask("predict", COFFEE, "--top", 3)["predictions"]
    assert [p["class"] for p in predictions] == [967, 968, 925]
    assert predictions[0]["name"] == "espresso" and 0.9 < predictions[0]["probability"] < 1


def test_the_shipped_model_is_found_from_any_folder(tmp_path):
    assert ask("predict", COFFEE, "--top", 1, cwd=tmp_path)["predictions"][0]["class"] == 967


def test_predict_with_all_patches_is_predict():
    """Region masks that keep everything change nothing; those that keep nothing leave no espresso."""
    whole = ask("predict", COFFEE)["predictions"][0]
    every = ask("predict", COFFEE, "--patches", ",".join(map(str, range(49))), "--target", 967)
    assert every["p"] == pytest.approx(whole["probability"], abs=1e-4) and every["rel"] == pytest.approx(1, abs=1e-4)
    few = ask("predict", COFFEE, "--patches", "0,48", "--target", 967)
    assert few["id"] == "1000000000001" and few["p"] < 0.1


@pytest.mark.parametrize("params", [["region=superpixel", "segments=16", "baseline=blur", "sigma=6"],
                                    ["grid=5", "region=feather", "baseline=colour", "colour=#20a040"]], ids=lambda p: p[0])
def test_an_explanation_of_any_kind_can_be_scored_again(params):
    """The same number to the digit, superpixels, blur and colours included."""
    params = [word for p in params for word in ("--param", p)]
    graph = xai.artifact(ask("explain", COFFEE, "--method", "sag", *params, "--param", "max_evals=150", "--param",
                             "max_nodes=4")["results"][0], "sag")["data"]
    for mse in graph["mses"][:2]:
        again = ask("predict", COFFEE, "--patches", ",".join(map(str, mse["patches"])), *params)
        assert (again["id"], again["p"]) == (mse["id"], mse["p"])
    assert graph["mses"]


@pytest.mark.parametrize("args, said", [(["--patches", "49"], "numbered 0 to 48"), (["--patches", "-1"], "numbered 0 to 48"),
                                        (["--patches", "x"], "not the number of a patch"),
                                        (["--patches", "1", "--param", "sigmoid=1"], "sigmoid")])
def test_patches_that_are_not_there_are_refused(args, said):
    done = call("predict", COFFEE, *args)
    assert done.code and said in done.stderr and done.stdout == ""


def test_explain_gives_every_method_for_every_target(tensor):
    result = ask(*tiny(tensor, "--method", "gradcam,saliency", "--target", "3,7"))
    assert result["schema"] == 1 and result["status"] == "done"
    assert {"id", "created", "href"}.isdisjoint(result) and "queue_ms" not in result["timing"]
    assert [(r["method"], r["target"]["class"]) for r in result["results"]] == [
        ("gradcam", 3), ("gradcam", 7), ("saliency", 3), ("saliency", 7)]
    for element in result["results"]:
        shown = xai.artifact(element)
        values = xai.array(shown)
        assert np.isfinite(values).all()
        assert (shown["min"], shown["max"]) == (pytest.approx(values.min()), pytest.approx(values.max()))


def test_results_carry_their_receipt():
    result = ask(*SAMPLE, "gradcam", "--seed", 5)
    assert result["image"] | {"sha256": ""} == {"sha256": "", "width": 600, "height": 400, "orientation": 1,
                                                "crop": [125, 25, 350, 350], "input_shape": [1, 3, 224, 224]}
    assert result["model"]["id"] == "efficientnet-lite0" and len(result["model"]["sha256"]) == 64
    element = result["results"][0]
    assert element["seed"] == 5 and element["params"]["layer"] == "/_swish_1/Clip_output_0"


def test_contrast_is_the_difference_of_two_gradients(tensor):
    """The channels' mean of the signed gradient is linear in the target."""
    option = ["--method", "saliency", "--param", "absolute=false", "--param", "channels=mean"]
    maps = {}
    for name, target in {"both": ["--target", 3, "--contrast", 7], "a": ["--target", 3], "b": ["--target", 7]}.items():
        maps[name] = xai.array(xai.artifact(ask(*tiny(tensor, *option, *target))["results"][0]))
    difference = maps["a"] - maps["b"]
    assert np.linalg.norm(maps["both"] - difference) < 1e-4 * np.linalg.norm(difference)


def test_files_hold_what_the_json_says(tensor, tmp_path):
    result = ask(*tiny(tensor, "--method", "gradcam,occlusion", "--param", "occlusion.window=8", "--param",
                       "occlusion.stride=8", "--out", tmp_path))
    for i, element in enumerate(result["results"]):
        np.testing.assert_array_equal(np.load(tmp_path / f"{i}-map.npy"), xai.array(xai.artifact(element)))


def test_pictures_are_written_for_an_image(tmp_path):
    ask(*SAMPLE, "gradcam", "--out", tmp_path)
    assert (tmp_path / "0-overlay.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_pictures_of_a_graph_are_written(tmp_path):
    small = [*SAMPLE, "sag", "--param", "grid=4", "--param", "p_high=0.5", "--param", "max_evals=60"]
    ask(*small, "--out", tmp_path / "a")
    ask(*small, "--outputs", "tree,gif", "--out", tmp_path / "b")
    a, b = ({file.name: file.read_bytes() for file in (tmp_path / part).iterdir()} for part in "ab")
    assert {"0-dot.dot", "0-picture.png", "0-svg.svg", "0-gif.gif", "0-necessity.npy"} <= set(a)
    assert set(b) == {"0-dot.dot", "0-tree.png", "0-gif.gif"}
    assert a["0-gif.gif"] == b["0-gif.gif"] and a["0-gif.gif"].startswith(b"GIF89a")
    assert a["0-svg.svg"].startswith(b"<svg ")


def test_methods_are_listed_with_schemas():
    listed = ask("methods")
    assert {m["id"] for m in listed} >= ALL_METHODS
    for method in listed:
        assert set(method) >= {"id", "title", "family", "summary", "paper", "needs", "cost", "params"}
        assert method["params"]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert [m["id"] for m in ask("methods", "rise")] == ["rise"]
    assert call("methods", "--markdown").stdout.count("\n") == len(listed) + 2


def test_memory_budget_refuses_what_never_fits_and_spares_what_can_do_with_less():
    memory = ask("model", LITE0)["memory"]
    assert 1e6 < memory["forward"] < memory["gradient"] / 2
    done = call(*SAMPLE, "gradcam", "--memory", 1)
    assert done.code == 5 and "[too-large]" in done.stderr and "budget is 1.0 MB" in done.stderr
    least = int(2 * memory["forward"] / 1e6) + 3  # a lane for each of two threads; a base and regions do not fit
    a, b = (xai.array(xai.artifact(ask(*SAMPLE, "occlusion", "--param", "stride=32", "--threads", 2, "--memory", mb)
                                   ["results"][0])) for mb in (1000, least))
    assert np.abs(a).max() > 0.01 and np.allclose(a, b, atol=1e-5)


def test_model_describes_the_shipped_one():
    found = ask("model", LITE0)
    assert found["default_layer"] == "/_swish_1/Clip_output_0" and found["operators"]["Conv"] == 49
    assert {m["id"] for m in found["methods"] if m["served"]} >= ALL_METHODS


TINY_BENCH = ["bench", "--model", TINY / "model.onnx", "--repeat", 2]


def test_bench_measures():
    found = ask(*TINY_BENCH, "--what", "forward,gradient,predict,saliency", "--threads", 1)
    assert found["engine"] == "explaind" and found["batch"] == 1 and found["threads"] == 1 and found["runs"] == 2
    assert [row["what"] for row in found["rows"]] == ["forward", "gradient", "predict", "saliency"]
    assert all(0 < row["min_ms"] <= row["median_ms"] <= row["max_ms"] for row in found["rows"])


def test_bench_times_a_method_with_its_parameters_on_a_picture():
    command = [*TINY_BENCH, "--what", "occlusion", "--param", "window=4", COFFEE]
    few, many = (ask(*command, "--param", f"stride={stride}")["rows"][0]["min_ms"] for stride in (4, 1))
    assert many > 2 * few  # 841 windows, and 64


def test_bench_takes_turns_with_others():
    """One line when it is ready, then one an order; what is no order ends it."""
    command = [xai.XAI, "bench", "--serve", "--model", TINY / "model.onnx", "--what", "gradient", "--batch", "3"]
    done = subprocess.run(command, input="run 2\nrun 1\n", capture_output=True, text=True, timeout=60, check=True)
    ready, two, one = map(json.loads, done.stdout.splitlines())
    assert ready["batch"] == 3 and ready["isa"] and ready["precision"] == "f32" and ready["version"]
    assert len(two) == 2 and len(one) == 1 and all(ms > 0 for ms in two + one)
    done = subprocess.run(command, input="run -2\n", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "run N" in done.stderr


@pytest.mark.parametrize("what, passes", [("forward", {"forward"}), ("gradient", {"forward", "backward"})])
def test_bench_per_layer_holds_each_layer_against_the_machine(what, passes):
    found = ask(*TINY_BENCH, "--per-layer", "--what", what, "--batch", 2)
    assert found["batch"] == 2 and found["clock"] == "cpu" and found["machine"]["gflops"] > 0
    assert all(set_["gb_per_s"] > 0 for set_ in found["machine"]["bandwidth"])
    assert {layer["pass"] for layer in found["layers"]} == set(found["totals"]) == passes
    for layer in found["layers"]:
        assert layer["us"] > 0 and layer["bytes"] > 0 and layer["roofline_us"] > 0
        assert layer["share"] == pytest.approx(layer["roofline_us"] / layer["us"])
        assert layer["gap_ms"] == pytest.approx((layer["us"] - layer["roofline_us"]) / 1000)
        assert layer["bound"] in ("memory", "compute") and layer["shape"].startswith("2x")
    convolutions = [layer for layer in found["layers"] if layer["operator"] == "Conv" and layer["pass"] == "forward"]
    assert convolutions and all(layer["kernel"] and layer["gflop_per_s"] > 0 for layer in convolutions)
    for pass_, total in found["totals"].items():
        for member in ("us", "gflop", "bytes", "roofline_us", "gap_ms"):
            assert total[member] == pytest.approx(sum(x[member] for x in found["layers"] if x["pass"] == pass_))


def test_bench_per_layer_is_a_table_too():
    lines = call(*TINY_BENCH, "--per-layer", "--text", "--threads", 2).stdout.splitlines()
    assert "GFLOP/s" in lines[0] and lines[1] == "forward" and "all layers" in lines[-1] and len(lines) > 6


def test_run_writes_a_manifest(tmp_path):
    ask("run", "--model", TINY / "model.onnx", "--input", f"input={TINY}/input.npy", "--out", tmp_path, "--fetch",
        "/layer2/relu2/Relu_output_0", "--gradient", "logits:3")
    manifest = json.loads((tmp_path / "manifest.json").read_text())["tensors"]
    assert [t["name"] for t in manifest] == ["logits", "/layer2/relu2/Relu_output_0", "grad_input",
                                             "grad_/layer2/relu2/Relu_output_0"]
    assert {t["file"] for t in manifest} | {"manifest.json"} == {p.name for p in tmp_path.iterdir()}
    for t in manifest:
        assert list(np.load(tmp_path / t["file"]).shape) == t["shape"] and t["dtype"] == "float32"
    assert manifest[2]["file"] == "grad_input.npy"


# ---------------------------------------------------------------- determinism

def settled(result):
    """What must not change from run to run: everything but times."""
    return {key: value for key, value in result.items() if key != "timing"}


WORK = "gradcam,saliency,occlusion,rise"


def test_threads_change_no_byte(tmp_path):
    """Maps, pictures and JSON on one thread and on two."""
    results = [ask(*SAMPLE, WORK, "--param", "rise.masks=60", "--threads", n, "--out", tmp_path / str(n)) for n in (1, 2)]
    assert settled(results[0]) == settled(results[1])
    names = sorted(p.name for p in (tmp_path / "1").iterdir())
    assert len(names) >= 8
    for name in names:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


def test_threads_change_no_graph():
    results = [ask(*SAMPLE, "sag", "--param", "max_evals=150", "--threads", n) for n in (1, 2)]
    assert settled(results[0]) == settled(results[1])


def test_the_seed_decides_the_draws(tensor):
    def rise(seed):
        return settled(ask(*tiny(tensor, "--method", "rise", "--param", "masks=50", "--seed", seed)))["results"][0]
    assert rise(1) == rise(1)
    assert rise(1)["artifacts"] != rise(2)["artifacts"]


def test_draws_can_be_replayed(tensor, tmp_path):
    args = ["--method", "rise", "--param", "masks=40"]
    drawn = ask(*tiny(tensor, *args, "--seed", 9, "--emit-draws", tmp_path))
    again = ask(*tiny(tensor, *args, "--seed", 1, "--use-draws", tmp_path))
    assert np.load(tmp_path / "masks.npy").shape == (40, 32, 32)
    for name in ("map", "interval"):
        np.testing.assert_allclose(xai.array(xai.artifact(again["results"][0], name)),
                                   xai.array(xai.artifact(drawn["results"][0], name)), rtol=1e-6, atol=1e-9)


# ---------------------------------------------------------------- ends before the end

LONG = [*SAMPLE, "rise", "--param", "masks=100000", "--threads", "1"]


def test_a_deadline_gives_what_there_is():
    started = time.monotonic()
    result = ask(*LONG, "--timeout", int(xai.TIMEOUT / 120))
    assert time.monotonic() - started < xai.TIMEOUT / 8
    element = result["results"][0]
    assert result["status"] == element["status"] == "partial"
    assert "deadline" in element["warnings"][0].lower()
    assert 0 < element["cost"]["forwards"] < 100000 and np.isfinite(xai.array(xai.artifact(element))).all()


def test_a_deadline_keeps_the_results_beside_it(tensor):
    """Saliency is done, RISE is cut, and what comes after it is marked as failed; the whole is partial."""
    result = ask(*tiny(tensor, "--method", "saliency,rise,occlusion", "--param", "rise.masks=100000", "--timeout", 2))
    assert result["status"] == "partial"
    assert [e["status"] for e in result["results"]] == ["done", "partial", "failed"]
    assert result["results"][2]["artifacts"] == [] and "deadline" in result["results"][2]["warnings"][0]


def test_an_interrupt_ends_with_6():
    process = subprocess.Popen([xai.XAI, *map(str, LONG)], cwd=xai.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env=os.environ)
    time.sleep(1.5)  # the work takes minutes
    assert process.poll() is None
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 6 and out == "" and "[cancelled]" in errors
    assert time.monotonic() - sent < 10
