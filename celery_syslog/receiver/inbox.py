"""What a receiver has got: raw messages kept within bounds, decoded when somebody looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import datetime

from ..wire.decode import decode
from ..wire.message import Message
from .limits import Limits

__all__ = ["Inbox"]

#: Messages decoded between two looks at the lock, so that the reading thread never waits for long.
_CHUNK = 1000


class Inbox:
    """The messages of one receiver, filled by its thread and read by any other.

    A message's number counts from the first ever received; clearing or giving up old ones never
    changes the numbers of the others, so a reader can keep its place.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._changed = threading.Condition()
        self._decoding = threading.Lock()
        self._raw: list[bytes] = []
        self._decoded: list[Message] = []  # the first of _raw, as far as anybody looked
        self._first = 0  # the number of _raw[0]
        self._cleared = 0
        self._bytes = 0
        self._dropped: dict[str, int] = {}
        self._wake_at: float = float("inf")
        self.closed = False
        self.detail = ""

    def add(self, batch: Sequence[bytes]) -> None:
        """Take in what was read at one go, and wake those who waited for it."""
        with self._changed:
            self._raw += batch
            self._bytes += sum(map(len, batch))
            if len(self._raw) > self._limits.messages or self._bytes > self._limits.memory:
                self._give_up()
            # One wake-up for each batch would cost a busy sender's receiver half its speed.
            if self._first + len(self._raw) >= self._wake_at:
                self._wake()

    def drop(self, reason: str, count: int = 1, detail: str = "") -> None:
        """Count what was not taken in, or only in part; ``detail`` of the last one is kept."""
        with self._changed:
            self.detail = detail or self.detail
            self._dropped[reason] = self._dropped.get(reason, 0) + count

    def _give_up(self) -> None:
        # A sixteenth at a time: taking from the front of a list costs as much as the list is long.
        limits = self._limits
        cut = len(self._raw) - limits.messages
        cut = cut + limits.messages // 16 if cut > 0 else 0
        kept = self._bytes - sum(map(len, self._raw[:cut]))
        if kept > limits.memory:
            while kept > limits.memory - limits.memory // 16:
                kept -= len(self._raw[cut])
                cut += 1
        self._bytes = kept
        self._forget(cut)
        self._dropped["memory"] = self._dropped.get("memory", 0) + cut

    def _forget(self, count: int) -> None:
        self._first += count
        del self._raw[:count]
        del self._decoded[:count]

    def clear(self) -> None:
        """Forget every message and every count."""
        with self._changed:
            self._forget(len(self._raw))
            self._cleared, self._bytes = self._first, 0
            self._dropped.clear()
            self.detail = ""
            self._wake()

    def close(self, closed: bool = True) -> None:
        """Let nobody wait any longer, as nothing comes any more; or take that back."""
        with self._changed:
            self.closed = closed
            self._wake()

    def _wake(self) -> None:
        self._wake_at = float("inf")
        self._changed.notify_all()

    def _wait(self, number: int, deadline: float | None) -> bool:
        """Wait (lock held) until message ``number`` may be here; False when that is over."""
        if self.closed:
            return False
        left = threading.TIMEOUT_MAX if deadline is None else deadline - time.monotonic()
        if left <= 0:
            return False
        self._wake_at = min(self._wake_at, number)
        self._changed.wait(min(left, threading.TIMEOUT_MAX))
        return True

    @property
    def received(self) -> int:
        """Messages taken in since the last clear, given up ones included."""
        with self._changed:
            return self.end - self._cleared

    @property
    def end(self) -> int:
        """The number the next message will have."""
        with self._changed:
            return self._first + len(self._raw)

    @property
    def dropped(self) -> dict[str, int]:
        """What was not kept, by reason."""
        with self._changed:
            return dict(self._dropped)

    @property
    def raw(self) -> list[bytes]:
        """The messages as they came."""
        with self._changed:
            return list(self._raw)

    @property
    def messages(self) -> list[Message]:
        """The messages, decoded."""
        self._decode(self.end)
        with self._changed:
            return list(self._decoded)

    def _decode(self, end: int) -> None:
        """Decode what is here before message ``end``, without keeping the reading thread waiting."""
        with self._decoding:
            while True:
                with self._changed:
                    done = len(self._decoded)
                    start = self._first + done
                    chunk = self._raw[done : done + min(_CHUNK, max(0, end - start))]
                if not chunk:
                    return
                # RFC 3164 tells neither year nor zone: taken to be today's and this machine's.
                now = datetime.now().astimezone()
                found = [decode(data, now=now) for data in chunk]
                with self._changed:
                    # What was cleared or given up in the meantime has moved _first past start.
                    self._decoded += found[max(0, self._first - start) :]

    def wait_count(self, count: int, deadline: float | None) -> bool:
        """Wait until ``count`` messages are here; False when the deadline passes first."""
        with self._changed:
            while len(self._raw) < count:
                if not self._wait(self._first + count, deadline):
                    return False
        return True

    def after(self, number: int, deadline: float | None) -> tuple[int, list[Message]]:
        """Return some messages from ``number`` on and where to go on; none at the deadline or close."""
        while True:
            with self._changed:
                while self.end <= number:
                    if not self._wait(number + 1, deadline):
                        return number, []
                number = max(number, self._first)
                end = min(self.end, number + _CHUNK)
            self._decode(end)
            with self._changed:
                start = max(number, self._first)
                found = self._decoded[start - self._first : max(0, end - self._first)]
            if found:
                return end, found
