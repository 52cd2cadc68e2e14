"""The scenarios: what is done to a collector or to the processes that log, for either handler.

Each takes the kind of handler ("package" or "stdlib"), a profile and an empty folder, and returns its
outcome. The tests assert on the package's; ``page`` writes both down side by side.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from support.rsyslog import Rsyslog
from support.waiting import DEADLINE, wait_until

from .collector import Collector
from .run import Outcome, judge, returned, sending, settled, take
from .sender import MOST_LANES, Plan

__all__ = ["LONG", "SCENARIOS", "SHORT", "Profile", "Scenario"]

Scenario = Callable[[str, "Profile", Path], Outcome]


class Profile(NamedTuple):
    """How much of everything."""

    name: str
    restarts: int
    stall: float  # seconds
    kills: int
    generations: int
    records: int
    seed: int = 1


SHORT = Profile("short", restarts=20, stall=1.5, kills=10, generations=15, records=2000)
LONG = Profile("long", restarts=200, stall=10.0, kills=200, generations=300, records=20000)


def restarts(kind: str, profile: Profile, folder: Path, *, stream: bool = False) -> Outcome:
    """A collector restarted again and again under load, away for up to 0.1 s each time."""
    plan = Plan(kind, str(folder / "log"), str(folder / "out"), processes=2, threads=2, rest=0.0005)
    plan = plan._replace(seconds=profile.restarts * 0.12)
    dice = random.Random(profile.seed)

    def during(process: subprocess.Popen[bytes]) -> None:
        for _ in range(profile.restarts):
            time.sleep(dice.uniform(0.01, 0.1))
            collector("restart", dice.choice([0.0, 0.001, 0.02, 0.1]))

    with Collector(folder / "log", stream=stream) as collector:
        return take(plan, collector, during)


def restarts_stream(kind: str, profile: Profile, folder: Path) -> Outcome:
    """The same over a stream socket."""
    return restarts(kind, profile, folder, stream=True)


def stall(kind: str, profile: Profile, folder: Path, *, buffer: int = 100_000) -> Outcome:
    """A collector that stops reading for seconds, while two processes log 1,000 records a second each."""
    plan = Plan(kind, str(folder / "log"), str(folder / "out"), {"buffer": buffer}, processes=2, rest=0.001)
    plan = plan._replace(seconds=profile.stall + 1.0)

    def during(process: subprocess.Popen[bytes]) -> None:
        time.sleep(0.3)
        collector("pause")
        time.sleep(profile.stall)
        collector("resume")

    with Collector(folder / "log") as collector:
        return take(plan if kind == "package" else plan._replace(settings={}), collector, during)


def stall_small(kind: str, profile: Profile, folder: Path) -> Outcome:
    """The same with room for 100 records only."""
    return stall(kind, profile, folder, buffer=100)


def kills(kind: str, profile: Profile, folder: Path) -> Outcome:
    """Processes killed by SIGKILL at random moments of an outage, with a spool; then the collector comes."""
    settings = {"spool": str(folder / "spool")}
    dice = random.Random(profile.seed)
    plans = []
    with Collector(folder / "log") as collector:
        collector("stop")
        for number in range(profile.kills):
            plan = Plan(kind, str(folder / "log"), str(folder / f"out{number}"), settings, threads=2)
            plan = plan._replace(first=2 * number)
            with sending(plan) as process:
                while len(returned(plan)) < 2:
                    time.sleep(0.001)
                time.sleep(dice.uniform(0.0, 0.02))
                os.killpg(process.pid, signal.SIGKILL)
            plans.append(plan)
        collector("start")
        inherit(plan, folder)
        return judge(plans, settled(collector))


def inherit(plan: Plan, folder: Path) -> None:
    """Run a process of the same project until it has sent what the dead ones left."""
    heir = plan._replace(out=str(folder / "heir"), first=MOST_LANES - 1, threads=1, rest=0.02)
    spool = folder / "spool"
    with sending(heir):
        wait_until(lambda: not spool.exists() or not any(spool.iterdir()), "the spool to be sent")


def disk_full(kind: str, profile: Profile, folder: Path) -> Outcome:
    """An outage during which the disk of the spool is full after 64 KiB; memory takes the rest."""
    plan = Plan(
        kind, str(folder / "log"), str(folder / "out"), {"spool": str(folder / "spool")}, records=3000
    )
    plan = plan._replace(file_limit=1 << 16, rest=0.0001)

    def during(process: subprocess.Popen[bytes]) -> None:
        wait_until(lambda: sum(returned(plan).values()) >= 2500, "most of the records")
        collector("start")

    with Collector(folder / "log") as collector:
        collector("stop")
        return take(plan, collector, during)


def nothing(process: subprocess.Popen[bytes]) -> None:
    """Leave the collector alone."""


def fork_storm(kind: str, profile: Profile, folder: Path) -> Outcome:
    """Processes replaced after 40 records each, four at a time, over a stream that all of them share."""
    plan = Plan(kind, str(folder / "log"), str(folder / "out"), processes=4, threads=2, records=20)
    with Collector(folder / "log", stream=True) as collector:
        return take(plan._replace(generations=profile.generations), collector, nothing)


def threads(kind: str, profile: Profile, folder: Path) -> Outcome:
    """Eight threads of one process, while the collector restarts and stalls."""
    plan = Plan(kind, str(folder / "log"), str(folder / "out"), {"buffer": 10**6}, threads=8)
    plan = plan._replace(records=profile.records, rest=0.0005)

    def during(process: subprocess.Popen[bytes]) -> None:
        for gap in (0.0, 0.05, 0.2):
            collector("restart", gap)
            collector("pause")
            time.sleep(0.4)
            collector("resume")

    with Collector(folder / "log") as collector:
        return take(plan, collector, during)


def greenlets(kind: str, profile: Profile, folder: Path) -> Outcome:
    """500 gevent greenlets of one process, while the collector stalls and restarts."""
    plan = Plan(kind, str(folder / "log"), str(folder / "out"), greenlets=500, records=20, rest=0.05)

    def during(process: subprocess.Popen[bytes]) -> None:
        collector("pause")
        time.sleep(0.5)
        collector("resume")
        collector("restart", 0.1)

    with Collector(folder / "log") as collector:
        return take(plan, collector, during)


def recursion(kind: str, profile: Profile, folder: Path) -> Outcome:
    """Records whose arguments log while they are turned into text."""
    plan = Plan(kind, str(folder / "log"), str(folder / "out"), threads=4, records=300, recursion=True)
    with Collector(folder / "log", stream=True) as collector:
        return take(plan, collector, nothing)


#: The ways a process ends, by what happens in it right after its last log call.
ENDS = ("os._exit", "sys.exit", "exception", "SIGTERM", "SIGKILL", "SIGSEGV")


def exits(kind: str, profile: Profile, folder: Path) -> Outcome:
    """Processes that end in six ways right after their last log call, the collector being well."""
    plans = [
        Plan(kind, str(folder / "log"), str(folder / f"out{lane}"), records=200, first=lane, end=end)
        for lane, end in enumerate(ENDS)
    ]
    with Collector(folder / "log") as collector:
        for plan in plans:
            with sending(plan) as process:
                process.wait(DEADLINE)
        return judge(plans, settled(collector))


def stalled_exit(kind: str, profile: Profile, folder: Path) -> Outcome:
    """A process that ends normally while the collector stalls, which reads again a second later."""
    plan = Plan(kind, str(folder / "log"), str(folder / "out"), {}, records=300, end="sys.exit")
    plan = plan._replace(settings={"timeout": 0, "flush_timeout": DEADLINE}, flush=0.0)

    def during(process: subprocess.Popen[bytes]) -> None:
        time.sleep(1.0)
        collector("resume")

    with Collector(folder / "log") as collector:
        collector("pause")
        return take(plan, collector, during)


def rsyslog(kind: str, profile: Profile, folder: Path) -> Outcome:
    """A real rsyslogd restarted (SIGTERM) under load; what its socket holds at that moment dies with it."""
    with Rsyslog() as daemon:
        plan = Plan(kind, str(daemon.socket), str(folder / "out"), processes=2, rest=0.0005)
        count = max(5, profile.restarts // 4)
        with sending(plan._replace(seconds=count * 0.3)) as process:
            for _ in range(count):
                time.sleep(0.1)
                daemon.restart()
            process.wait(DEADLINE * 3)
        daemon.restart()  # it writes everything down when it ends
        return judge([plan], [message["rawmsg"].encode() for message in daemon.messages()])


#: Every scenario, as it stands in the report.
SCENARIOS: dict[str, Scenario] = {
    "restarts, datagrams": restarts,
    "restarts, stream": restarts_stream,
    "stall, buffer suffices": stall,
    "stall, buffer of 100": stall_small,
    "SIGKILL in an outage": kills,
    "disk full in an outage": disk_full,
    "fork storm, stream": fork_storm,
    "8 threads": threads,
    "500 greenlets": greenlets,
    "recursion": recursion,
    "six ends": exits,
    "end during a stall": stalled_exit,
    "rsyslogd restarted": rsyslog,
}
