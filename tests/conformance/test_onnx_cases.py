"""Every case of Debian's libonnx-testdata: what the engine claims is right, and what it does not claim is refused.

Here stands what is not claimed, with the reason. A case that is refused and not listed has stopped passing; one that
is listed and passes makes the list wrong. A wrong number is never right.
"""
import os
import re
from pathlib import Path

import pytest
from onnx_wire import Model
from run_onnx_testdata import find_cases, run_cases

XAI = str(Path(__file__).resolve().parents[2] / os.environ.get("BUILD", "build") / "xai")

# Operators that no image classifier uses when it answers: training, losses, sequences, signals, texts, recurrence,
# control flow, quantised arithmetic, and what finds boxes.
NOT_CLAIMED = set("""
    Bernoulli BlackmanWindow ConvInteger DFT DequantizeLinear Det DynamicQuantizeLinear GRU Gradient
    GridSample HammingWindow HannWindow If LSTM Loop MatMulInteger MelWeightMatrix NegativeLogLikelihoodLoss
    NonMaxSuppression OptionalGetElement OptionalHasElement QLinearConv QLinearMatMul QuantizeLinear RNN
    RandomUniformLike ReverseSequence RoiAlign STFT Scan SequenceEmpty SequenceInsert SequenceLength SequenceMap
    SoftmaxCrossEntropyLoss StringNormalizer TfIdfVectorizer Unique
    ai.onnx.preview.training.Adagrad ai.onnx.preview.training.Adam ai.onnx.preview.training.Momentum
    """.split())

REFUSED = {
    "windows of three dimensions": r"Conv3d|(averagepool|maxpool|convtranspose)_3d|(Avg|Max)Pool3d",
    "training": r"training|batchnorm_.*_training_mode|train_",
    "types that the engine does not hold": r"uint(32|64)|bfloat16|BFLOAT16|STRING|string|identity_(opt|sequence)",
    "doubles beyond float32 (memory that its authors did not fill)":
        r"operator_add(_broadcast|_size1_right_broadcast|_size1_singleton_broadcast|constant)",
    "integers where reals are served": r"maxpool_2d_uint8|bitshift_.*_uint16",
}


def reason_to_refuse(case: Path):
    foreign = Model((case / "model.onnx").read_bytes()).operators() & NOT_CLAIMED
    if foreign:
        return "operator " + min(foreign)
    return next((reason for reason, pattern in REFUSED.items() if re.search(pattern, case.name)), None)


def test_every_case():
    cases = find_cases("/usr/share/libonnx-testdata/data")
    if not cases:
        pytest.skip("libonnx-testdata is not installed")
    complaints = []
    for case, (verdict, message) in zip(cases, run_cases(XAI, cases)):
        reason = reason_to_refuse(case)
        if verdict == "WRONG" or (verdict == "pass") == bool(reason):
            complaints.append(f"{verdict} {case.name}: {message or reason}")
    assert not complaints, "\n".join(complaints)
