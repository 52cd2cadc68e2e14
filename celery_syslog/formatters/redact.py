"""Masking of secrets: by field name, and by pattern in any text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..events import MASK
from .values import plain

__all__ = ["Redactor"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


class Redactor:
    """Masks what ``syslog_redact`` names.

    An item that is a plain word is a field name, whatever its case: the field's value is masked wherever
    it is nested, and so is what follows ``name=`` or ``name:`` in a text. Any other item is a regular
    expression: its groups are masked or, if it has none, all that it matches.
    """

    def __init__(self, items: Sequence[str]) -> None:
        names = [item for item in items if _NAME.fullmatch(item)]
        self._names = frozenset(name.lower() for name in names)
        self._patterns = [re.compile(item) for item in items if not _NAME.fullmatch(item)]
        words = "|".join(map(re.escape, names))
        # The value is a quoted string, or runs to the next space, comma, bracket or '&'.
        self._assigned = re.compile(
            rf"""(?i)(?<![A-Za-z0-9])((?:{words})["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&)\]}}"']+)"""
        )

    def text(self, text: str) -> str:
        """Return a text with what is secret in it masked."""
        if self._names:
            text = self._assigned.sub(_mask_assigned, text)
        for pattern in self._patterns:
            text = pattern.sub(_mask_match, text)
        return text

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return fields, as plain JSON values, with the secret ones masked at every depth."""
        return {name: self._field(name, plain(value)) for name, value in fields.items()}

    def _field(self, name: str, value: Any) -> Any:
        return MASK if name.lower() in self._names else self._value(value)

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._field(name, inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner) for inner in value]
        if value is None or isinstance(value, bool):
            return value
        shown = str(value)
        masked = self.text(shown)
        return value if masked == shown else masked


def _mask_assigned(match: re.Match[str]) -> str:
    quote = match[2][0] if match[2][0] in "\"'" else ""
    return f"{match[1]}{quote}{MASK}{quote}"


def _mask_match(match: re.Match[str]) -> str:
    if match.re.groups == 0:
        return MASK
    text, start = match[0], match.start()
    spans = sorted({span for span in match.regs[1:] if span[0] >= 0 and span[1] > span[0]}, reverse=True)
    limit = match.end()
    for begin, end in spans:
        if start <= begin and end <= limit:
            text = text[: begin - start] + MASK + text[end - start :]
            limit = begin
    return text
