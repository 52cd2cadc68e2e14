"""What the stream tests share: streams in place, real ones made of memory, and the records kept."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from celery_syslog.worker.streams import LogStream, Streams, install_streams


class Keep(logging.Handler):
    """Keeps every record it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Captured:
    """The streams in place, the real ones behind them, and the records that came of them."""

    def __init__(self, out: io.StringIO, err: io.StringIO) -> None:
        self.handler = Keep()
        self.records = self.handler.records
        self.out = out
        self.err = err
        self.streams = self.install()

    def install(self) -> Streams:
        """Put the streams in place, also after somebody took it."""
        return install_streams(reaches=lambda name: logging.getLogger(name).propagate)

    @property
    def lines(self) -> list[str]:
        """The text of the captured records, in order."""
        return [record.getMessage() for record in self.records if record.name == "celery.redirected"]

    @property
    def stdout(self) -> LogStream:
        return self.streams.stdout

    @property
    def stderr(self) -> LogStream:
        return self.streams.stderr


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Captured]:
    """Our streams on sys.stdout and sys.stderr; records of the root logger reach the handler."""
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "__stdout__", out)
    monkeypatch.setattr(sys, "__stderr__", err)
    captured = Captured(out, err)
    yield captured
    captured.streams.remove()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Take stdout and stderr again, which pytest's own capture takes after the fixtures.

    Its log capture is left out: reports hold what it caught, and xdist cannot carry lone surrogates.
    """
    captured = pyfuncitem.funcargs.get("captured")
    if not isinstance(captured, Captured):
        return (yield)
    handlers = logging.getLogger().handlers
    before = handlers[:]
    handlers[:] = [captured.handler]
    captured.install()
    try:
        return (yield)
    finally:
        handlers[:] = before


PRELUDE = """
import json, logging, os, sys
from celery_syslog.worker.streams import install_streams

class Keep(logging.Handler):
    lines = []
    def emit(self, record):
        self.lines.append(record.getMessage())

logging.getLogger().addHandler(Keep())
streams = install_streams(reaches=lambda name: True)
lines = Keep.lines

def answer(value):
    os.write(1, json.dumps(value).encode() + b"\\n")
"""


@pytest.fixture
def in_process() -> Callable[..., Any]:
    """Run code in a new interpreter with our streams in place; return what it gives to answer()."""

    def run(code: str, before: str = "", returncode: int = 0) -> Any:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-X", "dev", "-c", before + PRELUDE + code],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (done.returncode, done.stderr) == (returncode, "")
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        return answers[0] if len(answers) == 1 else answers

    return run
