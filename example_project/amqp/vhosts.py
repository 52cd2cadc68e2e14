"""The same name in two virtual hosts is two things; a user's rights end at the border."""

from functools import partial
from typing import Any

from kombu import Queue

from .stage import Stage

PRIVATE = "makes a virtual host and a user"

NEXT = """\
  rabbitmqctl set_permissions -p HOST bob '' '' '^inbox$'    bob may read this queue, and no more
  test and production, or two projects, on one broker: a virtual host each, and no name can clash"""


def run(stage: Stage) -> None:
    assert stage.node is not None
    ctl = stage.node.ctl
    first, second = stage.name("first"), stage.name("second")
    stage.say("Two virtual hosts; guest may do everything in both (declare, write, read: three patterns).")
    for host in (first, second):
        ctl("add_vhost", host)
        stage.undo.append(partial(ctl, "delete_vhost", host))
        ctl("set_permissions", "-p", host, "guest", ".*", ".*", ".*")
    two_things(stage, first, second)
    permissions(stage, ctl, first, second)


def two_things(stage: Stage, first: str, second: str) -> None:
    """A name means something in one virtual host."""
    stage.say("The same queue in both:")
    inbox = Queue("inbox")
    with stage.connect(first) as one, stage.connect(second) as two:
        one.Producer().publish("for the first", routing_key="inbox", declare=[inbox])
        inbox(two).declare()
        message = inbox(one).get(no_ack=True)
        stage.check(message.payload == "for the first", "a message to one of them is there")
        stage.check(inbox(two).get() is None, "and not in its namesake")


def permissions(stage: Stage, ctl: Any, first: str, second: str) -> None:
    """A user has rights in a virtual host, or is not let in at all."""
    stage.say("A user, bob, with rights in the first one only:")
    login = (stage.name("bob"), "secret")
    ctl("add_user", *login)
    stage.undo.append(partial(ctl, "delete_user", login[0]))
    ctl("set_permissions", "-p", first, login[0], ".*", ".*", ".*")
    with stage.connect(first, login) as allowed:
        allowed.connect()
        stage.check(allowed.connected, "he is let into the first")
    with stage.refused(*allowed.connection_errors, *allowed.channel_errors):
        stage.connect(second, login).connect()

    stage.say("Inside, rights are by name: bob may now read, and neither declare nor write.")
    ctl("set_permissions", "-p", first, login[0], "^$", "^$", ".*")
    with stage.connect(first, login) as reader:
        stage.check(Queue("inbox")(reader.channel()).get() is None, "he may ask the queue for a message")
        with stage.refused(*reader.channel_errors):
            Queue("outbox")(reader.channel()).declare()
