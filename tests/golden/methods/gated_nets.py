"""Networks with gates, small enough to keep: every kind that method `attention` knows, in the spellings that people and
exporters write, among activations that only look like gates.

A network notes its gates while it runs: net.gates is a list of (kind, tensor), in network order. Weights are drawn from
a seed; torch.onnx sees nothing of the notes.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

SIDE = 32


class Gated(nn.Module):
    def __init__(self, seed: int):
        super().__init__()
        torch.manual_seed(seed)
        self.gates = []

    def note(self, kind: str, gate: torch.Tensor) -> torch.Tensor:
        self.gates.append((kind, gate))
        return gate

    def forward(self, x):
        self.gates.clear()
        return self.head(self.features(x).flatten(1))


def conv(inp: int, out: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inp, out, kernel, stride, kernel // 2)


def mean(x: torch.Tensor) -> torch.Tensor:
    return x.mean((2, 3), keepdim=True)


# ---------------------------------------------------------------- squeeze-excitation, spelt

def by_exp(x):
    return 1 / (1 + torch.exp(-x))


SIGMOIDS = {"module": torch.sigmoid, "exp": by_exp, "tanh": lambda x: 0.5 * torch.tanh(0.5 * x) + 0.5,
            "hard": F.hardsigmoid, "relu6": lambda x: F.relu6(x + 3) / 6, "times": lambda x: F.relu6(x + 3) * (1 / 6),
            "clamp": lambda x: torch.clamp(0.2 * x + 0.5, 0, 1)}
ACTIVATIONS = {"silu": F.silu, "hardswish": F.hardswish, "spelt hardswish": lambda x: x * (F.relu6(x + 3) / 6),
               "gelu": F.gelu, "tanh gelu": lambda x: F.gelu(x, approximate="tanh"), "mish": F.mish,
               "quick gelu": lambda x: x * torch.sigmoid(1.702 * x), "erf": lambda x: x * (0.5 * (1 + torch.erf(x / math.sqrt(2))))}


class Spelt(Gated):
    """A block for every way to write a sigmoid, behind an activation that multiplies a tensor by a function of itself;
    the squeeze by a convolution or by linear layers behind Flatten."""

    def __init__(self):
        super().__init__(11)
        self.stem = conv(3, 6, 3, 2)
        self.blocks = nn.ModuleList(conv(6, 6) for _ in SIGMOIDS)
        self.down = nn.ModuleList(nn.Conv2d(6, 3, 1) for _ in SIGMOIDS)
        self.up = nn.ModuleList(nn.Conv2d(3, 6, 1) for _ in SIGMOIDS)
        self.linear = nn.Linear(6, 6)
        self.head = nn.Linear(6, 5)

    def features(self, x):
        x = self.stem(x)
        activations = list(ACTIVATIONS.values())
        for i, sigmoid in enumerate(SIGMOIDS.values()):
            y = activations[i](2 * self.blocks[i](x))
            x = x + y * self.note("squeeze-excitation", sigmoid(4 * self.up[i](F.relu(self.down[i](mean(y))))))
        y = activations[-1](x)
        gate = self.note("squeeze-excitation", torch.sigmoid(4 * self.linear(mean(y).flatten(1))))
        return mean(y * gate.view(-1, 6, 1, 1).expand_as(y))


# ---------------------------------------------------------------- channels, then positions

class Cbam(Gated):
    """CBAM (arXiv 1807.06521), ECA (1910.03151), coordinate attention (2103.02907), BAM (1807.06514), one after another."""

    def __init__(self):
        super().__init__(12)
        self.stem = conv(3, 8, 3, 2)
        self.shared = nn.Sequential(nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1))
        self.where = nn.Conv2d(2, 1, 7, padding=3)
        self.middle = conv(8, 8, 3, 2)
        self.eca = nn.Conv1d(1, 1, 3, padding=1)
        self.along = nn.ModuleList(nn.Conv2d(8, 8, 1) for _ in range(2))
        self.bam_channel, self.bam_where = nn.Linear(8, 8), nn.Conv2d(8, 1, 3, padding=1)
        self.head = nn.Linear(8, 5)

    def features(self, x):
        x = F.relu(self.stem(x))
        pools = self.shared(F.adaptive_avg_pool2d(x, 1)) + self.shared(F.adaptive_max_pool2d(x, 1))
        x = x * self.note("squeeze-excitation", torch.sigmoid(pools))
        both = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        x = x * self.note("spatial", torch.sigmoid(self.where(both)))
        x = F.relu(self.middle(x))
        score = self.eca(F.adaptive_avg_pool2d(x, 1).squeeze(-1).transpose(-1, -2)).transpose(-1, -2).unsqueeze(-1)
        x = x * self.note("squeeze-excitation", torch.sigmoid(4 * score)).expand_as(x)
        rows = self.note("element-wise", torch.sigmoid(4 * self.along[0](x.mean(3, keepdim=True))))
        x = x * rows * self.note("element-wise", torch.sigmoid(4 * self.along[1](x.mean(2, keepdim=True))))
        channel = self.bam_channel(mean(x).flatten(1)).view(-1, 8, 1, 1)
        return mean(x * (1 + self.note("element-wise", torch.sigmoid(channel + self.bam_where(x)))))


# ---------------------------------------------------------------- gates from elsewhere

class GatedUNet(Gated):
    """The additive gates of Attention U-Net (arXiv 1804.03999), enlarged, nearest and bilinear; a classifier's head."""

    def __init__(self):
        super().__init__(13)
        self.first, self.second, self.third = conv(3, 6), conv(6, 8), conv(8, 8)
        self.up2, self.up1 = nn.ConvTranspose2d(8, 8, 2, 2), nn.ConvTranspose2d(8, 6, 2, 2)
        self.theta = nn.ModuleList([nn.Conv2d(8, 4, 1, 2), nn.Conv2d(6, 4, 1, 2)])
        self.phi = nn.ModuleList([nn.Conv2d(8, 4, 1), nn.Conv2d(8, 4, 1)])
        self.psi = nn.ModuleList(nn.Conv2d(4, 1, 1) for _ in range(2))
        self.merge = nn.ModuleList([conv(16, 8), conv(12, 6)])
        self.head = nn.Linear(6, 5)

    def level(self, i, skip, signal, up, mode):
        scores = self.psi[i](F.relu(self.theta[i](skip) + self.phi[i](signal)))
        gate = self.note("spatial", torch.sigmoid(8 * scores))
        gated = skip * F.interpolate(gate, scale_factor=2.0, mode=mode)
        return F.relu(self.merge[i](torch.cat([gated, up(signal)], 1)))

    def features(self, x):
        a = F.relu(self.first(x))
        b = F.relu(self.second(F.max_pool2d(a, 2)))
        c = F.relu(self.third(F.max_pool2d(b, 2)))
        b = self.level(0, b, c, self.up2, "nearest")
        return mean(self.level(1, a, b, self.up1, "bilinear"))


