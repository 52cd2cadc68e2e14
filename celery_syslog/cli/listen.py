"""``celery syslog listen``: messages as they come, without a syslog daemon."""

from __future__ import annotations

import os
import queue
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic
from typing import Any

import click

from celery_syslog.errors import SyslogError
from celery_syslog.receiver import Limits, SyslogReceiver
from celery_syslog.receiver.report import losses
from celery_syslog.wire.message import Message

from .command import Command, words
from .filters import Filter, filter_options
from .project import app_of, project_of, settings_of
from .show import Printer

__all__ = ["command"]

_EPILOG = """
\b
URL is where to listen:
  unix:///tmp/log       a datagram socket (--stream: connections); unix:// alone: a private one
  udp://127.0.0.1:5514  tcp://[::1]:5514, tls://0.0.0.0:6514 with --cert; port 0: any free one
  none                  with -A: the app's own syslog_url

\b
Examples:
  celery syslog listen udp://127.0.0.1:5514
  celery syslog listen /tmp/log --severity warning --ident billing
  celery syslog listen /tmp/log --task 9a6f5f0c           the task and what it started
  celery syslog listen tcp://127.0.0.1:5514 --json | jq -r .message
  celery syslog listen /tmp/log --raw > capture           later: celery syslog decode capture

\b
Exit status:
  0 ended by Ctrl-C, SIGTERM, --count or a reader that went away; 1 cannot listen; 2 wrong usage
"""

#: Messages kept for a reader that is slow; older ones are dropped, counted and told at the end.
_LIMITS = Limits(messages=50_000, memory=64 << 20)
#: Seconds between two looks at whether it is to end, or nobody reads what is printed any more.
_LOOK = 0.2


@click.command(cls=Command, epilog=_EPILOG, short_help="Show messages live, without a syslog daemon.")
@click.argument("urls", nargs=-1, metavar="[URL]...")
@filter_options
@click.option("--json", "form", flag_value="json", help="One JSON object a line.")
@click.option("--raw", "form", flag_value="raw", help="The messages as they came, one a line.")
@click.option("-n", "--count", type=click.IntRange(1), help="End after this many messages.")
@click.option("--stream", is_flag=True, help="Accept connections on unix sockets instead of datagrams.")
@click.option("--cert", type=click.Path(exists=True, dir_okay=False), help="Certificate for tls:// (PEM).")
@click.option("--key", type=click.Path(exists=True, dir_okay=False), help="Its key, unless in the same file.")
@click.pass_context
def command(
    ctx: click.Context, /, urls: tuple[str, ...], count: int | None, form: str | None, **options: Any
) -> None:
    """Show messages live: time, severity, sender, task, text and fields.

    For development and for looking; it is no syslog daemon and keeps nothing. Both RFCs, both
    framings, JSON and CEE are recognised by themselves.
    """
    wanted = Filter(*(options[name] for name in ("task", "severity", "idents")))
    show = Printer(form or "text")
    with ExitStack() as stack:
        receivers = [_receiver(url, stack, **options) for url in urls or _own_urls(ctx)]
        stack.callback(_tell_losses, receivers)
        ended = _end_on_signals()
        for message in filter(wanted, _messages(receivers, ended)):
            show(message)
            count = count and count - 1
            if count == 0:
                return


def _end_on_signals() -> threading.Event:
    """Return what Ctrl-C and SIGTERM set; a second one, half a second later or more, ends at once.

    An exception raised by the handler could strike inside a lock of the queue or the receiver.
    """
    ended = threading.Event()
    since = float("inf")

    def end(number: int, _: object) -> None:
        nonlocal since
        if ended.is_set() and monotonic() > since + 0.5:
            os._exit(128 + number)  # stuck in a write that nobody reads
        since = min(since, monotonic())
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return ended


def _own_urls(ctx: click.Context) -> list[str]:
    if app_of(ctx) is None:
        raise click.UsageError("where? As in: celery syslog listen udp://127.0.0.1:5514", ctx)
    return [str(address) for address in settings_of(project_of(ctx)).url] or ["/dev/log"]


def _receiver(
    url: str, stack: ExitStack, stream: bool, cert: str | None, key: str | None, **_: Any
) -> SyslogReceiver:
    kind: Any = "stream" if stream else "dgram"
    if url.lower().startswith("tls:") and cert is None:
        raise click.UsageError("tls:// needs --cert FILE (and --key FILE unless that holds both)")
    try:
        receiver = SyslogReceiver(url, kind=kind, certfile=cert, keyfile=key, limits=_LIMITS)
        stack.enter_context(receiver)
    except SyslogError as error:
        raise click.ClickException(f"{words(error)}{_advice(error)}") from error
    click.echo(f"listening on {receiver.url}" + (" (Ctrl-C ends)" if sys.stderr.isatty() else ""), err=True)
    return receiver


def _advice(error: SyslogError) -> str:
    """Return what to do about a place that cannot be had."""
    text = str(error)
    if "Permission denied" in text:
        return "; take a path of your own, or a port above 1023 such as udp://127.0.0.1:5514"
    if "somebody listens" in text or "Address already in use" in text:
        return "; take another place, and point syslog_url at it"
    return ""


def _tell_losses(receivers: list[SyslogReceiver]) -> None:
    for receiver in receivers:
        if receiver.dropped:
            click.echo(
                f"{receiver.url}{losses(receiver.dropped)}: {receiver.trouble or 'too much to show'}",
                err=True,
            )


def _messages(receivers: list[SyslogReceiver], ended: threading.Event) -> Iterator[Message]:
    """Yield what any of the receivers gets, until ``ended``.

    Raises BrokenPipeError when nobody reads stdout any more.
    """
    box: queue.Queue[Message] = queue.Queue(1000)

    def follow(receiver: SyslogReceiver) -> None:
        for message in receiver.follow():
            box.put(message)

    for receiver in receivers:
        threading.Thread(target=follow, args=(receiver,), daemon=True).start()
    while not ended.is_set():
        try:
            yield box.get(timeout=_LOOK)
        except queue.Empty:
            if _reader_gone():
                raise BrokenPipeError from None


def _reader_gone() -> bool:
    """Tell whether stdout is a pipe that nobody reads: `head` has seen enough, and nothing comes."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (AttributeError, OSError, ValueError):
        return False
