"""What a real systemd-journald makes of our messages on its ``dev-log`` socket."""

from __future__ import annotations

import logging
import os

from support.journald import Journald
from support.line import wait_for_line

from celery_syslog import SyslogHandler


def test_fields() -> None:
    """Priority, facility, identifier and process id become the journal's fields."""
    logger = logging.getLogger("collectors.journald")
    logger.propagate = False
    with Journald() as daemon:
        handler = SyslogHandler(daemon.url, facility="local1", ident="shop", format="%(message)s")
        logger.addHandler(handler)
        try:
            logger.warning("first: ÄÖÜ\n<0>forged")
            line = wait_for_line(daemon, "first")[0]
        finally:
            logger.removeHandler(handler)
            handler.close()
    assert (line.facility, line.severity, line.ident, line.pid) == (17, 4, "shop", os.getpid())
    assert line.text == "first: ÄÖÜ#012<0>forged"
