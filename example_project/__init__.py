"""A Celery project whose every line reaches syslog; ``python -m example_project`` shows it."""
