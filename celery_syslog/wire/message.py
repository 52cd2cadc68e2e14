"""One syslog message as a value, whichever RFC it was or will be written in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from .codes import FACILITY_NAMES, SEVERITY_NAMES

__all__ = ["Message"]


class Message(NamedTuple):
    """A syslog message; None stands for RFC 5424's NILVALUE.

    ``version`` is 1 for RFC 5424 and 0 for RFC 3164. ``timestamp`` is aware when the message told its
    zone. ``fields`` is the payload of a JSON or CEE message, ``raw`` what was decoded: both follow
    from the rest, so comparing leaves them out.
    """

    facility: int = 1
    severity: int = 6
    timestamp: datetime | None = None
    hostname: str | None = None
    app_name: str | None = None
    procid: str | None = None
    msgid: str | None = None
    structured_data: Mapping[str, Mapping[str, str]] = {}
    msg: str = ""
    version: int = 1
    fields: Mapping[str, Any] = {}
    raw: bytes = b""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self[:10] == other[:10]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((self.timestamp, self.hostname, self.app_name, self.procid, self.msg))

    @property
    def priority(self) -> int:
        """PRI: facility * 8 + severity."""
        return self.facility * 8 + self.severity

    @property
    def facility_name(self) -> str:
        """The facility's name as in syslog(3)."""
        return FACILITY_NAMES[self.facility]

    @property
    def severity_name(self) -> str:
        """The severity's name as in syslog(3)."""
        return SEVERITY_NAMES[self.severity]

    @property
    def ident(self) -> str | None:
        """APP-NAME, the tag of RFC 3164."""
        return self.app_name

    @property
    def pid(self) -> int | None:
        """PROCID as a number, None if it is none."""
        text = self.procid or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None

    @property
    def event(self) -> str | None:
        """What happened to the task (``succeeded``, ``failed`` ...): MSGID, or the payload's event."""
        found = self.msgid or self.fields.get("event")
        return None if found is None else str(found)

    @property
    def message(self) -> str:
        """The text for a person: the payload's message if there is one, else all of MSG."""
        found = self.fields.get("message")
        return found if isinstance(found, str) else self.msg

    @property
    def task_id(self) -> str | None:
        """Id of the task the message is about."""
        return self._text("task_id")

    @property
    def task_name(self) -> str | None:
        """Name of the task the message is about."""
        return self._text("task_name")

    def _text(self, name: str) -> str | None:
        found = self.param(name)
        return None if found is None else str(found)

    def param(self, name: str, default: Any = None) -> Any:
        """Return a field by name: from the JSON payload, else from any structured data element."""
        if name in self.fields:
            return self.fields[name]
        for params in self.structured_data.values():
            if name in params:
                return params[name]
        return default
