"""What `make bench` measures: one line of TABLE is a family of rows. A new row is one entry here;
a new kind of work, such as a method's id, which `xai bench --what` knows, is a line in WORKS besides, and a function in
peer.py for each peer that can do it.

A row's id is what ROWS=regex is matched against: "forward/lite0/t2/b16", "explain/scorecam", with "/bf16" behind it
where it is not float32.
"""
from dataclasses import dataclass

MODELS = {"lite0": "EfficientNet-Lite0", "mobilenetv2": "MobileNetV2", "resnet18": "ResNet-18", "resnet50": "ResNet-50",
          "vgg16": "VGG-16", "densenet121": "DenseNet-121"}

# What is measured, its unit, and how a table calls it. All but the last kind of work is compared with peers.
WORKS = {
    "forward": ("ms per image", "Forward"),
    "gradient": ("ms per image", "Forward and backward to the input (weights frozen)"),
    "explain": ("ms", "Explanations of one picture"),
    "start": ("ms", "Process start to first prediction (peers: Python and its imports included)"),
    "load": ("ms", "Model file to first prediction (peers: inside their process; ours: the whole process)"),
    "memory": ("MB", "Resident peak of a process that serves forwards"),
    "service": ("", "The service at rest"),
}

PEERS = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "pytorch": "PyTorch", "captum": "Captum",
         "grad-cam": "pytorch-grad-cam", "openvino-xai": "OpenVINO XAI in float32",
         "openvino-xai-default": "OpenVINO XAI in its default precision"}
ALL = ("onnxruntime", "openvino", "pytorch")
# Peers that have a virtual environment of their own, made of requirements-<its name>.txt: their pins clash.
ORACLES = {"captum": "captum", "grad-cam": "grad-cam", "openvino-xai": "openvino-xai",
           "openvino-xai-default": "openvino-xai"}


@dataclass(frozen=True)
class Row:
    """One measurement. `target`: the least ratio best peer / ours, `moonshot` the one to dream of; of the service: the
    most of its unit."""
    work: str
    model: str
    threads: int
    batch: int
    peers: tuple
    target: float | None = None
    against: tuple = ALL  # the peers that the target names
    precision: str = "f32"
    what: str = ""  # of the service: "ready" or "memory"; of an explanation its name, as peer.py knows it
    moonshot: float | None = None
    method: str = ""  # of an explanation: ours, and its parameters
    params: tuple = ()
    share: float = 1  # of an explanation: how much of it a slow peer does; its time is divided by that

    @property
    def id(self) -> str:
        if self.work == "service":
            return f"service/{self.what}"
        suffix = "" if self.precision == "f32" else f"/{self.precision}"
        if self.work == "explain":
            return f"explain/{self.what}{suffix}"
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

SAMPLES = ("samples=500", "features=grid", "grid=7")
# name, our method, its parameters, the peer, at least, moonshot, the share that the peer does, precision
EXPLANATIONS = [
    ("gradcam", "gradcam", (), "grad-cam", 8, 12, 1, "f32"),
    ("gradcam++", "gradcam++", (), "grad-cam", 8, 12, 1, "f32"),
    ("hirescam", "hirescam", (), "grad-cam", 8, 12, 1, "f32"),
    ("layercam", "layercam", (), "grad-cam", 8, 12, 1, "f32"),
    ("xgradcam", "xgradcam", (), "grad-cam", 8, 12, 1, "f32"),
    ("eigencam", "eigencam", (), "grad-cam", None, None, 1, "f32"),
    ("scorecam", "scorecam", ("dialect=grad-cam",), "grad-cam", 7, None, 0.1, "f32"),
    ("scorecam", "scorecam", ("dialect=grad-cam",), "grad-cam", None, 14, 0.1, "bf16"),
    ("ablationcam", "ablationcam", (), "grad-cam", 500, 5000, 0.1, "f32"),
    ("fullgrad", "fullgrad", (), "grad-cam", None, None, 1, "f32"),
    ("saliency", "saliency", (), "captum", None, None, 1, "f32"),
    ("guidedbackprop", "guidedbackprop", (), "captum", None, None, 1, "f32"),
    ("deconvnet", "deconvnet", (), "captum", None, None, 1, "f32"),
    ("integratedgradients", "integratedgradients", ("steps=50",), "captum", 4, 6, 1, "f32"),
    ("smoothgrad", "saliency", ("noise=smoothgrad", "noise_samples=50"), "captum", 3, 4, 1, "f32"),
    ("occlusion", "occlusion", ("window=32", "stride=16"), "captum", 4, 8, 1, "f32"),
    ("kernelshap", "kernelshap", SAMPLES, "captum", 4, None, 0.2, "f32"),
    ("kernelshap", "kernelshap", SAMPLES, "captum", None, 8, 0.2, "bf16"),
    ("lime", "lime", SAMPLES, "captum", 4, None, 0.2, "f32"),
    ("lime", "lime", SAMPLES, "captum", None, 8, 0.2, "bf16"),
    ("rise", "rise", ("masks=5000", "grid=8"), "openvino-xai", 1.2, None, 0.1, "f32"),
    ("rise", "rise", ("masks=5000", "grid=8"), "openvino-xai", None, 2.2, 0.1, "bf16"),
    ("aise", "aise", (), "openvino-xai", None, None, 1, "f32"),
]
# Beside the peer that a target names, what else it is shown with.
BESIDE = {"openvino-xai": ("openvino-xai", "openvino-xai-default")}
ROWS += [Row("explain", "lite0", 2, 1, BESIDE.get(peer, (peer,)), least, (peer,), precision, name, moonshot, method, params,
             share) for name, method, params, peer, least, moonshot, share, precision in EXPLANATIONS]
