"""Resources and HTTP: points 1 to 20 and 33 of the conformance list in docs/amqp/restms.md."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from restms_client import DEFAULT, DOMAIN, NAMESPACE, Client, message

pytestmark = pytest.mark.xdist_group("rabbitmq")


def gone(amqp: Any, **what: str) -> bool:
    """Whether RabbitMQ has no such exchange or queue."""
    with amqp.connection.client.channel() as channel:
        try:
            if "queue" in what:
                channel.queue_declare(what["queue"], passive=True)
            else:
                channel.exchange_declare(what["exchange"], "direct", passive=True)
        except amqp.connection.client.channel_errors:
            return True
        return False


def test_01_domain_lists_profiles_and_default_feed(client: Client) -> None:
    """The domain names both profiles, and the default feed with an absolute URI."""
    reply = client("GET", DOMAIN)
    assert reply.status == 200
    profiles = {each.attrib["name"] for each in reply.item.findall(f"{NAMESPACE}profile")}
    assert profiles == {"3/Defaults", "4/AMQP9"}
    feeds = {each.attrib["name"]: each.attrib["href"] for each in reply.item.findall(f"{NAMESPACE}feed")}
    assert feeds["default"] == client.url + DEFAULT


def test_02_domain_cannot_be_changed(client: Client) -> None:
    """PUT and DELETE on the domain are refused."""
    assert client("PUT", DOMAIN, '<domain title="mine"/>').status == 403
    assert client("DELETE", DOMAIN).status == 403


def test_03_default_feed_cannot_be_changed(client: Client) -> None:
    """The default feed can be read, and neither changed nor deleted."""
    assert client("PUT", DEFAULT, '<feed title="mine"/>').status == 403
    assert client("DELETE", DEFAULT).status == 403
    assert client("GET", DEFAULT).status == 200


def test_04_05_public_feed_is_made_once(client: Client, amqp: Any) -> None:
    """A new named feed is created under its name; the same POST again finds it, also with another type."""
    asked = '<feed name="weather.made-once" type="topic" title="Weather"/>'
    first = client("POST", DOMAIN, asked)
    assert (first.status, first.location) == (201, "/restms/feed/weather.made-once")
    assert first.item.attrib == {"name": "weather.made-once", "type": "topic", "title": "Weather"}
    assert first.headers["ETag"]
    assert first.headers["Last-Modified"].endswith(" GMT")
    assert not gone(amqp, exchange="weather.made-once")
    for again in (asked, asked.replace("topic", "fanout")):
        second = client("POST", DOMAIN, again)
        assert (second.status, second.location, second.body) == (200, first.location, first.body)
    listed = [each.attrib["name"] for each in client.children(DOMAIN, "feed")]
    assert listed.count("weather.made-once") == 1


def test_06_nameless_feed_is_private(client: Client) -> None:
    """A feed without a name, or with an empty one, gets a URI nobody can guess and is not listed."""
    for asked in ("<feed/>", '<feed name="" title=""/>'):
        reply = client("POST", DOMAIN, asked)
        assert reply.status == 201
        assert re.fullmatch("/restms/resource/[A-Za-z0-9_-]{20}", reply.location)
        assert reply.location.encode() not in client("GET", DOMAIN).body
        assert client("GET", reply.location).status == 200


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ('<feed name="f" type="carousel"/>', 400),
        ('<pipe type="stream"/>', 400),
        ('<feed name="two words"/>', 400),
        ('<feed name="amq.direct"/>', 403),
        ("<feed/><pipe/>", 400),
        ("<join/>", 400),
        ("", 400),
    ],
)
def test_07_what_is_not_known_is_not_made(client: Client, asked: str, status: int) -> None:
    """Unknown types, impossible names and documents of another kind are refused and leave no trace."""
    before = client("GET", DOMAIN).body
    assert client("POST", DOMAIN, asked).status == status
    assert client("GET", DOMAIN).body == before


def test_07_unknown_join_type(client: Client) -> None:
    """A join's type is empty, and its feed is one that exists."""
    pipe, feed = client.pipe(), client.feed()
    assert client("POST", pipe, f'<join type="sql" feed="{feed}"/>').status == 400
    assert client("POST", pipe, '<join feed="/restms/feed/nowhere"/>').status == 404
    assert len(client.children(pipe, "join")) == 1


def test_08_title_can_be_changed(client: Client) -> None:
    """PUT changes the title and nothing else; an empty PUT changes nothing."""
    feed = client.feed("topic")
    name = feed.rpartition("/")[2]
    reply = client("PUT", feed, '<feed name="other" type="fanout" title="New" license="MIT"/>')
    assert reply.status == 200
    assert client("PUT", feed).status == 204
    expected = {"name": name, "type": "topic", "title": "New", "license": "MIT"}
    assert client("GET", feed).item.attrib == expected
    pipe = client.pipe()
    assert client("PUT", pipe, '<pipe title="Mine"/>').status == 200
    assert client("GET", pipe).item.attrib["title"] == "Mine"


