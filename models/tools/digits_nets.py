"""The two networks of train_digits.py: a classifier with three gates, and a regression that ends in global average
pooling. Both read one gray channel of 64 x 64, normalised to about [-0.5, 3.5]."""
import torch
from torch import nn

MEAN, SCALE = 32, 64  # of pixels 0..255


def layer(inp: int, out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inp, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out), nn.ReLU())


class AttentionNet(nn.Module):
    """Digits in clutter. In network order: squeeze-excitation (Hu et al., arXiv 1709.01507), the additive gate of Attention
    U-Net (Oktay et al., 1804.03999), by which coarse features choose where fine ones pass, and attention pooling (Ilse et
    al., 1802.04712): a softmax says how much each position counts."""

    def __init__(self):
        super().__init__()
        self.fine = nn.Sequential(layer(1, 16, 5, 2), layer(16, 24, 3, 2))
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(24, 8, 1), nn.ReLU(), nn.Conv2d(8, 24, 1), nn.Sigmoid())
        self.coarse = nn.Sequential(layer(24, 32, 3, 2), layer(32, 32))
        self.theta, self.phi = nn.Conv2d(24, 16, 1, 2), nn.Conv2d(32, 16, 1)
        self.where = nn.Sequential(nn.ReLU(), nn.Conv2d(16, 1, 1), nn.Sigmoid())
        self.up = nn.Upsample(scale_factor=2, mode="bilinear")
        self.last = nn.Sequential(layer(24, 32), layer(32, 40), layer(40, 40))
        self.score = nn.Sequential(nn.Conv2d(40, 1, 1), nn.Flatten(2), nn.Softmax(2))
        self.head = nn.Linear(40, 10)

    def gates(self, x):
        """Logits, the spatial gate and the shares of the positions."""
        x = self.fine(x)
        x = x * self.squeeze(x)
        gate = self.where(self.theta(x) + self.phi(self.coarse(x)))
        x = self.last(x * self.up(gate))
        shares = self.score(x).view(-1, 1, 16, 16)
        return self.head((x * shares).sum((2, 3))), gate, shares

    def forward(self, x):
        return self.gates(x)[0]


class SumNet(nn.Module):
    """The sum of the digits in a scene: a linear head without bias behind global average pooling, so that its class
    activation map adds up to the answer."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(layer(1, 16, 5, 2), layer(16, 32, 3, 2), layer(32, 32), layer(32, 40), layer(40, 40))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(40, 1, bias=False)

    def forward(self, x):
        return self.head(self.pool(self.features(x)).flatten(1))

    def map(self, x):
        """What each position adds: its mean is the answer."""
        return torch.einsum("k,nkhw->nhw", self.head.weight[0], self.features(x))
