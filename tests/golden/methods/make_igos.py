"""Goldens of igos: I-GOS and iGOS++ by their definition, in float64, with gradients by PyTorch.

  --oracle pytorch      requirements-torch.txt

The authors' code is for a GPU, in float32, with unseeded noise; here is what it computes (engine/explain/perturbation/
igos_descent.c says it in formulas), on draws that are taken in turn. A descent follows kinks of ReLU nets and decisions
of its line search: one that float32 moves by more than UNSETTLED is no golden.
"""
import importlib.metadata

import numpy as np
import torch
import torch.nn.functional as F

import subjects

UNSETTLED = 0.02
DIALECTS = {  # terms of the loss: which mask, whether inserted; the first step tried; what the terms' gradient is cut by
    "original": ([("first", False)], 200.0, 1.0),
    "igos": ([("first", False)], 8.0, 1.0),
    "igosp": ([("first", False), ("first", True)], 1000.0, 1.0),
    "igospp": ([("both", False), ("both", True), ("first", False), ("second", True)], 1000.0, 2.0),
}


def blurred(x: torch.Tensor, sigma: float = 50.0, kernel: int = 51) -> torch.Tensor:
    """OpenCV's GaussianBlur: kernel x kernel, borders mirrored about the outer pixels."""
    at = torch.arange(kernel, dtype=x.dtype) - kernel // 2
    weights = torch.exp(-at ** 2 / (2 * sigma ** 2))
    weights = (weights / weights.sum()).to(x.dtype)
    wide = F.pad(x, (kernel // 2,) * 4, mode="reflect")
    channels = x.shape[1]
    rows = F.conv2d(wide, weights.view(1, 1, 1, -1).repeat(channels, 1, 1, 1), groups=channels)
    return F.conv2d(rows, weights.view(1, 1, -1, 1).repeat(channels, 1, 1, 1), groups=channels)


class Descent:
    def __init__(self, net, x, target, dialect, space, baseline, draws, grid, iterations, steps, l1=1.0, tv=20.0,
                 search="armijo", rate=0.0):
        self.net, self.x, self.target, self.space, self.baseline = net, x, target, space, baseline
        self.draws, self.dialect, self.search = draws, dialect, search
        self.iterations, self.steps, self.l1, self.tv = iterations, steps, l1, tv
        self.terms, own, self.cut = DIALECTS[dialect]
        self.rate, self.drawn, self.size = rate or own, 0, (grid, grid)

    def score(self, batch):
        logits = self.net(batch)
        return (torch.softmax(logits, 1) if self.space == "probability" else logits)[:, self.target]

    def enlarge(self, mask):
        return F.interpolate(mask[None, None], self.x.shape[2:], mode="bilinear", align_corners=True)

    def noisy(self, batch):
        if self.draws is None:
            return batch
        turns = [(self.drawn + i) % len(self.draws) for i in range(len(batch))]
        self.drawn += len(batch)
        return batch + self.draws[turns]

    def path(self, mask, insertion):
        """The scores between baseline and masked picture; inserted, between picture and its complement."""
        at = torch.linspace(1 / self.steps, 1, self.steps, dtype=self.x.dtype).view(-1, 1, 1, 1) * mask
        a, b = (self.baseline, self.x) if insertion else (self.x, self.baseline)
        return self.score(self.noisy(a * at + b * (1 - at)))

    def terms_of(self, masks):
        large = {"first": self.enlarge(masks[0])}
        if len(masks) > 1:
            large["second"] = self.enlarge(masks[1])
            large["both"] = large["first"] * large["second"]
        return sum(self.path(large[which], inserted).sum() * (-1 if inserted else 1) for which, inserted in self.terms)

    def penalty(self, masks):
        mask = masks[0] if len(masks) == 1 else masks[0] * masks[1]
        rough = ((mask[1:] - mask[:-1]) ** 2).mean() + ((mask[:, 1:] - mask[:, :-1]) ** 2).mean()
        if self.dialect in ("igosp", "igospp"):
            large, x = self.enlarge(mask)[0, 0], self.x[0]
            down = torch.exp(-(x[:, :-1] - x[:, 1:]).mean(0) ** 2 / 0.01)
            across = torch.exp(-(x[:, :, :-1] - x[:, :, 1:]) ** 2 / 0.01).mean(0)
            rough = 0.5 * (rough + (down * (large[:-1] - large[1:]) ** 2).mean()
                           + (across * (large[:, :-1] - large[:, 1:]) ** 2).mean())
        return self.l1 * (1 - mask).abs().mean() + self.tv * rough

    def gradient(self, masks):
        masks = [m.clone().requires_grad_() for m in masks]
        points = 20 if self.dialect == "original" else self.steps
        loss = self.terms_of(masks) / points / self.cut + self.penalty(masks)
        return [g.detach() for g in torch.autograd.grad(loss, masks)]

    @torch.no_grad()
    def look(self, masks):
        if self.dialect == "original":
            large = self.enlarge(masks[0])
            return self.score(self.x * large + self.baseline * (1 - large))[0].item()
        return self.terms_of(masks).item() / self.steps

    def step(self, masks, gradients, loss):
        square, rate = sum((g ** 2).sum().item() for g in gradients), self.rate
        while True:
            trial = [(m - rate * g).clamp(0, 1) for m, g in zip(masks, gradients)]
            worse = self.look(trial) + self.penalty(trial).item() > loss - 1e-4 * rate * square
            if not worse or rate < 1e-5:
                return trial
            rate *= 0.2

    def run(self) -> np.ndarray:
        masks = [torch.ones(self.size, dtype=self.x.dtype) for _ in range(2 if self.dialect == "igospp" else 1)]
        before, scores = [0.0] * len(masks), []
        for i in range(self.iterations):
            gradients = self.gradient(masks)
            if self.search == "nesterov":
                stepped = [m - self.rate * g for m, g in zip(masks, gradients)]
                masks = [(s + i / (i + 3) * (s - b)).clamp(0, 1) for s, b in zip(stepped, before)]
                before = stepped
                continue
            scores.append(self.look(masks))
            masks = self.step(masks, gradients, scores[-1] + self.penalty(masks).item())
            if self.dialect == "original" and self.iterations > 3:
                fallen = abs(scores[0] - scores[max(i - 1, 0)])
                if i == self.iterations // 2:
                    self.l1 /= 10 if fallen <= 0.001 else 1
                elif i == int(self.iterations / 1.25):
                    self.l1 /= 5 if fallen <= 0.01 else 1
        return (masks[0] if len(masks) == 1 else masks[0] * masks[1]).double().numpy()


def relative_l2(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-30))


def pytorch(cases: subjects.Cases) -> dict:
    generator = torch.Generator().manual_seed(700)

    def ask(subject, dtype, target, space, blur, draws, shaken=False, **options) -> np.ndarray:
        """The masks; shaken: with one float32 rounding of noise on every score."""
        def net(batch):
            logits = subject.net(batch)
            noise = torch.randn(logits.shape, generator=generator, dtype=dtype)
            return logits * (1 + 2.0 ** -24 * noise) if shaken else logits

        subject.net.to(dtype)
        found = []
        for x in subject.x:
            x = torch.from_numpy(x[None]).to(dtype)
            baseline = blurred(x) if blur else torch.zeros_like(x)
            noise = None if draws is None else torch.from_numpy(draws).to(dtype)
            found.append(Descent(net, x, target, space=space, baseline=baseline, draws=noise, **options).run())
        return np.stack(found)

    def igos(subject, name, target, space="probability", blur=True, noise=0, **params) -> None:
        draws = None
        if noise:
            draws = np.float32(0.2 * np.random.default_rng(noise).standard_normal((noise, *subject.x.shape[1:])))
        exact = ask(subject, torch.float64, target, space, blur, draws, **params)
        # what a map is off by is seen where it hides: 1 - mask, not the mask, most of which is 1
        moved = [ask(subject, torch.float32, target, space, blur, draws, **params)]
        moved += [ask(subject, torch.float64, target, space, blur, draws, shaken=True, **params) for _ in range(4)]
        error = max(relative_l2(1 - other, 1 - exact) for other in moved)
        print(f"{subject.name}-{name}: float32 moves the map by {error:.1e}; it hides {1 - exact.mean():.3f}", flush=True)
        if not error <= UNSETTLED:
            return
        fields = {"draws": cases.draws(f"{subject.name}-{name}", noise=draws)} if noise else {}
        params = {**params, "baseline": "blur" if blur else "mean"}
        if not noise:
            params["noise_sigma"] = 0
        common = {"space": space, "float32_error": error, **fields}
        large = F.interpolate(torch.from_numpy(1 - exact)[:, None], subject.x.shape[2:], mode="bilinear",
                              align_corners=True)[:, 0].numpy()
        cases.add(subject, name, "igos", target, params, large, **common)
        if name in ("igos", "igospp"):
            cases.add(subject, f"{name}-mask", "igos", target, params, exact, artifact="mask", **common)

    for subject in subjects.subjects(with_lite0=False):
        one, two = subject.classes
        igos(subject, "igos-original", one, dialect="original", grid=7, iterations=3, steps=20, l1=0.1, tv=2)
        igos(subject, "igos-original-relaxed", one, dialect="original", grid=5, iterations=5, steps=7, l1=3, tv=5, blur=False)
        igos(subject, "igos-original-strict", one, dialect="original", grid=6, iterations=6, steps=3, l1=30, tv=1)
        igos(subject, "igos-original-logit", two, "logit", dialect="original", grid=8, iterations=3, steps=20, noise=7)
        igos(subject, "igos", two, dialect="igos", grid=7, iterations=4, steps=10, l1=0.1, tv=2)
        igos(subject, "igos-noise", one, "logit", dialect="igos", grid=10, iterations=3, steps=6, noise=11, blur=False)
        igos(subject, "igosp", one, dialect="igosp", grid=8, iterations=3, steps=6, l1=0.5, tv=1)
        igos(subject, "igosp-noise", two, "logit", dialect="igosp", grid=6, iterations=2, steps=9, rate=20, noise=5)
        igos(subject, "igospp", two, dialect="igospp", grid=7, iterations=3, steps=8)
        igos(subject, "igospp-noise", one, "logit", dialect="igospp", grid=9, iterations=2, steps=5, blur=False, noise=13)
        igos(subject, "igos-nesterov", one, dialect="igos", grid=7, iterations=5, steps=6, search="nesterov", rate=30, l1=0.1)
        igos(subject, "igospp-nesterov", two, dialect="igospp", grid=6, iterations=4, steps=5, search="nesterov", rate=5)
    return {name: importlib.metadata.version(name) for name in ("torch", "numpy")}


if __name__ == "__main__":
    collected = subjects.Cases("igos", subjects.oracle_asked({"pytorch"}))
    made_with = pytorch(collected)
    collected.save(made_with, {"what": "The definition in PyTorch, on draws taken in turn."})
