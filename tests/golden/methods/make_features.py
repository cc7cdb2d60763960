#!/usr/bin/env python3
"""Makes data/methods/features: methods over parts of the picture, as Captum, lime and shap compute them.

usage: make_features.py --oracle captum|lime|shap

The networks run in float64. Sets and orders of features are drawn here, given to the library in place of its own, and
to the engine as draws; where segments are not given too, the engine's own must equal scikit-image's.
"""
from importlib import metadata
from unittest import mock

import numpy as np
import torch

import subjects


def scorer(net, target: int, space: str):
    """A function of a batch [N,3,H,W] that gives [N] in float64."""
    def score(x):
        with torch.no_grad():
            logits = net(torch.as_tensor(x).double())
            return (torch.softmax(logits, 1) if space == "probability" else logits)[:, target]
    return score


def grid(height: int, width: int, cells: int) -> np.ndarray:
    """Row r begins at floor(r * height / cells)."""
    def bands(side):
        return np.searchsorted([r * side // cells for r in range(cells)], np.arange(side), side="right") - 1
    return bands(height)[:, None] * cells + bands(width)


def blobs(height: int, width: int, count: int, seed: int) -> np.ndarray:
    """Irregular segments: each pixel belongs to the nearest of some random points."""
    points = np.random.RandomState(seed).rand(count, 2) * (height, width)
    y, x = np.mgrid[:height, :width]
    nearest = ((y - points[:, 0, None, None]) ** 2 + (x - points[:, 1, None, None]) ** 2).argmin(0)
    return np.unique(nearest, return_inverse=True)[1].reshape(height, width)


def painted(segments: np.ndarray, values, cells: int = 0) -> np.ndarray:
    """What the engine shows: a grid's values as they are, others in every pixel."""
    values = np.asarray(values)
    return values.reshape(cells, cells) if cells else values[segments]


def features_of(attribution: torch.Tensor, segments: np.ndarray) -> np.ndarray:
    """From Captum's attribution of every element to one value a feature."""
    flat, first = attribution[0, 0].numpy().ravel(), np.unique(segments, return_index=True)[1]
    assert (flat == flat[first][segments.ravel()]).all() and (attribution == attribution[:, :1]).all()
    return flat[first]


def given_sets(count: int, features: int, seed: int) -> np.ndarray:
    """The full set, the empty one, then sizes by Kernel SHAP's distribution."""
    rng, sizes = np.random.RandomState(seed), np.arange(1, features)
    odds = 1 / (sizes * (features - sizes))
    rows = np.zeros((count, features), int)
    rows[0] = 1
    for row in rows[2:]:
        row[rng.permutation(features)[:rng.choice(sizes, p=odds / odds.sum())]] = 1
    return rows


class Maker:
    """The cases of one subject."""

    def __init__(self, subject: subjects.Subject, out: subjects.Cases):
        self.s, self.out, self.net = subject, out, subject.net
        self.height, self.width = subject.x.shape[2:]
        self.small = not subject.name.startswith("lite0")
        self.shapes = blobs(self.height, self.width, 18, 4)

    def draws(self, folder: str = "", **arrays) -> str:
        """The subject's segments with these sets or orders, in as few bytes as they need."""
        name = self.out.draws(f"{self.s.name}{folder}")
        for file, values in arrays.items():
            assert 0 <= values.min() and values.max() < 256
            np.save(subjects.DATA / name / f"{file}.npy", values.astype(np.uint8))
        return name

    def each(self, compute) -> np.ndarray:
        """compute(x [1,3,H,W]) for every sample."""
        return np.stack([compute(self.s.x[i:i + 1]) for i in range(len(self.s.x))])

    def add(self, name, method, target, params, compute, cells=0, **fields):
        values = self.each(compute)
        assert np.ptp(values) > 0, name
        self.out.add(self.s, name, method, target, params, values, thin=not cells, **fields)


# ---------------------------------------------------------------- Captum

class CaptumMaker(Maker):
    def mask(self, segments) -> torch.Tensor:
        return torch.from_numpy(segments)[None, None]

    def ablation(self, target, segments, space, baseline=0.0):
        from captum.attr import FeatureAblation
        ablation = FeatureAblation(scorer(self.net, target, space))
        return lambda x: features_of(ablation.attribute(torch.from_numpy(x).double(), baselines=baseline,
                                                        feature_mask=self.mask(segments)), segments)

    def kernel(self, target, segments, sets, space):
        """Captum turns scores and coefficients into float32 on the way, which is kept from it."""
        from captum.attr import KernelShap
        shap = KernelShap(scorer(self.net, target, space))

        def generate(_inputs, **_kwargs):
            yield from (torch.from_numpy(row)[None] for row in sets)

        shap.perturb_func = generate

        def compute(x):
            with mock.patch.object(torch.Tensor, "float", torch.Tensor.double):
                return features_of(shap.attribute(torch.from_numpy(x).double(), n_samples=len(sets),
                                                  feature_mask=self.mask(segments)), segments)
        return compute

    def sampling(self, target, segments, orders, space):
        from captum.attr import ShapleyValueSampling
        shapley = ShapleyValueSampling(scorer(self.net, target, space))
        shapley.permutation_generator = lambda _features, _count: iter(orders.tolist())
        return lambda x: features_of(shapley.attribute(torch.from_numpy(x).double(), n_samples=len(orders),
                                                       feature_mask=self.mask(segments)), segments)

    def exact(self, target, segments, space):
        from captum.attr import ShapleyValues
        shapley = ShapleyValues(scorer(self.net, target, space))
        return lambda x: features_of(shapley.attribute(torch.from_numpy(x).double(), feature_mask=self.mask(segments)),
                                     segments)

    def make(self):
        first, second = self.s.classes
        cells, prob, shapes = (5 if self.small else 7), "probability", self.shapes
        squares, few, n = grid(self.height, self.width, cells), grid(self.height, self.width, 2), shapes.max() + 1

        def paint(compute, segments, cells=0):
            return lambda x: painted(segments, compute(x), cells)

        self.add("ablation-grid", "ablation", first, {"grid": cells}, paint(
            self.ablation(first, squares, prob), squares, cells), cells)
        self.add("kernelshap-exact", "kernelshap", second, {"grid": 2}, paint(self.exact(second, few, prob), few, 2), 2)
        sets = given_sets(80, n, 5)
        orders = np.stack([np.random.RandomState(k).permutation(n) for k in range(4)])
        given = self.draws("-sets", segments=shapes, coalitions=sets, permutations=orders)
        self.add("kernelshap", "kernelshap", first, {}, paint(self.kernel(first, shapes, sets, prob), shapes),
                 draws=given)
        self.add("shapley", "shapley", second, {}, paint(self.sampling(second, shapes, orders, prob), shapes),
                 draws=given)
        if not self.small:
            return
        self.add("shapley-exact", "shapley", first, {"grid": 2}, paint(self.exact(first, few, prob), few, 2), 2)
        self.add("ablation-logit", "ablation", second, {"grid": cells}, paint(
            self.ablation(second, squares, "logit"), squares, cells), cells, space="logit")
        self.add("ablation-segments", "ablation", second, {}, paint(self.ablation(second, shapes, prob), shapes),
                 draws=given)
        few_sets = given_sets(9, n, 6)  # fewer than features: the shortest of the answers
        given = self.draws("-few-sets", segments=shapes, coalitions=few_sets)
        self.add("kernelshap-few", "kernelshap", second, {},
                 paint(self.kernel(second, shapes, few_sets, "logit"), shapes), draws=given, space="logit")


# ---------------------------------------------------------------- lime

class LimeMaker(Maker):
    def lime(self, target, segments_of, sets, hide=None, width=0.25, picture=None, normalise=None):
        """`picture`: bytes, in place of the normalised sample; `normalise`: from it to the network's input."""
        from lime.lime_image import LimeImageExplainer

        class Given:
            """In place of a random generator: lime asks for a seed, which it then does not use, and for the sets."""

            def randint(self, _low, _high=None, size=None, **_kwargs):
                return 0 if size is None else sets.ravel().copy()

        explainer = LimeImageExplainer(kernel_width=width)
        explainer.random_state = Given()
        score = scorer(self.net, target, "probability")

        def compute(x):
            segments = segments_of(x)
            image = x[0].transpose(1, 2, 0).astype(np.float64) if picture is None else picture
            result = explainer.explain_instance(
                image, lambda batch: score((normalise or np.asarray)(batch).transpose(0, 3, 1, 2)).numpy()[:, None],
                labels=(0,), top_labels=None, hide_color=hide, num_samples=len(sets), random_seed=0,
                segmentation_fn=lambda _image: segments)
            weights = np.zeros(segments.max() + 1)
            for feature, weight in result.local_exp[0]:
                weights[feature] = weight
            return painted(segments, weights)
        return compute

    def view(self) -> np.ndarray:
        from PIL import Image
        return np.asarray(Image.open(subjects.DATA / "lite0" / f"{self.s.name.split('-')[1]}_224.png").convert("RGB"))

    def make(self):
        from lime.wrappers.scikit_image import SegmentationAlgorithm
        first, second = self.s.classes
        shapes = self.shapes
        sets = np.random.RandomState(8).randint(0, 2, (100, shapes.max() + 1))
        sets[0] = 1
        if self.small:
            given = self.draws("-visible", segments=shapes, coalitions=sets)
            self.add("lime", "lime", first, {}, self.lime(first, lambda _x: shapes, sets), draws=given)
            self.add("lime-mean-wide", "lime", second, {"baseline": "mean", "kernel_width": 1},
                     self.lime(second, lambda _x: shapes, sets, hide=0, width=1.0), draws=given)
            return
        for name, params, segmentation in (
                ("slic", {"segments": 30, "compactness": 20, "smoothing": 1},
                 SegmentationAlgorithm("slic", n_segments=30, compactness=20, sigma=1, start_label=0)),
                ("quickshift", {}, SegmentationAlgorithm("quickshift", kernel_size=4, max_dist=200, ratio=0.2))):
            segments = segmentation(self.view())
            sets = np.random.RandomState(9).randint(0, 2, (60, segments.max() + 1))
            sets[0] = 1
            given = self.draws(f"-{name}", coalitions=sets)
            self.add(f"lime-{name}", "lime", second, {"features": name, **params},
                     self.lime(second, lambda _x, s=segments: s, sets), draws=given)
            if name == "slic":
                self.add("lime-bytes", "lime", second, {"features": name, "dialect": "lime", **params},
                         self.lime(second, lambda _x, s=segments: s, sets, picture=self.view(),
                                   normalise=lambda batch: (batch.astype(np.float32) - 127) / 128), draws=given)


# ---------------------------------------------------------------- shap

class ShapMaker(Maker):
    def partition(self, target, mask_value, evals, batch):
        import shap
        score = scorer(self.net, target, "probability")

        def compute(x):
            image = x[0].transpose(1, 2, 0).astype(np.float64)
            masker = shap.maskers.Image(mask_value if isinstance(mask_value, str) else np.full(image.shape, mask_value),
                                        image.shape)
            explainer = shap.PartitionExplainer(lambda batch: score(batch.transpose(0, 3, 1, 2)).numpy(), masker)
            return explainer(image[None], max_evals=evals, batch_size=batch, silent=True).values[0].sum(-1)
        return compute

    def make(self):
        first, second = self.s.classes
        self.add("partitionshap-box", "partitionshap", second,
                 {"baseline": "box", "kernel": 8, "max_evals": 151, "batch": 7},
                 self.partition(second, "blur(8,8)", 151, 7))
        if self.small:  # the second down to the channels of single pixels
            self.add("partitionshap", "partitionshap", first, {}, self.partition(first, 0.0, 500, 10))
            self.add("partitionshap-deep", "partitionshap", second, {"max_evals": 3000, "batch": 2},
                     self.partition(second, 0.0, 3000, 2))


def main() -> None:
    makers = {"captum": CaptumMaker, "lime": LimeMaker, "shap": ShapMaker}
    oracle = subjects.oracle_asked(makers)
    out = subjects.Cases("features", oracle)
    for subject in subjects.subjects():
        makers[oracle](subject, out).make()
    packages = {"captum": ("captum", "torch"), "lime": ("lime", "scikit-image", "scikit-learn", "torch"),
                "shap": ("shap", "opencv-python-headless", "torch")}[oracle]
    out.save({name: metadata.version(name) for name in packages},
             {"captum": "float64; Captum's own casts to float32 taken out",
              "lime": "float64 pictures, normalised; sets of superpixels given",
              "shap": "float64; values summed over the channels"}[oracle])


if __name__ == "__main__":
    main()
