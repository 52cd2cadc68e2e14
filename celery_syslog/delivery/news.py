"""What there is to be told on stderr about a delivery: noted under its lock, said without it."""

from __future__ import annotations

from .. import trouble
from ..address import Address
from .incident import Incident

__all__ = ["News"]


class News:
    """At most one thing at a time, the latest; each kind at most once a minute."""

    def __init__(self, incident: Incident) -> None:
        self._incident = incident
        self._kind = self._text = ""

    def note(self, address: Address, what: str, meanwhile: str) -> None:
        """Note what is wrong with an address, and what happens to records meanwhile."""
        self._kind, self._text = f"{address} {what}", f"{address}: {what}; {meanwhile}"

    def failure(self, address: Address, error: OSError, instead: Address | None = None) -> None:
        """Note that an address cannot be used, unless that is no news in this incident.

        With ``instead``, records go there for the time being.
        """
        what = str(error.strerror or error)
        if self._incident.told != what:
            self._incident.told = what
            self.note(
                address, what, f"records go to {instead}" if instead else "records are kept until it answers"
            )

    def say(self) -> None:
        """Write it down; not under the lock, stderr may be slow."""
        kind, text, self._kind, self._text = self._kind, self._text, "", ""
        if text:
            trouble.tell(kind, text)
