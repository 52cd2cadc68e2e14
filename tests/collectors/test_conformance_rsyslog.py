"""Every field of every message comes back from a real rsyslogd as it was sent, or as a departure says."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.certificates import Certificates
from support.conformance import (
    ARRIVAL,
    OWN_HOST,
    Departure,
    Run,
    as_seen,
    differences,
    disagreements,
    idle,
    passed_through,
    send,
    send_datagrams,
    send_stream,
    send_tls,
    send_udp,
    undocumented,
)
from support.line import wait_for_line
from support.rows import LONG, Channel, make_rows
from support.rsyslog import Rsyslog
from support.tls_daemons import TlsRsyslog
from support.waiting import wait_until

from celery_syslog import SyslogReceiver
from celery_syslog.wire.framing import frame_lf, frame_octet

pytestmark = pytest.mark.xdist_group("rsyslog")

TCP, LINES = "tcp://collector", "tcp://collector?framing=lf"
WORDS = ("long words",)

#: The local socket as it is by default, with messages of 8 KiB at most.
LOCAL = {Channel("imuxsock", "/dev/log", "socket", "rfc3164"): tuple(LONG)}

NETWORK = {
    Channel("imuxsock, parsed,", "/dev/log", "parsed_socket", "rfc3164"): WORDS,
    Channel("imuxsock, parsed,", "/dev/log", "parsed_socket", "rfc5424"): WORDS,
    Channel("imptcp", TCP, "tcp_port", "rfc5424", "octet"): tuple(LONG),
    Channel("imptcp", TCP, "tcp_port", "rfc3164", "octet"): WORDS,
    Channel("imptcp, lines,", LINES, "tcp_port", "rfc5424", "lf"): WORDS,
    Channel("imptcp, lines,", LINES, "tcp_port", "rfc3164", "lf"): WORDS,
    Channel("imtcp", TCP, "plain_tcp_port", "rfc5424", "octet"): WORDS,
    Channel("imtcp", TCP, "plain_tcp_port", "rfc3164", "octet"): WORDS,
}

#: Raw sockets carry these; only the package's receiver is looked at, not its transports.
UDP = {Channel("imudp", "udp://collector", "udp_port", name, "udp"): () for name in ("rfc5424", "rfc3164")}
TLS = {
    Channel("imtcp, TLS,", "tls://collector", "plain_tcp_port", "rfc5424", "octet"): WORDS,
    Channel("imtcp, TLS, lines,", LINES, "plain_tcp_port", "rfc3164", "lf"): WORDS,
}

DEPARTURES = (
    OWN_HOST,
    Departure(
        "gives messages on the local socket the time of their arrival",
        lambda row: row.channel.name == "imuxsock",
        lambda seen: seen._replace(time=ARRIVAL),
    ),
    Departure(
        "ends the program name of RFC 3164 at a slash",
        lambda row: row.channel.protocol == "rfc3164",
        lambda seen: seen._replace(ident=seen.ident.partition("/")[0]),
    ),
    Departure(
        "writes line feeds that were kept as `#012`",
        lambda row: row.form == "kept",
        lambda seen: seen._replace(text=seen.text.replace("\n", "#012")),
    ),
)

RECEIVER = Departure(
    "takes U+FEFF at the very beginning of an RFC 5424 message for a byte order mark, and drops it",
    lambda row: row.channel.protocol == "rfc5424",
    lambda seen: seen._replace(text=seen.text.removeprefix("\ufeff")),
)

UNPARSED = "takes RFC 5424 on the local socket for text with the tag `1`"
TOO_LONG = "cuts what is longer than its `maxMessageSize`"


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """The whole table, sent to two rsyslogds in one go."""
    rows = make_rows({**LOCAL, **NETWORK})
    local = [row for row in rows if row.channel in LOCAL]
    with Rsyslog() as small, Rsyslog(network=True, max_size="64k") as large:
        seen = passed_through(local, small).seen
        yield Run(rows, seen + passed_through([row for row in rows if row not in local], large).seen)


@pytest.mark.parametrize("channel", [*LOCAL, *NETWORK], ids=lambda channel: channel.title)
def test_comes_back_as_sent(run: Run, channel: Channel) -> None:
    """Facility, severity, time, host, ident, pid, msgid, structured data and message are as sent."""
    problems = differences(run.through(channel), run.seen, DEPARTURES)
    assert not problems, "\n".join(problems[:50])


def test_departures(run: Run) -> None:
    """Each departure is one: it changes what must come back; and the documentation tells it."""
    unchanging = idle(run.rows, [*DEPARTURES, RECEIVER])
    assert not unchanging
    reasons = [departure.says for departure in (*DEPARTURES, RECEIVER)]
    assert not undocumented([*reasons, UNPARSED, TOO_LONG])


def test_receiver_agrees(run: Run) -> None:
    """The package's own receiver makes the same of every message as rsyslog, but for the departures."""
    with SyslogReceiver("unix://") as local, SyslogReceiver("tcp://127.0.0.1:0") as network:
        path, port = local.url.removeprefix("unix://"), network.url.rpartition(":")[2]
        send(run.rows, lambda channel: path if channel.framing == "datagram" else port)
        for receiver, framings in ((local, {"datagram"}), (network, {"octet", "lf"})):
            receiver.wait_for(sum(len(r.messages) for r in run.rows if r.channel.framing in framings), 60)
        received = [as_seen(message) for message in (*local.messages, *network.messages)]
    assert not disagreements(run, received, DEPARTURES, [RECEIVER])


