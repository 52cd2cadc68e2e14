"""What a real syslog-ng makes of our messages."""

from __future__ import annotations

import logging
import os

from support.line import wait_for_line
from support.syslog_ng import SyslogNg

from celery_syslog import SyslogHandler


def test_fields() -> None:
    """Priority, program, process id and the escaped text come out as they went in, over a restart."""
    logger = logging.getLogger("collectors.syslog-ng")
    logger.propagate = False
    with SyslogNg() as daemon:
        handler = SyslogHandler(daemon.url, facility="daemon", ident="shop", format="%(message)s")
        logger.addHandler(handler)
        try:
            logger.error("first: ÄÖÜ\n<0>forged")
            line = wait_for_line(daemon, "first")[0]
            assert (line.facility, line.severity, line.ident, line.pid) == (3, 3, "shop", os.getpid())
            assert line.text == "first: ÄÖÜ#012<0>forged"
            daemon.kill()
            logger.error("while away")
            daemon.start()
            assert wait_for_line(daemon, "while away")[0].text == "while away"
            assert len(daemon.lines()) == 2
        finally:
            logger.removeHandler(handler)
            handler.close()
