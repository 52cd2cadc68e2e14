"""The public names as a user writes them: ``mypy --strict`` must find nothing here, and each type as told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from celery import Celery
from typing_extensions import assert_type

from celery_syslog import SyslogHandler, SyslogReceiver, __version__, bind, install, uninstall
from celery_syslog.errors import ConfigurationError, SyslogError, WaitTimeout
from celery_syslog.receiver import Limits
from celery_syslog.wire.message import Message

assert_type(__version__, str)

app = Celery("shop")
assert_type(install(app), None)
install(app, url=["tls://logs.example.org", "/dev/log"], format="json", fields={"env": "prod"})
uninstall(app)


@bind(component="till")
def sell(item: str, count: int = 1) -> float:
    """Keep its own signature under the decorator."""
    with bind(item=item, count=count):
        logging.getLogger(__name__).info("sold", extra={"item": item})
    return 1.5 * count


assert_type(sell("tea"), float)

handler: logging.Handler = SyslogHandler("/dev/log", facility="local0", format="json", protocol="rfc5424")


def test_messages(syslog_receiver: SyslogReceiver) -> None:
    """Use everything a receiver has."""
    everything = syslog_receiver.wait_for(2)
    assert_type(everything, list[Message])
    one = syslog_receiver.wait_for(lambda message: message.task_id == "a1", timeout=2.5)
    assert_type(one, Message)
    assert_type(one.fields["n"], Any)
    assert_type(one.pid, int | None)
    assert_type(syslog_receiver.state, Literal["reading", "paused", "stopped"])
    assert_type(syslog_receiver.raw, list[bytes])
    assert_type(syslog_receiver.dropped, dict[str, int])
    for message in syslog_receiver.follow(timeout=0):
        assert_type(message.message, str)


def test_more(make_syslog_receiver: Callable[..., SyslogReceiver], tmp_path: Path) -> None:
    """Make them by hand and by fixture."""
    made = make_syslog_receiver("tcp://127.0.0.1:0", limits=Limits(messages=10))
    assert_type(made.url, str)
    with SyslogReceiver(tmp_path / "log", kind="stream") as receiver:
        assert_type(receiver, SyslogReceiver)
        receiver.pause()
    try:
        SyslogReceiver("relp://127.0.0.1")
    except ConfigurationError as error:
        assert_type(str(error), str)
        assert issubclass(WaitTimeout, SyslogError)
        assert issubclass(WaitTimeout, AssertionError)
