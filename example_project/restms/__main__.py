"""``python -m example_project.restms``: see ``--help``."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from amqp.exceptions import AMQPError
from kombu.utils.url import maybe_sanitize_url

from celery_syslog import SyslogHandler
from celery_syslog.errors import ConfigurationError

from .refusal import Refused
from .server import Server

__all__ = ["main"]

_EPILOG = """\
There is no authentication: whoever reaches the port may use everything. So it listens on this machine
alone, unless --listen says otherwise. docs/amqp/restms.md walks through all of it with curl.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; 0 then, 2 if it could not begin."""
    parser = argparse.ArgumentParser(
        prog="python -m example_project.restms",
        description="Messaging over plain HTTP: a RestMS server in front of RabbitMQ.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--broker", metavar="URL", type=_broker, required=True, help="as in amqp://guest:guest@localhost//"
    )
    parser.add_argument("--listen", metavar="HOST:PORT", type=_address, default=("127.0.0.1", 8080))
    parser.add_argument("--syslog", metavar="URL", help="a collector (default: this machine's)")
    options = parser.parse_args(argv)
    try:
        _log_to(options.syslog)
        return _serve(options.broker, *options.listen)
    except (ConfigurationError, AMQPError, Refused, OSError) as error:
        shown = maybe_sanitize_url(options.broker)
        print(f"restms: cannot begin with {shown}: {error or type(error).__name__}", file=sys.stderr)
        return 2


def _serve(broker: str, host: str, port: int) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Server(broker, host, port) as server:
        print(f"RestMS at {server.url}/restms/domain/default", flush=True)
        stop.wait()
    return 0


def _log_to(collector: str | None) -> None:
    logger = logging.getLogger("restms")
    logger.setLevel(logging.INFO)
    logger.addHandler(SyslogHandler(collector, ident="restms", format="%(message)s"))


def _broker(text: str) -> str:
    try:
        if urlsplit(text).scheme in ("amqp", "amqps") and urlsplit(text).port != 0:
            return text
    except ValueError:
        pass
    # Without the text: it may hold a password.
    raise argparse.ArgumentTypeError("RabbitMQ's URL looks like amqp://user:password@host:port/vhost")


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not (host and port.isdigit() and int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host, int(port)


if __name__ == "__main__":
    sys.exit(main())
