"""TCP and TLS through a network that resets, stalls, splits, delays and refuses: the promises hold."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.certificates import Certificates
from support.chaos.run import measured, returned, sending
from support.chaos.sender import Plan
from support.proxy import Proxy
from support.waiting import DEADLINE, short_folder, wait_until

from celery_syslog import SyslogReceiver
from celery_syslog.receiver import Limits

#: The default of syslog_timeout.
TIMEOUT = 0.25
ROUNDS = 60 if os.environ.get("CELERY_SYSLOG_CHAOS") == "long" else 8
#: Every frame has to be exactly this.
WHOLE = re.compile(rb"<14>1 \S+ \S+ celery \d+ - (?:-|\[extra@32473 pad=.x+.\]) c(\d+) n(\d+) end")
REPORT = re.compile(rb"<12>1 \S+ \S+ celery \d+ - .* dropped (\d+) records in .*")


class Came(NamedTuple):
    """What came of a run."""

    emitted: int
    lost: int
    doubled: int
    reports: int  # records about losses
    counters: dict[str, Any]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path."""
    with short_folder() as path:
        yield path


def run(folder: Path, scheme: str, events: Any, **settings: Any) -> tuple[Came, Proxy]:
    """Log from two processes of two threads while something is done to the network; judge what came."""
    certificates = Certificates(folder)
    context = certificates.context() if scheme == "tls" else None
    if context:
        settings["use_ssl"] = certificates.settings()
    limits = Limits(messages=10**6)
    with (
        SyslogReceiver(f"{scheme}://127.0.0.1:0", ssl_context=context, limits=limits) as receiver,
        Proxy(int(receiver.url.rpartition(":")[2])) as proxy,
    ):
        url = f"{scheme}://127.0.0.1:{proxy.port}"
        plan = Plan("package", url, str(folder / "out"), settings, processes=2, threads=2, rest=0.001)
        with sending(plan._replace(seconds=ROUNDS * 0.5 + 0.5)) as process:
            time.sleep(0.3)
            events(proxy, random.Random(1))
            process.wait(DEADLINE * 3)
        measures = measured([plan])
        quiet = [-1, -2]

        def still() -> bool:
            quiet.append(receiver.received)
            return quiet[-1] == quiet[-2] == quiet[-3]

        wait_until(still, "the last message")
        came = judge(plan, receiver.raw, measures["counters"])
        counters = came.counters
        assert counters["emitted"] == counters["sent"] + sum(counters["dropped"].values())
        assert counters["emitted"] == came.emitted + came.reports
        late = measures["noise"]
        assert measures["longest"] <= TIMEOUT + 0.05 + 2 * late, measures
        return came, proxy


def judge(plan: Plan, messages: list[bytes], counters: dict[str, Any]) -> Came:
    """Compare what was emitted with what came: whole frames only, and each thread's in order."""
    lanes: dict[int, list[int]] = {}
    reports = 0
    for message in messages:
        found = WHOLE.fullmatch(message)
        assert found or REPORT.fullmatch(message), message
        reports += not found
        if found:
            lanes.setdefault(int(found[1]), []).append(int(found[2]))
    emitted = returned(plan)
    lost = doubled = 0
    for lane, count in emitted.items():
        numbers = lanes.get(lane, [])
        firsts = list(dict.fromkeys(numbers))
        assert firsts == sorted(firsts), f"lane {lane} is out of order"
        doubled += len(numbers) - len(firsts)
        lost += count - len(firsts)
    return Came(sum(emitted.values()), lost, doubled, reports, counters)


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_slow_network(folder: Path, scheme: str) -> None:
    """Stalls, tiny segments and delays: every record once, none lost, on one connection each."""

    def events(proxy: Proxy, dice: random.Random) -> None:
        for _ in range(ROUNDS):
            proxy.split(dice.choice([1, 7, 1000]))
            proxy.delay(dice.choice([0.0, 0.002]))
            time.sleep(0.2)
            proxy.split(1 << 16)
            proxy.delay(0.0)
            proxy.stall()
            time.sleep(dice.uniform(0.05, 0.5))
            proxy.resume()

    came, _ = run(folder, scheme, events, buffer=100_000)
    assert (came.lost, came.doubled) == (0, 0), came
    assert came.counters["reconnects"] == 0


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_resets(folder: Path, scheme: str) -> None:
    """Resets and refusals: counts are exact but for what a reset leaves open.

    That is what the peer's kernel had acknowledged and nobody had read, lost, and what it had and had not
    acknowledged yet, doubled.
    """

    def events(proxy: Proxy, dice: random.Random) -> None:
        for number in range(ROUNDS):
            time.sleep(dice.uniform(0.2, 0.5))
            proxy.reset()
            if number % 3 == 2:
                proxy.refuse()
                time.sleep(0.1)
                proxy.listen()

    came, proxy = run(folder, scheme, events, buffer=100_000)
    assert came.counters["reconnects"] >= ROUNDS
    assert came.counters["dropped"] == {}
    # Of each connection, what arrives between the last look and the end of it.
    ends = 2 * (ROUNDS + ROUNDS // 3)
    assert came.lost <= proxy.discarded / 70 + 3 * ends, (came, proxy.discarded)
    assert came.doubled <= 100 * ends, came


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_small_buffer(folder: Path, scheme: str) -> None:
    """A long stall with room for 100 records: what is dropped is counted and told, and no frame is torn."""

    def events(proxy: Proxy, dice: random.Random) -> None:
        proxy.stall()
        time.sleep(ROUNDS * 0.4)
        proxy.resume()

    # So large that the buffers of the kernel, some megabytes, are full soon.
    came, _ = run(folder, scheme, events, buffer=100, fields={"pad": "x" * 20_000})
    dropped = sum(came.counters["dropped"].values())
    assert dropped > 0
    assert (came.lost, came.doubled, came.counters["reconnects"]) == (dropped, 0, 0), came
