"""The gates of a network in the viewer: a table, bars and maps, all of them small or one by itself large."""

import pytest

from conftest import ROOT, serving
from page import Page

NETS = ROOT / "tests/golden/data/methods/attention/nets"


@pytest.fixture(scope="module")
def page(driver, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("gates"), "--model", str(NETS / "gated-cbam.onnx")) as url:
        fresh = Page(driver, url)
        fresh.size(1280, 900)
        fresh.open()
        fresh.choose_sample("coffee")
        yield fresh
        assert fresh.console_errors() == []


def explain(page, **fields):
    done = len(page.all(".card.done"))
    page.choose_method("attention")
    for name, value in fields.items():
        page.set_field(name, value)
    page.click("#explain")
    page.until(lambda: len(page.all(".card.done")) > done, what="the gates")


def test_all_gates_are_shown_small(page):
    explain(page)
    card = ".card.done"
    assert len(page.all(f"{card} .many .artifact-map")) == 4 and len(page.all(f"{card} .many .artifact-curve")) == 5
    assert "Gate 1: spatial" in page.text(f"{card} .many") and "/Sigmoid_1_output_0" in page.text(f"{card} .many")
    assert page.script("return document.querySelectorAll('.card .artifact-curve svg')[0].querySelectorAll('.bar').length") == 8
    assert page.script("return document.querySelectorAll('.card .artifact-curve svg')[0].querySelectorAll('.strong').length") == 2
    rows = page.script("return [...document.querySelectorAll('.card .artifact-table tbody tr')].map((r) => r.cells[1].textContent)")
    assert rows == ["squeeze-excitation", "spatial", "squeeze-excitation"] + ["element-wise"] * 3
    assert page.sideways() <= 0


def test_one_gate_is_shown_large(page):
    explain(page, gate="1")
    first = page.script("return document.querySelector('.card.done').querySelectorAll('.many').length")
    assert first == 0 and page.colours(".card canvas.overlay")["count"] > 100
    assert page.script("return document.querySelector('.card.done .controls').offsetHeight") > 0


def test_a_sample_is_asked_of_the_model_that_it_is_named_after(driver, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("shipped")) as url:
        page = Page(driver, url)
        page.open()
        page.choose_sample("digits-attention")
        assert "digits-attention" in page.text("#foot")
        page.click(".current details summary")
        page.click('[data-sample^="coffee"]')
        page.until(lambda: "efficientnet-lite0" in page.text("#foot"), what="the default model")
        page.until(lambda: len(page.all(".card.done")) == 2, what="its answer")
        assert page.console_errors() == []
