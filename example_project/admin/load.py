"""The example at work: a worker, and a sender that keeps it busy, so that there is something to see."""

import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from celery import Celery
from kombu import Exchange, Queue

from celery_syslog import SyslogReceiver

from ..worker import Worker

__all__ = ["QUEUE", "busy"]

#: The queue of the tasks, and the tag of the worker's lines.
QUEUE = "example"

#: Tasks a second on average, and how many come at once every now and then: more than the worker can take.
RATE, BURST = 25, 2500


@contextmanager
def busy(broker: str) -> Iterator[SyslogReceiver]:
    """Keep a worker at work on a broker while the block lasts; yields the receiver that hears its lines."""
    folder = tempfile.TemporaryDirectory(prefix="celery-syslog-")
    with folder as place, SyslogReceiver("unix://") as receiver:
        os.environ |= {
            "EXAMPLE_FOLDER": place,
            "EXAMPLE_BROKER": broker,
            "EXAMPLE_SYSLOG": receiver.url,
            "EXAMPLE_IDENT": QUEUE,
            "EXAMPLE_SET": json.dumps({"task_ignore_result": True}),
        }
        stop = threading.Event()
        sender = threading.Thread(target=_send, args=(broker, stop))
        with Worker(Path(place)) as worker:
            while not worker.ready():
                worker.check()
                time.sleep(0.1)
            sender.start()
            try:
                yield receiver
            finally:
                stop.set()
                sender.join()


def _send(broker: str, stop: threading.Event) -> None:
    """Send tasks until told to stop, on one connection: by name, as a program without the tasks would."""
    number, queue = (
        0,
        Queue(QUEUE, Exchange(QUEUE, auto_delete=True), QUEUE, expires=300.0),
    )  # as in config.py
    app = Celery("sender", broker=broker, set_as_current=False)
    with app, app.connection_for_write() as connection, connection.Producer() as producer:
        while not stop.wait(random.expovariate(RATE)):
            for _ in range(BURST if number % 250 == 100 else 1):
                app.send_task("example_project.tasks.add", (number, 1), queue=queue, producer=producer)
            number += 1
