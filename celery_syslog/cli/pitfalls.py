"""What goes wrong with right settings on this machine: sockets, sizes, files, directories."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from celery_syslog.address import Address
from celery_syslog.delivery.orphans import spool_files
from celery_syslog.formatters.encoder import MAX_SIZES, STREAM_SIZE
from celery_syslog.settings import Settings

from .findings import FAULT, NOTE, OK, WARNING, Finding

__all__ = ["pitfalls"]

_QUEUE = "/proc/sys/net/unix/max_dgram_qlen"
#: A burst of a worker that a datagram socket should hold; hosts under systemd have 512.
_QUEUE_LEAST = 64

#: rsyslog's maxMessageSize unless its configuration says otherwise.
_RSYSLOG_SIZE = 8192
#: What fits into one Ethernet packet: 1500 less the headers of IPv4 and UDP.
_PACKET = 1472

_TLS = ("tls", "relp+tls", "amqps")


def pitfalls(settings: Settings, conf: Any) -> Iterator[Finding]:
    """Yield what the settings, the app's configuration and the machine tell without sending anything."""
    yield from dict.fromkeys(
        finding
        for address in settings.url or (Address("unix"),)
        for finding in _of_address(address, settings)
    )
    if any(address.scheme in _TLS for address in settings.url):
        yield from _tls(settings)
    if settings.spool is not None:
        yield from _spool(settings.spool)
    yield from _log_files(conf)


def _of_address(address: Address, settings: Settings) -> Iterator[Finding]:
    size = settings.max_size or MAX_SIZES.get(address.scheme, STREAM_SIZE)
    if address.scheme in ("unix", "journald"):
        yield from _queue()
    if address.scheme == "unix" and settings.protocol == "rfc5424":
        text = "rsyslog, syslog-ng and journald garble RFC 5424 on a unix socket unless told to parse it"
        yield Finding(WARNING, "syslog_protocol", text, "leave syslog_protocol at auto (RFC 3164 there)")
    if address.scheme == "udp" and size > _PACKET:
        text = f"messages up to {size} bytes travel in several packets; if one is lost, the message is"
        fix = f"syslog_max_size = {_PACKET} keeps each in one; tcp:// loses none"
        yield Finding(WARNING if settings.max_size else NOTE, "syslog_max_size", text, fix)
    if address.scheme in ("tcp", "tls", "relp", "relp+tls") and size > _RSYSLOG_SIZE:
        text = f"{size} bytes: rsyslog takes {_RSYSLOG_SIZE} by default and cuts or splits what is longer"
        fix = f'global(maxMessageSize="{(size + 1023) // 1024}k") there, or syslog_max_size = {_RSYSLOG_SIZE}'
        yield Finding(WARNING if settings.max_size else NOTE, "syslog_max_size", text, fix)


def _queue() -> Iterator[Finding]:
    try:
        length = int(Path(_QUEUE).read_text())
    except (OSError, ValueError):
        return  # not Linux
    if length < _QUEUE_LEAST:
        text = f"the kernel keeps only {length} datagrams a socket, so log calls wait in bursts"
        fix = "sysctl -w net.unix.max_dgram_qlen=512 (before the collector starts)"
        yield Finding(WARNING, "max_dgram_qlen", text, fix)


def _tls(settings: Settings) -> Iterator[Finding]:
    given = settings.use_ssl or {}
    if str(given.get("cert_reqs", "")).lower().endswith(("none", "optional")) or given.get("cert_reqs") in (
        0,
        1,
    ):
        text = "cert_reqs lets anybody pass for the collector"
        yield Finding(WARNING, "syslog_use_ssl", text, "leave cert_reqs out, and set ca_certs")
    elif "ca_certs" not in given:
        text = "no ca_certs: only what this machine's own authorities have signed is accepted"
        fix = "for a private authority: syslog_use_ssl = {'ca_certs': FILE}"
        yield Finding(NOTE, "syslog_use_ssl", text, fix)
    for key in ("ca_certs", "certfile", "keyfile"):
        path = given.get(key)
        if path and not os.access(path, os.R_OK):
            what = "cannot be read" if os.path.exists(path) else "is not there"
            fix = "correct the path, or let the worker's user read it"
            yield Finding(FAULT, "syslog_use_ssl", f"{key} {path} {what}", fix)


def _spool(directory: str) -> Iterator[Finding]:
    about = "syslog_spool"
    place = directory
    while not os.path.exists(place) and os.path.dirname(place) != place:
        place = os.path.dirname(os.path.abspath(place))
    if not os.path.isdir(place) or not os.access(place, os.W_OK | os.X_OK):
        fix = f"mkdir -p {directory} and give it to the worker's user, with mode 0700"
        yield Finding(FAULT, about, f"this user cannot write to {place}", fix)
        return
    files = spool_files(directory)
    owners = {os.stat(file.path).st_uid for file in files if os.path.exists(file.path)}
    apps = {app for file in files if file.in_use and (app := _app_of(file.path))}
    if len(owners) > 1 or len(apps) > 1:
        who = " and ".join(sorted(apps)) if len(apps) > 1 else "several users"
        text = f"{directory} is used by {who}: each sends the others' records to its own collector"
        yield Finding(WARNING, about, text, "give each project (and each syslog_url) a directory of its own")
    left = sum(file.records for file in files if not file.in_use)
    if left:
        text = f"{left} records of dead processes wait in {directory}"
        yield Finding(NOTE, about, text, "a worker sends them, or: celery -A proj syslog spool flush")
    elif len(owners) < 2 and len(apps) < 2:
        yield Finding(OK, about, f"{directory} can be written to")


def _app_of(path: str) -> str:
    """Return the -A of the process whose spool file this is (its name holds the pid), "" if unknown."""
    try:
        words = Path(f"/proc/{path.rsplit('-', 2)[-2]}/cmdline").read_text().split("\0")
    except (OSError, IndexError, UnicodeDecodeError):
        return ""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word in ("-A", "--app"):
            return after
        if word.startswith("--app="):
            return word[6:]
    return ""


def _log_files(conf: Any) -> Iterator[Finding]:
    told = (conf.get("worker_logfile"), os.environ.get("CELERYD_LOG_FILE"), os.environ.get("CELERYD_OPTS"))
    if any("%i" in str(text).lower() for text in told if text) and not conf.worker_hijack_root_logger:
        text = "%i in the log file's name has no effect while worker_hijack_root_logger is off"
        fix = "every child writes to the parent's file: drop %i, or let Celery have the root logger"
        yield Finding(WARNING, "log file", text, fix)
