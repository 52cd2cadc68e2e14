"""Every line of a Celery project in syslog: once, with its task, and never at a task's expense.

The names are loaded on first use, so that ``import celery_syslog`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celery import Celery

    from .context import bind as bind
    from .handler import SyslogHandler as SyslogHandler
    from .receiver import SyslogReceiver as SyslogReceiver

__all__ = ["SyslogHandler", "SyslogReceiver", "__version__", "bind", "install", "uninstall"]

__version__ = "0.1.0"

_HOMES = {"SyslogHandler": ".handler", "SyslogReceiver": ".receiver", "bind": ".context"}


def install(app: Celery, **overrides: Any) -> None:
    """Send every line that ``app``'s workers and beat produce to syslog.

    The settings are read from ``app.conf`` when Celery sets up logging; ``overrides`` are the same
    settings without their ``syslog_`` prefix and win. Calling it again only replaces overrides.
    Nothing raises later: a wrong setting is reported and the worker keeps its console log.
    """
    from .worker import wiring

    wiring.install(app, overrides)


def uninstall(app: Celery) -> None:
    """Undo ``install`` completely: handlers, streams and signal receivers."""
    from .worker import wiring

    wiring.uninstall(app)


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value
