"""One RestMS server in this process, on the private RabbitMQ."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection
from restms_client import Client
from support.rabbitmq import RabbitMq

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # last: the package under test is the installed one, where there is one

from example_project.restms.server import Server  # noqa: E402


@pytest.fixture(scope="session")
def server(rabbitmq: RabbitMq) -> Iterator[Server]:
    """A server on a free port."""
    with Server(rabbitmq.url) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Client:
    """A client of it."""
    return Client(server.url)


@pytest.fixture
def amqp(rabbitmq: RabbitMq) -> Iterator[Any]:
    """A plain AMQP channel on the same broker."""
    with Connection(rabbitmq.url) as connection, connection.channel() as channel:
        yield channel