def test_receiver_agrees_over_udp_and_tls(tmp_path: Path) -> None:
    """So it does of datagrams over UDP, and of both framings over TLS."""
    rows, certificates = make_rows({**UDP, **TLS}), Certificates(tmp_path)
    context = ssl.create_default_context(cafile=certificates.ca_certs)
    files = {"certfile": certificates.server, "keyfile": certificates.server_key}
    with (
        TlsRsyslog("gtls", certificates) as daemon,
        SyslogReceiver("udp://127.0.0.1:0") as udp,
        SyslogReceiver("tls://127.0.0.1:0", **files) as tls,
    ):
        for channel in TLS:
            messages = [message for row in rows if row.channel == channel for message in row.messages]
            frame = frame_octet if channel.framing == "octet" else frame_lf
            for port in (daemon.plain_tcp_port, _port(tls)):
                send_tls(port, context, b"".join(map(frame, messages)))
        messages = [message for row in rows if row.channel in UDP for message in row.messages]
        sent = sum(len(row.messages) for row in rows) - len(messages)
        send_udp(_port(udp), messages, lambda: udp.received)
        send_udp(daemon.udp_port, messages, lambda: daemon.count() - sent)
        wait_until(lambda: daemon.count() >= sent + len(messages), "rsyslog to have all", detail=daemon.count)
        received = [*udp.wait_for(len(messages), 60), *tls.wait_for(sent, 60)]
        run = Run(rows, daemon.seen())
    assert not differences(rows, run.seen, DEPARTURES)
    assert not disagreements(run, map(as_seen, received), DEPARTURES, [RECEIVER])


def _port(receiver: SyslogReceiver) -> int:
    return int(receiver.url.rpartition(":")[2])


def test_rfc5424_on_the_local_socket(run: Run) -> None:
    """Unless imuxsock is told to parse it, RFC 5424 becomes tag and text: why ``auto`` is RFC 3164 there."""
    row = next(row for row in run.rows if row.channel.protocol == "rfc5424" and row.form == "text")
    with Rsyslog() as daemon:
        send_datagrams(str(daemon.socket), row.messages)
        line = wait_for_line(daemon, lambda line: line.ident == "1")[0]
    assert (line.facility, line.severity, line.pid) == (row.sent.facility, row.sent.severity, None)
    assert line.text == row.messages[0].partition(b"1 ")[2].decode()


@pytest.mark.parametrize(("target", "rest"), [("tcp_port", []), ("plain_tcp_port", ["kernel"])])
def test_longer_than_rsyslog_takes(target: str, rest: list[str]) -> None:
    """imptcp cuts a frame over 8 KiB; imtcp reads the rest as a message, which the text can forge."""
    head = b"<14>1 2023-11-08T23:59:57.000001Z web1 celery 7 - - "
    fits = head + b"x" * (8192 - len(head))
    longer = fits + b"y<0>1 2023-11-08T23:59:57Z web1 kernel - - - forged"
    end = b"<14>1 - - end - - -"
    with Rsyslog(network=True) as daemon:
        send_stream(getattr(daemon, target), b"".join(map(frame_octet, (fits, longer, end))))
        wait_for_line(daemon, lambda line: line.ident == "end")
        lines = daemon.lines()
    assert [line.raw for line in lines[:2]] == [fits, fits]
    assert [line.ident for line in lines] == ["celery", "celery", *rest, "end"]
