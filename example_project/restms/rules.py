"""What 1/RestTL asks of HTTP: media types, entity tags and conditional requests. No I/O."""

import hashlib
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from .documents import Element, read_json, read_xml, write_json, write_xml
from .refusal import Refused

__all__ = [
    "FORMS",
    "Answer",
    "Request",
    "etag",
    "is_structured",
    "path_of",
    "preferred",
    "read",
    "stale",
    "unchanged",
    "write",
]

_XML, _RESTMS_XML, _JSON = "text/xml", "application/restms+xml", "application/restms+json"


#: One media type for each form that documents have.
FORMS = (_XML, _JSON)


def is_structured(content_type: str) -> bool:
    """Tell whether a request's body is a document; without a type it is one."""
    return _bare(content_type) in ("", _XML, _RESTMS_XML, _JSON)


def read(body: bytes, content_type: str) -> tuple[Element, ...]:
    """Return a document's elements; Refused: 501 for a type that is none of ours, 400 for a bad document."""
    if not is_structured(content_type):
        raise Refused(501, f"a document is {_XML}, {_RESTMS_XML} or {_JSON}")
    return (read_json if _bare(content_type) == _JSON else read_xml)(body)


def preferred(accept: str) -> str:
    """Return the media type of the answer: the first of ours in ``Accept``, or ``text/xml``.

    The draft knows neither lists nor weights. Refused (501) if only types are named that we do not have.
    """
    named = [_bare(name) for name in accept.split(",") if name.strip()]
    for name in named:
        if name in (_XML, _RESTMS_XML, _JSON):
            return name
    if named and not any("*" in name for name in named):
        raise Refused(501, f"documents come as {_XML}, {_RESTMS_XML} or {_JSON}")
    return _XML


def write(children: Iterable[Element], media_type: str) -> bytes:
    """Return a document in a media type that ``preferred`` gave."""
    return (write_json if media_type == _JSON else write_xml)(children)


def _bare(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def path_of(uri: str) -> str:
    """Return the path of a URI, absolute or not, without escapes; empty if that is no URI."""
    try:
        return unquote(urlsplit(uri).path)
    except ValueError:
        return ""


def etag(body: bytes) -> str:
    """Return the entity tag of a representation: XML and JSON differ, so their tags do."""
    return f'"{hashlib.sha256(body).hexdigest()[:24]}"'


def unchanged(headers: Mapping[str, str], tag: str, modified: float) -> bool:
    """Tell whether a conditional GET is answered with 304. The tag wins over the date (RFC 9110, 13.2.2)."""
    if tags := headers.get("If-None-Match"):
        return _names(tags, {tag})
    since = _date(headers.get("If-Modified-Since"))
    return since is not None and int(modified) <= since


def stale(headers: Mapping[str, str], tags: set[str], modified: float) -> bool:
    """Tell whether a conditional PUT or DELETE is refused with 412; ``tags`` are those of every form."""
    if match := headers.get("If-Match"):
        return not _names(match, tags)
    since = _date(headers.get("If-Unmodified-Since"))
    return since is not None and int(modified) > since


def _names(header: str, tags: set[str]) -> bool:
    named = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in named or not named.isdisjoint(tags)


def _date(header: str | None) -> float | None:
    try:
        return parsedate_to_datetime(header).timestamp() if header else None
    except ValueError:
        return None  # a date nobody can read is no condition (RFC 9110, 13.1.3)


class Request(NamedTuple):
    """An HTTP request; ``base`` is what its client calls this server, as in ``http://host:port``."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    base: str

    @property
    def content_type(self) -> str:
        """The media type of the body; empty if none was given."""
        return self.headers.get("Content-Type") or ""

    def one(self, *names: str) -> Element:
        """Return the one element of the document, of one of these kinds."""
        found = [each for each in read(self.body, self.content_type) if each.name in names]
        if len(found) != 1:
            raise Refused(400, f"the document holds one {' or '.join(names)}, and not {len(found)}")
        return found[0]


class Answer(NamedTuple):
    """What goes back; ``modified`` is a POSIX time."""

    status: int
    body: bytes = b""
    content_type: str = ""
    location: str = ""
    tag: str = ""
    modified: float | None = None
