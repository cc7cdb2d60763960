"""The viewer in a real browser against the real server, as a person uses it."""

import json
import urllib.parse
import urllib.request

from selenium.webdriver.common.keys import Keys


def overlay_mean(page):
    return page.colours(".card.done canvas.overlay")["mean"]


def gauge(page):
    """The percent on the gauge of the open dialog, once it is known."""
    page.until(lambda: page.text("dialog .gauge-value").strip("…"), what="a value on the gauge")
    assert "%" in page.text("dialog .gauge-value"), page.text("dialog .verdict")
    return page.text("dialog .gauge-value")


def test_first_sight_says_what_to_do(page):
    assert "network" in page.text("h2")
    assert page.wait("#choose").is_displayed()
    assert len(page.all(".sample")) >= 2
    assert page.all(".sample img")[0].get_property("naturalWidth") > 0
    assert page.sideways() <= 0


def test_sample_gives_classes_and_a_heat_map(page):
    page.choose_sample("coffee")
    assert len(page.all(".class-row")) == 5
    assert "espresso" in page.text(".class-row")
    assert page.colours(".card canvas.overlay")["count"] > 500

    before = overlay_mean(page)
    page.script("""const slider = document.querySelector('.opacity'); slider.value = 0;
                   slider.dispatchEvent(new Event('input'));""")
    plain = overlay_mean(page)
    assert max(abs(a - b) for a, b in zip(before, plain)) > 5, "the opacity slider changes nothing"


def test_heat_map_can_be_read_by_keyboard(page):
    page.choose_sample("coffee")
    page.script("document.querySelector('canvas.overlay').focus()")
    page.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    at_five = page.text(".card figcaption output")
    page.press(Keys.ARROW_DOWN)
    assert "row" in at_five and page.text(".card figcaption output") != at_five


def test_another_class_is_explained_by_name(page):
    page.choose_sample("coffee")
    page.wait(".ask > .combobox input").send_keys("eggnog" + Keys.ENTER)
    assert "class=969" in page.driver.current_url
    page.click("#explain")
    page.until(lambda: len(page.all(".card.done")) == 2, what="the second map")
    assert "eggnog" in page.text(".card .card-title")


def test_attention_graph_and_live_patches(page):
    page.choose_sample("coffee")
    page.choose_method("sag")
    page.set_field("grid", 4)  # few patches and a low threshold: a short search
    page.set_field("p_high", 0.5)
    page.click("#explain")
    page.wait(".sag .node.root")
    assert len(page.all(".sag .node")) > len(page.all(".sag .node.root"))
    assert page.all(".sag .removed") and page.all(".sag .edge text") and "%" in page.text(".sag .node .p")
    assert page.sideways() <= 0

    page.click(".sag .node.root")
    root = gauge(page)
    assert page.all("dialog .gauge-fill.enough")
    page.click('dialog [aria-pressed="true"]')
    page.until(lambda: gauge(page) != root, what="another probability without the patch")
    assert not page.all("dialog .gauge-fill.enough"), "a minimal set is not minimal"
    page.press(Keys.SPACE)
    page.until(lambda: gauge(page) == root, what="the first probability with the patch back")

    kept = len(page.all('dialog [aria-pressed="true"]'))
    for key in [Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.SPACE]:
        page.press(key)
    assert abs(len(page.all('dialog [aria-pressed="true"]')) - kept) == 1
    # every second patch: a set that no search has tried, so that the server must be asked
    page.script("document.querySelectorAll('dialog .switches button').forEach((b, i) => { if (i % 2) b.click(); });")
    gauge(page)
    page.press(Keys.ESCAPE)
    page.until(lambda: not page.all("dialog"), what="the dialog's end")

    page.size(360, 740)
    assert page.sideways() <= 0, "the page with a graph is wider than a phone"


