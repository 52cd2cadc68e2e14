"""What the package costs before it has sent anything: import time, ``celery --help``, memory of a child."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

__all__ = ["footprint"]

_CHILD = """
import gc, logging, os, sys
{setup}
log = logging.getLogger("shop")
log.setLevel(logging.INFO)
log.propagate = False
handler = {handler}
log.addHandler(handler)
log.info("before the fork")
gc.collect()
if os.fork() == 0:
    for number in range(1000):
        log.info("line %s", number)
    text = open("/proc/self/smaps_rollup").read()
    print(sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_")))
    sys.stdout.flush()
    os._exit(0)
os.wait()
"""


def _seconds(command: list[str], rounds: int, **environment: str) -> float:
    """Return the processor time of a command, the median of some rounds, in seconds."""
    found = []
    for _ in range(rounds):
        before = os.times()
        subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=True)
        after = os.times()
        found.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    return statistics.median(found)


def _ticks(code: str, rounds: int) -> float:
    """Return the milliseconds that code takes in a fresh interpreter, measured inside it."""
    timed = f"import time; start = time.process_time_ns(); {code}; print(time.process_time_ns() - start)"
    outputs = [
        subprocess.run([sys.executable, "-c", timed], capture_output=True, check=True).stdout
        for _ in range(rounds)
    ]
    return statistics.median(map(int, outputs)) / 1e6


def _private(setup: str, handler: str) -> int:
    """Return the KiB of memory that a forked child has for itself after a thousand lines."""
    code = _CHILD.format(setup=setup, handler=handler)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(result.stdout)


def footprint(path: str, rounds: int) -> list[dict[str, object]]:
    """Return the figures; ``path`` is a socket that takes datagrams."""
    names = "from celery_syslog import SyslogHandler, bind, install, uninstall"
    rows: list[dict[str, object]] = [
        {
            "name": "import celery_syslog",
            "value": _ticks("import celery_syslog", rounds),
            "unit": "ms",
            "goal": 15,
        },
        {
            "name": "import of all its names, over logging's",
            "unit": "ms",
            "goal": 15,
            "value": _ticks(f"import logging; start = time.process_time_ns(); {names}", rounds),
        },
    ]
    if sys.platform == "linux":
        null = _private("", "logging.NullHandler()")
        ours = _private("from celery_syslog import SyslogHandler", f"SyslogHandler({path!r})")
        rows.append(
            {
                "name": "memory of a child over one with NullHandler",
                "value": (ours - null) / 1024,
                "unit": "MiB",
                "goal": 2,
            }
        )
    help_ = [sys.executable, "-m", "celery", "--help"]
    hidden = [sys.executable, "-c", _WITHOUT]
    rows.append(
        {
            "name": "celery --help over one without our command",
            "unit": "ms",
            "goal": 10,
            "value": (_seconds(help_, rounds) - _seconds(hidden, rounds)) * 1000,
        }
    )
    return [{**row, "value": round(float(str(row["value"])), 2)} for row in rows]


#: ``celery --help`` that does not see the entry point of this package.
_WITHOUT = """
import importlib.metadata as metadata, sys
found = metadata.entry_points
def entry_points(**wanted):
    return [point for point in found(**wanted) if not point.value.startswith("celery_syslog")]
metadata.entry_points = entry_points
sys.argv = ["celery", "--help"]
from celery.__main__ import main
main()
"""
