"""``celery -A proj syslog …``: loaded on every celery command, so each part only when it is used."""

from __future__ import annotations

import click

__all__ = ["syslog"]


@click.group()
def syslog() -> None:
    """Syslog delivery of the app's workers."""


@syslog.group()
def spool() -> None:
    """Records that a dead process left on disk (syslog_spool).

    Workers of the project send them by themselves when they next log; these commands are for when
    none runs.
    """


@spool.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def list_files(ctx: click.Context, as_json: bool) -> None:
    """Show the spool files: records still to be sent, and whether their process lives.

    Changes nothing. Exit status: 0; 1 when the app has no spool.
    """
    from . import spool_files

    spool_files.show(spool_files.settings_of(ctx.obj.app), as_json)


@spool.command()
@click.option("--timeout", default=30.0, show_default=True, help="Seconds to try altogether.")
@click.pass_context
def flush(ctx: click.Context, timeout: float) -> None:
    """Send the records of dead processes to the app's syslog_url.

    What a living process holds is left to it. Exit status: 0 when all was sent; 1 when something is
    left, or the app has no spool.
    """
    from . import spool_files

    spool_files.flush(spool_files.settings_of(ctx.obj.app), timeout)


@spool.command()
@click.confirmation_option(prompt="Delete the records that dead processes left, unsent?")
@click.pass_context
def drop(ctx: click.Context) -> None:
    """Delete the records of dead processes without sending them.

    Exit status: 0; 1 when the app has no spool.
    """
    from . import spool_files

    spool_files.drop(spool_files.settings_of(ctx.obj.app))
