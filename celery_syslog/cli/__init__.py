"""``celery syslog …``: loaded on every celery command, so each command's module only when it is used."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import click

__all__ = ["syslog"]

#: Command -> the module with it, as ``command``.
_COMMANDS = {
    "check": ".check",
    "send": ".send",
    "settings": ".settings",
    "listen": ".listen",
    "decode": ".decode",
    "config": ".config",
    "spool": ".spool",
}


class _Group(click.Group):
    """Knows its commands by name and loads one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        command: click.Command = import_module(place, __name__).command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command named; a hint comes with the error for one that is nearly right."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], _COMMANDS, 1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]}?", error.ctx) from None


_EPILOG = """
\b
Where to begin:
  celery -A proj syslog check                    is everything as it should be?
  celery syslog listen udp://127.0.0.1:5514      look at lines without a syslog daemon
  celery syslog config rsyslog                   what to put into the daemon's configuration
  celery -A proj inspect syslog                  what the running workers have sent

\b
Exit status of every command:
  0 done; 1 failed, one line says why; 2 wrong usage; 130 interrupted
"""


@click.group(cls=_Group, epilog=_EPILOG)
@click.pass_context
def syslog(ctx: click.Context, /, **_: Any) -> None:
    """Syslog delivery: check it, look at it, and set up the collector."""
    # click leaves colour out where there is no terminal; these are the other reasons (no-color.org).
    if getattr(ctx.obj, "no_color", False) or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        ctx.color = False
