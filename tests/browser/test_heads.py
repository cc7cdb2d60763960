"""The viewer with models that are no plain classifiers: a dense output, and a regression."""

import shutil

import pytest

from conftest import ROOT, serving
from page import Page

GOLDEN = ROOT / "tests/golden/data"


@pytest.fixture(scope="module", params=["tiny-fcn", "tiny-steer"])
def page(request, driver, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    for suffix in (".onnx", ".json"):
        shutil.copy(GOLDEN / request.param / f"model{suffix}", folder / f"{request.param}{suffix}")
    with serving(folder, "--model", str(folder / f"{request.param}.onnx")) as url:
        fresh = Page(driver, url)
        fresh.size(1280, 900)
        fresh.open()
        fresh.head = {"tiny-fcn": "dense", "tiny-steer": "regression"}[request.param]
        yield fresh
        assert fresh.console_errors() == []


def test_classes_are_readable_and_a_map_follows(page):
    page.choose_sample("coffee")
    rows = [(row.text.split("\n")[0], row.text.split("\n")[-1]) for row in page.all(".class-row")]
    if page.head == "dense":
        assert sorted(name for name, _ in rows) == ["car", "person", "road", "sky", "tree"]
        assert all(share.endswith("%") for _, share in rows)
        assert "how much of the picture" in page.text(".classes legend")
    else:
        assert [name for name, _ in rows] == ["angle", "torque"]
        assert all(float(value.replace(",", "").replace("−", "-")) == pytest.approx(0, abs=1e6) for _, value in rows)
    assert page.colours(".card canvas.overlay")["count"] > 100
    assert page.sideways() <= 0


def test_the_form_offers_what_the_head_has(page):
    labels = page.script("return [...document.querySelectorAll('.settings label')].map((l) => l.textContent)")
    assert ("Score to explain" in labels) == (page.head == "dense")
    refused = page.script("return document.querySelector('.method-row input[value=\"sag\"]').disabled")
    assert refused == (page.head == "regression")


def test_another_number_is_explained(page):
    done = len(page.all(".card.done"))
    page.click(".class-row:last-of-type input")
    page.choose_method("occlusion")
    page.set_field("window", 8)
    page.set_field("stride", 8)
    page.click("#explain")
    page.until(lambda: len(page.all(".card.done")) > done, what="the map of another class")
    assert page.text(".class-row:last-of-type .class-name") in page.text(".card .card-title")
