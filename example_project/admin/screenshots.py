"""``python -m example_project.admin.screenshots FOLDER``: pictures of RabbitMQ's web page under load.

Starts a private node, puts the example to work on it and takes the pictures of ``docs/amqp/web.md`` with
a headless Chromium. Needs chromium, chromedriver, selenium and Pillow; ``tox run -e screenshots`` has the
last two.
"""

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .load import QUEUE, busy
from .nodes import ManagedNode

__all__ = ["FLAGS", "LIMIT", "SHOTS", "Shot", "browser_programs", "shrunk", "take_all"]

#: Bytes a picture may have: a page with all of them should still open at once.
LIMIT = 150_000
#: Seconds under load until the charts show something: they have a point every five seconds.
LOAD = 40.0
PATIENCE = 60.0

#: What makes Chromium run as root without a screen, and keeps it off the network.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--force-device-scale-factor=1", "--hide-scrollbars"),
)

_RATE = re.compile(r"[1-9][\d.,]* ?(?:[kM]?i?B)?/s")


class Shot(NamedTuple):
    """One picture: its file, where on the page it is taken, a text that is on it then, its size."""

    file: str
    fragment: str
    text: str
    width: int
    height: int


SHOTS = (
    Shot("overview.png", "#/", "Queued messages", 1200, 880),
    Shot("queues.png", "#/queues", QUEUE, 1200, 680),
    Shot("queue.png", f"#/queues/%2F/{QUEUE}", "Message rates", 1200, 960),
    Shot("connections.png", "#/connections", "running", 1200, 640),
)


def browser_programs() -> tuple[str, str] | None:
    """Return the paths of Chromium and its driver, None if one is missing."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


def shrunk(png: bytes) -> bytes:
    """Return a picture with 64 colours instead of millions: a web page has few, and the file is a third."""
    from PIL import Image

    out = BytesIO()
    with Image.open(BytesIO(png)) as image:
        image.convert("RGB").quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


def take_all(folder: Path, shots: tuple[Shot, ...] = SHOTS, load: float = LOAD) -> None:
    """Take the pictures and write them into the folder, all of them or none."""
    taken = {}
    with ManagedNode(seconds=5) as node, busy(node.url), _browser() as browser:
        time.sleep(load)
        _log_in(browser, node.management_url)
        for shot in shots:
            taken[shot.file] = shrunk(_picture(browser, node.http_port, shot))
    for name, png in taken.items():
        (folder / name).write_bytes(png)
        print(f"{name}: {len(png):,} bytes")


@contextmanager
def _browser() -> Iterator[Any]:
    from selenium import webdriver

    programs = browser_programs()
    if programs is None:
        raise SystemExit("chromium or chromedriver is missing: apt-get install chromium chromium-driver")
    os.environ["SE_AVOID_STATS"] = "true"
    with tempfile.TemporaryDirectory(prefix="chromium-") as profile:
        options = webdriver.ChromeOptions()
        options.binary_location, driver = programs
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
        try:
            yield browser
        finally:
            browser.quit()


def _log_in(browser: Any, url: str) -> None:
    parts = urlsplit(url)
    browser.get(f"http://127.0.0.1:{parts.port}/")
    form = _until(lambda: browser.find_elements("css selector", "#login form"))[0]
    for name, value in (("username", parts.username), ("password", parts.password)):
        form.find_element("name", name).send_keys(value)
    form.submit()
    _until(lambda: browser.find_elements("id", "logout"))


def _picture(browser: Any, port: int, shot: Shot) -> bytes:
    """Show a page and wait until what belongs on it is there, charts included."""
    browser.set_window_size(shot.width, shot.height)
    browser.get(f"http://127.0.0.1:{port}/{shot.fragment}")
    _until(lambda: shot.text in browser.find_element("id", "main").text)
    # Rates are there some seconds after the rest: the page asks for them every five.
    _until(lambda: _RATE.search(browser.find_element("id", "main").text))
    charts = "return [...document.querySelectorAll('#main .chart')].every(e => e.querySelector('canvas'))"
    _until(lambda: browser.execute_script(charts))
    picture: bytes = browser.get_screenshot_as_png()
    return picture


def _until(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > end:
            raise SystemExit(f"not there after {PATIENCE:g} s: {condition.__code__.co_consts}")
        time.sleep(0.2)
    return found


if __name__ == "__main__":
    take_all(Path(sys.argv[1]))
