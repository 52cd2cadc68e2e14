"""The receiver over TLS: certificates as files or as a context, slow and wrong clients."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from celery_syslog.address import parse_address
from celery_syslog.errors import ConfigurationError, WaitTimeout
from celery_syslog.receiver import SyslogReceiver


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority of the test's own."""
    return trustme.CA()


@pytest.fixture
def context(authority: trustme.CA) -> ssl.SSLContext:
    """A server's context with a certificate for localhost."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(found)
    return found


def connect(receiver: SyslogReceiver, authority: trustme.CA | None) -> ssl.SSLSocket:
    """A TLS connection that trusts the authority, or only the system's."""
    client = ssl.create_default_context()
    if authority is not None:
        authority.configure_trust(client)
    address = parse_address(receiver.url)
    sock = socket.create_connection((address.host, address.port), timeout=30)
    try:
        return client.wrap_socket(sock, server_hostname="localhost")
    except OSError:
        sock.close()
        raise


def test_certificate_files(authority: trustme.CA, tmp_path: Path) -> None:
    """A certificate and key file are enough; a file that holds both needs no key file."""
    issued = authority.issue_cert("localhost")
    certificate, both = tmp_path / "cert.pem", tmp_path / "both.pem"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.private_key_and_cert_chain_pem.write_to_path(both)
    for files in ({"certfile": certificate, "keyfile": tmp_path / "key.pem"}, {"certfile": both}):
        with SyslogReceiver("tls://127.0.0.1:0", **files) as receiver:
            with connect(receiver, authority) as sender:
                sender.send(b"<14>hello\n")
            assert receiver.wait_for(1, 30)[0].msg == "hello"
            assert receiver.url.startswith("tls://127.0.0.1:")
            receiver.stop()
            assert receiver.dropped == {}  # a client that never reads and just goes is no trouble


def test_missing_or_wrong_certificates_are_told_at_once(tmp_path: Path) -> None:
    """Without a certificate, or with files that hold none, the receiver is not made."""
    with pytest.raises(ConfigurationError, match="needs ssl_context, or certfile"):
        SyslogReceiver("tls://127.0.0.1:0")
    for name in ("missing.pem", "empty.pem"):
        (tmp_path / "empty.pem").touch()
        with pytest.raises(ConfigurationError, match=name):
            SyslogReceiver("tls://127.0.0.1:0", certfile=tmp_path / name)


def test_a_large_burst_is_read_to_its_end(authority: trustme.CA, context: ssl.SSLContext) -> None:
    """What TLS holds decrypted is read without waiting for more to come."""
    receiver = SyslogReceiver("tls://127.0.0.1:0", ssl_context=context)
    with receiver, connect(receiver, authority) as sender:
        sender.sendall(b"".join(b"<14>%d\n" % number for number in range(50_000)))
        messages = receiver.wait_for(50_000, 60)
    assert [int(message.msg) for message in messages] == list(range(50_000))


def test_an_orderly_end_is_answered(authority: trustme.CA, context: ssl.SSLContext) -> None:
    """RFC 5425 section 4.4: close_notify is answered with close_notify."""
    with SyslogReceiver("tls://127.0.0.1:0", ssl_context=context) as receiver:
        with connect(receiver, authority) as sender:
            sender.send(b"<14>orderly\n")
            sender.unwrap().close()  # raises SSLEOFError without the answer
        assert receiver.wait_for(1, 30)[0].msg == "orderly"
        receiver.stop()
        assert receiver.dropped == {}


def test_slow_clients_hold_up_nobody(authority: trustme.CA, context: ssl.SSLContext) -> None:
    """A client that connects and says nothing leaves the others served."""
    with SyslogReceiver("tls://127.0.0.1:0", ssl_context=context) as receiver:
        address = parse_address(receiver.url)
        slow = socket.create_connection((address.host, address.port))
        with slow, connect(receiver, authority) as sender:
            sender.send(b"<14>hello\n")
            receiver.wait_for(1, 30)
        receiver.stop()
        receiver.start()
        with connect(receiver, authority) as sender:
            sender.send(b"<14>again\n")
            receiver.wait_for(2, 30)


def test_failed_handshakes_say_why(authority: trustme.CA, context: ssl.SSLContext) -> None:
    """Distrust and plain text are counted, and a wait that fails tells OpenSSL's reason."""
    with SyslogReceiver("tls://127.0.0.1:0", ssl_context=context) as receiver:
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(receiver, None)
        address = parse_address(receiver.url)
        with socket.create_connection((address.host, address.port), timeout=30) as sender:
            sender.send(b"<14>no handshake at all\n")
            while True:
                try:
                    if not sender.recv(100):
                        break
                except ConnectionError:
                    break
        receiver.stop()
        assert receiver.dropped == {"connection": 2}
        with pytest.raises(WaitTimeout, match=r"(?s)none came, dropped 2 connection.*last trouble: .*SSL"):
            receiver.wait_for(1, 0)


def test_ssl_is_loaded_for_tls_only() -> None:
    """A receiver without TLS does not load ssl."""
    code = (
        "import sys; from celery_syslog.receiver import SyslogReceiver\n"
        "with SyslogReceiver('tcp://127.0.0.1:0'): print('ssl' in sys.modules, 'celery' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "False False\n"
