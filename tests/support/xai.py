"""The command line `xai`, asked from tests: results as JSON, artifacts as arrays.

BUILD names the folder of the built programs (default: build).
"""
import base64
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
XAI = BUILD / "xai"
LITE0 = ROOT / "models/efficientnet-lite0.onnx"
COFFEE = ROOT / "models/samples/coffee.png"
CHELSEA = ROOT / "models/samples/chelsea.png"
TIMEOUT = float(os.environ.get("XAI_PATIENCE", "240"))


@dataclass
class Done:
    """How a run of xai ended."""
    code: int
    stdout: str
    stderr: str

    @property
    def json(self):
        """stdout as JSON; anything else beside it is an error."""
        return json.loads(self.stdout)


def call(*args, env=None, cwd=ROOT, timeout=TIMEOUT) -> Done:
    """Runs `xai ARGS`, whatever its exit code."""
    assert XAI.exists(), f"{XAI} is missing: run make"
    done = subprocess.run([XAI, *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})}, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def ask(*args, **options):
    """Runs `xai ARGS`, which must succeed, and gives its JSON."""
    done = call(*args, **options)
    assert done.code == 0, f"xai {' '.join(map(str, args))}: exit {done.code}: {done.stderr}"
    return done.json


def artifact(result, name="map"):
    """The artifact of this name of one element of `results`."""
    found = [a for a in result["artifacts"] if a["name"] == name]
    assert len(found) == 1, f"{len(found)} artifacts are named {name}"
    return found[0]


def array(artifact_) -> np.ndarray:
    """The raw values of a map, or the first line of a curve."""
    if artifact_["kind"] == "curve":
        return np.array(artifact_["data"]["series"][0]["y"])
    assert artifact_["dtype"] == "f32"
    return np.frombuffer(base64.b64decode(artifact_["data"]), "<f4").reshape(artifact_["shape"])
