"""Deliveries made in a line, and what is always true of their counters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery_syslog import trouble
from celery_syslog.delivery import Delivery
from celery_syslog.settings import settings_from

from .waiting import wait_until

__all__ = ["balanced", "delivering", "numbered", "recovered"]


@contextmanager
def delivering(url: object, **settings: Any) -> Iterator[Delivery]:
    """Yield a delivery that has not said anything on stderr yet; it is closed at the end, unflushed."""
    trouble.forget()
    checked = settings_from(url=url, **settings)
    delivery = Delivery(checked.url, checked)
    try:
        yield delivery
    finally:
        delivery.close(0)


def numbered(count: int, start: int = 0) -> list[bytes]:
    """Return messages that show where they belong."""
    return [b"<14>message %d" % number for number in range(start, start + count)]


def balanced(delivery: Delivery) -> dict[str, Any]:
    """Return the counters, after checking that everything emitted is accounted for."""
    counts = delivery.counters.snapshot()
    held = counts["buffered"] + counts["spooled"]
    assert counts["emitted"] == counts["sent"] + held + sum(counts["dropped"].values()), counts
    return counts


def recovered(delivery: Delivery) -> None:
    """Wait until the delivery holds nothing any more and sends by itself."""
    wait_until(lambda: delivery._engine.direct, "the recovery")