@pytest.mark.parametrize("kind", ["fanout", "rotator"])
def test_09_delete_is_idempotent(client: Client, amqp: Any, kind: str) -> None:
    """A feed is deleted, in RabbitMQ as well; deleting it again is no mistake."""
    feed = client.feed(kind)
    what = {"exchange" if kind == "fanout" else "queue": feed.rpartition("/")[2]}
    assert not gone(amqp, **what)
    assert [client("DELETE", feed).status for _ in range(2)] == [200, 200]
    assert client("GET", feed).status == 404
    assert gone(amqp, **what)


def test_10_pipe(client: Client) -> None:
    """A pipe is named as its URI ends and has one default join and one asynclet."""
    reply = client("POST", DOMAIN, '<pipe type="" name="ignored"/>')
    assert reply.status == 201
    name = reply.location.removeprefix("/restms/resource/")
    assert reply.item.attrib == {"name": name, "type": ""}
    (join,) = reply.item.findall(f"{NAMESPACE}join")
    assert (join.attrib["address"], join.attrib["feed"]) == (name, client.url + DEFAULT)
    (asynclet,) = reply.item.findall(f"{NAMESPACE}message")
    assert set(asynclet.attrib) == {"href", "async"}


def test_11_default_join_stays_the_only_one(client: Client) -> None:
    """The join to the default feed can be neither deleted nor doubled."""
    pipe = client.pipe()
    (join,) = client.children(pipe, "join")
    assert client("DELETE", join.attrib["href"]).status == 403
    assert client("POST", pipe, f'<join feed="{DEFAULT}" address="x"/>').status == 403
    assert len(client.children(pipe, "join")) == 1


def test_12_join(client: Client) -> None:
    """A join appears in its pipe, exists once, cannot be changed, and ends the flow when it goes."""
    feed, pipe = client.feed("direct"), client.pipe()
    join = client.join(pipe, feed, "news")
    again = client("POST", pipe, f'<join feed="{feed}" address="news"/>')
    assert (again.status, again.location) == (200, join)
    assert client.url + join in [each.attrib["href"] for each in client.children(pipe, "join")]
    expected = {"type": "", "address": "news", "feed": client.url + feed}
    assert client("GET", join).item.attrib == expected
    assert client("PUT", join, '<join address="x"/>').status == 403
    client.send(feed, message("before", address="news"))
    assert client("DELETE", join).status == 200
    client.send(feed, message("after", address="news"))
    client.send(DEFAULT, message("last", address=pipe.rpartition("/")[2]))
    assert client.texts(pipe, 2) == ["before", "last"]


def test_13_what_a_resource_contains_goes_with_it(client: Client, amqp: Any) -> None:
    """A feed takes its joins and staged contents along; a pipe its joins, messages and contents."""
    feed, pipe = client.feed("fanout"), client.pipe()
    join = client.join(pipe, feed)
    staged = client("POST", feed, b"draft", Content_Type="text/plain").location
    client.send(DEFAULT, message("x" * 5000, address=pipe.rpartition("/")[2]))
    (held,) = client.held(pipe, 1)
    (content,) = [each.attrib["href"] for each in client("GET", held).item]
    assert client("GET", content).body == b"x" * 5000
    assert client("DELETE", feed).status == 200
    assert [client("GET", each).status for each in (join, staged, held)] == [404, 404, 200]
    assert len(client.children(pipe, "join")) == 1
    (default,) = [each.attrib["href"] for each in client.children(pipe, "join")]
    assert client("DELETE", pipe).status == 200
    assert {client("GET", each).status for each in (pipe, default, held, content)} == {404}
    assert gone(amqp, queue=pipe.rpartition("/")[2])


def test_14_errors_are_plain_text(client: Client) -> None:
    """Every kind of error says in plain text what is wrong."""
    replies = {
        404: client("GET", "/restms/feed/nowhere"),
        403: client("DELETE", DOMAIN),
        400: client("POST", DOMAIN, b"<restms"),
        412: client("DELETE", client.feed(), If_Match='"old"'),
        413: client("POST", DOMAIN, b"", Content_Length="999999999"),
        501: client("BREW", DOMAIN),
    }
    for status, reply in replies.items():
        assert reply.status == status, reply
        assert reply.headers["Content-Type"].startswith("text/plain"), reply
        assert reply.body.strip(), reply
    assert client("GET", "/restms/resource/nowhere").status == 404
    assert client("GET", "/elsewhere").status == 404
    assert client("POST", client.pipe(), b"", Content_Type="text/plain").status == 501


