"""A small typed client of RabbitMQ's management API: https://www.rabbitmq.com/docs/http-api-reference.

Needs httpx (``pip install httpx``) and a broker with ``rabbitmq-plugins enable rabbitmq_management``.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from .values import Binding, Check, Exchange, Message, Permission, Queue, User

__all__ = ["CHECKS", "Management", "ManagementError"]

#: Every health check of RabbitMQ 3.10 that needs no argument.
CHECKS = (
    "alarms",
    "local-alarms",
    "virtual-hosts",
    "node-is-mirror-sync-critical",
    "node-is-quorum-critical",
)


class ManagementError(Exception):
    """The API could not be reached or said no; the text never holds a password.

    ``reason`` is why, in the broker's words; ``status`` the HTTP status, 0 if there was no answer.
    """

    def __init__(self, call: str, reason: str, status: int = 0) -> None:
        super().__init__(f"{call}: {reason}")
        self.reason = reason
        self.status = status


class Management:
    """Calls to the API of the broker at ``url``, e.g. ``http://guest:guest@localhost:15672``.

    A context manager. Every call raises ManagementError if the broker refuses it or does not answer within
    ``timeout`` seconds. Declarations may be repeated; with other properties they are refused (status 400).
    """

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        parsed = httpx.URL(url)
        # Out of the URL, since httpx logs URLs.
        self._url = parsed.copy_with(userinfo=b"", path=f"{parsed.path.rstrip('/')}/api/")
        auth = (parsed.username or "guest", parsed.password or "guest")
        self._client = httpx.Client(base_url=self._url, auth=auth, timeout=timeout)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._url)!r})"

    def __enter__(self) -> "Management":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _call(self, method: str, *path: str, body: object = None) -> Any:
        # Every part by itself: the default virtual host is "/", and must be sent as %2F.
        place = "/".join(quote(part, safe="") for part in path)
        try:
            answer = self._client.request(method, place, json=body)
        except httpx.HTTPError as error:
            raise ManagementError(f"{method} {self._url}{place}", str(error)) from error
        if answer.is_error:
            raise ManagementError(f"{method} {place}", _reason(answer), answer.status_code)
        return answer.json() if answer.content else None

    # The broker

    def overview(self) -> dict[str, Any]:
        """Return versions, totals and message rates of the cluster."""
        found: dict[str, Any] = self._call("GET", "overview")
        return found

    def nodes(self) -> dict[str, bool]:
        """Return the nodes of the cluster, and which of them run."""
        return {node["name"]: node["running"] for node in self._call("GET", "nodes")}

    def connections(self) -> list[str]:
        """Return the names of the open connections: who is connected with whom."""
        return [connection["name"] for connection in self._call("GET", "connections")]

    def check(self, name: str, *arguments: str) -> Check:
        """Run a health check, and return its outcome: a check that fails is an answer, not an error.

        It is one of CHECKS, or ``("port-listener", "5672")`` or ``("protocol-listener", "amqp091")``.
        """
        try:
            self._call("GET", "health", "checks", name, *arguments)
        except ManagementError as error:
            if error.status != httpx.codes.SERVICE_UNAVAILABLE:
                raise
            return Check(False, error.reason)
        return Check(True, "")

    # Virtual hosts, users, permissions

    def vhosts(self) -> list[str]:
        """Return the names of the virtual hosts."""
        return [vhost["name"] for vhost in self._call("GET", "vhosts")]

    def create_vhost(self, name: str) -> None:
        """Create a virtual host; nobody has permissions in it but the one who created it."""
        self._call("PUT", "vhosts", name, body={})

    def delete_vhost(self, name: str) -> None:
        """Delete a virtual host and all that is in it."""
        self._call("DELETE", "vhosts", name)

    def users(self) -> list[User]:
        """Return the users."""
        return [User(user["name"], tuple(user["tags"])) for user in self._call("GET", "users")]

    def create_user(self, name: str, password: str, tags: Iterable[str] = ()) -> None:
        """Create a user, or give it another password and other tags."""
        self._call("PUT", "users", name, body={"password": password, "tags": ",".join(tags)})

    def delete_user(self, name: str) -> None:
        """Delete a user and its permissions."""
        self._call("DELETE", "users", name)

    def permissions(self, vhost: str) -> list[Permission]:
        """Return who may do what in a virtual host."""
        return [
            Permission(found["user"], vhost, found["configure"], found["write"], found["read"])
            for found in self._call("GET", "vhosts", vhost, "permissions")
        ]

    def set_permission(self, permission: Permission) -> None:
        """Let a user into a virtual host, to do what the patterns match; ``""`` matches nothing."""
        user, vhost, *_ = permission
        patterns = permission._asdict()
        body = {name: patterns[name] for name in ("configure", "write", "read")}
        self._call("PUT", "permissions", vhost, user, body=body)

    def delete_permission(self, user: str, vhost: str) -> None:
        """Shut a user out of a virtual host."""
        self._call("DELETE", "permissions", vhost, user)

    # Exchanges, queues, bindings

    def exchanges(self, vhost: str = "/") -> list[Exchange]:
        """Return the exchanges, the broker's own (``amq.*``) among them."""
        found = self._call("GET", "exchanges", vhost)
        return [Exchange(one["name"], one["type"], one["durable"], one["auto_delete"]) for one in found]

    def create_exchange(self, name: str, kind: str = "direct", *, vhost: str = "/") -> None:
        """Declare a durable exchange."""
        self._call("PUT", "exchanges", vhost, name, body={"type": kind, "durable": True})

    def delete_exchange(self, name: str, *, vhost: str = "/") -> None:
        """Delete an exchange and its bindings."""
        self._call("DELETE", "exchanges", vhost, name)

    def queues(self, vhost: str = "/") -> list[Queue]:
        """Return the queues and what is in them."""
        return [_queue(found) for found in self._call("GET", "queues", vhost)]

    def queue(self, name: str, *, vhost: str = "/") -> Queue:
        """Return one queue; status 404 if there is none."""
        return _queue(self._call("GET", "queues", vhost, name))

    def create_queue(self, name: str, kind: str = "classic", *, vhost: str = "/") -> None:
        """Declare a durable queue: ``classic``, ``quorum`` or ``stream``."""
        body = {"durable": True, "arguments": {"x-queue-type": kind}}
        self._call("PUT", "queues", vhost, name, body=body)

    def purge_queue(self, name: str, *, vhost: str = "/") -> None:
        """Throw away the messages that wait in a queue."""
        self._call("DELETE", "queues", vhost, name, "contents")

    def delete_queue(self, name: str, *, vhost: str = "/") -> None:
        """Delete a queue and the messages in it."""
        self._call("DELETE", "queues", vhost, name)

    def bindings(self, queue: str, *, vhost: str = "/") -> list[Binding]:
        """Return a queue's bindings; the first is the one that every queue has, to the default exchange."""
        found = self._call("GET", "queues", vhost, queue, "bindings")
        return [Binding(one["source"], one["destination"], one["routing_key"]) for one in found]

    def bind(self, binding: Binding, *, vhost: str = "/") -> None:
        """Bind a queue to an exchange."""
        exchange, queue, routing_key = binding
        body = {"routing_key": routing_key}
        self._call("POST", "bindings", vhost, "e", exchange, "q", queue, body=body)

    def unbind(self, binding: Binding, *, vhost: str = "/") -> None:
        """Take a binding (made without arguments) away again."""
        between = ("bindings", vhost, "e", binding.exchange, "q", binding.queue)
        for found in self._call("GET", *between):
            if found["routing_key"] == binding.routing_key and not found["arguments"]:
                self._call("DELETE", *between, found["properties_key"])

    # Messages: for trying things out, since every one of them costs an HTTP request

    def publish(
        self, body: bytes, routing_key: str, *, exchange: str = "", vhost: str = "/", **properties: object
    ) -> bool:
        """Publish a message; tell whether it was routed to a queue.

        The properties are those of AMQP: ``delivery_mode=2, headers={...}``.
        """
        message = {
            "routing_key": routing_key,
            "payload": base64.b64encode(body).decode(),
            "payload_encoding": "base64",
            "properties": properties,
        }
        answer = self._call("POST", "exchanges", vhost, exchange or "amq.default", "publish", body=message)
        return bool(answer["routed"])

    def get(self, queue: str, count: int = 1, *, keep: bool = False, vhost: str = "/") -> list[Message]:
        """Take up to ``count`` messages from a queue; ``keep`` puts them back, marked as redelivered."""
        mode = f"ack_requeue_{str(keep).lower()}"
        body = {"count": count, "ackmode": mode, "encoding": "base64"}
        return [_message(found) for found in self._call("POST", "queues", vhost, queue, "get", body=body)]


def _queue(found: Mapping[str, Any]) -> Queue:
    counts = found.get("messages"), found.get("consumers")
    return Queue(found["name"], found["type"], found["durable"], *counts)


def _message(found: Mapping[str, Any]) -> Message:
    return Message(
        base64.b64decode(found["payload"]),
        found["routing_key"],
        found["redelivered"],
        found["properties"] or {},  # the broker writes an empty object as an empty list
        found["message_count"],
    )


def _reason(answer: httpx.Response) -> str:
    """Return the broker's own words, which come in one of several places."""
    try:
        said = answer.json()
    except json.JSONDecodeError:
        said = {}
    reason = said.get("reason") or said.get("error") if isinstance(said, dict) else ""
    return str(reason or f"{answer.status_code} {answer.reason_phrase}")
