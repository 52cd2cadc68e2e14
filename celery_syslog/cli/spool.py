"""``celery -A proj syslog spool``: list, send or delete what dead processes left on disk."""

from __future__ import annotations

import os
from time import monotonic

import click

from celery_syslog.delivery import Delivery
from celery_syslog.delivery.orphans import Orphan, orphans, spool_files
from celery_syslog.settings import Settings

from .command import Command, json_line, json_option
from .project import project_of, settings_of

__all__ = ["command"]

_EPILOG = """
\b
Examples:
  celery -A proj syslog spool list
  celery -A proj syslog spool flush --timeout 60
  celery -A proj syslog spool drop --yes
"""


@click.group(epilog=_EPILOG, short_help="List, send or delete what dead processes left.")
def command() -> None:
    """Records that dead processes left on disk (syslog_spool).

    Workers of the project send them by themselves when they next log; these commands are for when
    none runs.
    """


def _settings(ctx: click.Context) -> Settings:
    project = project_of(ctx)
    settings = settings_of(project)
    if settings.spool is None:
        raise click.ClickException(f"syslog_spool is not set in the configuration of {project.name}")
    return settings


@command.command("list", cls=Command)
@json_option
@click.pass_context
def list_files(ctx: click.Context, as_json: bool) -> None:
    """Show the spool files: records still to be sent, and whether their process lives.

    Changes nothing. Exit status: 0; 1 when the app has no spool.
    """
    settings = _settings(ctx)
    files = spool_files(str(settings.spool))
    for file in files:
        if as_json:
            json_line(file._asdict())
            continue
        state = "in use" if file.in_use else "left"
        damaged = f", {file.damaged} beyond reading" if file.damaged else ""
        name = os.path.basename(file.path)
        click.echo(f"{name}  {state:6}  {file.records} records, {file.size} bytes{damaged}")
    if not files and not as_json:
        click.echo(f"nothing in {settings.spool}")


@command.command(cls=Command)
@click.option("--timeout", default=30.0, show_default=True, help="Seconds to try altogether.")
@json_option
@click.pass_context
def flush(ctx: click.Context, timeout: float, as_json: bool) -> None:
    """Send the records of dead processes to the app's syslog_url.

    What a living process holds is left to it. Exit status: 0 when all was sent; 1 when something is
    left, or the app has no spool; 130 when interrupted (what is not sent stays on disk).
    """
    settings = _settings(ctx)
    end = monotonic() + timeout
    # Without a spool of its own: what cannot be sent stays where it is.
    delivery = Delivery(settings.url, settings._replace(spool=None))
    sent = left = damaged = 0
    for orphan in orphans(str(settings.spool)):
        damaged += orphan.damaged
        sent += _send(orphan, delivery, end)
        left += len(orphan.records)
        orphan.release()
    delivery.close(0.0)
    if as_json:
        json_line({"sent": sent, "left": left, "damaged": damaged})
    else:
        click.echo(f"{sent} records sent" + (f", {damaged} beyond reading" if damaged else ""))
    if left:
        urls = "; ".join(map(str, settings.url)) or "the local socket"
        raise click.ClickException(f"{left} records are left: {urls} did not take them in {timeout:g} s")


def _send(orphan: Orphan, delivery: Delivery, end: float) -> int:
    """Send a file's records one by one, each marked once the kernel has it; return how many."""
    sent = 0
    for record in orphan.records:
        delivery.send(record)
        if not delivery.flush(max(0.0, end - monotonic())):
            return sent
        orphan.sent(1)
        sent += 1
    if not orphan.records:
        orphan.remove()
    return sent


@command.command(cls=Command)
@click.confirmation_option(prompt="Delete the records that dead processes left, unsent?")
@json_option
@click.pass_context
def drop(ctx: click.Context, as_json: bool) -> None:
    """Delete the records of dead processes without sending them.

    Exit status: 0; 1 when the app has no spool, or the answer was no.
    """
    settings = _settings(ctx)
    dropped = 0
    for orphan in orphans(str(settings.spool)):
        dropped += len(orphan.records)
        orphan.remove()
    if as_json:
        json_line({"deleted": dropped})
    else:
        click.echo(f"{dropped} records deleted")
