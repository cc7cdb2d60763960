"""The search of the paper's reference code (github.com/viv92/structured-attention-graphs), read and written anew.

It works on 7 x 7 arrays of 0 and 1 (1: the patch is kept) and scores them one at a time, remembering nothing, as that
code does: beam search, minimisation, choice of the roots that are shown, tree. One thing is settled that is left to
numpy's sort there: patches of equal value in the starting mask come in the order of their numbers.
"""
import numpy as np

SIDE, COUNT = 7, 49
BEAM, SUCCESSORS, ENOUGH, CHILDREN, SHARE, PERCENT = 3, 15, 10, 3, 0.9, 40


def number(kept: np.ndarray) -> int:
    return sum(1 << i for i in np.flatnonzero(kept))


class Search:
    """`score` gives a float32 for a set of patches as a number whose bit i is patch i."""

    def __init__(self, score, mask: np.ndarray, overlap: int = 1, shown: int = 3):
        self.score, self.order = score, np.argsort(mask.ravel(), kind="stable")
        self.forwards = {"search": 0, "minimise": 0, "tree": 0}
        self.asked = set()
        self.margins, self.gaps = [], [np.inf]  # how near decisions were: to the threshold, between neighbours
        self.full = self.probability((1 << COUNT) - 1, None)
        self.roots = self.beam_search()
        self.shown = self.diverse(overlap)[:shown]
        self.nodes = {}
        for root in self.shown:
            self.grow(root)

    def probability(self, kept: int, why) -> float:
        if why:
            self.forwards[why] += 1
        self.asked.add(kept)
        return float(np.float32(self.score(kept)))

    def enough(self, p: float) -> bool:
        self.margins.append(abs(p - SHARE * self.full))
        return p > SHARE * self.full

    def beam_search(self) -> list:
        roots, beam = [], [0]
        for _ in range(COUNT):
            found = []
            for kept in beam:
                free = [i for i in self.order if not kept >> int(i) & 1]
                for i in free[:SUCCESSORS]:
                    longer = kept | 1 << int(i)
                    found.append((longer, self.probability(longer, "search")))
            if not found:
                break
            beam = []
            found.sort(key=lambda pair: -pair[1])  # stable
            ranked = [pair for pair in found if not self.enough(pair[1])][:BEAM + 2]
            self.gaps += [a[1] - b[1] for a, b in zip(ranked, ranked[1:]) if a[0] != b[0]]
            for kept, p in found:
                if self.enough(p):
                    root = self.minimise(kept, p)
                    if root[0] not in [other[0] for other in roots]:
                        roots.append(root)
                else:
                    beam.append(kept)
                    if len(beam) > BEAM:
                        break
            if len(roots) > ENOUGH:
                break
        return roots

    def minimise(self, kept: int, p: float) -> tuple:
        removed = True
        while removed:
            removed = False
            for i in [i for i in range(COUNT) if kept >> i & 1]:
                rest = kept & ~(1 << i)
                q = self.probability(rest, "minimise")
                if self.enough(q):
                    kept, p, removed = rest, q, True
        return kept, p

    def diverse(self, overlap: int) -> list:
        """The first of the largest subsets in which any two share at most `overlap` patches, depth first."""
        sets = [root[0] for root in self.roots]

        def longest(chosen: list) -> list:
            best = chosen
            for j in range(chosen[-1] + 1 if chosen else 0, len(sets)):
                if all((sets[j] & sets[k]).bit_count() <= overlap for k in chosen):
                    candidate = longest(chosen + [j])
                    if len(candidate) > len(best):
                        best = candidate
            return best

        return [sets[i] for i in longest([])]

    def grow(self, kept: int) -> None:
        """A branch of the tree, in which a set is scored wherever it comes up."""
        p = self.probability(kept, "tree")
        self.nodes[kept] = p
        percent = int(np.floor(np.rint(1000 * p / self.full) / 10))
        patches = [i for i in range(COUNT) if kept >> i & 1]
        if percent > PERCENT and len(patches) > 1:
            for i in patches[:CHILDREN]:
                self.grow(kept & ~(1 << i))


# ---------------------------------------------------------------- planted functions, exact in any language

WORD = (1 << 64) - 1


def mix(x: int) -> int:
    """SplitMix64's output for the state x."""
    x = (x + 0x9E3779B97F4A7C15) & WORD
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & WORD
    x = (x ^ x >> 27) * 0x94D049BB133111EB & WORD
    return x ^ x >> 31


class Planted:
    """A function of sets, multiples of 2^-24: patches fall into groups; a set is worth what it holds of the weights of
    its best group, few of which are heavy and of which half is enough, and noise of its own.

    `coarse` low bits are cleared, so that scores tie. Half of the mask's values are exactly 1, as I-GOS leaves them.
    """

    def __init__(self, seed: int, coarse: int, groups: int):
        self.seed, self.coarse, self.groups = seed, coarse, groups
        self.weights = [(mix(1000 * seed + i) >> 58) ** 4 for i in range(COUNT)]
        self.mask = np.minimum(1, 2 * np.array([(mix(2000000 + 1000 * seed + i) >> 40) / 2 ** 24 for i in range(COUNT)]))

    def worth(self, kept: int, group: int) -> int:
        members = [i for i in range(COUNT) if i % self.groups == group]
        total = sum(self.weights[i] for i in members)
        return min(2 * sum(self.weights[i] for i in members if kept >> i & 1), total) * (3 << 22) // total

    def __call__(self, kept: int) -> float:
        best = max(self.worth(kept, group) for group in range(self.groups))
        value = best + (mix(kept ^ mix(self.seed)) >> 42)
        return (value >> self.coarse << self.coarse) / 2 ** 24
