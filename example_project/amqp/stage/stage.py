"""What a lesson is given: connections, its own names, and a voice that syslog hears too."""

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from kombu import Connection
from kombu.utils.url import as_url, url_to_parts

from ...node import PrivateNode
from .wire import Frame, Trace, as_text, traced

__all__ = ["Failed", "Stage"]


class Failed(Exception):
    """Something the lesson claims did not happen."""


class Stage:
    """One run of one lesson.

    ``node`` is the private broker where there is one: it may be restarted and administered. ``syslog`` is
    where the lesson's lines go; a Celery worker that it starts sends its own there as well.
    """

    #: Seconds that a lesson waits for something that should happen at once.
    PATIENCE = 60.0

    def __init__(self, lesson: str, url: str, folder: Path, syslog: str, node: PrivateNode | None) -> None:
        self.url = url
        self.folder = folder
        self.syslog = syslog
        self.node = node
        self.in_memory = url.startswith("memory:")
        self.token = secrets.token_hex(2)
        self.log = logging.getLogger(f"example_project.amqp.{lesson}")
        self.trace = Trace()
        self._shown = 0
        #: What is to be done at the end, the last one first.
        self.undo: list[Callable[[], object]] = []
        #: What others declared for us, as ("queue" or "exchange", name).
        self.leftovers: list[tuple[str, str]] = []

    def connect(
        self, host: str | None = None, login: tuple[str, str] | None = None, **options: Any
    ) -> Connection:
        """Return a Kombu connection: an ordinary one, except that the stage hears what it says.

        ``host`` is another virtual host, ``login`` another user and password, ``url`` (one or several)
        another broker; the rest goes to Kombu.
        """
        url = options.pop("url", None) or self._url(host, login)
        return Connection(url, transport=traced(self.trace, self.in_memory), **options)

    def _url(self, host: str | None = None, login: tuple[str, str] | None = None) -> str:
        """Return the broker's URL, or with a part of it replaced: in Kombu a URL wins over arguments."""
        if host is None and login is None:
            return self.url
        parts = url_to_parts(self.url)
        user, password = login or (parts.username, parts.password)
        path = parts.path if host is None else host
        url = as_url(parts.scheme, parts.hostname, parts.port, user, password, path)
        return f"{url}?{urlencode(parts.query)}" if parts.query else str(url)

    def name(self, word: str) -> str:
        """Return a name that nobody else on this broker uses."""
        return f"{word}.{self.token}"

    def say(self, text: str, *args: object) -> None:
        """Log a line: it appears on the screen and in syslog."""
        self.log.info(text, *args)

    def check(self, holds: object, claim: str, *args: object) -> None:
        """Say what holds, or raise Failed: a lesson does not claim what did not happen."""
        if not holds:
            raise Failed(claim % args if args else claim)
        self.say(f"  ok      {claim}", *args)

    def frames(self) -> list[Frame]:
        """Return the AMQP methods that went to and fro since this was last asked."""
        frames = self.trace.frames[self._shown :]
        self._shown += len(frames)
        return frames

    def wire(self, everything: bool = False) -> list[Frame]:
        """Say and return the same, without the opening and closing unless ``everything`` is wanted."""
        frames = [frame for frame in self.frames() if everything or not frame.is_ceremony]
        if frames:
            self.say("  wire    %s", as_text(frames))
        return frames

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait until the condition holds, or raise Failed: the broker does some things in its own time."""
        deadline = time.monotonic() + self.PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise Failed(f"waited {self.PATIENCE:g} s: {what}")
            time.sleep(0.02)

    def size(self, queue: Any) -> int:
        """Return how many messages wait in a queue that is bound to a channel."""
        return int(queue.queue_declare(passive=True).message_count)

    @contextmanager
    def refused(self, *kinds: type[BaseException]) -> Iterator[None]:
        """Expect the block to end in one of these exceptions, and say how it was worded."""
        try:
            yield
        except kinds as error:
            self.say("  answer  %s", str(error) or type(error).__name__)
        else:
            raise Failed(f"it was not refused ({' or '.join(kind.__name__ for kind in kinds)})")

    def clean_up(self) -> None:
        """Undo what was noted, and delete every exchange and queue of ours that is still there."""
        if self.url:
            self._delete_all(None, self.leftovers)
            for host, topology in self.trace.topologies.items():
                found = [("queue", name) for name in topology.queues]
                found += [("exchange", name) for name in topology.exchanges]
                self._delete_all(host, [(kind, name) for kind, name in found if name.endswith(self.token)])
        while self.undo:
            self.undo.pop()()

    def _delete_all(self, host: str | None, things: list[tuple[str, str]]) -> None:
        if not things:
            return
        with Connection(self._url(host)) as connection:
            for kind, name in things:
                # On a channel of its own: a refusal closes the channel.
                channel = connection.channel()
                try:
                    getattr(channel, f"{kind}_delete")(name)
                except connection.channel_errors:
                    pass  # gone already, or exclusive to a connection that is just ending
