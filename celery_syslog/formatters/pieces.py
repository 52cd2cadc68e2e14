"""What recurs of messages: for a run of a task, a level and a logger, and for one second of those."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .jsonbody import JsonWriter

__all__ = ["Pieces", "Recurring"]


class Pieces:
    """Messages of one second, but for the text, the microseconds and the fields of a single record.

    Without ``form`` a message is ``start``, text, ``after``; with it, what the form makes of stamp, fields
    and text: in this order or, with a writer of ``json``, the fields last and a stamp for each timestamp.
    """

    __slots__ = ("after", "fields", "form", "json", "start")

    def __init__(self, recurring: Recurring, head: bytes, structured: bool, iso: str) -> None:
        """Render for a second whose messages begin with ``head``; ``iso`` is its text in ISO 8601."""
        self.fields, self.json = recurring.fields, recurring.json
        self.start, self.after = head + recurring.opening, recurring.rest
        self.form: bytes | None = None
        if structured or self.json is not None:
            self.form = literal(head) + (b"%06d" if structured else b"") + recurring.opening
            self.form += (
                recurring.rest if self.json is None else b"%b.%%06d%b" % (iso.encode(), recurring.rest)
            )


class Recurring(NamedTuple):
    """Messages whose second is not known yet: ``opening`` and ``rest`` are before and after its text.

    ``fields`` is what stands for the user's fields when a record brings none.
    """

    opening: bytes
    rest: bytes
    fields: bytes = b""
    json: JsonWriter | None = None


def literal(data: bytes) -> bytes:
    """Return bytes as a %-format has them."""
    return data.replace(b"%", b"%%")
