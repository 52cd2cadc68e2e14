"""Instructions of one call, counted by valgrind: a figure that no other load on the machine changes.

What the kernel does is not counted, so a handler that makes fewer system calls gets no credit for it here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["available", "count", "serve"]

_CALLS = 200


def available() -> bool:
    """Tell whether valgrind is there."""
    return shutil.which("valgrind") is not None


def count(name: str, folder: Path, urls: dict[str, str]) -> float | None:
    """Return the instructions of one call of a case, None when valgrind does not get through."""
    files = folder / f"counts-{abs(hash(name))}"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={files}", "--dump-before=sched_yield"]
    command += [sys.executable, "-m", "benchmarks.case", "--count", name, str(folder), "300"]
    command += [f"{scheme}={url}" for scheme, url in urls.items()]
    try:
        subprocess.run(
            command, capture_output=True, timeout=120, check=False, env={**os.environ, "PYTHONHASHSEED": "0"}
        )
        found = re.search(r"^(?:totals|summary): (\d+)", Path(f"{files}.3").read_text(), re.MULTILINE)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return int(found[1]) / _CALLS if found else None


def serve(name: str, folder: Path, urls: dict[str, str], length: int) -> None:
    """Be the counted process: the marks are calls that nothing else makes."""
    from .cases import Place
    from .runner import find

    place = Place(folder, urls, length)
    run = find(name).prepare(place)
    for calls in (64, _CALLS):
        os.sched_yield()
        for _ in range(calls // 8):
            run(8)
            place.drain()
    os.sched_yield()
    os._exit(0)
