"""Framing: what is written in either framing is read back, however the stream is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celery_syslog.errors import DecodeError
from celery_syslog.wire.framing import FrameReader, frame_lf, frame_octet

MESSAGE = b"<13>1 - - - - - - hello"

BODIES = st.binary(max_size=40).map(lambda body: b"<13>" + body)
LINES = BODIES.map(lambda body: body.replace(b"\n", b"").rstrip(b"\r\0"))


def read(data: bytes, sizes: list[int], **options: object) -> tuple[list[bytes], str]:
    """Feed a stream in pieces; return the frames and what ended it: a tail or a fault."""
    reader = FrameReader(**options)  # type: ignore[arg-type]
    frames: list[bytes] = []
    try:
        for size in [*sizes, len(data)]:
            frames += reader.feed(data[:size])
            data = data[size:]
        return frames, repr(reader.close())
    except DecodeError as error:
        return frames, str(error)


@given(st.lists(BODIES, min_size=1))
def test_octet_counting_round_trip(messages: list[bytes]) -> None:
    """Octet counting carries any bytes, line feeds included, and is recognised without being told."""
    stream = b"".join(map(frame_octet, messages))
    assert read(stream, []) == (messages, "b''")


@given(st.lists(LINES, min_size=1))
def test_lf_round_trip(messages: list[bytes]) -> None:
    """LF framing carries lines, and is recognised without being told."""
    stream = b"".join(map(frame_lf, messages))
    assert read(stream, []) == (messages, "b''")


@given(st.binary(max_size=200), st.sampled_from(["auto", "octet", "lf"]))
def test_pieces_do_not_matter(stream: bytes, framing: str) -> None:
    """Byte by byte gives the same frames and the same end as all at once, for any bytes."""
    options = {"framing": framing, "max_size": 50}
    assert read(stream, [1] * len(stream), **options) == read(stream, [], **options)


@given(st.lists(BODIES, min_size=1), st.lists(st.integers(1, 30)))
def test_cuts_do_not_matter(messages: list[bytes], sizes: list[int]) -> None:
    """Wherever the network cuts a stream, the same messages come out."""
    stream = b"".join(map(frame_octet, messages))
    assert read(stream, sizes) == (messages, "b''")


def test_lf_inside_is_escaped() -> None:
    """A line feed inside a message cannot start a second one under LF framing."""
    assert frame_lf(b"<13>a\n<0>forged") == b"<13>a#012<0>forged\n"


@pytest.mark.parametrize(
    ("stream", "framing"),
    [
        (frame_octet(MESSAGE), "octet"),
        (frame_lf(MESSAGE), "lf"),
        (b"10 green bottles\n", "lf"),
        (b"2024-01-01 text\n", "lf"),
        (b"0 <13>\n", "lf"),
        (b"12345678901 <13>\n", "lf"),
    ],
)
def test_detection(stream: bytes, framing: str) -> None:
    """Octet counting is a length, a space and '<'; a line of text that starts with a number is not."""
    reader = FrameReader()
    reader.feed(stream)
    assert reader.framing == framing


def test_line_ends() -> None:
    """CR LF and NUL LF end a line as LF does, and empty lines are nothing."""
    assert FrameReader().feed(b"<13>a\r\n<13>b\0\n\n\r\n<13>c\n") == [b"<13>a", b"<13>b", b"<13>c"]


def test_close_gives_the_rest() -> None:
    """What was cut off by the end of the connection is not lost."""
    reader = FrameReader()
    assert reader.feed(b"<13>whole\n<13>ha") == [b"<13>whole"]
    assert reader.close() == b"<13>ha"
    reader = FrameReader()
    assert reader.feed(b"9 <13>whole50 <13>ha") == [b"<13>whole"]
    assert reader.close() == b"<13>ha"


@pytest.mark.parametrize("bad", [b"x <13>", b"0 <13>", b" <13>", b"99999999999 <", b"51 <13>"])
def test_octet_faults(bad: bytes) -> None:
    """A bad length ends the stream with a DecodeError, after the good frames before it."""
    reader = FrameReader(max_size=50, framing="octet")
    assert reader.feed(frame_octet(MESSAGE) + bad) == [MESSAGE]
    for _ in range(2):
        with pytest.raises(DecodeError) as caught:
            reader.feed(b"")
        assert caught.value.position == len(frame_octet(MESSAGE))


def test_long_line() -> None:
    """A line longer than allowed is refused before its end is seen, so memory is bounded."""
    reader = FrameReader(max_size=10, framing="lf")
    with pytest.raises(DecodeError, match="more than 10 bytes"):
        reader.feed(b"x" * 11)


def test_unknown_framing() -> None:
    """A framing that does not exist is the caller's mistake."""
    with pytest.raises(ValueError, match="auto, octet or lf"):
        FrameReader(framing="crlf")
