"""``python -m benchmarks``: what a log call, a worker and a process cost, with this package and its peers.

Nothing is asserted: figures are for reading. docs/performance.md says how they are found.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

from . import instructions
from .footprint import footprint
from .ours import OURS
from .peers import PEERS, REFERENCES
from .publish import publish
from .report import text
from .runner import Figure, Runner
from .sinks import Sink, open_sinks
from .throughput import throughput


def main() -> None:
    """Measure, print, and write what is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=25, help="turns of each case (default: %(default)s)")
    parser.add_argument("--calls", type=int, default=1000, help="log calls of a turn (default: %(default)s)")
    parser.add_argument(
        "--only", default="", help="only cases whose name contains this, and no whole workers"
    )
    parser.add_argument("--quick", action="store_true", help="as few of everything as shows that it works")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument(
        "--write", action="store_true", help="write results, chart and docs/performance.md anew"
    )
    parser.add_argument(
        "--workers", type=int, default=3, help="turns of whole workers (default: %(default)s)"
    )
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.calls = 1, 40
    run = measure(options)
    print(text(run))
    if options.json:
        options.json.write_text(json.dumps(run, indent=1) + "\n")
    if options.write:
        publish(run)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return all figures of a run."""
    version = platform.python_version()
    run: dict[str, Any] = {"title": f"Python {version}, {platform.machine()}, {date.today():%Y-%m-%d}"}
    run["python"] = ".".join(version.split(".")[:2])
    cases = [case for case in (*OURS, *REFERENCES, *PEERS) if options.only.lower() in case.name.lower()]
    with tempfile.TemporaryDirectory(prefix="cs-") as name, open_sinks(Path(name)) as sinks:
        runner = Runner(Path(name), sinks, options.calls)
        try:
            begun = runner.start(cases)
            runner.rounds(begun, options.rounds)
        finally:
            runner.close()
        figures = [figure for _, figure in begun]
        if not (options.quick or options.only) and instructions.available():
            count_all(figures, runner.floors, Path(name), sinks)
        run["calls"] = [figure.summary() for figure in figures]
        if not options.only:
            path = sinks["unix"].url.removeprefix("unix://")
            run["footprint"] = footprint(path, 1 if options.quick else 7)
            run["worker"] = [] if options.quick else throughput(path, options.workers, 1000)
    return run


def count_all(figures: list[Figure], floors: dict[str, str], folder: Path, sinks: dict[str, Sink]) -> None:
    """Add the instructions of one call to the figures of the formats."""
    urls = {scheme: sink.url for scheme, sink in sinks.items()}
    wanted = [
        figure for figure in figures if not figure.missing and figure.group in ("formats", "peers", "roads")
    ]
    names = {name for figure in wanted for name in (figure.name, floors[figure.name])}
    with ThreadPoolExecutor(2) as pool:
        counted = dict(
            zip(names, pool.map(lambda name: instructions.count(name, folder, urls), names), strict=True)
        )
    for figure in wanted:
        own, floor = counted[figure.name], counted[floors[figure.name]]
        if own and floor:
            figure.instructions = own / floor


if __name__ == "__main__":
    main()
