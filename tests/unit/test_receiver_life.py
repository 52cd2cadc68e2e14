"""A receiver's thread and descriptors: they end with it, and a forked child has no hold on them."""

from __future__ import annotations

import gc
import os
import socket
import threading

import pytest

from celery_syslog.address import parse_address
from celery_syslog.errors import WaitTimeout
from celery_syslog.receiver import SyslogReceiver


def connect(receiver: SyslogReceiver) -> socket.socket:
    """A plain socket connected to the receiver."""
    address = parse_address(receiver.url)
    if address.scheme == "tcp":
        return socket.create_connection((address.host, address.port))
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.connect(address.path)
    return sock


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_is_no_receiver() -> None:
    """A child has no hold on the place, may leave the with block, and harms nothing of its parent's."""
    with SyslogReceiver("unix://") as receiver, SyslogReceiver("tcp://127.0.0.1:0") as stopped:
        stopped.stop()
        ours, its = socket.socketpair()
        child = os.fork()
        if child == 0:
            ours.close()
            wrong = receiver.state != "stopped" or receiver.messages
            its.send(b"x")
            its.recv(1)
            receiver.close()
            stopped.close()
            os._exit(bool(wrong))
        its.close()
        ours.recv(1)  # the child runs: from here on it has given up its copies
        with connect(receiver) as sender:
            receiver.stop()
            with pytest.raises(ConnectionRefusedError):  # the child's copy would take it
                sender.send(b"<14>x")
        receiver.start()
        stopped.start()
        ours.close()
        assert os.waitpid(child, 0)[1] == 0
        with connect(receiver) as sender:
            sender.send(b"<14>x")
        receiver.wait_for(1, 30)


def test_threads_end_with_the_receiver() -> None:
    """Leaving the block ends the thread and closes every socket, connections included."""
    with SyslogReceiver("tcp://127.0.0.1:0") as receiver:
        senders = [connect(receiver) for _ in range(3)]
        (thread,) = (one for one in threading.enumerate() if one.name.endswith(receiver.url))
        assert thread.daemon
    assert not thread.is_alive()
    for sender in senders:
        sender.close()
    gc.collect()  # an unclosed socket is a ResourceWarning, and so an error


def test_what_ends_the_thread_is_told_to_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected failure of the reading thread is the cause of the WaitTimeout."""
    fault = OSError("too many open files")

    def fail(_: object) -> bool:
        raise fault

    monkeypatch.setattr("celery_syslog.receiver.reader.Reader._read_datagrams", fail)
    with SyslogReceiver("unix://") as receiver, connect(receiver) as sender:
        sender.send(b"<14>x")
        with pytest.raises(WaitTimeout) as caught:
            receiver.wait_for(1, 3600)
    assert caught.value.__cause__ is fault
