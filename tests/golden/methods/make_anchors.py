"""Goldens of anchors: alibi's own search, on given random sets.

  --oracle alibi        requirements-alibi.txt, with pip's --no-deps (see there)

Of the library alibi.explainers.anchors is loaded alone: the package's own start asks for TensorFlow and spaCy. Random
sets are drawn here, given to the library and to the engine in turn. Where the library leaves an order to chance, it is
fixed: sets keep the order in which they are filled, and sorting is stable. candidates.json has every anchor that was
chosen on the way, for ../test_anchors.py.
"""
import importlib.metadata
import importlib.util
import json
import sys
import types

import numpy as np
import torch

import subjects
from make_features import blobs, grid


def library():
    """alibi's modules of anchors, without what the package imports besides."""
    root = importlib.util.find_spec("alibi").submodule_search_locations[0]
    for name in ("alibi", "alibi.utils", "alibi.explainers", "alibi.explainers.anchors", "alibi.api"):
        module = types.ModuleType(name)
        module.__path__ = ["/".join([root, *name.split(".")[1:]])]
        sys.modules[name] = module
    import alibi.explainers.anchors.anchor_base as base
    import alibi.explainers.anchors.anchor_image as image
    return base, image


class Stable:
    """numpy, whose argsort leaves equals as they are."""
    def __getattr__(self, name):
        return getattr(np, name)

    @staticmethod
    def argsort(a):
        return np.argsort(a, kind="stable")


class Ordered(dict):
    """A set that keeps the order of its members."""
    def __init__(self, members=()):
        super().__init__(dict.fromkeys(members))

    def add(self, member):
        self[member] = None

    def update(self, members):
        super().update(dict.fromkeys(members))

    def intersection(self, other):
        return Ordered(m for m in self if m in other)


def alibi(cases: subjects.Cases) -> dict:
    base, image = library()
    base.np, base.set = Stable(), Ordered
    listed = {}

    class Given(image.AnchorImageSampler):
        """The library's sampler; its random sets are taken in turn from those given."""
        def __init__(self, rows, coverage, label, *args):
            self.streams, self.turn = {False: rows, True: coverage}, {False: 0, True: 0}
            super().__init__(*args)
            self.instance_label = label

        def _choose_superpixels(self, num_samples, p_sample=None):
            counted = p_sample is None  # for coverage the library names none
            rows, first = self.streams[counted], self.turn[counted]
            self.turn[counted] += num_samples
            return rows[np.arange(first, first + num_samples) % len(rows)].copy()

    class Watched(base.AnchorBaseBeam):
        """Notes the anchors that are chosen on each level, as they are when the search ends."""
        def anchor_beam(self, **kwargs):
            self.chosen = [()]
            return super().anchor_beam(**kwargs)

        def get_init_stats(self, anchors, coverages=False):
            if coverages:
                self.chosen += anchors
            return super().get_init_stats(anchors, coverages)

        def get_anchor_metadata(self, features, success, batch_size=100):
            self.best = features  # in place of examples, for which it would sample on
            return {"success": success, "feature": features}

    def search(subject, x, segments, rows, coverage, target, options):
        def predict(batch):
            with torch.no_grad():
                return subject.net(torch.from_numpy(np.float64(batch)).permute(0, 3, 1, 2)).argmax(1).numpy()

        picture = np.float64(x.transpose(1, 2, 0))
        sampler = Given(rows, coverage, target, predict, lambda _: segments, True, picture)
        beam = Watched([sampler])
        found = beam.anchor_beam(desired_confidence=options["precision"], delta=options["delta"], epsilon=options["tau"],
                                 epsilon_stop=options["margin"], beam_size=options["beam"], batch_size=options["batch"],
                                 coverage_samples=options["coverage_samples"], stop_on_first=options["first"])
        state = beam.state
        best = tuple(sorted(found["feature"]))
        members = np.isin(segments, best) * float(state["t_positives"][best] / state["t_nsamples"][best])
        anchors = [{"features": ", ".join(map(str, a)), "samples": int(state["t_nsamples"][a]),
                    "precision": float(state["t_positives"][a] / state["t_nsamples"][a]),
                    "coverage": float(state["t_coverage"][a]) if a else 1.0} for a in beam.chosen]
        return members, {"success": bool(found["success"]), "samples": int(state["current_idx"]), "candidates": anchors}

    def anchors(subject, name, segments, cells, seed, **params) -> None:
        """Of the class that the first sample is taken for."""
        options = {"precision": 0.95, "delta": 0.1, "tau": 0.15, "margin": 0.05, "beam": 1, "batch": 100,
                   "coverage_samples": 500, "first": False, **params}
        rng, count = np.random.default_rng(seed), segments.max() + 1
        with torch.no_grad():
            target = int(subject.net(torch.from_numpy(np.float64(subject.x))).argmax(1)[0])
        rows, coverage = rng.integers(0, 2, (997, count)), rng.integers(0, 2, (500, count))
        maps, found = zip(*(search(subject, x, segments, rows, coverage, target, options) for x in subject.x))
        draws = cases.draws(f"{subject.name}-{name}", segments=segments, coalitions=rows, coverage=coverage)
        for file, values in (("segments", segments), ("coalitions", rows), ("coverage", coverage)):
            np.save(subjects.DATA / draws / f"{file}.npy", values.astype(np.uint8))
        for f in found:
            print(f"{subject.name}-{name}: class {target}: {f['samples']} samples, {f['success']}, {f['candidates'][-1]}")
        kind = {"features": "grid", "grid": cells} if cells else {}
        params = {**options, **kind, "max_evals": 100000, "first": options["first"]}
        maps = [m[:: segments.shape[0] // cells, :: segments.shape[1] // cells] for m in maps] if cells else maps
        cases.add(subject, name, "anchors", target, params, np.stack(maps), thin=not cells, draws=draws)
        listed[f"{subject.name}-{name}"] = found

    for subject in subjects.subjects(with_lite0=False):
        height, width = subject.x.shape[2:]
        anchors(subject, "anchors", blobs(height, width, 9, 4), 0, 1)
        anchors(subject, "anchors-beam", blobs(height, width, 12, 5), 0, 2, beam=3, precision=0.99, tau=0.3)
        anchors(subject, "anchors-grid", grid(height, width, 4), 4, 3, precision=0.96, tau=0.2, batch=37, first=True)
        anchors(subject, "anchors-strict", blobs(height, width, 7, 6), 0, 4, beam=2, delta=0.02, margin=0.02, precision=0.97)
    (cases.folder / "candidates.json").write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    return {name: importlib.metadata.version(name) for name in ("alibi", "torch", "numpy")}


if __name__ == "__main__":
    collected = subjects.Cases("anchors", subjects.oracle_asked({"alibi"}))
    made_with = alibi(collected)
    collected.save(made_with, {"what": "The library's search on given sets; orders that it leaves to chance are fixed."})
