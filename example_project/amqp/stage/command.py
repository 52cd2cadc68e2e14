"""The command line: list the lessons, or run some of them."""

import argparse
import importlib
import logging
import os
import signal
import sys
from ast import get_docstring, parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from kombu import Connection

from celery_syslog.address import parse_addresses
from celery_syslog.errors import ConfigurationError

from ...checks import check_syslog
from ...node import NodeFailed, NodeMissing, PrivateNode
from ...options import Problem
from ...show import Screen
from .. import LESSONS
from .perform import perform
from .stage import Failed

__all__ = ["main"]

_INSTALL = "apt-get install rabbitmq-server"
_HOW = f"{_INSTALL}, then --private for one of its own or --url amqp://guest:guest@localhost//"
_EPILOG = """\
examples:
  python -m example_project.amqp                       list the lessons
  python -m example_project.amqp hello                 in memory, no broker needed
  python -m example_project.amqp confirms --private    on a RabbitMQ node of its own
  python -m example_project.amqp all --private         one after the other, on one node
  python -m example_project.amqp rpc --url amqp://guest:guest@localhost//

exit status: 0 all that was claimed happened, 1 it did not, 2 it could not run, 130 Ctrl-C
"""


def main(argv: Sequence[str] | None = None) -> int:
    """List or run, and return the exit status."""
    options = _options(argv)
    # A service manager's or a test's way to end us is to clean up as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # py-amqp tells what it ignores while a connection ends; nobody needs to read that.
    logging.getLogger("amqp").addHandler(logging.NullHandler())
    screen = Screen()
    try:
        if options.lessons:
            _run(options, screen)
        else:
            _list(screen)
    except (Problem, NodeFailed) as problem:
        print(f"example_project.amqp: {problem}", file=sys.stderr)
        return 2
    except Failed as claim:
        print(f"example_project.amqp: this did not happen: {claim}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever read our output is gone; Python would complain about it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _options(argv: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(
        prog="python -m example_project.amqp",
        description="AMQP by code that runs: each lesson shows one thing on RabbitMQ, through Kombu.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("lessons", metavar="LESSON", nargs="*", help="which to run, or all; none lists them")
    broker = parser.add_mutually_exclusive_group()
    broker.add_argument("--url", metavar="URL", help="the broker, e.g. amqp://guest:guest@localhost//")
    broker.add_argument("--private", action="store_true", help="start a RabbitMQ node for this run only")
    parser.add_argument("--syslog", metavar="URL", help="a collector, e.g. unix:///dev/log")
    options = parser.parse_args(argv)
    known = {_name(module): module for module in LESSONS}
    options.all = options.lessons == ["all"]
    names = list(known) if options.all else options.lessons
    for name in names:
        if name not in known:
            parser.error(f"no lesson {name!r}; there are {', '.join(known)}")
    options.lessons = [known[name] for name in names]
    try:
        options.addresses = parse_addresses(options.syslog)
    except ConfigurationError as error:
        parser.error(f"--syslog: {error}")
    return options


def _name(module: str) -> str:
    return module.rpartition(".")[2]


def _list(screen: Screen) -> None:
    screen.say("The lessons; python -m example_project.amqp LESSON runs one, --help tells the rest.")
    width = max(len(_name(module)) for module in LESSONS)
    for number, module in enumerate(LESSONS, 1):
        screen.say(f"  {number:2}  {screen.paint(_name(module).ljust(width), 'bold')}  {_first_line(module)}")
    screen.say(f"A broker: {_HOW}")


def _first_line(module: str) -> str:
    """Return what a lesson shows without importing it, and with it what only that lesson needs."""
    spec = find_spec(module)
    assert spec is not None, module
    assert spec.origin is not None, module
    return (get_docstring(parse(Path(spec.origin).read_text("utf-8"))) or "").partition("\n")[0]


def _run(options: Any, screen: Screen) -> None:
    check_syslog(options.addresses)
    if options.url:
        _reach(options.url)
    if not options.all:
        for module in options.lessons:
            _lesson(module)  # what is missing is better said before a node is started
    with _broker(options, screen) as node:
        for module in options.lessons:
            try:
                lesson = _lesson(module)
                url = node.url if node else _url(lesson, options.url, screen)
            except Problem as problem:
                if not options.all:
                    raise
                screen.say(f"Left out: {str(problem).partition(': ')[0]}.")
            else:
                perform(lesson, url, node, options.syslog, screen)
            screen.say()


def _lesson(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise Problem(f"{_name(module)} needs {error.name}: pip install {error.name}") from None


@contextmanager
def _broker(options: Any, screen: Screen) -> Iterator[PrivateNode | None]:
    if not options.private:
        yield None
        return
    try:
        node = PrivateNode()
    except NodeMissing as error:
        raise Problem(f"{error}: {_INSTALL}, or --url for a broker elsewhere") from None
    screen.say("Starting a private RabbitMQ node; it goes when we do.")
    with node:
        yield node


def _url(lesson: ModuleType, url: str | None, screen: Screen) -> str:
    """Return the URL for a lesson that has no private node, or raise Problem if it needs one."""
    name = _name(lesson.__name__)
    if hasattr(lesson, "PRIVATE"):
        raise Problem(f"{name} {lesson.PRIVATE}, so it needs a broker of its own: --private")
    if url or not getattr(lesson, "BROKER", True):
        return url or ""
    if not hasattr(lesson, "MEMORY"):
        raise Problem(f"{name} needs RabbitMQ: {_HOW}")
    screen.say(f"No broker was named, so this runs in memory. What differs: {lesson.MEMORY}.")
    screen.say(f"To have one: {_HOW}")
    return "memory://"


def _reach(url: str) -> None:
    """Raise Problem if the broker does not let us in."""
    shown = f"{url.partition(':')[0]}://"
    try:
        with Connection(url, connect_timeout=5) as connection:
            shown = connection.as_uri()  # without the password
            connection.connect()
    except Exception as error:  # each of Kombu's transports has its own, down to KeyError and ImportError
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Problem(f"cannot use the broker {shown}: {reason}; {_HOW}") from None
