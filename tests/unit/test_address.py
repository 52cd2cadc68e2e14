"""Collector URLs: what they mean, what is refused, and that no secret is ever printed."""

from __future__ import annotations

import pytest

from celery_syslog.address import SCHEMES, Address, parse_address, parse_addresses
from celery_syslog.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/dev/log", Address("unix", path="/dev/log")),
        ("@abstract", Address("unix", path="@abstract")),
        ("unix:///dev/log", Address("unix", path="/dev/log")),
        ("unix:///run/my%20log", Address("unix", path="/run/my log")),
        ("udp://logs.example", Address("udp", "logs.example", 514)),
        ("UDP://logs.example:5140", Address("udp", "logs.example", 5140)),
        ("tcp://logs.example", Address("tcp", "logs.example", 601)),
        ("tcp://[::1]:601/", Address("tcp", "::1", 601)),
        ("tcp://h?framing=lf", Address("tcp", "h", 601, options=(("framing", "lf"),))),
        ("tls://h?server_name=logs", Address("tls", "h", 6514, options=(("server_name", "logs"),))),
        ("relp://h", Address("relp", "h", 2514)),
        ("relp+tls://h:20", Address("relp+tls", "h", 20)),
        ("journald://", Address("journald", path="/run/systemd/journal/socket")),
        ("journald:///tmp/j", Address("journald", path="/tmp/j")),
        ("memory://here", Address("memory", path="here")),
    ],
)
def test_url_means(text: str, expected: Address) -> None:
    """Each URL form gives its scheme, place, default port and options."""
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", [name + "://x.example:99" for name in SCHEMES if SCHEMES[name].port])
def test_printed_form_parses_to_the_same(text: str) -> None:
    """str() of a network address is a URL for the same address."""
    address = parse_address(text)
    assert parse_address(str(address))[:5] == address[:5]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dev/log", "not an absolute path"),
        ("tpc://h", "did you mean tcp://"),
        ("unix://dev/log", "unix:///dev/log"),
        ("unix://", "needs a socket path"),
        ("tcp://", "needs a host"),
        ("tcp://h:0", "1 to 65535"),
        ("tcp://h:99999", "not a valid host and port"),
        ("tcp://h:port", "not a valid host and port"),
        ("tcp://[::1", "not a valid host and port"),
        ("tcp://h/path", "a path is not used"),
        ("tcp://h?framing=nul", "framing must be octet or lf"),
        ("tcp://h?framming=lf", "did you mean framing?"),
        ("udp://h?framing=lf", "allowed: none"),
        ("unix:///dev/log?x=1", "takes no options"),
        ("tcp://user:hunter2@h", "takes no user name or password"),
    ],
)
def test_wrong_url_is_refused_with_help(text: str, says: str) -> None:
    """A wrong URL gives one clear sentence that shows no secret."""
    with pytest.raises(ConfigurationError) as caught:
        parse_address(text)
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("show", [str, repr])
def test_credentials_are_never_printed(show: object) -> None:
    """Neither str() nor repr() of an AMQP address has its user name or password."""
    address = parse_address("amqp://rabbit:hunter2@mq.example:5673/logs")
    text = show(address)  # type: ignore[operator]
    assert "mq.example:5673/logs" in text
    assert "hunter2" not in text
    assert "rabbit:" not in text
    assert address.secret_url == "amqp://rabbit:hunter2@mq.example:5673/logs"


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        (None, []),
        ("", []),
        ("/a;/b", ["/a", "/b"]),
        ("/a ; /b ;", ["/a", "/b"]),
        (["/a", "/b;/c"], ["/a", "/b", "/c"]),
        (("/a",), ["/a"]),
    ],
)
def test_lists_keep_failover_order(value: object, paths: list[str]) -> None:
    """Strings and lists give the addresses in the order they were written."""
    assert [address.path for address in parse_addresses(value)] == paths


def test_every_part_of_a_list_is_judged() -> None:
    """All wrong parts of a list are named, not only the first."""
    with pytest.raises(ConfigurationError) as caught:
        parse_addresses("tpc://a;/dev/log;upd://b")
    assert len(caught.value.faults) == 2


@pytest.mark.parametrize("value", [1, [1], object()])
def test_other_types_are_refused(value: object) -> None:
    """What is neither text nor a list of text is a clear error."""
    with pytest.raises(ConfigurationError):
        parse_addresses(value)
