"""What all commands share: how they end, and the words for it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import click
from celery.bin.base import CeleryCommand

from celery_syslog.errors import SyslogError

__all__ = ["INTERRUPTED", "Command", "json_line", "json_option", "words"]

#: What a shell expects of a command that Ctrl-C ended (128 + SIGINT).
INTERRUPTED = 130


class Command(CeleryCommand):  # type: ignore[misc] # Celery has no types
    """A command that never ends in a traceback for what is no mistake of ours.

    Ctrl-C: status 130. A reader that went away (``| head -1``): status 0. SyslogError: one line, 1.
    """

    format_options = click.Command.format_options  # ours need no groups

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            _give_up_stdout()
            ctx.exit(0)
        except SyslogError as error:
            raise click.ClickException(words(error)) from error


def words(error: BaseException) -> str:
    """Return what an error says, without its number: ``No such file or directory``."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _give_up_stdout() -> None:
    """Let what is still in stdout's buffer go nowhere, or Python complains about it at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        pass  # no real stdout: nothing can complain


def json_line(values: Mapping[str, Any]) -> None:
    """Print one JSON object on one line; what JSON does not know is printed as its text."""
    click.echo(json.dumps(values, ensure_ascii=False, default=str))


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
