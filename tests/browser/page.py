"""What a person does on the page and sees there, in words that the tests can use."""

import time

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

WAIT_S = 60


class Page:
    def __init__(self, driver, url):
        self.driver = driver
        self.url = url
        self.expected = []  # parts of console messages that a test provokes

    def open(self, fragment=""):
        self.driver.get("about:blank")
        self.driver.get(self.url + "/" + fragment)
        self.driver.get_log("browser")
        self.wait(".sample")

    def size(self, width, height):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    # ------------------------------------------------------------ looking

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def wait(self, selector, seconds=WAIT_S):
        """The first element that matches, once there is one."""
        self.until(lambda: self.all(selector), seconds, selector)
        return self.all(selector)[0]

    def until(self, condition, seconds=WAIT_S, what="the condition"):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.05)
        raise AssertionError(f"{what} did not come within {seconds} s; page says: {self.text('body')[:600]}")

    def text(self, selector):
        """Asked in one step: between two, the page may have drawn itself anew."""
        return self.script("return document.querySelector(arguments[0])?.textContent ?? ''", selector)

    def script(self, source, *arguments):
        return self.driver.execute_script(source, *arguments)

    def module(self, source):
        """Runs the body of an async function in the page; `load` imports a module of the viewer."""
        wrapped = """
            const answer = arguments[arguments.length - 1];
            const load = (name) => import(new URL(name, location.origin + '/').href);
            (async () => { %s })().then((value) => answer({ value }), (error) => answer({ error: String(error) }));
        """ % source
        result = self.driver.execute_async_script(wrapped)
        assert "error" not in result, result["error"]
        return result["value"]

    def colours(self, selector):
        """How many different colours a canvas shows, and the mean of each channel."""
        return self.script("""
            const c = document.querySelector(arguments[0]);
            const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
            const seen = new Set(); const mean = [0, 0, 0];
            for (let i = 0; i < data.length; i += 4) {
                seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
                for (let k = 0; k < 3; k++) mean[k] += data[i + k] / (data.length / 4);
            }
            return { count: seen.size, mean };
        """, selector)

    def sideways(self):
        """Pixels by which the page is wider than the window."""
        return self.script("return document.documentElement.scrollWidth - window.innerWidth")

    def console_errors(self):
        messages = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return [m for m in messages if not any(part in m for part in self.expected)]

    # ------------------------------------------------------------ doing

    def click(self, selector):
        element = self.wait(selector)
        self.script("arguments[0].scrollIntoView({ block: 'center' })", element)
        element.click()

    def press(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def tab_to(self, selector, most=80):
        """Presses Tab until the focus is on an element that matches."""
        for _ in range(most):
            self.press(Keys.TAB)
            if self.script("return document.activeElement.matches(arguments[0])", selector):
                return
        raise AssertionError(f"{most} times Tab did not reach {selector}")

    def choose_sample(self, name):
        self.click(f'[data-sample^="{name}"]')
        self.wait(".card.done canvas.overlay")

    def choose_method(self, method):
        self.click(f'.method-row input[value="{method}"]')

    def set_field(self, label, value):
        """Fills a field of the settings, found by its label."""
        self.script("""
            const labels = [...document.querySelectorAll('.settings label')];
            const label = labels.find((l) => l.textContent === arguments[0]);
            document.querySelector('.settings').open = true;
            const field = document.getElementById(label.htmlFor);
            field.value = arguments[1];
            field.dispatchEvent(new Event('change', { bubbles: true }));
        """, label, str(value))

    def drop_file(self, name, media_type, content):
        self.script("""
            const transfer = new DataTransfer();
            transfer.items.add(new File([arguments[2]], arguments[0], { type: arguments[1] }));
            const event = { dataTransfer: transfer, bubbles: true, cancelable: true };
            document.body.dispatchEvent(new DragEvent('drop', event));
        """, name, media_type, content)