class Branches(Gated):
    """Selective kernels (arXiv 1903.06586): a softmax over two branches; a highway: a gate and what it leaves; a gated
    linear unit, whose gate is the other half of its convolution."""

    def __init__(self):
        super().__init__(14)
        self.stem, self.left, self.right = conv(3, 6, 3, 2), conv(6, 6), conv(6, 6, 5)
        self.score, self.highway, self.way, self.unit = nn.Linear(6, 12), conv(6, 6), conv(6, 6), conv(6, 12)
        self.head = nn.Linear(6, 5)

    def features(self, x):
        x = F.relu(self.stem(x))
        both = torch.stack([F.relu(self.left(x)), F.relu(self.right(x))], 1)
        gate = self.note("squeeze-excitation", torch.softmax(4 * self.score(mean(both.sum(1)).flatten(1)).view(-1, 2, 6), 1))
        x = (both * gate.view(-1, 2, 6, 1, 1)).sum(1)
        gate = self.note("element-wise", torch.sigmoid(self.highway(x)))
        x = torch.relu(self.way(x)) * gate + x * (1 - gate)
        value, score = self.unit(x).chunk(2, 1)
        return mean(value * self.note("element-wise", torch.sigmoid(score)))


# ---------------------------------------------------------------- pooling

class Pooling(Gated):
    """Positions summed by shares: Softmax, Mul, ReduceSum; MatMul from either side; exp over its sum; a learned query."""

    def __init__(self):
        super().__init__(15)
        self.stem = conv(3, 8, 3, 4)
        self.score = nn.ModuleList(nn.Conv2d(8, 1, 1) for _ in range(3))
        self.query = nn.Parameter(torch.randn(1, 2, 8))
        self.key = nn.Linear(8, 8)
        self.head = nn.Linear(32, 5)

    def features(self, x):
        x = F.relu(self.stem(x))
        n, c, h, w = x.shape
        tokens = x.flatten(2)
        shares = torch.softmax(8 * self.score[0](x).flatten(2), -1)
        first = (x * self.note("attention pooling", shares.view(n, 1, h, w))).sum((2, 3))
        shares = self.note("attention pooling", torch.softmax(8 * self.score[1](x).view(n, h * w, 1), 1))
        second = torch.matmul(tokens, shares).flatten(1)
        strong = torch.exp(8 * self.score[2](x).flatten(2))
        shares = self.note("attention pooling", strong / strong.sum(-1, keepdim=True))
        third = (tokens * shares).sum(-1)
        scores = torch.matmul(self.query, self.key(tokens.transpose(1, 2)).transpose(1, 2)) / math.sqrt(8)
        shares = self.note("attention pooling", torch.softmax(scores, -1))
        fourth = torch.matmul(shares, tokens.transpose(1, 2)).mean(1)
        return torch.cat([first, second, third, fourth], 1)