def test_15_media_types(client: Client) -> None:
    """Accept chooses XML or JSON, and the entity tags differ; types nobody knows are refused."""
    feed = client.feed("topic")
    plain = client("GET", feed)
    assert plain.headers["Content-Type"] == "text/xml"
    assert client("GET", feed, Accept="*/*").headers["Content-Type"] == "text/xml"
    named = client("GET", feed, Accept="application/restms+xml")
    assert (named.headers["Content-Type"], named.body) == ("application/restms+xml", plain.body)
    other = client("GET", feed, Accept="application/restms+json")
    assert other.headers["Content-Type"] == "application/restms+json"
    expected = {"name": feed.rpartition("/")[2], "type": "topic"}
    assert json.loads(other.body) == {"restms": {"feed": [expected]}}
    assert other.headers["ETag"] != plain.headers["ETag"]
    assert client("GET", feed, Accept="image/png").status == 501
    assert client("GET", feed, When_None_Match='"x"').status == 501
    asked = b'{"restms":{"pipe":[{"title":"J"}]}}'
    made = client("POST", DOMAIN, asked, Content_Type="application/restms+json")
    assert (made.status, made.item.attrib["title"]) == (201, "J")


def test_16_conditional_get(client: Client) -> None:
    """What did not change is not sent again."""
    feed = client.feed()
    first = client("GET", feed)
    for condition in (
        {"If_None_Match": first.headers["ETag"]},
        {"If_None_Match": f'"old", W/{first.headers["ETag"]}'},
        {"If_Modified_Since": first.headers["Last-Modified"]},
    ):
        reply = client("GET", feed, **condition)
        assert (reply.status, reply.body) == (304, b"")
    client("PUT", feed, '<feed title="New"/>')
    assert client("GET", feed, If_None_Match=first.headers["ETag"]).status == 200


@pytest.mark.parametrize("form", ["text/xml", "application/restms+json"])
def test_17_stale_conditions(client: Client, form: str) -> None:
    """What changed since the client looked is neither changed nor deleted."""
    feed = client.feed()
    old = client("GET", feed, Accept=form).headers["ETag"]
    assert client("PUT", feed, '<feed title="New"/>', If_Match=old).status == 200
    assert client("PUT", feed, '<feed title="Newer"/>', If_Match=old).status == 412
    assert client("DELETE", feed, If_Match=old).status == 412
    long_ago = "Thu, 01 Jan 2009 00:00:00 GMT"
    assert client("DELETE", feed, If_Unmodified_Since=long_ago).status == 412
    assert client("GET", feed).item.attrib["title"] == "New"
    assert client("DELETE", feed, If_Match=client("GET", feed, Accept=form).headers["ETag"]).status == 200


def test_18_staged_content(client: Client) -> None:
    """Content of any type is staged, read back byte for byte, and deleted."""
    feed, data = client.feed(), bytes(range(256))
    reply = client("POST", feed, data, Content_Type="image/x-odd; v=1")
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (201, b"", None)
    read = client("GET", reply.location, Accept="image/*")
    assert (read.body, read.headers["Content-Type"]) == (data, "image/x-odd; v=1")
    assert client("GET", reply.location, If_None_Match=read.headers["ETag"]).status == 304
    assert client("DELETE", reply.location).status == 200
    assert client("GET", reply.location).status == 404


def test_19_20_staged_content_is_published_once(client: Client) -> None:
    """Staged content goes out with its type, once; a bad reference stops the whole request."""
    feed, other = client.feed("fanout"), client.feed("fanout")
    pipe = client.reader(feed)
    staged, foreign = (
        client("POST", each, b"\x00bytes", Content_Type="image/x-odd").location for each in (feed, other)
    )
    refer = '<message><content href="{}"/></message>'.format
    assert client("POST", feed, message("not sent") + refer(foreign)).status == 403
    assert client("POST", feed, refer(staged) + refer(staged)).status == 404
    reply = client.send(feed, refer(client.url + staged))
    assert (reply.headers["Location"], reply.body) == (None, b"")
    assert client("GET", staged).status == 404
    assert client("POST", feed, message("not sent") + refer(staged)).status == 404
    client.send(feed, message("last"))
    assert client.texts(pipe, 2) == ["AGJ5dGVz", "last"]


def test_33_unknown_parts_are_ignored(client: Client) -> None:
    """Attributes and elements nobody knows, and another namespace, do no harm and are not echoed."""
    body = b"""<r:restms xmlns:r="http://www.imatix.com/schema/restms" xmlns:o="urn:o">
        <r:pipe colour="red" o:title="no" title="yes"><future/></r:pipe><o:other/></r:restms>"""
    reply = client("POST", DOMAIN, body)
    assert reply.status == 201
    assert set(reply.item.attrib) == {"name", "type", "title"}
    assert {each.tag for each in reply.item} == {f"{NAMESPACE}join", f"{NAMESPACE}message"}
