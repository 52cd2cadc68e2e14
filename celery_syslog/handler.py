"""A plain ``logging.Handler`` that encodes a record once and hands it to the delivery."""

from __future__ import annotations

# The plain C module: socket is slow to load, and only the host's name is wanted.
import _socket
import logging
import os
import sys
from typing import Any

from . import trouble
from .address import Address
from .delivery import Delivery
from .errors import ConfigurationError
from .formatters import encoder_for
from .settings import Settings, settings_from
from .transports import unsupported

__all__ = ["SyslogHandler"]


class SyslogHandler(logging.Handler):
    """Send log records to a syslog collector without ever blocking or breaking the caller.

    ``url`` is a socket path or URL, or several in failover order; None finds the local socket. The
    keyword arguments are the package's settings without their ``syslog_`` prefix. Nothing is opened
    before the first record. Raises ConfigurationError, naming every fault at once.
    """

    #: Exceptions that are meant for the code that logs and pass through a log call untouched.
    passing: tuple[type[BaseException], ...] = ()

    def __init__(self, url: Any = None, **settings: Any) -> None:
        self._prepare(settings_from(url=url, **settings), {})

    @classmethod
    def from_settings(cls, settings: Settings, names: dict[str, str] | None = None) -> SyslogHandler:
        """Return a handler for settings already checked; ``names`` fills in the ident's fields."""
        handler = cls.__new__(cls)
        handler._prepare(settings, names or {})
        return handler

    def _prepare(self, settings: Settings, names: dict[str, str]) -> None:
        missing = [f"url: {fault}" for fault in unsupported(settings.url)]
        if missing:
            raise ConfigurationError(missing)
        logging.Handler.__init__(self, settings.level or logging.NOTSET)
        self.settings = settings
        self.delivery = Delivery(settings.url, settings)
        first = settings.url[0] if settings.url else Address("unix")
        self.encoder = encoder_for(settings, first, self._ident(names))
        # Bound once: looking them up for each record is a tenth of a microsecond.
        self._quick = self.encoder.quick
        self._send = self.delivery.send
        if type(self).handle is SyslogHandler.handle:
            self.handle = self.emit  # type: ignore[method-assign] # until there is a filter
        self.delivery.on_recovered = self._drop_report

    def _ident(self, names: dict[str, str]) -> str:
        program = os.path.basename(sys.argv[0]) if sys.argv and sys.argv[0] else "python"
        known = {"app": "celery", "program": program, "node": _socket.gethostname()}
        return self.settings.ident.format(**known | names)

    def rename(self, names: dict[str, str]) -> None:
        """Fill in the ident's ``{app}``, ``{node}`` and ``{program}`` afresh from ``names``."""
        self.encoder.ident = self._ident(names)

    def setFormatter(self, fmt: logging.Formatter | None) -> None:
        """Let any ``logging.Formatter`` write the message part; None goes back to the settings."""
        super().setFormatter(fmt)
        self.encoder.formatter = fmt

    def createLock(self) -> None:
        """Do without the handler's lock: the kernel keeps messages whole, the delivery keeps streams."""
        self.lock = None

    def addFilter(self, filter: Any) -> None:  # noqa: A002 - as the base class has it
        """Add a filter."""
        self.__dict__.pop("handle", None)
        super().addFilter(filter)

    def handle(self, record: logging.LogRecord) -> Any:
        """Filter and emit a record; unlike the base class, without a lock around it."""
        if self.filters:
            passed: Any = self.filter(record)
            if not passed:
                return passed
            if isinstance(passed, logging.LogRecord):  # Python 3.12: a filter may replace the record
                record = passed
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Encode and send a record; raises nothing but what is in ``passing``."""
        try:
            message = self._quick(record)
            if message is not None:
                self._send(message)
            else:
                for message in self.encoder.slow(record):
                    self._send(message)
        except self.passing:
            raise
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Tell the real stderr, never sys.stderr, which may lead back into logging."""
        kind, error, _ = sys.exc_info()
        where = f"{record.pathname}:{record.lineno}"
        name = kind.__name__ if kind else "error"
        trouble.tell("emit", f"a record of logger {record.name} ({where}) was lost: {name}: {error}")

    def _drop_report(self, dropped: dict[str, int], seconds: float) -> bytes:
        """Return the record that says in the log itself what an incident cost."""
        what = "dropped %d records in %.1f s: %s"
        args = (sum(dropped.values()), seconds, ", ".join(dropped))
        record = logging.LogRecord("celery_syslog", logging.WARNING, __file__, 0, what, args, None)
        return self.encoder(record)[0]

    def flush(self) -> None:
        """Wait until what is buffered has been sent, at most ``syslog_flush_timeout`` seconds.

        Without waiting if that was in vain a moment ago.
        """
        self.delivery.flush(0.0 if self.delivery.hopeless else self.settings.flush_timeout)

    def close(self) -> None:
        """Flush, close the connection and leave logging's list of handlers."""
        self.delivery.close(self.settings.flush_timeout)
        super().close()

    def __repr__(self) -> str:
        urls = "; ".join(map(str, self.settings.url)) or "the local socket"
        return f"<{type(self).__name__} {urls} ({logging.getLevelName(self.level)})>"
