"""UDP, TCP and TLS into real collectors: every field as it was sent, and 100,000 records without a loss."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from support.certificates import Certificates
from support.conformance import ARRIVAL, Departure, differences
from support.daemon import read_lines
from support.rows import Channel, make_rows
from support.tls_daemons import NetworkSyslogNg, TlsRsyslog
from support.waiting import short_folder, unread_datagrams, wait_until

from celery_syslog.delivery import Delivery
from celery_syslog.settings import settings_from

pytestmark = pytest.mark.xdist_group("rsyslog")

RECORDS = 100_000
#: Bytes of datagrams, and what is added for each, sent in one go; then it is waited until they were read.
#: UDP holds nobody up, so a sender that must not lose anything has to pace itself.
BURST, BESIDE = 20_000, 200

ROADS = {
    "gtls": {
        "imtcp, gtls,": "tls://127.0.0.1:{plain_tcp_port}",
        "imptcp": "tcp://127.0.0.1:{tcp_port}",
        "imptcp, lines,": "tcp://127.0.0.1:{tcp_port}?framing=lf",
        "imudp": "udp://127.0.0.1:{udp_port}",
    },
    "ossl": {"imtcp, ossl,": "tls://127.0.0.1:{plain_tcp_port}"},
    "syslog-ng": {
        "syslog-ng, tls,": "tls://127.0.0.1:{tls_port}",
        "syslog-ng, tcp,": "tcp://127.0.0.1:{tcp_port}",
        "syslog-ng, udp,": "udp://127.0.0.1:{udp_port}",
    },
}

DEPARTURES = (
    Departure(
        "takes a byte order mark at the beginning for one, and drops it",
        lambda row: "syslog-ng" in row.channel.name and row.form in ("bare", "kept"),
        lambda seen: seen._replace(text=seen.text.removeprefix("\ufeff")),
    ),
    Departure(
        "writes line feeds that were kept as `#012`",
        lambda row: row.form == "kept" and "syslog-ng" not in row.channel.name,
        lambda seen: seen._replace(text=seen.text.replace("\n", "#012")),
    ),
)


@pytest.fixture(scope="module")
def certificates() -> Iterator[Certificates]:
    """An authority, and what it signed."""
    with short_folder() as folder:
        yield Certificates(folder)


def collector(name: str, certificates: Certificates) -> Any:
    """A collector that wants a certificate from whoever comes by TLS."""
    if name == "syslog-ng":
        return NetworkSyslogNg(certificates, clients=True)
    return TlsRsyslog(name, certificates, clients=True)


def deliver(url: str, messages: Iterable[bytes], certificates: Certificates) -> dict[str, Any]:
    """Send messages, with pauses where nothing else holds the sender up; return the counters."""
    use_ssl = certificates.settings(certfile=str(certificates.client), keyfile=str(certificates.client_key))
    settings = settings_from(url=url, buffer=RECORDS, use_ssl=use_ssl if "tls:" in url else None)
    delivery = Delivery(settings.url, settings)
    (address,) = settings.url
    sent = 0
    for message in messages:
        delivery.send(message)
        sent += len(message) + BESIDE
        if address.scheme == "udp" and sent > BURST:
            sent = 0
            while unread_datagrams(address.port):
                time.sleep(0.0005)
    assert delivery.flush(60)
    counters = delivery.counters.snapshot()
    delivery.close()
    return counters


@pytest.mark.parametrize("name", ROADS)
def test_comes_back_as_sent(name: str, certificates: Certificates) -> None:
    """Facility, severity, time, host, ident, pid, msgid, structured data and message are as sent."""
    channels = {_channel(title, url): ("long words",) for title, url in ROADS[name].items()}
    rows = make_rows(channels)
    begun = datetime.now(timezone.utc)
    with collector(name, certificates) as daemon:
        for channel in channels:
            messages = [data for row in rows if row.channel == channel for data in row.messages]
            deliver(channel.target.format_map(vars(daemon)), messages, certificates)
        wanted = sum(len(row.messages) for row in rows)
        wait_until(lambda: daemon.count() >= wanted, f"{wanted} messages", detail=daemon.count)
        seen = [item._replace(time=ARRIVAL) if item.time >= begun else item for item in daemon.seen()]
    problems = differences(rows, seen, DEPARTURES)
    assert not problems, "\n".join(problems[:50])


def _channel(title: str, url: str) -> Channel:
    framing = "datagram" if "udp:" in url else "lf" if "lf" in url else "octet"
    return Channel(title, re.sub(r"127.0.0.1:\{\w+\}", "collector", url), url, "rfc5424", framing)


def brief(daemon: Any) -> None:
    """Have nothing but the message written, so that to count 100,000 takes no time."""
    text = daemon.config.read_text()
    text = text.replace('template="json")', 'template="brief")')
    text = text.replace(
        "ruleset(name", 'template(name="brief" type="string" string="%msg%\\n")\nruleset(name'
    )
    text = re.sub(r'template\("\$\(format-json.*?\\n"\)', r'template("${MESSAGE}\\n")', text, flags=re.DOTALL)
    daemon.config.write_text(text)


@pytest.mark.parametrize("name", ROADS)
def test_nothing_is_lost(name: str, certificates: Certificates) -> None:
    """Each of 100,000 records sent at full speed (UDP: paced) is there once, in order."""
    daemon = collector(name, certificates)
    brief(daemon)
    with daemon:
        for title, url in ROADS[name].items():
            before = len(numbered(daemon))
            expected = [b"n%06d" % number for number in range(RECORDS)]
            head = b"<14>1 2023-11-08T23:59:57.000001Z web1 celery 7 - - "
            messages = (head + text for text in expected)
            counters = deliver(url.format_map(vars(daemon)), messages, certificates)
            assert (counters["sent"], counters["dropped"], counters["reconnects"]) == (RECORDS, {}, 0)
            wait_until(lambda: len(numbered(daemon)) - before >= RECORDS, title)  # noqa: B023
            assert numbered(daemon)[before:] == expected


def numbered(daemon: Any) -> list[bytes]:
    """Return what was written, without the words of those who looked whether it is ready."""
    return [line for line in read_lines(daemon.output) if line.startswith(b"n")]
