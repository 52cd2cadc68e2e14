"""What must be there before anything is started; what is missing is said in one line."""

import os
import stat
from collections.abc import Callable, Iterable
from typing import Any

from celery_syslog.address import Address

from .options import Problem

__all__ = ["check_broker", "check_connection", "check_platform", "check_syslog"]


def check_platform() -> None:
    """Raise Problem where Celery's prefork pool does not run."""
    if not hasattr(os, "fork"):
        raise Problem("this demo needs processes that fork: Linux, macOS, or WSL on Windows")


def check_syslog(addresses: Iterable[Address]) -> None:
    """Raise Problem if a local socket is not there: datagrams to nowhere would tell nobody."""
    for address in addresses:
        if address.scheme != "unix" or address.path.startswith("@"):
            continue
        try:
            if stat.S_ISSOCK(os.stat(address.path).st_mode):
                continue
            reason = "is not a socket"
        except OSError as error:
            reason = f"cannot be used ({error.strerror})"
        raise Problem(
            f"{address.path} {reason}; apt-get install rsyslog gives you a collector, "
            "and without --syslog the demo brings its own receiver"
        )


def check_broker(url: str) -> None:
    """Raise Problem if the broker does not let us in."""
    from .celery import app

    check_connection(url, app.connection_for_write, "without --broker the demo uses a folder")


def check_connection(url: str, connect: Callable[[], Any], otherwise: str) -> None:
    """Raise Problem if there is no connection to the broker; it says how to get one, or do without."""
    scheme = url.partition(":")[0]
    shown = f"{scheme}://"
    try:
        with connect() as connection:
            shown = connection.as_uri()  # without the password
            connection.connect()
    except Exception as error:  # each of Kombu's transports has its own, down to KeyError and ImportError
        server = "redis-server" if scheme.startswith("redis") else "rabbitmq-server"
        port = "6379:6379 redis" if scheme.startswith("redis") else "5672:5672 rabbitmq"
        raise Problem(
            f"cannot use the broker {shown}: {_reason(error)}; apt-get install {server} or "
            f"docker run -p {port} gives you one, and {otherwise}"
        ) from None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error.args[0] if isinstance(error, KeyError) else error) or type(error).__name__
