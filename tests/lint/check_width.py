"""Asked by `make lint` alone: lines that people can read."""
from test_text import CODE, SCRIPTS
from tree import text

WIDTH = 124  # .clang-format aims at 118; rows of a table and long strings may go on
WIDEST = 160


def too_wide(path: str, line: str) -> bool:
    return len(line) > (WIDEST if '"' in line or path.endswith(".def") else WIDTH)


def test_lines_are_not_too_wide():
    assert [f"{path}:{number}: {len(line)}" for path in CODE + SCRIPTS
            for number, line in enumerate(text(path).splitlines(), 1) if too_wide(path, line)] == []
