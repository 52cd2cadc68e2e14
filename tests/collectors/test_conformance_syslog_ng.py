"""Every field of every message comes back from a real syslog-ng as it was sent, or as a departure says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.conformance import (
    OWN_HOST,
    Departure,
    Run,
    differences,
    idle,
    passed_through,
    send_datagrams,
    undocumented,
)
from support.line import wait_for_line
from support.rows import LONG, Channel, make_rows
from support.syslog_ng import SyslogNg

pytestmark = pytest.mark.xdist_group("syslog-ng")

TCP = "tcp://collector"
WORDS = ("long words",)

CHANNELS = {
    Channel("unix-dgram()", "/dev/log", "socket", "rfc3164"): tuple(LONG),
    Channel("unix-dgram(), parsed,", "/dev/log", "parsed_socket", "rfc5424"): WORDS,
    Channel("unix-dgram(), parsed,", "/dev/log", "parsed_socket", "rfc3164"): WORDS,
    Channel("syslog()", TCP, "tcp_port", "rfc5424", "octet"): tuple(LONG),
    Channel("syslog()", TCP, "tcp_port", "rfc3164", "octet"): WORDS,
    Channel("network()", f"{TCP}?framing=lf", "lines_port", "rfc3164", "lf"): WORDS,
}

DEPARTURES = (
    OWN_HOST,
    Departure(
        "takes U+FEFF at the very beginning of an RFC 5424 message for a byte order mark, and drops it",
        lambda row: row.channel.protocol == "rfc5424",
        lambda seen: seen._replace(text=seen.text.removeprefix("\ufeff")),
    ),
)

UNPARSED = "takes RFC 5424 on the local socket for text with the program `1`"


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """The whole table, sent to one syslog-ng in one go."""
    with SyslogNg() as daemon:
        yield passed_through(make_rows(CHANNELS), daemon)


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.title)
def test_comes_back_as_sent(run: Run, channel: Channel) -> None:
    """Facility, severity, time, host, ident, pid, msgid, structured data and message are as sent."""
    problems = differences(run.through(channel), run.seen, DEPARTURES)
    assert not problems, "\n".join(problems[:50])


def test_departures(run: Run) -> None:
    """Each departure is one: it changes what must come back; and the documentation tells it."""
    unchanging = idle(run.rows, DEPARTURES)
    assert not unchanging
    assert not undocumented([*(departure.says for departure in DEPARTURES), UNPARSED])


def test_rfc5424_on_the_local_socket(run: Run) -> None:
    """Without flags(syslog-protocol) RFC 5424 becomes program and text: why ``auto`` is RFC 3164 there."""
    row = next(row for row in run.rows if row.channel.protocol == "rfc5424" and row.form == "text")
    with SyslogNg() as daemon:
        send_datagrams(str(daemon.socket), row.messages)
        line = wait_for_line(daemon, lambda line: line.ident == "1")[0]
    assert (line.facility, line.severity, line.pid) == (row.sent.facility, row.sent.severity, None)
    assert line.text == row.messages[0].partition(b"1 ")[2].decode()
