"""Install and uninstall in one process: idempotent, on every logger once, and undone completely."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery, signals
from celery.app.log import Logging
from celery.utils.log import ColorFormatter, get_multiprocessing_logger, get_task_logger

from celery_syslog import SyslogHandler, context, install, trouble, uninstall
from celery_syslog.transports.memory import records
from celery_syslog.worker import loggers, wiring


@pytest.fixture(autouse=True)
def clean_logging() -> Iterator[None]:
    """Loggers, streams and Celery's once-only flag as they were."""
    names = [None, "celery", "celery.task", "multiprocessing", "celery.redirected"]
    kept = [(logging.getLogger(name), logging.getLogger(name)) for name in names]
    state = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger, _ in kept]
    streams, capture = (sys.stdout, sys.stderr), logging.captureWarnings
    before = Logging._setup
    Logging._setup = False
    for logger, handlers, _, _ in state:
        logger.handlers = [] if logger.name != "root" else handlers[:0]
    trouble.forget()
    environ = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(environ)
    for installation in list(wiring._installed.values()):
        uninstall(installation.app)
    for logger, handlers, level, propagate in state:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)
    sys.stdout, sys.stderr = streams
    capture(False)
    Logging._setup = before


@pytest.fixture
def app(request: pytest.FixtureRequest) -> Iterator[Celery]:
    """An app whose syslog is a list in memory, named after the test."""
    app = Celery("proj", broker="memory://", set_as_current=False)
    app.conf.update(syslog_url=f"memory://{request.node.name}", syslog_protocol="rfc3164")
    records(request.node.name).clear()
    yield app
    app.close()


def received(request: pytest.FixtureRequest) -> list[str]:
    """What arrived, without the header."""
    return [data.decode().split("]: ", 1)[1] for data in records(request.node.name)]


def ours(name: str | None = None) -> list[logging.Handler]:
    """Our handlers on a logger."""
    return [h for h in logging.getLogger(name).handlers if isinstance(h, SyslogHandler)]


@pytest.mark.parametrize("hijack", [True, False])
def test_each_record_arrives_once(app: Celery, hijack: bool, request: pytest.FixtureRequest) -> None:
    """Task, library, Celery and pool records come once each, with and without root hijacking."""
    app.conf.worker_hijack_root_logger = hijack
    install(app)
    app.log.setup(loglevel="INFO")
    Logging._setup = False
    app.log.setup(loglevel="INFO")  # what a child with its own log file does
    for logger in (
        logging.getLogger("library"),
        logging.getLogger("celery.worker"),
        get_task_logger("proj.tasks"),
    ):
        logger.info("line")
    get_multiprocessing_logger().error("line")
    assert received(request) == [
        "INFO:library:line",
        "INFO:celery.worker:line",
        "INFO:proj.tasks:line",
        "ERROR:multiprocessing:line",
    ]


def test_settings_are_read_at_logging_set_up(app: Celery, request: pytest.FixtureRequest) -> None:
    """What is configured after install counts, and overrides win over the configuration."""
    install(app, ident="mine")
    app.conf.syslog_facility = "local3"
    app.conf.syslog_ident = "theirs"
    app.log.setup(loglevel="INFO")
    logging.getLogger("x").info("line")
    (data,) = records(request.node.name)
    assert data.startswith(b"<158>")
    assert b" mine[" in data


def test_install_twice_is_install_once(app: Celery, request: pytest.FixtureRequest) -> None:
    """Calling install again doubles nothing."""
    install(app)
    install(app)
    app.log.setup(loglevel="INFO")
    logging.getLogger("x").info("line")
    assert len(received(request)) == 1
    assert len(ours()) == 1


def test_uninstall_leaves_no_trace(app: Celery) -> None:
    """Handlers, console, streams, task provider and signal receivers are as before."""
    before = [len(signal.receivers) for signal, _ in wiring._RECEIVERS]
    out, err = sys.stdout, sys.stderr
    install(app)
    app.conf.syslog_console = False
    app.log.setup(loglevel="INFO")
    wiring._installed[id(app)].capture(True)
    assert ours()
    assert sys.stdout is not out
    uninstall(app)
    assert [ours(name) for name in (None, "celery.task", "multiprocessing")] == [[], [], []]
    assert [len(signal.receivers) for signal, _ in wiring._RECEIVERS] == before
    assert (sys.stdout, sys.stderr) == (out, err)
    assert context.current_task() is None
    assert any(isinstance(h.formatter, ColorFormatter) for h in logging.getLogger().handlers)
    uninstall(app)


def test_uninstall_of_a_stranger_does_nothing() -> None:
    """An app that was never installed is left alone."""
    uninstall(Celery("stranger", set_as_current=False))


