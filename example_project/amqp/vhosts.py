"""Virtual hosts: the same names in two of them are two things, and so are a user's rights."""

from kombu import Connection, Queue
from kombu.utils.url import url_to_parts

from .stage import Stage

PRIVATE = "makes a virtual host and a user"

NEXT = """\
  give bob a part of the rights: rabbitmqctl set_permissions -p HOST bob '' '' '^inbox$'    (he may read one queue)
  one broker for test and production, or for two projects: a virtual host each, never the same names by chance"""


def run(stage: Stage) -> None:
    assert stage.node is not None
    ctl = stage.node.ctl
    first, second, bob = stage.name("first"), stage.name("second"), stage.name("bob")

    stage.say("Two virtual hosts; guest may do everything in both (what, write and read: three patterns).")
    for host in (first, second):
        ctl("add_vhost", host)
        stage.undo.append(lambda host=host: ctl("delete_vhost", host))
        ctl("set_permissions", "-p", host, "guest", ".*", ".*", ".*")

    stage.say("The same queue in both:")
    inbox = Queue("inbox")
    with stage.connect(virtual_host=first) as one, stage.connect(virtual_host=second) as two:
        one.Producer().publish("for the first", routing_key="inbox", declare=[inbox])
        two.Producer().publish("for the second", routing_key="inbox", declare=[inbox])
        found = [inbox(one).get(no_ack=True).payload, inbox(two).get(no_ack=True).payload]
        left = [inbox(one).get(), inbox(two).get()]
    stage.check(found == ["for the first", "for the second"], "each has its own message")
    stage.check(left == [None, None], "and no other")

    stage.say("A user, bob, with rights in the first one only:")
    ctl("add_user", bob, "secret")
    stage.undo.append(lambda: ctl("delete_user", bob))
    ctl("set_permissions", "-p", first, bob, ".*", ".*", ".*")
    with stage.connect(userid=bob, password="secret", virtual_host=first) as allowed:
        allowed.connect()
        stage.check(allowed.connected, "he is let into the first")
    with stage.refused(*allowed.connection_errors, *allowed.channel_errors):
        stage.connect(userid=bob, password="secret", virtual_host=second).connect()

    stage.say("Inside, rights are by name: bob may now read, and neither declare nor write.")
    ctl("set_permissions", "-p", first, bob, "^$", "^$", ".*")
    with stage.connect(userid=bob, password="secret", virtual_host=first) as reader:
        stage.check(inbox(reader.channel()).get() is None, "he may ask the queue for a message")
        with stage.refused(*reader.channel_errors):
            Queue("outbox")(reader.channel()).declare()
