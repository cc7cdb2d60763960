#!/usr/bin/env python3
"""Exports networks of keras.applications by tf2onnx, with the numbers the engine must give for them.

usage: export_keras.py DIRECTORY [--only NAME[,NAME]] [--tiny] [--list]

Writes the same as export_families.py (cases.py), with its own requirements: requirements-keras.txt. Pictures are NHWC, so
the file begins with a Transpose. Weights are random, batch normalisation calibrated, the last layer scaled; the
gradient is TensorFlow's in float64, of a second network with the same weights.
"""
import dataclasses
import os
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
warnings.simplefilter("ignore")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf2onnx  # noqa: E402
from keras import layers  # noqa: E402

import cases  # noqa: E402

CLASSES = 20


@dataclasses.dataclass(frozen=True)
class Case:
    net: str
    size: int = 96
    opset: int = 13
    softmax: bool = True  # in the graph: the output is probabilities
    free: bool = False  # height and width
    by_keras: bool = False  # model.export rather than tf2onnx.convert.from_keras; the opset is Keras' choice
    inputs: int = 6

    def recipe(self) -> str:
        words = ["keras' export" if self.by_keras else f"tf2onnx, opset {self.opset}", f"{self.size} px"]
        return ", ".join(words + ["softmax"] * self.softmax + ["free height and width"] * self.free)


CASES = {
    "tiny_keras13": Case("small", 16, 13),
    "tiny_keras18": Case("small", 16, 18, softmax=False, free=True),
    "tiny_keras_flatten": Case("flatten", 16, 15, softmax=False),
    "tiny_keras_segment": Case("segment", 16, 13, softmax=False),
    "tiny_keras_gates": Case("gates", 16, 18),
    "keras_small": Case("small", 32, 11),
    "keras_small18": Case("small", 32, 18, softmax=False, free=True),
    "keras_flatten": Case("flatten", 32, 15, softmax=False),
    "keras_segment": Case("segment", 32, 13, softmax=False),
    "keras_mobilenet": Case("MobileNet", by_keras=True),
    "keras_mobilenetv2": Case("MobileNetV2", opset=15, softmax=False),
    "keras_mobilenetv3": Case("MobileNetV3Small", opset=14),
    "keras_resnet50": Case("ResNet50", opset=12),
    "keras_densenet121": Case("DenseNet121", opset=17, softmax=False),
    "keras_efficientnetb0": Case("EfficientNetB0", opset=13),
    "keras_xception": Case("Xception", opset=16, softmax=False),
    "keras_nasnet": Case("NASNetMobile", opset=18),
}


def small(x: keras.KerasTensor, activation: str | None) -> keras.KerasTensor:
    """Strided SAME convolutions, separable ones, a squeeze, leaky and hard functions."""
    x = layers.Conv2D(12, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.LeakyReLU(negative_slope=0.1)(layers.BatchNormalization()(x))
    x = layers.SeparableConv2D(16, 5, padding="same")(x)
    y = layers.Activation("swish")(layers.BatchNormalization()(x))
    squeeze = layers.Reshape((1, 1, 16))(layers.GlobalAveragePooling2D()(y))
    x = layers.Add()([x, layers.Multiply()([y, layers.Conv2D(16, 1, activation="hard_sigmoid")(squeeze)])])
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = layers.PReLU(shared_axes=[1, 2])(layers.DepthwiseConv2D(3, strides=2, padding="same")(x))
    x = layers.AveragePooling2D(2, padding="same")(x)
    return layers.Dense(CLASSES, activation=activation)(layers.GlobalAveragePooling2D()(x))


def flatten(x: keras.KerasTensor, activation: str | None) -> keras.KerasTensor:
    """Dense layers behind Flatten; a Lambda of a shape."""
    x = layers.ZeroPadding2D(((1, 0), (2, 1)))(layers.Rescaling(0.7, offset=0.1)(x))
    x = layers.Conv2D(8, 3, activation="elu")(x)
    x = layers.MaxPooling2D()(layers.Conv2D(8, 3, dilation_rate=2, activation="softplus")(x))
    x = layers.Cropping2D(1)(x)
    x = layers.Dense(24, activation="tanh")(layers.Flatten()(x))
    return layers.Dense(CLASSES, activation=activation)(layers.Dropout(0.3)(x))


def segment(x: keras.KerasTensor, activation: str | None) -> keras.KerasTensor:
    """A decoder: transposed convolution, nearest and bilinear enlargement."""
    a = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(x)))
    b = layers.ReLU(6)(layers.Conv2D(12, 3, strides=2, padding="same")(a))
    c = layers.Activation("relu")(layers.Conv2D(12, 3, strides=2, padding="same")(b))
    c = layers.Concatenate()([layers.UpSampling2D(2)(c), b])
    c = layers.Concatenate()([layers.Conv2DTranspose(8, 3, strides=2, padding="same")(c), a,
                              layers.UpSampling2D(2, interpolation="bilinear")(b)])
    return layers.Conv2D(3, 1, activation=activation)(c)


