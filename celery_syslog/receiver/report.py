"""The words for a wait that failed: what was awaited, and what came instead."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..wire.message import Message

if TYPE_CHECKING:
    from .receiver import SyslogReceiver

__all__ = ["complaint", "losses"]

_SHOWN = 5
_WIDTH = 200


def complaint(receiver: SyslogReceiver, expected: int | Callable[[Message], object], waited: str) -> str:
    """Return the text of a WaitTimeout: how long, for what, where, and the last messages that came."""
    messages = receiver.messages
    state = "" if receiver.state == "reading" else f" ({receiver.state})"
    text = f"{waited} for {_awaited(expected)} on {receiver.url}{state}; "
    text += f"{len(messages) or 'none'} came{losses(receiver.dropped)}"
    if receiver.trouble:
        text += f"\n  last trouble: {receiver.trouble}"
    if len(messages) > _SHOWN:
        text += f"; the last {_SHOWN}:"
    return "\n  ".join([text, *map(_line, messages[-_SHOWN:])])


def losses(dropped: Mapping[str, int]) -> str:
    """Return ", dropped 3 framing, 1 cut", or nothing when nothing was dropped."""
    return ", dropped " + ", ".join(f"{n} {reason}" for reason, n in dropped.items()) if dropped else ""


def _awaited(expected: int | Callable[[Message], object]) -> str:
    if isinstance(expected, int):
        return f"{expected} message{'s' if expected != 1 else ''}"
    name = getattr(expected, "__name__", repr(expected))
    code = getattr(expected, "__code__", None)
    place = f" ({os.path.basename(code.co_filename)}:{code.co_firstlineno})" if code else ""
    return f"a message that satisfies {name}{place}"


def _line(message: Message) -> str:
    line = f"{message.severity_name} {message.app_name or '-'}: {message.msg!r}"
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."
