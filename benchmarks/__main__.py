"""``python -m benchmarks``: CPU time of one log call, ours and the standard library's, over the floor.

The floor is ``Logger.info`` into a handler that only sends ready-made bytes of the same length. All
cases take turns in short rounds of one process, so that a machine whose speed drifts slows all of them
alike; the median of the rounds counts. Nothing is asserted: figures are for reading.
"""

from __future__ import annotations

import argparse
import json
import logging
import logging.handlers
import platform
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from celery_syslog import SyslogHandler, context
from celery_syslog.context import TaskContext

from .collector import collector

TASK_ID = "9a6f5f0c-6f0e-4a8e-8a57-5d1f6a5a9d0e"
TASK = TaskContext(TASK_ID, "proj.add", TASK_ID, None, None, 0, "celery", "celery@host")


_READY = b"x" * 150


class Floor(logging.Handler):
    """Sends the same bytes for every record, without a lock and without looking at it."""

    def __init__(self, path: str) -> None:
        super().__init__()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.connect(path)
        sock.setblocking(False)
        self.socket = sock

    def handle(self, _record: logging.LogRecord) -> bool:
        """Send once, whether the socket has room or not."""
        try:
            self.socket.send(_READY)
        except BlockingIOError:
            return False
        return True


def stock(path: str) -> logging.Handler:
    """The standard library's handler with the format of ours."""
    handler = logging.handlers.SysLogHandler(path)
    handler.setFormatter(logging.Formatter(f"celery[1]: {logging.BASIC_FORMAT}"))
    return handler


#: Name -> what makes the handler, and whether the record is made inside a task.
CASES: dict[str, tuple[Callable[[str], logging.Handler], bool]] = {
    "floor": (Floor, False),
    "SysLogHandler, text": (stock, False),
    "rfc3164": (SyslogHandler, False),
    "rfc3164 in a task": (SyslogHandler, True),
    "rfc5424 in a task": (lambda path: SyslogHandler(path, protocol="rfc5424"), True),
    "json in a task": (lambda path: SyslogHandler(path, format="json"), True),
    "cee in a task": (lambda path: SyslogHandler(path, format="cee"), True),
}


def measure(rounds: int, calls: int) -> dict[str, float]:
    """Return the CPU microseconds of one call in each case."""
    spent: dict[str, list[float]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory(prefix="cs-") as folder, collector(f"{folder}/log"):
        loggers = {}
        for name, (make, _) in CASES.items():
            loggers[name] = logging.Logger("proj.tasks", logging.INFO)
            loggers[name].addHandler(make(f"{folder}/log"))
        for number in range(rounds + 1):
            for name, (_, in_task) in CASES.items():
                context.set_task_provider((lambda: TASK) if in_task else None)
                log = loggers[name].info
                start = time.process_time()
                for count in range(calls):
                    log("adding %s and %s", count, 2)
                if number:  # the first round warms up
                    spent[name].append((time.process_time() - start) / calls * 1e6)
        for logger in loggers.values():
            for handler in logger.handlers:
                handler.close()
    return {name: statistics.median(times) for name, times in spent.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--calls", type=int, default=2000, help="log calls of each case in a round")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    times = measure(options.rounds, options.calls)
    floor = times["floor"]
    print(f"Python {platform.python_version()}, CPU time of one call, median of {options.rounds} rounds\n")
    for name, value in times.items():
        print(f"  {name:22}{value:8.2f} us  {value / floor:6.2f} x floor")
    if options.json:
        options.json.write_text(json.dumps({"python": platform.python_version(), "us": times}, indent=1))


if __name__ == "__main__":
    main()
