"""What a collector received, as one value whichever collector it was, and waiting for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from .waiting import DEADLINE, wait_until

__all__ = ["Line", "Source", "wait_for_line"]


class Line(NamedTuple):
    """One message: PRI, HOSTNAME, TAG or APP-NAME, PROCID, text and the bytes as far as they are known."""

    pri: int
    hostname: str
    ident: str
    pid: int | None
    text: str
    raw: bytes

    @property
    def severity(self) -> int:
        """The severity code."""
        return self.pri & 7

    @property
    def facility(self) -> int:
        """The facility code."""
        return self.pri >> 3

    @classmethod
    def from_message(cls, message: Any) -> Line:
        """Return the line of a message of the package's own receiver."""
        pri = message.facility * 8 + message.severity
        return cls(pri, message.hostname or "", message.ident or "", message.pid, message.msg, message.raw)


class Source(Protocol):
    """What offers received lines: a daemon or the package's own receiver behind ``Inbox``."""

    @property
    def url(self) -> str: ...

    def lines(self) -> list[Line]: ...


def wait_for_line(
    source: Source, wanted: str | Callable[[Line], bool], count: int = 1, timeout: float = DEADLINE
) -> list[Line]:
    """Return the lines that match (``wanted`` as text: those that contain it) once there are ``count``."""
    matches = wanted if callable(wanted) else lambda line: wanted in line.text

    def found() -> list[Line]:
        lines = [line for line in source.lines() if matches(line)]
        return lines if len(lines) >= count else []

    def detail() -> str:
        return "the last lines are:\n" + "\n".join(line.text[:200] for line in source.lines()[-30:])

    return wait_until(found, f"{count} line(s) with {wanted!r}", timeout=timeout, detail=detail)
