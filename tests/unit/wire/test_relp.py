"""RELP without a socket: frames are read however they are cut, and a session keeps what is not confirmed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celery_syslog.errors import DecodeError, TransportError
from celery_syslog.wire.relp import Frame, RelpReader, RelpSession, pack

FRAMES = st.builds(
    Frame,
    st.integers(0, 999_999_999),
    st.text("abcXYZ", min_size=1, max_size=32),
    st.binary(max_size=40),
)

OPENED = b"200 OK\nrelp_version=0\nrelp_software=librelp,1.11.0\ncommands=syslog"


def packed(frame: Frame) -> bytes:
    """A frame as bytes."""
    return pack(frame.txnr, frame.command.encode(), frame.data)


def read(data: bytes, sizes: list[int], max_size: int = 50) -> tuple[list[Frame], str]:
    """Feed a stream in pieces; return the frames and the fault that ended it, if any."""
    reader = RelpReader(max_size)
    frames: list[Frame] = []
    try:
        for size in [*sizes, len(data)]:
            frames += reader.feed(data[:size])
            data = data[size:]
        reader.feed(b"")  # a fault behind whole frames is told by the next call
    except DecodeError as error:
        return frames, str(error)
    return frames, ""


def ready(window: int = 128) -> RelpSession:
    """A session that the collector has accepted."""
    session = RelpSession(window)
    session.open()
    assert session.receive(pack(1, b"rsp", OPENED)) == []
    assert session.state == "ready"
    return session


def send(session: RelpSession, *messages: bytes) -> None:
    """Send messages."""
    for message in messages:
        session.syslog(message)
        session.sent(message)


class TestReader:
    """Frames out of a stream."""

    @given(st.lists(FRAMES, min_size=1), st.lists(st.integers(1, 30)))
    def test_round_trip(self, frames: list[Frame], sizes: list[int]) -> None:
        """Any frames come out as they went in, wherever the network cuts the stream."""
        assert read(b"".join(map(packed, frames)), sizes) == (frames, "")

    @given(st.binary(max_size=200) | st.text("0123456789 rspopen\n", max_size=60).map(str.encode))
    def test_pieces_do_not_matter(self, stream: bytes) -> None:
        """Byte by byte gives the same frames and the same fault as all at once, for any bytes."""
        assert read(stream, [1] * len(stream)) == read(stream, [])

    @given(st.lists(FRAMES, min_size=1), st.data())
    def test_damage_does_not_get_through(self, frames: list[Frame], data: st.DataObject) -> None:
        """A changed byte never fails but with DecodeError, and frames before it are read."""
        stream = bytearray(b"".join(map(packed, frames)))
        at = data.draw(st.integers(0, len(stream) - 1))
        stream[at] = data.draw(st.integers(0, 255))
        found, _ = read(bytes(stream), [1] * len(stream))
        whole, _ = read(bytes(stream[:at]), [])
        assert found[: len(whole)] == whole

    @pytest.mark.parametrize(
        "stream",
        [
            b" open 0\n",
            b"1234567890 open 0\n",
            b"1 op3n 0\n",
            b"1  0\n",
            b"1 " + b"o" * 33 + b" 0\n",
            b"1 open x\n",
            b"1 open 1234567890 ",
            b"1 open 3\n",
            b"1 open 51 x",
            b"1 open 3 abcd\n",
            b"1 open 0 \r",
            b"\xff",
        ],
    )
    def test_faults(self, stream: bytes) -> None:
        """What breaks the grammar or the limit is told as soon as it is there, and from then on."""
        reader = RelpReader(max_size=50)
        assert reader.feed(b"7 rsp 0\n") == [Frame(7, "rsp")]
        with pytest.raises(DecodeError) as first:
            reader.feed(stream)
        assert first.value.position == 8
        with pytest.raises(DecodeError):
            reader.feed(b"1 rsp 0\n")

    def test_empty_data(self) -> None:
        """A frame without data may have the space before it, as some write it."""
        assert read(b"0 serverclose 0 \n5 rsp 0\n", []) == ([Frame(0, "serverclose"), Frame(5, "rsp")], "")


class TestSession:
    """The client's side."""

    def test_messages_are_pending_until_confirmed(self) -> None:
        """Each answer confirms the message with its number; the others stay, oldest first."""
        session = ready()
        send(session, b"one", b"two", b"three")
        assert session.receive(pack(3, b"rsp", b"200 OK") + b"2 rsp 6 20") == [b"two"]
        assert list(session.pending.values()) == [b"one", b"three"]
        assert session.receive(b"0 OK\n") == [b"one"]
        assert session.receive(pack(4, b"rsp", b"200 OK")) == [b"three"]
        assert (session.pending, session.fault) == ({}, None)

    def test_a_message_that_was_begun_is_not_pending(self) -> None:
        """A frame counts as sent only when all of it is."""
        session = ready()
        assert session.syslog(b"one") == session.syslog(b"one") == b"2 syslog 3 one\n"
        assert session.pending == {}

    def test_window(self) -> None:
        """The window is full when as many messages are pending as fit, and opens with an answer."""
        session = ready(window=2)
        send(session, b"one", b"two")
        assert session.full
        session.receive(pack(2, b"rsp", b"200 OK"))
        assert not session.full

    def test_numbers_begin_again(self) -> None:
        """After 999999999 comes 1: 0 is the server's."""
        session = ready()
        session._txnr = 999_999_999
        send(session, b"last", b"first")
        assert list(session.pending) == [999_999_999, 1]

    def test_close(self) -> None:
        """A session that was closed in order has no fault, whatever the collector says at the end."""
        session = ready()
        assert session.close() == b"2 close 0\n"
        session.receive(pack(2, b"rsp", b"200 OK") + b"0 serverclose 0\n")
        assert session.state == "closed"
        session.receive(b"")
        assert session.fault is None
        for end in (pack(2, b"rsp"), pack(0, b"serverclose")):
            session = ready()
            session.close()
            session.receive(end)
            assert (session.state, session.fault) == ("closed", None)
        session = ready()
        session.close()
        session.receive(b"")
        assert session.fault is not None

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            (pack(2, b"rsp", b"500 no\x1b[31m room"), r"refused a record of 3 bytes: 500 no#033\[31m room"),
            (pack(9, b"rsp", b"200 OK"), "answered frame 9"),
            (pack(9, b"rsp", b"503"), "refused frame 9: 503"),
            (pack(2, b"rsp", b"OK"), "without a code"),
            (pack(0, b"serverclose"), "ended the session"),
            (pack(1, b"syslog", b"x"), "'syslog', which is no answer"),
            (b"HTTP/1.1 400 Bad Request\r\n", "is not RELP"),
            (b"", "closed the connection"),
        ],
    )
    def test_faults(self, answer: bytes, told: str) -> None:
        """Whatever is wrong with an answer ends the session, and nothing pending is taken for confirmed."""
        session = ready()
        send(session, b"one")
        assert session.receive(answer) == []
        with pytest.raises(TransportError, match=told):
            raise session.fault or AssertionError
        assert session.receive(pack(2, b"rsp", b"200 OK")) == []
        assert list(session.pending.values()) == [b"one"]

    def test_answers_before_a_fault_count(self) -> None:
        """What was confirmed before the connection ended is confirmed."""
        session = ready()
        send(session, b"one", b"two")
        assert session.receive(pack(2, b"rsp", b"200 OK") + pack(0, b"serverclose")) == [b"one"]
        assert session.fault is not None

    @pytest.mark.parametrize(
        ("answer", "state"),
        [
            (OPENED, "ready"),
            (b"200 OK", "ready"),
            (b"200", "ready"),
            (b"200 OK\ncommands=starttls,syslog", "ready"),
            (b"200 OK\ncommands=eventlog", "opening"),
            (b"500 required command not supported", "opening"),
            (b"", "opening"),
        ],
    )
    def test_opening(self, answer: bytes, state: str) -> None:
        """The session begins when the collector accepts it and takes syslog messages."""
        session = RelpSession()
        assert session.open().startswith(b"1 open ")
        session.receive(pack(1, b"rsp", answer))
        assert session.state == state
        assert (session.fault is None) == (state == "ready")

    @given(st.binary(max_size=200) | st.lists(FRAMES).map(lambda found: b"".join(map(packed, found))))
    def test_any_answer(self, stream: bytes) -> None:
        """No bytes make it fail, and it confirms nothing that was not sent."""
        session = ready()
        send(session, b"one", b"two")
        confirmed = [message for byte in stream for message in session.receive(bytes([byte]))]
        assert sorted(confirmed + list(session.pending.values())) == [b"one", b"two"]
