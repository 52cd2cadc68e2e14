"""The settings page is written from the declaration, so it cannot go stale.

``CELERY_SYSLOG_WRITE_DOCS=1 pytest tests/docs`` writes the table anew.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from celery_syslog.settings import PREFIX, SETTINGS, Settings
from celery_syslog.wire.codes import FACILITY_NAMES

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
BEGIN, END = (re.compile(rf"<!-- settings table: {word}.*?-->") for word in ("begin", "end"))


def shown(name: str, value: object) -> str:
    """A default as the page shows it."""
    if name == "url":
        return "the local socket"
    if name == "facility":
        return f'`"{FACILITY_NAMES[int(str(value))]}"`'
    if name.endswith("_level"):
        return f'`"{logging.getLevelName(int(str(value)))}"`'
    if name == "spool_size":
        return '`"64 MiB"`'
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    return f"`{text}`"


def table() -> str:
    """The table of every setting."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for name, value in zip(Settings._fields, Settings(), strict=True):
        default = "`None`" if value is None else shown(name, value)
        rows.append(f"| `{PREFIX}{name}` | {default} | {SETTINGS[name].doc} |")
    return "\n".join(rows)


def test_table_is_the_declaration() -> None:
    """Every setting stands on the page with its default and its meaning, as declared."""
    text = PAGE.read_text()
    begin, end = BEGIN.search(text), END.search(text)
    assert begin is not None
    assert end is not None
    if os.environ.get("CELERY_SYSLOG_WRITE_DOCS"):
        PAGE.write_text(f"{text[: begin.end()]}\n{table()}\n{text[end.start() :]}")
    else:
        assert text[begin.end() : end.start()].strip() == table()
