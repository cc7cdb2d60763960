"""Asked by `make lint` alone, so that a new method's tests pass before its row is in the README."""
from test_generated import printed
from tree import text


def test_readme_holds_the_table_of_methods():
    assert printed("xai", "methods", "--markdown") in text("README.md"), "run make docs"
