"""Every error this package raises, as one tree.

SyslogError
├── ConfigurationError   a setting or URL is wrong; carries every fault at once
├── DecodeError          bytes are not the message or frame they should be
├── TransportError       a collector could not be reached or refused us
└── WaitTimeout          the receiver did not get what a test waited for
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["ConfigurationError", "DecodeError", "SyslogError", "TransportError", "WaitTimeout"]


class SyslogError(Exception):
    """Root of the tree: catch it to catch everything this package raises."""


class ConfigurationError(SyslogError, ValueError):
    """One or more settings are wrong.

    ``faults`` holds one sentence for each, with the key, the value (secrets masked) and what is
    allowed, so that all of them can be mended in one go.
    """

    def __init__(self, faults: str | Iterable[str]) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("; ".join(self.faults))


class DecodeError(SyslogError, ValueError):
    """Input does not follow the grammar: ``reason`` says which rule, ``position`` at which byte."""

    def __init__(self, reason: str, position: int = 0) -> None:
        self.reason = reason
        self.position = position
        super().__init__(f"{reason} (at byte {position})")


class TransportError(SyslogError, OSError):
    """A collector could not be reached, or refused what was sent."""


class WaitTimeout(SyslogError, AssertionError):
    """What a test waited for did not come in time; the text says what was awaited and what came."""
