"""Asked by `make lint` alone, so that a new method's tests pass before `make docs` has put it into the documents."""
from test_generated import printed
from tree import text


def test_readme_holds_the_table_of_methods():
    assert printed("xai", "methods", "--markdown") in text("README.md"), "run make docs"


def test_the_documents_hold_the_table_of_metrics():
    assert printed("xai", "metrics", "--markdown") in text("docs/metrics.md"), "run make docs"


def test_openapi_is_what_the_server_prints():
    assert text("docs/openapi.json") == printed("explaind", "--print-openapi"), "run make docs"
