"""Which messages a command shows: by task and its children, by severity, by ident."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from celery_syslog.wire.codes import (
    FACILITIES,
    FACILITY_NAMES,
    SEVERITIES,
    SEVERITY_NAMES,
    facility_code,
    severity_code,
)
from celery_syslog.wire.message import Message

from .show import task_of

__all__ = ["FACILITY", "SEVERITY", "Filter", "filter_options"]

F = TypeVar("F", bound=Callable[..., Any])

#: Tasks remembered as children; the oldest are forgotten.
_KNOWN = 100_000


class _Code(click.ParamType):  # type: ignore[type-arg] # generic since click 8.3 only
    """A severity or facility, by name or number."""

    def __init__(self, name: str, names: tuple[str, ...], parse: Callable[[object], int], known: Any) -> None:
        self.name = name
        self._names = names
        self._parse = parse
        self._known = known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the code."""
        try:
            return self._parse(value)
        except ValueError as error:
            import difflib

            near = difflib.get_close_matches(str(value).lower(), self._known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            self.fail(f"{value!r} is not {error}{hint}", param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the names."""
        del ctx, param
        return [CompletionItem(name) for name in self._names if name.startswith(incomplete)]


SEVERITY = _Code("severity", SEVERITY_NAMES, severity_code, SEVERITIES)
FACILITY = _Code("facility", FACILITY_NAMES, facility_code, FACILITIES)


def filter_options(function: F) -> F:
    """Add --task, --severity and --ident to a command."""
    for option in (
        click.option(
            "--ident", "idents", metavar="IDENT", multiple=True, help="Only of this ident (repeatable)."
        ),
        click.option("--severity", type=SEVERITY, help="Only this severe or worse: err, warning, info …"),
        click.option(
            "--task", metavar="ID", help="Only of this task and its children; the id's start will do."
        ),
    ):
        function = option(function)
    return function


class Filter:
    """Tells which messages are wanted.

    A child is known by its ``root_id`` or ``parent_id``; where messages have no fields (RFC 3164 text)
    only the task's own lines, which name it in their text, are found.
    """

    def __init__(self, task: str | None, severity: int | None, idents: tuple[str, ...]) -> None:
        self._task = task
        self._severity = 7 if severity is None else severity
        self._idents = idents
        self._family: dict[str, None] = {}

    def __call__(self, message: Message) -> bool:
        """Return whether a message is wanted."""
        wanted = self._task is None or self._related(message)
        return (
            wanted
            and message.severity <= self._severity
            and (not self._idents or message.ident in self._idents)
        )

    def _related(self, message: Message) -> bool:
        task_id, _ = task_of(message)
        if task_id is None or self._task is None:
            return False
        if task_id in self._family:
            return True
        line = (task_id, message.param("root_id"), message.param("parent_id"))
        if not any(str(one).startswith(self._task) or one in self._family for one in line if one):
            return False
        self._family[task_id] = None
        if len(self._family) > _KNOWN:
            del self._family[next(iter(self._family))]
        return True
