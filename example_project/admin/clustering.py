"""Three nodes and a quorum queue: lose a node and no message; the client fails over by itself."""

import time
from typing import Any

from kombu import Connection, Exchange, Queue
from kombu.exceptions import OperationalError

from ..amqp.stage import Stage
from .nodes import Member, separate_nodes

BROKER = False  # nobody wants this done to a broker of theirs

NEXT = """\
  kill a second node before receive(): two of three are lost, and publishing waits until one is back
  docs/amqp/clustering.md    what else to know before you run a cluster"""

EXCHANGE = Exchange("shop")
#: On disk on several nodes; a message is confirmed once most of them have it.
ORDERS = Queue("orders", EXCHANGE, "order", queue_arguments={"x-queue-type": "quorum"})
#: On disk on one node: the one that the client was connected to when it declared the queue.
NOTES = Queue("notes", EXCHANGE, "note")

MESSAGES = 60


def run(stage: Stage) -> None:
    stage.say("Starting three nodes of RabbitMQ on this machine; they are not yet a cluster.")
    with separate_nodes("first", "second", "third") as (first, second, third):
        join(stage, second, first)
        two_are_not_safer_than_one(stage, first, second)
        join(stage, third, first)
        stage.say("A queue stays where it is until it is told to spread:")
        stage.say("  rabbitmq-queues grow %s all", third.node)
        first.ctl("grow", third.node, "all", program="rabbitmq-queues")
        three_survive_one(stage, first, second, third)


def join(stage: Stage, node: Member, other: Member) -> None:
    """Make a node a member of the other's cluster. What it had before is gone: it gets the cluster's."""
    stage.say("%s joins %s:", node.node, other.node)
    for command in (["stop_app"], ["reset"], ["join_cluster", other.node], ["start_app"]):
        stage.say("  rabbitmqctl -n %s %s", node.node, " ".join(command))
        node.ctl(*command)
    running = node.told_json("cluster_status")["running_nodes"]
    stage.check({node.node, other.node} <= set(running), "running: %s", " ".join(sorted(running)))


def two_are_not_safer_than_one(stage: Stage, first: Member, second: Member) -> None:
    """With one of two gone there is no majority, and nothing is confirmed."""
    with connect(stage, first) as connection:
        ORDERS(connection).declare()
        show(stage, first)
        send(stage, connection, 0)
        stage.say("%s is killed. One of two is no majority:", second.node)
        second.kill()
        # The message may be lost or not: nobody has promised anything. No answer, or basic.nack.
        with stage.refused(*connection.recoverable_connection_errors):
            publish(connection, 0, confirm_timeout=1.0)
        stage.say("%s is started again.", second.node)
        second.start()
    with connect(stage, first) as connection:
        send(stage, connection, 0)
        stage.say("  ok      a message is confirmed: there is a majority again")
        ORDERS(connection).purge()


def three_survive_one(stage: Stage, first: Member, second: Member, third: Member) -> None:
    """With one of three gone every confirmed message is there, and the client has found another node."""
    with connect(stage, first, second, third) as connection:
        NOTES(connection).declare()
        show(stage, first)
        stage.say("%d messages, a confirm for each; %s is killed half-way.", MESSAGES, first.node)
        for number in range(MESSAGES):
            if number == MESSAGES // 2:
                first.kill()  # the node we are connected to, which leads the queue as well
            send(stage, connection, number)
        moved = str(first.port) not in connection.as_uri()
        stage.check(moved, "all are confirmed, the second half by %s", connection.as_uri())
        show(stage, second)
        got = receive(connection)
        # Where the confirm died with the node, the message was sent again: "at least once".
        twice = len(got) - MESSAGES
        stage.check(
            set(got) == set(range(MESSAGES)), "every one of the %d is there, %d twice", MESSAGES, twice
        )
        stage.say("A classic queue is as mortal as its node:")
        with stage.refused(*connection.channel_errors):
            NOTES(connection).queue_declare(passive=True)


def connect(stage: Stage, *nodes: Member) -> Connection:
    """Return a connection, in confirm mode, to the first of the nodes that answers."""
    # Kombu takes a list, or one string with ";" between the URLs. Celery's broker_url does too.
    return stage.connect(url=[node.url for node in nodes], transport_options={"confirm_publish": True})


def publish(connection: Connection, number: int, **options: Any) -> None:
    connection.Producer().publish(number, exchange=EXCHANGE, routing_key="order", **options)


def send(stage: Stage, connection: Connection, number: int) -> None:
    """Publish until it is confirmed.

    Kombu's own retry finds another node. But after the death of a leader the others elect a new one
    first, and until then the broker says no (basic.nack) or nothing: so we try again, after a pause.
    """
    retry = {"retry": True, "retry_policy": {"max_retries": 3, "interval_start": 0.1}}
    end = time.monotonic() + stage.PATIENCE
    while True:
        try:
            return publish(connection, number, confirm_timeout=5.0, **retry)
        except (OperationalError, *connection.recoverable_connection_errors) as error:
            if time.monotonic() > end:
                raise
            stage.say("  ...     message %d is not confirmed, so it is sent again: %r", number, error)
            time.sleep(0.2)


def receive(connection: Connection) -> list[int]:
    """Take what is in the queue until it is empty."""
    queue, found = ORDERS(connection.channel()), []
    while message := queue.get():
        found.append(message.payload)
        message.ack()
    return found


def show(stage: Stage, node: Member) -> None:
    """Say which node has which queue, as the cluster itself tells it."""
    queues = node.told_json("list_queues", "name", "type", "leader", "online", "pid")
    status = node.told_json("cluster_status")
    for member in sorted(status["disk_nodes"]):
        alive = "up" if member in status["running_nodes"] else "DOWN"
        held = [f"[{queue['name']}: {role}]" for queue in queues if (role := role_of(queue, member))]
        stage.say("    %-17s %-5s %s", member, alive, " ".join(held))


def role_of(queue: dict[str, Any], member: str) -> str:
    """Return what a node is to a queue; nothing if it has no part in it."""
    if queue["type"] == "classic":
        return "the only copy" if member in queue["pid"] else ""
    if queue["leader"] == member:
        return "leader"
    return "follower" if member in queue["online"] else ""
