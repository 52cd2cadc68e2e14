"""Fixtures for tests that need collectors, brokers and workers."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from support.celery_project import Project
from support.inbox import Inbox
from support.rabbitmq import RabbitMq
from support.rsyslog import Rsyslog
from support.waiting import short_folder

# A shell's background job ignores Ctrl-C, and so would every process that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def collector() -> Iterator[Inbox]:
    """The package's receiver on a unix datagram socket."""
    with Inbox() as inbox:
        yield inbox


@pytest.fixture
def rsyslog() -> Iterator[Rsyslog]:
    """A private rsyslogd on a unix socket, TCP and UDP."""
    with Rsyslog(network=True) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMq]:
    """A private RabbitMQ node, one for all tests of this process."""
    with RabbitMq() as node:
        yield node


@pytest.fixture
def make_project() -> Iterator[Callable[..., Project]]:
    """Make Celery projects: ``make_project(config, **options)``; see Project."""
    with ExitStack() as stack:

        def make(config: dict[str, Any], **options: Any) -> Project:
            project = Project(stack.enter_context(short_folder()), config, **options)
            stack.callback(project.close)
            return project

        yield make
