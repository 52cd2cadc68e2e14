"""The command line: what can be said, and what is wrong with what was said."""

import argparse
import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kombu.utils.url import maybe_sanitize_url

from celery_syslog.address import Address, parse_addresses
from celery_syslog.errors import ConfigurationError

__all__ = ["Options", "Problem", "parse"]

_EPILOG = """\
examples:
  python -m example_project                                all by itself, no service needed
  python -m example_project --set syslog_level=WARNING     what lost lines look like
  python -m example_project --broker amqp://guest:guest@localhost// \\
      --syslog unix:///dev/log --log-file /var/log/syslog

exit status: 0 every expected line arrived once, 1 it did not, 2 it could not run, 130 Ctrl-C
"""


class Problem(Exception):
    """Something the user has to mend before the demo can run; the text says what and how."""


class Options(NamedTuple):
    """What the command line said."""

    broker: str | None
    syslog: str | None
    log_file: Path | None
    tasks: int
    quiet: bool
    json: bool
    timeout: float
    set: dict[str, Any]

    @property
    def broker_shown(self) -> str:
        """The broker's URL as it may be shown, without the password."""
        return str(maybe_sanitize_url(self.broker or ""))

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The collectors of ``--syslog``."""
        return parse_addresses(self.syslog)


def parse(argv: Sequence[str] | None) -> Options:
    """Return the options; argparse ends the process for ``--help`` (0) and for mistakes (2)."""
    parser = argparse.ArgumentParser(
        prog="python -m example_project",
        description="Run Celery tasks that log in every way, and check that syslog gets every line.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--broker", metavar="URL", help="amqp://guest:guest@localhost// or redis://localhost")
    add("--syslog", metavar="URL", help="a collector, e.g. unix:///dev/log")
    add("--log-file", metavar="FILE", type=Path, help="the file that collector writes: to count its lines")
    add("--tasks", metavar="N", type=_count, default=1, help="rounds of tasks (default 1)")
    add("--timeout", metavar="S", type=float, help="seconds it may take (default 50, and 10 a round)")
    add("--quiet", action="store_true", help="only the table")
    add("--json", action="store_true", help="only the table, as one JSON object")
    add("--set", metavar="KEY=VALUE", action="append", type=_setting, default=[], help="set app.conf.KEY")
    found = vars(parser.parse_args(argv))
    found["timeout"] = found["timeout"] or 50.0 + 10.0 * found["tasks"]
    options = Options(**{**found, "set": dict(found["set"])})
    if options.log_file and not options.syslog:
        parser.error("--log-file: only of use with --syslog")
    try:
        assert options.addresses is not None
    except ConfigurationError as error:
        parser.error(f"--syslog: {error}")
    return options


def _count(text: str) -> int:
    if text.isdigit() and 1 <= int(text) <= 1000:
        return int(text)
    raise argparse.ArgumentTypeError("a number from 1 to 1000")


def _setting(text: str) -> tuple[str, Any]:
    """Return key and value; a value that is no Python literal is text."""
    key, equals, value = text.partition("=")
    if not key.isidentifier() or not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: KEY=VALUE")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value
