"""Why there is a broker in between: decoupling, fan-out and scale, against a direct call."""

import xmlrpc.client
from threading import Thread
from typing import Any
from xmlrpc.server import SimpleXMLRPCServer

from kombu import Exchange, Queue

from .stage import Stage

NEXT = """\
  python -m example_project.amqp exchanges    the exchange in the middle: who gets a copy
  python -m example_project.amqp parallel     scale: what more consumers are worth
  python -m example_project.amqp rpc          a call with an answer, over the broker"""

ORDERS = [f"order {number}" for number in range(6)]


def run(stage: Stage) -> None:
    direct(stage)
    # A producer knows an exchange and a key, and no more. Who gets the message is said by the bindings,
    # and those are made by the other side.
    shop = Exchange(stage.name("shop"), "topic")
    billing = Queue(stage.name("billing"), shop, routing_key="order.*")
    # With confirms (lesson confirms) a message is in its queue when publish() returns.
    with stage.connect(transport_options={"confirm_publish": True}) as connection:
        decoupled(stage, connection, shop, billing)
        fan_out(stage, connection, shop, billing)
        scale(stage, connection, shop, billing)


def direct(stage: Stage) -> None:
    """The caller knows the address, waits for the answer, and fails when nobody is at home."""
    stage.say("Direct RPC: the caller has to know the callee's address, and the callee has to be there.")
    with SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False) as server:
        server.register_function(lambda order: f"{order} is billed", "bill")
        Thread(target=server.handle_request, daemon=True).start()
        port = server.server_address[1]
        with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{port}") as callee:
            answer = callee.bill("order 0")
    stage.check(answer == "order 0 is billed", "the callee is up: %s", answer)
    stage.say("The callee is restarted, as happens. Whoever calls now has the trouble:")
    with stage.refused(ConnectionError), xmlrpc.client.ServerProxy(f"http://127.0.0.1:{port}") as callee:
        callee.bill("order")


def decoupled(stage: Stage, connection: Any, shop: Exchange, billing: Queue) -> None:
    """Neither side has to be there when the other is."""
    stage.say("Over a broker: nobody is at home, and the orders wait in the queue.")
    billing(connection).declare()
    publish(connection, shop, ORDERS)
    waiting = billing(connection).queue_declare(passive=True)
    stage.check((waiting.message_count, waiting.consumer_count) == (6, 0), "6 orders wait, for 0 consumers")
    stage.say("Billing comes up and finds them:")
    stage.check(receive(stage, connection, [billing], 6)[billing.name] == ORDERS, "6 orders billed, in order")


def fan_out(stage: Stage, connection: Any, shop: Exchange, billing: Queue) -> None:
    """One more reader is one more queue; the producer is not touched."""
    stage.say("Fan-out: shipping wants the orders too. It binds a queue of its own to the exchange.")
    shipping = Queue(stage.name("shipping"), shop, routing_key="order.new")
    shipping(connection).declare()
    stage.frames()
    publish(connection, shop, ORDERS)
    sent = sum(frame.name == "basic.publish" for frame in stage.frames())
    found = receive(stage, connection, [billing, shipping], 12)
    stage.check(
        (sent, found) == (6, {billing.name: ORDERS, shipping.name: ORDERS}),
        "6 were published by the same producer, 12 received: each queue got its copy",
    )


def scale(stage: Stage, connection: Any, shop: Exchange, billing: Queue) -> None:
    """One more hand is one more consumer of the same queue; again nobody else is touched."""
    stage.say("Scale: billing is slow, so a second consumer takes from the same queue.")
    hands: dict[str, list[str]] = {"first": [], "second": []}
    consumers = [
        connection.Consumer(billing, channel=connection.channel(), callbacks=[hand(taken)])
        for taken in hands.values()
    ]
    for consumer in consumers:
        consumer.consume()
    publish(connection, shop, ORDERS)
    while sum(map(len, hands.values())) < len(ORDERS):
        connection.drain_events(timeout=stage.PATIENCE)
    stage.check(all(len(taken) == 3 for taken in hands.values()), "each of them got 3 of the 6")


def publish(connection: Any, shop: Exchange, orders: list[str]) -> None:
    """Be the producer."""
    with connection.Producer() as producer:
        for order in orders:
            producer.publish(order, exchange=shop, routing_key="order.new")


def hand(taken: list[str]) -> Any:
    """Return a callback that puts what it gets into a list."""

    def on_message(body: str, message: Any) -> None:
        taken.append(body)
        message.ack()

    return on_message


def receive(stage: Stage, connection: Any, queues: list[Queue], count: int) -> dict[str, list[str]]:
    """Consume from queues until so many messages came; return them by queue."""
    found: dict[str, list[str]] = {queue.name: [] for queue in queues}
    consumers = [
        connection.Consumer(queue, channel=connection.channel(), callbacks=[hand(found[queue.name])])
        for queue in queues
    ]
    for consumer in consumers:
        consumer.consume()
    while sum(map(len, found.values())) < count:
        connection.drain_events(timeout=stage.PATIENCE)
    for consumer in consumers:
        consumer.cancel()
    return found
