"""Every field of every message comes back from a real rsyslogd as it was sent, or as a departure says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from support.conformance import Departure, differences, idle, send, wait_for_rows
from support.rows import LONG, Channel, Row, make_rows
from support.rsyslog import Rsyslog
from support.seen import Seen

DEPARTURES: list[Departure] = []


class Run(NamedTuple):
    rows: list[Row]
    seen: list[Seen]


def channels(daemon: Rsyslog) -> dict[Channel, list[str]]:
    local, parsed = str(daemon.socket), str(daemon.parsed_socket)
    tcp, plain = str(daemon.tcp_port), str(daemon.plain_tcp_port)
    words = ["long words"]
    return {
        Channel("unix", "/dev/log", local, "rfc3164"): list(LONG),
        Channel("unix, parsed", "/dev/log", parsed, "rfc3164"): words,
        Channel("unix, parsed", "/dev/log", parsed, "rfc5424"): words,
        Channel("imptcp", "tcp://h", tcp, "rfc5424", "octet"): list(LONG),
        Channel("imptcp", "tcp://h", tcp, "rfc3164", "octet"): words,
        Channel("imptcp, lines", "tcp://h?framing=lf", tcp, "rfc5424", "lf"): words,
        Channel("imptcp, lines", "tcp://h?framing=lf", tcp, "rfc3164", "lf"): words,
        Channel("imtcp", "tcp://h", plain, "rfc5424", "octet"): words,
        Channel("imtcp", "tcp://h", plain, "rfc3164", "octet"): words,
    }


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with Rsyslog(network=True, max_size="64k") as daemon:
        import time
        t=time.time()
        rows = make_rows(channels(daemon))
        print("rows", len(rows), time.time()-t)
        send(rows)
        print("sent", time.time()-t)
        def count():
            data = daemon.output.read_bytes() if daemon.output.exists() else b""
            return data.count(b"\n")-1
        found = wait_for_rows(rows, count, daemon.seen)
        print("found", time.time()-t, daemon.output.stat().st_size)
        yield Run(rows, found)

def test_all(run):
    import re, collections
    d = differences(run.rows, run.seen, DEPARTURES)
    c = collections.Counter((x.split(", ")[0], re.sub(r".*?: ","",x,1)[:200]) for x in d)
    print(len(d))
    g = collections.defaultdict(list)
    for x in d:
        g[re.sub(r"\d+","N",x.split(": ",1)[1])[:40]].append(x)
    for k, v in g.items():
        print(k, len(v)); 
        for x in v[:6]: print("    ", x[:700])
    assert not d
