"""What every task is at, as far as the workers' events have told."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["STATES", "Board", "Change"]

#: Events about tasks, as Celery names them after ``task-``, in the order of a task's life.
STATES = ("sent", "received", "started", "retried", "succeeded", "failed", "rejected", "revoked")


class Change(NamedTuple):
    """One task in a new state; ``seconds`` is how long it ran, where the event says so."""

    time: float
    state: str
    name: str
    id: str
    worker: str
    seconds: float | None


class Board:
    """Takes events and knows the tasks: the last ``limit`` of them, so that it may run for days."""

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._tasks: dict[str, Change] = {}
        #: Names of workers that said anything and have not said goodbye.
        self.workers: set[str] = set()

    def take(self, event: Mapping[str, Any]) -> Change | None:
        """Note an event; return what it changed for a task, None if nothing."""
        group, _, state = str(event.get("type")).partition("-")
        worker = str(event.get("hostname", ""))
        if group == "worker":
            (self.workers.discard if state == "offline" else self.workers.add)(worker)
        if group != "task" or state not in STATES or "uuid" not in event:
            return None
        before = self._tasks.pop(event["uuid"], None)
        if state == "sent" and before:
            # It comes from whoever sent the task, so it may well come after the worker's first.
            self._tasks[before.id] = before
            return None
        if state != "sent":
            self.workers.add(worker)
        name = event.get("name") or (before.name if before else "?")  # only the first two events have it
        change = Change(event["timestamp"], state, name, event["uuid"], worker, event.get("runtime"))
        self._tasks[change.id] = change
        if len(self._tasks) > self._limit:
            del self._tasks[next(iter(self._tasks))]
        return change

    def counts(self) -> dict[str, Counter[str]]:
        """Return how many tasks of each name are in each state."""
        found: dict[str, Counter[str]] = {}
        for task in self._tasks.values():
            found.setdefault(task.name, Counter())[task.state] += 1
        return dict(sorted(found.items()))
