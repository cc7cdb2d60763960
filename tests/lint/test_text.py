"""What every text in the tree keeps to: no place of one machine, no unfinished business, clean line ends."""
import re

import pytest

from tree import sources, text

CODE = sources(".c", ".h", ".def", under=("engine/", "server/", "tests/"))
SCRIPTS = sources(".py", under=("tests/", "models/"))
TEXTS = sources(".c", ".h", ".def", ".py", ".js", ".css", ".html", ".md", ".yml", ".txt", "Makefile", "Dockerfile", ".ci/run")
SELF = "tests/lint/"

PLACES = re.compile(r"(?<![\w.<])/(?:work|home|root|mnt|opt|Users)/\w")
# Build time and tests need Debian's and Python's own registries, by name, never by address.
HOSTS = re.compile(r"(?:index-url|extra-index|registry=|https?_proxy)", re.I)
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|HACK)\b|lorem ipsum|not implemented yet", re.I)


def lines_with(pattern, files):
    return [f"{path}:{number}: {line.strip()[:100]}" for path in files if not path.startswith(SELF)
            for number, line in enumerate(text(path).splitlines(), 1) if pattern.search(line)]


@pytest.mark.parametrize("pattern", [PLACES, HOSTS, UNFINISHED], ids=["places", "hosts", "unfinished"])
def test_no_text_holds(pattern):
    assert len(TEXTS) > 100
    assert lines_with(pattern, TEXTS) == []


def test_planted_texts_would_be_found():
    assert PLACES.search("cd /home/someone/src") and not PLACES.search("https://a.org/work/x")
    assert HOSTS.search("--index-url x") and UNFINISHED.search("/* TODO: later */")


def test_no_tabs_and_no_trailing_blanks():
    bad = [f"{path}:{number}" for path in CODE + SCRIPTS for number, line in enumerate(text(path).split("\n"), 1)
           if "\t" in line or line != line.rstrip()]
    assert bad == []


def test_files_end_with_a_line_end():
    assert [path for path in TEXTS if text(path) and not text(path).endswith("\n")] == []


def test_every_c_file_opens_with_its_purpose():
    assert [path for path in sources(".c", under=("engine/", "server/", "tests/"))
            if not re.match(r"/\*.{20}", text(path), re.S)] == []
