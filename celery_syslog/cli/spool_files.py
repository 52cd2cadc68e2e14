"""What ``celery syslog spool`` does: list, send or delete what dead processes left on disk."""

from __future__ import annotations

import json
import os
from time import monotonic
from typing import Any

import click

from celery_syslog.delivery import Delivery
from celery_syslog.delivery.orphans import Orphan, orphans, spool_files
from celery_syslog.settings import Settings
from celery_syslog.worker import wiring

__all__ = ["drop", "flush", "settings_of", "show"]


def settings_of(app: Any) -> Settings:
    """Return the app's settings; raises click.ClickException when they are wrong or have no spool."""
    found = wiring.configuration_of(app)
    if found.faults:
        raise click.ClickException(found.report())
    if found.settings.spool is None:
        raise click.ClickException(f"syslog_spool is not set in the configuration of {app.main or app}")
    return found.settings


def show(settings: Settings, as_json: bool) -> None:
    """Print a line for each spool file."""
    files = spool_files(str(settings.spool))
    if as_json:
        for file in files:
            click.echo(json.dumps(file._asdict()))
        return
    for file in files:
        state = "in use" if file.in_use else "left"
        damaged = f", {file.damaged} beyond reading" if file.damaged else ""
        name = os.path.basename(file.path)
        click.echo(f"{name}  {state:6}  {file.records} records, {file.size} bytes{damaged}")
    if not files:
        click.echo(f"nothing in {settings.spool}")


def flush(settings: Settings, timeout: float) -> None:
    """Send every record of a dead process; raises click.ClickException when some are left."""
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


def drop(settings: Settings) -> None:
    """Delete every file of a dead process."""
    dropped = 0
    for orphan in orphans(str(settings.spool)):
        dropped += len(orphan.records)
        orphan.remove()
    click.echo(f"{dropped} records deleted")
