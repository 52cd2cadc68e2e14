"""The example project's private RabbitMQ node, for tests: skipped, or failed, where it is not installed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from .waiting import missing

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # last: the package under test is the installed one, where there is one

from example_project.node import NodeMissing, PrivateNode  # noqa: E402

__all__ = ["RabbitMq"]


class RabbitMq(PrivateNode):
    """One RabbitMQ node on a free port; ``url`` is what Celery takes as ``broker_url``."""

    def __init__(self, plugins: Iterable[str] = (), config: Iterable[str] = ()) -> None:
        try:
            super().__init__(plugins, config)
        except NodeMissing as error:
            missing(str(error))
