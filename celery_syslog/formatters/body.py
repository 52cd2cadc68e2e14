"""The message part as text: whole, cut into parts, or cut short."""

from __future__ import annotations

import logging
import re
from typing import Protocol

from ..settings import Settings
from ..wire.escape import escape
from ..wire.parts import cut_text, head_of, marker
from .facts import Facts
from .redact import Redactor
from .text import TextFormat, fill

__all__ = ["Body", "FormatterWriter", "TextBody", "TextWriter", "Writer", "cut_mark"]

_LINE_END = re.compile(r"\r\n|\n|\r")

#: How long "...[N bytes cut]" can get.
MARK_LENGTH = 32


class Body(Protocol):
    """The bytes of one message part."""

    data: bytes

    def chunks(self, room: int, label: str) -> list[bytes]:
        """Return the body cut so that every part, labelled like ``label``, fits ``room`` bytes."""

    def part(self, label: str, chunk: bytes) -> bytes:
        """Return a chunk as the body of a message of its own."""

    def truncated(self, room: int) -> bytes:
        """Return the body cut short to fit ``room`` bytes, with a mark that tells how much went."""


class Writer(Protocol):
    """Makes message parts of facts.

    ``tells_extra``: the user's fields are all in them. ``recurring``: but for these, the text and the time,
    they recur from record to record.
    """

    tells_extra: bool
    recurring: bool

    def write(self, facts: Facts) -> list[Body]:
        """Return the bodies of the messages a record becomes, usually one."""


def cut_mark(count: int) -> bytes:
    """Return the mark of a body cut short by ``count`` bytes."""
    return b"...[%d bytes cut]" % count


class TextBody:
    """Text with a beginning that every part repeats."""

    def __init__(self, before: bytes, text: bytes) -> None:
        self.before = before
        self.text = text
        self.data = before + text

    def chunks(self, room: int, label: str) -> list[bytes]:
        """Cut the text, at line ends where possible."""
        if len(self.before) > room // 4:
            self.before, self.text = b"", self.data
        return cut_text(self.text, room - len(self.before) - len(marker(label)))

    def part(self, label: str, chunk: bytes) -> bytes:
        """Return beginning, marker and chunk."""
        return self.before + marker(label) + chunk

    def truncated(self, room: int) -> bytes:
        """Keep the start of the text."""
        kept = head_of(self.data, room - MARK_LENGTH)
        return kept + cut_mark(len(self.data) - len(kept))


class TextWriter:
    """Writes by a %-style format."""

    tells_extra = False

    def __init__(self, form: TextFormat, settings: Settings, redactor: Redactor | None) -> None:
        self.form = form
        self.recurring = form.recurring
        self._multiline = settings.multiline
        self._redactor = redactor

    def ends(self, facts: Facts) -> tuple[bytes, bytes]:
        """Return what stands before and after the message, as long as the format recurs."""
        before, after = self._ends(facts)
        keep = self._multiline == "keep"
        return escape(before, keep), escape(after, keep)

    def _ends(self, facts: Facts) -> tuple[str, str]:
        values = self.form.values(facts.record, self._fields(facts))
        before, after = fill(self.form.before, values), fill(self.form.after, values)
        if self._redactor is not None:
            before, after = self._redactor.text(before), self._redactor.text(after)
        return before, after

    def write(self, facts: Facts) -> list[Body]:
        """Return one body, or one a line with ``split``; traceback and stack come after the text."""
        if self.form.cut:
            before, after = self._ends(facts)
            text = facts.message + after
        else:
            values = self.form.values(facts.record, self._fields(facts))
            values["message"] = facts.message
            before, text = "", fill(self.form.text, values)
            text = self._redactor.text(text) if self._redactor else text
        if facts.trouble.text:
            text = f"{text}\n{facts.trouble.text}"
        return bodies(before, text, self._multiline)

    def _fields(self, facts: Facts) -> dict[str, object]:
        task = facts.task.fields() if facts.task else {}
        return {**facts.masked, **task, **facts.fields()}


class FormatterWriter:
    """Writes by any ``logging.Formatter``."""

    tells_extra = False

    def __init__(self, formatter: logging.Formatter, settings: Settings, redactor: Redactor | None) -> None:
        self._formatter = formatter
        self._multiline = settings.multiline
        self._redactor = redactor

    def write(self, facts: Facts) -> list[Body]:
        """Return what the formatter makes of a copy of the record, since formatters write to theirs."""
        record = logging.makeLogRecord({**facts.record.__dict__, **facts.masked})
        text = str(self._formatter.format(record))
        return bodies("", self._redactor.text(text) if self._redactor else text, self._multiline)


def bodies(before: str, text: str, multiline: str) -> list[Body]:
    """Return the bodies of a text: one, or with ``split`` one for each line that is not blank."""
    keep = multiline == "keep"
    start = escape(before, keep)
    if multiline != "split" or not ("\n" in text or "\r" in text):
        return [TextBody(start, escape(text, keep))]
    lines = [line for line in _LINE_END.split(text) if line.strip()] or [""]
    return [TextBody(start, escape(line)) for line in lines]
