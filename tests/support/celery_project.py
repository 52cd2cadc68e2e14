"""A folder with a Celery project's settings, the processes that run it and a client that sends tasks."""

from __future__ import annotations

import json
import pprint
import uuid
from pathlib import Path
from typing import Any

from celery import Celery

from .folder import register
from .process import CeleryProcess
from .waiting import DEADLINE, wait_until

__all__ = ["Project"]

_OLD_NAMES = {"imports": "CELERY_IMPORTS"}


class Project:
    """The project of ``support.project`` with the configuration a test states.

    ``style`` says how the settings are written: ``plain``, ``upper`` (Celery's old names) or
    ``django`` (a CELERY_ namespace). ``install`` is ``call``, ``auto`` (through ``imports``),
    ``both`` or "".
    The broker is a folder unless ``broker`` gives a URL.
    """

    def __init__(
        self,
        folder: Path,
        config: dict[str, Any],
        *,
        install: str = "call",
        style: str = "plain",
        overrides: dict[str, Any] | None = None,
        logging: str = "",
        schedule: str = "",
        broker: str = "",
    ) -> None:
        self.folder = folder
        self.boot = uuid.uuid4().hex[:12]
        for name in ("queue", "control", "results"):
            (folder / name).mkdir()
        self.broker = broker
        if install in ("auto", "both"):
            config = {"imports": ["celery_syslog.auto"], **config}
        self._write_settings({**self._broker(), **config}, style)
        conf = {
            "FOLDER": str(folder),
            "BOOT": self.boot,
            "INSTALL": install,
            "OVERRIDES": overrides or {},
            "LOGGING": logging,
            "SCHEDULE": schedule,
            "NAMESPACE": "CELERY" if style == "django" else None,
        }
        self._write("conf", conf)
        self.client = Celery("client", set_as_current=False)
        self.client.conf.update(self._broker(), task_ignore_result=True)
        self._connection = self.client.connection_for_write()

    def _broker(self) -> dict[str, Any]:
        if self.broker:
            return {"broker_url": self.broker}
        folders = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}
        options: dict[str, Any] = {key: str(self.folder / name) for key, name in folders.items()}
        options |= {"polling_interval": 0.05}
        return {"broker_url": register(), "broker_transport_options": options}

    def _write_settings(self, config: dict[str, Any], style: str) -> None:
        if style == "django":
            config = {f"CELERY_{key.upper()}": value for key, value in config.items()}
        elif style == "upper":
            config = {_OLD_NAMES.get(key, key.upper()): value for key, value in config.items()}
        self._write("settings", config)

    def _write(self, module: str, values: dict[str, Any]) -> None:
        text = "".join(f"{name} = {pprint.pformat(value)}\n" for name, value in values.items())
        (self.folder / f"{module}.py").write_text(text)

    def worker(self, *arguments: str, tty: bool = False) -> CeleryProcess:
        """Return a worker at level INFO; not started yet."""
        quick = () if self.broker else ("--without-mingle", "--without-gossip")
        level = () if "-l" in arguments else ("-l", "INFO")
        return CeleryProcess(self.folder, "worker", *level, *quick, *arguments, tty=tty)

    def beat(self, *arguments: str) -> CeleryProcess:
        """Return a beat; not started yet."""
        files = ("-s", str(self.folder / "schedule"))
        return CeleryProcess(self.folder, "beat", "-l", "INFO", *files, *arguments, marker="beat")

    def send(self, name: str, *arguments: Any, **options: Any) -> str:
        """Send a task and return its id."""
        sent = self.client.send_task(f"proj.{name}", arguments, connection=self._connection, **options)
        return str(sent.id)

    def outcome(self, task_id: str, timeout: float = DEADLINE) -> dict[str, Any]:
        """Wait for a task's ``state``, ``result`` and ``pid``."""
        file = self.folder / "results" / task_id
        wait_until(file.exists, f"task {task_id} to end", timeout=timeout, detail=self._consoles)
        outcome: dict[str, Any] = json.loads(file.read_text())
        return outcome

    def wait_idle(self, tasks: int) -> None:
        """Wait until the worker's main process knows of as many ended tasks.

        A task's own process is sooner done than the main one has acknowledged the task's message, and a
        message that is not acknowledged at a restart is delivered again.
        """
        wait_until(lambda: self._ask("active") == [] and self._total() >= tasks, "the worker to be idle")

    def wait_children(self, count: int) -> None:
        """Wait until as many pool children, replacements included, have been started.

        billiard loses its way when it is stopped while it replaces a child: it logs a death twice, or
        never ends.
        """
        self._wait_marks("children", count)

    def wait_asleep(self) -> None:
        """Wait until beat has nothing to do for the next half second.

        Its SIGTERM handler closes the schedule's file, also in the middle of a look into it.
        """
        self._wait_marks("asleep", len(self._marks("asleep")) + 1)

    def _marks(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().split() if file.exists() else []

    def _wait_marks(self, name: str, count: int) -> None:
        wait_until(lambda: len(self._marks(name)) >= count, f"{count} lines in {name}", detail=self._consoles)

    def _ask(self, what: str) -> Any:
        ask = self.client.control.broadcast
        replies = ask(what, reply=True, limit=1, timeout=5, connection=self._connection)
        return next(iter(replies[0].values())) if replies else None

    def _total(self) -> int:
        return sum((self._ask("stats") or {}).get("total", {}).values())

    def _consoles(self) -> str:
        files = (self.folder / "out", self.folder / "err")
        return "\n".join(file.read_text(errors="replace")[-3000:] for file in files if file.exists())

    def close(self) -> None:
        """Close the client's connection, its own: kombu's pools are shared by all clients of a URL."""
        self._connection.release()
        self.client.close()
