"""The AMQP pages: every command runs, every lesson is listed, every output is what is really printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.inbox import Inbox
from support.lessons import ROOT, succeed
from support.rabbitmq import RabbitMq

from example_project.amqp import LESSONS

PAGES = (ROOT / "docs/amqp/README.md", ROOT / "docs/amqp/architecture.md", ROOT / "example_project/README.md")
PREFIX = "python -m example_project.amqp"
BROKER = "amqp://guest:guest@localhost//"

#: What some of the commands are shown for; tests/example looks at each lesson.
SHOWN = {
    "queues vhosts messages --private": [
        "the durable queue is there again, the other one is not",
        "so are its exchange and binding",
        "530) NOT_ALLOWED - access to vhost 'second.",
        "403) ACCESS_REFUSED - access to queue 'outbox'",
        "What it declared in the virtual host first.",
        "what is left: ['persistent']",
    ]
}
on_rabbitmq = pytest.mark.xdist_group("rabbitmq")


def blocks(page: Path, language: str) -> list[str]:
    """A page's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def commands() -> list[Any]:
    """What follows PREFIX in the commands of the pages, each once."""
    lines = [line for page in PAGES for block in blocks(page, "sh") for line in block.splitlines()]
    found = {line.removeprefix(PREFIX).partition("#")[0].strip() for line in lines if line.startswith(PREFIX)}
    # Those that bring their own node, or none, need not wait for those on the shared one.
    return [
        pytest.param(command, marks=on_rabbitmq if BROKER in command else ()) for command in sorted(found)
    ]


def steady(text: str) -> str:
    """Text without what is different in each run: names' last parts and the port."""
    return re.sub(r"(?<=[.-])[0-9a-f]{4}\b", "ABCD", re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text))


@pytest.mark.parametrize("command", commands())
def test_command(request: pytest.FixtureRequest, collector: Inbox, command: str) -> None:
    """A command of the pages succeeds; only the places of broker and collector are changed."""
    given = command.replace("unix:///dev/log", collector.url)
    if BROKER in given:
        given = given.replace(BROKER, request.getfixturevalue("rabbitmq").url)
    out = succeed(*given.split())
    for text in SHOWN.get(command, []):
        assert text in out, out
    assert "--private" not in command or "Left out" not in out


def test_every_lesson_is_listed() -> None:
    """The list of lessons is the real one, in its order and with its words."""
    rows = re.findall(r"^\| \[`(\w+)`\]\(\S+\) \| (.+) \|$", PAGES[0].read_text(), re.MULTILINE)
    listed = [re.match(r" +\d+  (\w+) +(.+)", line) for line in succeed().splitlines()[1 : 1 + len(LESSONS)]]
    assert rows == [found.groups() for found in listed if found]


@on_rabbitmq
def test_outputs(rabbitmq: RabbitMq) -> None:
    """The output of a lesson, and the picture of another, are as shown."""
    assert (
        steady(succeed("hello", "--url", rabbitmq.url)).strip() == steady(blocks(PAGES[0], "text")[0]).strip()
    )
    picture = steady(blocks(PAGES[1], "text")[1]).splitlines()
    printed = [line[2:] for line in steady(succeed("architecture", "--url", rabbitmq.url)).splitlines()]
    assert [line for line in printed if line in picture] == picture


@on_rabbitmq
def test_a_lesson_of_your_own(rabbitmq: RabbitMq, tmp_path: Path) -> None:
    """The sample lesson, in the list, is listed and runs."""
    (tmp_path / "box.py").write_text(blocks(PAGES[0], "python")[0])
    code = (
        f"import sys; sys.path.append({str(tmp_path)!r}); import example_project.amqp as amqp; "
        "amqp.LESSONS += ('box',); from example_project.amqp.stage.command import main; "
        f"sys.exit(main([]) or main(['box', '--url', {rabbitmq.url!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "box  " in done.stdout
    assert "  ok      it is there" in done.stdout
