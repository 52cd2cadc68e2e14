"""What each method does to each resource. Runs in the loop's thread; HTTP itself is the server's."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from kombu import Connection

from . import rules
from .broker import Broker
from .convert import Outgoing, outgoing, short
from .documents import Element
from .model import Asynclet, Content, Domain, Feed, Join, Message, Pipe, Resource
from .refusal import Refused
from .rules import Answer, Request
from .space import Space

__all__ = ["Service"]


class Service:
    """Answers requests. ``later`` runs something between two of them."""

    def __init__(self, later: Callable[[Callable[[], Any]], Any]) -> None:
        self.space = Space()
        self.broker: Broker
        self._later = later

    def connected(self, connection: Connection) -> None:
        """Use a connection, the first or one after that was lost: have all resources in RabbitMQ as well."""
        self.broker = Broker(connection, self.space.arrive, self._gone, lambda: self._later(self._repair))
        for feed in self.space.of_kind(Feed):
            self.broker.open_feed(feed)
        self._repair()

    def _repair(self) -> None:
        """Read again from pipes whose channel is closed. RabbitMQ sends again what they held."""
        for pipe in self.space.of_kind(Pipe):
            if not self.broker.is_open(pipe):
                for message in tuple(pipe.held):
                    self.space.remove(message)
                self.broker.open_pipe(pipe)
                for join in pipe.joins:
                    self.broker.join(join)
                pipe.asynclet.wake()

    def close(self) -> None:
        """Delete from RabbitMQ what nobody can reach any more."""
        for pipe in self.space.of_kind(Pipe):
            self._delete_pipe(pipe)
        for feed in self.space.of_kind(Feed):
            if not feed.public:
                self._delete_feed(feed)

    def answer(self, request: Request) -> "Answer | Future[None]":
        """Return the answer, or for an asynclet what to wait for before asking again; Refused otherwise."""
        if request.headers.get("When-None-Match") or request.headers.get("When-Modified-After"):
            raise Refused(501, "this server does not tell when a resource changes")
        resource = self.space.find(request.path)
        if resource is None:
            if request.method == "DELETE" and request.path.startswith(("/restms/feed/", "/restms/resource/")):
                return Answer(200)  # deleting is idempotent
            raise Refused(404, "there is no such resource")
        if request.method == "GET":
            return self._get(resource, request)
        if request.method == "POST":
            return self._post(resource, request)
        if request.method in ("PUT", "DELETE"):
            self._check(resource, request)
            return self._put(resource, request) if request.method == "PUT" else self._delete(resource)
        raise Refused(403, f"RestMS has no {request.method}")

    def _show(self, resource: Resource, request: Request, status: int = 200, location: str = "") -> Answer:
        media_type = rules.preferred(request.headers.get("Accept") or "")
        body = rules.write([resource.document().under(request.base)], media_type)
        return Answer(status, body, media_type, location, rules.etag(body), resource.modified)

    def _get(self, resource: Resource, request: Request) -> "Answer | Future[None]":
        if isinstance(resource, Asynclet):
            if resource.pipe.type == "ondemand":
                self.broker.pull(resource.pipe)
            return resource.arrived
        if isinstance(resource, Content):
            body = resource.body
            answer = Answer(200, body, resource.type, "", rules.etag(body), resource.modified)
        else:
            answer = self._show(resource, request)
        if rules.unchanged(request.headers, answer.tag, resource.modified):
            return answer._replace(status=304, body=b"", content_type="")
        return answer

    def _check(self, resource: Resource, request: Request) -> None:
        """Refuse (403) what is never allowed, then (412) what was asked for another state of the resource."""
        allowed: tuple[type[Resource], ...] = (Feed, Pipe)
        if request.method == "DELETE":
            allowed = (Feed, Pipe, Join, Message, Content)
        if not isinstance(resource, allowed):
            raise Refused(403, f"{request.method} is not for this resource")
        if isinstance(resource, Feed) and resource.configured:
            raise Refused(403, "the default feed stays as it is")
        if isinstance(resource, Join) and resource.feed.configured:
            raise Refused(403, "a pipe keeps its default join")
        if isinstance(resource, Content):
            tags = {rules.etag(resource.body)}
        else:
            document = resource.document().under(request.base)
            tags = {rules.etag(rules.write([document], form)) for form in rules.FORMS}
        if rules.stale(request.headers, tags, resource.modified):
            raise Refused(412, "the resource is not what it was")

    def _put(self, resource: Resource, request: Request) -> Answer:
        if not request.body:
            return Answer(204)
        if isinstance(resource, (Feed, Pipe)):
            rules.preferred(request.headers.get("Accept") or "")
            resource.update(request.one("feed" if isinstance(resource, Feed) else "pipe"))
        return self._show(resource, request)

    def _post(self, resource: Resource, request: Request) -> Answer:
        rules.preferred(request.headers.get("Accept") or "")  # before anything is done
        if isinstance(resource, Domain):
            asked = request.one("feed", "pipe")
            made, new = self._make_feed(asked) if asked.name == "feed" else self._make_pipe(asked)
        elif isinstance(resource, Pipe):
            made, new = self._make_join(resource, request)
        elif isinstance(resource, Feed):
            if rules.is_structured(request.content_type):
                return self._publish(resource, request)
            content = Content(resource, short("Content-Type", request.content_type), request.body)
            resource.staged.append(content)
            self.space.add(content)
            location, tag = request.base + content.path, rules.etag(content.body)
            return Answer(201, location=location, tag=tag, modified=content.modified)
        else:
            raise Refused(403, "POST is not for this resource")
        return self._show(made, request, 201 if new else 200, request.base + made.path)

    def _make_feed(self, asked: Element) -> tuple[Resource, bool]:
        name = asked.get("name")
        if name and (there := self.space.find(f"/restms/feed/{name}")):
            return there, False  # whatever its type: who opens a feed that is there need not know
        feed = Feed(self.space.domain, asked)
        self.broker.open_feed(feed)
        self.space.add(feed)
        if feed.public:
            self.space.domain.feeds.append(feed)
        return feed, True

    def _make_pipe(self, asked: Element) -> tuple[Resource, bool]:
        pipe = Pipe(asked)
        self.broker.open_pipe(pipe)
        self.space.add(pipe, pipe.asynclet)
        if pipe.type == "":
            join = Join(pipe, self.space.default, Element("join", {"address": pipe.name}))
            join.attach()
            self.space.add(join)
        return pipe, True

    def _make_join(self, pipe: Pipe, request: Request) -> tuple[Resource, bool]:
        asked = request.one("join")
        feed = self.space.find(rules.path_of(asked.get("feed")))
        if asked.get("type"):
            raise Refused(400, "a join has no other type than the empty one")
        if not isinstance(feed, Feed):
            raise Refused(404, "the join's feed is not there")
        if feed.configured:
            raise Refused(403, "the default feed has one join for each pipe")
        if pipe.type == "ondemand" and feed.exchange:
            raise Refused(403, "an ondemand pipe reads from rotators and services only")
        join = Join(pipe, feed, asked)
        for there in pipe.joins:
            if there.same(join):
                return there, False
        self.broker.join(join)
        join.attach()
        self.space.add(join)
        pipe.asynclet.wake()
        return join, True

    def _publish(self, feed: Feed, request: Request) -> Answer:
        messages = [each for each in rules.read(request.body, request.content_type) if each.name == "message"]
        if not messages:
            raise Refused(400, "the document holds no message")
        spent: list[Content] = []
        # Everything is looked at before anything is sent.
        ready = [self._with_content(feed, outgoing(message), spent) for message in messages]
        count = 0
        for message in ready:
            self.broker.publish(feed, message)
            count += feed.matches(message.address)
        for content in spent:
            self.space.remove(content)
        if feed.type:
            return Answer(200)  # 4/AMQP9: an empty document
        media_type = rules.preferred(request.headers.get("Accept") or "")
        return Answer(200, rules.write([Element("message", {"count": str(count)})], media_type), media_type)

    def _with_content(self, feed: Feed, message: Outgoing, spent: list[Content]) -> Outgoing:
        if not message.staged:
            return message
        content = self.space.find(rules.path_of(message.staged))
        if not isinstance(content, Content) or content in spent:
            raise Refused(404, "the staged content is not there")
        if content.owner is not feed:
            raise Refused(403, "the content was staged on another feed")
        spent.append(content)
        return message._replace(content_type=content.type, body=content.body)

    def _delete(self, resource: Resource) -> Answer:
        if isinstance(resource, Feed):
            self._delete_feed(resource)
        elif isinstance(resource, Pipe):
            self._delete_pipe(resource)
        elif isinstance(resource, Join):
            self._delete_join(resource)
        elif isinstance(resource, Message):
            self.broker.acknowledge(resource.receipt)
            for message in resource.and_older():
                self.space.remove(message)
        else:
            self.space.remove(resource)
        return Answer(200)

    def _delete_feed(self, feed: Feed) -> None:
        for join in tuple(feed.joins):
            self.broker.part(join)
        self.broker.close_feed(feed)
        self.space.remove(feed)

    def _delete_pipe(self, pipe: Pipe) -> None:
        feeds = [join.feed for join in pipe.joins]
        self.broker.close_pipe(pipe)
        self.space.remove(pipe)
        self._retire(*feeds)

    def _delete_join(self, join: Join) -> None:
        self.broker.part(join)
        self.space.remove(join)
        self._retire(join.feed)

    def _retire(self, *feeds: Feed) -> None:
        for feed in feeds:
            if feed.type == "service" and not feed.joins and self.space.find(feed.path):
                self._delete_feed(feed)

    def _gone(self, owner: Pipe | Feed) -> None:
        """Somebody deleted a queue in RabbitMQ: so its pipe or feed is deleted here, between two requests."""
        self._later(lambda: self.space.find(owner.path) and self._delete(owner))