def test_graph_as_a_tree_and_its_files(page):
    page.choose_sample("coffee")
    page.choose_method("sag")
    page.set_field("grid", 4)
    page.set_field("p_high", 0.5)
    page.click("#explain")
    page.wait(".sag .node.root")
    sets = {node.get_attribute("data-set") for node in page.all(".sag .node")}
    drawn = len(page.all(".sag .node"))
    page.click(".as-tree")
    page.until(lambda: len(page.all(".sag .node")) >= drawn, what="the tree")
    assert {node.get_attribute("data-set") for node in page.all(".sag .node")} == sets
    assert len(page.all(".sag .edge")) == len(page.all(".sag .node")) - len(page.all(".sag .node.root"))
    page.click(".as-tree")
    page.until(lambda: len(page.all(".sag .node")) == drawn, what="the graph again")
    page.click(".card .card-foot summary")
    page.until(lambda: len(page.all(".card .card-foot img.rendered")) >= 3, what="the files")
    saves = [b.text for b in page.all(".card .card-foot .saves button")]
    assert {"SVG", "GIF"} <= set(saves)
    page.until(lambda: all(i.get_property("naturalWidth") > 100 for i in page.all(".card .card-foot img.rendered")),
               what="pictures that can be shown")


def test_another_class_superpixels_and_what_would_turn_the_answer(page):
    page.choose_sample("chelsea")
    page.choose_method("sag")
    for field, value in [("versus", "second"), ("region", "superpixel"), ("segments", 16), ("p_high", 0.7),
                         ("counterfactuals", 1)]:
        page.set_field(field, value)
    page.click("#explain")
    page.wait(".sag .node.root")
    assert page.all(".sag path.removed") and "Egyptian cat" in page.text(".sag .node .versus")
    assert "Egyptian cat" in page.text(".outcome")
    assert "the network says" in page.text(".turn p") and "%" in page.text(".turn p")
    page.script("document.querySelector('.turn .set-open').click()")
    gauge(page)
    assert "tiger cat" not in page.text("dialog .verdict"), "the class still wins without what was to turn it"
    before = page.text("dialog .kept-words")
    picture = page.all("dialog .switches")[0].rect
    page.script("""
        const [switches] = document.querySelectorAll('dialog .switches');
        const box = switches.getBoundingClientRect();
        const at = { clientX: box.left + 5, clientY: box.top + 5, bubbles: true };
        document.elementFromPoint(at.clientX, at.clientY).dispatchEvent(new MouseEvent('click', at));
    """)
    assert picture["width"] > 100 and page.text("dialog .kept-words") != before, "a click on a superpixel does nothing"


def test_quiz_from_question_to_summary(page):
    page.choose_sample("chelsea")
    page.choose_method("sag")
    page.set_field("grid", 5)
    page.set_field("p_high", 0.6)
    page.set_field("max_evals", 150)
    page.click("#quiz")
    page.wait(".quiz-choice", 120)
    assert page.all(".quiz-explanation canvas") or page.all(".quiz-explanation .sag .node")
    assert "%" not in page.text(".quiz-sides"), "the score is told before the answer"
    for _ in range(10):
        page.click('[data-choice="a"]')
        page.wait(".quiz-next")
        assert page.text(".quiz-sides").count("%") == 2
        page.click(".quiz-next")
        page.until(lambda: page.all(".quiz-summary") or not page.all(".quiz-next"), what="what comes next")
        if page.all(".quiz-summary"):
            break
    assert "of 6 right" in page.text(".quiz-questions h4") and "%" in page.text(".quiz-summary tbody")
    page.size(360, 740)
    assert page.sideways() <= 0
    page.press(Keys.ESCAPE)
    page.until(lambda: not page.all("dialog"), what="the dialog's end")


def test_keyboard_alone_is_enough(page):
    page.tab_to('[data-sample^="chelsea"]')
    page.press(Keys.ENTER)
    page.wait(".card.done canvas.overlay")
    page.tab_to('.class-row input:checked')
    page.press(Keys.ARROW_DOWN)
    assert page.script("return document.activeElement.matches('.class-row input:checked')"), "the focus was lost"
    page.tab_to(".method-row input:checked")
    page.press(Keys.ARROW_DOWN)
    chosen = page.script("return document.activeElement.value")
    assert f"method={urllib.parse.quote(chosen)}" in page.driver.current_url
    page.tab_to("#explain")
    page.press(Keys.ENTER)
    page.until(lambda: len(page.all(".card")) == 2, what="a second card")


def test_phone_has_no_sideways_scroll(page):
    page.size(360, 740)
    page.open()
    assert page.sideways() <= 0
    page.choose_sample("chelsea")
    assert page.sideways() <= 0
    page.script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.sideways() <= 0


