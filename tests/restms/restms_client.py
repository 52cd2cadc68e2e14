"""A RestMS client over plain HTTP, one connection a request, and short words for what most tests do."""

from __future__ import annotations

import http.client
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

from support.waiting import DEADLINE, wait_until

NAMESPACE = "{http://www.restms.org/schema/restms}"
DOMAIN, DEFAULT = "/restms/domain/default", "/restms/feed/default"


class Reply(NamedTuple):
    """An answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def location(self) -> str:
        """The path of its Location."""
        return urlsplit(self.headers["Location"]).path

    @property
    def item(self) -> ET.Element:
        """The one element in its document."""
        root = ET.fromstring(self.body)
        assert root.tag == f"{NAMESPACE}restms"
        (item,) = root
        return item


def xml(inner: str) -> bytes:
    """A document."""
    return f'<restms xmlns="http://www.restms.org/schema/restms">{inner}</restms>'.encode()


def attributes(**values: str) -> str:
    """Attributes as XML has them."""
    return "".join(f" {name}={quoteattr(value)}" for name, value in values.items())


def headers_xml(headers: dict[str, str] | None) -> str:
    """Header elements."""
    pairs = (headers or {}).items()
    return "".join(f"<header{attributes(name=name, value=value)}/>" for name, value in pairs)


def message(text: str | None = None, headers: dict[str, str] | None = None, **properties: str) -> str:
    """A message element with its text as plain content."""
    content = "" if text is None else f'<content type="text/plain">{escape(text)}</content>'
    return f"<message{attributes(**properties)}>{headers_xml(headers)}{content}</message>"


class Client:
    """Speaks to the server at ``url``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.netloc = urlsplit(url).netloc

    def __call__(self, method: str, uri: str, body: bytes | str | None = None, **headers: str) -> Reply:
        """Send a request; ``headers`` with underscores for dashes. A string is what stands in a document."""
        connection = http.client.HTTPConnection(self.netloc, timeout=DEADLINE)
        try:
            data = xml(body) if isinstance(body, str) else body
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, urlsplit(uri).path, data, names)
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    def feed(self, kind: str = "", name: str | None = None) -> str:
        """Make a feed, public with a name of its own unless told otherwise; return its path."""
        name = f"f{uuid.uuid4().hex}" if name is None else name
        reply = self("POST", DOMAIN, f"<feed{attributes(name=name, type=kind)}/>")
        assert reply.status == 201, reply
        return reply.location

    def pipe(self, kind: str = "") -> str:
        """Make a pipe; return its path."""
        reply = self("POST", DOMAIN, f"<pipe{attributes(type=kind)}/>")
        assert reply.status == 201, reply
        return reply.location

    def join(self, pipe: str, feed: str, address: str = "*", headers: dict[str, str] | None = None) -> str:
        """Join a pipe to a feed; return the join's path."""
        inner = f"<join{attributes(feed=self.url + feed, address=address)}>{headers_xml(headers)}</join>"
        reply = self("POST", pipe, inner)
        assert reply.status == 201, reply
        return reply.location

    def reader(self, feed: str, address: str = "*", headers: dict[str, str] | None = None) -> str:
        """Make a pipe that is joined to a feed."""
        pipe = self.pipe()
        self.join(pipe, feed, address, headers)
        return pipe

    def send(self, feed: str, *messages: str) -> Reply:
        """Publish message elements."""
        reply = self("POST", feed, "".join(messages))
        assert reply.status == 200, reply
        return reply

    def children(self, path: str, name: str) -> list[ET.Element]:
        """The elements of a kind in a resource's document."""
        return self("GET", path).item.findall(NAMESPACE + name)

    def held(self, pipe: str, count: int = 0) -> list[str]:
        """The URIs of the messages in a pipe, as soon as there are ``count``."""

        found: list[str] = []

        def enough() -> bool:
            messages = self.children(pipe, "message")
            found[:] = [each.attrib["href"] for each in messages if "async" not in each.attrib]
            return len(found) >= count

        wait_until(enough, f"{count} messages in {pipe}", detail=lambda: found)
        return found

    def asynclet(self, pipe: str) -> str:
        """The URI of the message that comes next."""
        (uri,) = [each.attrib["href"] for each in self.children(pipe, "message") if "async" in each.attrib]
        return uri

    def texts(self, pipe: str, count: int) -> list[str]:
        """The contents of the messages in a pipe, which are ``count``."""
        uris = self.held(pipe, count)
        assert len(uris) == count
        return [(self("GET", uri).item.findtext(f"{NAMESPACE}content") or "") for uri in uris]

    @contextmanager
    def waiting(self, uri: str) -> Iterator[http.client.HTTPConnection]:
        """A GET that has been sent and not been answered yet."""
        connection = http.client.HTTPConnection(self.netloc, timeout=DEADLINE)
        try:
            connection.request("GET", urlsplit(uri).path)
            yield connection
        finally:
            connection.close()
