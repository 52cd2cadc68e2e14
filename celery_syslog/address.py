"""Where a collector listens: URLs and socket paths, parsed once into values that print no secret."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from .errors import ConfigurationError

__all__ = ["SCHEMES", "Address", "Scheme", "parse_address", "parse_addresses"]


class Scheme(NamedTuple):
    """What a URL scheme stands for: its default port (None: a socket path or name) and options."""

    port: int | None
    options: Mapping[str, tuple[str, ...]]  # option -> allowed values; () allows any


_FRAMING = {"framing": ("octet", "lf")}
_NAME = {"server_name": ()}

#: The schemes of every transport; DESIGN: unix, udp, tcp, tls, relp, relp+tls, journald, amqp, memory.
SCHEMES: Mapping[str, Scheme] = {
    "unix": Scheme(None, {}),
    "udp": Scheme(514, {}),
    "tcp": Scheme(601, _FRAMING),
    "tls": Scheme(6514, {**_FRAMING, **_NAME}),
    "relp": Scheme(2514, {}),
    "relp+tls": Scheme(2514, _NAME),
    "journald": Scheme(None, {}),
    "amqp": Scheme(5672, {}),
    "amqps": Scheme(5671, {}),
    "memory": Scheme(None, {}),
}

JOURNALD_SOCKET = "/run/systemd/journal/socket"


class Address(NamedTuple):
    """One collector. ``str()`` and ``repr()`` give its URL without user name and password."""

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    options: tuple[tuple[str, str], ...] = ()
    secret_url: str = ""  # the URL as written, where credentials matter (AMQP)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe="")
        place = f"{host}:{self.port}" if self.host else ""
        query = "?" + "&".join(f"{k}={quote(v, safe='')}" for k, v in self.options) if self.options else ""
        return f"{self.scheme}://{place}{quote(self.path)}{query}"

    def __repr__(self) -> str:
        return f"<Address {self}>"

    def option(self, name: str, default: str = "") -> str:
        """Return the URL's ``?name=value`` option."""
        return dict(self.options).get(name, default)


def parse_addresses(value: object) -> tuple[Address, ...]:
    """Return the addresses of a path, a URL, a ``;``-separated string or a list, in failover order.

    None and the empty string give (), which stands for the local socket, found at connect time.
    Raises ConfigurationError with a fault for each part that is wrong.
    """
    parts = _parts(value)
    found: list[Address] = []
    faults: list[str] = []
    for part in parts:
        try:
            found.append(parse_address(part))
        except ConfigurationError as error:
            faults += error.faults
    if faults:
        raise ConfigurationError(faults)
    return tuple(found)


def _parts(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split(";") if part.strip()]
    if isinstance(value, Iterable):
        items = list(value)
        if all(isinstance(item, str) for item in items):
            return [part for item in items for part in _parts(item)]
    raise ConfigurationError("a path, a URL, or a list of them is expected")


def parse_address(text: str) -> Address:
    """Return the address a socket path or URL names.

    Raises ConfigurationError; its text never repeats a user name or password.
    """
    if text.startswith(("/", "@")):
        return Address("unix", path=text)
    name, colon, rest = text.partition("://")
    scheme = SCHEMES.get(name.lower())
    if not colon or scheme is None:
        near = difflib.get_close_matches(name.lower(), SCHEMES, 1, 0.5) if colon else []
        hint = f"; did you mean {near[0]}://?" if near else ""
        shown = f"scheme {name!r}" if colon else "no scheme and not an absolute path"
        raise ConfigurationError(f"{shown}: a path like /dev/log or one of {', '.join(SCHEMES)}{hint}")
    name = name.lower()
    if name == "amqp" or name == "amqps":
        return _amqp(name, text, scheme)
    return _local(name, rest) if scheme.port is None else _network(name, scheme, rest)


def _local(name: str, rest: str) -> Address:
    path, _, query = rest.partition("?")
    path = unquote(path)
    if query:
        raise ConfigurationError(f"{name}:// takes no options")
    if name == "journald":
        path = path or JOURNALD_SOCKET
    if not path or "\0" in path:
        raise ConfigurationError(f"{name}:// needs a {'name' if name == 'memory' else 'socket path'}")
    if name != "memory" and not path.startswith(("/", "@")):
        raise ConfigurationError(f"{name}:// needs an absolute path: {name}:///{path}")
    return Address(name, path=path)


def _split(name: str, rest: str, port: int) -> tuple[str, int, str, str]:
    """Return host, port, path and query; the error text shows nothing that could be a password."""
    try:
        parts = urlsplit(f"//{rest}")
        host = unquote(parts.hostname or "")
        number = parts.port
    except ValueError:
        raise ConfigurationError(f"{name}://: not a valid host and port") from None
    if not host:
        raise ConfigurationError(f"{name}:// needs a host: {name}://logs.example.org:{port}")
    if number == 0:
        raise ConfigurationError(f"{name}://{host}: port must be 1 to 65535")
    return host, number or port, parts.path, parts.query


def _network(name: str, scheme: Scheme, rest: str) -> Address:
    if "@" in rest.split("?")[0]:
        raise ConfigurationError(f"{name}:// takes no user name or password")
    host, port, path, query = _split(name, rest, scheme.port or 0)
    faults = [f"{name}://{host}: a path is not used here"] if path not in ("", "/") else []
    options = parse_qsl(query, keep_blank_values=True)
    for key, value in options:
        if key not in scheme.options:
            near = difflib.get_close_matches(key, scheme.options, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            allowed = ", ".join(scheme.options) or "none"
            faults.append(f"{name}://{host}: unknown option {key!r}, allowed: {allowed}{hint}")
        elif scheme.options[key] and value not in scheme.options[key]:
            faults.append(f"{name}://{host}: {key} must be {' or '.join(scheme.options[key])}")
    if faults:
        raise ConfigurationError(faults)
    return Address(name, host, port, options=tuple(options))


def _amqp(name: str, text: str, scheme: Scheme) -> Address:
    host, port, path, _ = _split(name, text.partition("://")[2], scheme.port or 0)
    return Address(name, host, port, path, secret_url=text)