def test_console_false_removes_only_celerys_handlers(app: Celery) -> None:
    """Handlers of the user's own stay, Celery's console goes."""
    mine = logging.NullHandler()
    app.conf.worker_hijack_root_logger = True
    app.conf.syslog_console = False
    install(app)

    def add_mine(logger: logging.Logger, **kwargs: Any) -> None:
        logger.addHandler(mine)

    signals.after_setup_logger.connect(add_mine)
    try:
        app.log.setup(loglevel="INFO")
    finally:
        signals.after_setup_logger.disconnect(add_mine)
    assert mine in logging.getLogger().handlers
    for name in (None, "celery.task", "multiprocessing"):
        handlers = logging.getLogger(name).handlers
        assert not [handler for handler in handlers if isinstance(handler.formatter, ColorFormatter)]
        assert ours(name)


def test_bad_settings_are_one_report_and_no_handler(app: Celery, capfd: pytest.CaptureFixture[str]) -> None:
    """Every fault is named at once on the real stderr; Celery's console log is untouched."""
    app.conf.update(syslog_facility="locl0", syslog_timeout=-1, syslog_facilty="user")
    install(app)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "__stderr__", sys.stderr)
        app.log.setup(loglevel="INFO")
    said = capfd.readouterr().err
    assert said.count("celery-syslog:") == 1
    for words in ("2 settings are wrong", "local0", "syslog_timeout", "did you mean syslog_facility"):
        assert words in said
    assert not ours()
    assert logging.getLogger().handlers


def test_an_unknown_key_is_only_a_warning(
    app: Celery, capfd: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    """A misspelt key is named and the rest works."""
    app.conf.syslog_facilty = "user"
    install(app)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "__stderr__", sys.stderr)
        app.log.setup(loglevel="INFO")
    assert "did you mean syslog_facility?" in capfd.readouterr().err
    logging.getLogger("x").info("line")
    assert len(received(request)) == 1


def test_a_scheme_without_a_transport_is_a_fault(app: Celery, capfd: pytest.CaptureFixture[str]) -> None:
    """A URL whose transport this version lacks is said at set-up, not at the first record."""
    app.conf.syslog_url = "amqp://me:hunter2@h"
    install(app)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "__stderr__", sys.stderr)
        app.log.setup(loglevel="INFO")
    said = capfd.readouterr().err
    assert "syslog_url: amqp://" in said
    assert "hunter2" not in said
    assert not ours()


def test_loggers_that_keep_their_records_get_the_handler(app: Celery, request: pytest.FixtureRequest) -> None:
    """A logger that does not propagate and shows its records somewhere is not missed, nor doubled."""
    audit, silent = logging.getLogger("tests.audit"), logging.getLogger("tests.silent")
    sink = logging.StreamHandler(open("/dev/null", "w"))  # noqa: SIM115
    for logger, handler in ((audit, sink), (silent, logging.NullHandler())):
        logger.propagate = False
        logger.addHandler(handler)
    install(app)
    app.log.setup(loglevel="INFO")
    try:
        audit.info("kept")
        silent.info("silent")
        audit.propagate = True
        loggers.attach(ours()[0])
        assert received(request) == ["INFO:tests.audit:kept"]
    finally:
        sink.stream.close()
        for logger in (audit, silent):
            logger.handlers.clear()
            logger.propagate = True


def test_task_fields_are_on_every_record_of_a_task(app: Celery, request: pytest.FixtureRequest) -> None:
    """Whichever logger makes it, a record inside a task names the task; outside none does."""

    @app.task(name="proj.work")
    def work() -> None:
        get_task_logger("proj.tasks").info("mine")
        logging.getLogger("library").info("theirs")

    install(app)
    app.log.setup(loglevel="INFO")
    result = work.apply()
    logging.getLogger("library").info("outside")
    assert received(request)[:2] == [
        f"INFO:proj.tasks:proj.work[{result.id}]: mine",
        f"INFO:library:proj.work[{result.id}]: theirs",
    ]
    assert received(request)[-1] == "INFO:library:outside"


def test_redirect_false_keeps_prints_out(app: Celery, request: pytest.FixtureRequest) -> None:
    """With syslog_redirect_stdouts off, what Celery's own proxy turns into records is not ours to send."""
    app.conf.syslog_redirect_stdouts = False
    install(app)
    app.log.setup(loglevel="INFO", redirect_stdouts=True)
    assert wiring._installed[id(app)].capture(True) is False
    print("a print")
    logging.getLogger("x").info("a line")
    assert received(request) == ["INFO:x:a line"]
