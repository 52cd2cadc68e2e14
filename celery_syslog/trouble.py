"""Our own trouble, told on the real stderr and never through logging, at most once a minute a kind."""

from __future__ import annotations

import sys
import time

__all__ = ["INTERVAL", "tell"]

#: Seconds between two lines of one kind.
INTERVAL = 60.0

_last: dict[str, float] = {}
_held: dict[str, int] = {}


def tell(kind: str, text: str) -> None:
    """Write one line to the real stderr unless one of this kind went out in the last minute.

    Lines held back are counted and the count goes out with the next one. Never raises: a closed or
    missing stderr (``pythonw``, a daemon) just loses the line.
    """
    now = time.monotonic()
    if now - _last.get(kind, -INTERVAL) < INTERVAL:
        _held[kind] = _held.get(kind, 0) + 1
        return
    _last[kind] = now
    held = _held.pop(kind, 0)
    again = f" ({held} more like it in between)" if held else ""
    stream = sys.__stderr__
    if stream is None:
        return
    try:
        stream.write(f"celery-syslog: {text}{again}\n")
        stream.flush()
    except (OSError, ValueError, RuntimeError):
        pass  # nowhere left to say it


def forget() -> None:
    """Start afresh, so that the next line of every kind goes out; for a forked child and for tests."""
    _last.clear()
    _held.clear()
