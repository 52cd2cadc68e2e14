"""What a real rsyslogd makes of our messages."""

from __future__ import annotations

import logging
import logging.config
import os
from collections.abc import Iterator

import pytest
from support.inbox import settle
from support.line import wait_for_line
from support.rsyslog import Rsyslog

from celery_syslog import SyslogHandler


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger of its own whose handlers are closed at the end."""
    logger = logging.getLogger("collectors")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def test_fields(rsyslog: Rsyslog, logger: logging.Logger) -> None:
    """Facility, severity, tag and process id are parsed out of the header; the text is whole."""
    logger.addHandler(SyslogHandler(rsyslog.url, facility="local5", ident="shop"))
    levels = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
    for name in levels:
        getattr(logger, name)("said %s: ÄÖÜ €, 100 %%", name)
    lines = wait_for_line(rsyslog, "said", len(levels))
    for line, (name, severity) in zip(lines, levels.items(), strict=True):
        assert (line.facility, line.severity, line.ident, line.pid) == (21, severity, "shop", os.getpid())
        assert line.text == f"{name.upper()}:collectors:said {name}: ÄÖÜ €, 100 %"


def test_control_characters(rsyslog: Rsyslog, logger: logging.Logger) -> None:
    """Line breaks, colours and NUL neither start a second message nor get through."""
    logger.addHandler(SyslogHandler(rsyslog.url, format="%(message)s"))
    logger.info("one\ntwo\r\nthree\x1b[31mred\0end\x7f<11>forged: \n<0>kernel: panic")
    logger.info("last")
    wait_for_line(rsyslog, "last")
    lines = settle(rsyslog)
    assert len(lines) == 2
    assert lines[0].text == ("one#012two#015#012three#033[31mred#000end#177<11>forged: #012<0>kernel: panic")


def test_long_text(rsyslog: Rsyslog, logger: logging.Logger) -> None:
    """A text over the limit comes in numbered parts that make it up again, none cut by rsyslog."""
    logger.addHandler(SyslogHandler(rsyslog.url, format="%(message)s"))
    text = " ".join(f"w{number:05}" for number in range(3000))
    logger.info(text)
    logger.info("last")
    wait_for_line(rsyslog, "last")
    parts = [line.text for line in settle(rsyslog)][:-1]
    count = len(parts)
    assert [part.partition(") ")[0] for part in parts] == [f"(part {n}/{count}" for n in range(1, count + 1)]
    assert "".join(part.partition(") ")[2] for part in parts) == text


def test_restart(rsyslog: Rsyslog, logger: logging.Logger) -> None:
    """Nothing is lost and nothing comes twice over two restarts."""
    logger.addHandler(SyslogHandler(rsyslog.url, format="%(message)s"))
    for number in range(3):
        logger.info("up %d", number)
        wait_for_line(rsyslog, f"up {number}")
        rsyslog.stop()
        logger.info("down %d", number)
        rsyslog.start()
        wait_for_line(rsyslog, f"down {number}")
    texts = [line.text for line in settle(rsyslog)]
    assert texts == [f"{state} {number}" for number in range(3) for state in ("up", "down")]


def test_as_in_dict_config(rsyslog: Rsyslog) -> None:
    """The handler is a plain one, usable without Celery."""
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"syslog": {"class": "celery_syslog.SyslogHandler", "url": rsyslog.url}},
        "loggers": {"collectors.dict": {"handlers": ["syslog"], "level": "INFO", "propagate": False}},
    }
    logging.config.dictConfig(config)
    logger = logging.getLogger("collectors.dict")
    try:
        logger.info("configured")
        assert wait_for_line(rsyslog, "configured")[0].text == "INFO:collectors.dict:configured"
    finally:
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
            handler.close()
