"""Named by us or by the server, exclusive, auto-delete, passive, durable: what each means."""

from typing import Any

from kombu import Exchange, Queue

from .stage import Stage

NEXT = """\
  python -m example_project.amqp queues --private    with a restart of the broker at the end
  python -m example_project.amqp messages            a durable queue keeps only persistent messages"""


def run(stage: Stage) -> None:
    with stage.connect() as connection:
        names(stage, connection)
        exclusive(stage, connection)
        auto_delete(stage, connection)
        passive(stage, connection)
        declared_again(stage, connection)
    if stage.node:
        durable(stage)
    else:
        stage.say("Left out: what a restart of the broker leaves. --private has one that may be restarted.")


def names(stage: Stage, connection: Any) -> None:
    """A name that others are to know is given by us; one that only we need, by the server."""
    stage.say("Named by the server: for a queue that nobody else has to find.")
    nameless = Queue("", exclusive=True)(connection.channel())
    nameless.declare()
    stage.wire()
    stage.check(nameless.name.startswith("amq.gen-"), "it is called %s", nameless.name)


def exclusive(stage: Stage, connection: Any) -> None:
    """Of this connection alone, and gone with it."""
    stage.say("Exclusive: another connection is refused.")
    mine = Queue(stage.name("mine"), exclusive=True)
    with stage.connect() as owner:
        mine(owner).declare()
        with stage.refused(*connection.channel_errors):
            mine(connection.channel()).declare()
    stage.say("The connection that owns it closes, and it is gone:")
    stage.wait(lambda: not exists(connection, mine.name), "the queue goes with its connection")
    stage.check(not exists(connection, mine.name), "no such queue any more")


def auto_delete(stage: Stage, connection: Any) -> None:
    """Gone after its last consumer; it does not go before it had one."""
    stage.say("Auto-delete: goes with its last consumer.")
    passing = Queue(stage.name("passing"), auto_delete=True, durable=False)
    passing(connection.channel()).declare()
    stage.check(exists(connection, passing.name), "no consumer so far: it stays")
    with connection.Consumer(passing, channel=connection.channel()):
        pass
    stage.wait(lambda: not exists(connection, passing.name), "the queue goes with its last consumer")
    stage.check(not exists(connection, passing.name), "it had one, which has gone: no such queue any more")


def passive(stage: Stage, connection: Any) -> None:
    """Asks whether it exists, and creates nothing."""
    stage.say("Passive: only ask. What exists answers with its name, messages and consumers:")
    kept = Queue(stage.name("kept"))
    kept(connection.channel()).declare()
    answer = kept(connection.channel()).queue_declare(passive=True)
    stage.check(answer == (kept.name, 0, 0), "%s, %d messages, %d consumers", *answer)
    stage.say("What does not exist is an error, and is not created by asking:")
    with stage.refused(*connection.channel_errors):
        Queue(stage.name("nowhere"))(connection.channel()).queue_declare(passive=True)


def declared_again(stage: Stage, connection: Any) -> None:
    """A queue stays what it was declared to be."""
    stage.say("Declared again as it is: nothing happens. Declared as something else: refused.")
    kept = Queue(stage.name("kept"))
    kept(connection.channel()).declare()
    with stage.refused(*connection.channel_errors):
        Queue(kept.name, durable=False)(connection.channel()).declare()
    with stage.refused(*connection.channel_errors):
        Queue(kept.name, queue_arguments={"x-max-length": 5})(connection.channel()).declare()


def durable(stage: Stage) -> None:
    """Durable means: there again after the broker was restarted."""
    assert stage.node is not None
    log = Exchange(stage.name("log"), "fanout", durable=True)
    talk = Exchange(stage.name("talk"), "fanout", durable=False)
    lasting = Queue(stage.name("lasting"), log, durable=True)
    passing = Queue(stage.name("fleeting"), talk, durable=False)
    with stage.connect() as connection:
        for queue in (lasting, passing):
            queue(connection).declare()
        stage.say("Two queues, one of them durable. The broker is restarted ...")
        stage.node.restart()
    with stage.connect() as connection:
        found = [exists(connection, queue.name) for queue in (lasting, passing)]
        stage.check(found == [True, False], "the durable queue is there again, the other one is not")
        # Its binding is as durable as the two that it binds: a message still finds its way.
        channel = connection.channel()
        connection.Producer(channel).publish("hello again", exchange=log.name)
        stage.check(
            lasting(channel).get(no_ack=True).payload == "hello again", "so are its exchange and binding"
        )
        with stage.refused(*connection.channel_errors):
            talk(connection.channel()).declare(passive=True)


def exists(connection: Any, name: str) -> bool:
    """Tell whether there is such a queue: on a channel of its own, which a "no" closes."""
    try:
        with connection.channel() as channel:
            Queue(name)(channel).queue_declare(passive=True)
    except connection.channel_errors:
        return False
    return True
