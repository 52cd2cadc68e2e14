"""A collector in a process of its own that pauses, restarts and goes away when told to."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

from support.waiting import DEADLINE

__all__ = ["Collector"]


class Mill:
    """The process: reads everything as it comes, and commands from stdin, one a line."""

    def __init__(self, path: str, stream: bool) -> None:
        self.path = path
        self.stream = stream
        self.lines: list[bytes] = []
        self.tails: dict[socket.socket, bytes] = {}
        self.listener: socket.socket | None = None
        self.paused = False

    def start(self) -> None:
        """Bind, and listen where there are connections."""
        kind = socket.SOCK_STREAM if self.stream else socket.SOCK_DGRAM
        self.listener = socket.socket(socket.AF_UNIX, kind)
        self.listener.bind(self.path)
        self.listener.setblocking(False)
        if self.stream:
            self.listener.listen(64)

    def stop(self) -> None:
        """End as a careful daemon does: no new senders, no more from the old, take what came."""
        if self.listener is None:
            return
        os.unlink(self.path)
        if self.stream:
            self.accept()
        ends = list(self.tails) if self.stream else [self.listener]
        for end in ends:
            end.shutdown(socket.SHUT_RD)
            self.read(end)
        for end in [*self.tails, self.listener]:
            end.close()
        self.tails.clear()
        self.listener = None

    def restart(self, gap: str) -> None:
        """Stop, stay away for ``gap`` seconds, start."""
        self.stop()
        time.sleep(float(gap))
        self.start()

    def pause(self) -> None:
        """Read nothing any more."""
        self.paused = True

    def resume(self) -> None:
        """Read again."""
        self.paused = False

    def count(self) -> int:
        """Return how many messages came."""
        return len(self.lines)

    def dump(self, file: str) -> None:
        """Write what came, as JSON."""
        Path(file).write_text(json.dumps([line.decode("latin-1") for line in self.lines]))

    def accept(self) -> None:
        """Take all waiting connections."""
        assert self.listener is not None
        try:
            while True:
                connection, _ = self.listener.accept()
                connection.setblocking(False)
                self.tails[connection] = b""
        except BlockingIOError:
            pass

    def read(self, end: socket.socket) -> None:
        """Take what a socket has now."""
        try:
            for _ in range(1000):
                data = end.recv(1 << 16)
                if not data:
                    break
                if self.stream:
                    # The standard library ends its messages with NUL, the package with LF.
                    data = self.tails[end] + data.replace(b"\0", b"\n")
                    *whole, self.tails[end] = data.split(b"\n")
                    self.lines += whole
                else:
                    self.lines.append(data)
            else:
                return
            self.tails.pop(end, None)
            end.close()
        except (BlockingIOError, ConnectionResetError):
            pass

    def run(self) -> None:
        """Read and obey until stdin ends."""
        commands = open(0, "rb", buffering=0)  # noqa: SIM115 - for the life of the process
        self.start()
        while True:
            ends: list[socket.socket] = []
            if not self.paused and self.listener is not None:
                ends = [self.listener, *self.tails]
            ready, _, _ = select.select([commands, *ends], [], [])
            for end in ready:
                if end is self.listener and self.stream:
                    self.accept()
                elif end is not commands:
                    self.read(end)
            if commands in ready and not self.obey(commands.readline().decode().split()):
                return

    def obey(self, words: list[str]) -> bool:
        """Carry out a command and answer; False at the end."""
        if not words:
            return False
        answer = getattr(self, words[0])(*words[1:])
        print(json.dumps(answer), flush=True)
        return True


class Collector:
    """The tests' end of that process: ``with Collector(path) as collector: collector("pause")``."""

    def __init__(self, path: Path, *, stream: bool = False) -> None:
        self.path = path
        self._stream = stream
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Collector:
        command = [sys.executable, "-m", "support.chaos.collector", str(self.path), str(int(self._stream))]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self("count")
        return self

    def __call__(self, *command: object) -> int:
        """Have a command carried out; returns its answer, 0 where it has none."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(" ".join(map(str, command)).encode() + b"\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline()) or 0

    def lines(self) -> list[bytes]:
        """Return every message that came."""
        file = self.path.with_suffix(".dump")
        self("dump", file)
        return [line.encode("latin-1") for line in json.loads(file.read_text())]

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        assert process is not None
        process.communicate(timeout=DEADLINE)


if __name__ == "__main__":
    Mill(sys.argv[1], bool(int(sys.argv[2]))).run()
