"""A private Redis on a free port that writes nothing to disk."""

from __future__ import annotations

import socket

from .daemon import Daemon
from .waiting import free_port, program

__all__ = ["Redis"]


class Redis(Daemon):
    """One redis-server on the loopback address; ``url`` is what Celery takes as ``broker_url``."""

    name = "redis"

    def __init__(self) -> None:
        self.program = program("redis-server")
        super().__init__()
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """Run it in the foreground, with nothing but memory."""
        address = ["--bind", "127.0.0.1", "--port", str(self.port)]
        return [self.program, *address, "--save", "", "--appendonly", "no", "--daemonize", "no"]

    def ready(self) -> bool:
        """Tell whether it answers."""
        try:
            return self.ask("PING") == "+PONG"
        except OSError:
            return False

    def ask(self, command: str) -> str:
        """Send one command and return its answer as Redis writes it, up to 64 KiB."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(65536).decode().strip()