def test_text_file_gets_an_answer_in_words(page):
    page.expected = ["/api/v1/predictions"]
    page.drop_file("letter.txt", "text/plain", "Dear network, why?")
    words = page.wait(".error").text
    assert len(words) > 20 and "undefined" not in words
    page.choose_sample("coffee")
    assert not page.all("#stage .error")


def test_wrong_parameter_is_shown_at_its_field(page):
    page.expected = ["/api/v1/explanations"]
    page.choose_sample("coffee")
    page.choose_method("gradcam")
    page.set_field("layer", "no-such-layer")
    page.click("#explain")
    page.until(lambda: any("layer" in e.text for e in page.all(".field-error")), what="a message at the field")
    assert page.all(".card.failed .error")


def test_long_job_shows_progress_and_stops(page):
    page.choose_sample("coffee")
    page.choose_method("rise")
    page.set_field("masks", 50000)
    page.click("#explain")
    page.until(lambda: "50,00" in page.text(".progress-words"), what="progress")
    page.click(".card.running .cancel")
    page.wait(".card.cancelled", 5)
    page.until(lambda: not page.all(".card.running"), 5, "the end of the job")


def test_language_switches_and_stays(page):
    page.script("""const choice = document.querySelector('.language'); choice.value = 'zh';
                   choice.dispatchEvent(new Event('change'));""")
    page.until(lambda: "网络" in page.text("h2"), 5, "Chinese")
    page.open()
    assert "网络" in page.text("h2")
    page.script("localStorage.clear()")


def test_address_keeps_method_and_class(page):
    page.open("#method=occlusion&class=968")
    page.choose_sample("coffee")
    assert "cup" in page.text(".card .card-title")
    assert page.all('.method-row input[value="occlusion"]:checked')


def test_methods_on_the_page_are_the_servers(page, server):
    with urllib.request.urlopen(server + "/api/v1/methods") as answer:
        methods = json.load(answer)
    page.choose_sample("coffee")
    shown = [row.get_attribute("value") for row in page.all(".method-row input")]
    assert sorted(shown) == sorted(m["id"] for m in methods)
    with urllib.request.urlopen(server + "/api/v1/models/efficientnet-lite0") as answer:
        refused = {m["id"]: m["reason"] for m in json.load(answer)["methods"] if not m["served"]}
    for method in methods:
        row = f'.method-row:has(input[value="{method["id"]}"])'
        if method["id"] in refused:
            assert page.wait(row).get_attribute("title") == refused[method["id"]] and page.all(f"{row} input:disabled")
            continue
        page.choose_method(method["id"])
        labels = page.script("return [...document.querySelectorAll('.form label')].map((l) => l.textContent)")
        assert labels == list(method["params"]["properties"])


def test_picture_that_only_the_browser_reads_is_converted(page):
    page.script("""
        const canvas = document.createElement('canvas');
        canvas.width = 300; canvas.height = 200;
        const context = canvas.getContext('2d');
        context.fillStyle = '#a33'; context.fillRect(0, 0, 300, 200);
        context.fillStyle = '#fff'; context.fillRect(90, 60, 80, 80);
        canvas.toBlob((blob) => {
            const data = new DataTransfer();
            data.items.add(new File([blob], 'picture.webp', { type: 'image/webp' }));
            document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
        }, 'image/webp');
    """)
    page.wait(".card.done canvas.overlay")
    assert "picture.png" in page.text(".file-name") and "300 × 200" in page.text(".file-name")


def test_result_comes_without_the_event_stream(page):
    page.expected = ["ERR_", "Failed to fetch"]
    page.script("""
        const real = window.fetch;
        window.fetch = (path, options) => (String(path).endsWith('/events') ? Promise.reject(new TypeError('cut'))
            : real(path, options));
    """)
    page.choose_sample("coffee")
    page.choose_method("occlusion")
    page.click("#explain")
    page.until(lambda: len(page.all(".card.done")) == 2, what="the result by polling")


def test_server_that_is_away_is_said_in_words(page):
    page.script("window.fetch = () => Promise.reject(new TypeError('cut'));")
    page.click('[data-sample^="coffee"]')
    assert "cannot be reached" in page.wait("#stage .error").text
