"""RELP and journald on the transports page: rsyslogd takes its rsyslog, and its fields are an entry's."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from support.entry import parse_entry
from support.waiting import program

from celery_syslog.address import parse_address
from celery_syslog.context import TASK_FIELDS, TaskContext, set_task_provider
from celery_syslog.events import TASK_DATA
from celery_syslog.formatters import encoder_for
from celery_syslog.settings import settings_from

PAGE = (Path(__file__).parents[2] / "docs" / "transports.md").read_text()
PAGE = PAGE.partition("\n## RELP\n")[2].partition("\n## Failover\n")[0]
RSYSLOG = re.findall(r"```text rsyslog\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(RSYSLOG)))
def test_rsyslog_takes_it(number: int, tmp_path: Path) -> None:
    """Each configuration passes rsyslogd's own check, with files in the places it names."""
    text = RSYSLOG[number]
    authority = trustme.CA()
    issued = authority.issue_cert("logs.example.org")
    for name, pem in (("ca.pem", authority.cert_pem), ("collector.key", issued.private_key_pem)):
        pem.write_to_path(tmp_path / name)
    issued.cert_chain_pems[0].write_to_path(tmp_path / "collector.pem")
    file = tmp_path / "rsyslog.conf"
    file.write_text(
        text.replace("/etc/ssl", str(tmp_path)) + '\n*.* action(type="omfile" file="/dev/null")\n'
    )
    command = [program("rsyslogd"), "-N1", "-f", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_urls_are_understood() -> None:
    """Every URL of a setting on the page is one."""
    found = re.findall(r'syslog_url = "([^"]+)"', PAGE)
    assert found
    for url in found:
        parse_address(url)


def test_fields() -> None:
    """The table names the fields of an entry, all of them, and no others."""
    table = PAGE.partition("| field | holds |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([A-Z_]{2,})`", table.replace("`ISO`", "")))
    settings = settings_from(url="journald://", task_data=True)
    encode = encoder_for(settings, settings.url[0], "celery")
    data = {"id": "1", "name": "x", "return_value": "1", "runtime": 1.0, "args": "()", "kwargs": "{}"}
    try:
        raise ValueError("x")
    except ValueError:
        made = logging.LogRecord("celery.app.trace", 20, "t.py", 1, "done", (data,), sys.exc_info(), "f", "s")
    made.__dict__.update(data=data, otelTraceID="1", otelSpanID="2")
    task = TaskContext(**dict.fromkeys(TASK_FIELDS, "1"))  # type: ignore[arg-type]
    set_task_provider(lambda: task)
    try:
        fields = {name for name, _ in parse_entry(encode(made)[0])}
    finally:
        set_task_provider(None)
    assert {f"CELERY_{name.upper()}" for name in TASK_DATA} <= fields
    assert named == fields
