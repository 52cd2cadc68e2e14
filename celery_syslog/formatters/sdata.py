"""The structured data of a record: ``[celery@PEN ...]`` is ours, ``[extra@PEN ...]`` the user's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ..wire.sd import clean_name, quote
from .facts import Facts
from .values import as_text

__all__ = ["StructuredData"]

#: What values are cut to, in characters, until structured data fits.
_LENGTHS = (None, 1024, 256, 64, 16)


class StructuredData:
    """Renders facts as SD-ELEMENTs, those of a task once per run of the task."""

    def __init__(self, enterprise_id: str) -> None:
        self._celery = clean_name(f"celery@{enterprise_id}").encode()
        self._extra = clean_name(f"extra@{enterprise_id}").encode()

    def render(self, facts: Facts, part: str = "", limit: int | None = None) -> bytes:
        """Return STRUCTURED-DATA, of ``limit`` bytes at most.

        To keep to a limit long values are cut, then the user's fields left out, then all but ``part``.
        """
        for length in _LENGTHS:
            data = self.ours(facts, part, length) + self.theirs(facts.extra, length) or b"-"
            if limit is None or len(data) <= limit:
                return data
        data = self.ours(facts, part, _LENGTHS[-1]) or b"-"
        if len(data) > (limit or 0):
            data = b'[%b part="%b"]' % (self._celery, part.encode()) if part else b"-"
        return data

    def ours(self, facts: Facts, part: str = "", length: int | None = None) -> bytes:
        """Return the element of the task, b"" if there is nothing in it."""
        about = {**facts.about, "part": part} if part else facts.about
        params = self._task(facts) + _params(about, length)
        return b"[%b%b]" % (self._celery, params) if params else b""

    def theirs(self, extra: Mapping[str, Any], length: int | None = None) -> bytes:
        """Return the element of the user's fields, b"" if there are none."""
        return b"[%b%b]" % (self._extra, _params(extra, length)) if extra else b""

    def _task(self, facts: Facts) -> bytes:
        if facts.task is None or not facts.task_fields:
            return b""
        found: bytes | None = facts.task.cache.get(self)
        if found is None:
            found = facts.task.cache[self] = _params(facts.task_fields, None)
        return found


def _params(fields: Mapping[str, Any], length: int | None) -> bytes:
    params = []
    for name, value in fields.items():
        text = value if type(value) is str else as_text(value)
        if length is not None and len(text) > length:
            text = f"{text[:length]}...[{len(text) - length} characters cut]"
        params.append(b' %b="%b"' % (_name(name), quote(text)))
    return b"".join(params)


@lru_cache(1024)
def _name(name: str) -> bytes:
    return clean_name(name).encode()
