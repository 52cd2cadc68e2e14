"""Running RabbitMQ: a cluster that loses a node, the REST API, the web page. See ``docs/amqp/``."""
