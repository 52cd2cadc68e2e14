"""What a person sees: lines as they come, progress below them, calm and in colour on a terminal only."""

import os
import shutil
import sys
from typing import TextIO

from .tally import Seen

__all__ = ["Screen", "wants_colour"]

COLOURS = {
    "debug": "2",
    "info": "",
    "notice": "1",
    "warning": "33",
    "err": "31",
    "crit": "1;31",
    "alert": "1;31",
    "emerg": "1;31",
    "dim": "2",
    "good": "32",
    "bad": "1;31",
    "bold": "1",
}

#: Erase the line, go to its start.
_CLEAR = "\r\x1b[2K"


def wants_colour(stream: TextIO) -> bool:
    """Tell whether to colour: on a terminal that can, unless NO_COLOR says no (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Screen:
    """Writes to a terminal or, plainly, to anything else. ``quiet`` leaves out lines and progress."""

    def __init__(self, stream: TextIO | None = None, quiet: bool = False) -> None:
        self.stream = stream or sys.stdout
        self.quiet = quiet
        self.colour = wants_colour(self.stream)
        #: Whether what was written may be written over.
        self.live = self.stream.isatty() and os.environ.get("TERM") != "dumb" and not quiet
        self._status = ""
        encoding = (self.stream.encoding or "ascii").lower().replace("-", "")
        self._blocks = ("█", "░") if encoding == "utf8" else ("#", ".")

    def paint(self, text: str, style: str) -> str:
        """Return the text in a colour, or as it is where there is none."""
        code = COLOURS.get(style, "")
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code else text

    def say(self, text: str = "") -> None:
        """Write a line above the progress."""
        encoding = self.stream.encoding or "ascii"
        safe = text.encode(encoding, "replace").decode(encoding)
        self.stream.write(f"{_CLEAR if self._status else ''}{safe}\n")
        if self._status:
            self.stream.write(self._status)
        self.stream.flush()

    def line(self, seen: Seen, expected: bool) -> None:
        """Show one line that arrived, cut to the width; one of no task of ours is dimmed."""
        if self.quiet:
            return
        # Whatever a line holds, it must not steer the terminal.
        text = "".join(char if char.isprintable() else "?" for char in seen.text)
        width = shutil.get_terminal_size((120, 24)).columns if self.stream.isatty() else 160
        head = f"  {seen.severity:<8}{seen.pid:>7}  "
        room = max(width - len(head) - 1, 20)
        shown = text if len(text) <= room else f"{text[: room - 1]}…"
        style = seen.severity if expected or seen.severity not in ("debug", "info") else "dim"
        self.say(f"{self.paint(head, style)}{self.paint(shown, style)}")

    def progress(self, done: int, of: int, text: str) -> None:
        """Show a bar and a text on the last line of a terminal, over what was there."""
        if not self.live:
            return
        filled = min(20 * done // max(of, 1), 20)
        full, empty = self._blocks
        status = f"  {full * filled}{empty * (20 - filled)} {done}/{of} {text}"
        if status != self._status:
            self.stream.write(f"{_CLEAR}{status}")
            self.stream.flush()
            self._status = status

    def end_progress(self) -> None:
        """Take the bar away."""
        if self._status:
            self.stream.write(_CLEAR)
            self.stream.flush()
            self._status = ""
