"""pytest-celery's containers, over a process of this machine instead of Docker's container."""

from __future__ import annotations

import time
from typing import Any

from pytest_celery import CeleryTestContainer, RabbitMQContainer
from pytest_docker_tools.exceptions import ContainerFailed, ContainerNotReady

__all__ = ["LocalRabbitMQContainer", "local"]

#: Seconds a node may take to become ready, on a busy machine.
_TIMEOUT = 120.0


def local(cls: type[CeleryTestContainer]) -> type[CeleryTestContainer]:
    """Return a container class that waits for the process it wraps, and is otherwise ``cls``."""

    class Local(cls):  # type: ignore[misc]
        def ready(self) -> bool:
            """Wait until it is ready, counted from its last start. Raises ContainerFailed if it ends."""
            deadline = time.monotonic() + _TIMEOUT
            while True:
                if self.status != "running":
                    raise ContainerFailed(self, f"{self.name} has ended:\n{self.logs()}")
                if (self.ready_prompt or "") in self._container.fresh_logs():
                    return True
                if time.monotonic() > deadline:
                    raise ContainerNotReady(self, f"{self.name} was not ready in {_TIMEOUT:g} s")
                time.sleep(0.02)

        def teardown(self) -> None:
            """Nothing: the fixture that started the process ends it."""

    Local.__name__ = Local.__qualname__ = f"Local{cls.__name__}"
    return Local


class LocalRabbitMQContainer(local(RabbitMQContainer)):  # type: ignore[misc]
    """The broker's container class with the node's own port, which is the same inside and outside."""

    @property
    def port(self) -> int:
        """The port at 127.0.0.1."""
        return int(self._container.port)

    @property
    def hostname(self) -> str:
        """The loopback address."""
        return "127.0.0.1"

    @property
    def url(self) -> str:
        """The broker's URL."""
        return str(self.host_url)

    @property
    def host_url(self) -> str:
        """The broker's URL."""
        return f"{self.prefix()}{self.hostname}:{self.port}/{self.vhost}"

    def delete_queue(self, name: str) -> None:
        """Delete a queue with what is in it; one that is not there is fine."""
        client: Any = self.client
        with client as connection, connection.channel() as channel:
            channel.queue_delete(name)
