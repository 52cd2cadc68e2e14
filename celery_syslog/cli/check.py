"""``celery -A proj syslog check``: from the settings to a test message and back."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator

import click

from celery_syslog.address import Address
from celery_syslog.formatters import encoder_for
from celery_syslog.settings import Settings
from celery_syslog.transports import unsupported

from .command import Command, json_line, json_option
from .findings import FAULT, NOTE, OK, WARNING, Finding, show
from .logging_check import logging_findings
from .pitfalls import pitfalls
from .probe import advice, complaint, deliver, name_of
from .project import Project, project_of
from .readback import Reader

__all__ = ["command"]

_EPILOG = """
\b
Examples:
  celery -A proj syslog check
  celery -A proj syslog check --log /var/log/celery.log    and find the test message there
  celery -A proj syslog check --json | jq 'select(.level == "fault")'

\b
Exit status:
  0 nothing but ok, note and warning; 1 a fault (with --strict: or a warning); 2 wrong usage
"""


@click.command(cls=Command, epilog=_EPILOG, short_help="Find what is wrong, from settings to test message.")
@click.option("--log", "logs", metavar="FILE", multiple=True, help="Where the collector writes (repeatable).")
@click.option("--timeout", default=5.0, show_default=True, help="Seconds for each URL, and to read back.")
@click.option("--no-send", is_flag=True, help="Connect to nothing and send nothing.")
@click.option("--strict", is_flag=True, help="A warning is a failure too.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, /, logs: tuple[str, ...], timeout: float, no_send: bool, strict: bool, as_json: bool
) -> None:
    """Check the app's way to syslog and say how to mend what is wrong.

    Looks at the settings, sets up logging as a worker does (the app's modules are imported, its signal
    receivers run), looks for known pitfalls, sends a test message to every URL, and reads it back
    where the collector's files or journal can be read.
    """
    counts = dict.fromkeys((OK, NOTE, WARNING, FAULT), 0)
    for finding in _findings(project_of(ctx), None if no_send else Reader(logs), timeout):
        counts[finding.level] += 1
        if as_json:
            json_line({name: value for name, value in finding._asdict().items() if value})
        else:
            show(finding)
    failed = counts[FAULT] or (strict and counts[WARNING])
    if not as_json:
        click.echo(_sum(counts))
    ctx.exit(1 if failed else 0)


def _sum(counts: dict[str, int]) -> str:
    bad = [
        f"{n} {level}{'s' if n > 1 else ''}" for level, n in counts.items() if n and level in (FAULT, WARNING)
    ]
    return ", ".join(reversed(bad)) or "all is well"


def _findings(project: Project, reader: Reader | None, timeout: float) -> Iterator[Finding]:
    found = project.configuration
    yield from _configured(project)
    if unsupported(found.settings.url):
        return
    if project.installation is not None and not found.faults:
        yield from logging_findings(project.app, project.installation, found)
    yield from pitfalls(found.settings, project.app.conf)
    if reader is None or found.faults:
        return
    for address in found.settings.url or (Address("unix"),):
        yield from _tried(address, found.settings, reader, timeout)


def _configured(project: Project) -> Iterator[Finding]:
    found = project.configuration
    if project.broken:
        fix = "a worker would fail in the same way: mend the import"
        yield Finding(FAULT, "the app's modules", project.broken, fix)
    for text in (*found.faults, *(f"syslog_url: {text}" for text in unsupported(found.settings.url))):
        key, colon, rest = text.partition(": ")
        yield Finding(FAULT, key, rest if colon else text, "nothing is sent until this is right")
    for text in found.warnings:
        yield Finding(WARNING, "settings", text, "correct or remove the key: it has no effect")
    if not found.faults and not unsupported(found.settings.url):
        changed = ", ".join(f"syslog_{name}" for name in found.sources) or "none"
        yield Finding(OK, "settings", f"all are right (set: {changed})")
    if project.installation is None:
        text = f"celery_syslog is not installed in {project.name}: its workers send nothing"
        fix = "celery_syslog.install(app) beside the app, or 'celery_syslog.auto' in its imports"
        yield Finding(FAULT, "install", text, fix)


def _tried(address: Address, settings: Settings, reader: Reader, timeout: float) -> Iterator[Finding]:
    """Send a test message to one address, and look for it."""
    name = name_of(address)
    token = uuid.uuid4().hex[:12]
    try:
        deliver(address, settings, _message(address, settings, token), timeout)
    except OSError as error:
        yield Finding(FAULT, name, complaint(address, error), advice(address, error))
        return
    sure = "has" if address.scheme != "udp" else "was sent (UDP tells nothing about its arrival)"
    yield Finding(
        OK, name, f"{sure} the test message {token}" if sure == "has" else f"test message {token} {sure}"
    )
    place, looked = reader.find(address, token.encode(), timeout if reader.given else 1.0)
    if place:
        yield Finding(OK, name, f"the test message came out in {place}")
    elif reader.given:
        fix = "see the collector's rules for this ident and facility, and its own log"
        yield Finding(FAULT, name, f"the test message did not come out within {timeout:g} s", fix)
    else:
        why = "it is in none of the usual files" if looked else "there is no file to look into from here"
        fix = f"look for {token} at the collector, or name its file: --log FILE"
        yield Finding(NOTE, name, f"not read back: {why}", fix)


def _message(address: Address, settings: Settings, token: str) -> list[bytes]:
    names = {"app": "celery", "program": "celery", "node": "celery"}
    encode = encoder_for(settings, address, settings.ident.format(**names))
    text = f"test message {token} of celery syslog check"
    return list(encode(logging.LogRecord("celery_syslog", logging.INFO, __file__, 0, text, (), None)))
