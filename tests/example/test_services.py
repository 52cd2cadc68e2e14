"""The demo on a real broker and a real collector."""

from __future__ import annotations

import json

from demo_process import Starter, finish
from support.rabbitmq import RabbitMq
from support.rsyslog import Rsyslog


def test_rabbitmq_and_rsyslog(start: Starter, rabbitmq: RabbitMq, rsyslog: Rsyslog) -> None:
    """Each expected line comes to rsyslog once, with its severity, from tasks sent over RabbitMQ."""
    status, out, err = finish(
        start("--json", "--broker", rabbitmq.url, "--syslog", rsyslog.url, "--log-file", str(rsyslog.output))
    )
    assert (status, err) == (0, ""), out
    found = json.loads(out)
    assert found["expected"] == found["arrived"] > 80
    tag = f"example-{found['run']}"
    assert {line.ident for line in rsyslog.lines()} == {tag}
    assert len({line.pid for line in rsyslog.lines()}) >= 4, "the main process, two children, a new one"
