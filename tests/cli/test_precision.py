"""Precision bf16: what it changes, what refuses it, and that nobody gets it unasked.

The bounds come before the numbers. bfloat16 has 8 significant bits, so an input and a weight of a product are off by at
most 2^-9 of themselves, at random; through the 50 layers of the shipped model that makes some sqrt(50) * 2^-9 = 1.4 % of
what flows, hence 3 % of the largest logit. Maps are differences of scores, in their own range: their ranks are held to
a Spearman correlation of 0.99.
"""
import json

import numpy as np
import pytest

from xai import CHELSEA, COFFEE, array, artifact, ask, call

LOGIT_BOUND = 0.03
RANK_BOUND = 0.99
PICTURES = [COFFEE, CHELSEA]
MAPS = {"occlusion": [], "rise": ["--param", "masks=400"]}
PROCESSOR_LACKS_IT = {"XAI_ISA": "avx2"}


def has_bf16():
    """Whether this processor has it and nothing has forced it down, as the system tells it."""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        return "avx512_bf16" in f.read() and ask("bench", "--repeat", 1, "--what", "predict")["isa"] == "avx512"


HERE = has_bf16()
only_here = pytest.mark.skipif(not HERE, reason="this processor has no AVX512-BF16; the refusals are tested")


def explain(picture, method, precision, *args):
    return ask("explain", picture, "--method", method, *args, *MAPS.get(method, []), "--precision", precision)


def ranks(values):
    """Ranks from 0, equal values sharing their mean."""
    _, group, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2)[group]


def spearman(a, b):
    return np.corrcoef(ranks(a), ranks(b))[0, 1]


# ---------------------------------------------------------------- what refuses it

@pytest.mark.parametrize("args", [["predict", COFFEE], ["explain", COFFEE, "--method", "occlusion"],
                                  ["bench", "--repeat", 1], ["bench", "--per-layer", "--repeat", 1]],
                         ids=["predict", "explain", "bench", "per-layer"])
def test_a_processor_without_it_refuses(args):
    done = call(*args, "--precision", "bf16", env=PROCESSOR_LACKS_IT)
    assert done.code == 4 and "[unsupported]" in done.stderr and "AVX512-BF16" in done.stderr and done.stdout == ""


@only_here
@pytest.mark.parametrize("methods, named", [("gradcam", "gradcam"), ("saliency", "saliency"),
                                            ("occlusion,gradcam", "gradcam")])
def test_methods_that_differentiate_refuse(methods, named):
    done = call("explain", COFFEE, "--method", methods, "--precision", "bf16")
    assert done.code == 4 and "[unsupported]" in done.stderr and f"{named} needs gradients" in done.stderr


@only_here
def test_a_gradient_is_not_timed_in_it():
    done = call("bench", "--what", "gradient", "--precision", "bf16")
    assert done.code == 4 and "only float32 is differentiated" in done.stderr


# ---------------------------------------------------------------- what it changes

@only_here
@pytest.mark.parametrize("picture", PICTURES, ids=lambda p: p.stem)
def test_scores_stay_close(picture):
    exact = ask("predict", picture, "--top", 1000)
    narrow = ask("predict", picture, "--top", 1000, "--precision", "bf16")
    assert (exact["precision"], narrow["precision"]) == ("f32", "bf16")
    a, b = ({p["class"]: p["logit"] for p in x["predictions"]} for x in (exact, narrow))
    off = max(abs(a[k] - b[k]) for k in a)
    assert 0 < off <= LOGIT_BOUND * max(map(abs, a.values()))
    assert exact["predictions"][0]["class"] == narrow["predictions"][0]["class"]


@only_here
@pytest.mark.parametrize("method", MAPS)
@pytest.mark.parametrize("picture", PICTURES, ids=lambda p: p.stem)
def test_maps_keep_their_ranks(picture, method):
    exact, narrow = (explain(picture, method, precision) for precision in ("f32", "bf16"))
    assert (exact["model"]["precision"], narrow["model"]["precision"]) == ("f32", "bf16")
    assert exact["results"][0]["cost"] == narrow["results"][0]["cost"]
    a, b = (array(artifact(x["results"][0])) for x in (exact, narrow))
    assert not np.array_equal(a, b)
    assert spearman(a, b) >= RANK_BOUND


@only_here
def test_threads_change_no_byte():
    one, two = (explain(COFFEE, "occlusion", "bf16", "--threads", n)["results"] for n in (1, 2))
    assert json.dumps(one) == json.dumps(two)


@only_here
def test_sag_searches_in_it_without_grad_cam_and_says_so():
    small = ["--param", "grid=4", "--param", "max_nodes=6"]
    document = ask("explain", CHELSEA, "--method", "sag", *small, "--precision", "bf16")
    result = document["results"][0]
    assert document["model"]["precision"] == "bf16" and result["cost"]["backwards"] == 0
    assert any("Grad-CAM did not help" in w and "bf16" in w for w in result["warnings"])
    graph = artifact(result, "sag")["data"]
    assert graph["mses"] and all(m["p"] >= graph["threshold"]["tau"] for m in graph["mses"])
    asked = ask("explain", CHELSEA, "--method", "sag", *small, "--precision", "bf16", "--param", "gradcam=false")
    assert artifact(asked["results"][0], "sag")["data"] == graph
    assert not any("Grad-CAM" in w for w in asked["results"][0]["warnings"])


@only_here
def test_bench_measures_it():
    rows = ask("bench", "--repeat", 2, "--precision", "bf16")
    assert rows["precision"] == "bf16" and [row["what"] for row in rows["rows"]] == ["forward"]
    layers = ask("bench", "--per-layer", "--repeat", 1, "--precision", "bf16")
    assert layers["precision"] == "bf16"
    assert any("bf16" in (layer["kernel"] or "") for layer in layers["layers"])
