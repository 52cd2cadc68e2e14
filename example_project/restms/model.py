"""The resources of RestMS, what contains what, and their documents (2/RestMS draft 4). No I/O."""

import re
import secrets
import time
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from .convert import Incoming, embedded, headers_of, short
from .documents import Element
from .refusal import Refused

__all__ = ["Asynclet", "Content", "Domain", "Feed", "Join", "Message", "Pipe", "Resource"]

#: The type of exchange behind each type of feed; None: a queue that all joins share (4/AMQP9).
_EXCHANGES: dict[str, str | None] = {
    "": "direct",
    "direct": "direct",
    "fanout": "fanout",
    "topic": "topic",
    "headers": "headers",
    "rotator": None,
    "service": None,
}
_PIPES = {"": "", "fifo": "", "ondemand": "ondemand"}  # fifo: what older drafts called the default

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def _shown(**properties: str) -> dict[str, str]:
    return {name: value for name, value in properties.items() if value or name == "type"}


def _headers(headers: dict[str, str]) -> tuple[Element, ...]:
    return tuple(Element("header", {"name": name, "value": value}) for name, value in headers.items())


class Resource:
    """Something with a URI. ``path`` is what clients ask for, ``modified`` a POSIX time."""

    def __init__(self, path: str = "") -> None:
        self.path = path or f"/restms/resource/{secrets.token_urlsafe(15)}"
        self.name = self.path.rpartition("/")[2]
        self.modified = time.time()

    def document(self) -> Element:
        """Return the document, with paths for URIs."""
        raise NotImplementedError

    def link(self) -> Element:
        """Return the document as it stands in that of the resource above."""
        own = self.document()
        return own._replace(properties={"href": self.path, **own.properties})

    def parts(self) -> Iterable["Resource"]:
        """Return what goes when this goes."""
        return ()

    def detach(self) -> None:
        """Leave the resources that list this one."""


class Domain(Resource):
    """The name space, the same for everybody: public feeds are listed, pipes and private feeds are not."""

    PROFILES = ("3/Defaults", "4/AMQP9")

    def __init__(self, name: str) -> None:
        super().__init__(f"/restms/domain/{name}")
        self.feeds: list[Feed] = []

    def document(self) -> Element:
        """Return the profiles and the public feeds."""
        where = "http://www.restms.org/spec:"
        profiles = [Element("profile", {"name": name, "href": where + name}) for name in self.PROFILES]
        properties = {"name": self.name, "title": "What this RabbitMQ offers"}
        return Element("domain", properties, (*profiles, *(feed.link() for feed in self.feeds)))


class Feed(Resource):
    """What messages are written to. Without a name it is private: whoever knows its URI may use it."""

    def __init__(self, domain: Domain, asked: Element) -> None:
        name, self.type = asked.get("name"), asked.get("type")
        if self.type not in _EXCHANGES:
            known = ", ".join(filter(None, _EXCHANGES))
            raise Refused(400, f"there is no feed type {self.type!r}; there are {known}")
        if name and not _NAME.fullmatch(name):
            raise Refused(400, "a feed's name is up to 128 letters, digits, dots, dashes and underscores")
        if name.startswith("amq."):
            raise Refused(403, "names that begin with amq. are the broker's own")
        super().__init__(f"/restms/feed/{name}" if name else "")
        self.domain, self.public = domain, bool(name)
        self.staged: list[Content] = []
        self.joins: list[Join] = []
        self.update(asked)

    @property
    def exchange(self) -> str | None:
        """The type of the exchange behind it, or None for a shared queue."""
        return _EXCHANGES[self.type]

    @property
    def configured(self) -> bool:
        """Whether it is the feed that every server has; nobody changes or deletes that one."""
        return self.path == "/restms/feed/default"

    def update(self, asked: Element) -> None:
        """Take what may be changed later on as well."""
        self.title, self.license = asked.get("title"), asked.get("license")
        self.modified = time.time()

    def document(self) -> Element:
        """Return its properties."""
        shown = _shown(name=self.name, title=self.title, type=self.type, license=self.license)
        return Element("feed", shown)

    def matches(self, address: str) -> int:
        """Return how many joins of a feed of the default type match an address (3/Defaults)."""
        return sum(join.address == address for join in self.joins)

    def parts(self) -> Iterable[Resource]:
        """Return joins and staged contents."""
        return (*self.joins, *self.staged)

    def detach(self) -> None:
        """Leave the domain."""
        if self.public:
            self.domain.feeds.remove(self)


