"""The README's first screen, run as it stands: only the broker's and the collector's places are changed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.inbox import Inbox
from support.process import environment
from support.rabbitmq import RabbitMq
from support.waiting import short_folder, wait_until

README = Path(__file__).parents[2] / "README.md"

_CHANGING = (
    (re.compile(r"[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"\[\d+\]"), "[PID]"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
)


def blocks(language: str) -> list[str]:
    """The README's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)


def steady(line: str) -> str:
    """A line without its time, process and task id."""
    for pattern, word in _CHANGING:
        line = pattern.sub(word, line)
    return line


@pytest.mark.xdist_group("rabbitmq")
def test_first_screen_does_what_it_shows(collector: Inbox, rabbitmq: RabbitMq) -> None:
    """The project and the command of the README give, among others, exactly the lines it shows."""
    project, command = blocks("python")[0], blocks("bash")[1]
    assert command.startswith("celery -A proj worker ")
    project = project.replace("amqp://localhost", rabbitmq.url)
    project = project.replace("/dev/log", collector.url.removeprefix("unix://"))
    with short_folder() as folder:
        (folder / "proj.py").write_text(project)
        env = environment(folder)
        celery = [sys.executable, "-m", "celery", "-A", "proj"]
        with (folder / "console").open("w") as console:
            worker = subprocess.Popen(
                [*celery, *command.split()[3:], "--concurrency", "1"],
                cwd=folder,
                env=env,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        try:
            call = [*celery, "call", "proj.add", "--args", "[2, 3]"]
            subprocess.run(call, cwd=folder, env=env, check=True, capture_output=True)
            wait_until(
                lambda: any(b"a print" in raw for raw in collector.receiver.raw),
                "the task's lines",
                detail=(folder / "console").read_text,
            )
        finally:
            worker.terminate()
            worker.wait(60)
    received = [steady(raw.decode()) for raw in collector.receiver.raw]
    for line in blocks("text")[0].splitlines():
        assert received.count(steady(line)) == 1, received


def test_links_lead_somewhere() -> None:
    """Every relative link of the README and the docs names a file that is there."""
    dead = []
    for page in [README, *README.parent.glob("docs/**/*.md"), *README.parent.glob("example_project/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                dead.append(f"{page.name}: {target}")
    assert not dead


def python_blocks() -> list[tuple[str, str]]:
    """Each complete Python block of the settings page."""
    page = README.parent / "docs" / "settings.md"
    return [(page.name, code) for code in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)]


@pytest.mark.parametrize(("page", "code"), python_blocks())
def test_python_blocks_run(page: str, code: str, run_code: Callable[[str], str]) -> None:
    """A Python block of the docs runs as it stands."""
    run_code(code)


@pytest.fixture
def run_code(tmp_path: Path) -> Callable[[str], str]:
    """Run code in an interpreter of its own, with warnings as errors."""

    def run(code: str) -> str:
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment(tmp_path),
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run
