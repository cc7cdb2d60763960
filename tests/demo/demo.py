#!/usr/bin/env python3
"""A first look at the service: starts it on a free port, asks why a sample is what it is, and stops it.

usage: demo.py [--build build] [--out build/demo] [--sample coffee.png]

Everything goes over HTTP, as any client would do it: the picture is uploaded once for Grad-CAM and the structured
attention graph, the top classes and the graph are told in words, the pictures are written to --out.
"""
import argparse
import base64
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_S, ANSWER_S = 30, 300


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def is_ready(url: str) -> bool:
    try:
        return urllib.request.urlopen(url + "/readyz", timeout=2).status == 200
    except OSError:
        return False


@contextmanager
def service(program: Path):
    """The base URL of a running server, which ends with the block."""
    port = free_port()
    process = subprocess.Popen([program, "--port", str(port), "--store", ":memory:"], cwd=ROOT,
                               stderr=subprocess.DEVNULL)
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + START_S
    try:
        while not is_ready(url):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{program} did not start; run it by hand to see why")
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def fetch(request) -> dict:
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.status} {error.read().decode(errors='replace')}")


def explain(url: str, picture: bytes, query: str) -> dict:
    """Uploads and waits, beyond what one request may wait for too."""
    request = urllib.request.Request(f"{url}/api/v1/explanations?{query}", data=picture, method="POST",
                                     headers={"Content-Type": "application/octet-stream"})
    result = fetch(request)
    while result["status"] in ("queued", "running"):
        time.sleep(0.2)
        result = fetch(f"{url}/api/v1/explanations/{result['id']}")
    return result


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def place(patch: int, columns: int) -> str:
    return f"{patch} (row {patch // columns + 1}, column {patch % columns + 1})"


def tell_classes(result: dict) -> None:
    print("The network sees:")
    for p in result["predictions"]:
        print(f"  {percent(p['probability']):>7}  {p['name']}")


def tell_graph(graph: dict, name: str) -> None:
    """The roots of the graph, and what each loses when one patch goes."""
    columns, nodes = graph["regions"]["cols"], {node["id"]: node for node in graph["nodes"]}
    print(f"\nThe picture has {graph['regions']['count']} patches. {len(graph['mses'])} small sets of them were found that "
          f"alone suffice for '{name}'; the most different ones:")
    for root in graph["roots"]:
        node = nodes[root]
        print(f"  patches {', '.join(map(str, node['patches']))} alone give {percent(node['p'])}")
        drops = sorted((e for e in graph["edges"] if e["from"] == root), key=lambda e: -e["drop"])
        for edge in drops[:2]:
            print(f"    without {place(edge['removed'], columns)}: {percent(nodes[edge['to']]['p'])}")
    limits = ", ".join(graph.get("bounded_by", []))
    end = f"the search stopped at its limit ({limits})" if limits else f"the search is {graph['outcome']}"
    print(f"  {graph['stats']['evals']} masked pictures were evaluated; {end}")


def write_pictures(result: dict, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    print("\nPictures:")
    for element in result["results"]:
        for artifact in element["artifacts"]:
            if artifact["kind"] != "image":
                continue
            file = folder / f"{element['method']}-{artifact['name']}.png"
            file.write_bytes(base64.b64decode(artifact["data"]))
            print(f"  {file}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--out", type=Path, default=Path("build/demo"))
    parser.add_argument("--sample", default="coffee.png")
    options = parser.parse_args()
    picture = (ROOT / "models/samples" / options.sample).read_bytes()
    with service(ROOT / options.build / "explaind") as url:
        print(f"explaind answers at {url}; {options.sample} is uploaded.\n")
        result = explain(url, picture, "method=gradcam,sag&wait_ms=60000")
    if result["status"] not in ("done", "partial"):
        sys.exit(f"the explanation ended as {result['status']}: {json.dumps(result)[:500]}")
    tell_classes(result)
    gradcam, sag = result["results"]
    assert (gradcam["method"], sag["method"]) == ("gradcam", "sag")
    tell_graph(next(a["data"] for a in sag["artifacts"] if a["kind"] == "graph"), sag["target"]["name"])
    write_pictures(result, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
