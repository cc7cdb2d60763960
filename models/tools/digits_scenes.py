"""Scenes of handwritten digits: 64 x 64 gray pictures, made of scikit-learn's digits, whole and in pieces.

The digits are the test set of the UCI "Optical Recognition of Handwritten Digits" (1797 pictures of 8 x 8, 13 writers).
Digits 0..1436 are for training, the last 360 for testing; a test scene holds nothing that training has seen. Where what
lies is known, so that an explanation can be judged: does it point at the digit, or at the clutter?

    one digit, 6 pieces of others    clutter()    the answer is the digit
    1 to 4 digits                    several()    the answer is their sum
"""
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

SIDE, TRAINING = 64, 1437
PIECES, PIECE = 6, 10
SMALLEST, LARGEST, SUM_SIZE = 22, 30, 22


class Scenes:
    def __init__(self, training: bool, seed: int):
        data = load_digits()
        part = slice(None, TRAINING) if training else slice(TRAINING, None)
        self.pictures = [Image.fromarray(np.minimum(p * 16, 255).astype(np.uint8)) for p in data.images[part]]
        self.labels = data.target[part]
        self.rng = np.random.default_rng(seed)

    def _digit(self, size: int) -> tuple[np.ndarray, int]:
        i = int(self.rng.integers(len(self.pictures)))
        return np.asarray(self.pictures[i].resize((size, size), Image.BICUBIC)), int(self.labels[i])

    def _place(self, boxes: list, size: int) -> tuple[int, int] | None:
        """The upper left corner of a square that meets none of the boxes."""
        for _ in range(30):
            y, x = (int(v) for v in self.rng.integers(0, SIDE - size + 1, 2))
            if all(y >= b[2] or x >= b[3] or y + size <= b[0] or x + size <= b[1] for b in boxes):
                return y, x
        return None

    def clutter(self) -> tuple[np.ndarray, int, list]:
        """Picture, digit, its box (top, left, bottom, right)."""
        scene = np.zeros((SIDE, SIDE), np.uint8)
        size = int(self.rng.integers(SMALLEST, LARGEST + 1))
        digit, label = self._digit(size)
        y, x = self._place([], size)
        box = (y, x, y + size, x + size)
        scene[y:y + size, x:x + size] = digit
        for _ in range(PIECES):
            other, _ = self._digit(int(self.rng.integers(SMALLEST, LARGEST + 1)))
            top, left = (int(v) for v in self.rng.integers(0, other.shape[0] - PIECE + 1, 2))
            if place := self._place([box], PIECE):
                spot = scene[place[0]:place[0] + PIECE, place[1]:place[1] + PIECE]
                np.maximum(spot, other[top:top + PIECE, left:left + PIECE], out=spot)
        return scene, label, [box]

    def several(self) -> tuple[np.ndarray, int, list]:
        """Picture, the sum of its digits, and of each (top, left, bottom, right, digit)."""
        scene, boxes = np.zeros((SIDE, SIDE), np.uint8), []
        for _ in range(int(self.rng.integers(1, 5))):
            digit, label = self._digit(SUM_SIZE)
            if place := self._place(boxes, SUM_SIZE):
                y, x = place
                scene[y:y + SUM_SIZE, x:x + SUM_SIZE] = digit
                boxes.append((y, x, y + SUM_SIZE, x + SUM_SIZE, label))
        return scene, sum(b[4] for b in boxes), boxes

    def batch(self, kind: str, count: int) -> tuple[np.ndarray, np.ndarray, list]:
        """uint8 [count,64,64], answers, boxes."""
        made = [getattr(self, kind)() for _ in range(count)]
        return np.stack([m[0] for m in made]), np.array([m[1] for m in made]), [m[2] for m in made]
