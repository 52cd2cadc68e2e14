"""Messages from a RestMS document to AMQP and back (4/AMQP9 draft 4). No I/O."""

import base64
import binascii
import re
from collections.abc import Mapping
from email.utils import formatdate, mktime_tz, parsedate_tz
from typing import Any, NamedTuple

from .documents import Element
from .refusal import Refused

__all__ = ["Incoming", "Outgoing", "embedded", "headers_of", "incoming", "outgoing", "short"]

#: Contents up to this many bytes come inside the message, longer ones under a URI of their own.
EMBED = 4096

#: Bytes of all headers together. RabbitMQ hangs up on a frame of more than 128 KiB.
_HEADERS = 65536

#: The first second of the year 10000, which no HTTP date can name.
_LATEST = 253402300800

#: A media type that can go into an HTTP header as it is.
_MEDIA_TYPE = re.compile("[!-~][ -~]*")

#: Properties that are short strings in AMQP. ``user_id`` is never sent: RabbitMQ refuses any but that of the
#: connection. ``sender_id`` has no place in AMQP 0-9-1 and travels as a header.
_TEXTS = ("message_id", "reply_to", "correlation_id", "type", "app_id")
_SENDER = "sender_id"

#: What XML carries unchanged: a lone carriage return would come out as a line feed.
_PLAIN = re.compile("[\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")


class Outgoing(NamedTuple):
    """A message as the broker takes it; ``body`` stays empty as long as ``staged`` names a content's URI."""

    address: str
    properties: dict[str, Any]
    headers: dict[str, str]
    content_type: str | None
    body: bytes
    staged: str = ""


class Incoming(NamedTuple):
    """A message as the broker gave it, with everything that goes into a document as text."""

    properties: dict[str, str]
    headers: dict[str, str]
    content_type: str
    body: bytes


def outgoing(message: Element) -> Outgoing:
    """Return what to publish for a ``message`` element; Refused (400) for what AMQP cannot carry."""
    properties: dict[str, Any] = {
        name: short(name, message.get(name)) for name in _TEXTS if message.get(name)
    }
    if message.get("delivery_mode"):
        properties["delivery_mode"] = _number(message, "delivery_mode", 1, 2)
    if message.get("priority"):
        properties["priority"] = _number(message, "priority", 0, 9)
    if message.get("expiration"):
        properties["expiration"] = str(_number(message, "expiration", 0, 2**32 - 1))
    if message.get("timestamp"):
        properties["timestamp"] = _seconds(message.get("timestamp"))
    headers = headers_of(message)
    if message.get(_SENDER):
        headers[_SENDER] = short(_SENDER, message.get(_SENDER))
    contents = message.all("content")
    if len(contents) > 1:
        raise Refused(400, "a message has one content at most")
    content_type, body, staged = _content(contents[0]) if contents else (None, b"", "")
    return Outgoing(short("address", message.get("address")), properties, headers, content_type, body, staged)


def _content(content: Element) -> tuple[str | None, bytes, str]:
    if content.get("href"):
        return None, b"", content.get("href")
    content_type = short("type", content.get("type")) or "text/plain"
    if content.get("encoding") == "base64":
        try:
            return content_type, base64.b64decode("".join(content.text.split()), validate=True), ""
        except (binascii.Error, ValueError):
            raise Refused(400, "the content is not base64") from None
    if content.get("encoding") not in ("", "plain"):
        raise Refused(400, "a content's encoding is plain or base64")
    return content_type, content.text.encode(), ""


def headers_of(element: Element) -> dict[str, str]:
    """Return the headers of a message or join; Refused (400) if they do not fit a frame of AMQP."""
    headers = {short("header", each.get("name")): each.get("value") for each in element.all("header")}
    headers.pop("", None)
    if sum(len(name.encode()) + len(value.encode()) + 6 for name, value in headers.items()) > _HEADERS:
        raise Refused(400, f"the headers are longer than {_HEADERS} bytes")
    return headers


def short(name: str, text: str) -> str:
    """Return a text that AMQP carries as a short string; Refused (400) if it is too long for that."""
    if len(text.encode()) > 255:
        raise Refused(400, f"{name} is longer than the 255 bytes of AMQP")
    return text


def _number(message: Element, name: str, least: int, most: int) -> int:
    text = message.get(name)
    if not (re.fullmatch("[0-9]{1,10}", text) and least <= int(text) <= most):
        raise Refused(400, f"{name} is a whole number from {least} to {most}")
    return int(text)


def _seconds(text: str) -> int:
    parsed = parsedate_tz(text)
    if parsed is None or (seconds := mktime_tz(parsed)) < 0:
        raise Refused(400, "timestamp is a date as HTTP writes it")
    return seconds


def incoming(
    address: str,
    properties: Mapping[str, Any],
    headers: Mapping[str, Any],
    content_type: str | None,
    body: bytes,
) -> Incoming:
    """Return what RestMS shows of a message that anybody may have sent, in whatever form."""
    found = {"address": _text(address)}
    for name in (*_TEXTS, "delivery_mode", "priority", "expiration", "user_id"):
        if properties.get(name) is not None:
            found[name] = _text(properties[name])
    if 0 <= (stamp := properties.get("timestamp", -1)) < _LATEST:
        found["timestamp"] = formatdate(stamp, usegmt=True)
    texts = {_text(name): _text(value) for name, value in headers.items()}
    if sender := texts.pop(_SENDER, ""):
        found[_SENDER] = sender
    safe = content_type if _MEDIA_TYPE.fullmatch(content_type or "") else None
    return Incoming(found, texts, safe or "application/octet-stream", body)


def _text(value: Any) -> str:
    # AMQP's strings are bytes that should be UTF-8; half a surrogate pair would stop the JSON writer.
    return (
        value.decode(errors="replace")
        if isinstance(value, bytes)
        else str(value).encode(errors="replace").decode()
    )


def embedded(message: Incoming) -> Element | None:
    """Return the content as it stands in the document; None if there is none, or it is too long for that."""
    if not message.body or len(message.body) > EMBED:
        return None
    try:
        text, encoding = message.body.decode(), "plain"
    except UnicodeDecodeError:
        text, encoding = "", ""
    if not encoding or not _PLAIN.fullmatch(text):
        text, encoding = base64.b64encode(message.body).decode(), "base64"
    return Element("content", {"type": message.content_type, "encoding": encoding}, (), text)
