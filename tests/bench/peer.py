#!/usr/bin/env python3
"""One of the other engines as a worker (workers.py has the protocol).

usage: peer.py ENGINE WORK --model F.onnx --net F.pt --batch N --threads N [--precision f32|bf16] [--share S]

ENGINE x WORK is a function of ENGINES below, or of explainers.py; it gives a function that makes one pass, and the
library's version. Every engine has its threads set by its own means, and its input where it needs it before the clock
starts. With --share an explanation is done in that part, and its time divided by it.
"""
import argparse
import json
import sys
import time

import explainers

SIZE, CLASS = 224, 7


def noise(batch):
    import numpy as np
    return np.random.RandomState(1).uniform(-1, 1, (batch, 3, SIZE, SIZE)).astype(np.float32)


def onnxruntime_forward(options, load):
    import onnxruntime
    load()
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = options.threads
    session_options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(options.model, session_options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: noise(options.batch)}
    return lambda: session.run(None, feed), onnxruntime.__version__


def openvino_forward(options, load):
    import openvino
    load()
    core = openvino.Core()
    model = core.read_model(options.model)
    model.reshape([options.batch, 3, SIZE, SIZE])
    compiled = core.compile_model(model, "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": options.threads,
        "INFERENCE_PRECISION_HINT": options.precision})
    used = str(compiled.get_property("INFERENCE_PRECISION_HINT"))
    if options.precision not in used.replace("float32", "f32").replace("bfloat16", "bf16"):
        sys.exit(f"OpenVINO computes in {used} here, not in {options.precision}")
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(noise(options.batch), shared_memory=False))
    return request.infer, openvino.__version__.split("-", maxsplit=1)[0]


def pytorch_net(options, load):
    import torch
    load()
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    net = torch.load(options.net, weights_only=False).eval().requires_grad_(False)
    return torch, net, torch.from_numpy(noise(options.batch))


def pytorch_forward(options, load):
    torch, net, x = pytorch_net(options, load)

    def run():
        with torch.inference_mode():
            net(x)
    return run, torch.__version__


def pytorch_gradient(options, load):
    torch, net, x = pytorch_net(options, load)
    x.requires_grad_(True)
    return lambda: torch.autograd.grad(net(x)[:, CLASS].sum(), x), torch.__version__


ENGINES = {
    ("onnxruntime", "forward"): onnxruntime_forward,
    ("openvino", "forward"): openvino_forward,
    ("pytorch", "forward"): pytorch_forward,
    ("pytorch", "gradient"): pytorch_gradient,
    **explainers.ENGINES,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine")
    parser.add_argument("work")
    parser.add_argument("--model")
    parser.add_argument("--net")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--share", type=float, default=1)
    options = parser.parse_args()
    if (options.engine, options.work) not in ENGINES:
        sys.exit(f"{options.engine} has no {options.work} here")
    began = []
    run, version = ENGINES[options.engine, options.work](options, lambda: began.append(time.perf_counter()))
    load_ms = (time.perf_counter() - began[0]) * 1e3
    print(json.dumps({"engine": options.engine, "version": version, "load_ms": load_ms}), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line.split()[1])):
            start = time.perf_counter()
            run()
            times.append((time.perf_counter() - start) * 1e3 / options.batch / options.share)
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
