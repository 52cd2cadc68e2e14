"""The worker of ``support.shop``, to listen to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from .command import Running, start

__all__ = ["TASKS", "shop_worker"]

#: Ids of the two tasks that the worker starts: order 7 is paid, order 13 fails.
TASKS = ("9a6f5f0c-6f0e-4a8e-8a57-5d1f6a5a9d0e", "c31e0d57-91b2-4f0a-a1be-08b9c1f7e6aa")


@contextlib.contextmanager
def shop_worker(folder: Path) -> Iterator[Running]:
    """Run the worker, with its queue in ``folder`` and ``folder/log`` for its lines."""
    for name in ("queue", "control"):
        (folder / name).mkdir(exist_ok=True)
    arguments = ("-l", "INFO", "-c", "1", "-n", "worker@shop", "--without-mingle", "--without-gossip")
    env = {"SHOP_FOLDER": str(folder), "SHOP_TASKS": " ".join(TASKS)}
    with start(folder, "-A", "support.shop", "worker", *arguments, **env) as running:
        yield running
