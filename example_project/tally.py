"""The counting: each line that arrived against the lines that were expected."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from .expect import LAST_WORDS, LINES, POLL_AGAIN, POLL_RECEIVED, UNCOUNTED, Line

__all__ = ["Cell", "Key", "Seen", "Tally"]


class Seen(NamedTuple):
    """A line that arrived: how severe it is, which process sent it, what it says."""

    severity: str
    pid: str
    text: str


class Key(NamedTuple):
    """One expected line of one task; ``task`` is empty for anonymous lines."""

    task: str
    job: str
    line: Line

    @property
    def row(self) -> str:
        """The row of the table: the parts of a chain, a group or a chord share one."""
        return self.job.partition(".")[0]


class Cell(NamedTuple):
    """One cell of the table."""

    expected: int
    arrived: int


class Tally:
    """Counts the lines of one run. Each is told from every other by its task's id and its text."""

    def __init__(self, run: str, rounds: int) -> None:
        self.expected: Counter[Key] = Counter()
        self.arrived: Counter[Key] = Counter()
        #: Lines of our tasks that nobody expected.
        self.strays: list[Seen] = []
        #: Lines of the worker about itself; nothing is expected of them.
        self.others = 0
        self._killed: set[str] = set()
        self._id = re.compile(rf"\b{re.escape(run)}-\d+-([a-z]+(?:\.[a-z0-9]+)?)")
        for job, lines in LINES.items():
            for number in range(1, 2 if job == "worker" else rounds + 1):
                for line in lines:
                    self.expected[self._key(f"{run}-{number}-{job}", job, line)] += line.times

    @staticmethod
    def _key(task: str, job: str, line: Line) -> Key:
        return Key("" if line.anonymous else task, job, line)

    def _candidates(self, seen: Seen) -> Iterator[Key]:
        found = self._id.search(seen.text)
        for job, lines in LINES.items():
            for line in lines:
                if found and found[1] == job:
                    yield self._key(found[0], job, line)
                elif line.anonymous and not found:
                    yield Key("", job, line)

    def _matches(self, line: Line, seen: Seen) -> bool:
        pattern = ".*".join(map(re.escape, line.text.split("*")))
        pattern = pattern.replace(re.escape("{pid}"), f"(?:{'|'.join(self._killed)})")
        return line.severity == seen.severity and re.search(pattern, seen.text, re.DOTALL) is not None

    def add(self, seen: Seen) -> bool:
        """Count a line; tell whether it is one of those expected."""
        keys = [key for key in self._candidates(seen) if self._matches(key.line, seen)]
        for key in keys:
            self.arrived[key] += 1
            if key.line is LAST_WORDS:
                self._killed.add(re.escape(seen.pid))
            elif key.line is POLL_AGAIN:
                self.expected[key] += 1
                self.expected[Key("", key.job, POLL_RECEIVED)] += 1
        if not keys:
            if self._id.search(seen.text) and UNCOUNTED not in seen.text:
                self.strays.append(seen)
            else:
                self.others += 1
        return bool(keys)

    @property
    def total(self) -> Cell:
        """All lines of the run, strays included."""
        return Cell(self.expected.total(), self.arrived.total() + len(self.strays))

    @property
    def missing(self) -> Counter[Key]:
        """What did not arrive, and how many of each."""
        return self.expected - self.arrived

    @property
    def doubled(self) -> Counter[Key]:
        """What arrived more often than it should, and by how many."""
        return self.arrived - self.expected

    @property
    def exact(self) -> bool:
        """Tell whether every expected line arrived exactly once and no other line of our tasks did."""
        return not (self.missing or self.doubled or self.strays)

    def cells(self) -> dict[tuple[str, str], Cell]:
        """Return the table: (row, severity) -> how many lines were expected and how many arrived."""
        found: dict[tuple[str, str], Cell] = {}
        for key in self.expected | self.arrived:
            place = key.row, key.line.severity
            before = found.get(place, Cell(0, 0))
            after = before.expected + self.expected[key], before.arrived + self.arrived[key]
            found[place] = Cell(*after)
        for seen in self.strays:
            place = self._row(seen), seen.severity
            before = found.get(place, Cell(0, 0))
            found[place] = before._replace(arrived=before.arrived + 1)
        return {place: cell for place, cell in found.items() if cell != (0, 0)}

    def _row(self, seen: Seen) -> str:
        found = self._id.search(seen.text)
        return found[1].partition(".")[0] if found else ""
