"""libxai.a exports xai_* and onnx's generated names only, and needs neither a server nor an end of the process."""
import re
import subprocess

import pytest

from tree import BUILD

LIBRARY = BUILD / "libxai.a"
OURS = re.compile(r"xai_|XAI_|onnx__")  # onnx__: what protoc-c makes of onnx.proto
FOREIGN = re.compile(r"MHD_|json_|jansson_|sqlite3_|redis|seccomp_")
# What ends the process or prints; assert alone may (__assert_fail).
FORBIDDEN = re.compile(r"_?_?(abort|exit|_exit|quick_exit|v?printf|v?fprintf|v?dprintf|puts|fputs|putchar|perror|err|errx|warn|warnx)"
                       r"(_chk)?$|stdout$|stderr$")


def symbols(flag: str) -> set:
    """Names in the archive; a sanitizer's own do not count."""
    done = subprocess.run(["nm", "--format=posix", flag, LIBRARY], capture_output=True, text=True, check=True)
    names = {line.split()[0] for line in done.stdout.splitlines() if " " in line}
    return {name for name in names if not re.match(r"__(asan|ubsan|tsan|lsan|odr_asan|sanitizer)", name)}


@pytest.fixture(scope="module", autouse=True)
def archive():
    assert LIBRARY.exists(), f"{LIBRARY} is missing: run make"


def test_every_global_symbol_has_our_prefix():
    defined = symbols("--defined-only") & symbols("--extern-only")
    assert len(defined) > 100
    assert sorted(name for name in defined if not OURS.match(name)) == []


def test_no_foreign_library_and_no_end_of_the_process():
    undefined = symbols("--undefined-only")
    assert "malloc" in undefined
    assert sorted(name for name in undefined if FOREIGN.match(name) or FORBIDDEN.match(name)) == []


def test_planted_names_would_be_found():
    for name in ("abort", "printf", "__printf_chk", "__fprintf_chk", "exit", "stderr", "vfprintf", "puts"):
        assert FORBIDDEN.match(name), name
    for name in ("snprintf", "__snprintf_chk", "__vsnprintf_chk", "__assert_fail", "erf", "strerror"):
        assert not FORBIDDEN.match(name), name
    assert FOREIGN.match("json_object") and FOREIGN.match("MHD_start_daemon") and not OURS.match("helper")
