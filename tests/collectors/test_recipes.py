"""``celery syslog config``: each printed configuration does in the real daemon what it says."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
from support.journald import Journald
from support.recipe import Collector, printed
from support.rsyslog import takes_calls
from support.waiting import free_port, program, wait_until

from celery_syslog import SyslogHandler
from celery_syslog.cli.config import _TAKES
from celery_syslog.cli.probe import deliver
from celery_syslog.settings import settings_from
from celery_syslog.transports import TRANSPORTS

DAEMONS = ("rsyslog", "syslog-ng")
#: Network schemes that this version has a transport for.
NETWORK = [scheme for scheme in ("udp", "tcp", "tls", "relp", "relp+tls") if scheme in TRANSPORTS]

Start = Callable[..., Collector]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of a collector on this machine: ``ca``, ``cert`` and ``key``."""
    folder, authority = tmp_path_factory.mktemp("certificates"), trustme.CA()
    own = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    own.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    own.private_key_pem.write_to_path(folder / "key.pem")
    authority.issue_cert("worker").private_key_and_cert_chain_pem.write_to_path(folder / "worker.pem")
    trustme.CA().issue_cert("worker").private_key_and_cert_chain_pem.write_to_path(folder / "stranger.pem")
    return {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key", "worker", "stranger")}


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a daemon with what is printed for it; ``before`` comes first in its configuration."""
    with ExitStack() as stack:

        def make(name: str, url: str, *options: str, before: str = "", port: int = 0) -> Collector:
            version = "@version: 3.38\n" if name == "syslog-ng" else ""

            def text(daemon: Collector) -> str:
                place = url.replace("FOLDER", str(daemon.folder))
                to = ["--url", place] if place else []
                shown = printed(name, *to, "--folder", str(daemon.files), *options)
                return version + before.replace("FOLDER", str(daemon.folder)) + shown

            def ready() -> bool:
                return takes_calls(port) if port else daemon.socket.exists() or (not url.startswith("/"))

            daemon = Collector(name, text, ready)
            return stack.enter_context(daemon)

        yield make


def say(url: object, message: str, ident: str = "celery", **settings: object) -> None:
    """Send one line as a worker does."""
    handler = SyslogHandler(str(url), ident=ident, **settings)
    record = logging.LogRecord("shop", logging.WARNING, __file__, 1, message, (), None)
    record.order = 7
    handler.emit(record)
    handler.close()


@pytest.mark.parametrize("name", DAEMONS)
def test_text_goes_to_a_file_by_ident(start: Start, name: str) -> None:
    """Each ident has a file, which holds time, sender, severity and text."""
    daemon = start(name, "FOLDER/log")
    wait_until(daemon.socket.exists, "its socket")
    say(daemon.socket, "one")
    say(daemon.socket, "two", ident="billing")
    (line,) = daemon.written("celery", 1)
    assert "celery[" in line
    assert "warning" in line
    assert line.endswith("WARNING:shop:one")
    (line,) = daemon.written("billing", 1)
    assert line.endswith("WARNING:shop:two")


@pytest.mark.parametrize("form", ["json", "cee"])
@pytest.mark.parametrize("name", DAEMONS)
def test_json_is_parsed(start: Start, name: str, form: str) -> None:
    """The daemon takes the payload apart and writes it, with the host, as one object a line."""
    daemon = start(name, "FOLDER/log", "--format", form)
    wait_until(daemon.socket.exists, "its socket")
    say(daemon.socket, 'a "quoted" line', format=form)
    fields = json.loads(daemon.written("celery", 1)[0])
    assert fields["message"] == 'a "quoted" line'
    assert (fields["severity"], str(fields["order"])) == ("warning", "7")
    assert fields["host"]


BEFORE = {
    "rsyslog": 'module(load="imuxsock" SysSock.Use="off")\n'
    'input(type="imuxsock" Socket="FOLDER/log" CreatePath="on")\n',
    "syslog-ng": 'source s_src { unix-dgram("FOLDER/log"); };\n',
}


@pytest.mark.parametrize(("pattern", "others"), [("celery", "celery-beat"), ("celery-{program}", "cron")])
@pytest.mark.parametrize("name", DAEMONS)
def test_local_socket_is_filtered(start: Start, name: str, pattern: str, others: str) -> None:
    """From the socket that the daemon reads anyway, only the workers' idents are taken."""
    daemon = start(name, "", "--ident", pattern, before=BEFORE[name])
    wait_until(daemon.socket.exists, "its socket")
    ours = pattern.replace("{program}", "worker")
    say(daemon.socket, "not ours", ident=others)
    say(daemon.socket, "ours", ident=ours)
    assert "ours" in daemon.written(ours, 1)[0]
    assert [path.name for path in daemon.files.iterdir()] == [f"{ours}.log"]


@pytest.mark.parametrize(
    ("name", "scheme", "verified"),
    [
        (name, scheme, verified)
        for name in DAEMONS
        for scheme in NETWORK
        for verified in ((False, True) if "tls" in scheme else (False,))
        if scheme in _TAKES[name]
    ],
)
def test_network(start: Start, certificates: dict[str, str], name: str, scheme: str, verified: bool) -> None:
    """Over the network, messages as long as ours can be arrive whole; --ca asks clients for certificates."""
    port = free_port(socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM)
    url = f"{scheme}://127.0.0.1:{port}"
    files: list[str] = []
    settings: dict[str, Any] = {}
    if "tls" in scheme:
        files = ["--cert", certificates["cert"], "--key", certificates["key"]]
        settings = {"use_ssl": {"ca_certs": certificates["ca"]}}
        if verified:
            files += ["--ca", certificates["ca"]]
            settings["use_ssl"]["certfile"] = certificates["worker"]
    daemon = start(name, url, *files, port=0 if scheme == "udp" else port)
    long = "x" * (1000 if scheme == "udp" else 60000)

    def came() -> bool:
        say(url, f"long {long}", **settings)
        return (daemon.files / "celery.log").exists()

    # A datagram sent before the daemon listens is lost.
    wait_until(came, "the file") if scheme == "udp" else came()
    assert daemon.written("celery", 1)[0].endswith(f"long {long}")


@pytest.mark.parametrize(
    ("name", "scheme"),
    [(name, scheme) for name in DAEMONS for scheme in NETWORK if "tls" in scheme and scheme in _TAKES[name]],
)
def test_strangers_are_refused(start: Start, certificates: dict[str, str], name: str, scheme: str) -> None:
    """With --ca, a client without a certificate, or with one of another authority, delivers nothing."""
    port = free_port()
    url = f"{scheme}://127.0.0.1:{port}"
    files = [part for name in ("ca", "cert", "key") for part in (f"--{name}", certificates[name])]
    daemon = start(name, url, *files, port=port)
    for own in ({}, {"certfile": certificates["stranger"]}):
        settings = settings_from(url=url, use_ssl={"ca_certs": certificates["ca"], **own})
        with pytest.raises(OSError, match=r".+"):
            deliver(settings.url[0], settings, [b"<14>1 - - stranger - - - hello"], 10)
    say(url, "known", use_ssl={"ca_certs": certificates["ca"], "certfile": certificates["worker"]})
    assert daemon.written("celery", 1)
    assert [path.name for path in daemon.files.iterdir()] == ["celery.log"]


@pytest.mark.parametrize("scheme", ["unix", "udp", "tcp", "tls", "relp", "relp+tls"])
def test_rsyslog_accepts_every_input(tmp_path: Path, certificates: dict[str, str], scheme: str) -> None:
    """rsyslogd's own check has nothing to say about any of the inputs."""
    place = "/somewhere/log" if scheme == "unix" else "127.0.0.1"
    files = [part for name in ("ca", "cert", "key") for part in (f"--{name}", certificates[name])]
    for options in ((), ("--format", "json"), files, files[2:]):
        if "tls" in scheme and files[-1] not in options:
            continue
        config = tmp_path / "conf"
        config.write_text(printed("rsyslog", "--url", f"{scheme}://{place}", *options))
        checked = subprocess.run(
            [program("rsyslogd"), "-N1", "-f", str(config)], capture_output=True, text=True
        )
        assert checked.returncode == 0
        told = [
            line for line in checked.stderr.splitlines() if "version" not in line and "End of" not in line
        ]
        assert not told, told


def test_logrotate_makes_the_daemon_open_new_files(start: Start, tmp_path: Path) -> None:
    """The old file is renamed, rsyslog writes to a new one, and no line is lost."""
    rotate = program("logrotate")
    daemon = start("rsyslog", "FOLDER/log")
    wait_until(daemon.socket.exists, "its socket")
    say(daemon.socket, "before")
    daemon.written("celery", 1)
    config = tmp_path / "celery"
    options = ("--folder", str(daemon.files), "--pid-file", str(daemon.pid_file))
    config.write_text(printed("logrotate", *options))
    config.chmod(0o644)
    command = [rotate, "--force", "--state", str(tmp_path / "state"), str(config)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    say(daemon.socket, "after")
    assert daemon.written("celery", 1)[0].endswith("after")
    assert (daemon.files / "celery.log.1").read_text().endswith("before\n")


@pytest.mark.xdist_group("journald")
def test_journald_takes_the_configuration() -> None:
    """journald knows every key, and keeps a burst that is over its default rate."""
    daemon = Journald()
    config = Path(f"/etc/systemd/journald@{daemon.namespace}.conf")
    config.write_text(printed("journald"))
    try:
        with daemon:
            handler = SyslogHandler(daemon.url)
            for number in range(12000):
                handler.emit(logging.LogRecord("shop", logging.INFO, __file__, 1, "line %d", (number,), None))
            handler.close()
            wait_until(
                lambda: daemon.messages("--lines=1")[-1]["MESSAGE"].endswith("line 11999"), "the last line"
            )
            assert daemon.count() == 12000
            assert "Unknown" not in daemon.told()
    finally:
        config.unlink()
