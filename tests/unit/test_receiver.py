"""The receiver's messages: whatever a sender may send arrives decoded, and waits say what is wrong."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from celery_syslog.address import parse_address
from celery_syslog.errors import ConfigurationError, TransportError, WaitTimeout
from celery_syslog.receiver import Limits, SyslogReceiver

LEGACY = b"<134>Nov 23 18:00:00 web1 celery[42]: hello"
MODERN = b'<134>1 2026-11-23T18:00:00.123456+01:00 web1 celery 42 started [celery@32473 task_id="a1"] hello'

try:
    with socket.create_server(("::1", 0), family=socket.AF_INET6):
        IPV6 = True
except OSError:
    IPV6 = False
V6 = pytest.mark.skipif(not IPV6, reason="this machine has no IPv6 loopback")
NETWORK = ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]
NETWORK += [pytest.param(url, marks=V6) for url in ("udp://[::1]:0", "tcp://[::1]:0")]


def connect(receiver: SyslogReceiver, kind: int = socket.SOCK_DGRAM) -> socket.socket:
    """A plain socket connected to the receiver."""
    address = parse_address(receiver.url)
    if address.scheme == "unix":
        sock = socket.socket(socket.AF_UNIX, kind)
        sock.connect(address.path)
        return sock
    kind = socket.SOCK_DGRAM if address.scheme == "udp" else socket.SOCK_STREAM
    sock = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, kind)
    sock.connect((address.host, address.port))
    return sock


@pytest.mark.parametrize("url", ["unix://", *NETWORK])
def test_each_kind_of_url_takes_messages(url: str) -> None:
    """A message sent right after the with statement arrives, at the URL the receiver tells."""
    with SyslogReceiver(url) as receiver, connect(receiver) as sender:
        sender.send(LEGACY + b"\n")
        (message,) = receiver.wait_for(1, 30)
    assert (message.ident, message.pid, message.message) == ("celery", 42, "hello")
    assert not receiver.url.endswith(":0")


def test_unix_stream() -> None:
    """A unix socket takes connections when told so, and tells lines apart."""
    with SyslogReceiver("unix://", kind="stream") as receiver:
        with connect(receiver, socket.SOCK_STREAM) as sender:
            sender.send(LEGACY + b"\n" + LEGACY + b"\n")
        assert len(receiver.wait_for(2, 30)) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
def test_abstract_socket() -> None:
    """A name in the abstract namespace works like a path and leaves no file."""
    with SyslogReceiver(f"@celery-syslog-{threading.get_native_id()}") as receiver:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect("\0" + parse_address(receiver.url).path[1:])
            sender.send(LEGACY)
        receiver.wait_for(1, 30)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("tcp://127.0.0.1:0?framing=lf", "?framing=lf"),
        ("tls://127.0.0.1:0?server_name=logs.example", "?server_name=logs.example"),
    ],
)
def test_url_keeps_what_is_for_the_sender(scheme: str, expected: str) -> None:
    """Options given in the URL are in ``.url``, so that it can be handed to a handler as it is."""
    receiver = SyslogReceiver(scheme, ssl_context=object())  # type: ignore[arg-type]
    assert receiver.url.endswith(expected)


@pytest.mark.parametrize(
    "url", ["relp://127.0.0.1:0", "amqp://localhost", "nonsense", "udp://:0", "tcp://h:x"]
)
def test_wrong_urls_are_told_at_once(url: str) -> None:
    """A URL nobody can listen on is a ConfigurationError when the receiver is made."""
    with pytest.raises(ConfigurationError):
        SyslogReceiver(url)


def test_wrong_kind_is_told_at_once() -> None:
    """Only dgram and stream are kinds."""
    with pytest.raises(ConfigurationError, match="kind 'both': dgram or stream"):
        SyslogReceiver("unix://", kind="both")  # type: ignore[arg-type]


def test_a_taken_place_is_told_with_its_url() -> None:
    """Two receivers cannot share a place; the second one's error names it."""
    with SyslogReceiver("tcp://127.0.0.1:0") as first:
        second = SyslogReceiver(first.url)
        with pytest.raises(TransportError, match=f"cannot listen on {first.url}"):
            second.start()
    with SyslogReceiver("unix://") as first:
        for kind in ("dgram", "stream"):
            with pytest.raises(TransportError, match="somebody listens there already"):
                SyslogReceiver(first.url, kind=kind).start()
        assert first.wait_for(0) == []


