"""Documents, HTTP's rules and the conversion to AMQP, without a server."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from example_project.restms import rules
from example_project.restms.convert import Incoming, embedded, incoming, outgoing
from example_project.restms.documents import Element, read_json, read_xml, write_json, write_xml
from example_project.restms.refusal import Refused

#: Text as XML can carry it; a carriage return only in attributes, which escape it.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))
PROPERTIES = st.dictionaries(st.sampled_from(["name", "title", "address", "async"]), TEXTS)
CONTENTS = st.builds(lambda p, t: Element("content", p, (), t), PROPERTIES, TEXTS)
HEADERS = st.builds(lambda p: Element("header", p), PROPERTIES)
MESSAGES = st.builds(
    lambda p, h, c: Element("message", p, (*h, *c)),
    PROPERTIES,
    st.lists(HEADERS, max_size=2),
    st.lists(CONTENTS, max_size=2),
)
DOCUMENTS = st.lists(
    st.builds(lambda p, m: Element("pipe", p, tuple(m)), PROPERTIES, st.lists(MESSAGES, max_size=2)),
    max_size=2,
)


@settings(max_examples=30)
@given(DOCUMENTS)
def test_documents_survive_both_forms(document: list[Element]) -> None:
    """What is written is read back the same, as XML and as JSON."""
    assert read_xml(write_xml(document)) == tuple(document)
    assert read_json(write_json(document)) == tuple(document)


@given(st.text())
def test_any_text_makes_a_document(text: str) -> None:
    """No text, not even control characters that came with an AMQP header, breaks a document."""
    shown = incoming(text.encode(errors="replace").decode(), {}, {text: text}, text, b"").headers
    element = Element("header", {"name": "x", "value": shown[next(iter(shown))]})
    ET.fromstring(write_xml([element]))
    read_json(write_json([element]))


@given(st.binary())
def test_any_bytes_are_answered(body: bytes) -> None:
    """Whatever is sent is read, or refused with 400."""
    for read in (read_xml, read_json):
        with suppress(Refused):
            assert all(isinstance(each, Element) for each in read(body))


LAUGHS = (
    '<!DOCTYPE restms [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12))
    + "]><restms><pipe title='&m;'/></restms>"
)


@pytest.mark.parametrize(
    "body",
    [
        LAUGHS.encode(),
        b'<?xml version="1.0"?><!-- c --><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><restms>&x;</restms>',
        LAUGHS.encode("utf-16"),
        LAUGHS.encode("utf-7"),
        b"<restms>" + b"<pipe>" * 100_000 + b"</pipe>" * 100_000 + b"</restms>",
        b"<restms>&undefined;</restms>",
        b"<html/>",
        b"",
    ],
)
def test_hostile_xml_is_refused(body: bytes) -> None:
    """No document type is looked at, so no entity grows (for hours) or reads a file; depth ends."""
    with pytest.raises(Refused) as caught:
        read_xml(body)
    assert caught.value.status == 400
    assert "root:" not in caught.value.reason


def test_document_type_in_content_is_text() -> None:
    """A web page in a CDATA section is content like any other."""
    page = "<!DOCTYPE html><p>hello</p>"
    (message,) = read_xml(
        f"<restms><message><content><![CDATA[{page}]]></content></message></restms>".encode()
    )
    assert message.all("content")[0].text == page


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"restms": []}',
        b'{"restms": {"pipe": [{"title": "\\ud800"}]}}',
        b'{"restms": ' + b'{"a": [' * 50 + b"{}" + b"]}" * 50 + b"}",
        b"\xff",
    ],
)
def test_hostile_json_is_refused(body: bytes) -> None:
    """Deep, broken or foreign JSON gets 400."""
    with pytest.raises(Refused) as caught:
        read_json(body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "text/xml"),
        ("*/*", "text/xml"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/xml"),
        ("application/restms+json; q=0.5", "application/restms+json"),
        ("image/png, APPLICATION/RESTMS+XML", "application/restms+xml"),
        ("image/png", None),
    ],
)
def test_accept(accept: str, chosen: str | None) -> None:
    """The first type we have is taken; 501 if there is none and no wildcard."""
    if chosen:
        assert rules.preferred(accept) == chosen
    else:
        with pytest.raises(Refused, match="documents come as"):
            rules.preferred(accept)


LATER, EARLIER = "Tue, 03 Nov 2026 12:00:01 GMT", "Tue, 03 Nov 2026 11:59:59 GMT"
NOON = 1793707200.75


@pytest.mark.parametrize(
    ("headers", "unchanged", "stale"),
    [
        ({}, False, False),
        ({"If-None-Match": '"t"'}, True, False),
        ({"If-None-Match": 'W/"t", "x"'}, True, False),
        ({"If-None-Match": '"x"', "If-Modified-Since": LATER}, False, False),
        ({"If-Modified-Since": LATER}, True, False),
        ({"If-Modified-Since": "Tue, 03 Nov 2026 12:00:00 GMT"}, True, False),
        ({"If-Modified-Since": EARLIER}, False, False),
        ({"If-Modified-Since": "yesterday"}, False, False),
        ({"If-Match": '"x"'}, False, True),
        ({"If-Match": "*"}, False, False),
        ({"If-Match": '"x", "t"', "If-Unmodified-Since": EARLIER}, False, False),
        ({"If-Unmodified-Since": EARLIER}, False, True),
        ({"If-Unmodified-Since": LATER}, False, False),
    ],
)
def test_conditions(headers: dict[str, str], unchanged: bool, stale: bool) -> None:
    """Tags win over dates; a date counts in whole seconds; what cannot be read is no condition."""
    assert rules.unchanged(headers, '"t"', NOON) is unchanged
    assert rules.stale(headers, {'"t"'}, NOON) is stale


@given(st.binary(max_size=5000))
def test_embedded_content_is_the_bytes(body: bytes) -> None:
    """What is embedded, in either encoding and through XML, is published again as the same bytes."""
    content = embedded(Incoming({}, {}, "a/b", body))
    if content is None:
        assert not body or len(body) > 4096
        return
    (message,) = read_xml(write_xml([Element("message", {}, (content,))]))
    assert (outgoing(message).content_type, outgoing(message).body) == ("a/b", body)


@pytest.mark.parametrize(
    ("properties", "children"),
    [
        ({"address": "é" * 128}, ()),
        ({"correlation_id": "x" * 256}, ()),
        ({"priority": "10"}, ()),
        ({"priority": "²"}, ()),
        ({"delivery_mode": "0"}, ()),
        ({"expiration": "soon"}, ()),
        ({"expiration": "9" * 5000}, ()),
        ({"timestamp": "noon"}, ()),
        ({"timestamp": "Wed, 01 Jan 1969 00:00:00 GMT"}, ()),
        ({}, (Element("header", {"name": "n" * 256}),)),
        ({}, tuple(Element("header", {"name": str(n), "value": "v" * 1000}) for n in range(70))),
        ({}, (Element("content"), Element("content"))),
        ({}, (Element("content", {"encoding": "base64"}, (), "no!"),)),
        ({}, (Element("content", {"encoding": "gzip"}, (), ""),)),
    ],
)
def test_what_amqp_cannot_carry_is_refused(properties: dict[str, str], children: tuple[Element, ...]) -> None:
    """RabbitMQ would hang up on these, on everybody; so they get 400 here."""
    with pytest.raises(Refused) as caught:
        outgoing(Element("message", properties, children))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("properties", "shown"),
    [
        ({"timestamp": 2**63, "priority": None}, {}),
        ({"timestamp": 0, "priority": 0}, {"timestamp": "Thu, 01 Jan 1970 00:00:00 GMT", "priority": "0"}),
        ({"message_id": b"\xff"}, {"message_id": "\ufffd"}),
        ({"reply_to": "\udcff"}, {"reply_to": "?"}),
    ],
)
def test_odd_amqp_properties_are_shown(properties: dict[str, Any], shown: dict[str, str]) -> None:
    """An AMQP program may send what no document can say."""
    assert incoming("a", properties, {}, None, b"").properties == {"address": "a", **shown}


def test_pure_modules_do_no_io() -> None:
    """Documents, rules, conversion and resources load neither Kombu nor anything that opens a socket."""
    code = (
        "import sys; import example_project.restms.space, example_project.restms.rules; "
        "print(' '.join(name for name in ('kombu', 'amqp', 'http.server') if name in sys.modules))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
