"""The clustering lesson as a user runs it, and its page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from celery.app.defaults import NAMESPACES
from support.waiting import missing

from example_project.admin.clustering import MESSAGES, ORDERS
from example_project.node import NodeMissing, PrivateNode

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "amqp" / "clustering.md"


@pytest.mark.xdist_group("rabbitmq-cluster")
def test_lesson(tmp_path: Path) -> None:
    """Three nodes join, two of them are killed, and what the page says of it happens; no file stays."""
    try:
        PrivateNode().close()
    except NodeMissing as error:
        missing(str(error))
    text = PAGE.read_text()
    (command,) = re.findall(r"^python -m (example_project\S* \S+)", text, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    lines = [line.strip() for line in done.stdout.splitlines()]
    # Every command and the picture of the page are what the lesson did and saw.
    shown = re.findall(r"^(?:rabbitmq\S* -?\S.*|    \w+@localhost .*)$", text, re.MULTILINE)
    assert len(shown) == 8
    assert not [line for line in shown if line.strip() not in lines]
    # The story, in this order: the majority lost and found, the leader killed, the client elsewhere.
    story = (
        r"second@localhost is killed\. One of two is no majority:$",
        r"a message is confirmed: there is a majority again$",
        rf"^{MESSAGES} messages, a confirm for each; first@localhost is killed half-way\.$",
        r"^ok      all are confirmed, the second half by amqp://guest:\*\*@127\.0\.0\.1:\d+",
        r"^first@localhost   DOWN",
        rf"^ok      every one of the {MESSAGES} is there",
        r"NOT_FOUND - home node 'first@localhost' of durable queue 'notes'",
    )
    rest = iter(lines)
    for part in story:
        assert any(re.search(part, line) for line in rest), (part, done.stdout)
    assert os.listdir(tmp_path) == []


def test_page() -> None:
    """The queue that the page declares is the lesson's, and the Celery setting it names exists."""
    text = PAGE.read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    assert names["orders"] == ORDERS
    setting = re.findall(r"`task_(default_queue_type) = ", text)
    assert setting
    assert setting[0] in NAMESPACES["task"]