@pytest.mark.parametrize("frame", [lambda m: b"%d %b" % (len(m), m), lambda m: m + b"\n"])
def test_both_framings_and_both_rfcs_are_recognised(frame: Callable[[bytes], bytes]) -> None:
    """One stream receiver takes counted and LF frames, RFC 3164 and RFC 5424, cut anywhere."""
    stream = frame(MODERN) + frame(LEGACY)
    with SyslogReceiver("tcp://127.0.0.1:0") as receiver:
        with connect(receiver) as sender:
            sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in stream:
                sender.send(bytes([byte]))
        modern, legacy = receiver.wait_for(2, 30)
    assert (modern.version, modern.event, modern.task_id) == (1, "started", "a1")
    assert (legacy.version, legacy.hostname, legacy.msg) == (0, "web1", "hello")
    assert receiver.raw == [MODERN, LEGACY]


def test_payloads_become_fields() -> None:
    """JSON and CEE payloads are decoded, and a legacy time gets this machine's zone."""
    body = json.dumps({"message": "done", "task_id": "b2", "extra": {"n": 1}}).encode()
    with SyslogReceiver("unix://") as receiver, connect(receiver) as sender:
        sender.send(b"<14>Nov 23 18:00:00 celery[1]: " + body)
        sender.send(b"<14>Nov 23 18:00:00 celery[1]: @cee: " + body)
        for message in receiver.wait_for(2, 30):
            assert (message.message, message.task_id) == ("done", "b2")
            assert message.fields["extra"] == {"n": 1}
            assert message.timestamp is not None
            assert message.timestamp.tzinfo is not None


def test_senders_may_be_other_processes() -> None:
    """What another process sent before it ended is all there."""
    code = "import socket,sys; s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.connect(sys.argv[1])\n"
    code += "for n in range(500): s.send(b'<14>%d' % n)\ns.close()"
    with SyslogReceiver("unix://") as receiver:
        path = parse_address(receiver.url).path
        subprocess.run([sys.executable, "-c", code, path], check=True, timeout=60)
    assert [message.msg for message in receiver.messages] == [str(n) for n in range(500)]


def test_wait_for_a_count_takes_all_there_are() -> None:
    """A number is a minimum: what came before the call and beyond the number is returned too."""
    with SyslogReceiver("unix://") as receiver, connect(receiver) as sender:
        for text in (b"<14>a", b"<14>b", b"<14>c"):
            sender.send(text)
        receiver.wait_for(3, 30)
        assert [message.msg for message in receiver.wait_for(1, 0)] == ["a", "b", "c"]


def test_wait_for_a_match_returns_the_first() -> None:
    """A predicate gives the first message it holds for, even one that comes during the wait."""
    with SyslogReceiver("unix://") as receiver, connect(receiver) as sender:
        sender.send(b"<14>one")
        waiting, seen = threading.Event(), []

        def is_two(message: object) -> bool:
            seen.append(message)
            waiting.set()
            return "two" in str(message)

        thread = threading.Thread(target=lambda: (waiting.wait(30), sender.send(b"<14>two")))
        thread.start()
        assert receiver.wait_for(is_two, 30).msg == "two"
        thread.join()
        assert len(seen) == 2


def test_clear_starts_afresh() -> None:
    """After clear() nothing that came before counts."""
    with SyslogReceiver("unix://") as receiver, connect(receiver) as sender:
        sender.send(b"<14>old")
        receiver.wait_for(1, 30)
        receiver.clear()
        assert (receiver.messages, receiver.received) == ([], 0)
        sender.send(b"<14>new")
        assert [message.msg for message in receiver.wait_for(1, 30)] == ["new"]


def test_a_failed_wait_says_what_was_awaited_and_what_came() -> None:
    """The error of a wait shows where, for what, how long, and the last few messages."""
    with SyslogReceiver("unix://") as receiver, connect(receiver) as sender:
        for number in range(7):
            sender.send(b"<11>Nov 23 18:00:00 celery[1]: line %d" % number)
        receiver.wait_for(7, 30)
        with pytest.raises(WaitTimeout) as caught:
            receiver.wait_for(8, 0.01)
        text = str(caught.value)
        assert f"waited 0.01 s for 8 messages on {receiver.url}; 7 came; the last 5:" in text
        assert "err celery: 'line 6'" in text
        assert "line 1" not in text
        receiver.pause()
        with pytest.raises(AssertionError, match=r"satisfies <lambda> \(test_receiver.py:\d+\) .*\(paused\)"):
            receiver.wait_for(lambda message: message.severity == 0, 0)


