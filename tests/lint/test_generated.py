"""The committed copies of documents that the server prints are current; `make docs` makes them so."""
import json
import subprocess

from tree import BUILD, ROOT, text


def printed(program: str, *args: str) -> str:
    assert (BUILD / program).exists(), f"{BUILD / program} is missing: run make"
    done = subprocess.run([BUILD / program, *args], cwd=ROOT, capture_output=True, text=True, check=True,
                          env={"PATH": "/usr/bin:/bin"})
    return done.stdout


def test_configuration_is_what_the_server_prints():
    assert text("config.example.json") == printed("explaind", "--print-config"), "run make docs"


def test_openapi_is_json_with_every_route():
    assert len(json.loads(text("docs/openapi.json"))["paths"]) >= 15
