"""tls://: who is trusted, how a refusal is told, and that nothing ever goes out in plain text."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.certificates import Certificates
from support.deliveries import balanced, delivering, numbered, recovered
from support.proxy import Proxy
from support.waiting import wait_until

from celery_syslog import SyslogReceiver
from celery_syslog.address import parse_address
from celery_syslog.errors import ConfigurationError
from celery_syslog.settings import settings_from
from celery_syslog.transports import open_transport
from celery_syslog.transports.tls import TlsTransport


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, and what it signed."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@contextmanager
def listening(context: ssl.SSLContext, port: int = 0) -> Iterator[SyslogReceiver]:
    """A collector with a server's context."""
    with SyslogReceiver(f"tls://127.0.0.1:{port}", ssl_context=context) as receiver:
        yield receiver


def told(capfd: pytest.CaptureFixture[str], url: str) -> list[str]:
    """What was said about an address, but for what its delivery says when it is closed."""
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith(f"celery-syslog: {url}")]
    return [line for line in lines if "records were lost" not in line]


class TestInline:
    """All is well."""

    @pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_versions(self, certificates: Certificates, newest: ssl.TLSVersion, host: str) -> None:
        """TLS 1.2 and 1.3, by name and by address, with and without a certificate of ours."""
        own = {"certfile": str(certificates.client), "keyfile": str(certificates.client_key)}
        for clients, more in ((False, {}), (True, own)):
            context = certificates.context(clients=clients, newest=newest)
            with listening(context) as receiver:
                url = receiver.url.replace("127.0.0.1", host)
                with delivering(url, use_ssl=certificates.settings(**more)) as delivery:
                    for message in numbered(100):
                        delivery.send(message)
                    recovered(delivery)
                    for message in numbered(100, 100):
                        delivery.send(message)
                    receiver.wait_for(200)
                    assert receiver.raw == numbered(200)
                    transport = delivery._engine.line.transport
                    assert isinstance(transport, TlsTransport)
                    assert transport._tls is not None
                    assert transport._tls.version() == ("TLSv1.2", "TLSv1.3")[newest == 772]

    def test_server_name(self, certificates: Certificates) -> None:
        """``?server_name=`` and ``server_hostname`` are what the certificate has to be made out to."""
        named = certificates.authority.issue_cert("logs.example.org")
        with listening(certificates.context(named)) as receiver:
            for url, more in (
                (f"{receiver.url}?server_name=logs.example.org", {}),
                (receiver.url, {"server_hostname": "logs.example.org"}),
            ):
                with delivering(url, use_ssl=certificates.settings(**more)) as delivery:
                    delivery.send(b"<14>one")
                    assert delivery.flush(30)
            receiver.wait_for(2)

    def test_no_check_when_told_so(self, certificates: Certificates) -> None:
        """``cert_reqs`` "none" (or ssl.CERT_NONE) takes any certificate, as Celery's settings have it."""
        stranger = certificates.other.issue_cert("elsewhere.example.org")
        for none in ("none", "CERT_NONE", ssl.CERT_NONE):
            with listening(certificates.context(stranger)) as receiver:
                with delivering(receiver.url, use_ssl={"cert_reqs": none}) as delivery:
                    delivery.send(b"<14>one")
                    assert delivery.flush(30)
                receiver.wait_for(1)

    def test_wrong_words(self) -> None:
        """A ``cert_reqs`` that is none is told at set-up."""
        with pytest.raises(ConfigurationError, match="cert_reqs = none or optional or required"):
            settings_from(url="tls://logs", use_ssl={"cert_reqs": "maybe"})

    def test_partial_writes(self, certificates: Certificates) -> None:
        """Through stalls and a full socket nothing is torn, lost or doubled."""
        messages = [b"<14>message %06d %s" % (number, b"z" * 10_000) for number in range(3000)]
        with (
            listening(certificates.context()) as receiver,
            Proxy(int(receiver.url.rpartition(":")[2])) as proxy,
            delivering(
                f"tls://127.0.0.1:{proxy.port}", use_ssl=certificates.settings(), timeout=0.01, buffer=5000
            ) as delivery,
        ):
            for number, message in enumerate(messages):
                if number == 500:
                    recovered(delivery)
                    proxy.stall()
                if number == 2900:
                    proxy.resume()
                delivery.send(message)
            assert delivery.flush(60)
            receiver.wait_for(3000, 60)
            assert receiver.raw == messages
            counts = balanced(delivery)
            assert (counts["sent"], counts["reconnects"], receiver.dropped) == (3000, 0, {})
            assert counts["stalls"] > 0


def expired(certificates: Certificates) -> ssl.SSLContext:
    """A collector whose certificate's time is over."""
    return certificates.context(certificates.expired())


def stranger(certificates: Certificates) -> ssl.SSLContext:
    """A collector whose certificate another authority signed."""
    return certificates.context(certificates.other.issue_cert("127.0.0.1"))


def misnamed(certificates: Certificates) -> ssl.SSLContext:
    """A collector whose certificate is for another host."""
    return certificates.context(certificates.authority.issue_cert("elsewhere.example.org"))


