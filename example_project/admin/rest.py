"""Administration over HTTP: a virtual host with its user, exchange and queue, messages, health checks."""

import secrets
import time

from ..amqp.stage import Stage
from .management import CHECKS, Management, ManagementError
from .nodes import ManagedNode
from .values import Binding, Permission, Queue

BROKER = False  # it makes users and virtual hosts, which is not for a broker that others use

NEXT = """\
  make the user a "monitoring" one and let it read api.overview(); without a tag it may not
  docs/amqp/rest.md    every call of the client"""

HOST, USER = "shop", "clerk"


def run(stage: Stage) -> None:
    stage.say("Starting a node with the management plugin.")
    with ManagedNode() as node, Management(node.management_url) as api:
        stage.say("%r: RabbitMQ %s", api, api.overview()["rabbitmq_version"])
        health(stage, api, node)
        password = secrets.token_urlsafe()
        tenant(stage, api, password)
        topology(stage, api)
        messages(stage, api)
        permissions(stage, node, password)
        api.delete_user(USER)
        api.delete_vhost(HOST)
        stage.check(api.vhosts() == ["/"], "the virtual host is gone, and with it all that was in it")


def health(stage: Stage, api: Management, node: ManagedNode) -> None:
    """What a monitor or a load balancer asks: HTTP status 200, or 503 with the reason."""
    stage.say("Health checks:")
    for name in CHECKS:
        stage.check(api.check(name).ok, "GET /api/health/checks/%s", name)
    stage.check(api.check("port-listener", str(node.port)).ok, "it listens on port %d", node.port)
    failed = api.check("protocol-listener", "mqtt")
    stage.check(not failed.ok, "it does not speak MQTT: %s", failed.reason)


def tenant(stage: Stage, api: Management, password: str) -> None:
    """A virtual host and a user who can do in it what the names allow, and nothing elsewhere."""
    stage.say("A virtual host, and a user for it:")
    api.create_vhost(HOST)
    stage.check(HOST in api.vhosts(), "virtual hosts: %s", " ".join(api.vhosts()))
    api.create_user(USER, password)
    stage.check(USER in {user.name for user in api.users()}, "users: %s", api.users())
    mine = Permission(USER, HOST, configure="^$", write="^orders$", read="^incoming$")
    api.set_permission(mine)
    stage.check(mine in api.permissions(HOST), "%s", mine)


def topology(stage: Stage, api: Management) -> None:
    """What a program would declare, declared for it: then it needs no permission to configure."""
    stage.say("An exchange, a queue and a binding:")
    api.create_exchange("orders", "topic", vhost=HOST)
    own = [exchange for exchange in api.exchanges(HOST) if exchange.name and exchange.name[:4] != "amq."]
    stage.check([exchange.name for exchange in own] == ["orders"], "%s", own[0])
    api.create_queue("incoming", vhost=HOST)
    stage.check([queue.name for queue in api.queues(HOST)] == ["incoming"], "%s", api.queues(HOST)[0])
    api.bind(Binding("orders", "incoming", "order.#"), vhost=HOST)
    found = api.bindings("incoming", vhost=HOST)
    stage.check(len(found) == 2, "%s, and the one to the default exchange", found[-1])
    try:
        api.create_queue("incoming", "quorum", vhost=HOST)
    except ManagementError as error:
        stage.check(error.status == 400, "another type is refused: %s", error.reason)
    else:
        stage.check(False, "a queue changed its type")


def messages(stage: Stage, api: Management) -> None:
    """Good for a look; to work with messages takes a connection that stays, which is AMQP."""
    stage.say("Messages:")
    routed = api.publish(b"a book", "order.new", exchange="orders", vhost=HOST, delivery_mode=2)
    stage.check(routed, "published, and routed to a queue")
    lost = not api.publish(b"a letter", "mail.new", exchange="orders", vhost=HOST)
    stage.check(lost, "published, and routed nowhere")
    counted = wait_for_count(stage, api)
    stage.check(counted.messages == 1, "the queue counts %s message, a moment later", counted.messages)
    (kept,) = api.get("incoming", keep=True, vhost=HOST)
    stage.check(kept.body == b"a book", "looked at: %r", kept.body)
    (taken,) = api.get("incoming", vhost=HOST)
    stage.check(taken.redelivered, "taken: marked as redelivered, since it was looked at before")
    stage.check(not api.get("incoming", vhost=HOST), "the queue is empty")


def wait_for_count(stage: Stage, api: Management) -> Queue:
    """Ask until the queue has been counted: the plugin is told every few seconds, and not at once."""
    end = time.monotonic() + stage.PATIENCE
    while not (found := api.queue("incoming", vhost=HOST)).messages and time.monotonic() < end:
        time.sleep(0.1)
    return found


def permissions(stage: Stage, node: ManagedNode, password: str) -> None:
    """The user over AMQP: it may publish to "orders" and read "incoming", and that is all."""
    stage.say("What %s may do over AMQP:", USER)
    url = f"amqp://{USER}:{password}@127.0.0.1:{node.port}/"
    with stage.connect(url=f"{url}{HOST}") as connection:
        connection.Producer().publish("a pen", exchange="orders", routing_key="order.new")
        stage.say("  ok      publish to orders")
        with stage.refused(*connection.channel_errors):
            connection.channel().queue_declare("mine")
    with stage.connect(url=f"{url}/") as connection, stage.refused(*connection.connection_errors):
        connection.connect()
