"""What the management API tells, as values."""

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Binding", "Check", "Exchange", "Message", "Permission", "Queue", "User"]


class User(NamedTuple):
    """A user; what it may do in the management plugin is up to its tags (``administrator`` ...)."""

    name: str
    tags: tuple[str, ...]


class Permission(NamedTuple):
    """What a user may do in a virtual host: patterns of names of exchanges and queues."""

    user: str
    vhost: str
    configure: str
    write: str
    read: str


class Exchange(NamedTuple):
    """An exchange; the one without a name is the default exchange."""

    name: str
    type: str
    durable: bool
    auto_delete: bool


class Queue(NamedTuple):
    """A queue. The broker counts messages every few seconds: None means not yet."""

    name: str
    type: str
    durable: bool
    messages: int | None
    consumers: int | None


class Binding(NamedTuple):
    """A binding of a queue to an exchange."""

    exchange: str
    queue: str
    routing_key: str


class Message(NamedTuple):
    """A message that was got; ``remaining`` counts those behind it."""

    body: bytes
    routing_key: str
    redelivered: bool
    properties: Mapping[str, Any]
    remaining: int


class Check(NamedTuple):
    """The outcome of a health check, with the broker's reason if it failed."""

    ok: bool
    reason: str
