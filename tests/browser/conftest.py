"""A running server and a headless Chromium, one of each for all tests.

BUILD names the folder of the built programs (default: build). EXPLAIND_URL names a server that runs already.
"""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from page import Page

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--window-size=1280,900"]
START_S = 30


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until_ready(url, process):
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, f"explaind ended with {process.returncode}"
        try:
            with urllib.request.urlopen(url + "/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.05)
    raise AssertionError("explaind was not ready in time")


@contextlib.contextmanager
def serving(folder, *flags):
    """The base URL of a server of our own, with its store in the folder."""
    program = ROOT / os.environ.get("BUILD", "build") / "explaind"
    assert program.exists(), f"{program} is missing: run make"
    port = free_port()
    process = subprocess.Popen([program, "--port", str(port), "--store", str(folder / "jobs.db"), *flags], cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The base URL of a server with the shipped model."""
    if os.environ.get("EXPLAIND_URL"):
        yield os.environ["EXPLAIND_URL"].rstrip("/")
        return
    with serving(tmp_path_factory.mktemp("store")) as url:
        yield url


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in FLAGS + [f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    browser.set_script_timeout(20)
    yield browser
    browser.quit()


@pytest.fixture
def page(driver, server):
    """A freshly loaded page at desktop width; afterwards the console must be free of errors."""
    fresh = Page(driver, server)
    fresh.size(1280, 900)
    fresh.open()
    yield fresh
    assert fresh.console_errors() == []
