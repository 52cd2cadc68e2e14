"""``celery syslog decode``: raw messages from a file made readable."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO

import click

from celery_syslog.errors import DecodeError
from celery_syslog.wire.decode import decode
from celery_syslog.wire.framing import FrameReader

from .command import Command
from .filters import Filter, filter_options
from .show import Printer

__all__ = ["command"]

_EPILOG = """
\b
FILE holds messages one a line (a `listen --raw` capture, datagrams) or octet-counted (the bytes of a
TCP stream); `-` or nothing is standard input. RFC 3164 times have no year and zone: taken to be now's.

\b
Examples:
  celery syslog decode capture
  celery syslog decode --json < capture | jq .task_id
  celery syslog decode --strict capture                 are all of them as the RFC wants?
  celery syslog decode --severity err --task 9a6f5f0c capture

\b
Exit status:
  0 done; 1 --strict found a message that breaks its RFC, or the framing is broken; 2 wrong usage
"""


@click.command(cls=Command, epilog=_EPILOG, short_help="Make captured messages readable.")
@click.argument("file", type=click.File("rb"), default="-")
@filter_options
@click.option("--json", "form", flag_value="json", help="One JSON object a line.")
@click.option("--strict", is_flag=True, help="Report messages that break their RFC, instead of guessing.")
@click.option(
    "--framing",
    type=click.Choice(["auto", "octet", "lf"]),
    default="auto",
    show_default=True,
    help="How messages are told apart.",
)
def command(file: BinaryIO, form: str | None, strict: bool, framing: str, **options: Any) -> None:
    """Show raw messages as `listen` does, or as JSON."""
    wanted = Filter(*(options[name] for name in ("task", "severity", "idents")))
    show = Printer(form or "text", dated=True)
    wrong = 0
    for number, data in enumerate(_frames(file, framing), 1):
        try:
            message = decode(data, strict, now=datetime.now().astimezone())
        except DecodeError as error:
            wrong += 1
            click.echo(f"message {number}: {error}", err=True)
            continue
        if wanted(message):
            show(message)
    if wrong:
        raise click.ClickException(
            f"{wrong} of {number} messages break their RFC (without --strict they are guessed)"
        )


def _frames(file: BinaryIO, framing: str) -> Iterator[bytes]:
    """Yield the messages of a file as they come."""
    reader = FrameReader(framing=framing)
    read = getattr(file, "read1", file.read)  # not to wait for a full buffer when it is a pipe
    try:
        while data := read(65536):
            yield from reader.feed(data)
        rest = reader.close()
    except DecodeError as error:
        hint = "; try --framing lf" if framing == "auto" else ""
        raise click.ClickException(f"{getattr(file, 'name', 'input')}: {error}{hint}") from error
    if rest:
        yield rest
