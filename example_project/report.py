"""The end: a table of what was expected and what arrived, and one sentence that says whether it agrees."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .show import Screen
from .tally import Cell, Key, Tally

__all__ = ["Report"]

_SEVERITIES = ("debug", "info", "warning", "err", "crit")
_SHOWN = 10


class Report(NamedTuple):
    """A finished run: its tally and how it went."""

    run: str
    ident: str
    tally: Tally
    seconds: float
    #: False when the lines went to a collector that we cannot read.
    checked: bool
    #: Why the run ended before its time; empty when it did not.
    trouble: str = ""
    #: The worker's console, which is kept when something went wrong.
    console: Path | None = None

    @property
    def good(self) -> bool:
        """Tell whether everything went as it should, as far as that can be known."""
        return not self.trouble and (self.tally.exact or not self.checked)

    def as_json(self) -> str:
        """Return the table and all that is wrong as one JSON object."""
        rows = [
            {"task": row, "severity": severity, "expected": cell.expected, "arrived": self._arrived(cell)}
            for (row, severity), cell in self.tally.cells().items()
        ]
        total = self.tally.total
        found: dict[str, Any] = {
            "run": self.run,
            "ok": self.good,
            "seconds": round(self.seconds, 1),
            "expected": total.expected,
            "arrived": self._arrived(total),
            "missing": _listed(self.tally.missing) if self.checked else None,
            "doubled": _listed(self.tally.doubled),
            "unexpected": [seen._asdict() for seen in self.tally.strays],
            "others": self.tally.others,
            "trouble": self.trouble or None,
            "console": None if self.good else str(self.console),
            "rows": rows,
        }
        return json.dumps(found)

    def _arrived(self, cell: Cell) -> int | None:
        return cell.arrived if self.checked else None

    def show(self, screen: Screen) -> None:
        """Write the table, what is wrong in it, and the verdict."""
        screen.end_progress()
        screen.say()
        for line in self._table(screen):
            screen.say(line)
        if self.tally.others:
            text = f"  Not counted, because the worker says them about itself: {self.tally.others} more."
            screen.say(screen.paint(text, "dim"))
        screen.say()
        if self.checked:
            self._show_faults(screen)
        screen.say(self._verdict(screen))
        if not self.good and self.console:
            self._show_console(screen, self.console)

    def _table(self, screen: Screen) -> Iterable[str]:
        cells = self.tally.cells()
        columns = [name for name in _SEVERITIES if any(severity == name for _, severity in cells)]
        columns += sorted({severity for _, severity in cells} - set(columns))
        rows = list(dict.fromkeys(row for row, _ in cells))
        heads = "".join(f"{name:>9}" for name in columns)
        yield screen.paint(f"  {'task':<11}{heads}{'expected':>11}{'arrived':>9}", "bold")
        for row in rows:
            mine = {severity: cells.get((row, severity), Cell(0, 0)) for severity in columns}
            yield self._row(screen, row, mine)
        totals = {
            name: _sum(cell for (_, severity), cell in cells.items() if severity == name) for name in columns
        }
        yield self._row(screen, "all", totals, "bold")

    def _row(self, screen: Screen, name: str, cells: Mapping[str, Cell], style: str = "") -> str:
        total = _sum(cells.values())
        shown = "".join(self._cell(screen, cell, severity) for severity, cell in cells.items())
        arrived = f"{total.arrived if self.checked else '?':>9}"
        agrees = not self.checked or all(cell.expected == cell.arrived for cell in cells.values())
        arrived = screen.paint(arrived, "good" if agrees and self.checked else "" if agrees else "bad")
        return f"  {screen.paint(f'{name:<11}', style)}{shown}{total.expected:>11}{arrived}"

    def _cell(self, screen: Screen, cell: Cell, severity: str) -> str:
        if cell == (0, 0):
            return screen.paint(f"{'.':>9}", "dim")
        if self.checked and cell.arrived != cell.expected:
            return screen.paint(f"{f'{cell.arrived} of {cell.expected}':>9}", "bad")
        return screen.paint(f"{cell.expected:>9}", severity)

    def _show_faults(self, screen: Screen) -> None:
        faults = [("missing", text) for text in _listed(self.tally.missing)]
        faults += [("doubled", text) for text in _listed(self.tally.doubled)]
        faults += [("not expected", f"{seen.severity}  {_told(seen.text)}") for seen in self.tally.strays]
        for kind, text in faults[:_SHOWN]:
            screen.say(f"  {screen.paint(kind, 'bad')}  {text}")
        if len(faults) > _SHOWN:
            screen.say(f"  and {len(faults) - _SHOWN} more (--json has them all)")
        if faults:
            screen.say()

    def _show_console(self, screen: Screen, path: Path) -> None:
        """Say where the worker's console is; if the worker is the trouble, how it ends."""
        screen.say(f"  The worker's console: {path}")
        if self.trouble:
            screen.say()
            for line in path.read_text("utf-8", "replace").splitlines()[-20:]:
                screen.say(screen.paint(f"  | {line}", "dim"))

    def _verdict(self, screen: Screen) -> str:
        expected, arrived = self.tally.total
        if self.trouble:
            return screen.paint(f"  {self.trouble}", "bad")
        if not self.checked:
            return (
                f"  {expected} lines were sent, each tagged {self.ident}. To see them:\n\n"
                f"    grep {self.ident} /var/log/syslog\n"
                f"    journalctl -t {self.ident}\n\n"
                "  With --log-file FILE, the file your collector writes, they are counted here."
            )
        if self.tally.exact:
            text = f"Each of the {expected} expected lines arrived exactly once, in {self.seconds:.1f} s."
            return "  " + screen.paint(text, "good")
        return "  " + screen.paint(f"{expected} lines were expected, {arrived} arrived: not the same.", "bad")


def _sum(cells: Iterable[Cell]) -> Cell:
    pairs = list(cells)
    return Cell(sum(cell.expected for cell in pairs), sum(cell.arrived for cell in pairs))


def _listed(keys: Mapping[Key, int]) -> list[str]:
    """Return a text for each line, with how many of it where there is more than one."""
    return [
        f"{key.task or key.job}  {key.line.severity}  {_told(key.line.text)}"
        + (f"  ({count} times)" if count > 1 else "")
        for key, count in keys.items()
    ]


def _told(text: str) -> str:
    shown = text.removeprefix("] ").strip().replace("*", "...")
    return shown if len(shown) <= 80 else f"{shown[:80]}..."
