"""What a check finds: one fact each, how bad it is, and what to do about it."""

from __future__ import annotations

from typing import NamedTuple

import click

__all__ = ["FAULT", "NOTE", "OK", "WARNING", "Finding", "show"]

OK, NOTE, WARNING, FAULT = "ok", "note", "warning", "fault"

_STYLES = {OK: "green", NOTE: "cyan", WARNING: "yellow", FAULT: "red"}


class Finding(NamedTuple):
    """``about`` is the thing looked at; a FAULT means that lines are lost or nothing works."""

    level: str
    about: str
    text: str
    fix: str = ""


def show(finding: Finding) -> None:
    """Print a finding for a person."""
    level = click.style(f"{finding.level:8}", fg=_STYLES[finding.level], bold=finding.level == FAULT)
    click.echo(f"{level} {click.style(finding.about, bold=True)}: {finding.text}")
    if finding.fix:
        click.echo(f"{'':9}{click.style('→', dim=True)} {finding.fix}")
