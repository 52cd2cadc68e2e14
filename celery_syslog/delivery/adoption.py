"""Sending what dead processes left in the spool, a batch at a time, when all is well."""

from __future__ import annotations

from collections.abc import Iterator

from .engine import BATCH, Engine
from .orphans import Orphan, any_orphan, orphans

__all__ = ["Adoption"]


class Adoption:
    """Takes over the orphaned files of a spool directory, one after the other."""

    def __init__(self, engine: Engine, directory: str | None) -> None:
        self._engine = engine
        self._directory = directory
        self._found: Iterator[Orphan] | None = None
        self._orphan: Orphan | None = None
        self._batch = 0
        self.stopped = False
        self.due = directory is not None  # nobody has looked since the last trouble

    def look(self) -> bool:
        """Tell whether there is anything to adopt."""
        self.due = False
        if self._directory is not None and any_orphan(self._directory):
            self._found = orphans(self._directory)
        return self._found is not None

    @property
    def busy(self) -> bool:
        """Whether records of a file were handed over, and are marked there by the next step."""
        return bool(self._batch)

    def again(self) -> None:
        """Look once more: an incident is over, and others may not have lived to see it."""
        self.due = self._directory is not None
        self.stopped = False

    def step(self) -> bool:
        """Hand over the next batch; False when there is no more. Nothing else may be held."""
        if self.stopped:
            self.forget()
        elif self.due:
            self.look()
        orphan = self._orphan or self._next()
        if orphan is None:
            return False
        orphan.sent(self._batch)
        records = orphan.take(BATCH)
        self._batch = len(records)
        if records:
            self._engine.adopt(records)
        else:
            self._orphan = None
        return True

    def _next(self) -> Orphan | None:
        self._orphan = next(self._found, None) if self._found is not None else None
        self._batch = 0
        if self._orphan is None:
            self._found = None
        elif self._orphan.damaged:
            with self._engine.lock:
                self._engine.store.lose(self._orphan.damaged)
        return self._orphan

    def forget(self) -> None:
        """Let go of a file that is the parent's, in a forked child; or of all, at the end."""
        orphan, self._orphan, self._found = self._orphan, None, None
        if orphan is not None:
            orphan.release()
