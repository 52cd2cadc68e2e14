"""What must hold for any bytes: the properties that the fuzzer, and the corpus, are run against."""

from __future__ import annotations

from collections.abc import Callable

from celery_syslog.errors import DecodeError
from celery_syslog.wire import rfc3164, rfc5424
from celery_syslog.wire.decode import decode
from celery_syslog.wire.framing import FrameReader, frame_lf, frame_octet
from celery_syslog.wire.message import Message
from celery_syslog.wire.relp import Frame, RelpReader, RelpSession, pack

__all__ = ["TARGETS", "decoding", "framing", "relp"]

_ENCODERS: dict[int, Callable[[Message], bytes]] = {0: rfc3164.encode, 1: rfc5424.encode}

_MAX_FRAME = 300


def decoding(data: bytes) -> None:
    """Lenient decoding never fails, strict only with DecodeError; what is read can be written and read."""
    message = decode(data)
    assert message.raw == data
    assert 0 <= message.severity <= 7
    assert 0 <= message.facility <= 23
    # U+FFFD, three bytes, may stand for one byte that is no UTF-8.
    assert len(message.msg.encode()) <= 3 * len(data)
    exact, position = _strictly(data)
    assert 0 <= position <= len(data)
    if exact is not None and not data.endswith((b"\0", b"\r", b"\n")):
        assert exact == message
    # Controls are escaped the first time; from then on nothing changes any more.
    encode = _ENCODERS[message.version]
    once = decode(encode(message))
    again = decode(encode(once))
    assert once == again, (once, again)
    assert not any(byte < 0x20 or byte == 0x7F for byte in encode(message))


def _strictly(data: bytes) -> tuple[Message | None, int]:
    try:
        return decode(data, strict=True), 0
    except DecodeError as error:
        return None, error.position


def framing(data: bytes) -> None:
    """Frames do not depend on how the stream was cut, fit the limit, and survive being framed again."""
    kinds = ("auto", "octet", "lf")
    kind, size, stream = kinds[data[0] % 3 if data else 0], data[1] % 7 + 1 if len(data) > 1 else 1, data[2:]
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    found = _read(kind, pieces)
    assert found == _read(kind, [stream])
    for frame in found[0]:
        assert len(frame) <= _MAX_FRAME
        assert _read("octet", [frame_octet(frame)])[0] == [frame]
        assert len(_read("lf", [frame_lf(frame)])[0]) <= 1


def _read(kind: str, pieces: list[bytes]) -> tuple[list[bytes], str]:
    reader = FrameReader(max_size=_MAX_FRAME, framing=kind)
    frames: list[bytes] = []
    try:
        for piece in pieces:
            frames += reader.feed(piece)
        return frames, repr(reader.close())
    except DecodeError as error:
        return frames, str(error)


def relp(data: bytes) -> None:
    """RELP frames do not depend on how the stream was cut; a session only ever confirms what was sent."""
    size, stream = data[0] % 7 + 1 if data else 1, data[1:]
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    frames, _ = found = _read_relp(pieces)
    assert found == _read_relp([stream])
    again = b"".join(pack(txnr, command.encode(), inner) for txnr, command, inner in frames)
    assert _read_relp([again]) == (frames, "")
    session = RelpSession()
    session.open()
    for message in (b"one", b"two"):
        session.syslog(message)
        session.sent(message)
    confirmed = [message for piece in pieces for message in session.receive(piece)]
    assert sorted([*confirmed, *session.pending.values()]) == [b"one", b"two"]


def _read_relp(pieces: list[bytes]) -> tuple[list[Frame], str]:
    reader = RelpReader(_MAX_FRAME)
    frames: list[Frame] = []
    try:
        for piece in [*pieces, b""]:
            frames += reader.feed(piece)
    except DecodeError as error:
        return frames, str(error)
    return frames, ""


TARGETS: dict[str, Callable[[bytes], None]] = {"decoding": decoding, "framing": framing, "relp": relp}
