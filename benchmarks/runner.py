"""Cases in processes of their own that take turns in short rounds."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .cases import Case, Place
from .sinks import Sink

__all__ = ["Figure", "Runner", "find", "serve"]

#: Floors are made for lengths rounded to this many bytes.
STEP = 50


@dataclass
class Figure:
    """What was found out about one case: microseconds of a call in each round, by processor and by clock."""

    name: str
    group: str
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    length: int = 0
    instructions: float | None = None
    goal: float | None = None
    missing: str = ""

    def summary(self) -> dict[str, object]:
        """Return the figures as they are kept and shown."""
        found: dict[str, object] = {"name": self.name, "group": self.group}
        if self.missing:
            return {**found, "missing": self.missing}
        found |= {
            "cpu_us": round(statistics.median(self.cpu), 2),
            "wall_us": round(statistics.median(self.wall), 2),
            "ratio": round(statistics.median(self.ratios), 2),
            "bytes": self.length,
        }
        if self.instructions is not None:
            found["instruction_ratio"] = round(self.instructions, 2)
        return {**found, "goal": self.goal} if self.goal else found


def find(name: str) -> Case:
    """Return the case of a name; floors are named ``floor ROAD LENGTH``."""
    from .cases import logs
    from .floor import Floor
    from .ours import OURS
    from .peers import PEERS, REFERENCES

    if name.startswith("floor ") and name.split()[-1].isdigit():
        _, road, length = name.split()
        return Case(name, "floors", logs(lambda place: Floor(place.urls[road], int(length))), road)
    return next(case for case in (*OURS, *PEERS, *REFERENCES) if case.name == name)


def serve(name: str, folder: Path, urls: dict[str, str], length: int) -> None:
    """Be the process of a case: for each number on stdin, make so many calls and print what they took."""
    case, place = find(name), Place(folder, urls, length)
    burst = case.burst if case.road == "unix" else 1000
    answers = os.fdopen(os.dup(1), "w")
    run = case.prepare(place)
    for line in sys.stdin:
        left, place.spent, before = int(line), [0, 0], place.taken
        while left > 0:
            place.begin()
            run(min(left, burst))
            place.end()
            place.drain()
            left -= burst
        print(*place.spent, place.taken - before, file=answers, flush=True)


class Process:
    """A case's process, seen from outside."""

    def __init__(self, name: str, folder: Path, sinks: dict[str, Sink], length: int = 150) -> None:
        urls = [f"{scheme}={sink.url}" for scheme, sink in sinks.items()]
        command = [sys.executable, "-m", "benchmarks.case", name, str(folder), str(length), *urls]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, calls: int) -> tuple[float, float]:
        """Make calls; return the microseconds of one, by processor and by clock; ``taken``: bytes sent."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        print(calls, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(self._process.stderr.read()[-2000:])
        cpu, wall, taken = answer.split()
        self.taken = int(taken)
        return int(cpu) / calls / 1000, int(wall) / calls / 1000

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class Runner:
    """Runs cases against their floors, all in turn, so that a machine whose speed drifts is fair to all."""

    def __init__(self, folder: Path, sinks: dict[str, Sink], calls: int) -> None:
        self._folder = folder
        self._sinks = sinks
        self._calls = calls
        self._processes: dict[str, Process] = {}
        #: What the ratio of each case is to.
        self.floors: dict[str, str] = {}

    def start(self, cases: Iterable[Case]) -> list[tuple[Case, Figure]]:
        """Start every case that can run here and its floor, and find out how long its messages are."""
        begun = []
        for case in cases:
            missing = case.missing or ("" if case.road in self._sinks else f"no collector for {case.road}://")
            figure = Figure(case.name, case.group, goal=case.goal, missing=missing)
            if not missing:
                self._begin(case, figure)
            begun.append((case, figure))
        return begun

    def _begin(self, case: Case, figure: Figure) -> None:
        process = self._processes[case.name] = Process(case.name, self._folder, self._sinks)
        sink = self._sinks[case.road]
        count = max(20, int(50 * case.calls))
        try:
            process.run(count)
            before = self._settled(sink)
            process.run(count)
        except RuntimeError as error:
            self._processes.pop(case.name).close()
            figure.missing = f"failed: {str(error).strip().splitlines()[-1]}"
            return
        taken = process.taken or self._settled(sink) - before
        figure.length = taken = taken // count
        length = max(STEP, round((taken or 300) / STEP) * STEP)
        road = case.road if case.road in ("unix", "udp") else "tcp"
        floor = case.versus or f"floor {road} {length}"
        self.floors[case.name] = floor
        if floor not in self._processes:
            self._processes[floor] = Process(floor, self._folder, self._sinks, length)
            self._processes[floor].run(count)

    @staticmethod
    def _settled(sink: Sink) -> int:
        """Return what a collector has taken when no more comes."""
        before = -1
        while before != sink.taken():
            before = sink.taken()
            time.sleep(0.05)
        return before

    def rounds(self, begun: list[tuple[Case, Figure]], rounds: int) -> None:
        """Let all take turns."""
        known = {case.name: (case, figure) for case, figure in begun if not figure.missing}
        order = list(self._processes)
        for number in range(rounds + 1):
            times = {}
            for name in order if number % 2 else reversed(order):
                part = known[name][0].calls if name in known else find(name).calls
                times[name] = self._processes[name].run(max(8, int(self._calls * part)))
            if not number:
                continue  # the first round warms up
            for name, (_, figure) in known.items():
                cpu, wall = times[name]
                figure.cpu.append(cpu)
                figure.wall.append(wall)
                figure.ratios.append(cpu / times[self.floors[name]][0])

    def close(self) -> None:
        """End all processes."""
        for process in self._processes.values():
            process.close()
