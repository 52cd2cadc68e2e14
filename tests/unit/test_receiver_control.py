"""A receiver plays every state of a collector: hung, shut down, killed, back again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from celery_syslog.address import parse_address
from celery_syslog.errors import TransportError
from celery_syslog.receiver import Limits, SyslogReceiver

PLACES = [
    ("unix://", "dgram"),
    ("unix://", "stream"),
    ("udp://127.0.0.1:0", "dgram"),
    ("tcp://127.0.0.1:0", "dgram"),
]


def connect(receiver: SyslogReceiver) -> socket.socket:
    """A plain socket connected to the receiver."""
    address = parse_address(receiver.url)
    stream = address.scheme == "tcp" or receiver._kind == "stream"
    family = socket.AF_UNIX if address.scheme == "unix" else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
    try:
        sock.connect(address.path or (address.host, address.port))
    except OSError:
        sock.close()
        raise
    return sock


def refused(receiver: SyslogReceiver) -> type[OSError] | None:
    """What a sender that connects now is told."""
    try:
        connect(receiver).close()
    except OSError as error:
        return type(error)
    return None


def fill(sock: socket.socket, data: bytes) -> int:
    """Send data again and again until the socket takes no more; return the bytes it took."""
    sock.setblocking(False)
    sent = 0
    while True:
        try:
            sent += sock.send(data)
        except BlockingIOError:
            return sent


def test_nothing_is_opened_before_the_start() -> None:
    """Making a receiver costs no descriptor and no path, and closing it unused is fine."""
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    receiver = SyslogReceiver("unix://")
    after = len(os.listdir("/proc/self/fd")) if before else 0
    assert (after, receiver.state, receiver.messages) == (before, "stopped", [])
    receiver.stop()
    receiver.close()


@pytest.mark.parametrize(("url", "kind"), PLACES)
def test_every_call_may_be_repeated(url: str, kind: str) -> None:
    """Each control does nothing when there is nothing to do, in any order."""
    receiver = SyslogReceiver(url, kind=kind)  # type: ignore[arg-type]
    receiver.resume()
    receiver.pause()
    for _ in range(2):
        receiver.start()
        receiver.start()
        first = receiver.url
        receiver.pause()
        receiver.pause()
        assert receiver.state == "paused"
        receiver.resume()
        receiver.resume()
        assert receiver.state == "reading"
        receiver.stop()
        receiver.stop()
        receiver.kill()
        assert (receiver.state, receiver.url) == ("stopped", first)
    receiver.close()
    receiver.close()


@pytest.mark.parametrize(("url", "kind"), PLACES)
def test_a_closed_receiver_may_be_used_again(url: str, kind: str) -> None:
    """A second with block listens afresh and still has the messages of the first."""
    receiver = SyslogReceiver(url, kind=kind)  # type: ignore[arg-type]
    for number in (1, 2):
        with receiver, connect(receiver) as sender:
            sender.send(b"<14>x\n")
            assert len(receiver.wait_for(number, 30)) == number


def test_a_paused_datagram_receiver_fills_up() -> None:
    """While paused, senders get EAGAIN once the queue is full; resuming reads all that was queued."""
    with SyslogReceiver("unix://") as receiver, connect(receiver) as sender:
        receiver.pause()
        sent = fill(sender, b"<14>0")
        assert (receiver.received, sent > 0) == (0, True)
        receiver.resume()
        assert receiver.wait_for(sent // 5, 30)
        assert receiver.received == sent // 5


def test_a_paused_stream_receiver_closes_the_window() -> None:
    """While paused, connections are still made but what is sent stops fitting, until it resumes."""
    limits = Limits(receive_buffer=4096)
    with SyslogReceiver("tcp://127.0.0.1:0", limits=limits) as receiver:
        receiver.pause()
        with connect(receiver) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            sent = fill(sender, b"<14>x\n" * 100)
            receiver.resume()
            assert len(receiver.wait_for(sent // 6, 30)) == sent // 6


@pytest.mark.parametrize(("url", "kind"), PLACES)
def test_a_restart_keeps_the_place(url: str, kind: str) -> None:
    """After stop and start the same URL answers again, with what came before still there."""
    with SyslogReceiver(url, kind=kind) as receiver:  # type: ignore[arg-type]
        place = receiver.url
        for number in range(1, 4):
            with connect(receiver) as sender:
                sender.send(b"<14>x\n")
                receiver.wait_for(number, 30)
                receiver.stop()
            if receiver._address.scheme != "udp":
                assert refused(receiver) in (ConnectionRefusedError, FileNotFoundError)
            receiver.start()
            assert receiver.url == place
        assert receiver.received == 3


@pytest.mark.parametrize(("url", "kind"), PLACES)
def test_a_stop_loses_nothing_the_kernel_has_taken(url: str, kind: str) -> None:
    """What was sent before a stop is received, even if nobody was reading at the time."""
    with SyslogReceiver(url, kind=kind) as receiver:  # type: ignore[arg-type]
        receiver.pause()
        with connect(receiver) as sender:
            for number in range(5):
                sender.send(b"<14>%d\n" % number)
        receiver.stop()
        assert [message.msg.strip() for message in receiver.messages] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(("url", "kind"), PLACES)
def test_a_stop_ends_though_senders_never_pause(url: str, kind: str) -> None:
    """Senders that go on sending as fast as they can do not keep a stop or a pause from its end."""
    code = "import socket, sys; family, kind, place = eval(sys.argv[1]); sock = socket.socket(family, kind)\n"
    code += "sock.connect(place)\ntry:\n    while True: sock.send(eval(sys.argv[2]))\nexcept OSError: pass"
    limits = Limits(messages=10_000)
    with SyslogReceiver(url, kind=kind, limits=limits) as receiver:  # type: ignore[arg-type]
        with connect(receiver) as probe:
            target = (int(probe.family), int(probe.type), probe.getpeername())
        data = 'b"<14>x\\n" * 5000' if probe.type == socket.SOCK_STREAM else 'b"<14>x"'
        senders = [subprocess.Popen([sys.executable, "-c", code, repr(target), data]) for _ in range(2)]
        try:
            for _ in range(3):
                receiver.pause()
                receiver.resume()
                receiver.clear()
                receiver.wait_for(5000, 60)
            receiver.stop()
            assert receiver.state == "stopped"
        finally:
            for sender in senders:
                sender.kill()
                sender.wait()


def test_every_datagram_that_was_sent_arrives_over_many_stops() -> None:
    """A send that succeeds is never lost to a stop: the sockets close only when nothing can enter."""
    receiver, done, sent = SyslogReceiver("unix://"), threading.Event(), [0]
    receiver.start()

    def send() -> None:
        sock = connect(receiver)
        while not done.is_set():
            try:
                sock.send(b"<14>%d" % sent[0])
                sent[0] += 1
            except OSError:
                sock.close()
                try:
                    sock = connect(receiver)
                except OSError:
                    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.close()

    thread = threading.Thread(target=send)
    thread.start()
    for round_ in range(1, 30):
        receiver.wait_for(round_ * 100, 30)
        receiver.stop()
        receiver.start()
    done.set()
    thread.join()
    receiver.close()
    assert [message.msg for message in receiver.messages] == [str(number) for number in range(sent[0])]


def test_controls_and_reads_may_come_from_any_thread() -> None:
    """Threads that pause, restart, clear and read one receiver at the same time neither fail nor wait."""
    receiver, faults = SyslogReceiver("unix://"), []
    receiver.start()

    def work(*calls: str) -> None:
        try:
            for _ in range(100):
                for name in calls:
                    found = getattr(receiver, name)
                    found() if callable(found) else None
        except Exception as fault:
            faults.append(fault)

    works = (("pause", "resume"), ("stop", "start"), ("messages", "dropped"), ("clear", "received", "state"))
    threads = [threading.Thread(target=work, args=calls) for calls in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not faults
    assert not any(thread.is_alive() for thread in threads)
    receiver.resume()
    with connect(receiver) as sender:
        sender.send(b"<14>x")
    receiver.wait_for(1, 30)
    receiver.close()


def test_a_stop_ends_connections() -> None:
    """A connected stream sender sees the end of its connection."""
    with SyslogReceiver("tcp://127.0.0.1:0") as receiver, connect(receiver) as sender:
        sender.send(b"<14>x\n")
        receiver.wait_for(1, 30)
        receiver.stop()
        sender.settimeout(30)
        assert sender.recv(1) == b""


def test_a_stopped_tcp_port_is_nobody_elses() -> None:
    """While stopped, the port cannot be taken by another program nor by a sender's own end."""
    with SyslogReceiver("tcp://127.0.0.1:0") as receiver:
        receiver.stop()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", parse_address(receiver.url).port))
    with socket.socket() as other:
        other.bind(("127.0.0.1", parse_address(receiver.url).port))


def test_a_killed_receiver_leaves_its_socket() -> None:
    """kill() loses what was queued and leaves a dead socket, which start() and others may replace."""
    with SyslogReceiver("unix://") as receiver:
        path = Path(parse_address(receiver.url).path)
        receiver.pause()
        with connect(receiver) as sender:
            sender.send(b"<14>lost")
        receiver.kill()
        assert path.is_socket()
        assert refused(receiver) is ConnectionRefusedError
        receiver.start()
        with connect(receiver) as sender:
            sender.send(b"<14>kept")
        assert [message.msg for message in receiver.wait_for(1, 30)] == ["kept"]
        receiver.kill()
        with SyslogReceiver(receiver.url) as heir:
            assert refused(heir) is None
    assert not path.parent.exists()


def test_only_its_own_socket_is_removed() -> None:
    """A file that is no socket is never replaced, and another listener's socket never removed."""
    with SyslogReceiver("unix://") as receiver:
        path = Path(parse_address(receiver.url).path)
        receiver.kill()
        path.unlink()
        path.write_text("mine")
        with pytest.raises(TransportError, match="something that is no socket is there"):
            receiver.start()
        receiver.stop()
        assert path.read_text() == "mine"
        path.unlink()