# ---------------------------------------------------------------- self-attention

class NonLocal(Gated):
    """A non-local block (arXiv 1711.07971) with pooled keys, the position and the channel attention of DANet
    (1809.02983), and multi-head attention by einsum."""

    def __init__(self):
        super().__init__(16)
        self.stem = conv(3, 8, 3, 4)
        self.project = nn.ModuleList(nn.Conv2d(8, 8, 1) for _ in range(9))
        self.head = nn.Linear(8, 5)

    def features(self, x):
        x = F.relu(self.stem(x))
        n, c, h, w = x.shape
        q, k, v, q2, k2, v2, q3, k3, v3 = self.project
        keys, values = F.max_pool2d(k(x), 2).flatten(2), F.max_pool2d(v(x), 2).flatten(2)
        shares = self.note("self-attention", torch.softmax(torch.matmul(q(x).flatten(2).transpose(1, 2), keys), -1))
        x = x + torch.matmul(shares, values.transpose(1, 2)).transpose(1, 2).reshape(n, c, h, w)
        shares = torch.softmax(torch.bmm(q2(x).flatten(2).transpose(1, 2), k2(x).flatten(2)), -1)
        x = x + torch.bmm(v2(x).flatten(2), self.note("self-attention", shares).transpose(1, 2)).view(n, c, h, w)
        flat = x.flatten(2)
        shares = self.note("self-attention", torch.softmax(torch.bmm(flat, flat.transpose(1, 2)) / 64, -1))
        x = x + torch.bmm(shares, flat).view(n, c, h, w)
        heads = [p(x).reshape(n, 2, 4, h * w) for p in (q3, k3, v3)]
        shares = torch.softmax(torch.einsum("bhdq,bhdk->bhqk", heads[0], heads[1]) / 2, -1)
        y = torch.einsum("bhqk,bhdk->bhdq", self.note("self-attention", shares), heads[2])
        return mean(x + y.reshape(n, c, h, w))


class Vit(Gated):
    """A vision transformer: patches, a class token, two layers of two heads."""

    def __init__(self):
        super().__init__(17)
        self.patches = nn.Conv2d(3, 12, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, 12))
        self.place = nn.Parameter(torch.randn(1, 17, 12))
        self.qkv = nn.ModuleList(nn.Linear(12, 36) for _ in range(2))
        self.mix = nn.ModuleList(nn.Sequential(nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 12)) for _ in range(2))
        self.norm = nn.ModuleList(nn.LayerNorm(12) for _ in range(4))
        self.head = nn.Linear(12, 5)

    def features(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.place
        for i in range(2):
            n, t, _ = x.shape
            q, k, v = self.qkv[i](self.norm[2 * i](x)).reshape(n, t, 3, 2, 6).permute(2, 0, 3, 1, 4)
            shares = self.note("self-attention", torch.softmax(3 * q @ k.transpose(-2, -1) / math.sqrt(6), -1))
            x = x + (shares @ v).transpose(1, 2).reshape(n, t, 12)
            x = x + self.mix[i](self.norm[2 * i + 1](x))
        return x[:, 0]


NETS = {"spelt": Spelt, "cbam": Cbam, "unet": GatedUNet, "branches": Branches, "pooling": Pooling, "nonlocal": NonLocal,
        "vit": Vit}
