"""Install and uninstall: what happens to a Celery app's process at each of Celery's signals.

Which signal comes when, and in which process, is the whole difficulty: a forked child inherits what
its parent set up, a spawned one and one with its own log file set logging up again, the threads and
gevent pools know no child at all, and a connected ``setup_logging`` receiver silences the signals that
announce a logger. So every receiver below may run any number of times, in any order.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from billiard.process import current_process
from celery import signals
from celery._state import get_current_app
from celery.exceptions import SoftTimeLimitExceeded

from celery_syslog import context, events, trouble
from celery_syslog.context import bound
from celery_syslog.errors import ConfigurationError
from celery_syslog.handler import SyslogHandler
from celery_syslog.settings import PREFIX, Settings

from . import config, loggers, propagation, softlimit, streams, tasks

if TYPE_CHECKING:
    from celery import Celery

__all__ = ["Installation", "active", "configuration_of", "install", "installation_of", "uninstall"]

#: Where Celery's stdout proxy and our streams send captured lines.
REDIRECTED = "celery.redirected"

#: Seconds for a flush in a child that is ending on a hard time limit: billiard kills it 0.1 s after
#: asking it to go (billiard/pool.py, _trywaitkill).
HARD_LIMIT_FLUSH = 0.05
HARD_LIMIT_EXIT = -241


class Installation:
    """What ``install`` did for one app, and how to undo it."""

    def __init__(self, app: Celery, overrides: dict[str, Any]) -> None:
        self.app = app
        self.overrides = overrides
        self.names = {"app": app.main or "celery"}
        self.handler: SyslogHandler | None = None
        self.streams: streams.Streams | None = None
        self.console: loggers.Console = []
        self.reported = ""
        self._propagates: bool | None = None

    def set_up(self, logfile: object = None) -> SyslogHandler | None:
        """Attach the handler to every logger that needs it; None when the settings are wrong."""
        found = config.read(self.app, self.overrides)
        self._propagates = found.settings.propagate
        if self.handler is None or self.handler.settings != found.settings:
            self._drop_handler()
            if not found.faults:
                try:
                    self.handler = self._make_handler(found.settings)
                except ConfigurationError as error:
                    found = found._replace(faults=tuple(PREFIX + fault for fault in error.faults))
            self._report(found, logfile)
            if self.handler is None:
                return None
        loggers.attach(self.handler)
        if not found.settings.console:
            self.console += loggers.remove_console()
        context.set_task_provider(tasks.current_task)
        events.set_process_tasks(tasks.task_of_process)
        return self.handler

    def _make_handler(self, settings: Settings) -> SyslogHandler:
        handler = SyslogHandler.from_settings(settings, self.names)
        handler.passing = (SoftTimeLimitExceeded,)
        if settings.redirect_stdouts is False:
            handler.addFilter(lambda record: record.name != REDIRECTED)
        return handler

    def _report(self, found: config.Configuration, logfile: object) -> None:
        """Say what is wrong once: a pool child repeats its parent's configuration, not its report."""
        text = found.report()
        if text == self.reported:
            return
        self.reported = text
        if text and not current_process()._identity:
            trouble.tell("configuration", text)
            if logfile:
                logging.getLogger("celery_syslog").error("celery-syslog: %s", text)

    def capture(self, wanted: bool | None = None) -> bool:
        """Put our streams on stdout and stderr if the settings say so; tell whether they are there.

        ``wanted`` is Celery's own decision, which a ``None`` in ours follows.
        """
        handler = self.handler
        if handler is None:
            return False
        own = handler.settings.redirect_stdouts
        if wanted is None:
            wanted = bool(self.app.conf.worker_redirect_stdouts)
        if not (wanted if own is None else own):
            return False
        self.streams = streams.install_streams(
            handler.settings.stdout_level,
            handler.settings.stderr_level,
            lambda name: loggers.reaches(name, handler),
        )
        return True

    def rename(self, **names: str) -> None:
        """Learn the process's program and node name, which the ident may contain."""
        self.names |= names
        if self.handler is not None:
            self.handler.rename(self.names)

    def propagates(self) -> bool:
        """Tell whether bind() fields travel; a process that only publishes never sets up logging."""
        if self._propagates is None:
            self._propagates = config.read(self.app, self.overrides).settings.propagate
        return self._propagates

    def flush(self, timeout: float | None = None) -> None:
        """Send what is still held, at most ``timeout`` seconds (None: ``syslog_flush_timeout``)."""
        if self.streams is not None:
            self.streams.flush_all()
        if self.handler is not None:
            limit = self.handler.settings.flush_timeout
            self.handler.delivery.flush(limit if timeout is None else min(limit, timeout))

    def undo(self) -> None:
        """Take everything back: streams, handlers, Celery's console, the task provider."""
        if self.streams is not None:
            self.streams.remove()
            self.streams = None
        loggers.restore_console(self.console)
        self.console = []
        self._drop_handler()
        context.set_task_provider(None)
        events.set_process_tasks(None)
        softlimit.release_child()

    def _drop_handler(self) -> None:
        if self.handler is not None:
            loggers.detach(self.handler)
            self.handler.close()
            self.handler = None


