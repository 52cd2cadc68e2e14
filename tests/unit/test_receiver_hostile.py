"""Whatever is sent, a receiver stays up, within its bounds, and counts what it did not keep."""

from __future__ import annotations

import json
import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from celery_syslog.address import parse_address
from celery_syslog.errors import WaitTimeout
from celery_syslog.receiver import Limits, SyslogReceiver

GARBAGE = [
    b"\xff\xfe\x00binary",
    b"<",
    b"<999>x",
    b"<14>1 ",
    b"<14>1 - - - - - [broken",
    b"<14>\xed\xa0\x80 surrogate",
    b'<14>x: {"a":' + b"[" * 5000,
    b'<14>x: {"n":' + b"9" * 6000 + b"}",
    json.dumps({"x": "\ud800"}).encode(),
    b"\x1b[31m<14>colour",
]


def connect(receiver: SyslogReceiver) -> socket.socket:
    """A plain socket connected to the receiver."""
    address = parse_address(receiver.url)
    if address.scheme == "unix":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.connect(address.path)
        return sock
    return socket.create_connection((address.host, address.port))


def say(receiver: SyslogReceiver, data: bytes) -> None:
    """Send over a connection of its own and wait until the other end has closed it too."""
    with connect(receiver) as sender:
        sender.settimeout(30)
        try:
            sender.sendall(data)
            sender.shutdown(socket.SHUT_WR)
            sender.recv(1)
        except ConnectionError:
            pass  # the receiver had enough of it


def test_garbage_becomes_a_message_with_its_bytes() -> None:
    """What is no syslog is still a message, with the bytes as they came."""
    with SyslogReceiver("unix://") as receiver, connect(receiver) as sender:
        for data in GARBAGE:
            sender.send(data)
        messages = receiver.wait_for(len(GARBAGE), 30)
    assert [message.raw for message in messages] == GARBAGE
    assert all(isinstance(message.msg, str) for message in messages)


@settings(deadline=None, max_examples=200)
@given(data=st.binary(max_size=400))
def test_any_bytes_on_a_stream_are_survived(data: bytes) -> None:
    """After any bytes on one connection, the next connection's message arrives whole."""
    with SyslogReceiver("tcp://127.0.0.1:0") as receiver:
        say(receiver, data)
        say(receiver, b"<14>good\n")
        assert receiver.wait_for(lambda message: message.raw == b"<14>good", 30)


def test_a_last_line_without_its_end_counts_and_a_torn_frame_does_not() -> None:
    """As with rsyslog, an unended line is a message at the close; a counted frame must be whole."""
    with SyslogReceiver("tcp://127.0.0.1:0") as receiver:
        say(receiver, b"<14>a\n<14>b")
        say(receiver, b"5 <14>c9 <14>to")
        assert [message.msg for message in receiver.wait_for(3, 30)] == ["a", "b", "c"]
        assert receiver.dropped == {"incomplete": 1}
        assert "after 6 bytes" in receiver.trouble


def test_broken_framing_ends_the_connection_only() -> None:
    """Frames before the fault count, the rest of that connection does not, and the wait tells why."""
    with SyslogReceiver("tcp://127.0.0.1:0") as receiver:
        say(receiver, b"5 <14>a\x00\x00\x00\x00")
        assert [message.msg for message in receiver.wait_for(1, 30)] == ["a"]
        with pytest.raises(WaitTimeout, match=r"1 came, dropped 1 framing\n  last trouble: octet counting"):
            receiver.wait_for(2, 0)
        receiver.clear()
        assert (receiver.dropped, receiver.trouble) == ({}, "")


@pytest.mark.parametrize("data", [b"<14>" + b"x" * 2000 + b"\n", b"1999 <14>" + b"x" * 1995])
def test_long_frames_are_refused(data: bytes) -> None:
    """A frame over the limit ends its connection before it is held in memory."""
    with SyslogReceiver("tcp://127.0.0.1:0", limits=Limits(message_size=1000)) as receiver:
        say(receiver, data)
        assert (receiver.messages, receiver.dropped) == ([], {"framing": 1})


def test_long_datagrams_are_cut() -> None:
    """A datagram over the limit is kept as far as allowed and counted; one at the limit is whole."""
    with SyslogReceiver("unix://", limits=Limits(message_size=100)) as receiver, connect(receiver) as sender:
        sender.send(b"<14>" + b"x" * 96)
        sender.send(b"<14>" + b"y" * 97)
        receiver.wait_for(2, 30)
    assert [len(data) for data in receiver.raw] == [100, 100]
    assert receiver.dropped == {"cut": 1}


def test_empty_datagrams_are_nothing() -> None:
    """A datagram of no bytes is no message and no end."""
    with SyslogReceiver("unix://") as receiver, connect(receiver) as sender:
        sender.send(b"")
        sender.send(b"<14>x")
        assert len(receiver.wait_for(1, 30)) == 1


@pytest.mark.parametrize("limits", [Limits(messages=32), Limits(memory=32 * 10)])
def test_memory_is_bounded(limits: Limits) -> None:
    """The newest messages are kept, the older ones given up and counted, whether looked at or not."""
    with SyslogReceiver("unix://", limits=limits) as receiver, connect(receiver) as sender:
        for number in range(100):
            sender.send(b"<14>%6d" % number)
            if number == 50:
                receiver.wait_for(lambda message: message.msg.strip() == "50", 30)
        receiver.wait_for(lambda message: message.msg.strip() == "99", 30)
        kept = [int(message.msg) for message in receiver.messages]
        assert kept == list(range(100 - len(kept), 100))
        assert 30 <= len(kept) <= 32
        assert receiver.dropped == {"memory": 100 - len(kept)}
        assert receiver.received == 100


def test_one_message_over_all_memory_is_given_up() -> None:
    """Not even a single message is kept beyond the memory allowed."""
    with SyslogReceiver("unix://", limits=Limits(memory=10)) as receiver, connect(receiver) as sender:
        sender.send(b"<14>" + b"x" * 100)
        sender.send(b"<14>y")
        assert [message.msg for message in receiver.wait_for(1, 30) if message.msg == "y"] == ["y"]
        assert receiver.dropped == {"memory": 1}


def test_connections_are_bounded() -> None:
    """One connection too many is closed at once and counted; a free place is taken again."""
    with SyslogReceiver("tcp://127.0.0.1:0", limits=Limits(connections=2)) as receiver:
        with connect(receiver) as first, connect(receiver), connect(receiver) as third:
            third.settimeout(30)
            assert third.recv(1) == b""
            assert receiver.dropped == {"connections": 1}
            first.send(b"<14>a\n")
            receiver.wait_for(1, 30)
        while receiver.received < 2:  # until it has seen those three leave
            say(receiver, b"<14>b\n")
        assert receiver.messages[1].msg == "b"


def test_a_reset_connection_is_counted() -> None:
    """A connection that breaks keeps what came before."""
    with SyslogReceiver("tcp://127.0.0.1:0") as receiver:
        with connect(receiver) as sender:
            sender.send(b"<14>a\n")
            receiver.wait_for(1, 30)
            # A close with this on sends RST.
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        receiver.stop()
        assert receiver.dropped == {"connection": 1}
        assert "reset" in receiver.trouble
