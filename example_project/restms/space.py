"""Every resource there is, by its path. No I/O."""

import time
from typing import Any

from .convert import Incoming
from .documents import Element
from .model import Asynclet, Domain, Feed, Message, Pipe, Resource

__all__ = ["Space"]


class Space:
    """What a path leads to. It begins with a domain and its default feed."""

    def __init__(self) -> None:
        self._paths: dict[str, Resource] = {}
        self.domain = Domain("default")
        self.default = Feed(
            self.domain, Element("feed", {"name": "default", "title": "Every pipe by its name"})
        )
        self.domain.feeds.append(self.default)
        self.add(self.domain, self.default)

    def find(self, path: str) -> Resource | None:
        """Return the resource of a path, or None."""
        return self._paths.get(path)

    def of_kind(self, kind: type[Resource]) -> list[Any]:
        """Return every resource of a kind, oldest first."""
        return [each for each in self._paths.values() if isinstance(each, kind)]

    def add(self, *resources: Resource) -> None:
        """Make resources reachable."""
        self._paths.update({each.path: each for each in resources})

    def remove(self, resource: Resource) -> None:
        """Let a resource go, and with it all that it contains."""
        for part in tuple(resource.parts()):
            self.remove(part)
        resource.detach()
        self._paths.pop(resource.path, None)

    def arrive(self, pipe: Pipe, incoming: Incoming, receipt: Any) -> None:
        """Put a message into its pipe where the asynclet was, give a new one, and wake those who wait."""
        old, message = pipe.asynclet, Message(pipe, incoming, receipt)
        pipe.held.append(message)
        pipe.asynclet, pipe.modified = Asynclet(pipe), time.time()
        self.add(message, *message.parts(), pipe.asynclet)
        old.wake()
