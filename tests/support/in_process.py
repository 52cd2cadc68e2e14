"""Run Celery's own test workers one after the other in this process; test_in_process starts it."""

from __future__ import annotations

import logging

from celery.contrib.testing.worker import start_worker

from celery_syslog import uninstall
from support.known import token
from support.project import FOLDER, app, emit
from support.waiting import wait_until

library = logging.getLogger("thirdparty")


def main() -> None:
    """Run a task in each of two workers, then undo the installation and log once more."""
    for run, pool in (("first", "solo"), ("second", "threads")):
        with start_worker(app, pool=pool, perform_ping_check=False, loglevel="INFO", shutdown_timeout=60):
            task_id = emit.delay(run).id
            wait_until((FOLDER / "results" / task_id).exists, f"task {run}")
            (FOLDER / f"{run}.id").write_text(task_id)
    library.error(token("between", "x"))
    uninstall(app)
    library.error(token("after-uninstall", "x"))
    print(token("print-after-uninstall", "x"))


main()
