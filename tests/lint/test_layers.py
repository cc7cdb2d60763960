"""An #include never points upward, and every library is known in its own folder only."""
import re
from pathlib import PurePosixPath

from tree import ROOT, sources, text

# Layer of each folder; folders of one number do not know each other.
ENGINE = {"base": 0, "tensor": 1, "math": 1, "kernels": 2, "image": 3, "ops": 4, "graph": 5, "explain": 6, "render": 7,
          "metrics": 7, "study": 8, "json": 9, "cli": 10}
SERVER = {"conf": 0, "wire": 1, "store": 2, "jobs": 3, "api": 4, "http": 5, "decode": 2}
# Who may know a library: a folder, or one file.
LIBRARIES = {
    "png.h": ("engine/image/", "engine/render/"),
    "cairo": ("engine/render/",),
    "gif_lib.h": ("engine/render/",),
    "stb": ("engine/image/decode.c",),
    "cblas": ("engine/math/", "engine/kernels/"),
    "jansson.h": ("engine/json/", "engine/cli/", "server/"),
    "microhttpd.h": ("server/http/",),
    "sqlite3.h": ("server/store/",),
    "hiredis": ("server/store/",),
    "seccomp.h": ("server/decode/",),
    "check.h": (),
}
GUARD = re.compile(r"^#ifndef (\w+_H)$", re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def owner(path: str) -> tuple:
    """("engine" or "server", folder) of a source file; the folder is "" for what lies directly there."""
    parts = PurePosixPath(path).parts
    return parts[0], parts[1] if len(parts) > 2 else ""


def resolve(path: str, name: str) -> str:
    """The file that an include with quotes means; "" if it is generated."""
    for candidate in (PurePosixPath(path).parent / name, PurePosixPath("engine") / name, PurePosixPath("server") / name):
        if (ROOT / candidate).exists():
            return str(candidate)
    return ""


def upward(path: str, included: str) -> bool:
    (side, folder), (their_side, their_folder) = owner(path), owner(included)
    if included == "engine/xai.h" or (side, folder) == (their_side, their_folder) or path == "server/main.c":
        return False
    if side != their_side:  # the server stands on the engine, short of its command line
        return side == "engine" or their_folder == "cli"
    layers = ENGINE if side == "engine" else SERVER
    # The list of errors is data of the public header, which stands above no one.
    if path == "engine/xai.h":
        return included != "engine/base/errors.def"
    return layers[their_folder] >= layers[folder]


def violations(path: str, code: str) -> list:
    found = []
    for kind, name in INCLUDE.findall(code):
        if kind == '"':
            included = resolve(path, name)
            if not included and not name.endswith(".pb-c.h"):
                found.append(f"{path}: there is no {name}")
            if included and upward(path, included):
                found.append(f"{path}: includes {included}, which is above it")
        for library, places in LIBRARIES.items():
            if kind == "<" and name.startswith(library) and not path.startswith(places):
                found.append(f"{path}: <{name}> is known in {', '.join(places) or 'tests'} only")
    return found


def shared_guards(headers: dict) -> list:
    """Include guards that more than one header has: of two such headers the second is left out without a word."""
    owners = {}
    for path, code in headers.items():
        found = GUARD.search(code)
        if found:
            owners.setdefault(found[1], []).append(path)
    return [paths for paths in owners.values() if len(paths) > 1]


CODE = sources(".c", ".h", ".def", under=("engine/", "server/"))


def test_includes_point_down():
    assert CODE
    assert [v for path in CODE for v in violations(path, text(path))] == []


def test_planted_includes_are_found():
    for path, line in [("engine/ops/conv.c", '#include "graph/graph.h"'), ("engine/base/error.c", '#include "http/http.h"'),
                       ("server/api/api.c", "#include <microhttpd.h>"), ("engine/explain/perturbation/rise.c", "#include <jansson.h>"),
                       ("server/jobs/jobs.c", '#include "cli/cli.h"'), ("engine/graph/plan.c", '#include "no/such.h"')]:
        assert len(violations(path, line)) == 1, line
    assert violations("engine/graph/plan.c", '#include "base/arena.h"\n#include <string.h>') == []


def test_every_header_has_a_guard_of_its_own():
    assert shared_guards({path: text(path) for path in CODE if path.endswith(".h")}) == []
    assert shared_guards({"a.h": "#ifndef X_H\n", "b/a.h": "#ifndef X_H\n", "c.h": "#ifndef Y_H\n"}) == [["a.h", "b/a.h"]]
