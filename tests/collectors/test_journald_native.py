"""journald:// into a real systemd-journald: every field of every entry, and 100,000 of them at full speed."""

from __future__ import annotations

import logging
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from corpus import ESCAPED, NASTY
from support.journald import Journald
from support.waiting import wait_until

from celery_syslog import SyslogHandler, bind, context
from celery_syslog.context import TaskContext

pytestmark = pytest.mark.xdist_group("journald")

TASK_ID = "3f2b9c0e-0000-4000-8000-123456789abc"


@pytest.fixture(scope="module")
def journal() -> Iterator[Journald]:
    """One journald for all tests of this file."""
    with Journald() as daemon:
        yield daemon


@contextmanager
def logging_to(journal: Journald, **settings: Any) -> Iterator[logging.Logger]:
    """A logger of its own with a handler for the journal, inside a task."""
    made = SyslogHandler(f"journald://{journal.socket}", **{"format": "%(message)s", **settings})
    logger = logging.Logger("shop.cart", logging.DEBUG)
    logger.addHandler(made)
    current = TaskContext(TASK_ID, "shop.pay", queue="mail", retries=0)
    context.set_task_provider(lambda: current)
    try:
        yield logger
    finally:
        context.set_task_provider(None)
        made.close()


def kept(name: str) -> str:
    """Return a text of the corpus as an entry has it: line feeds as they are, other controls escaped."""
    found = ESCAPED[name][1] if name in ESCAPED else NASTY[name]
    return found.replace("#012", "\n") if name in ESCAPED else found


def text(value: Any) -> str:
    """Return a field as journalctl shows it: one that is not all printable is a list of bytes."""
    return bytes(value).decode() if isinstance(value, list) else str(value)


def test_comes_back_as_sent(journal: Journald) -> None:
    """Every text of the corpus, as message and as a field, comes back; and all the other fields with it."""
    with logging_to(journal, facility="local3", ident="shop", task_format="%(message)s") as logger:
        for number, name in enumerate(NASTY):
            level = (10, 20, 25, 30, 40, 50)[number % 6]
            with bind(tenant='ä]"\\'):
                logger.log(level, "%s", NASTY[name], extra={"number": number, "note": NASTY[name]})
    wanted = "SYSLOG_IDENTIFIER=shop"
    wait_until(lambda: len(journal.messages(wanted)) == len(NASTY), "the entries")
    by_number = {entry["NUMBER"]: entry for entry in journal.messages(wanted)}
    for number, name in enumerate(NASTY):
        entry = by_number[str(number)]
        assert text(entry["MESSAGE"]) == kept(name), name
        assert text(entry["NOTE"]) == kept(name), name
        found = {field: entry[field] for field in ("PRIORITY", "SYSLOG_FACILITY", "TENANT", "LOGGER")}
        severity = ("7", "6", "5", "4", "3", "2")[number % 6]
        assert found == {
            "PRIORITY": severity,
            "SYSLOG_FACILITY": "19",
            "TENANT": 'ä]"\\',
            "LOGGER": "shop.cart",
        }
        assert (entry["CELERY_TASK_ID"], entry["CELERY_QUEUE"]) == (TASK_ID, "mail")
        assert (entry["CODE_FILE"], entry["CODE_FUNC"]) == (__file__, "test_comes_back_as_sent")
        assert entry["CODE_LINE"].isdigit()
        assert entry["SYSLOG_PID"] == entry["_PID"]
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)", entry["CELERY_TIMESTAMP"]
        )


def test_found_by_any_field(journal: Journald) -> None:
    """journalctl finds entries by what they are about: exception, event, a field of the user's."""
    with logging_to(journal, ident="found") as logger:
        try:
            raise KeyError("no such order")
        except KeyError:
            logger.exception("failed", extra={"order_id": 4711})
        logger.info("printed", extra={"syslog_event": "stdout"})
    wait_until(lambda: len(journal.messages("SYSLOG_IDENTIFIER=found")) == 2, "both entries")
    (failed,) = journal.messages("EXC_TYPE=KeyError", "ORDER_ID=4711", "PRIORITY=3")
    assert failed["TRACEBACK"].splitlines()[-1] == "KeyError: 'no such order'"
    assert failed["MESSAGE"].endswith(f"failed\n{failed['TRACEBACK']}")
    (printed,) = journal.messages("CELERY_EVENT=stdout", f"CELERY_TASK_ID={TASK_ID}")
    assert printed["MESSAGE"].endswith("printed")


def test_full_speed(journal: Journald) -> None:
    """100,000 entries at full speed: all of them once, in order."""
    count = 100_000
    with logging_to(journal, ident="speed", buffer=10**6) as logger:
        for number in range(count):
            logger.info("entry", extra={"number": number})
        assert logger.handlers[0].delivery.flush(60)  # type: ignore[attr-defined]

    def numbers() -> list[int]:
        command = [journal.journalctl, f"--namespace={journal.namespace}", "-o", "export"]
        command += ["--output-fields=NUMBER", "SYSLOG_IDENTIFIER=speed"]
        done = subprocess.run(command, capture_output=True, check=True, timeout=60)
        found = [int(number) for number in re.findall(rb"^NUMBER=(\d+)$", done.stdout, re.MULTILINE)]
        return found if len(found) >= count else []

    assert wait_until(numbers, "all entries") == list(range(count))
