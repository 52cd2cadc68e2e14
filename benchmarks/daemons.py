"""What a message costs rsyslog, by input: ``python -m benchmarks.daemons``; scale.py has it from here."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["INPUTS", "cost"]

_MESSAGE = b"<14>1 2026-11-24T10:00:00.123456Z web1 celery 42 - - " + b"x" * 350

#: Input -> what loads and binds it.
INPUTS = {
    "imuxsock": 'module(load="imuxsock" SysSock.Use="off")\n'
    'input(type="imuxsock" Socket="{path}" RateLimit.Interval="0" UseSysTimeStamp="off")',
    "imudp": 'module(load="imudp")\ninput(type="imudp" Address="127.0.0.1" Port="{port}")',
    "imtcp": 'module(load="imtcp")\ninput(type="imtcp" Address="127.0.0.1" Port="{port}")',
    "imrelp": 'module(load="imrelp")\ninput(type="imrelp" Address="127.0.0.1" Port="{port}")',
}


def cost(name: str, forward: bool = False, messages: int = 30_000) -> float:
    """Return the microseconds of CPU of one message; ``forward``: sent on by TCP, else written to a file."""
    with tempfile.TemporaryDirectory(prefix="cs-") as folder, socket.create_server(("127.0.0.1", 0)) as away:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        path = f"{folder}/log"
        action = 'action(type="omfile" file="/dev/null")'
        if forward:
            target = f'target="127.0.0.1" port="{away.getsockname()[1]}"'
            action = f'action(type="omfwd" protocol="tcp" {target} TCP_Framing="octet-counted")'
        conf = Path(folder, "conf")
        conf.write_text(
            f'global(workDirectory="{folder}")\n{INPUTS[name].format(path=path, port=port)}\n{action}\n'
        )
        command = [shutil.which("rsyslogd", path=f"{os.environ['PATH']}:/usr/sbin") or "rsyslogd"]
        command += ["-n", "-f", str(conf), "-i", f"{folder}/pid"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            send, _sock = _connect(name, path, port)
            _swallow(away)
            return _measure(process.pid, send, messages)
        finally:
            process.kill()
            process.wait()


def _swallow(away: socket.socket) -> None:
    if os.fork() == 0:
        os.closerange(0, 3)
        away.settimeout(20)
        try:
            peer, _ = away.accept()
            peer.settimeout(5)
            while peer.recv(1 << 18):
                pass
        finally:
            os._exit(0)


def _connect(name: str, path: str, port: int) -> tuple[Callable[[bytes], object], socket.socket]:
    unix = name == "imuxsock"
    kind = socket.SOCK_DGRAM if name in ("imuxsock", "imudp") else socket.SOCK_STREAM
    sock = socket.socket(socket.AF_UNIX if unix else socket.AF_INET, kind)
    for _ in range(200):
        try:
            sock.connect(path if unix else ("127.0.0.1", port))
            if name == "imudp":  # which answers a first datagram with an error as long as nobody is there
                sock.send(_MESSAGE)
                time.sleep(0.05)
                sock.send(_MESSAGE)
            break
        except OSError:
            time.sleep(0.05)
    if name == "imtcp":
        return (lambda data: sock.sendall(b"%d %b" % (len(data), data))), sock
    if name == "imrelp":
        from celery_syslog.wire.relp import pack

        sock.sendall(pack(1, b"open", b"relp_version=0\ncommands=syslog"))
        number = iter(range(2, 10**9))

        def windowed(data: bytes) -> None:
            sock.sendall(pack(next(number), b"syslog", data))
            try:
                sock.recv(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                pass

        return windowed, sock
    if name == "imudp":

        def paced(data: bytes) -> None:
            sock.send(data)
            time.sleep(0.00005)

        return paced, sock
    return sock.send, sock


def _measure(pid: int, send: Callable[[bytes], object], messages: int) -> float:
    for _ in range(1000):
        send(_MESSAGE)
    before = _settled(pid)
    for _ in range(messages):
        send(_MESSAGE)
    return (_settled(pid) - before) / messages * 1e6


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _settled(pid: int) -> float:
    before, now = -1.0, _spent(pid)
    while now - before > 0.005:
        time.sleep(0.3)
        before, now = now, _spent(pid)
    return now


if __name__ == "__main__":
    for name in INPUTS:
        print(
            f"{name:10}{cost(name):7.1f} us, forwarded by TCP {cost(name, forward=True):7.1f} us", flush=True
        )
    sys.exit()
