"""Every field of every message comes back from a real journald as it was sent, or as a departure says."""

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
from support.journald import Journald
from support.line import wait_for_line
from support.rows import LONG, Channel, make_rows

pytestmark = pytest.mark.xdist_group("journald")

CHANNELS = {Channel("dev-log", "/dev/log", "dev_log", "rfc3164"): tuple(LONG)}

DEPARTURES = (
    OWN_HOST,
    Departure(
        "drops blanks at the end of a message",
        lambda row: row.form in ("bare", "text"),
        lambda seen: seen._replace(text=seen.text.rstrip(" ")),
    ),
    Departure(
        "stores no facility for `kern`",
        lambda row: row.sent.facility == 0,
        lambda seen: seen._replace(facility=-1),
    ),
)

UNPARSED = "takes RFC 5424 for text without an identifier"


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """The whole table, sent to one journald in one go."""
    with Journald() as daemon:
        yield passed_through(make_rows(CHANNELS), daemon)


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.title)
def test_comes_back_as_sent(run: Run, channel: Channel) -> None:
    """Facility, severity, time, host, ident, pid and message are as sent."""
    problems = differences(run.through(channel), run.seen, DEPARTURES)
    assert not problems, "\n".join(problems[:50])


def test_departures(run: Run) -> None:
    """Each departure is one: it changes what must come back; and the documentation tells it."""
    unchanging = idle(run.rows, DEPARTURES)
    assert not unchanging
    assert not undocumented([*(departure.says for departure in DEPARTURES), UNPARSED])


def test_rfc5424() -> None:
    """RFC 5424 becomes text as a whole: why ``auto`` is RFC 3164 on unix sockets."""
    structured = Channel("dev-log", "/dev/log", "dev_log", "rfc5424")
    row = next(row for row in make_rows({structured: ()}) if row.form == "text" and row.name == "words")
    with Journald() as daemon:
        send_datagrams(str(daemon.dev_log), row.messages)
        line = wait_for_line(daemon, row.sent.text)[0]
    assert (line.facility, line.severity) == (row.sent.facility, row.sent.severity)
    assert (line.ident, line.pid) == ("", None)
    assert line.text == row.messages[0].partition(b">")[2].decode()
