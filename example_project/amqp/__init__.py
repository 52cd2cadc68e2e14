"""AMQP by code that runs: Kombu on RabbitMQ, lesson by lesson. ``python -m example_project.amqp`` lists them.

A lesson is a module whose docstring's first line says what it shows and which has ``run(stage)``: it uses
``stage.connect()`` and names from ``stage.name()``, says what it does with ``stage.say()`` and claims nothing
without ``stage.check()``. It may also have

- ``NEXT``: what to try next, shown at its end;
- ``MEMORY``: how Kombu's in-memory transport differs from a broker; only a lesson that has it runs there.
- ``PRIVATE``: why it needs a broker of its own. Only with ``--private`` does such a lesson run.
- ``BROKER = False``: it brings all that it needs with it and takes no notice of ``--url``.

To add one, write its module's name into LESSONS; the module is imported only when the lesson is run.
"""

__all__ = ["LESSONS"]

#: In the order in which they are best read. The last part of the name is the name of the lesson.
LESSONS = (
    "example_project.amqp.hello",
    "example_project.amqp.architecture",
    "example_project.amqp.channels",
    "example_project.amqp.producers",
    "example_project.amqp.confirms",
    "example_project.amqp.consumers",
    "example_project.amqp.acknowledgements",
    "example_project.amqp.deadletters",
    "example_project.amqp.queues",
    "example_project.amqp.exchanges",
    "example_project.amqp.vhosts",
    "example_project.amqp.messages",
    "example_project.amqp.parallel",
    "example_project.amqp.events",
    "example_project.amqp.rpc",
    "example_project.amqp.outside",
    "example_project.admin.clustering",
    "example_project.admin.rest",
    "example_project.amqp.restms",
)
