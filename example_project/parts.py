"""Putting a line together again that was too long for one message."""

import re

from .tally import Seen

__all__ = ["Parts"]

#: What the package writes before each part of a text, between the format's beginning and the text.
_PART = re.compile(r"\(part (\d+)/(\d+)\) ")


class Parts:
    """Holds the parts of long lines, one line a process at a time, until the last one is here."""

    def __init__(self) -> None:
        self._held: dict[str, list[str]] = {}

    def whole(self, seen: Seen) -> Seen | None:
        """Return the line, whole; None for a part that others follow.

        A part out of turn comes back as it is: nobody expects such a line, so it will be noticed.
        """
        found = _PART.search(seen.text)
        if not found:
            return seen
        number, count = int(found[1]), int(found[2])
        # Every part repeats the beginning; it is needed once.
        text = (
            seen.text[found.end() :] if number > 1 else seen.text[: found.start()] + seen.text[found.end() :]
        )
        held = self._held.setdefault(seen.pid, [])
        if number != len(held) + 1:
            self._held.pop(seen.pid)
            return seen
        held.append(text)
        if number < count:
            return None
        return seen._replace(text="".join(self._held.pop(seen.pid)))
