"""1,000 workers on 100 machines, 200,000 lines a second: a small simulation behind docs/scale.md.

Everything that handles a line is a station with a cost for each, in microseconds of one processor; a road
is stations one after the other, each so many times over. In steps of a millisecond lines come in bursts, each
station takes what its processors can, and the rest waits in a buffer with an end: what does not fit is lost
at the stations that drop, and held before those that push back. Nothing is random: every run is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ROADS", "Outcome", "Road", "Station", "figures", "saturation", "simulate", "table"]

MACHINES, WORKERS, LINES = 100, 1000, 200_000

_STEP = 0.001


@dataclass(frozen=True)
class Station:
    """Something that handles lines: ``cost`` microseconds each, on ``count`` x ``cores`` processors.

    ``buffer`` lines may wait at each of the ``count``; the next is lost if it ``drops``, else held before it.
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
    """What became of the lines: shares of all, and the longest queue as seconds of waiting."""

    arrived: float
    lost: float
    held: float
    wait: float


# Microseconds a line. The log calls and the daemon are measured (python -m benchmarks, benchmarks.daemons);
# the two of RabbitMQ are assumed, and rounded up.
_LOG_UNIX, _LOG_UDP, _LOG_TCP, _LOG_RELP, _LOG_AMQP = 10.0, 15.0, 18.0, 30.0, 60.0
_IMUXSOCK, _IMUDP, _IMTCP, _IMRELP = 7.0, 19.0, 2.7, 9.0
_QUEUE, _RELAY = 25.0, 40.0


def _worker(cost: float) -> Station:
    return Station("the log call", cost, WORKERS)


ROADS = (
    Road(
        "local rsyslog, which forwards by TCP",
        (
            _worker(_LOG_UNIX),
            Station("rsyslog on each machine", _IMUXSOCK, MACHINES, buffer=50_000),
            Station("central imtcp, 2 threads", _IMTCP, 1, cores=2, buffer=500_000),
        ),
    ),
    Road(
        "TCP from every worker",
        (_worker(_LOG_TCP), Station("central imtcp, 2 threads", _IMTCP, 1, cores=2, buffer=500_000)),
    ),
    Road(
        "RELP from every worker",
        (_worker(_LOG_RELP), Station("central imrelp, 1 thread", _IMRELP, 1, buffer=128_000)),
    ),
    Road(
        "RELP from every worker, to three listeners",
        (_worker(_LOG_RELP), Station("central imrelp, 3 threads", _IMRELP, 3, buffer=128_000)),
    ),
    Road(
        "UDP from every worker",
        (_worker(_LOG_UDP), Station("central imudp, 1 thread", _IMUDP, 1, buffer=4_000, drops=True)),
    ),
    Road(
        "RabbitMQ, 8 queues with a relay each",
        (
            _worker(_LOG_AMQP),
            Station("a queue's process", _QUEUE, 8, buffer=1_000_000),
            Station("a relay", _RELAY, 8),
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
    """Return the rows of docs/scale.md: road, bottleneck, its capacity, what becomes of 200,000 a second."""
    rows = []
    for road in ROADS:
        most, where = saturation(road)
        outcome = simulate(road)
        fate = f"{outcome.arrived:.0%} arrived, {outcome.lost:.0%} lost, {outcome.held:.0%} waiting"
        rows.append([road.name, where, f"{most:,.0f}", fate, f"{outcome.wait:.2f} s"])
    return rows


def table() -> str:
    """Return the figures in Markdown."""
    heads = ["road", "saturates first", "lines/s at most", "200,000 lines/s for 5 s", "longest wait"]
    return "\n".join(f"|{'|'.join(row)}|" for row in (heads, ["-"] * len(heads), *figures()))


if __name__ == "__main__":
    print(table())
