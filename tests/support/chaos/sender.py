"""A program that logs: processes, threads or greenlets that count and time every call they make.

Run with one argument, a ``Plan`` as JSON. Every child notes in a shared file how many of its log calls
have returned, so that the count survives a SIGKILL, and leaves its measurements in ``out/``.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import mmap
import os
import random
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["MOST_LANES", "Plan"]

#: Lanes (a thread or greenlet of a process) that the shared file has room for.
MOST_LANES = 65536


class Plan(NamedTuple):
    """What to do. ``kind`` is "package" or "stdlib"."""

    kind: str
    path: str
    out: str
    settings: dict[str, Any] = {}
    processes: int = 1
    threads: int = 1
    greenlets: int = 0
    records: int = 10**9  # a lane logs this many,
    seconds: float = 10**9  # or for this long,
    rest: float = 0.0  # with this pause after each,
    generations: int = 1  # and then its process is replaced, this many times in all
    first: int = 0  # number of the first lane
    recursion: bool = False
    file_limit: int = 0  # bytes a file may have, as if the disk were full then
    end: str = "os._exit"
    flush: float = 60.0


class Silent(logging.handlers.SysLogHandler):
    """The standard library's handler without its words on stderr."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Lose the record, as logging.raiseExceptions = False would."""


class Recursive:
    """An argument whose text takes a log call to make."""

    def __str__(self) -> str:
        logging.getLogger("inner").debug("asked for its text")
        return "end"


def make_handler(plan: Plan) -> logging.Handler:
    """Return the handler of the plan, formatting the bare message."""
    if plan.kind == "stdlib":
        handler: logging.Handler = Silent(address=plan.path)
        handler.setFormatter(logging.Formatter("%(message)s"))
        return handler
    from celery_syslog import SyslogHandler

    return SyslogHandler(plan.path, **{"format": "%(message)s", **plan.settings})


class Lane:
    """One sequence of log calls: ``c<lane> n<number> end``."""

    def __init__(self, plan: Plan, number: int, returned: memoryview) -> None:
        self.plan = plan
        self.number = number
        self.returned = returned
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def run(self) -> None:
        """Log as the plan says."""
        plan, number = self.plan, self.number
        log = logging.getLogger("chaos")
        last = Recursive() if plan.recursion else "end"
        end = time.monotonic() + plan.seconds
        for count in range(plan.records):
            cpu, wall = time.thread_time(), time.perf_counter()
            log.info("c%d n%d %s", number, count, last)
            self.wall.append(time.perf_counter() - wall)
            self.cpu.append(time.thread_time() - cpu)
            self.returned[number] = count + 1
            if plan.rest:
                time.sleep(plan.rest * random.uniform(0.5, 1.5))
            if time.monotonic() > end:
                break


def work(plan: Plan, first: int, returned: memoryview, handler: logging.Handler) -> None:
    """Run the lanes of one process and leave what they measured."""
    count = plan.greenlets or plan.threads
    lanes = [Lane(plan, first + index, returned) for index in range(count)]
    if count == 1:
        lanes[0].run()
    else:
        # With greenlets these are some: gevent has patched threading.
        threads = [threading.Thread(target=lane.run) for lane in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    flush = getattr(handler, "delivery", handler).flush
    flush(plan.flush) if plan.kind == "package" else flush()
    wall = sorted(value for lane in lanes for value in lane.wall)
    later = sorted(value for lane in lanes for value in lane.cpu[1:])
    counters = handler.delivery.counters.snapshot() if plan.kind == "package" else {}
    found = {
        "longest": wall[-1],
        "waits": sum(value > 0.01 for value in wall),
        "cpu999": later[int(len(later) * 0.999)] if later else 0.0,
        "counters": counters,
        "threads": len(os.listdir("/proc/self/task")),
    }
    Path(plan.out, f"{first}.json").write_text(json.dumps(found))


def metronome(out: str) -> None:
    """Note how late this machine wakes a process that does nothing, until killed."""
    worst = 0.0
    file = Path(out, "noise")
    while True:
        before = time.perf_counter()
        time.sleep(0.001)
        late = time.perf_counter() - before - 0.001
        if late > worst:
            worst = late
            file.write_text(str(worst))


def fork(run: Any, *arguments: Any, end: str = "os._exit") -> int:
    """Run something in a child that ends as ``end`` says; return its pid."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        run(*arguments)
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    finally:
        sys.stderr.flush()
        if end == "os._exit" or status:
            os._exit(status)
    if end.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, end))
        time.sleep(60)
    if end == "exception":
        raise RuntimeError("this is how it ends")
    sys.exit(0)


def main(plan: Plan) -> None:
    """Set up logging as a Celery worker's main process does, then fork."""
    if plan.greenlets:
        from gevent import monkey

        monkey.patch_all()
    with open(Path(plan.out, "returned"), "w+b") as file:
        file.truncate(MOST_LANES * 8)
        returned = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")
    if plan.file_limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (plan.file_limit, plan.file_limit))
    handler = make_handler(plan)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO if not plan.recursion else logging.DEBUG)
    noise = fork(metronome, plan.out)
    lanes = plan.greenlets or plan.threads
    first = plan.first
    running: list[int] = []
    print("ready", flush=True)
    for _ in range(plan.generations * plan.processes):
        running.append(fork(work, plan, first, returned, handler, end=plan.end))
        first += lanes
        if len(running) == plan.processes:
            os.waitpid(running.pop(0), 0)
    for pid in running:
        os.waitpid(pid, 0)
    os.kill(noise, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main(Plan(**json.loads(sys.argv[1])))
