"""The live view of events: on a terminal a table that is drawn over and over, else a line an event."""

import os
import shutil
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import TextIO

from .board import STATES, Board, Change
from .show import Screen

__all__ = ["Live"]

#: Seconds between two drawings, so that a busy worker costs the terminal no more than an idle one.
PAUSE = 0.2
#: How many of the last events are shown below the table.
LAST = 8

_STYLES = {"retried": "warning", "failed": "bad", "rejected": "bad", "revoked": "warning"}


class Live:
    """Writes to a stream; ``draw`` may be called as often as you like."""

    def __init__(self, stream: TextIO) -> None:
        self.screen = Screen(stream)
        self.live = self.screen.live
        self._last: deque[Change] = deque(maxlen=LAST)
        self._drawn = 0
        self._next = 0.0

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self._write(text)

    def show(self, change: Change) -> None:
        """Take up an event; away from a terminal, write it at once."""
        self._last.append(change)
        if not self.live:
            self._write(self._line(change))

    def draw(self, board: Board, now: bool = False) -> None:
        """Draw the table over the one before, if it is time."""
        if not self.live or (time.monotonic() < self._next and not now):
            return
        self._next = time.monotonic() + PAUSE
        size = shutil.get_terminal_size((100, 24))
        lines = [*self._table(board, size.columns), "", *map(self._line, self._last)]
        # One row stays free for the cursor: a terminal that scrolls could not be drawn over.
        shown = lines[: size.lines - 1]
        self._write("\n".join(shown))
        self._drawn = len(shown)

    def close(self) -> None:
        """Leave what is drawn where it is."""
        self._drawn = 0

    def _write(self, text: str) -> None:
        """Write over what is drawn; end the process, with status 1, if nobody reads it any more."""
        try:
            if self._drawn:
                self.screen.stream.write(f"\x1b[{self._drawn}F\x1b[J")
                self._drawn = 0
            self.screen.say(text)
        except BrokenPipeError:
            # Not passed on: to Kombu it would look like a lost connection, to be made again and again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.screen.stream.fileno())
            raise SystemExit(1) from None

    def _table(self, board: Board, width: int) -> Iterator[str]:
        counts = board.counts()
        columns = [state for state in STATES if any(row[state] for row in counts.values())]
        room = max(width - 11 * len(columns) - 3, 12)
        paint = self.screen.paint
        heads = "".join(f"{state:>11}" for state in columns)
        workers = f"{len(board.workers)} worker{'' if len(board.workers) == 1 else 's'}"
        yield paint(f"  {workers:<{room}}{heads}", "bold")
        for name, row in {**counts, "all": sum(counts.values(), Counter[str]())}.items():
            cells = "".join(self._cell(row[state], state) for state in columns)
            yield f"  {_tail(name, room - 1):<{room}}{cells}"

    def _cell(self, count: int, state: str) -> str:
        text = f"{count or '.':>11}"
        return self.screen.paint(text, _STYLES.get(state, "") if count else "dim")

    def _line(self, change: Change) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(change.time))
        took = "" if change.seconds is None else f"  {change.seconds:.3f} s"
        state = self.screen.paint(f"{change.state:<9}", _STYLES.get(change.state, ""))
        text = f"{change.name}[{change.id}]{took}  {change.worker}"
        # Whatever a name holds, it must not steer the terminal.
        text = "".join(char if char.isprintable() else "?" for char in text)
        if self.live:
            text = text[: max(shutil.get_terminal_size((100, 24)).columns - 23, 20)]
        return f"  {clock}  {state}  {text}"


def _tail(text: str, room: int) -> str:
    """Return the end of a name that is too long: that is where names differ."""
    clean = "".join(char if char.isprintable() else "?" for char in text)
    return clean if len(clean) <= room else f"…{clean[1 - room :]}"
