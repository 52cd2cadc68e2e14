"""A private RabbitMQ node: its own folder, ports and name server, gone without a trace afterwards.

Needs the programs of the package ``rabbitmq-server`` and nothing else: no service has to run, and one that
does is not touched. The node knows nothing before it is started and forgets everything when it is closed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TypeVar

__all__ = ["NodeFailed", "NodeMissing", "PrivateNode"]

#: The wrapper on PATH switches to another user and cookie, so the scripts behind it are started.
_SCRIPTS = ("/usr/lib/rabbitmq/bin", "/usr/local/sbin", "/opt/rabbitmq/sbin")
#: Seconds a node may take to start, on a machine that has much else to do.
_PATIENCE = 90.0

N = TypeVar("N", bound="PrivateNode")


class NodeMissing(Exception):
    """RabbitMQ or Erlang's name server is not installed."""


class NodeFailed(Exception):
    """The node did not start, or a command to it failed; the text ends with what it said."""


class PrivateNode:
    """One node, started and ready inside ``with``; ``url`` is what Kombu and Celery take.

    ``plugins`` are enabled from the start, ``config`` holds further lines of ``rabbitmq.conf``. Nothing is
    started before ``start()`` or ``with``. Raises NodeMissing when made, NodeFailed when started.
    """

    def __init__(self, plugins: Iterable[str] = (), config: Iterable[str] = ()) -> None:
        self.scripts, self.epmd_program = _scripts(), _epmd_program()
        self.port = free_port()
        self.node = f"cs{uuid.uuid4().hex[:8]}@localhost"
        self.folder = Path(tempfile.mkdtemp(prefix="cs-", dir="/tmp"))
        self.log = self.folder / "rabbitmq.log"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._env = self._environment(plugins, config)

    def _environment(self, plugins: Iterable[str], config: Iterable[str]) -> dict[str, str]:
        enabled, settings = self.folder / "plugins", self.folder / "rabbitmq.conf"
        enabled.write_text(f"[{','.join(plugins)}].\n")
        settings.write_text("\n".join([f"listeners.tcp.default = 127.0.0.1:{self.port}", *config, ""]))
        return {
            "HOME": str(self.folder),  # where Erlang keeps the cookie that lets rabbitmqctl in
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(enabled),
            "RABBITMQ_CONFIG_FILE": str(settings),
            "RABBITMQ_DIST_PORT": str(free_port()),
        }

    @property
    def url(self) -> str:
        """The broker's URL, for the user ``guest`` and the virtual host ``/``."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def environment(self) -> Mapping[str, str]:
        """Return what is added to the environment of the node and of the commands about it."""
        return self._env

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        if "epmd" not in self._processes:
            # The name server first: otherwise the node starts one that outlives it.
            self._run("epmd", [self.epmd_program, "-port", self._env["ERL_EPMD_PORT"]])
        self._run("node", [f"{self.scripts}/rabbitmq-server"])
        deadline = time.monotonic() + _PATIENCE
        while not self.ready():
            if self._processes["node"].poll() is not None or time.monotonic() > deadline:
                raise NodeFailed(f"the private RabbitMQ node did not start: {self.told()}")
            time.sleep(0.05)

    def _run(self, name: str, command: list[str]) -> None:
        with self.log.open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                env={**os.environ, **self.environment()},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we stop the node when we are done with it
            )

    def ready(self) -> bool:
        """Tell whether it speaks AMQP: it answers a wrong greeting with its own and hangs up."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as probe:
                probe.sendall(b"AMQP\x00\x00\x00\x00")
                return probe.recv(8).startswith(b"AMQP")
        except OSError:
            return False

    def ctl(self, *arguments: str, program: str = "rabbitmqctl") -> str:
        """Run ``rabbitmqctl`` (or ``rabbitmq-diagnostics`` ...) on this node and return what it printed."""
        done = subprocess.run(
            [f"{self.scripts}/{program}", *arguments],
            env={**os.environ, **self.environment()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
        )
        if done.returncode:
            raise NodeFailed(f"{program} {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def told(self) -> str:
        """Return the end of what it printed."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def stop(self) -> None:
        """Ask it to end (SIGTERM) and wait; kill it if it does not."""
        node = self._processes.get("node")
        if node is None:
            return
        node.terminate()
        try:
            node.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
        self._processes.pop("node", None)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL): nothing is flushed."""
        node = self._processes.pop("node", None)
        if node is not None:
            os.killpg(node.pid, signal.SIGKILL)  # its own group: the script's child too
            node.wait()

    def restart(self) -> None:
        """Stop it and start it again on the same port, with what it kept on disk."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the node, then its name server, and remove the folder."""
        try:
            self.stop()
        finally:
            epmd = self._processes.pop("epmd", None)
            if epmd is not None:
                epmd.kill()
                epmd.wait()
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self: N) -> N:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _scripts() -> str:
    for folder in _SCRIPTS:
        if Path(folder, "rabbitmq-server").exists():
            return folder
    raise NodeMissing("rabbitmq-server is not installed")


def _epmd_program() -> str:
    places = [os.environ.get("PATH", ""), *map(str, Path("/usr/lib/erlang").glob("erts-*/bin"))]
    found = shutil.which("epmd", path=os.pathsep.join(places))
    if found is None:
        raise NodeMissing("epmd, Erlang's name server, is not installed")
    return found
