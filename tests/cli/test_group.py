"""What all commands share: help, hints, exit statuses, colour, completion, and a price of nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from support.command import run

from celery_syslog.cli import syslog

COMMANDS = ("check", "send", "settings", "listen", "decode", "config", "spool")


def command(name: str) -> click.Command:
    """One of the commands."""
    found = syslog.get_command(click.Context(syslog), name)
    assert found is not None
    return found


def test_an_unrelated_command_loads_nothing() -> None:
    """The entry point is loaded by every celery command: it brings the package's front door and click."""
    code = (
        "import sys, click, importlib, typing, os; before = set(sys.modules); import celery_syslog.cli; "
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == ["celery_syslog", "celery_syslog.cli"]


def test_help_of_the_group(folder: Path) -> None:
    """A new user sees every command with a line about it, and where to begin."""
    shown = run(folder, "syslog", "--help")
    assert shown.returncode == 0
    for name in COMMANDS:
        (line,) = [line for line in shown.stdout.splitlines() if line.startswith(f"  {name} ")]
        assert line.endswith("."), "cut short"
        assert not line.endswith("..."), "cut short"
    assert "Where to begin" in shown.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_and_exit_statuses(name: str) -> None:
    """Every command shows how it is used and how it ends."""
    context = click.Context(command(name), info_name=f"celery syslog {name}")
    text = command(name).get_help(context)
    assert "Examples:" in text
    if name != "spool":
        assert "Exit status:" in text


@pytest.mark.parametrize(
    ("arguments", "status", "hint"),
    [
        (["lisen"], 2, "No such command 'lisen'. Did you mean listen?"),
        (["spool", "lst"], 2, "list"),
        (["listen", "--severty", "err"], 2, "--severity"),
        (["listen", "--severity", "eror", "udp://127.0.0.1:0"], 2, "did you mean error?"),
        (["config", "ryslog"], 2, "'rsyslog'"),
        (["send", "--url", "udb://host", "hi"], 1, "did you mean udp://?"),
        (["config", "rsyslog", "--folder", 'a"b'], 2, "would have to quote"),
        (["config", "syslog-ng", "--url", "relp://host"], 1, "it can on unix, udp, tcp, tls"),
    ],
)
def test_mistakes_get_a_hint(arguments: list[str], status: int, hint: str) -> None:
    """What is nearly right is recognised; wrong usage is status 2."""
    failed = CliRunner().invoke(syslog, arguments)
    assert failed.exit_code == status
    assert hint in failed.output.splitlines()[-1]


def test_a_typo_on_the_real_command_line(folder: Path) -> None:
    """The hint comes through Celery's own program."""
    failed = run(folder, "syslog", "chek")
    assert failed.returncode == 2
    assert failed.stderr.endswith("Error: No such command 'chek'. Did you mean check?\n")


@pytest.mark.parametrize("name", ["check", "settings", "send"])
def test_without_an_app_the_way_is_shown(folder: Path, name: str) -> None:
    """A command that needs an app says how to name one."""
    failed = run(folder, "syslog", name, *(["hi"] if name == "send" else []))
    assert failed.returncode == 2
    assert f"which app? As in: celery -A proj syslog {name}" in failed.stderr


def test_an_app_of_celeryconfig_is_one(folder: Path) -> None:
    """Celery's own way without -A, a celeryconfig module, works as well."""
    (folder / "celeryconfig.py").write_text("syslog_url = '/from/celeryconfig'\n")
    shown = run(folder, "syslog", "settings", "--changed")
    assert "unix:///from/celeryconfig" in shown.stdout


def test_completion_offers_commands_and_values() -> None:
    """Shell completion by click knows the commands, and the names that an option takes."""

    def offered(arguments: list[str], incomplete: str) -> list[str]:
        shell = ShellComplete(syslog, {}, "syslog", "_SYSLOG_COMPLETE")
        return [item.value for item in shell.get_completions(arguments, incomplete)]

    assert offered([], "s") == ["send", "settings", "spool"]
    assert offered(["listen", "--severity"], "e") == ["emerg", "err"]
    assert offered(["send", "--facility"], "local7") == ["local7"]
    assert offered(["config"], "sys") == ["syslog-ng"]
