"""Celery's own lines: what each is about, whichever way Celery tells it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from celery.app import trace
from celery.exceptions import Ignore, Reject
from celery.worker import request as worker_request
from celery.worker.consumer import consumer
from records import NAME, PEN, TASK_ID, encoder, in_task, one, raised, record, task

from celery_syslog import events
from celery_syslog.context import TaskContext
from celery_syslog.events import event_of

TCP = "tcp://127.0.0.1:1"
SECRET = "hunter2"
DATA = {"id": TASK_ID, "name": NAME, "args": f"('{SECRET}',)", "kwargs": f"{{'k': '{SECRET}'}}"}
FAILED = {
    **DATA,
    "hostname": "celery@web1",
    "exc": "ValueError('bad')",
    "traceback": "...",
    "internal": False,
}


def line(logger: str, message: str, *args: Any, data: Any = None, **attributes: Any) -> logging.LogRecord:
    """A line of Celery's own."""
    extra = {} if data is None else {"data": data}
    return record(message, *([data] if data is not None else args), name=logger, **extra, **attributes)


def traced(message: str, **data: Any) -> logging.LogRecord:
    """A line of celery.app.trace."""
    return line("celery.app.trace", message, data=data)


CASES = {
    "received": (line("celery.worker.strategy", trace.LOG_RECEIVED, data={**DATA, "eta": None}), "received"),
    "succeeded": (traced(trace.LOG_SUCCESS, **DATA, return_value="3", runtime=0.5), "succeeded"),
    "failed": (traced(trace.LOG_FAILURE, **FAILED, description="raised unexpected"), "failed"),
    "expected": (traced(trace.LOG_FAILURE, **FAILED, description="raised expected"), "failed"),
    "internal": (traced(trace.LOG_INTERNAL_ERROR, **FAILED, description="INTERNAL ERROR"), "failed"),
    "ignored": (traced(trace.LOG_IGNORED, **FAILED, description="ignored"), "ignored"),
    "rejected": (traced(trace.LOG_REJECTED, **FAILED, description="rejected"), "rejected"),
    "retry": (traced(trace.LOG_RETRY, id=TASK_ID, name=NAME, exc="Retry in 1s"), "retry"),
    "deduplicated": (
        traced(trace.LOG_IGNORED, id=TASK_ID, name=NAME, description="Task already completed successfully."),
        "ignored",
    ),
    "started": (line("celery.worker.request", "Task accepted: %s[%s] pid:%r", NAME, TASK_ID, 7), "started"),
    "soft limit": (
        line("celery.worker.request", "Soft time limit (%ss) exceeded for %s[%s]", 3, NAME, TASK_ID),
        "timeout",
    ),
    "hard limit": (
        line("celery.worker.request", "Hard time limit (%ss) exceeded for %s[%s]", 3, NAME, TASK_ID),
        "timeout",
    ),
    "revoked": (line("celery.worker.request", "Discarding revoked task: %s[%s]", NAME, TASK_ID), "revoked"),
    "revoked by header": (
        line(
            "celery.worker.request", "Discarding revoked task: %s[%s] (revoked by header: {})", NAME, TASK_ID
        ),
        "revoked",
    ),
    "lost after success": (
        line(
            "celery.worker.request", "Task %s[%s] succeeded before the worker was lost: %r", NAME, TASK_ID, 1
        ),
        "succeeded",
    ),
    "lost and not retried": (
        line(
            "celery.worker.request", "Failed to retry task %s[%s] after worker was lost: %r", NAME, TASK_ID, 1
        ),
        "lost",
    ),
    "lost and retried": (line("celery.worker.request", "Task %s[%s] retry: %s", NAME, TASK_ID, "x"), "retry"),
    "handler": (
        line("celery.app.trace", "Task %s[%s] on_success handler raised: %r", NAME, TASK_ID, "x"),
        None,
    ),
    "unregistered": (
        line(
            *(
                "celery.worker.consumer.consumer",
                consumer.UNKNOWN_TASK_ERROR,
                KeyError(NAME),
                f"[['{SECRET}']]",
            ),
            *(
                {"id": TASK_ID, "task": NAME, "argsrepr": f"('{SECRET}',)", "kwargsrepr": "{}"},
                {"exchange": ""},
            ),
        ),
        "rejected",
    ),
    "bad eta": (
        line(
            *("celery.worker.strategy", "Couldn't convert ETA %r to timestamp: %r. Task: %r", 1, "x"),
            {**DATA, "type": "t"},
        ),
        None,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_event_and_task(name: str) -> None:
    """Each line tells its event and the task it is about, in structured data and in JSON."""
    made, event = CASES[name]
    message = one(made, url=TCP)
    fields = one(made, format="json").fields
    assert message.event == event
    assert fields.get("event") == event
    for found in (message.structured_data[PEN], fields):
        assert (found["task_id"], found["task_name"]) == (TASK_ID, NAME)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("settings", [{}, {"url": TCP}, {"format": "json"}, {"format": "cee", "url": TCP}])
def test_task_data_is_hidden(name: str, settings: dict[str, Any]) -> None:
    """Arguments and return values of tasks are nowhere in a message unless asked for."""
    made, _ = CASES[name]
    message = one(made, **settings)
    assert SECRET not in message.raw.decode()
    assert "data" not in message.fields
    assert "args" not in message.fields


def test_return_value() -> None:
    """A return value is masked in Celery's own text too; None tells nothing and stays."""
    secret = traced(trace.LOG_SUCCESS, **DATA, return_value=f"'{SECRET}'", runtime=0.5)
    nothing = traced(trace.LOG_SUCCESS, **DATA, return_value="None", runtime=0.5)
    assert one(secret, format="%(message)s").msg == f"Task {NAME}[{TASK_ID}] succeeded in 0.5s: ***"
    assert one(nothing, format="%(message)s").msg == f"Task {NAME}[{TASK_ID}] succeeded in 0.5s: None"
    assert secret.getMessage().endswith(SECRET + "'")


@pytest.mark.parametrize("text", ["%(message)s", "%(args)s %(data)s %(message)s"])
def test_task_data_is_hidden_from_formatters(text: str) -> None:
    """A formatter of the user's is not shown task data either, nor does a format find it by name."""
    made = traced(trace.LOG_SUCCESS, **DATA, return_value=f"'{SECRET}'", runtime=0.5)
    encode = encoder()
    encode.formatter = logging.Formatter(text)
    assert SECRET not in encode(made)[0].decode()
    assert SECRET not in one(made, format=text).msg


def test_task_data_if_asked() -> None:
    """With syslog_task_data arguments and return value are fields, and stand in the text."""
    made = traced(trace.LOG_SUCCESS, **DATA, return_value=f"'{SECRET}'", runtime=0.5)
    found = one(made, url=TCP, task_data=True)
    fields = one(made, format="json", task_data=True).fields
    for params in (found.structured_data[PEN], fields):
        assert params["return_value"] == f"'{SECRET}'"
        assert params["args"] == DATA["args"]
        assert params["kwargs"] == DATA["kwargs"]
    assert found.msg.endswith(f"succeeded in 0.5s: '{SECRET}'")


def test_runtime() -> None:
    """The runtime is a field: a number in JSON."""
    made = traced(trace.LOG_SUCCESS, **DATA, return_value="3", runtime=0.5)
    assert one(made, url=TCP).structured_data[PEN]["runtime"] == "0.5"
    assert one(made, format="json").fields["runtime"] == 0.5
    assert "runtime" not in one(made, format="json", context=False).fields


def test_inside_the_task() -> None:
    """In the child the line is logged in the task itself, and has all its fields."""
    made = traced(trace.LOG_SUCCESS, **DATA, return_value="3", runtime=0.5)
    with in_task(task(queue="mail")):
        found = one(made, url=TCP).structured_data[PEN]
    assert (found["task_id"], found["queue"], found["runtime"]) == (TASK_ID, "mail", "0.5")


def test_about_another_task() -> None:
    """A line about another task than the one that runs has that task's fields and no others."""
    made = line("celery.worker.strategy", trace.LOG_RECEIVED, data={**DATA, "eta": None})
    with in_task(task(task_id="other", queue="mail")):
        found = one(made, url=TCP).structured_data[PEN]
    assert found == {"task_id": TASK_ID, "task_name": NAME}


def test_format_that_names_the_task() -> None:
    """A text format that names the task has it for lines of the main process as well."""
    made = line("celery.worker.strategy", trace.LOG_RECEIVED, data={**DATA, "eta": None})
    assert one(made, format="%(task_id)s %(task_name)s %(event)s").msg == f"{TASK_ID} {NAME} received"


def test_changed_templates() -> None:
    """Users replace celery.app.trace's templates; the event is read off the data, not the text."""
    made = traced("done: %(name)s", **DATA, return_value="3", runtime=0.5)
    found = event_of(made)
    assert found is not None
    assert found.event == "succeeded"


class WorkerLostError(Exception):
    """Stands for billiard's."""


class TimeLimitExceeded(Exception):
    """Stands for billiard's."""


@pytest.mark.parametrize(
    ("error", "event"),
    [(WorkerLostError("x"), "lost"), (TimeLimitExceeded(1), "timeout"), (ValueError("x"), "failed")],
)
def test_lost_worker(error: Exception, event: str) -> None:
    """Of a task that took its process along, Celery's line has no id; it is the request being failed."""

    class Fake:
        id, name = TASK_ID, NAME
        found: Any = None

    code = compile(
        "def on_failure(self, error, line, look):\n"
        "    self.found = look(line('celery.worker.request', 'Task handler raised error: %r', error))\n",
        "request.py",
        "exec",
    )
    names: dict[str, Any] = {"__name__": "celery.worker.request"}
    exec(code, names)
    fake = Fake()
    names["on_failure"](fake, error, line, event_of)
    assert fake.found.event == event
    assert (fake.found.task.task_id, fake.found.task.task_name) == (TASK_ID, NAME)


def test_lost_worker_of_celery_itself(caplog: pytest.LogCaptureFixture) -> None:
    """The same through Celery's own Request.on_failure."""
    app = Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)

    @app.task(name=NAME)
    def pay() -> None: ...

    seen: list[Any] = []

    class Handler(logging.Handler):
        def emit(self, made: logging.LogRecord) -> None:
            seen.append(event_of(made))

    class Message:
        headers = {"id": TASK_ID, "task": NAME, "argsrepr": "()", "kwargsrepr": "{}"}
        properties: dict[str, Any] = {}
        delivery_info: dict[str, Any] = {}
        content_type, content_encoding = "application/json", "utf-8"
        payload = body = ((), {}, {})
        delivery_tag = "1"

        def ack_log_error(self, *_: Any, **__: Any) -> None: ...

        reject_log_error = ack_log_error

    made = worker_request.Request(Message(), app=app, task=pay, decoded=True)
    handler = Handler()
    worker_request.logger.addHandler(handler)
    try:
        from billiard.einfo import ExceptionInfo
        from billiard.exceptions import WorkerLostError

        info = raised(WorkerLostError("signal 9"))
        made.on_failure(ExceptionInfo(info), return_ok=False)
    finally:
        worker_request.logger.removeHandler(handler)
    found = [event for event in seen if event is not None]
    assert [(event.event, event.task.task_id, event.task.task_name) for event in found] == [
        ("lost", TASK_ID, NAME)
    ]


@pytest.fixture
def process_tasks() -> Iterator[None]:
    """The tasks of pool processes can be looked up."""
    events.set_process_tasks({7: TaskContext(task_id=TASK_ID, task_name=NAME)}.get)
    yield
    events.set_process_tasks(None)


@pytest.mark.usefixtures("process_tasks")
def test_dead_process() -> None:
    """billiard's line about a dead process names the task it worked on, if that is known."""
    text = "Process %r pid:%r exited with %r"
    made = line("multiprocessing", text, "ForkPoolWorker-1", 7, "signal 9 (SIGKILL)")
    found = one(made, url=TCP)
    assert (found.event, found.task_id, found.task_name) == ("lost", TASK_ID, NAME)
    other = one(line("multiprocessing", text, "ForkPoolWorker-2", 8, "exitcode 1"), url=TCP)
    assert (other.event, other.task_id) == ("lost", None)


@pytest.mark.parametrize(
    ("text", "args", "task_id"),
    [
        ("Terminating %s (%s)", (TASK_ID, 15), TASK_ID),
        ("Tasks flagged as revoked: %s", (TASK_ID,), TASK_ID),
        ("Tasks flagged as revoked: %s", ("a, b",), None),
    ],
)
def test_control(text: str, args: tuple[Any, ...], task_id: str | None) -> None:
    """Revoking is told for one task and for many."""
    found = one(line("celery.worker.control", text, *args), url=TCP)
    assert (found.event, found.task_id) == ("revoked", task_id)


@pytest.mark.parametrize(
    ("text", "args"),
    [
        (consumer.INVALID_TASK_ERROR, (KeyError("x"), SECRET)),
        (consumer.UNKNOWN_FORMAT, (f"body: {SECRET}",)),
    ],
)
def test_messages_that_are_no_tasks(text: str, args: tuple[Any, ...]) -> None:
    """Bodies that Celery dumps into its log are task data too."""
    made = line("celery.worker.consumer.consumer", text, *args)
    assert SECRET not in one(made).raw.decode()
    assert SECRET in one(made, task_data=True).raw.decode()
    assert one(made, url=TCP).event == "rejected"


@pytest.mark.parametrize(
    "made",
    [
        record(name="celery.app.trace"),
        record("Task %s[%s]", name="celery.worker.request"),
        record("Task %s[%s]", "x", name="celery.worker.request"),
        record(name="celery.app.trace", data={"id": object()}),
        record(name="celery.worker.request", msg=object()),
        record("Task handler raised error: %r", 1, name="celery.worker.request"),
        record("exited with", 1, 2, 3, name="multiprocessing"),
        record("Received unregistered task", 1, 2, 3, 4, name="celery.worker.consumer.consumer"),
        record("Terminating %s", name="celery.worker.control"),
        record("Couldn't convert ETA %r", 1, name="celery.worker.strategy"),
    ],
)
def test_other_shapes(made: logging.LogRecord) -> None:
    """A line of another shape than expected is a line like any other."""
    event_of(made)
    assert one(made, url=TCP).msg


def test_users_data_stays() -> None:
    """A field called data of a logger that is not Celery's is the user's."""
    assert one(record(data={"id": 1}), format="json").fields["data"] == {"id": 1}


def test_lines_of_real_tasks() -> None:
    """Tasks that Celery really runs give the events that their lines tell."""
    app = Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)
    seen: list[tuple[str | None, str | None]] = []

    class Handler(logging.Handler):
        def emit(self, made: logging.LogRecord) -> None:
            found = event_of(made)
            assert found is not None
            seen.append((found.event, found.task and found.task.task_name))

    @app.task(name="ok")
    def good() -> None: ...

    @app.task(name="bad")
    def bad() -> None:
        raise ValueError

    @app.task(name="ignored")
    def ignored() -> None:
        raise Ignore

    @app.task(name="rejected")
    def rejected() -> None:
        raise Reject("why")

    @app.task(name="retried", bind=True, max_retries=1)
    def retried(self: Any) -> None:
        raise self.retry(countdown=0)

    handler, level = Handler(), trace.logger.level
    trace.logger.addHandler(handler)
    trace.logger.setLevel(logging.INFO)
    try:
        for each in (good, bad, ignored, rejected, retried):
            each.apply()
    finally:
        trace.logger.removeHandler(handler)
        trace.logger.setLevel(level)
    assert {("succeeded", "ok"), ("failed", "bad"), ("ignored", "ignored"), ("rejected", "rejected")} <= set(
        seen
    )
    assert ("retry", "retried") in seen
