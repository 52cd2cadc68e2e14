"""The words for a wait that failed: what was awaited, and what came instead."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..wire.message import Message

if TYPE_CHECKING:
    from .receiver import SyslogReceiver

__all__ = ["complaint", "losses"]

_SHOWN = 5
_WIDTH = 200
#: Messages looked at for the nearest ones, the latest of them, and what counts as near (1 is the same).
_SEARCHED = 300
_NEAR = 0.6
_NEAREST = 3


def complaint(receiver: SyslogReceiver, expected: int | Callable[[Message], object], waited: str) -> str:
    """Return the text of a WaitTimeout: how long, for what, where, the nearest and the last messages."""
    messages = receiver.messages
    state = "" if receiver.state == "reading" else f" ({receiver.state})"
    text = f"{waited} for {_awaited(expected)} on {receiver.url}{state}; "
    text += f"{len(messages) or 'none'} came{losses(receiver.dropped)}"
    if receiver.trouble:
        text += f"\n  last trouble: {receiver.trouble}"
    if len(messages) > _SHOWN:
        text += f"; the last {_SHOWN}:"
    nearest = _nearest(_sought(expected), messages[-_SEARCHED:-_SHOWN])
    near = [f"nearest: {_line(message)}" for message in nearest]
    return "\n  ".join([text, *map(_line, messages[-_SHOWN:]), *near])


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


def _sought(expected: Any) -> list[str]:
    """Return the strings a function compares with: those written in it and those it closes over."""
    code = getattr(expected, "__code__", None)
    held = [*(code.co_consts if code else ()), *(getattr(expected, "__defaults__", None) or ())]
    for cell in getattr(expected, "__closure__", None) or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:  # not assigned yet
            continue
    return [value for value in held if isinstance(value, str) and len(value) > 2]


def _nearest(sought: list[str], messages: list[Message]) -> list[Message]:
    """Return the messages with a text most like one that was sought, best first."""
    import difflib

    matcher = difflib.SequenceMatcher(autojunk=False)
    scores = []
    for index, message in enumerate(messages):
        best = 0.0
        for text in filter(None, (message.message, message.event, message.task_name, message.task_id)):
            matcher.set_seq2(text[:_WIDTH])
            for wanted in sought:
                matcher.set_seq1(wanted[:_WIDTH])
                if wanted in text or matcher.quick_ratio() > max(best, _NEAR):
                    best = max(best, 1.0 if wanted in text else matcher.ratio())
        if best >= _NEAR:
            scores.append((-best, -index))
    return [messages[-index] for _, index in sorted(scores)[:_NEAREST]]


def _line(message: Message) -> str:
    """Return severity, sender and text, with event and task where it tells them."""
    line = f"{message.severity_name} {message.app_name or '-'}: {message.message!r}"
    line = line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."
    told = (("event", message.event), ("task_id", message.task_id))
    return line + "".join(f" {name}={text[:_WIDTH]}" for name, text in told if text)
