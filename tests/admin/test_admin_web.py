"""The page about RabbitMQ's web page: its pictures, and the script that takes them."""

from __future__ import annotations

import importlib.util
import re
import struct
from pathlib import Path

import pytest
from support.waiting import wait_until

from example_project.admin.load import QUEUE, busy
from example_project.admin.management import Management
from example_project.admin.nodes import ManagedNode
from example_project.admin.screenshots import LIMIT, SHOTS, Shot, browser_programs, take_all

PAGE = Path(__file__).parents[2] / "docs" / "amqp" / "web.md"
IMAGES = PAGE.parent / "images"


def size(png: bytes) -> tuple[int, int]:
    """Return width and height of a PNG: its first chunk says them."""
    signature, length, kind, width, height = struct.unpack(">8sI4sII", png[:24])
    assert (signature, length, kind) == (b"\x89PNG\r\n\x1a\n", 13, b"IHDR")
    return width, height


def test_pictures_of_the_page() -> None:
    """The page shows each picture that the script takes, in its order, and each with words instead."""
    shown = re.findall(r"!\[([^]]+)\]\(images/([^)]+)\)", PAGE.read_text())
    assert [file for _, file in shown] == [shot.file for shot in SHOTS]
    assert sorted(path.name for path in IMAGES.iterdir()) == sorted(file for _, file in shown)


@pytest.mark.parametrize("shot", SHOTS, ids=[shot.file for shot in SHOTS])
def test_picture(shot: Shot) -> None:
    """Each is a PNG, as wide as its shot, no higher, and small enough to be in a repository."""
    check((IMAGES / shot.file).read_bytes(), shot)


def check(png: bytes, shot: Shot) -> None:
    width, height = size(png)
    assert width == shot.width
    assert 200 < height <= shot.height
    assert 2_000 < len(png) < LIMIT
    assert png.endswith(b"IEND\xaeB`\x82")


@pytest.mark.xdist_group("rabbitmq-admin")
def test_load(managed: ManagedNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under load the worker works, and the broker counts what the pictures are to show."""
    for name in ("FOLDER", "BROKER", "SYSLOG", "IDENT", "SET"):
        monkeypatch.setenv(f"EXAMPLE_{name}", "")
    with busy(managed.url) as receiver, Management(managed.management_url) as api:
        receiver.wait_for(lambda message: "] succeeded in " in message.msg, timeout=60)
        counted = wait_until(lambda: (queue := api.queue(QUEUE)).messages is not None and queue, "a count")
        assert counted.consumers == 1
        wait_until(lambda: len(api.connections()) >= 3, "the connections of worker and sender")
        wait_until(lambda: api.overview()["message_stats"]["ack_details"]["rate"] > 0, "a rate")
    with Management(managed.management_url) as api:
        api.delete_queue(QUEUE)


@pytest.mark.xdist_group("rabbitmq-admin")
def test_enabling(managed: ManagedNode) -> None:
    """The command of two pages that enables the plugin works, also where it is enabled already."""
    pages = PAGE.read_text() + PAGE.with_name("rest.md").read_text()
    command, again = re.findall(r"^(rabbitmq-plugins enable \S+)", pages, re.MULTILINE)
    assert command == again
    program, *arguments = command.split()
    assert "rabbitmq_management" in managed.ctl(*arguments, program=program)


def test_no_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Chromium without its driver is no browser."""
    (tmp_path / "chromium").write_text("#!/bin/sh\n")
    (tmp_path / "chromium").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser_programs() is None
    (tmp_path / "chromium").rename(tmp_path / "chromedriver")
    assert browser_programs() is None


def test_script(tmp_path: Path) -> None:
    """The script takes a picture of a real page, where there is a browser (tox run -e screenshots)."""
    if browser_programs() is None:
        pytest.skip("chromium or chromedriver is not installed; pictures are not taken in CI")
    for name in ("selenium", "PIL"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed; pictures are not taken in CI")
    (shot,) = (shot for shot in SHOTS if shot.file == "queues.png")
    take_all(tmp_path, (shot,), load=5)
    check((tmp_path / shot.file).read_bytes(), shot)