def gates(x: keras.KerasTensor, activation: str | None) -> keras.KerasTensor:
    """Squeeze-excitation twice (the first factor is the gate, the second the maps, and the other way round), CBAM's
    spatial gate, one from coarser features, self-attention, attention pooling; swish, hard swish and GELU are none."""
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="swish")(x)
    squeeze = layers.Conv2D(4, 1, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Multiply()([x, layers.Conv2D(8, 1, activation="sigmoid")(squeeze)])
    squeeze = layers.Dense(4, activation="relu")(layers.GlobalAveragePooling2D()(x))
    x = layers.Multiply()([layers.Reshape((1, 1, 8))(layers.Dense(8, activation="hard_sigmoid")(squeeze)), x])
    x = keras.ops.gelu(layers.Activation("hard_swish")(x), approximate=True)
    both = layers.Concatenate()([keras.ops.mean(x, -1, keepdims=True), keras.ops.max(x, -1, keepdims=True)])
    x = x * layers.Conv2D(1, 5, padding="same", activation="sigmoid")(both)
    coarse = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    gate = layers.Conv2D(1, 1, activation="sigmoid")(coarse)
    x = layers.Multiply()([x, layers.UpSampling2D(2, interpolation="bilinear")(gate)])
    tokens = layers.Reshape((-1, 8))(coarse)
    tokens = layers.Add()([tokens, layers.MultiHeadAttention(2, 4)(tokens, tokens)])
    shares = layers.Softmax(axis=1)(layers.Dense(1)(tokens))
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), keras.ops.sum(tokens * shares, 1)])
    return layers.Dense(CLASSES, activation=activation)(x)


SMALL = {"small": small, "flatten": flatten, "segment": segment, "gates": gates}


def build(case: Case, softmax: bool) -> keras.Model:
    activation = "softmax" if softmax else None
    if case.net in SMALL:
        side = None if case.free else case.size
        x = keras.Input((side, side, 3), name="image")
        return keras.Model(x, SMALL[case.net](x, activation))
    return getattr(keras.applications, case.net)(
        weights=None, classes=CLASSES, input_shape=(case.size, case.size, 3), classifier_activation=activation)


def build_exact(case: Case) -> keras.Model:
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    net = build(case, case.softmax)
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    assert all(weight.dtype == "float64" for weight in net.trainable_weights)
    return net


def all_layers(net: keras.Model):
    for layer in net.layers:
        yield from all_layers(layer) if isinstance(layer, keras.Model) else [layer]


def calibrate(net: keras.Model, images: np.ndarray) -> None:
    rng = np.random.RandomState(22)
    for layer in all_layers(net):
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0  # the statistics of what is seen
            if layer.gamma is not None:
                layer.gamma.assign(rng.uniform(0.5, 1.5, layer.gamma.shape))
            if layer.beta is not None:
                layer.beta.assign(rng.normal(0.0, 0.2, layer.beta.shape))
        elif isinstance(layer, layers.Dropout):
            layer.rate = 0.0
    net(images, training=True)
    head = [layer for layer in net.layers if layer.weights][-1]
    head.kernel.assign(head.kernel.numpy() * (2.0 / net(images).numpy().std()))


def export(net: keras.Model, case: Case, path: Path) -> None:
    if case.by_keras:
        net.export(str(path), format="onnx", verbose=False)
        return
    shape = (None, None, None, 3) if case.free else (None, case.size, case.size, 3)
    model, _ = tf2onnx.convert.from_keras(net, [tf.TensorSpec(shape, tf.float32, name="image")], opset=case.opset)
    onnx.save(model, str(path))


def gradient(net: keras.Model, x: np.ndarray, index: int, dtype: str) -> np.ndarray:
    tensor = tf.constant(x, dtype)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        target = tf.reshape(net(tensor), [-1])[index]
    return tape.gradient(target, tensor).numpy()


def make(folder: Path, case: Case) -> None:
    keras.utils.set_random_seed(20)
    plain, net = build(case, False), build(case, case.softmax)
    calibrate(plain, cases.smooth_images(8, case.size, seed=21).transpose(0, 2, 3, 1))
    net.set_weights(plain.get_weights())
    exact = build_exact(case)
    exact.set_weights(net.get_weights())
    inputs = [np.ascontiguousarray(cases.smooth_images(1, case.size, seed=seed).transpose(0, 2, 3, 1))
              for seed in range(23, 23 + case.inputs)]
    index = cases.target_of(tuple(net(inputs[0]).shape))
    path = folder / "model.onnx"
    export(net, case, path)
    x, slope, error = cases.calmest(inputs, lambda x: gradient(exact, x, index, "float64"),
                                    [lambda x: gradient(net, x, index, "float32")])
    graph = onnx.load(str(path), load_external_data=False).graph
    cases.write(folder, path, case.recipe(), x, exact(x.astype(np.float64)).numpy(), slope, error,
                graph.input[0].name, graph.output[0].name)


def main() -> None:
    recipes = {name: case.recipe() for name, case in CASES.items()}
    cases.make_all(cases.parse_arguments(__doc__), recipes, lambda folder, name: make(folder, CASES[name]))


if __name__ == "__main__":
    main()
