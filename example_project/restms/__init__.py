"""RestMS: messaging over plain HTTP in front of RabbitMQ. ``python -m example_project.restms --help``.

From the bottom: ``documents`` (XML and JSON), ``rules`` (what HTTP asks), ``convert`` (messages to and from
AMQP), ``model`` and ``space`` (the resources) do no I/O; ``broker`` speaks AMQP through Kombu, and ``loop``
is the one thread in which everything happens; ``service`` answers requests; ``server`` is HTTP.
"""
