"""Comparing what a collector received with the known set of lines."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from .celery_project import Project
from .known import EMIT, token
from .line import Line

__all__ = ["Emitted", "check", "counted", "emit_runs"]

_COLOUR = ("\x1b", "#033", "\\x1b", "\\033")


class Emitted:
    """One run of ``proj.emit`` and how it ended."""

    def __init__(self, project: Project, run: str) -> None:
        self.run = run
        self.task_id = project.send("emit", run)
        self._project = project
        self.pid = 0

    def wait(self) -> Emitted:
        """Wait until the task has succeeded."""
        outcome = self._project.outcome(self.task_id)
        assert outcome["state"] == "SUCCESS", outcome
        self.pid = outcome["pid"]
        return self


def emit_runs(project: Project, *runs: str) -> list[Emitted]:
    """Send ``proj.emit`` once for each run, all before waiting for any."""
    return [emitted.wait() for emitted in [Emitted(project, run) for run in runs]]


def check(
    lines: list[Line],
    emitted: Iterable[Emitted] = (),
    *,
    without: Collection[str] = (),
    ident: str = "celery",
) -> None:
    """Assert that each known line came exactly once, with its severity, task and process, uncoloured.

    Lines of the kinds ``without`` must not have come at all.
    """
    problems = [f"coloured: {line.text!r}" for line in lines if any(code in line.text for code in _COLOUR)]
    problems += [f"escape byte in {line.raw!r}" for line in lines if b"\x1b" in line.raw]
    for run in emitted:
        problems += _run_problems(lines, run, without, ident)
    assert not problems, "\n".join([*problems, "--- received:", *(line.text[:160] for line in lines)])


def _run_problems(lines: list[Line], run: Emitted, without: Collection[str], ident: str) -> Iterator[str]:
    for kind, expected in EMIT.items():
        wanted = 0 if kind in without else 1
        found = [line for line in lines if token(kind, run.run) in line.text]
        if len(found) != wanted:
            yield f"{kind} of {run.run} came {len(found)} times instead of {wanted}"
        elif found:
            yield from _line_problems(f"{kind} of {run.run}", found[0], expected, run, ident)
    for kind in ("task-debug", "library-debug"):
        if any(token(kind, run.run) in line.text for line in lines):
            yield f"{kind} came, below the worker's level"
    several = [line.text for line in lines if token("print-several", run.run) in line.text]
    if several and f"several {token('print-several', run.run)} 1" not in several[0]:
        yield f"print of several values was taken apart: {several[0]!r}"
    for word in ("received", "succeeded"):
        count = sum(f"[{run.task_id}] {word}" in line.text for line in lines)
        if count != 1:
            yield f"Celery's {word!r} line of {run.run} came {count} times"


def _line_problems(name: str, line: Line, expected: Any, run: Emitted, ident: str) -> Iterator[str]:
    if line.severity != expected.severity:
        yield f"{name} has severity {line.severity} instead of {expected.severity}"
    if line.facility != 1:
        yield f"{name} has facility {line.facility} instead of 1 (user)"
    if line.ident != ident:
        yield f"{name} has ident {line.ident!r} instead of {ident!r}"
    if line.pid != run.pid:
        yield f"{name} has pid {line.pid} instead of {run.pid}"
    if expected.in_task and not (run.task_id in line.text and "proj.emit" in line.text):
        yield f"{name} lacks the task's id or name: {line.text!r}"


def counted(lines: Iterable[Line], text: str) -> int:
    """Return how many lines contain a text."""
    return sum(text in line.text for line in lines)
