"""Looking after a connection on which the collector confirms records, while nobody logs."""

from __future__ import annotations

from .engine import Engine

__all__ = ["LISTEN", "Listener"]

#: Seconds between two looks at what was confirmed while all is well.
LISTEN = 0.1

#: How many looks have to find everything confirmed before they are given up.
_QUIET = 10


class Listener:
    """Sees what is confirmed, and that the connection ends when no log call would find out."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._quiet = 0
        self._arrived = 0

    def look(self) -> bool:
        """Look once, under the lock; False when there is nothing to wait for any more."""
        if not self._engine.line.confirms:
            return False
        self._quiet = self._quiet + 1 if self._engine.settled() else 0
        if self._quiet < _QUIET:
            return True
        self._engine.store.tidy()
        return False

    def progress(self) -> bool:
        """Tell whether anything was confirmed since this was asked last."""
        before, self._arrived = self._arrived, self._engine.store.arrived
        return before != self._arrived
