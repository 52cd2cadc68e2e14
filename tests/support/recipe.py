"""rsyslogd or syslog-ng run with a configuration that ``celery syslog config`` printed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from click.testing import CliRunner

from celery_syslog.cli import syslog

from .daemon import Daemon
from .syslog_ng import installation
from .waiting import program, wait_until

__all__ = ["Collector", "printed"]


def printed(*arguments: str) -> str:
    """Return what ``celery syslog config`` prints."""
    result = CliRunner().invoke(syslog, ["config", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


class Collector(Daemon):
    """The daemon of ``name`` with the text that ``make`` gives for it, once its folder is known."""

    def __init__(self, name: str, make: Callable[[Collector], str], ready: Callable[[], bool]) -> None:
        self.name = name
        self.libraries: list[str] = []
        if name == "rsyslog":
            self.program = program("rsyslogd")
        else:
            self.program, self.libraries = installation()
        super().__init__()
        self._ready = ready
        self.files = self.folder / "files"
        self.socket = self.folder / "log"
        self.pid_file = self.folder / "pid"
        self.config = self.folder / "conf"
        self.config.write_text(make(self))

    def environment(self) -> Mapping[str, str]:
        """Let an unpacked syslog-ng find its own libraries."""
        return {"LD_LIBRARY_PATH": os.pathsep.join(self.libraries)} if self.libraries else {}

    def command(self) -> list[str]:
        """Run in the foreground with everything in the private folder."""
        if self.name == "rsyslog":
            return [self.program, "-n", "-f", str(self.config), "-i", str(self.pid_file)]
        files = {
            "-f": self.config,
            "-p": self.pid_file,
            "-c": self.folder / "ctl",
            "-R": self.folder / "persist",
        }
        options = [part for flag, path in files.items() for part in (flag, str(path))]
        modules = [f"--module-path={self.libraries[-1]}"] if self.libraries else []
        return [self.program, "-F", "--no-caps", *options, *modules]

    def ready(self) -> bool:
        """Tell whether it takes messages."""
        return self._ready()

    def written(self, ident: str, count: int) -> list[str]:
        """Wait for as many lines in the file of an ident and return them."""
        path = self.files / f"{ident}.log"

        def lines() -> list[str]:
            found = path.read_text().splitlines() if path.exists() else []
            return found if len(found) >= count else []

        def there() -> str:
            return f"{sorted(self.files.glob('*'))} {self.told()}"

        return wait_until(lines, f"{count} lines in {path}", detail=there)
