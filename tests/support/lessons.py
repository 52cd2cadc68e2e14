"""The AMQP lessons as a user starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["SECONDS", "run", "start", "succeed"]

ROOT = Path(__file__).resolve().parents[2]

#: Seconds in which lessons end; far above what any takes.
SECONDS = 200


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start ``python -m example_project.amqp``."""
    return subprocess.Popen(
        [sys.executable, "-m", "example_project.amqp", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str) -> tuple[int, str, str]:
    """Run it to its end; return exit status, stdout and stderr."""
    with start(*arguments) as process:
        out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out, err


def succeed(*arguments: str) -> str:
    """Run it, expect that all it claims happens, and return what it printed."""
    status, out, err = run(*arguments)
    assert (status, err) == (0, ""), out + err
    return out