def test_a_failed_wait_shows_what_came_nearest() -> None:
    """Beyond the last messages, the error shows the older ones most like the strings that were sought."""
    lines = ["sold 12 cups of tea", *(f"line {number}" for number in range(50))]
    body = json.dumps({"message": "bought a kettle", "task_id": "a1", "event": "succeeded"})
    with SyslogReceiver("unix://") as receiver, connect(receiver) as sender:
        for text in [body, *lines]:
            sender.send(b"<11>Nov 23 18:00:00 celery[1]: " + text.encode())
        receiver.wait_for(len(lines) + 1, 30)
        wanted = "sold 13 cups of tea"
        with pytest.raises(WaitTimeout) as caught:
            receiver.wait_for(lambda message: message.message == wanted, 0)
        assert str(caught.value).endswith("\n  nearest: err celery: 'sold 12 cups of tea'")
        with pytest.raises(WaitTimeout) as caught:
            receiver.wait_for(lambda message: message.message == "a kettle" and message.pid == 2, 0)
        last = "nearest: err celery: 'bought a kettle' event=succeeded task_id=a1"
        assert str(caught.value).endswith(f"\n  {last}")


def test_a_path_object_is_a_url(tmp_path: Path) -> None:
    """A path may be given as one; one that is too long for a socket is told with the way out."""
    folder = Path(tempfile.mkdtemp(prefix="cs-"))
    with SyslogReceiver(folder / "log") as receiver, connect(receiver) as sender:
        sender.send(LEGACY)
        assert len(receiver.wait_for(1, 30)) == 1
    folder.rmdir()
    with pytest.raises(TransportError, match=r"too long \(unix:// alone makes a short private one\)"):
        SyslogReceiver(tmp_path / ("x" * 100)).start()


def test_in_a_process_patched_by_gevent() -> None:
    """With gevent's monkey patching the receiver reads in a greenlet, and its controls work."""
    code = """if True:
        from gevent import monkey; monkey.patch_all()
        import socket
        from celery_syslog import SyslogReceiver
        with SyslogReceiver("unix://") as receiver, SyslogReceiver("tcp://127.0.0.1:0") as network:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.connect(receiver.url.removeprefix("unix://"))
                for number in range(2000):
                    sender.send(b"<14>%d" % number)
                receiver.wait_for(2000, 30)
                receiver.pause()
                sender.send(b"<14>paused")
                receiver.resume()
                receiver.wait_for(lambda message: message.msg == "paused", 30)
            with socket.create_connection(("127.0.0.1", int(network.url.rpartition(":")[2]))) as sender:
                sender.send(b"<14>one\\n")
                network.wait_for(1, 30)
            receiver.stop()
            receiver.start()
        print(receiver.received, network.received)
    """
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (result.stdout, result.stderr) == ("2001 1\n", "")


def test_a_closed_receiver_keeps_nobody_waiting() -> None:
    """Waiting for what cannot come any more fails at once, and what came stays readable."""
    with SyslogReceiver("unix://") as receiver, connect(receiver) as sender:
        sender.send(b"<14>x")
    assert len(receiver.messages) == 1
    with pytest.raises(WaitTimeout, match=r"^stopped waiting for 2 messages .*\(stopped\); 1 came"):
        receiver.wait_for(2, 3600)
    with pytest.raises(WaitTimeout):
        receiver.wait_for(lambda message: False, 3600)


def test_impossible_waits_are_refused() -> None:
    """More messages than are ever kept cannot be awaited, nor anything but a number or a function."""
    receiver = SyslogReceiver("unix://", limits=Limits(messages=10))
    with pytest.raises(TypeError, match="a function of one, not 'hello'"):
        receiver.wait_for("hello")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="keeps 10 messages"):
        receiver.wait_for(11)


def test_follow_gives_old_and_new_until_it_is_quiet() -> None:
    """Following yields what is there and what comes, and ends after a silence or a close."""
    with SyslogReceiver("unix://") as receiver, connect(receiver) as sender:
        sender.send(b"<14>0")
        seen = []
        for message in receiver.follow(timeout=30):
            seen.append(message.msg)
            if len(seen) == 20:
                break
            sender.send(b"<14>%d" % len(seen))
        assert seen == [str(number) for number in range(20)]
        assert [message.msg for message in receiver.follow(timeout=0)] == seen
        follower = threading.Thread(target=lambda: seen.extend(receiver.follow()))
        follower.start()
    follower.join(30)
    assert not follower.is_alive()
    assert len(seen) == 40


def test_speed_does_not_depend_on_decoding() -> None:
    """Records are taken in as raw bytes: a burst is complete before anything was decoded."""
    with SyslogReceiver("unix://") as receiver, connect(receiver) as sender:
        for _ in range(20_000):
            sender.send(LEGACY)
        receiver._inbox.wait_count(20_000, None)
        assert receiver._inbox._decoded == []
        assert receiver.received == 20_000
        assert len(receiver.messages) == 20_000
