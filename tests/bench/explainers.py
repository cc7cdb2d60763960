"""The explanations that peer.py times, by the libraries that make them, each as its defaults have it.

A function of ENGINES takes the options of peer.py and `load`, to be called when the imports are done, and gives one
explanation as a function, and the library's version. PyTorch's libraries explain the network that the shipped file was
exported from.
"""
import sys
from importlib import metadata
from pathlib import Path

SIZE, CLASS, GRID = 224, 7, 7


def picture():
    import numpy as np
    return np.random.RandomState(1).uniform(-1, 1, (1, 3, SIZE, SIZE)).astype(np.float32)


def lite0(options, load):
    """torch, the network, its last activation as a module, a picture."""
    import torch
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
    import nets
    load()
    torch.set_num_threads(options.threads)
    net, layers = nets.lite0()
    return torch, net, layers["head"], torch.from_numpy(picture())


# ---------------------------------------------------------------- Captum

def captum(make):
    """make(captum.attr, torch, net, picture, options) gives the explanation."""
    def engine(options, load):
        from captum import attr
        torch, net, _, x = lite0(options, load)
        return make(attr, torch, net, x, options), metadata.version("captum")
    return engine


def gradient(name, **arguments):
    return captum(lambda attr, torch, net, x, options:
                  lambda: getattr(attr, name)(net).attribute(x, target=CLASS, **arguments))


def smoothgrad(attr, torch, net, x, options):
    tunnel = attr.NoiseTunnel(attr.Saliency(net))
    return lambda: tunnel.attribute(x, nt_type="smoothgrad", nt_samples=50, stdevs=0.15, target=CLASS)


def occlusion(attr, torch, net, x, options):
    return lambda: attr.Occlusion(net).attribute(x, (3, 32, 32), strides=(3, 16, 16), target=CLASS)


def surrogate(name):
    def make(attr, torch, net, x, options):
        rows = torch.arange(SIZE) * GRID // SIZE
        features = (rows[:, None] * GRID + rows)[None, None]
        samples = round(500 * options.share)
        return lambda: getattr(attr, name)(net).attribute(x, target=CLASS, feature_mask=features, n_samples=samples)
    return captum(make)


# ---------------------------------------------------------------- pytorch-grad-cam

def cam(name):
    def engine(options, load):
        import pytorch_grad_cam
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
        _, net, layer, x = lite0(options, load)
        method = getattr(pytorch_grad_cam, name)(net, [layer])
        goals = [ClassifierOutputTarget(CLASS)]
        return lambda: method(x, targets=goals), metadata.version("grad-cam")
    return engine


def cam_by_channel(name):
    """A method that tries channel by channel, on the first ones of the layer if a share is asked for."""
    def engine(options, load):
        import numpy as np
        import pytorch_grad_cam
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
        kind = getattr(pytorch_grad_cam, name)

        class Part(kind):
            def get_cam_weights(self, input_tensor, target_layer, targets, activations, grads):
                count = round(activations.shape[1] * options.share)
                weights = super().get_cam_weights(input_tensor, target_layer, targets, activations[:, :count], grads)
                return np.pad(weights, ((0, 0), (0, activations.shape[1] - count)))

        _, net, layer, x = lite0(options, load)
        method = Part(net, [layer])
        goals = [ClassifierOutputTarget(CLASS)]
        return lambda: method(x, targets=goals), metadata.version("grad-cam")
    return engine


# ---------------------------------------------------------------- OpenVINO XAI

def black_box(name, f32, **arguments):
    """On OpenVINO's own threads and precision hint; without f32 the precision is the runtime's choice."""
    def engine(options, load):
        import openvino
        from openvino_xai.methods.black_box import aise, rise
        kind = {"RISE": rise.RISE, "AISE": aise.classification.AISEClassification}[name]
        load()
        core = openvino.Core()
        model = core.read_model(options.model)
        model.reshape([1, 3, SIZE, SIZE])
        method = kind(model, postprocess_fn=lambda out: out[0], prepare_model=False)
        hints = {"INFERENCE_NUM_THREADS": options.threads, **({"INFERENCE_PRECISION_HINT": "f32"} if f32 else {})}
        method._model_compiled = core.compile_model(model, "CPU", hints)
        count = {"num_masks": round(arguments["num_masks"] * options.share)} if "num_masks" in arguments else {}
        x = picture()
        return (lambda: method.generate_saliency_map(x, target_indices=[CLASS], **{**arguments, **count}),
                metadata.version("openvino_xai"))
    return engine


CAMS = {"gradcam": "GradCAM", "gradcam++": "GradCAMPlusPlus", "hirescam": "HiResCAM", "layercam": "LayerCAM",
        "xgradcam": "XGradCAM", "eigencam": "EigenCAM", "fullgrad": "FullGrad"}
ENGINES = {
    **{("grad-cam", name): cam(kind) for name, kind in CAMS.items()},
    ("grad-cam", "scorecam"): cam_by_channel("ScoreCAM"),
    ("grad-cam", "ablationcam"): cam_by_channel("AblationCAM"),
    ("captum", "saliency"): gradient("Saliency"),
    ("captum", "guidedbackprop"): gradient("GuidedBackprop"),
    ("captum", "deconvnet"): gradient("Deconvolution"),
    ("captum", "integratedgradients"): gradient("IntegratedGradients", n_steps=50),
    ("captum", "smoothgrad"): captum(smoothgrad),
    ("captum", "occlusion"): captum(occlusion),
    ("captum", "kernelshap"): surrogate("KernelShap"),
    ("captum", "lime"): surrogate("Lime"),
    ("openvino-xai", "rise"): black_box("RISE", True, num_masks=5000),
    ("openvino-xai-default", "rise"): black_box("RISE", False, num_masks=5000),
    ("openvino-xai", "aise"): black_box("AISE", True),
    ("openvino-xai-default", "aise"): black_box("AISE", False),
}
