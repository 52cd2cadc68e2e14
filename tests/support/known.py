"""The known set of lines: what one run of the task ``proj.emit`` writes, and what each must become."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["EMIT", "HERMIT", "OUTSIDE", "PRINTED", "Expected", "token"]


class Expected(NamedTuple):
    """The severity a line must have, and whether it was made where the task's id is known."""

    severity: int
    in_task: bool = True


#: Kind of line -> what it must look like, with a worker at level INFO.
EMIT = {
    "task-info": Expected(6),
    "task-warning": Expected(4),
    "task-error": Expected(3),
    "task-critical": Expected(2),
    "task-notice": Expected(5),
    "task-child": Expected(6),
    "library-info": Expected(6),
    "library-warning": Expected(4),
    "library-error": Expected(3),
    "library-critical": Expected(2),
    "library-traceback": Expected(3),
    "celery-logger": Expected(6),
    "warning": Expected(4),
    "hermit": Expected(6),
    "thread": Expected(6, in_task=False),
    "print": Expected(6),
    "print-several": Expected(6),
    "print-pieces": Expected(6),
    "print-unfinished": Expected(6),
    "stderr": Expected(4),
}

#: The kinds that the main process and beat write outside any task, and their severity. The unfinished
#: line is sent when the process ends.
OUTSIDE = {"log": 6, "print": 6, "stderr": 4, "unfinished": 6}

#: The kinds that come from stdout and stderr.
PRINTED = frozenset({"print", "print-several", "print-pieces", "print-unfinished", "stderr"})

#: The kinds that come from a logger which keeps its records to itself.
HERMIT = frozenset({"hermit"})


def token(kind: str, run: str) -> str:
    """Return the text that finds one line of one run, and no other."""
    return f"<{kind}:{run}>"
