"""docs/transports.md: its settings and its collectors' configurations work together as they stand there."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from support.certificates import Certificates
from support.deliveries import delivering
from support.line import wait_for_line
from support.rsyslog import Rsyslog, takes_calls
from support.syslog_ng import SyslogNg
from support.waiting import free_port, short_folder, wait_until

from celery_syslog import SyslogHandler, SyslogReceiver

pytestmark = pytest.mark.xdist_group("rsyslog")

PAGE = (Path(__file__).parents[2] / "docs" / "transports.md").read_text()


def section(title: str) -> str:
    """The text under a heading."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def block(title: str, kind: str) -> str:
    """The code block of a kind in a section."""
    return re.findall(rf"```{kind}\n(.*?)```", section(title), re.DOTALL)[0]


@pytest.fixture(scope="module")
def certificates() -> Iterator[Certificates]:
    """What the page's files are."""
    with short_folder() as folder:
        made = Certificates(folder)
        made.write("collector", made.authority.issue_cert("logs.example.org", "127.0.0.1"))
        made.write("worker", made.authority.issue_cert("worker.example.org"))
        yield made


def here(text: str, certificates: Certificates, port: int) -> str:
    """Put this test's files, host and port in the place of the page's."""
    text = text.replace("/etc/ssl", str(certificates.folder)).replace("0.0.0.0", "127.0.0.1")
    text = re.sub(r"logs\.example\.org(:\d+)?", f"127.0.0.1:{port}", text)
    return re.sub(r'port(="|\()\d+', rf"port\g<1>{port}", text)


def settings(title: str, certificates: Certificates, port: int) -> dict[str, Any]:
    """What the section's Python makes of the settings."""
    app = Celery("page", set_as_current=False)
    exec(here(block(title, "python"), certificates, port), {"app": app})
    more = {"use_ssl": app.conf.syslog_use_ssl} if "syslog_use_ssl" in app.conf else {}
    return {"url": app.conf.syslog_url, **more}


def log(daemon: Any, given: dict[str, Any]) -> None:
    """Log a line under settings and find it again."""
    logger = logging.getLogger("page")
    handler = SyslogHandler(**given)
    logger.addHandler(handler)
    try:
        logger.warning("as on the page")
        handler.flush()
        (line,) = wait_for_line(daemon, "as on the page")
        assert (line.ident, line.text) == ("celery", "WARNING:page:as on the page")
    finally:
        logger.removeHandler(handler)
        handler.close()


def collector(kind: str, title: str, certificates: Certificates, port: int) -> Any:
    """The daemon of a kind with what the page adds to its configuration."""
    snippet = here(block(title, f"text {kind}"), certificates, port)
    daemon: Any = Rsyslog() if kind == "rsyslog" else SyslogNg()
    text = daemon.config.read_text()
    if kind == "rsyslog":
        end = f'action(type="omfile" file="{daemon.output}" template="json")'
        # A module is loaded once; this test's own configuration has the page's already.
        for module in re.findall(r'module\(load="(\w+)"', snippet):
            text = text.replace(f'module(load="{module}")', "")
    else:
        (source,) = re.findall(r"source (\w+)", snippet)
        end = f"log {{ source({source}); destination(d_file); }};"
    daemon.config.write_text(f"{text}\n{snippet}\n{end}\n")
    return daemon


@pytest.mark.parametrize("title", ["TCP", "TLS"])
@pytest.mark.parametrize("kind", ["rsyslog", "syslog-ng"])
def test_both_ends(kind: str, title: str, certificates: Certificates) -> None:
    """The configuration and the settings of a section fit together."""
    port = free_port()
    with collector(kind, title, certificates, port) as daemon:
        wait_until(lambda: takes_calls(port), "the port", detail=daemon.told)
        log(daemon, settings(title, certificates, port))


def test_udp(certificates: Certificates) -> None:
    """The settings for UDP reach a collector."""
    with Rsyslog(network=True) as daemon:
        log(daemon, settings("UDP", certificates, daemon.udp_port))


def test_failover(certificates: Certificates) -> None:
    """The list of addresses is one, and its last is the local socket."""
    given = settings("Failover", certificates, 6514)
    handler = SyslogHandler(given["url"])
    assert [address.scheme for address in handler.settings.url] == ["tls", "tls", "unix"]
    handler.close()


def test_the_line_about_a_certificate(certificates: Certificates, capfd: pytest.CaptureFixture[str]) -> None:
    """It is the page's, word for word."""
    context = certificates.context(certificates.authority.issue_cert("elsewhere.example.org"))
    with SyslogReceiver("tls://127.0.0.1:0", ssl_context=context) as receiver:
        url = f"{receiver.url}?server_name=logs.example.org"
        with delivering(url, use_ssl=certificates.settings()) as delivery:
            delivery.send(b"<14>one")
            assert not delivery.flush(0.2)
    line = capfd.readouterr().err.splitlines()[0]
    line = line.replace(url, "tls://logs.example.org:6514").replace(str(certificates.folder), "/etc/ssl")
    assert line == " ".join(block("TLS", "text").split("\n")).strip().replace("  ", " ").replace(
        "Jan 1", "Jan  1"
    )


def test_default_ports() -> None:
    """The table's ports are those of the URLs."""
    for scheme, port in re.findall(r"`(\w+)://logs.example.org` \|[^|]*port (\d+)", PAGE):
        made = SyslogHandler(f"{scheme}://logs.example.org")
        assert made.settings.url[0].port == int(port)
        made.close()
