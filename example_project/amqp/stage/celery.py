"""Celery for a lesson: an app that sends tasks, and a worker, in a process of its own, that runs them."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery

from ...worker import Worker, WorkerFailed
from .stage import Failed, Stage

__all__ = ["make_app", "working"]


def make_app(stage: Stage, **settings: Any) -> Celery:
    """Return an app on the stage's broker: queue and event exchange have names of this run alone."""
    name, events = stage.name("celery"), stage.name("celeryev")
    settings |= {
        "broker_url": stage.url,
        "broker_connection_retry_on_startup": True,
        "task_default_queue": name,
        "event_exchange": events,
        "worker_enable_remote_control": False,  # it would leave its exchanges on the broker
        "result_chord_retry_interval": 0.1,
        "syslog_url": stage.syslog,
        "syslog_ident": name,
    }
    os.environ["LESSON_SETTINGS"] = json.dumps(settings)  # app.py reads it, in the worker
    # The worker declares these, on a connection of its own.
    stage.leftovers += [("queue", name), ("exchange", name), ("exchange", events)]
    app = Celery("lessons", set_as_current=False)
    app.conf.update(settings)
    stage.undo.append(lambda: _close(app))
    return app


def _close(app: Celery) -> None:
    """Close what Celery keeps open for a next call: its pool of connections, and the one for results."""
    results: Any = getattr(app.backend, "result_consumer", None)
    if getattr(results, "_connection", None) is not None:  # stop() takes for granted that it has begun
        results.stop()
    app.pool.force_close_all()
    app.close()


@contextmanager
def working(stage: Stage, *options: str) -> Iterator[None]:
    """Have a worker for the app that was made last: ready inside, stopped warmly afterwards."""
    stage.say("  worker  celery -A example_project.amqp.app worker --pool threads %s", " ".join(options))
    options = ("--hostname", "lesson@%h", "--pool", "threads", *options)
    worker = Worker(stage.folder, "example_project.amqp.app", options)

    def ready() -> bool:
        worker.check()
        return worker.ready()

    try:
        with worker:
            stage.wait(ready, "the worker is ready")
            yield
    except WorkerFailed as error:
        raise Failed(f"{error}: {worker.log.read_text(errors='replace')[-2000:]}") from None
