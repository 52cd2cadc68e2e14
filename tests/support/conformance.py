"""The table of messages that every collector is given, and how what it made of them is judged.

A row is one record: it is encoded by the package for a channel (a socket and a protocol), sent as it is,
and recognised among what the collector has by its process id, which no other row has.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from celery_syslog.wire.decode import payload
from celery_syslog.wire.framing import frame_lf, frame_octet
from celery_syslog.wire.message import Message
from celery_syslog.wire.parts import join

from .rows import Channel, Row
from .seen import Seen
from .waiting import wait_until

__all__ = ["ARRIVAL", "OWN_HOST", "Departure", "Run", "as_seen", "departed", "differences", "disagreements"]
__all__ += [
    "idle",
    "passed_through",
    "send",
    "send_datagrams",
    "send_stream",
    "send_tls",
    "send_udp",
    "stamped",
    "undocumented",
]


#: Stands for the time at which a message came to the collector: the table's own times are months past.
ARRIVAL = datetime.min.replace(tzinfo=timezone.utc)

#: Datagrams of 2 KiB at most that the smallest default queue has room for.
_BURST = 32

_PAGE = Path(__file__).parents[2] / "docs" / "format.md"


class Departure(NamedTuple):
    """What a collector makes of some rows that is not what was sent.

    ``says`` is the reason, as docs/format.md tells it, ``where`` picks the rows, and ``change`` makes of
    what was sent what the collector must then have: exactly that, so that its mending is noticed too.
    """

    says: str
    where: Callable[[Row], bool]
    change: Callable[[Seen], Seen]


#: Every collector's: this form has no HOSTNAME.
OWN_HOST = Departure(
    "gives messages of the local form its own host name",
    lambda row: row.channel.framing == "datagram" and row.channel.protocol == "rfc3164",
    lambda seen: seen._replace(host=socket.gethostname().partition(".")[0]),
)


class Run(NamedTuple):
    """The table and what a collector made of it."""

    rows: list[Row]
    seen: list[Seen]

    def through(self, channel: Channel) -> list[Row]:
        """Return the rows that were sent through a channel."""
        return [row for row in self.rows if row.channel == channel]


def send(rows: Iterable[Row], target: Callable[[Channel], object]) -> None:
    """Send the messages of all rows, channel by channel, each over one socket to its ``target``."""
    by_channel: dict[Channel, list[bytes]] = {}
    for row in rows:
        by_channel.setdefault(row.channel, []).extend(row.messages)
    for channel, messages in by_channel.items():
        if channel.framing == "datagram":
            send_datagrams(str(target(channel)), messages)
            continue
        frame = frame_octet if channel.framing == "octet" else frame_lf
        send_stream(int(str(target(channel))), b"".join(map(frame, messages)))


def send_datagrams(path: str, messages: Iterable[bytes]) -> None:
    """Send messages to a unix socket, waiting while it is full."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(60)
        datagrams.connect(path)
        for message in messages:
            datagrams.send(message)


def send_stream(port: int, data: bytes) -> None:
    """Send bytes over one TCP connection and end it in order."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as stream:
        stream.sendall(data)
        stream.shutdown(socket.SHUT_WR)
        while stream.recv(4096):
            pass


def send_tls(port: int, context: ssl.SSLContext, data: bytes) -> None:
    """Send bytes over one TLS connection and end it in order."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=60)
    with context.wrap_socket(plain, server_hostname="localhost") as stream:
        stream.sendall(data)
        try:
            stream.unwrap()
        except ssl.SSLEOFError:
            pass  # rsyslog does not answer close_notify


def send_udp(port: int, messages: Sequence[bytes], received: Callable[[], int]) -> None:
    """Send datagrams, a few at a time, as nothing but the receiver's count holds up a sender of UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        for number, message in enumerate(messages, 1):
            datagrams.sendto(message, ("127.0.0.1", port))
            if number % _BURST == 0:
                wait_until(lambda: received() >= number, f"{number} datagrams", detail=received)  # noqa: B023


def passed_through(rows: list[Row], daemon: Any) -> Run:
    """Send the rows to a daemon; return them with what it has once it is as many messages."""
    begun = datetime.now(timezone.utc)
    send(rows, lambda channel: getattr(daemon, channel.target))
    wanted = sum(len(row.messages) for row in rows)
    wait_until(lambda: daemon.count() >= wanted, f"{wanted} messages", detail=daemon.count)
    ended = datetime.now(timezone.utc)
    return Run(
        rows,
        [seen._replace(time=ARRIVAL) if begun <= seen.time <= ended else seen for seen in daemon.seen()],
    )


def as_seen(message: Message) -> Seen:
    """Return what the package's own receiver made of a message."""
    assert message.timestamp is not None
    return Seen(
        *(message.facility, message.severity, message.timestamp, message.hostname or ""),
        *(message.ident or "", message.procid or "", message.msgid or ""),
        sd=message.structured_data,
        text=message.msg,
    )


