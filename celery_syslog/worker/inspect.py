"""``celery -A proj inspect syslog``: the counters of every process of a worker."""

from __future__ import annotations

from typing import Any

from celery.worker.control import inspect_command

from . import wiring

__all__ = ["syslog"]


@inspect_command()  # type: ignore[untyped-decorator]
def syslog(state: Any, **kwargs: Any) -> dict[str, Any]:
    """Syslog delivery counters of every process of the worker."""
    installation = wiring.active()
    if installation is None or installation.handler is None:
        return {"error": "nothing is sent to syslog: see the report at the worker's start"}
    delivery = installation.handler.delivery
    address = "; ".join(map(str, installation.handler.settings.url)) or "the local socket"
    # The row of the processes long gone says nothing until there are some.
    rows = [row for row in delivery.counters.processes() if row["pid"] or row["emitted"]]
    return {"address": address, "processes": rows}
