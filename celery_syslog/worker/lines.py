"""Text that comes in pieces made into whole lines, without what a carriage return overwrote."""

from __future__ import annotations

from collections import deque

__all__ = ["LIMIT", "LineBuffer"]

#: Characters after which a line that does not end is cut (64 KiB of ASCII).
LIMIT = 65536


class LineBuffer:
    """The unfinished line of one thread, and the lines that are ready.

    The lines depend on the text alone, never on the pieces it came in:

    - a line ends at ``\\n`` and nowhere else;
    - ``\\r`` starts it over: the last state that was not empty is the line, so ``"10%\\r100%\\n"``
      gives ``100%``, and ``\\r\\n`` is a plain line end;
    - at LIMIT characters it is cut, and goes on as another line;
    - a line without anything to see (empty, or only white space) is left out.

    Pieces and lines are taken by single atomic operations, so a signal handler or another thread
    that writes or flushes in between never sees a piece twice.
    """

    __slots__ = ("_parts", "_size", "lines")

    def __init__(self) -> None:
        self._parts: deque[str] = deque()
        self._size = 0
        self.lines: deque[str] = deque()

    def __bool__(self) -> bool:
        """Whether anything is unfinished or ready."""
        return bool(self._parts or self.lines)

    @property
    def empty(self) -> bool:
        """Whether no unfinished line is held."""
        return not self._parts

    def feed(self, text: str) -> None:
        """Add a piece of text; what it completes is appended to ``lines``."""
        if "\n" in text or "\r" in text or self._size + len(text) >= LIMIT:
            self._split(self._take() + text)
        elif text:
            self._parts.append(text)
            self._size += len(text)

    def pop(self) -> str | None:
        """Take the oldest line that is ready, or None."""
        try:
            return self.lines.popleft()
        except IndexError:
            return None

    def finish(self) -> None:
        """End the unfinished line, as a line feed would."""
        if self._parts:
            self._split(self._take() + "\n")

    def clear(self) -> None:
        """Forget everything."""
        self._take()
        self.lines.clear()

    def _take(self) -> str:
        parts, taken = self._parts, []
        try:
            while parts:
                taken.append(parts.popleft())
        except IndexError:
            pass  # another thread took the last one
        self._size = 0
        return "".join(taken)

    def _split(self, text: str) -> None:
        *whole, rest = text.split("\n")
        for line in whole:
            if "\r" in line or len(line) >= LIMIT:
                line = self._last_state(line)
            self._ready(line)
        if "\r" in rest or len(rest) >= LIMIT:
            # Only the last state is kept, so a bar that turns for hours needs no memory. A return at
            # the very end stays with it: it overwrites nothing until more text comes.
            state = self._last_state(rest)
            rest = state + "\r" if state and rest.endswith("\r") else state
        if rest:
            self._parts.append(rest)
            self._size = len(rest)

    def _last_state(self, line: str) -> str:
        """Return what the line shows after its last return; parts of LIMIT characters become lines."""
        shown = ""
        for state in line.split("\r"):
            whole = len(state) // LIMIT * LIMIT
            for start in range(0, whole, LIMIT):
                self._ready(state[start : start + LIMIT])
            if whole:
                shown = ""
            shown = state[whole:] or shown
        return shown

    def _ready(self, line: str) -> None:
        if line and not line.isspace():
            self.lines.append(line)
