"""The table of messages that every collector is given, and how what it made of them is judged.

A row is one record: it is encoded by the package for a channel (a socket and a protocol), sent as it is,
and recognised among what the collector has by its process id, which no other row has.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from celery_syslog.wire.decode import payload
from celery_syslog.wire.framing import frame_lf, frame_octet
from celery_syslog.wire.message import Message
from celery_syslog.wire.parts import join

from .rows import Channel, Row
from .seen import Seen
from .waiting import wait_until

__all__ = ["Departure", "differences", "idle", "send", "wait_for_rows"]


class Departure(NamedTuple):
    """What a collector makes of some rows that is not what was sent.

    ``says`` is the reason, as docs/format.md tells it, ``where`` picks the rows, and ``change`` makes of
    what was sent what the collector must then have: exactly that, so that its mending is noticed too.
    """

    says: str
    where: Callable[[Row], bool]
    change: Callable[[Seen], Seen]


def send(rows: Iterable[Row]) -> None:
    """Send the messages of all rows, channel by channel, each over one socket."""
    by_channel: dict[Channel, list[bytes]] = {}
    for row in rows:
        by_channel.setdefault(row.channel, []).extend(row.messages)
    for channel, messages in by_channel.items():
        if channel.framing == "datagram":
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
                datagrams.settimeout(60)
                datagrams.connect(channel.target)
                for message in messages:
                    datagrams.send(message)
            continue
        frame = frame_octet if channel.framing == "octet" else frame_lf
        with socket.create_connection(("127.0.0.1", int(channel.target)), timeout=60) as stream:
            stream.sendall(b"".join(map(frame, messages)))


def wait_for_rows(rows: Sequence[Row], count: Callable[[], int], seen: Callable[[], list[Seen]]) -> list[Seen]:
    """Return all that a collector has once it is as many messages as the rows are."""
    wanted = sum(len(row.messages) for row in rows)
    wait_until(lambda: count() >= wanted, f"{wanted} messages", detail=lambda: f"there are {count()}")
    return seen()


def differences(
    rows: Iterable[Row], found: Iterable[Seen], departures: Sequence[Departure] = ()
) -> list[str]:
    """Return a line for each field of each row that is not as it was sent, the departures allowed for."""
    by_pid: dict[str, list[Seen]] = {}
    for seen in found:
        by_pid.setdefault(seen.pid, []).append(seen)
    problems = []
    for row in rows:
        wanted = _departed(row, departures)
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


def _departed(row: Row, departures: Iterable[Departure]) -> Seen:
    wanted = row.sent
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
        for name, got, want in zip(Seen._fields, _stamped(part, row), _stamped(wanted, row), strict=True):
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


def _with_part(
    sd: Mapping[str, Mapping[str, str]], part: str, row: Row
) -> Mapping[str, Mapping[str, str]]:
    """Return structured data as the part of a message that was cut has it."""
    if len(row.messages) == 1 or row.channel.protocol == "rfc3164":
        return sd
    ours = {**sd.get("celery@32473", {}), "part": part}
    return {**sd, "celery@32473": ours}


def _stamped(seen: Seen, row: Row) -> tuple[Any, ...]:
    """Return the fields with the time as far as the protocol tells it."""
    if row.channel.protocol == "rfc3164":
        return seen._replace(time=f"{seen.time:%b %d %H:%M:%S}")  # type: ignore[arg-type]
    return seen._replace(time=seen.time.isoformat(timespec="microseconds"))  # type: ignore[arg-type]


def _message(seen: Seen) -> Message:
    return Message(structured_data=seen.sd, msg=seen.text, fields=payload(seen.text))


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 300 else f"{text[:150]} [...] {text[-150:]} ({len(text)})"
