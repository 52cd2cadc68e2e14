"""Collectors that take everything as fast as they can and forget it, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["SINKS", "Sink", "open_sinks"]

_CHUNK = 1 << 18


@dataclass(frozen=True)
class Sink:
    """Where a collector listens, and how many bytes it has taken so far."""

    url: str
    taken: Callable[[], int]


def _unix(folder: Path) -> tuple[str, socket.socket]:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(folder / "log"))
    return f"unix://{folder}/log", sock


def _udp(_folder: Path) -> tuple[str, socket.socket]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    sock.bind(("127.0.0.1", 0))
    return f"udp://127.0.0.1:{sock.getsockname()[1]}", sock


def _tcp(_folder: Path) -> tuple[str, socket.socket]:
    sock = socket.create_server(("127.0.0.1", 0))
    return f"tcp://127.0.0.1:{sock.getsockname()[1]}", sock


def _tls(_folder: Path) -> tuple[str, socket.socket]:
    sock = socket.create_server(("127.0.0.1", 0))
    return f"tls://localhost:{sock.getsockname()[1]}", sock


def _relp(_folder: Path) -> tuple[str, socket.socket]:
    sock = socket.create_server(("127.0.0.1", 0))
    return f"relp://127.0.0.1:{sock.getsockname()[1]}", sock


#: Scheme -> what binds it.
SINKS: dict[str, Callable[[Path], tuple[str, socket.socket]]] = {
    "unix": _unix,
    "udp": _udp,
    "tcp": _tcp,
    "tls": _tls,
    "relp": _relp,
}


def _serve(scheme: str, folder: Path, sock: socket.socket, counts: Any) -> None:
    if scheme in ("unix", "udp"):
        _swallow(sock.recv, counts)
        return
    context = None
    if scheme == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
    answer = _confirm if scheme == "relp" else _converse
    while True:
        peer, _ = sock.accept()
        threading.Thread(target=answer, args=(peer, context, counts), daemon=True).start()


def _confirm(peer: socket.socket, _context: ssl.SSLContext | None, counts: Any) -> None:
    from celery_syslog.wire.relp import RelpReader, pack

    reader = RelpReader(_CHUNK)
    offers = b"200 OK\nrelp_version=0\ncommands=syslog"
    try:
        while data := peer.recv(_CHUNK):
            counts.value += len(data)
            for frame in reader.feed(data):
                peer.sendall(pack(frame.txnr, b"rsp", offers if frame.command == "open" else b"200 OK"))
    except OSError:
        pass  # the sender is gone


def _converse(peer: socket.socket, context: ssl.SSLContext | None, counts: Any) -> None:
    try:
        _swallow((context.wrap_socket(peer, server_side=True) if context else peer).recv, counts)
    except OSError:
        pass  # the sender is gone


def _swallow(take: Callable[[int], bytes], counts: Any) -> None:
    while data := take(_CHUNK):
        counts.value += len(data)


def _certificate(folder: Path) -> bool:
    """Write a server's certificate and its authority's; False when trustme is not installed."""
    try:
        import trustme
    except ImportError:
        return False
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(folder / "server.pem")
    )
    return True


@contextmanager
def open_sinks(folder: Path) -> Iterator[dict[str, Sink]]:
    """Run a collector for each scheme until the block ends."""
    fork = multiprocessing.get_context("fork")
    sinks, processes = {}, []
    try:
        for scheme, bind in SINKS.items():
            if scheme == "tls" and not _certificate(folder):
                continue
            url, sock = bind(folder)
            counts = fork.Value("Q", 0, lock=False)
            process = fork.Process(target=_serve, args=(scheme, folder, sock, counts), daemon=True)
            process.start()
            processes.append(process)
            sock.close()
            sinks[scheme] = Sink(url, lambda counts=counts: int(counts.value))  # type: ignore[misc]
        yield sinks
    finally:
        for process in processes:
            process.kill()
            process.join()
