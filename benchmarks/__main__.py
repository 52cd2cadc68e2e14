"""``python -m benchmarks``: see docs/performance.md."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from .ours import OURS
from .peers import PEERS, REFERENCES
from .runner import Runner
from .sinks import open_sinks


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    cases = [case for case in (*OURS, *REFERENCES, *PEERS) if options.only in case.name]
    with tempfile.TemporaryDirectory(prefix="cs-") as name, open_sinks(Path(name)) as sinks:
        runner = Runner(Path(name), sinks, options.calls)
        try:
            begun = runner.start(cases)
            runner.rounds(begun, options.rounds)
        finally:
            runner.close()
    for _, figure in begun:
        print(figure.summary())


if __name__ == "__main__":
    main()