_installed: dict[int, Installation] = {}


def install(app: Celery, overrides: dict[str, Any]) -> None:
    """Wire an app; see celery_syslog.install."""
    app = _unwrapped(app)
    present = _installed.get(id(app))
    if present is None:
        _installed[id(app)] = Installation(app, overrides)
        _connect()
    else:
        present.overrides = overrides or present.overrides
    if "celery.worker.control" in sys.modules:  # this is the celery command, perhaps `inspect`
        _add_command()


def uninstall(app: Celery) -> None:
    """Undo install; an app that is not installed is left alone."""
    present = _installed.pop(id(_unwrapped(app)), None)
    if present is not None:
        present.undo()
    if not _installed:
        _disconnect()


def configuration_of(app: Celery) -> config.Configuration:
    """Return what is configured for an app, with the overrides of its install if there was one."""
    present = _installed.get(id(_unwrapped(app)))
    return config.read(app, present.overrides if present else {})


def installation_of(app: Celery) -> Installation | None:
    """Return what ``install`` did for an app, None where it was not called."""
    return _installed.get(id(_unwrapped(app)))


def _unwrapped(app: Any) -> Any:
    """Return the app behind a proxy such as ``celery.current_app``."""
    get = getattr(type(app), "_get_current_object", None)
    return get(app) if get else app


def active() -> Installation | None:
    """Return the installation of this process's app, if any: Celery's logging signals do not name one."""
    current = _installed.get(id(get_current_app()))
    return current or (list(_installed.values())[-1] if _installed else None)


def _after_setup(logfile: object = None, **kwargs: Any) -> None:
    if installation := active():
        installation.set_up(logfile)


def _celeryd_init(sender: str, instance: Any, **kwargs: Any) -> None:
    if installation := _installed.get(id(_unwrapped(instance.app))) or active():
        installation.rename(program="worker", node=str(sender))
        _add_command()


def _add_command() -> None:
    """Register `inspect syslog`; apart, because Celery's remote control is slow to import."""
    from . import inspect  # noqa: F401


def _celeryd_after_setup(instance: Any, **kwargs: Any) -> None:
    """The last signal before the worker redirects its streams, and the first after custom logging."""
    if installation := active():
        installation.set_up()
        if installation.capture(instance.redirect_stdouts):
            instance.redirect_stdouts = False  # or Celery's proxy would take our place


def _worker_process_init(sender: Any = None, **kwargs: Any) -> None:
    if installation := active():
        if sender:
            installation.rename(program="worker", node=str(sender))
        installation.set_up()
        installation.capture()


def _beat_init(sender: Any = None, **kwargs: Any) -> None:
    if installation := active():
        installation.rename(program="beat")
        installation.set_up()
        installation.capture()


def _before_task_publish(headers: dict[str, Any] | None = None, **kwargs: Any) -> None:
    if bound() and (installation := active()) and installation.propagates():
        propagation.depart(headers)


def _task_prerun(task_id: str, task: Any, **kwargs: Any) -> None:
    softlimit.guard_child()
    if (installation := active()) and installation.propagates():
        propagation.arrive(task_id, task.request)


def _task_postrun(task_id: str, **kwargs: Any) -> None:
    if (installation := active()) and installation.streams is not None:
        installation.streams.flush_partial()
    propagation.leave(task_id)
    tasks.forget()


def _worker_process_shutdown(exitcode: int | None = None, **kwargs: Any) -> None:
    if installation := active():
        installation.flush(HARD_LIMIT_FLUSH if exitcode == HARD_LIMIT_EXIT else None)


def _worker_shutdown(**kwargs: Any) -> None:
    if installation := active():
        installation.flush()


_RECEIVERS = (
    (signals.after_setup_logger, _after_setup),
    (signals.after_setup_task_logger, _after_setup),
    (signals.celeryd_init, _celeryd_init),
    (signals.celeryd_after_setup, _celeryd_after_setup),
    (signals.worker_process_init, _worker_process_init),
    (signals.beat_init, _beat_init),
    (signals.before_task_publish, _before_task_publish),
    (signals.task_prerun, _task_prerun),
    (signals.task_postrun, _task_postrun),
    (signals.worker_process_shutdown, _worker_process_shutdown),
    (signals.worker_shutdown, _worker_shutdown),
)


def _connect() -> None:
    for signal, receiver in _RECEIVERS:
        signal.connect(receiver, weak=False, dispatch_uid=f"celery_syslog.{receiver.__name__}")


def _disconnect() -> None:
    for signal, receiver in _RECEIVERS:
        signal.disconnect(receiver, dispatch_uid=f"celery_syslog.{receiver.__name__}")
