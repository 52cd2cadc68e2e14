"""Which lines are expected: declared by hand for every task, and never taken from what the worker says."""

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["LAST_WORDS", "LINES", "POLL_AGAIN", "POLL_RECEIVED", "UNCOUNTED", "Line"]


class Line(NamedTuple):
    """One line: its severity, text that only it contains, and how many of it a task makes.

    In the text ``*`` stands for anything, ``{pid}`` for a process that said its LAST_WORDS. An
    ``anonymous`` line comes from a process that need not know which task it is about: it is counted by
    job, all rounds together.
    """

    severity: str
    text: str
    times: int = 1
    anonymous: bool = False


# Celery's own lines about a task.
RECEIVED = Line("info", "] received")
SUCCEEDED = Line("info", "] succeeded in ")


def ends_well(*lines: Line) -> tuple[Line, ...]:
    """Return the lines of a task that succeeds: its own, and Celery's before and after."""
    return (RECEIVED, *lines, SUCCEEDED)


# Celery counts a chord's members by a task of its own when the result backend cannot: it asks again
# and again whether they are done. How often depends on the clock, so each further time adds two lines
# to what is expected: it says that it will retry, and it is received again.
POLL_RECEIVED = Line("info", "celery.chord_unlock[*] received", anonymous=True)
POLL_AGAIN = Line("info", "celery.chord_unlock[*] retry: Retry in ", times=0, anonymous=True)
POLL_SUCCEEDED = Line("info", "celery.chord_unlock[*] succeeded in ", anonymous=True)

# The pool's line about a killed process names no task, only the process: the one of this line.
LAST_WORDS = Line("crit", "killed: last words")

#: Whether the pool also tells of a process that it killed itself, on a hard time limit, depends on its
#: version and on how fast the process dies. Such a line is welcome and not counted.
UNCOUNTED = "exited with 'signal "

#: The lines of a task, by the last part of its id (see ``plan.py``).
LINES: Mapping[str, tuple[Line, ...]] = {
    "worker": (Line("info", "@* ready.", anonymous=True),),
    "levels": ends_well(
        Line("debug", "debug: for the developer"),
        Line("info", "info: for the record"),
        Line("warning", "warning: look at this some day"),
        Line("err", "error: look at this today"),
        Line("crit", "critical: look at this now"),
    ),
    "prints": ends_well(
        Line("info", "print: three pieces one line"),
        Line("warning", "stderr: a line of its own level"),
        Line("info", "progress: 100 %"),
        Line("info", "unfinished: no line break, sent at the task's end"),
    ),
    "libraries": ends_well(
        Line("info", "library: connected"),
        Line("err", "library: lost the connection"),
        Line("warning", "UserWarning: old ways of calling"),
    ),
    "texts": ends_well(
        Line("info", "unicode: Grüße, 你好, שלום, 🐇"),
        Line("info", "two lines:#012<0>forged: still the same record"),
        Line("info", "colour: #033[31mred#033[0m arrives as text"),
        Line("info", f"long: {'over 8 KiB ' * 900} :end of long"),
    ),
    "handles": ends_well(Line("err", "handled: there is no answer*Traceback*KeyError: 'life'")),
    "raises": (
        RECEIVED,
        Line("err", "] raised unexpected: ValueError('raised and not caught')*Traceback"),
    ),
    "declares": (
        RECEIVED,
        Line("info", "] raised expected: LookupError('nobody home, as may happen')"),
    ),
    "retries": (
        Line("info", "] received", times=3),
        Line("info", "attempt 1 of 3"),
        Line("info", "attempt 2 of 3"),
        Line("info", "attempt 3 of 3"),
        Line("info", "] retry: Retry in 0.1s: ConnectionError('not yet')", times=2),
        SUCCEEDED,
    ),
    "chain.1": ends_well(Line("info", "1 + 1")),
    "chain.2": ends_well(Line("info", "2 + 2")),
    "chain.3": ends_well(Line("info", "4 + 3")),
    "group.1": ends_well(Line("info", "1 + 1")),
    "group.2": ends_well(Line("info", "2 + 1")),
    "group.3": ends_well(Line("info", "3 + 1")),
    "chord.1": ends_well(Line("info", "1 + 1")),
    "chord.2": ends_well(Line("info", "2 + 2")),
    "chord.3": ends_well(Line("info", "3 + 3")),
    "chord.sum": ends_well(Line("info", "3 numbers, total 12")),
    "chord": (POLL_RECEIVED, POLL_AGAIN, POLL_SUCCEEDED),
    "asked": ends_well(Line("info", "asked: drawer?")),
    "slow": ends_well(
        Line("info", "slow: working"),
        Line("warning", "Soft time limit (1s) exceeded for "),
        Line("warning", "slow: told to stop, tidying up"),
    ),
    "stuck": (
        RECEIVED,
        Line("info", "stuck: working"),
        Line("err", "Hard time limit (2s) exceeded for "),
        Line("err", "Task handler raised error: TimeLimitExceeded(2", anonymous=True),
    ),
    "killed": (
        RECEIVED,
        LAST_WORDS,
        Line("err", "pid:{pid} exited with 'signal 9 (SIGKILL)'", anonymous=True),
        Line("err", "Task handler raised error: WorkerLostError(", anonymous=True),
    ),
}
