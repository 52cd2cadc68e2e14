"""memory://name: messages kept in a list of this process, for tests and for looking at what is sent."""

from __future__ import annotations

from .base import Transport

__all__ = ["MemoryTransport", "clear", "records"]

_lists: dict[str, list[bytes]] = {}


def records(name: str) -> list[bytes]:
    """Return the live list of what was sent to ``memory://name``, oldest first."""
    return _lists.setdefault(name, [])


def clear(name: str | None = None) -> None:
    """Empty one list, or all of them."""
    for known in [name] if name is not None else list(_lists):
        records(known).clear()


class MemoryTransport(Transport):
    """Keeps every message, without bound."""

    local = True

    def connect(self, timeout: float) -> None:  # noqa: ARG002 - takes no time
        append = records(self.address.path).append

        def send(data: bytes) -> int:
            append(data)
            return len(data)

        self.send = send
