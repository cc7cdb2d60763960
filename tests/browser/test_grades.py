"""Grades in the viewer: chosen by boxes, shown as a table with the place among random maps, curves behind it."""

import os

import pytest
from selenium.webdriver.common.action_chains import ActionChains

from conftest import ROOT, serving
from page import Page

NET = ROOT / "tests/golden/data/methods/attention/nets/gated-cbam.onnx"  # small: grades take thousands of forwards


@pytest.fixture(scope="module")
def page(driver, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("grades"), "--model", str(NET)) as url:
        fresh = Page(driver, url)
        fresh.size(1280, 900)
        fresh.open()
        fresh.choose_sample("coffee")
        fresh.until(lambda: fresh.all(".card.done"), what="the first answer")
        yield fresh
        assert fresh.console_errors() == []


def picture(page, name):
    """For people: kept where SHOTS says."""
    if os.environ.get("SHOTS"):
        page.driver.save_screenshot(f"{os.environ['SHOTS']}/{name}.png")


def test_grades_are_asked_for_and_shown(page):
    assert page.all('.metric-choice input[value="insertion"]:enabled') and page.all('.metric-choice input[value="iou"]:disabled')
    page.click(".metric-choice summary")
    picture(page, "choice")
    for metric in ("sparseness", "deletion", "completeness"):
        page.click(f'.metric-choice input[value="{metric}"]')
    page.choose_method("gradcam")
    assert page.script("return [...document.querySelectorAll('.metric-choice input:checked')].map((e) => e.value).length") == 3
    page.click("#explain")
    page.until(lambda: page.all(".card.done .grades tbody tr"), what="the grades")
    rows = page.script("return [...document.querySelectorAll('.card.done .grades tbody tr')].map((r) => r.textContent)")
    assert len(rows) == 3 and "Sparseness" in rows[2] and "of 20" in rows[2] and "lower is better" in rows[0]
    assert "does not promise" in rows[1]
    assert not page.all(".card.done .artifact-curve"), "the curve is behind a summary"
    picture(page, "grades")


def test_the_curve_is_there_when_it_is_opened(page):
    page.script("[...document.querySelectorAll('.card.done details summary')].find((s) => s.textContent.includes('Curves')).click()")
    page.wait(".card.done .artifact-curve svg path.line")
    names = page.script("return [...document.querySelectorAll('.card.done .artifact-curve .legend li')].map((e) => e.textContent)")
    assert names == ["this map", "random maps, mean", "edges"]
    assert page.sideways() <= 0
    picture(page, "curve")


def test_a_phone_shows_the_table(page):
    page.size(390, 844)
    page.script("document.querySelector('.card.done .grades').scrollIntoView()")
    assert page.sideways() <= 0
    picture(page, "phone")
    page.size(1280, 900)


def test_a_box_is_drawn_and_measured_against(page):
    canvas = page.wait("canvas.region")
    page.script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    where = ActionChains(page.driver)
    where.move_to_element_with_offset(canvas, -56, -56).click_and_hold()
    where.move_by_offset(60, 40).move_by_offset(52, 72).release().perform()
    page.until(lambda: page.all('.metric-choice input[value="iou"]:enabled'), what="the metrics that want a box")
    sides = page.script("return ['top', 'left', 'bottom', 'right'].map((s) => Number(document.querySelector(`[name=region-${s}]`).value))")
    assert sides == pytest.approx([8, 8, 24, 24], abs=1)  # of 32
    page.click('.metric-choice input[value="massinside"]')
    picture(page, "region")
    done = len(page.all(".card.done"))
    page.click("#explain")
    page.until(lambda: len(page.all(".card.done")) > done, what="the grades")
    sent = page.script("return document.querySelector('.card.done .grades tbody').textContent")
    assert "Mass inside" in sent
    page.click(".region-field button")
    page.until(lambda: page.all('.metric-choice input[value="iou"]:disabled'), what="the box's end")
