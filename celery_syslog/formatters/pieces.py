"""What recurs of messages: for a run of a task, a level and a logger, and for one second of those."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .jsonbody import JsonWriter

__all__ = ["Pieces", "Recurring"]


class Pieces(NamedTuple):
    """Messages of one second, but for the text, the microseconds and the fields of a single record.

    Without ``form`` a message is ``start``, text, ``after``; with it, what the form makes of stamp, fields
    and text: in this order or, with a writer of ``json``, the fields last and a stamp for each timestamp.
    """

    start: bytes
    after: bytes
    form: bytes | None
    fields: bytes
    json: JsonWriter | None


class Recurring(NamedTuple):
    """Messages whose second is not known yet: ``opening`` and ``rest`` are before and after its text.

    ``fields`` is what stands for the user's fields when a record brings none.
    """

    opening: bytes
    rest: bytes
    fields: bytes = b""
    json: JsonWriter | None = None

    def at(self, head: bytes, structured: bool, iso: str) -> Pieces:
        """Return the pieces for a second, given what its messages begin with and its text in ISO 8601."""
        if not (structured or self.json):
            return Pieces(head + self.opening, self.rest, None, b"", None)
        form = literal(head) + (b"%06d" if structured else b"") + self.opening
        if self.json:
            form += b"%b.%%06d" % iso.encode()
        return Pieces(b"", b"", form + self.rest, self.fields, self.json)


def literal(data: bytes) -> bytes:
    """Return bytes as a %-format has them."""
    return data.replace(b"%", b"%%")
