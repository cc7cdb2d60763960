#!/usr/bin/env python3
"""Writes the cases of the `onnx` package whose operator set is newer than Debian's libonnx-testdata knows, for
run_onnx_testdata.py, in the same layout.

usage: write_onnx_cases.py OUTPUT [--newer-than 17]

The package makes its node cases when it is asked for them; they are not files of it. Cases with other inputs and
outputs than tensors (sequences, optionals, maps) are written without data, so that the runner counts them as refused.
"""
import argparse
import shutil
from pathlib import Path

import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases


def newest_opset(model: onnx.ModelProto) -> int:
    return max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)


def tensors(values: list, infos: list):
    """TensorProto bytes by position; None where one is something else than a tensor."""
    out = []
    for value, info in zip(values, infos):
        if not info.type.HasField("tensor_type"):
            return None
        made = value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(value, info.name)
        out.append(made.SerializeToString())
    return out


def write(case, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    graph = case.model.graph
    for i, (inputs, outputs) in enumerate(case.data_sets):
        given, wanted = tensors(inputs, graph.input), tensors(outputs, graph.output)
        data = folder / f"test_data_set_{i}"
        data.mkdir()
        for stem, files in (("input", given), ("output", wanted)):
            for k, content in enumerate(files or []):
                (data / f"{stem}_{k}.pb").write_bytes(content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--newer-than", type=int, default=17)
    args = parser.parse_args()
    shutil.rmtree(args.output, ignore_errors=True)
    cases = [c for c in collect_testcases(None) if newest_opset(c.model) > args.newer_than]
    for case in cases:
        write(case, args.output / "node" / case.name)
    print(f"onnx {onnx.__version__}: {len(cases)} cases newer than opset {args.newer_than} in {args.output}")


if __name__ == "__main__":
    main()
