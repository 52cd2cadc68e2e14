"""Publish and subscribe with topics; Celery's worker events, read with Kombu alone."""

from typing import Any

from kombu import Exchange, Queue

from .stage import Stage
from .stage.celery import make_app, working

NEXT = """\
  celery -A PROJECT events --dump           the same events on the command line
  bind task.failed only, and you have an alarm; bind # and count by body["type"], and you have a dashboard"""


def run(stage: Stage) -> None:
    topics(stage)
    worker_events(stage)


def topics(stage: Stage) -> None:
    """Who publishes says what it is about; who subscribes says what he wants to hear of."""
    stage.say("Three subscribers, each with a queue of its own, and one publisher who knows none of them.")
    shop = Exchange(stage.name("shop"), "topic")
    with stage.connect() as connection:
        heard: dict[str, list[str]] = {}
        for key in ("order.*", "*.failed", "#"):
            # Named by the server and exclusive: a subscription lasts as long as its subscriber.
            queue = Queue("", shop, routing_key=key, exclusive=True)
            consumer = connection.Consumer(queue, no_ack=True, channel=connection.channel())
            consumer.register_callback(note(heard.setdefault(key, [])))
            consumer.consume()
        producer = connection.Producer()
        for topic in ("order.paid", "order.failed", "stock.failed", "news"):
            producer.publish(topic, exchange=shop, routing_key=topic)
        while sum(map(len, heard.values())) < 8:
            connection.drain_events(timeout=stage.PATIENCE)
    for key, wanted in (
        ("order.*", ["order.paid", "order.failed"]),
        ("*.failed", ["order.failed", "stock.failed"]),
        ("#", ["order.paid", "order.failed", "stock.failed", "news"]),
    ):
        stage.check(heard[key] == wanted, "%s heard %s", key, wanted)


def note(heard: list[str]) -> Any:
    """Return a callback that notes what it hears."""
    return lambda body, _: heard.append(body)


def worker_events(stage: Stage) -> None:
    """A Celery worker publishes what it does, for whoever binds a queue to its exchange."""
    app = make_app(stage)
    # Celery's: a topic exchange; the key is the event's type with a dot, the body is JSON.
    celery_events = Exchange(app.conf.event_exchange, "topic")
    stage.say("A Celery worker with -E tells of itself and its tasks in the exchange %s.", celery_events.name)
    heard: list[dict[str, Any]] = []

    def on_event(body: Any, _: Any) -> None:
        # Task events come in bunches, as a list; worker events one by one.
        heard.extend(body if isinstance(body, list) else [body])

    with stage.connect() as connection:
        queue = Queue("", celery_events, routing_key="#", exclusive=True)
        with connection.Consumer(queue, callbacks=[on_event], no_ack=True, accept=["json"]):
            with working(stage, "--concurrency", "1", "-E"):
                task = app.send_task("lessons.add", (2, 3), connection=connection)
                while "task-succeeded" not in types(heard):
                    connection.drain_events(timeout=stage.PATIENCE)
            while "worker-offline" not in types(heard):
                connection.drain_events(timeout=stage.PATIENCE)
    for event in heard:
        about = event.get("name") or event.get("result") or event.get("hostname")
        stage.say("  event   %s %s %s", event["type"], event.get("uuid", ""), about)
    ours = [event["type"] for event in heard if event.get("uuid") == task.id]
    stage.check(ours == ["task-received", "task-started", "task-succeeded"], "our task: %s", ", ".join(ours))
    stage.check({"worker-online", "worker-offline"} <= types(heard), "the worker came and went")


def types(heard: list[dict[str, Any]]) -> set[str]:
    """Return which events were heard."""
    return {event["type"] for event in heard}
