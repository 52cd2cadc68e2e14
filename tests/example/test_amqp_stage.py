"""What the lessons share: the picture, the frames in one line, and URLs with a part replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
from kombu import Exchange, Queue

from example_project.amqp.stage import Failed, Stage
from example_project.amqp.stage.topology import Topology
from example_project.amqp.stage.wire import Frame, as_text


def stage_on(url: str) -> Stage:
    """A stage that has opened nothing."""
    return Stage("test", url, Path(), "unix:///nowhere", None)


def test_picture() -> None:
    """Each exchange with its queues; a queue that is bound to none at the default exchange."""
    made = Topology()
    made.exchange("shop", "topic", {"durable": True})
    made.queue("bills", {"durable": True, "arguments": {"x-dead-letter-exchange": "dead", "x-max-length": 3}})
    made.queue("all", {"exclusive": True, "auto_delete": True})
    made.queue("alone", {})
    for _ in range(2):
        made.bind("shop", "order.*", None, "bills")
    made.bind("shop", "", {"x-match": "any", "size": 4}, "all")
    made.published["shop"] = 2
    for tag in ("1", "2"):
        made.consume("bills", tag)
    made.cancel("1")
    made.consume("bills", "3")
    assert made.picture() == [
        "2 published --> (shop)  topic, durable",
        "   |-- order.* --> [bills]  durable, x-max-length=3  ==dead letters==> (dead) --> 2 consumers",
        "   `-- x-match=any, size=4 --> [all]  exclusive, auto-delete",
        "(the default exchange: each queue is bound to it by its name)",
        "   `-- alone --> [alone]",
    ]


def test_frames_in_one_line() -> None:
    """Repeated methods are counted, a channel is named when it changes, a long talk is cut in the middle."""
    frames = [Frame(1, "->", "basic.publish")] * 3 + [
        Frame(1, "<-", "basic.ack"),
        Frame(2, "->", "basic.get"),
    ]
    assert as_text(frames) == "[1] -> basic.publish x3 <- basic.ack [2] -> basic.get"
    talk = [Frame(1, "->", "basic.get"), Frame(1, "<-", "basic.get-ok")] * 50
    text = as_text([*talk, Frame(1, "->", "basic.ack")])
    assert text.count("basic.") == 14
    assert text.endswith("... <- basic.get-ok -> basic.ack")


@pytest.mark.parametrize(
    ("method", "ceremony"),
    [
        ("channel.open", True),
        ("connection.tune", True),
        ("basic.publish", False),
        ("queue.declare-ok", False),
    ],
)
def test_what_is_left_out(method: str, ceremony: bool) -> None:
    """Opening and closing is left out, but not that the broker closes a channel."""
    assert Frame(1, "->", method).is_ceremony is ceremony
    assert Frame(1, "->", "channel.close").is_ceremony
    assert not Frame(1, "<-", "channel.close").is_ceremony


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("amqp://a:b@h:1//", "amqp://c:d%2F@h:1/host"),
        ("amqps://h/x?heartbeat=9", "amqps://c:d%2F@h/host?heartbeat=9"),
    ],
)
def test_url_with_a_part_replaced(url: str, other: str) -> None:
    """Another virtual host and login; all else as it was."""
    stage = stage_on(url)
    assert stage._url() == url
    assert stage._url("host", ("c", "d/")) == other


def test_declarations_are_noted_in_memory() -> None:
    """The picture is drawn from what Kombu declares, with the in-memory transport too."""
    stage = stage_on("memory://")
    queue = Queue(stage.name("box"), Exchange(stage.name("hall"), "direct"), routing_key="door")
    with stage.connect() as connection:
        connection.Producer().publish("x", exchange=queue.exchange, routing_key="door", declare=[queue])
        with connection.Consumer(queue, no_ack=True, callbacks=[lambda *_: None]):
            connection.drain_events(timeout=stage.PATIENCE)
    hall, box = stage.name("hall"), stage.name("box")
    assert stage.trace.topologies["/"].picture() == [
        f"1 published --> ({hall})  direct, durable",
        f"   `-- door --> [{box}]  durable --> 1 consumer",
    ]


def test_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not hold, is not refused or does not come true raises Failed, and says what."""
    stage = stage_on("memory://")
    monkeypatch.setattr(stage, "PATIENCE", 0.0)
    with pytest.raises(Failed, match="1 of 2"):
        stage.check(False, "%d of %d", 1, 2)
    with (
        pytest.raises(Failed, match=r"not refused \(ValueError or KeyError\)"),
        stage.refused(ValueError, KeyError),
    ):
        pass
    with pytest.raises(Failed, match="the tide"):
        stage.wait(lambda: False, "the tide")
