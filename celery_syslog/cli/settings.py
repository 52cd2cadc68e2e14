"""``celery -A proj syslog settings``: what is in effect, and where each value comes from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import click

from celery_syslog.events import MASK
from celery_syslog.settings import PREFIX, SETTINGS
from celery_syslog.wire.codes import FACILITY_NAMES, SEVERITY_NAMES

from .command import Command, json_line, json_option
from .project import project_of

__all__ = ["command", "shown"]

_EPILOG = """
\b
Examples:
  celery -A proj syslog settings
  celery -A proj syslog settings --changed
  celery -A proj syslog settings --json | jq -r 'select(.source != "default") | .key'

\b
Exit status:
  0 all are right; 1 some are wrong (each is named on stderr, and shown with its default); 2 wrong usage
"""


@click.command(cls=Command, epilog=_EPILOG, short_help="Show what is in effect and where it is from.")
@click.option("--changed", is_flag=True, help="Only those that are no defaults.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, changed: bool, as_json: bool) -> None:
    """Show the effective settings; passwords and other secrets are masked.

    The source is `default`, the configuration's key, or `install(…)`, which wins over it.
    """
    project = project_of(ctx)
    found = project.configuration
    rows = []
    for name, value in found.settings._asdict().items():
        source = found.sources.get(name, "default")
        if not changed or source != "default":
            rows.append((PREFIX + name, shown(name, value), source))
    for key, value, source in rows:
        if as_json:
            json_line({"key": key, "value": value, "source": source})
    if not as_json:
        _table(rows)
    for text in (*found.warnings, project.broken):
        if text:
            click.echo(f"warning: {text}", err=True)
    if found.faults:
        raise click.ClickException("\n       ".join(found.faults))


def _table(rows: list[tuple[str, Any, str]]) -> None:
    for key, value, source in rows:
        text = "; ".join(value) if isinstance(value, list) else str(value)
        line = f"{key:24}  {text:36}  {source}"
        click.echo(click.style(line, dim=True) if source == "default" else line)


def shown(name: str, value: Any) -> Any:
    """Return a setting's value as it may be shown and as it could be written: names, no secrets."""
    if value is None:
        return value
    if name == "facility":
        return FACILITY_NAMES[value]
    if name in ("level", "stdout_level", "stderr_level"):
        return logging.getLevelName(value)
    if name == "url":
        return [str(address) for address in value] or "the local socket"
    if name == "levels":
        return {logging.getLevelName(level): SEVERITY_NAMES[code] for level, code in value.items()}
    if name == "use_ssl":
        return {key: MASK if key == "password" else str(item) for key, item in value.items()}
    if isinstance(value, Mapping):
        return dict.fromkeys(value, MASK) if SETTINGS[name].secret else dict(value)
    if isinstance(value, tuple):
        return [MASK for _ in value] if SETTINGS[name].secret else list(value)
    return value
