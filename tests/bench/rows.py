"""What `make bench` measures: one line of TABLE is a family of rows. A new row is one entry here;
a new kind of work, such as a method's id, which `xai bench --what` knows, is a line in WORKS besides, and a function in
peer.py for each peer that can do it.

A row's id is what ROWS=regex is matched against: "forward/lite0/t2/b16", with "/bf16" behind it where it is not float32.
"""
from dataclasses import dataclass

MODELS = {"lite0": "EfficientNet-Lite0", "mobilenetv2": "MobileNetV2", "resnet18": "ResNet-18", "resnet50": "ResNet-50",
          "vgg16": "VGG-16", "densenet121": "DenseNet-121"}

# What is measured, its unit, and how a table calls it. All but the last kind of work is compared with peers.
WORKS = {
    "forward": ("ms per image", "Forward"),
    "gradient": ("ms per image", "Forward and backward to the input (weights frozen)"),
    "start": ("ms", "Process start to first prediction (peers: Python and its imports included)"),
    "load": ("ms", "Model file to first prediction (peers: inside their process; ours: the whole process)"),
    "memory": ("MB", "Resident peak of a process that serves forwards"),
    "service": ("", "The service at rest"),
}

PEERS = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "pytorch": "PyTorch"}
ALL = tuple(PEERS)


@dataclass(frozen=True)
class Row:
    """One measurement. `target`: the least ratio best peer / ours; of the service: the most of its unit."""
    work: str
    model: str
    threads: int
    batch: int
    peers: tuple
    target: float | None = None
    against: tuple = ALL  # the peers that the target names
    precision: str = "f32"
    what: str = ""  # of the service: "ready" or "memory"

    @property
    def id(self) -> str:
        if self.work == "service":
            return f"service/{self.what}"
        suffix = "" if self.precision == "f32" else f"/{self.precision}"
        return f"{self.work}/{self.model}/t{self.threads}/b{self.batch}{suffix}"

    @property
    def unit(self) -> str:
        return {"ready": "ms", "memory": "MB"}[self.what] if self.work == "service" else WORKS[self.work][0]


RUNTIMES = ("onnxruntime", "openvino")
# work, model, threads, batches, peers, target, the peers it names, precision
TABLE = [
    ("forward", "lite0", (1, 2), (1, 16), ALL, 1.0, RUNTIMES, "f32"),
    ("forward", "mobilenetv2", (1, 2), (1, 16), ALL, 1.0, RUNTIMES, "f32"),
    ("forward", "resnet18", (1, 2), (1, 16), ALL, None, RUNTIMES, "f32"),
    ("forward", "resnet50", (1, 2), (1, 16), ALL, 1.0, RUNTIMES, "f32"),
    ("forward", "vgg16", (1, 2), (1, 8), ALL, 1.3, RUNTIMES, "f32"),  # 8: memory
    ("forward", "densenet121", (1, 2), (1, 16), ALL, None, RUNTIMES, "f32"),
    ("gradient", "lite0", (1, 2), (1, 16), ("pytorch",), 2.5, ALL, "f32"),
    ("gradient", "resnet50", (1, 2), (1, 16), ("pytorch",), 1.6, ALL, "f32"),
    ("forward", "lite0", (1, 2), (1, 16), ("openvino",), 0.8, ALL, "bf16"),
    ("forward", "mobilenetv2", (2,), (1, 16), ("openvino",), 0.8, ALL, "bf16"),
    ("forward", "resnet50", (2,), (1, 16), ("openvino",), 0.8, ALL, "bf16"),
    ("forward", "vgg16", (2,), (1, 8), ("openvino",), 0.8, ALL, "bf16"),
    ("start", "lite0", (2,), (1,), ALL, None, ALL, "f32"),
    ("load", "lite0", (2,), (1,), ALL, None, ALL, "f32"),
    ("memory", "lite0", (2,), (1, 16), ALL, None, ALL, "f32"),
    ("memory", "resnet50", (2,), (1, 16), ALL, None, ALL, "f32"),
]

ROWS = [Row(work, model, t, b, peers, target, against, precision)
        for work, model, threads, batches, peers, target, against, precision in TABLE for t in threads for b in batches]
ROWS += [Row("service", "lite0", 1, 1, (), 100, (), what="ready"),
         Row("service", "lite0", 1, 1, (), 120, (), what="memory")]