def demanding(certificates: Certificates) -> ssl.SSLContext:
    """A collector that wants a certificate of ours."""
    return certificates.context(clients=True)


def demanding_old(certificates: Certificates) -> ssl.SSLContext:
    """The same with TLS 1.2."""
    return certificates.context(clients=True, newest=ssl.TLSVersion.TLSv1_2)


def outdated(certificates: Certificates) -> ssl.SSLContext:
    """A collector that speaks nothing newer than TLS 1.1."""
    return certificates.context(newest=ssl.TLSVersion.TLSv1_1)


#: The collector -> what the line has to tell.
REFUSALS: dict[Callable[[Certificates], ssl.SSLContext], tuple[str, ...]] = {
    expired: ("for 127.0.0.1", "has expired", "Jan  1 00:00:00 2020"),
    stranger: ("signed by", "unable to get local issuer", "expected: one for 127.0.0.1", "ca.pem"),
    misnamed: ("for elsewhere.example.org", "mismatch", "expected: one for 127.0.0.1"),
    demanding: ("wants a certificate of ours", "no certfile is set"),
    demanding_old: ("wants a certificate of ours", "no certfile is set"),
    outdated: ("nothing newer than TLS 1.1",),
}


class TestRefusals:
    """One clear line, records kept, delivered once it is mended, nothing in plain text."""

    @pytest.mark.parametrize("collector", REFUSALS, ids=lambda made: made.__name__)
    def test_told_and_mended(
        self,
        certificates: Certificates,
        capfd: pytest.CaptureFixture[str],
        collector: Callable[[Certificates], ssl.SSLContext],
    ) -> None:
        """What is wrong with a certificate or a version."""
        with listening(collector(certificates)) as receiver:
            url = receiver.url
            with delivering(url, use_ssl=certificates.settings()) as delivery:
                for message in numbered(10):
                    delivery.send(message)
                assert not delivery.flush(0.3)
                assert balanced(delivery)["buffered"] == 10
                assert receiver.raw == []
                lines = told(capfd, url)
                assert len(lines) == 1, lines
                assert all(word in lines[0] for word in REFUSALS[collector]), lines
                assert "records are kept until it answers" in lines[0]
                receiver.close()
                with listening(certificates.context(), int(url.rpartition(":")[2])) as mended:
                    assert delivery.flush(30)
                    mended.wait_for(10)
                    assert mended.raw == numbered(10)

    @pytest.mark.parametrize("talks", [False, True], ids=["silent", "talking"])
    def test_a_peer_without_tls(
        self, certificates: Certificates, capfd: pytest.CaptureFixture[str], talks: bool
    ) -> None:
        """A plain-text collector is told as one, and gets a greeting of TLS but never a record."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            got: list[bytes] = []

            def serve() -> None:
                while True:
                    try:
                        peer, _ = server.accept()
                    except OSError:
                        return
                    with peer:
                        got.append(peer.recv(1 << 16))
                        if talks:
                            peer.sendall(b"220 plain text here\r\n")
                            got.append(peer.recv(1 << 16))

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            url = f"tls://127.0.0.1:{server.getsockname()[1]}"
            with delivering(url, use_ssl=certificates.settings()) as delivery:
                delivery.send(b"<14>secret")
                assert not delivery.flush(0.5)
                lines = told(capfd, url)
            server.shutdown(socket.SHUT_RDWR)
            thread.join(30)
        assert len(lines) == 1, lines
        assert ("does not speak TLS" if talks else "speak TLS?") in lines[0]
        assert b"secret" not in b"".join(got)

    def test_no_answer(self, certificates: Certificates, capfd: pytest.CaptureFixture[str]) -> None:
        """A peer that takes the connection and says nothing costs the connect timeout, in the thread."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"tls://127.0.0.1:{server.getsockname()[1]}"
            with delivering(url, use_ssl=certificates.settings(), connect_timeout=0.1) as delivery:
                delivery.send(b"<14>one")
                assert not delivery.flush(0.3)
                (line,) = told(capfd, url)
                assert "no answer to the TLS handshake; does this port speak TLS?" in line

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"ca_certs": "/nowhere/ca.pem"}, "ca_certs /nowhere/ca.pem: No such file"),
            ({"ca_certs": __file__}, f"ca_certs {__file__}"),
            ({"certfile": "/nowhere/own.pem"}, "certfile /nowhere/own.pem: No such file"),
            ({"certfile": __file__}, f"certfile {__file__}"),
            ({"ciphers": "ROT13"}, "ciphers"),
        ],
    )
    def test_files(
        self,
        certificates: Certificates,
        capfd: pytest.CaptureFixture[str],
        settings: dict[str, str],
        words: str,
    ) -> None:
        """A file that cannot be used is named."""
        with listening(certificates.context()) as receiver:
            use_ssl = certificates.settings(**settings)
            with delivering(receiver.url, use_ssl=use_ssl) as delivery:
                delivery.send(b"<14>one")
                assert not delivery.flush(0.2)
                (line,) = told(capfd, receiver.url)
                assert words in line

    def test_a_password_is_never_told(
        self, certificates: Certificates, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """A wrong password for the key is told without it, and nobody is asked on the terminal."""
        locked = tmp_path / "locked.key"
        command = ["openssl", "pkcs8", "-topk8", "-passout", "pass:right", "-out", str(locked)]
        subprocess.run([*command, "-in", str(certificates.client_key)], check=True, capture_output=True)
        own = {"certfile": str(certificates.client), "keyfile": str(locked)}
        with listening(demanding(certificates)) as receiver:
            for password in ({"password": "hunter2"}, {}):
                with delivering(receiver.url, use_ssl=certificates.settings(**own, **password)) as delivery:
                    delivery.send(b"<14>one")
                    assert not delivery.flush(0.2)
                    (line,) = told(capfd, receiver.url)
                    assert "locked.key" in line
                    assert "hunter2" not in line + repr(delivery._settings)
            right = certificates.settings(**own, password="right")
            with delivering(receiver.url, use_ssl=right) as delivery:
                delivery.send(b"<14>one")
                assert delivery.flush(30)
            receiver.wait_for(1)


class TestPeer:
    """What the collector does later."""

    def test_renewed_certificates(self, certificates: Certificates, tmp_path: Path) -> None:
        """Files that change on disk are read at the next connect; nothing has to be restarted."""
        trusted = tmp_path / "trusted.pem"
        shutil.copy(certificates.ca_certs, trusted)
        with (
            listening(certificates.context()) as receiver,
            delivering(receiver.url, use_ssl={"ca_certs": str(trusted)}) as delivery,
        ):
            delivery.send(b"<14>message 0")
            assert delivery.flush(30)
            receiver.wait_for(1)
            port = int(receiver.url.rpartition(":")[2])
            receiver.close()
            shutil.copy(certificates.other_ca_certs, trusted)
            with listening(stranger(certificates), port) as renewed:
                delivery.send(b"<14>message 1")
                assert delivery.flush(30)
                renewed.wait_for(1)
                assert renewed.raw == [b"<14>message 1"]

    def test_close_notify(self, certificates: Certificates) -> None:
        """A TLS session ended by the peer is noticed before the next record, though TCP goes on."""
        context = certificates.context()
        with socket.create_server(("127.0.0.1", 0)) as server:
            use_ssl = certificates.settings()
            url = f"tls://127.0.0.1:{server.getsockname()[1]}"
            transport = open_transport(parse_address(url), settings_from(url=url, use_ssl=use_ssl))
            ends: list[ssl.SSLSocket] = []

            def serve() -> None:
                ends.append(context.wrap_socket(server.accept()[0], server_side=True))

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            transport.connect(30)
            thread.join(30)
            transport.send(b"<14>one")
            (end,) = ends
            assert end.recv(100) == b"7 <14>one"
            end.setblocking(False)
            with pytest.raises(ssl.SSLWantReadError):
                end.unwrap()
            assert isinstance(transport, TlsTransport)
            wait_until(lambda: not _takes(transport, b"<14>two"), "the end to be noticed")
            transport.abandon()
            end.close()

    def test_says_goodbye(self, certificates: Certificates) -> None:
        """close() ends the session with a close_notify (RFC 5425 section 4.4)."""
        with listening(certificates.context()) as receiver:
            with delivering(receiver.url, use_ssl=certificates.settings()) as delivery:
                delivery.send(b"<14>one")
                assert delivery.flush(30)
                receiver.wait_for(1)
                delivery.close()
            wait_until(lambda: not receiver._reader._links, "the end")  # type: ignore[attr-defined]
            assert receiver.dropped == {}

    def test_reset(self, certificates: Certificates) -> None:
        """Of a reset in the middle, what was not acknowledged goes over the next connection."""
        with (
            listening(certificates.context()) as receiver,
            Proxy(int(receiver.url.rpartition(":")[2])) as proxy,
            delivering(f"tls://127.0.0.1:{proxy.port}", use_ssl=certificates.settings()) as delivery,
        ):
            for number in range(5):
                for message in numbered(10, number * 10):
                    delivery.send(message)
                receiver.wait_for((number + 1) * 10)
                recovered(delivery)
                assert delivery.flush(30)
                proxy.reset()
            assert receiver.raw == numbered(50)
            assert balanced(delivery)["sent"] == 50


def _takes(transport: TlsTransport, message: bytes) -> bool:
    transport._look_at = 0.0
    try:
        transport.send(message)
    except ConnectionResetError:
        return False
    return True


def test_ssl_is_loaded_for_tls_alone() -> None:
    """Neither the package nor tcp:// loads OpenSSL."""
    code = (
        "import sys; from celery_syslog import SyslogHandler;"
        "SyslogHandler('tcp://127.0.0.1:1'); assert 'ssl' not in sys.modules;"
        "SyslogHandler('tls://127.0.0.1:1'); assert 'ssl' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
