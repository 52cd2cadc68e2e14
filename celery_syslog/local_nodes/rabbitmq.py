"""A private RabbitMQ node: its own folder, ports and Erlang name server, all gone with it."""

from __future__ import annotations

import glob
import os
import shutil
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from .process import LocalProcess

__all__ = ["MissingProgram", "RabbitMqProcess"]

#: Debian's command on PATH is a wrapper that changes user and cookie: the script behind it comes first.
_SERVERS = (
    "/usr/lib/rabbitmq/bin",
    "/opt/homebrew/sbin",
    "/usr/local/sbin",
    "/opt/rabbitmq/sbin",
    "/usr/sbin",
)
_NAME_SERVERS = ("/usr/lib/erlang/erts-*/bin", "/usr/local/lib/erlang/erts-*/bin", "/opt/homebrew/bin")


class MissingProgram(Exception):
    """A program that a node needs is not installed."""


class RabbitMqProcess(LocalProcess):
    """One RabbitMQ node at a free port of the loopback address. Raises MissingProgram."""

    def __init__(self, folder: Path) -> None:
        server = _program("rabbitmq-server", _SERVERS)
        self._name_server = _program("epmd", _NAME_SERVERS)
        self.port, name_port, own_port = (_free_port() for _ in range(3))
        config, plugins = folder / "rabbitmq.conf", folder / "plugins"
        lines = (f"listeners.tcp.default = 127.0.0.1:{self.port}", "log.console = true", "log.file = false")
        config.write_text("\n".join(lines) + "\n")
        plugins.write_text("[].\n")
        env = {
            "HOME": str(folder),  # where Erlang's cookie is
            "ERL_EPMD_PORT": str(name_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"node{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_DIST_PORT": str(own_port),
        }
        super().__init__("rabbitmq", [server], env, folder)
        self._names: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the name server first: the node would start one that outlives it."""
        if self._names is None:
            self._names = subprocess.Popen(
                [self._name_server, "-port", self.env["ERL_EPMD_PORT"]],
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        super().start()

    def close(self) -> None:
        """End the node and its name server; nothing it holds is kept."""
        self.kill()
        if self._names is not None:
            self._names.kill()
            self._names.wait()
            self._names = None


def _program(name: str, folders: Iterable[str]) -> str:
    found = (folder for pattern in folders for folder in sorted(glob.glob(pattern), reverse=True))
    path = os.pathsep.join([*found, os.environ.get("PATH", "")])
    program = shutil.which(name, path=path)
    if program is None:
        raise MissingProgram(f"no Docker engine answers, and {name} is not installed")
    return program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
