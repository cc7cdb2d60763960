"""Responsibility and its sets of pixels, looked at again by another way: pictures composed in numpy, one forward each.

The definition is the project's own (engine/explain/perturbation/responsibility.c), so that no library has it.
"""
import functools

import numpy as np
import pytest

import xai
from compare import path_of, scratch

NETS = [("tiny-resnet", 0), ("tiny-resnet", 1), ("tiny-vgg", 0), ("tiny-vgg", 1)]


def ask(net: str, x: np.ndarray, method: str, target: str, *options) -> dict:
    file = scratch(f"responsibility-{net}") / "x.npy"
    np.save(file, np.ascontiguousarray(x[None], dtype=np.float32))
    return xai.ask("explain", "--tensor", file, "--model", path_of(f"{net}/model.onnx"), "--method", method,
                   "--target", target, "--space", "probability", *options)


class Subject:
    def __init__(self, net: str, sample: int):
        self.net, self.x = net, np.load(path_of(f"{net}/input.npy"))[sample]
        self.target = str(ask(net, self.x, "saliency", "0")["predictions"][0]["class"])
        self.whole = self.score(np.ones(self.x.shape[1:]))

    @functools.lru_cache(maxsize=None)
    def scored(self, shown: bytes) -> float:
        mask = np.frombuffer(shown, np.uint8).reshape(self.x.shape[1:])
        return ask(self.net, self.x * mask, "saliency", self.target)["results"][0]["target"]["value"]

    def score(self, mask: np.ndarray) -> float:
        return self.scored(np.uint8(mask).tobytes())

    def suffices(self, mask: np.ndarray) -> bool:
        return self.score(mask) >= 0.9 * self.whole

    def run(self, **params) -> dict:
        options = [part for key, value in params.items() for part in ("--param", f"{key}={value}")]
        return ask(self.net, self.x, "responsibility", self.target, *options)["results"][0]


@functools.lru_cache(maxsize=None)
def subject(net: str, sample: int) -> Subject:
    return Subject(net, sample)


def quarters(top, left, bottom, right):
    y, x = (top + bottom) // 2, (left + right) // 2
    return [(top, left, y, x), (top, x, y, right), (y, left, bottom, x), (y, x, bottom, right)]


def degrees(s: Subject, block, around, weight, cell, out) -> None:
    """One tree cut in the middles, by the definition: of all sets of parts beside what is around them."""
    parts = quarters(*block)

    def shown(chosen):
        mask = around.copy()
        for j in chosen:
            top, left, bottom, right = parts[j]
            mask[top:bottom, left:right] = 1
        return mask

    sets = [[j for j in range(4) if number >> j & 1] for number in range(16)]
    enough = [s.suffices(shown(chosen)) for chosen in sets]
    for j, (top, left, bottom, right) in enumerate(parts):
        needing = [n for n in range(16) if n >> j & 1 and enough[n] and not enough[n & ~(1 << j)]]
        value = weight / (1 + min(4 - len(sets[n]) for n in needing)) if needing else 0
        if value and bottom - top >= 2 * cell:
            smallest = min(needing, key=lambda n: (len(sets[n]), n))
            degrees(s, parts[j], shown([k for k in sets[smallest] if k != j]), value, cell, out)
        else:
            out[top:bottom, left:right] = value


def test_most_of_the_nets_have_something_to_explain():
    """The others, whose baseline is enough, are told by a warning alone."""
    nets = [subject(net, sample) for net, sample in NETS]
    assert sum(not s.suffices(np.zeros(s.x.shape[1:])) for s in nets) > len(nets) / 2


@pytest.mark.parametrize("net, sample", NETS)
@pytest.mark.parametrize("cell", [16, 8])
def test_a_tree_is_the_definitions(net, sample, cell):
    s = subject(net, sample)
    if s.suffices(np.zeros(s.x.shape[1:])):
        assert "baseline alone suffices" in s.run(trees=1, cell=cell)["warnings"][0]
        return
    want, (height, width) = np.zeros(s.x.shape[1:]), s.x.shape[1:]
    degrees(s, (0, 0, height, width), np.zeros((height, width)), 1.0, cell, want)
    got = xai.array(xai.artifact(s.run(trees=1, cell=cell), "map"))
    assert np.allclose(got, want, atol=1e-6)


@pytest.mark.parametrize("net, sample", NETS)
def test_the_set_suffices_and_no_tile_of_it_can_go(net, sample):
    s, cell = subject(net, sample), 4
    result = s.run(cell=cell)
    if s.suffices(np.zeros(s.x.shape[1:])):
        return
    kept = xai.array(xai.artifact(result, "set"))
    claims = dict(xai.artifact(result, "certificate")["data"]["rows"])
    assert set(np.unique(kept)) == {0, 1} and kept.mean() == pytest.approx(result["metrics"]["area"])
    assert s.score(kept) == pytest.approx(result["metrics"]["set_value"], abs=1e-5)
    assert s.score(1 - kept) == pytest.approx(result["metrics"]["rest_value"], abs=1e-5)
    assert s.suffices(kept) and claims["The set alone suffices."]
    assert claims["Everything else does not suffice."] == (not s.suffices(1 - kept))
    tiles = [np.s_[y:y + cell, x:x + cell] for y in range(0, 32, cell) for x in range(0, 32, cell)]
    smaller = []
    for tile in tiles:
        less = kept.copy()
        less[tile] = 0
        if kept[tile].any():
            smaller.append(s.suffices(less))
    assert claims["It does not without any one of its tiles."] == (not any(smaller))
