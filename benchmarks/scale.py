"""1,000 workers on 100 machines, 200,000 lines a second: a small simulation behind docs/scale.md.

Everything that handles a line is a station with a cost for each, in microseconds of one processor; a road is
stations one after the other, each so many times over. In steps of a millisecond lines come in bursts, each
station takes what its processors can, and the rest waits in a buffer with an end: what does not fit is lost at
the stations that drop, and held before those that push back. Nothing is random, so every run is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["ROADS", "Outcome", "Road", "Station", "figures", "saturation", "simulate"]

MACHINES, WORKERS, LINES = 100, 1000, 200_000

_STEP = 0.001


@dataclass(frozen=True)
class Station:
    """Something that handles lines: ``cost`` microseconds each, on ``count`` x ``cores`` processors.

    ``buffer`` lines may wait at each of the ``count``; the next is lost if it ``drops``, else held by its sender.
    """

    name: str
    cost: float
    count: int
    cores: float = 1.0
    buffer: int = 10_000
    drops: bool = False

    @property
    def capacity(self) -> float:
        """Lines a second that all of them together handle."""
        return self.count * self.cores * 1e6 / self.cost


@dataclass(frozen=True)
class Road:
    """What a line passes on its way."""

    name: str
    stations: tuple[Station, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of the lines of a simulation: shares of all, and the longest queue as seconds of waiting."""

    arrived: float
    lost: float
    held: float
    wait: float


_WORKER = Station("log call in the worker", 5.0, WORKERS, buffer=10_000)

ROADS = (
    Road(
        "local daemon, forwarding by TCP",
        (
            _WORKER,
            Station("rsyslog on each machine", 12.0, MACHINES, buffer=50_000),
            Station("central rsyslog, 4 input threads", 8.0, 1, cores=4, buffer=500_000),
        ),
    ),
    Road(
        "TCP from every worker",
        (
            replace(_WORKER, cost=9.0),
            Station("central rsyslog, 4 input threads", 8.0, 1, cores=4, buffer=500_000),
        ),
    ),
    Road(
        "RELP from every worker",
        (
            replace(_WORKER, cost=20.0, buffer=10_128),
            Station("central imrelp, one thread a listener", 15.0, 1, buffer=100_000),
        ),
    ),
    Road(
        "UDP from every worker",
        (_WORKER, Station("central imudp, one thread", 5.0, 1, buffer=4_000, drops=True)),
    ),
    Road(
        "RabbitMQ, 4 queues, confirms",
        (
            replace(_WORKER, cost=60.0),
            Station("queue process", 25.0, 4, buffer=100_000),
            Station("relay", 40.0, 4, buffer=10_000),
        ),
    ),
)


def saturation(road: Road) -> tuple[float, str]:
    """Return the lines a second a road carries at most, and the station that says so."""
    worst = min(road.stations, key=lambda station: station.capacity)
    return worst.capacity, worst.name


def simulate(road: Road, rate: float = LINES, seconds: float = 5.0, burst: int = 20) -> Outcome:
    """Send lines down a road: ``rate`` a second on the whole, in bursts ``burst`` milliseconds apart."""
    waiting = [0.0] * len(road.stations)
    made = lost = held = arrived = longest = 0.0
    for step in range(round(seconds / _STEP)):
        new = rate * _STEP * burst if step % burst == 0 else 0.0
        made += new
        held += new  # at the senders, until the first station has room
        for index in reversed(range(len(road.stations))):
            station = road.stations[index]
            done = min(waiting[index], station.capacity * _STEP)
            if index + 1 < len(road.stations):
                following = road.stations[index + 1]
                room = following.count * following.buffer - waiting[index + 1]
                passed = min(done, room)
                if following.drops:
                    lost += done - passed
                else:
                    done = passed
                waiting[index + 1] += passed
            else:
                arrived += done
            waiting[index] -= done
            longest = max(longest, waiting[index] / station.capacity)
        first = road.stations[0]
        taken = min(held, first.count * first.buffer - waiting[0])
        waiting[0] += taken
        held -= taken
    kept = held + sum(waiting)
    return Outcome(arrived / made, lost / made, kept / made, longest)


def figures() -> list[list[str]]:
    """Return the rows of docs/scale.md: road, bottleneck, what it carries, what becomes of 200,000 a second."""
    rows = []
    for road in ROADS:
        most, where = saturation(road)
        outcome = simulate(road)
        fate = f"{outcome.arrived:.0%} arrived, {outcome.lost:.0%} lost, {outcome.held:.0%} waiting"
        rows.append([road.name, where, f"{most:,.0f}", fate, f"{outcome.wait:.2f} s"])
    return rows


def main() -> None:
    """Print the table in Markdown."""
    print("|road|saturates first|lines/s at most|200,000 lines/s for 5 s|longest wait|\n|-|-|-|-|-|")
    for row in figures():
        print(f"|{'|'.join(row)}|")


if __name__ == "__main__":
    main()
