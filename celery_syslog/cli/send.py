"""``celery -A proj syslog send``: one message, as the app's workers would send it."""

from __future__ import annotations

import logging
from typing import Any

import click

from celery_syslog.address import Address, parse_addresses
from celery_syslog.context import bind
from celery_syslog.formatters import encoder_for
from celery_syslog.settings import Settings, settings_from
from celery_syslog.transports import unsupported

from .command import Command, json_line, json_option
from .filters import FACILITY, SEVERITY
from .probe import advice, complaint, deliver, name_of
from .project import app_of, project_of, settings_of

__all__ = ["command"]

_EPILOG = """
\b
Examples:
  celery -A proj syslog send "deployed 4.2"
  celery -A proj syslog send --severity notice --event deploy --field version=4.2 deployed
  celery syslog send --url udp://logs.example.org --ident cron backup done

\b
Exit status:
  0 the kernel, or a collector that confirms, has it; 1 nobody took it; 2 wrong usage
"""

#: Severity -> the Python level whose name a format may show.
_LEVELS = (50, 50, 50, 40, 30, 20, 20, 10)


@click.command(cls=Command, epilog=_EPILOG, short_help="Send one message as a worker would.")
@click.argument("message", nargs=-1, required=True)
@click.option(
    "--severity", type=SEVERITY, default="info", show_default=True, help="Severity, by name or number."
)
@click.option("--facility", type=FACILITY, help="Facility, instead of syslog_facility.")
@click.option("--ident", help="Ident, instead of syslog_ident.")
@click.option("--event", help="MSGID, or the field `event`.")
@click.option("--field", "fields", metavar="NAME=VALUE", multiple=True, help="A field (repeatable).")
@click.option("--url", help="Where to, instead of syslog_url; then -A is not needed.")
@click.option("--timeout", default=5.0, show_default=True, help="Seconds for each URL.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, message: tuple[str, ...], severity: int, **options: Any) -> None:
    """Send MESSAGE in the format, and to the first URL, of the app's settings that takes it."""
    settings = _settings(ctx, options["url"], options["facility"])
    addresses = settings.url or (Address("unix"),)
    data = _encoded(settings, addresses[0], " ".join(message), severity, **options)
    failures = []
    for address in addresses:
        try:
            deliver(address, settings, data, options["timeout"])
        except OSError as error:
            failures.append(f"{name_of(address)}: {complaint(address, error)} ({advice(address, error)})")
            continue
        size = sum(map(len, data))
        if options["as_json"]:
            json_line({"sent": True, "url": name_of(address), "messages": len(data), "bytes": size})
        else:
            click.echo(f"{name_of(address)} has it ({size} bytes)")
        return
    if options["as_json"]:
        json_line({"sent": False, "errors": failures})
    raise click.ClickException("; ".join(failures))


def _settings(ctx: click.Context, url: str | None, facility: int | None) -> Settings:
    settings = settings_from() if url and app_of(ctx) is None else settings_of(project_of(ctx))
    if url:
        settings = settings._replace(url=parse_addresses(url))
    if facility is not None:
        settings = settings._replace(facility=facility)
    if missing := unsupported(settings.url):
        raise click.ClickException("; ".join(missing))
    return settings


def _encoded(
    settings: Settings,
    address: Address,
    text: str,
    severity: int,
    ident: str | None,
    event: str | None,
    fields: tuple[str, ...],
    **_: Any,
) -> list[bytes]:
    pairs = [field.partition("=") for field in fields]
    if bad := [name for name, equals, _ in pairs if not (name and equals)]:
        raise click.BadParameter(f"{bad[0]!r}: as in version=4.2", param_hint="--field")
    level = _LEVELS[severity]
    settings = settings._replace(levels={**settings.levels, level: severity})
    names = {"app": "celery", "program": "celery", "node": "celery"}
    encode = encoder_for(settings, address, ident or settings.ident.format(**names))
    record = logging.LogRecord("celery_syslog", level, __file__, 0, text, (), None)
    if event:
        record.syslog_event = event
    with bind(**{name: value for name, _, value in pairs}):
        return list(encode(record))
