"""RISE with masks of its own against RISE by its authors' definition (methods/make_perturbation.py --oracle rise).

No two seeds give the same map. The engine's must be as like the definition's as two of the definition's own seeds are
like each other, less 0.01 of correlation; and its interval must be as wide as its seeds differ.
"""
import numpy as np
import pytest

from compare import DATA, results
import xai

FOLDER = DATA / "methods/perturbation/rise"
SUBJECTS = {  # model, input, class, masks
    "tiny-resnet": ("tiny-resnet/model.onnx", "tiny-resnet/input.npy", 3, 20000),
    "tiny-vgg": ("tiny-vgg/model.onnx", "tiny-vgg/input.npy", 3, 20000),
}


def correlation(a, b) -> float:
    return float(np.corrcoef(np.float64(a).ravel(), np.float64(b).ravel())[0, 1])


def maps(subject: str, seed: int, name: str = "map", masks: int = 0) -> np.ndarray:
    model, source, target, many = SUBJECTS[subject]
    options = ("--seed", seed, "--param", f"masks={masks or many}")
    answer = results(model, source, "rise", str(target), options)[0]
    return xai.array(xai.artifact(answer, name))


@pytest.mark.parametrize("subject", SUBJECTS)
def test_rise_is_as_like_its_definition_as_its_seeds_are(subject):
    theirs = [np.load(FOLDER / f"{subject}-{seed}.npy") for seed in (0, 1)]
    own = correlation(*theirs)
    assert own > 0.98, "the definition's own seeds are alike"
    for seed in (0, 1):
        got, interval = maps(subject, seed), maps(subject, seed, "interval")
        for map_ in theirs:
            assert correlation(got, map_) >= own - 0.01
            assert abs(got.mean() - map_.mean()) <= 2 * interval.mean(), "the scale is the definition's, too"
        assert correlation(got[::-1], theirs[0]) < own - 0.01 and correlation(got[:, ::-1], theirs[0]) < own - 0.01


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_interval_is_as_wide_as_seeds_differ(subject):
    """1.96 standard errors: the deviation between maps of 24 seeds, which all pixels of a map share a part of."""
    several = [maps(subject, seed, masks=500) for seed in range(24)]
    deviation, interval = np.std(several, axis=0, ddof=1).mean(), maps(subject, 0, "interval", masks=500).mean()
    assert 0.7 <= 1.96 * deviation / interval <= 1.4


def test_sampling_stops_when_the_interval_is_narrow_enough():
    model, source, target, _ = SUBJECTS["tiny-vgg"]
    options = ("--param", "masks=20000", "--param", "stop_width=0.3")
    answer = results(model, source, "rise", str(target), options)[0]
    map_, interval = (xai.array(xai.artifact(answer, name)) for name in ("map", "interval"))
    assert 512 <= answer["cost"]["forwards"] < 20000 and answer["status"] == "done"
    assert 2 * interval.mean() <= 0.3 * np.ptp(map_)
