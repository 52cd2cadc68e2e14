"""A Celery project whose tasks write the known set of lines; a test's folder holds its ``settings``.

It is only ever imported by worker and beat processes. ``conf`` and ``settings`` are the modules that
``celery_project.Project`` writes into the folder.
"""

from __future__ import annotations

import json
import logging
import logging.config
import os
import signal
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import conf
from celery import Celery, signals
from celery.exceptions import SoftTimeLimitExceeded
from celery.schedules import schedule
from celery.utils.log import get_task_logger

from support.folder import register
from support.known import token

FOLDER = Path(conf.FOLDER)

register()
app = Celery("proj")
app.config_from_object("settings", namespace=conf.NAMESPACE)

if conf.INSTALL in ("call", "both"):
    from celery_syslog import install

    install(app, **conf.OVERRIDES)

task_logger = get_task_logger("proj.tasks")
child_logger = logging.getLogger("proj.tasks.child")
library = logging.getLogger("thirdparty")
hermit = logging.getLogger("hermit")


class SlowFormatter(logging.Formatter):
    """Takes its time, so that nearly every interruption falls inside a handler of the user's."""

    def format(self, record: logging.LogRecord) -> str:
        """Wait before formatting."""
        time.sleep(0.005)
        return super().format(record)


slow = logging.getLogger("slow")
slow.addHandler(logging.StreamHandler(sys.__stderr__))
slow.handlers[0].setFormatter(SlowFormatter())

if conf.LOGGING == "basic":
    logging.basicConfig(level=logging.INFO, format="basic %(message)s")

if conf.LOGGING != "dictConfig":
    hermit.propagate = False
    hermit.setLevel(logging.INFO)
    hermit.addHandler(logging.StreamHandler(sys.__stderr__))


def _custom_logging(**_: Any) -> None:
    stream = {"class": "logging.StreamHandler", "formatter": "plain"}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"plain": {"format": "custom %(message)s"}},
            "handlers": {"root": stream, "hermit": stream},
            "root": {"level": "INFO", "handlers": ["root"]},
            "loggers": {"hermit": {"level": "INFO", "handlers": ["hermit"], "propagate": False}},
        }
    )


if conf.LOGGING == "dictConfig":
    signals.setup_logging.connect(_custom_logging, weak=False)


def _mark(name: str) -> None:
    with (FOLDER / name).open("a") as file:
        file.write(f"{os.getpid()}\n")


def _say_outside_tasks(place: str) -> None:
    library.info(token(f"{place}-log", conf.BOOT))
    print(token(f"{place}-print", conf.BOOT))
    sys.stderr.write(token(f"{place}-stderr", conf.BOOT) + "\n")
    print(token(f"{place}-unfinished", conf.BOOT), end="")


@signals.worker_ready.connect(weak=False)
def _worker_ready(**_: Any) -> None:
    _say_outside_tasks("main")
    _mark("ready")


@signals.worker_process_init.connect(weak=False)
def _child_started(**_: Any) -> None:
    _mark("children")


@signals.beat_init.connect(weak=False)
def _beat_init(**_: Any) -> None:
    _mark("beat")


@signals.task_postrun.connect(weak=False)
def _keep_result(task_id: str, retval: Any = None, state: str = "", **_: Any) -> None:
    """Keep the result in a file that appears whole, which Celery's own file backend does not promise."""
    part = FOLDER / "results" / f".{task_id}"
    part.write_text(json.dumps({"state": state, "result": retval, "pid": os.getpid()}, default=repr))
    part.replace(FOLDER / "results" / task_id)


class Once(schedule):
    """Due until it has run and never again, so that each of beat's lines is expected once."""

    created: Any = None

    def is_due(self, last_run_at: Any) -> tuple[bool, float]:
        """Tell beat's lines too: this runs in its loop, more than once before the task is sent."""
        if Once.created is None:
            Once.created = last_run_at
            _say_outside_tasks("beat")
        due = bool(last_run_at == Once.created)
        if not due:
            _mark("asleep")
        return due, 0.5


if conf.SCHEDULE:
    app.conf.beat_schedule = {token("beat-entry", conf.BOOT): {"task": "proj.emit", "schedule": Once(1)}}
    app.conf.beat_schedule[token("beat-entry", conf.BOOT)]["args"] = [conf.SCHEDULE]


@app.task(name="proj.emit")
def emit(run: str) -> int:
    """Write every line of the known set once; return the process id."""
    _log(run)
    _print(run)
    return os.getpid()


def _log(run: str) -> None:
    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(task_logger, level)(token(f"task-{level}", run))
        getattr(library, level)("%s", token(f"library-{level}", run))
    task_logger.log(25, token("task-notice", run))
    child_logger.info(token("task-child", run))
    logging.getLogger("celery.somewhere").info(token("celery-logger", run))
    hermit.info(token("hermit", run))
    warnings.warn(token("warning", run), stacklevel=2)
    try:
        raise KeyError("a library's own trouble")
    except KeyError:
        library.exception(token("library-traceback", run))
    thread = threading.Thread(target=library.info, args=(token("thread", run),))
    thread.start()
    thread.join()


def _print(run: str) -> None:
    print(token("print", run))
    print("several", token("print-several", run), 1)
    for piece in (token("print-pieces", run)[:5], token("print-pieces", run)[5:], "\n"):
        sys.stdout.write(piece)
    sys.stderr.write(token("stderr", run) + "\n")
    print(token("print-unfinished", run), end="")


@app.task(name="proj.fail")
def fail(run: str) -> None:
    """Raise, so that Celery logs a traceback."""
    raise ValueError(token("raised", run))


@app.task(name="proj.note")
def note(run: str) -> int:
    """Write one line."""
    task_logger.info(token("note", run))
    return os.getpid()


@app.task(name="proj.die")
def die(run: str) -> None:
    """Write one line and be killed at once, as the kernel does when memory runs out.

    A file keeps who was killed: Celery may run a task again whose child died too early to say so.
    """
    with (FOLDER / "killed").open("a") as file:
        file.write(f"{run} {os.getpid()}\n")
    task_logger.info(token("last-words", run))
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="proj.loop")
def loop(how: str, run: str, seconds: float) -> str:
    """Write lines without a pause until the soft limit comes; tell whether it did."""
    ways = {"log": task_logger.info, "print": print, "library": library.info, "slow": slow.info}
    write = ways[how]
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            write(token(f"loop-{how}", run))
    except SoftTimeLimitExceeded:
        return "caught"
    return "swallowed"
