"""A soft time limit always reaches the task, also when it hits inside a log call or a print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from support.celery_project import Project
from support.inbox import Inbox

from celery_syslog.receiver import Limits

MakeProject = Callable[..., Project]

HOW = ("log", "print", "library", "slow")
EACH = 9


@pytest.mark.long
@pytest.mark.parametrize("console", [True, False], ids=["console", "no-console"])
def test_none_is_swallowed(make_project: MakeProject, console: bool) -> None:
    """36 tasks that log, print, use a library's logger or a slow handler without pause catch it."""
    with Inbox(limits=Limits(messages=1000)) as collector:
        project = make_project({"syslog_url": collector.url, "syslog_console": console})
        with project.worker("-c", "4"):
            sent = {
                project.send("loop", how, f"{number}", 15.0, soft_time_limit=0.5, time_limit=60): how
                for number in range(EACH)
                for how in HOW
            }
            ends = Counter((how, project.outcome(task)["result"]) for task, how in sent.items())
        assert ends == {(how, "caught"): EACH for how in HOW}
