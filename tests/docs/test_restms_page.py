"""The RestMS page: its walk, command, Python sample and conformance list are true."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from support.rabbitmq import RabbitMq
from support.waiting import program, short_folder

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "amqp" / "restms.md").read_text()
WALK = PAGE.partition("## A walk with curl")[2].partition("## The other side")[0]
SHOWN = "http://127.0.0.1:8080"
END = "--end of block--"

pytestmark = pytest.mark.xdist_group("rabbitmq")


@pytest.fixture
def url(rabbitmq: RabbitMq) -> Iterator[str]:
    """The server as the page's first command starts it, on a free port and the private broker."""
    (command,) = re.findall(r"```sh\n(python .*)\n```", PAGE.partition("## A walk")[0])
    words = command.replace("amqp://guest:guest@localhost//", rabbitmq.url).replace(":8080", ":0").split()
    arguments = [sys.executable, *words[1:], "--syslog", "memory://nobody"]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[2].partition("/restms")[0]
        finally:
            process.terminate()


def steady(text: str, url: str = SHOWN) -> str:
    """Text without the server's port and the names that differ each time."""
    text = re.sub(r"(?<=/resource/)[A-Za-z0-9_-]{20}|(?<==\")[A-Za-z0-9_-]{20}(?=\")", "HASH", text)
    return text.replace(url, SHOWN)


def test_the_walk_prints_what_is_shown(url: str) -> None:
    """Each block, run in one shell after the other, prints the block below it."""
    program("curl")
    pairs = re.findall(r"```sh\n(.*?)```\n\n```\w+\n(.*?)```", WALK, re.DOTALL)
    assert len(pairs) == WALK.count("```sh") == 12
    script = "".join(f"{block}echo {END!r}\n" for block, _ in pairs).replace(SHOWN, url)
    with short_folder() as folder:
        done = subprocess.run(["bash"], input=script, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    outputs = steady(done.stdout, url).split(f"{END}\n")
    for (block, shown), printed in zip(pairs, outputs, strict=False):
        assert printed.split() == shown.split(), block


def test_the_python_sample_meets_the_server(url: str, rabbitmq: RabbitMq, tmp_path: Path) -> None:
    """The AMQP program reads what is posted and its answer arrives in the pipe."""
    (sample,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "watch.py").write_text(sample.replace("amqp://guest:guest@localhost//", rabbitmq.url))

    def post(where: str, inner: str) -> str:
        body = f"<restms>{inner}</restms>".encode()
        with urlopen(Request(where, body, {"Content-Type": "text/xml"}), timeout=60) as reply:
            return str(reply.headers["Location"])

    post(f"{url}/restms/domain/default", '<feed name="weather" type="topic"/>')
    pipe = post(f"{url}/restms/domain/default", "<pipe/>")
    with urlopen(pipe, timeout=60) as reply:
        (asynclet,) = re.findall(r'href="(\S+)" async', reply.read().decode())
    watcher = subprocess.Popen(
        [sys.executable, "-u", "watch.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    with watcher:
        try:
            assert watcher.stdout is not None
            assert watcher.stdout.readline() == "watching\n"
            reply_to = pipe.rpartition("/")[2]
            message = f'<message address="lab.temp" reply_to="{reply_to}"><content>21.5</content></message>'
            post(f"{url}/restms/feed/weather", message)
            with urlopen(asynclet, timeout=60) as reply:
                assert b">thanks<" in reply.read()
            assert watcher.stdout.read() == "lab.temp 21.5\n"
        finally:
            watcher.kill()
    with urlopen(Request(f"{url}/restms/feed/weather", method="DELETE"), timeout=60) as reply:
        assert reply.status == 200


def test_every_point_has_its_test() -> None:
    """The list is complete, and each number is in the name of a test."""
    points = [int(number) for number in re.findall(r"(?m)^(\d+)\. ", PAGE.partition("## Conformance")[2])]
    assert points == list(range(1, 35))
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "restms").glob("test_*.py"))
    named = {
        int(number) for name in re.findall(r"def (test(?:_\d\d)+)", tests) for number in name.split("_")[1:]
    }
    assert named == set(points)
