"""One run of the sender against one collector, and what came of it, by the numbers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from support.waiting import DEADLINE, wait_until

from .collector import Collector
from .sender import MOST_LANES, Plan

__all__ = ["Outcome", "judge", "returned", "sending", "settled", "take"]

_LINE = re.compile(rb"c(\d+) n(\d+) end\x00?$")
#: A whole message of the package: nothing before, between or behind.
_WHOLE = re.compile(rb"<14>\w{3} [ \d]\d \d\d:\d\d:\d\d celery\[\d+\]: c\d+ n\d+ end")
_REPORT = re.compile(rb"<12>.* dropped (\d+) records? in ")


class Outcome(NamedTuple):
    """What came of a run: counts of records, seconds, and the package's own counters."""

    emitted: int  # calls that returned
    received: int  # different records
    lost: int  # returned, but never received
    doubled: int
    disordered: int  # lanes whose records came in another order
    foreign: int  # messages that are not exactly one of ours
    reported: int  # losses told by drop reports in the log itself
    longest: float = 0.0  # of all log calls
    noise: float = 0.0  # how late the machine woke an idle process meanwhile
    cpu999: float = 0.0  # 99.9th percentile of a call's own CPU time, first calls left out
    waits: int = 0  # calls over 10 ms
    threads: int = 0  # of the process that had most, at its end
    counters: dict[str, Any] = {}

    @property
    def dropped(self) -> int:
        """What the package says it has dropped."""
        return sum(self.counters.get("dropped", {}).values())


@contextmanager
def sending(plan: Plan) -> Iterator[subprocess.Popen[bytes]]:
    """Run the sender in a process group of its own; it is ready inside, and killed if still there after."""
    Path(plan.out).mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "support.chaos.sender", json.dumps(plan._asdict())],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
        process.wait(DEADLINE)
        process.stdout.close()


def take(plan: Plan, collector: Collector, during: Callable[[subprocess.Popen[bytes]], object]) -> Outcome:
    """Run a plan, do something meanwhile, and judge once it has ended and all was read."""
    with sending(plan) as process:
        during(process)
        process.wait(DEADLINE * 3)
    return judge([plan], settled(collector))


def settled(collector: Collector) -> list[bytes]:
    """Return what came, once two looks in a row see the same."""
    counts = [-1]

    def still() -> bool:
        counts.append(collector("count"))
        return counts[-1] == counts[-2]

    wait_until(still, "the last message")
    return collector.lines()


def returned(plan: Plan) -> dict[int, int]:
    """Return how many log calls of each lane have returned."""
    view = memoryview(Path(plan.out, "returned").read_bytes()).cast("Q")
    return {lane: view[lane] for lane in range(MOST_LANES) if view[lane]}


def measured(plans: list[Plan]) -> dict[str, Any]:
    """Return the measurements of the processes that lived to leave some, put together."""
    found = [json.loads(file.read_text()) for plan in plans for file in Path(plan.out).glob("*.json")]
    totals: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    for item in found:
        counters = dict(item["counters"])
        dropped.update(counters.pop("dropped", {}))
        totals.update(counters)
    noises = [file.read_text() for plan in plans if (file := Path(plan.out, "noise")).exists()]
    return {
        "longest": max((item["longest"] for item in found), default=0.0),
        "cpu999": max((item["cpu999"] for item in found), default=0.0),
        "waits": sum(item["waits"] for item in found),
        "threads": max((item["threads"] for item in found), default=0),
        "noise": max((float(text or 0) for text in noises), default=0.0),
        "counters": {**totals, "dropped": dict(dropped)},
    }


def judge(plans: list[Plan], lines: list[bytes]) -> Outcome:
    """Compare what was emitted with what came."""
    lanes: dict[int, list[int]] = {}
    foreign = reported = 0
    for line in lines:
        found = _LINE.search(line)
        report = _REPORT.match(line)
        if found:
            lanes.setdefault(int(found[1]), []).append(int(found[2]))
            foreign += plans[0].kind == "package" and not _WHOLE.fullmatch(line)
        elif report:
            reported += int(report[1])
        else:
            foreign += b"asked for its text" not in line
    emitted = {lane: count for plan in plans for lane, count in returned(plan).items()}
    unique = sum(len(set(lanes.get(lane, ()))) for lane in emitted)
    return Outcome(
        emitted=sum(emitted.values()),
        received=unique,
        lost=sum(len(set(range(count)) - set(lanes.get(lane, ()))) for lane, count in emitted.items()),
        doubled=sum(len(lanes.get(lane, ())) for lane in emitted) - unique,
        disordered=sum(lanes.get(lane, []) != sorted(lanes.get(lane, [])) for lane in emitted),
        foreign=foreign,
        reported=reported,
        **measured(plans),
    )
