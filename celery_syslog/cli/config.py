"""``celery syslog config``: what to put into a collector's configuration."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from celery_syslog.address import Address, parse_address
from celery_syslog.formatters.encoder import MAX_SIZES, STREAM_SIZE
from celery_syslog.settings import Settings

from .command import Command
from .project import app_of, project_of, settings_of
from .recipes import Recipe
from .recipes.journald import journald
from .recipes.logrotate import logrotate
from .recipes.rsyslog import rsyslog
from .recipes.syslog_ng import syslog_ng

__all__ = ["command"]

_RECIPES: dict[str, Callable[[Recipe], str]] = {
    "rsyslog": rsyslog,
    "syslog-ng": syslog_ng,
    "journald": journald,
    "logrotate": logrotate,
}

#: Schemes that a collector cannot listen on by such a configuration.
_TAKES = {
    "rsyslog": ("unix", "udp", "tcp", "tls", "relp", "relp+tls"),
    "syslog-ng": ("unix", "udp", "tcp", "tls"),
}

_EPILOG = """
\b
Examples:
  celery syslog config rsyslog > /etc/rsyslog.d/20-celery.conf
  celery -A proj syslog config rsyslog           ident, URL, format and size from the app's settings
  celery syslog config rsyslog --url tls://logs.example.org --cert /etc/ssl/logs.pem \\
      --key /etc/ssl/logs.key --ca /etc/ssl/ca.pem --format json
  celery syslog config syslog-ng --url tcp://0.0.0.0:601
  celery syslog config logrotate --pid-file /run/syslog-ng.pid

\b
Exit status:
  0 printed; 1 this collector cannot listen on that URL; 2 wrong usage
"""

# What may stand in a quoted string of every one of these files.
_SAFE = re.compile(r"[\w./@:{}+,=-]*", re.ASCII)


class _Safe(click.ParamType):  # type: ignore[type-arg] # generic since click 8.3 only
    """Text that needs no quoting in any of the files."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as it is."""
        if not _SAFE.fullmatch(str(value)):
            self.fail(f"{value!r} has characters that a configuration file would have to quote", param, ctx)
        return str(value)


_SAFE_TEXT = _Safe()


@click.command(cls=Command, epilog=_EPILOG, short_help="Print a configuration for the collector.")
@click.argument("collector", type=click.Choice(list(_RECIPES)))
@click.option("--url", help="What the workers' syslog_url is or will be.  [default: the local socket]")
@click.option("--ident", type=_SAFE_TEXT, help="The workers' syslog_ident.  [default: celery]")
@click.option("--format", "form", type=click.Choice(["text", "json", "cee"]), help="Their syslog_format.")
@click.option("--max-size", type=click.IntRange(480), help="Their syslog_max_size in bytes.")
@click.option(
    "--folder", type=_SAFE_TEXT, default="/var/log/celery", show_default=True, help="Where files go."
)
@click.option(
    "--cert", type=_SAFE_TEXT, default="/etc/ssl/certs/logs.pem", help="TLS: the collector's certificate."
)
@click.option("--key", type=_SAFE_TEXT, default="/etc/ssl/private/logs.key", help="TLS: its private key.")
@click.option(
    "--ca", type=_SAFE_TEXT, default="", help="TLS: accept only clients that this authority signed."
)
@click.option("--keep", type=click.IntRange(1), default=14, show_default=True, help="Days (files) kept.")
@click.option(
    "--pid-file",
    type=_SAFE_TEXT,
    default="/run/rsyslogd.pid",
    show_default=True,
    help="logrotate: the daemon's.",
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    collector: str,
    url: str | None,
    ident: str | None,
    form: str | None,
    **options: Any,
) -> None:
    """Print a configuration for COLLECTOR: rsyslog, syslog-ng, journald or logrotate.

    Input, a file for each ident, JSON, rate and size limits, TLS, rotation. Every one was tried with
    the daemon itself. With -A the app's settings are the defaults.
    """
    settings = Settings() if app_of(ctx) is None else settings_of(project_of(ctx))
    address = parse_address(url) if url else next(iter(settings.url), Address("unix"))
    allowed = _TAKES.get(collector)
    if allowed and address.scheme not in allowed:
        raise click.ClickException(
            f"{collector} cannot listen on {address.scheme}://; it can on {', '.join(allowed)}"
        )
    own = settings.format if settings.format in ("json", "cee") else "text"
    size = options.pop("max_size") or settings.max_size or MAX_SIZES.get(address.scheme, STREAM_SIZE)
    recipe = Recipe(address, ident or settings.ident, form or own, max_size=size, **options)
    click.echo(_RECIPES[collector](recipe), nl=False)
