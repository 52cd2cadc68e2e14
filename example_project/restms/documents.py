"""RestMS documents as XML and as JSON, to and from one tree (1/RestTL draft 4). No I/O."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .refusal import Refused

__all__ = ["Element", "read_json", "read_xml", "write_json", "write_xml"]

NAMESPACE = "http://www.restms.org/schema/restms"

#: No document of RestMS is deeper than restms/pipe/join/header; a hostile one is not followed down.
_DEEPEST = 8

#: What XML 1.0 cannot carry, not even escaped (section 2.2).
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Element(NamedTuple):
    """A resource in a document: its properties, the resources in it, and the text of embedded content."""

    name: str
    properties: Mapping[str, str] = {}
    children: tuple["Element", ...] = ()
    text: str = ""

    def get(self, name: str) -> str:
        """Return a property; one that is absent is the same as an empty one."""
        return self.properties.get(name, "")

    def under(self, base: str) -> "Element":
        """Return the same with URIs for paths: RestMS shows absolute ones."""
        uris = {
            key: base + value
            for key, value in self.properties.items()
            if key in ("href", "feed") and value.startswith("/")
        }
        children = tuple(child.under(base) for child in self.children)
        return self._replace(properties={**self.properties, **uris}, children=children)

    def all(self, name: str) -> list["Element"]:
        """Return the children of one kind, in order."""
        return [child for child in self.children if child.name == name]


def write_xml(children: Iterable[Element]) -> bytes:
    """Return the document in which ``children`` stand below the root."""
    root = ET.Element("restms", xmlns=NAMESPACE)
    root.extend(map(_to_tree, children))
    ET.indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode").encode() + b"\n"


def _to_tree(element: Element) -> ET.Element:
    made = ET.Element(element.name, {key: _clean(value) for key, value in element.properties.items()})
    made.text = _clean(element.text) or None
    made.extend(map(_to_tree, element.children))
    return made


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def write_json(children: Iterable[Element]) -> bytes:
    """Return the same document as JSON: a resource type is a key with a list of objects."""
    return json.dumps({"restms": _to_lists(children)}, ensure_ascii=False, indent=1).encode() + b"\n"


def _to_lists(children: Iterable[Element]) -> dict[str, Any]:
    lists: dict[str, Any] = {}
    for child in children:
        # The draft does not say where JSON keeps the text of embedded content; here it is "text".
        made = {
            **child.properties,
            **({"text": child.text} if child.text else {}),
            **_to_lists(child.children),
        }
        lists.setdefault(child.name, []).append(made)
    return lists


def read_xml(body: bytes) -> tuple[Element, ...]:
    """Return what stands below the root, whatever its namespace; Refused (400) if it is no such document.

    A document type is refused before the parser sees it, so there are no entities to expand.
    """
    try:
        # A declared encoding other than this one would hide the next line's words from it.
        head, doctype, rest = body.decode("utf-8-sig").partition("<!DOCTYPE")
        parser: Any = ET.XMLPullParser(["start"])
        parser.feed(head)
        started = list(parser.read_events())
        if doctype and not started:  # later, it can only be text in a CDATA section
            raise Refused(400, "a document type has no place in a RestMS document")
        parser.feed(doctype + rest)
        parser.close()
    except UnicodeDecodeError:
        raise Refused(400, "the document is not UTF-8") from None
    except (ET.ParseError, ValueError, LookupError) as error:  # the others: an encoding nobody knows
        raise Refused(400, f"the document is not XML: {error}") from None
    root = _from_tree([*started, *parser.read_events()][0][1], 0)
    if root.name != "restms":
        raise Refused(400, "the root of a RestMS document is restms")
    return root.children


def _from_tree(node: ET.Element, depth: int) -> Element:
    if depth > _DEEPEST:
        raise Refused(400, "the document is nested too deeply")
    name = node.tag.rpartition("}")[2]
    properties = {key: value for key, value in node.attrib.items() if not key.startswith("{")}
    children = tuple(_from_tree(child, depth + 1) for child in node)
    return Element(name, properties, children, node.text or "" if name == "content" else "")


def read_json(body: bytes) -> tuple[Element, ...]:
    """Return what stands below the root of a JSON document; Refused (400) if it is no such document."""
    try:
        root = json.loads(body)
        json.dumps(root, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the document is not JSON: {error}") from None
    if not (isinstance(root, dict) and isinstance(root.get("restms"), dict)):
        raise Refused(400, 'the root of a RestMS document is an object, {"restms": {...}}')
    return _from_object("restms", root["restms"], 0).children


def _from_object(name: str, found: dict[str, Any], depth: int) -> Element:
    if depth > _DEEPEST:
        raise Refused(400, "the document is nested too deeply")
    properties, children, text = {}, [], ""
    for key, value in found.items():
        if isinstance(value, list):
            children += [_from_object(key, item, depth + 1) for item in value if isinstance(item, dict)]
        elif name == "content" and key == "text":
            text = str(value)
        elif isinstance(value, (str, int, float)):
            properties[key] = str(value)
    return Element(name, properties, tuple(children), text)