class Pipe(Resource):
    """One reader's messages, held until he deletes them. Its name is the last part of its URI."""

    def __init__(self, asked: Element) -> None:
        if asked.get("type") not in _PIPES:
            raise Refused(400, f"there is no pipe type {asked.get('type')!r}; there is ondemand")
        super().__init__()
        self.type = _PIPES[asked.get("type")]
        self.joins: list[Join] = []
        self.held: list[Message] = []
        self.asynclet = Asynclet(self)
        self.update(asked)

    def update(self, asked: Element) -> None:
        """Take what may be changed later on as well."""
        self.title = asked.get("title")
        self.modified = time.time()

    def document(self) -> Element:
        """Return joins, the messages held, oldest first, and the asynclet."""
        children = (each.link() for each in (*self.joins, *self.held, self.asynclet))
        return Element("pipe", _shown(name=self.name, title=self.title, type=self.type), tuple(children))

    def parts(self) -> Iterable[Resource]:
        """Return joins, messages and the asynclet."""
        return (*self.joins, *self.held, self.asynclet)


class Join(Resource):
    """Which messages of a feed go to a pipe. What ``address`` means, the feed's type says."""

    def __init__(self, pipe: Pipe, feed: Feed, asked: Element) -> None:
        super().__init__()
        self.pipe, self.feed = pipe, feed
        self.address, self.headers = short("address", asked.get("address") or "*"), headers_of(asked)

    def attach(self) -> None:
        """Appear in the pipe and in the feed."""
        self.pipe.joins.append(self)
        self.feed.joins.append(self)
        self.pipe.modified = time.time()

    def same(self, other: "Join") -> bool:
        """Tell whether another one of the same pipe asks for the same."""
        return (self.feed, self.address, self.headers) == (other.feed, other.address, other.headers)

    def document(self) -> Element:
        """Return its properties and headers."""
        properties = {"type": "", "address": self.address, "feed": self.feed.path}
        return Element("join", properties, _headers(self.headers))

    def detach(self) -> None:
        """Leave the pipe and the feed."""
        self.pipe.joins.remove(self)
        self.feed.joins.remove(self)
        self.pipe.modified = time.time()


class Asynclet(Resource):
    """The URI of the message that will come next; ``arrived`` is done when it is worth asking again."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__()
        self.pipe = pipe
        self.arrived: Future[None] = Future()

    def document(self) -> Element:
        """Return what the pipe's document says of it."""
        return Element("message", {"async": "1"})

    def wake(self) -> None:
        """Let those who wait ask again."""
        self.arrived, arrived = Future(), self.arrived
        arrived.set_result(None)

    detach = wake


class Message(Resource):
    """A message in a pipe, under the URI that its asynclet had. ``receipt`` is the broker's handle on it."""

    def __init__(self, pipe: Pipe, incoming: Incoming, receipt: Any) -> None:
        super().__init__(pipe.asynclet.path)
        self.pipe, self.incoming, self.receipt = pipe, incoming, receipt
        separate = incoming.body and not embedded(incoming)
        self.content = Content(self, incoming.content_type, incoming.body) if separate else None

    def document(self) -> Element:
        """Return everything; a long content only by its URI."""
        content = self.content.link() if self.content else embedded(self.incoming)
        children = (*_headers(self.incoming.headers), *([content] if content else []))
        return Element("message", self.incoming.properties, children)

    def link(self) -> Element:
        """Return what the pipe's document says of it."""
        brief = {name: self.incoming.properties.get(name, "") for name in ("address", "message_id")}
        return Element("message", {"href": self.path, **_shown(**brief)})

    def and_older(self) -> list["Message"]:
        """Return what an acknowledgement of this message is for: all older ones of the pipe as well."""
        return self.pipe.held[: self.pipe.held.index(self) + 1]

    def parts(self) -> Iterable[Resource]:
        """Return its content, where that has a URI."""
        return (self.content,) if self.content else ()

    def detach(self) -> None:
        """Leave the pipe."""
        self.pipe.held.remove(self)
        self.pipe.modified = time.time()


class Content(Resource):
    """Bytes with a media type: staged in a feed until they are published, or delivered with a message."""

    def __init__(self, owner: Feed | Message, content_type: str, body: bytes) -> None:
        super().__init__()
        self.owner, self.type, self.body = owner, content_type, body

    def document(self) -> Element:
        """Return what the message's document says of it."""
        return Element("content", {"type": self.type})

    def detach(self) -> None:
        """Leave the feed or the message."""
        if isinstance(self.owner, Feed):
            self.owner.staged.remove(self)
        else:
            self.owner.content = None
