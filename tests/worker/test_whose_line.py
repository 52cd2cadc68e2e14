"""Whose line it is: fields that travel with messages, and the task of a process that died."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.inbox import Inbox
from support.process import environment
from support.waiting import short_folder

PROJECT = """
import logging, os
from celery import Celery
from celery_syslog import bind, install

app = Celery("proj", broker="filesystem://")
app.conf.broker_transport_options = {{
    "data_folder_in": "{folder}/queue", "data_folder_out": "{folder}/queue", "polling_interval": 0.05,
}}
app.conf.update(
    syslog_url="{url}", syslog_format="json", syslog_propagate={propagate}, task_ignore_result=True,
)
install(app)
log = logging.getLogger("library")

@app.task
def first(number):
    with bind(inner=number):
        last.delay()
    log.info("first")

@app.task
def last():
    log.info("last")

@app.task
def die():
    log.info("dying")
    os.kill(os.getpid(), 9)

def publish():
    with bind(order=7, what={{1, 2}}.__class__):
        first.delay(3)
    die.delay()
"""


@pytest.fixture(params=[True, False], ids=["propagate", "stay"])
def propagate(request: pytest.FixtureRequest) -> bool:
    """Whether syslog_propagate is on."""
    return bool(request.param)


@pytest.fixture
def running(collector: Inbox, propagate: bool) -> Iterator[Path]:
    """A worker with two children, and the folder of its project."""
    with short_folder() as folder:
        (folder / "queue").mkdir()
        text = PROJECT.format(folder=folder, url=collector.url, propagate=propagate)
        (folder / "proj.py").write_text(text)
        env = environment(folder)
        with (folder / "console").open("w") as console:
            worker = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "proj", "worker", "-l", "INFO", "-c", "2"],
                cwd=folder,
                env=env,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        try:
            collector.receiver.wait_for(lambda line: line.message.endswith("ready."), timeout=60)
            code = "import proj; proj.publish()"
            subprocess.run([sys.executable, "-c", code], cwd=folder, env=env, check=True)
            yield folder
        finally:
            worker.terminate()
            worker.wait(60)


def test_fields_and_tasks(running: Path, collector: Inbox, propagate: bool) -> None:
    """Bound fields go down the chain of tasks only if asked; a killed child's line names its task."""
    wait = collector.receiver.wait_for
    exited = wait(lambda line: "exited with" in line.message, timeout=60)
    dying = wait(lambda line: line.message == "dying", timeout=60)
    assert exited.event == "lost"
    assert exited.task_id == dying.task_id
    assert exited.task_name == "proj.die"
    first = wait(lambda line: line.message == "first", timeout=60)
    last = wait(lambda line: line.message == "last", timeout=60)
    assert first.param("order") == (7 if propagate else None)
    assert first.param("what") == ("<class 'set'>" if propagate else None)
    assert last.param("order") == (7 if propagate else None)
    assert last.param("inner") == (3 if propagate else None)
    assert first.param("inner") is None
    assert dying.param("order") is None
    assert last.param("root_id") == first.task_id
    assert last.param("parent_id") == first.task_id
