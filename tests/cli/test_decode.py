"""``celery syslog decode``: captured messages made readable, strictly or not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.command import run

from celery_syslog.cli import syslog

TASK = "9a6f5f0c-6f0e-4a8e-8a57-5d1f6a5a9d0e"
CHILD = "11111111-6f0e-4a8e-8a57-5d1f6a5a9d0e"
STRUCTURED = (
    f'<14>1 2026-11-24T10:00:00.25Z web1 celery 12 succeeded [celery@32473 task_id="{TASK}" '
    f'task_name="shop.pay"][extra@32473 order="7 8"] INFO:shop:paid'
)
ROWS = (
    STRUCTURED,
    f'<11>1 2026-11-24T10:00:01Z web1 celery 12 - [celery@32473 task_id="{CHILD}" root_id="{TASK}"] no money',
    f"<13>Nov  3 10:15:42 billing[42]: INFO:proj:proj.add[{TASK}]: adding",
    '<30>Nov  3 10:15:42 celery[42]: @cee: {"message": "hi", "severity": "info", "a": {"b": 1}}',
)


def decoded(data: str, *options: str) -> Result:
    """Run it over some input."""
    return CliRunner().invoke(syslog, ["decode", *options], input=data)


def objects(data: str, *options: str) -> list[dict[str, object]]:
    """The messages as JSON."""
    result = decoded(data, "--json", *options)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def lines(*rows: str) -> str:
    """Messages one a line."""
    return "".join(f"{row}\n" for row in rows)


def counted(*rows: str) -> str:
    """Messages in octet counting."""
    return "".join(f"{len(row.encode())} {row}" for row in rows)


@pytest.mark.parametrize("framed", [lines, counted])
def test_json_holds_every_field(framed: Callable[..., str]) -> None:
    """Header, task, structured data and payload become one object, whatever the framing."""
    found = objects(framed(*ROWS))
    assert found[0] == {
        "timestamp": "2026-11-24T10:00:00.250000+00:00",
        "facility": "user",
        "severity": "info",
        "hostname": "web1",
        "ident": "celery",
        "pid": 12,
        "event": "succeeded",
        "task_id": TASK,
        "task_name": "shop.pay",
        "message": "INFO:shop:paid",
        "fields": {"order": "7 8"},
    }
    assert (found[2]["task_id"], found[2]["task_name"]) == (TASK, "proj.add")
    assert (found[3]["message"], found[3]["fields"]) == ("hi", {"a": {"b": 1}})


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (("--task", TASK), [0, 1, 2]),
        (("--task", TASK[:8]), [0, 1, 2]),
        (("--task", CHILD[:8]), [1]),
        (("--severity", "err"), [1]),
        (("--severity", "5"), [1, 2]),
        (("--ident", "billing"), [2]),
        (("--ident", "billing", "--ident", "celery", "--severity", "notice"), [1, 2]),
    ],
)
def test_filters(options: tuple[str, ...], wanted: list[int]) -> None:
    """By task (with its children, by the id's start), severity and above, and ident."""
    every = objects(lines(*ROWS))
    assert objects(lines(*ROWS), *options) == [every[number] for number in wanted]


def test_descendants_are_followed_by_parent() -> None:
    """A task's grandchildren are known through their parents, also when it is no root itself."""
    grandchild = "22222222-6f0e-4a8e-8a57-5d1f6a5a9d0e"
    rows = [
        f'<14>1 - - c - - [celery@32473 task_id="{one}" root_id="r" parent_id="{parent}"] m'
        for one, parent in ((TASK, "r"), (CHILD, TASK), (grandchild, CHILD), ("other", "r"))
    ]
    assert [row["task_id"] for row in objects(lines(*rows), "--task", TASK)] == [TASK, CHILD, grandchild]


def test_a_person_sees_aligned_lines() -> None:
    """Time with date, severity, sender, short id, text and fields; no colour without a terminal."""
    shown = decoded(lines(STRUCTURED)).output
    assert shown.endswith(
        'info    celery[12]     9a6f5f0c INFO:shop:paid  event=succeeded order="7 8" task_name=shop.pay\n'
    )
    assert "\x1b" not in shown


def test_nothing_drives_the_terminal() -> None:
    """Control characters come out in octal, in every part of a message."""
    hostile = '<14>1 - - c\x1b[2J - \x1b]0;x\x07 [a@1 b="\x1b[1m"] text \x1b[31m \x9b31m \r over'
    for options in ((), ("--json",)):
        shown = decoded(lines(hostile), *options).output
        assert all(char == "\n" or char.isprintable() for char in shown), repr(shown)


def test_strict_reports_and_fails() -> None:
    """Each message that breaks its RFC is named with its place; the others are shown; status 1."""
    result = decoded(lines(STRUCTURED, "no priority", "<14>1 bad"), "--strict")
    assert result.exit_code == 1
    assert result.stderr.startswith("message 2: PRI: ")
    assert "message 3: " in result.stderr
    assert "2 of 3 messages break their RFC" in result.stderr
    assert result.stdout.count("\n") == 1


def test_lenient_guesses() -> None:
    """Without --strict everything is shown."""
    assert [row["message"] for row in objects("no priority\n")] == ["no priority"]


def test_broken_framing_is_one_line() -> None:
    """A stream that loses its count ends with what was wrong, and a way out."""
    result = decoded(counted(STRUCTURED) + "garbage")
    assert result.exit_code == 1
    assert "octet counting: a length was expected" in result.stderr
    assert "--framing lf" in result.stderr


def test_real_command(folder: Path) -> None:
    """From a file and from standard input, without -A; a file that is not there is one line."""
    (folder / "capture").write_text(lines(*ROWS))
    by_file = run(folder, "syslog", "decode", "capture")
    assert by_file.returncode == 0
    assert by_file.stdout == run(folder, "syslog", "decode", text=lines(*ROWS)).stdout
    assert by_file.stdout.count("\n") == len(ROWS)
    missing = run(folder, "syslog", "decode", "nowhere")
    assert missing.returncode == 2
    assert "nowhere" in missing.stderr.splitlines()[-1]
