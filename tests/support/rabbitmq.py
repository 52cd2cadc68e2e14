"""A private RabbitMQ node with an epmd of its own, so that nothing is left behind."""

from __future__ import annotations

import os
import socket
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from .daemon import Daemon
from .waiting import free_port, missing, program

__all__ = ["RabbitMq"]

#: The wrapper on PATH switches to another user and cookie, so the script behind it is started.
_SCRIPTS = ("/usr/lib/rabbitmq/bin", "/usr/local/sbin", "/opt/rabbitmq/sbin")


class RabbitMq(Daemon):
    """One RabbitMQ node on a free port; ``url`` is what Celery takes as ``broker_url``."""

    name = "rabbitmq"

    def __init__(self) -> None:
        found = [folder for folder in _SCRIPTS if Path(folder, "rabbitmq-server").exists()]
        self.scripts = found[0] if found else missing("rabbitmq-server is not installed")
        self.epmd_program = program("epmd", *map(str, Path("/usr/lib/erlang").glob("erts-*/bin")))
        super().__init__()
        self.port = free_port()
        self.node = f"cs{uuid.uuid4().hex[:8]}@localhost"
        self._epmd: subprocess.Popen[bytes] | None = None
        self._env = self._environment()

    def _environment(self) -> dict[str, str]:
        plugins, config = self.folder / "plugins", self.folder / "rabbitmq.conf"
        plugins.write_text("[].\n")
        config.write_text(f"listeners.tcp.default = 127.0.0.1:{self.port}\n")
        return {
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_DIST_PORT": str(free_port()),
        }

    @property
    def url(self) -> str:
        """The broker's URL."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def command(self) -> list[str]:
        """Run the node in the foreground."""
        return [f"{self.scripts}/rabbitmq-server"]

    def environment(self) -> Mapping[str, str]:
        """Keep everything the node writes in the private folder."""
        return self._env

    def start(self) -> None:
        """Start the name server first: otherwise the node starts one that outlives it."""
        if self._epmd is None:
            self._epmd = subprocess.Popen(
                [self.epmd_program, "-port", self._env["ERL_EPMD_PORT"]],
                env={**os.environ, **self._env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        super().start()

    def ready(self) -> bool:
        """Tell whether it speaks AMQP: it answers a wrong greeting with its own and hangs up."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as probe:
                probe.sendall(b"AMQP\x00\x00\x00\x00")
                return probe.recv(8).startswith(b"AMQP")
        except OSError:
            return False

    def close(self) -> None:
        """Stop the node, then its name server."""
        super().close()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None