def disagreements(
    run: Run, received: Iterable[Seen], theirs: Sequence[Departure], ours: Sequence[Departure]
) -> list[tuple[str, ...]]:
    """Return each row of which the receiver made something else than the collector did."""
    own, other = _by_pid(received), _by_pid(run.seen)
    assert own.keys() == other.keys()
    found = []
    for row in run.rows:
        for our, their in zip(own[row.sent.pid], other[row.sent.pid], strict=True):
            if stamped(departed(row, theirs, our), row) != stamped(departed(row, ours, their), row):
                found.append((row.channel.title, row.form, row.name, ascii(our), ascii(their)))
    return found


def _by_pid(found: Iterable[Seen]) -> dict[str, list[Seen]]:
    by_pid: dict[str, list[Seen]] = {}
    for seen in found:
        by_pid.setdefault(seen.pid, []).append(seen)
    return by_pid


def undocumented(reasons: Iterable[str]) -> list[str]:
    """Return the reasons that docs/format.md does not give."""
    page = " ".join(_PAGE.read_text().split())
    return [reason for reason in reasons if reason not in page]


def differences(
    rows: Iterable[Row], found: Iterable[Seen], departures: Sequence[Departure] = ()
) -> list[str]:
    """Return a line for each field of each row that is not as it was sent, the departures allowed for."""
    by_pid = _by_pid(found)
    problems = []
    for row in rows:
        wanted = departed(row, departures)
        for problem in _compare(row, wanted, by_pid.get(row.sent.pid, [])):
            problems.append(f"{row.channel.name}, {row.form}, {row.name}: {problem}")
    return problems


def idle(rows: Sequence[Row], departures: Sequence[Departure]) -> list[str]:
    """Return the departures that change no row, and so say nothing."""
    return [
        departure.says
        for departure in departures
        if not any(departure.where(row) and departure.change(row.sent) != row.sent for row in rows)
    ]


def departed(row: Row, departures: Iterable[Departure], sent: Seen | None = None) -> Seen:
    """Return what the collector must have of a row, or of ``sent``, a part of it."""
    wanted = sent or row.sent
    for departure in departures:
        if departure.where(row):
            wanted = departure.change(wanted)
    return wanted


def _compare(row: Row, wanted: Seen, parts: Sequence[Seen]) -> list[str]:
    if len(parts) != len(row.messages):
        return [f"{len(parts)} messages came of {len(row.messages)}"]
    problems = []
    for number, (part, data) in enumerate(zip(parts, row.messages, strict=True), 1):
        sd = _with_part(wanted.sd, f"{number}/{len(parts)}", row)
        for name, got, want in zip(Seen._fields, stamped(part, row), stamped(wanted, row), strict=True):
            want = sd if name == "sd" else want
            if name != "text" and got != want:
                problems.append(f"{name} is {_shown(got)} and not {_shown(want)}")
        if row.fields is not None and not data.endswith(part.text.encode()):
            problems.append(f"the payload was changed to {_shown(part.text)}")
    whole = join([_message(part) for part in parts])
    if row.fields is None:
        got, want = whole.msg, wanted.text
    else:
        got, want = dict(whole.fields), row.fields
    return problems if got == want else [*problems, f"the message is {_shown(got)} and not {_shown(want)}"]


def _with_part(sd: Mapping[str, Mapping[str, str]], part: str, row: Row) -> Mapping[str, Mapping[str, str]]:
    """Return structured data as the part of a message that was cut has it."""
    if len(row.messages) == 1 or row.channel.protocol == "rfc3164":
        return sd
    ours = {**sd.get("celery@32473", {}), "part": part}
    return {**sd, "celery@32473": ours}


def stamped(seen: Seen, row: Row) -> tuple[Any, ...]:
    """Return the fields with the time as far as the protocol tells it."""
    if row.channel.protocol == "rfc3164":
        return seen._replace(time=f"{seen.time:%b %d %H:%M:%S}")  # type: ignore[arg-type]
    return seen._replace(time=seen.time.isoformat(timespec="microseconds"))  # type: ignore[arg-type]


def _message(seen: Seen) -> Message:
    return Message(structured_data=seen.sd, msg=seen.text, fields=payload(seen.text))


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 300 else f"{text[:150]} [...] {text[-150:]} ({len(text)})"
