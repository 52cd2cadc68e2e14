"""The commands page is executed: what it shows is what the commands print. Its screens are recorded."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click
import pytest
from support.command import run
from support.process import celery, environment
from support.recipe import Collector, printed
from support.screens import SCREENS, record
from support.svg import plain
from support.waiting import short_folder, wait_until

from celery_syslog.cli import syslog

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "commands.md").read_text()
BLOCKS = [block.splitlines() for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)]

PROJECT = """
from celery import Celery
from celery_syslog import install

app = Celery("proj", broker="memory://")
app.conf.syslog_url = "FOLDER/log"
install(app)
"""

TASK = "9a6f5f0c-6f0e-4a8e-8a57-5d1f6a5a9d0e"
CAPTURE = f"""\
<14>1 2026-11-24T10:00:00.25Z web1 celery 12 succeeded [celery@1 task_id="{TASK}" task_name="shop.order"]\
[extra@1 order="7"] ordered
<11>1 2026-11-24T10:00:01Z web1 celery 12 - [celery@1 task_id="11111111-6f0e-4a8e-8a57-5d1f6a5a9d0e" \
task_name="shop.pay" root_id="{TASK}"] no money
"""


class Shell:
    """Runs the page's commands in a folder that stands for ``/tmp``; `listen` in the background."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {**environment(folder), "TERM": "dumb"}
        self.env["PATH"] = f"{Path(celery()[0]).parent}:{self.env['PATH']}"
        self.waiting: list[tuple[subprocess.Popen[str], list[str]]] = []
        self.status = 0

    def run(self, command: str, expected: list[str]) -> None:
        """Run a command and compare what it prints."""
        command = command.replace("/tmp/", f"{self.folder}/").replace("$?", str(self.status))
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if " listen " in command:
            self.waiting.append((process, expected))
            wait_until((self.folder / "lines").exists, "it to listen")
        else:
            self.compare(process, expected)

    def compare(self, process: subprocess.Popen[str], expected: list[str]) -> None:
        """Wait for a command's end; ``…`` stands for anything, alone on a line for any lines."""
        out, _ = process.communicate(timeout=60)
        self.status = process.returncode
        # The machine's own datagram queue is not the page's matter.
        out, short = re.subn(r"warning +max_dgram_qlen.*\n.*sysctl.*\n", "", out)
        out = out.replace("1 warning\n", "all is well\n") if short else out
        shown = out.replace(f"{self.folder}/", "/tmp/").rstrip("\n")
        # The folder's name is longer than /tmp: what a column is filled up with differs.
        shown, *expected = (re.sub(" {2,}", "  ", text) for text in (shown, *expected))
        pattern = "".join(
            r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in expected
        )
        assert re.fullmatch(pattern, shown + "\n"), f"{process.args}: {shown!r} is not {expected!r}"


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    """A shell beside a project, its collector (rsyslog) and what the page's examples need."""
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())

        def make(daemon: Collector) -> str:
            return printed("rsyslog", "--url", f"{folder}/log", "--folder", str(folder))

        stack.enter_context(Collector("rsyslog", make, (folder / "log").exists))
        (folder / "proj.py").write_text(PROJECT.replace("FOLDER", str(folder)))
        spooling = PROJECT + "app.conf.syslog_spool = 'FOLDER/spool'\n"
        (folder / "spooling.py").write_text(spooling.replace("FOLDER", str(folder)))
        (folder / "capture").write_text(CAPTURE)
        yield Shell(folder)


def commands(block: list[str]) -> Iterator[tuple[str, list[str]]]:
    """A block's commands, each with its output."""
    start = [number for number, line in enumerate(block) if line.startswith("$ ")]
    for here, there in zip(start, [*start[1:], len(block)], strict=True):
        yield block[here][2:], block[here + 1 : there]


def test_examples_print_what_is_shown(shell: Shell) -> None:
    """Every console example, in the page's order."""
    for block in BLOCKS:
        for command, expected in commands(block):
            shell.run(command, expected)
    for process, expected in shell.waiting:
        shell.compare(process, expected)


def test_every_command_has_a_section() -> None:
    """The page's table and sections are the commands there are."""
    listed = set(re.findall(r"^\| \[`([\w-]+)`\]\(#", PAGE, re.MULTILINE))
    sections = set(re.findall(r"^## ([a-z]+)$", PAGE, re.MULTILINE))
    assert listed == sections == set(syslog.list_commands(click.Context(syslog)))


def test_completion_line_works(tmp_path: Path) -> None:
    """The line for bash makes the completion, which knows the commands."""
    (line,) = re.findall(r"```bash\n(.*)\n```", PAGE)
    assert "_CELERY_COMPLETE=bash_source celery" in line
    asked = {"_CELERY_COMPLETE": "bash_complete", "COMP_WORDS": "celery syslog li", "COMP_CWORD": "2"}
    assert "plain,listen" in run(tmp_path, **asked).stdout


_CHANGING = (
    re.compile(r"\d\d:\d\d:\d\d(\.\d+)?"),
    re.compile(r"\[\d+\] *"),
    re.compile(r"\b[0-9a-f]{8}\b|\b[0-9a-f]{12}\b"),
    re.compile(r"\d+\.\d+(e-\d+)?s?|\d+e-\d+"),
)


def steady(text: str) -> set[str]:
    """The lines of a screen that are the same in every recording, on every machine and Python."""
    found = set()
    for line in text.splitlines():
        for pattern in _CHANGING:
            line = pattern.sub("#", line)
        if not re.search(r"│|max_dgram_qlen|\d warning", line):
            found.add(line.rstrip())
    return found


@pytest.mark.parametrize("name", SCREENS)
def test_screens_are_current(name: str) -> None:
    """A recording made now shows the lines of the committed picture (tox run -e docs-screens)."""
    (drawn,) = re.findall(r"<desc>(.*?)</desc>", (DOCS / "img" / f"{name}.svg").read_text(), re.DOTALL)
    for entity, char in (("&gt;", ">"), ("&lt;", "<"), ("&amp;", "&")):
        drawn = drawn.replace(entity, char)
    assert steady(drawn) == steady(plain(record(name)))
