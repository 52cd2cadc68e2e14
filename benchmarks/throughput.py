"""A whole prefork worker: tasks of 0, 10 and 100 lines, with syslog and logging nowhere."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["LINES", "throughput"]

LINES = (0, 10, 100)

# The worker publishes to itself: the broker is a list in its main process, the tasks run in its children.
_APP = """
import logging, os, sys, time
from celery import Celery, signals
from celery.utils.log import get_task_logger
count, lines, url = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
app = Celery("bench", broker="memory://")
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False, worker_prefetch_multiplier=32,
                syslog_url=url, syslog_console=False, worker_redirect_stdouts=False)
log = get_task_logger("bench.tasks")
if url:
    from celery_syslog import install
    install(app)
else:
    @signals.setup_logging.connect
    def nowhere(**_):
        logging.getLogger().addHandler(logging.NullHandler())
        logging.getLogger().setLevel(logging.INFO)
        logging.getLogger("celery.task").propagate = False
        logging.getLogger("celery.task").addHandler(logging.NullHandler())
@app.task(name="bench.work")
def work(lines):
    for number in range(lines):
        log.info("step %s of %s", number, lines)
@app.task(name="bench.last")
def last():
    pass
@signals.worker_ready.connect
def begin(sender, **_):
    import threading
    def publish():
        from celery.worker import state
        for _ in range(50):
            work.delay(lines)
        while sum(state.total_count.values()) < 50 or state.active_requests: time.sleep(0.005)
        before, start = spent(), time.perf_counter()
        for _ in range(count):
            work.delay(lines)
        while sum(state.total_count.values()) < 50 + count or state.active_requests: time.sleep(0.005)
        print((spent() - before) / count * 1e6, (time.perf_counter() - start) / count * 1e6, flush=True)
        os._exit(0)
    threading.Thread(target=publish, daemon=True).start()
def spent():
    # Seconds of this process's threads and its children's; the clock ticks of /proc/PID/stat are too coarse.
    total = 0
    for pid in [os.getpid(), *children()]:
        for thread in os.listdir(f"/proc/{pid}/task"):
            try:
                total += int(open(f"/proc/{pid}/task/{thread}/schedstat").read().split()[0])
            except OSError:
                pass  # it has ended
    return total / 1e9
def children():
    return [int(pid) for pid in open(f"/proc/self/task/{os.getpid()}/children").read().split()]
app.worker_main(["worker", "-P", "prefork", "-c", "1", "-l", "INFO", "--without-mingle", "--without-gossip",
                 "--without-heartbeat"])
"""


def _once(folder: Path, count: int, lines: int, path: str) -> tuple[float, float]:
    """Return the processor's and the clock's microseconds of one task."""
    script = folder / "bench.py"
    script.write_text(_APP)
    command = [sys.executable, str(script), str(count), str(lines), path]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, cwd=folder)
    if not result.stdout.strip():
        raise RuntimeError(result.stderr[-2000:])
    cpu, wall = result.stdout.split()[-2:]
    return float(cpu), float(wall)


def throughput(path: str, rounds: int, count: int) -> list[dict[str, object]]:
    """Return for each number of lines what a task costs, with syslog and without, taking turns."""
    if not Path("/proc/self/task").exists() or not Path("/proc/self/schedstat").exists():
        return []
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="cs-") as name:
        for lines in LINES:
            shares, found = [], {"": [], path: []}  # type: ignore[var-annotated]
            for number in range(rounds):
                for url in ("", path) if number % 2 else (path, ""):
                    found[url].append(_once(Path(name), count, lines, url))
                shares.append(found[""][-1][0] / found[path][-1][0])
            row: dict[str, object] = {
                "name": f"{lines} lines a task",
                "share": round(statistics.median(shares), 3),
            }
            for label, url in (("nowhere", ""), ("syslog", path)):
                row[f"{label}_cpu_us"] = round(statistics.median(cpu for cpu, _ in found[url]), 1)
                row[f"{label}_tasks_per_s"] = round(1e6 / statistics.median(wall for _, wall in found[url]))
            rows.append({**row, "goal": 0.97} if lines == 10 else row)
    return rows
