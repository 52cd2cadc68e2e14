"""What the tests of RabbitMQ's administration share: a private node with the management plugin."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.waiting import missing

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # last: the package under test is the installed one, where there is one

from example_project.admin.nodes import ManagedNode  # noqa: E402
from example_project.node import NodeMissing  # noqa: E402


@pytest.fixture(scope="session")
def managed() -> Iterator[ManagedNode]:
    """A private node with the management plugin, one for all tests of this process."""
    try:
        node = ManagedNode()
    except NodeMissing as error:
        missing(str(error))
    with node:
        yield node
