"""The Celery side: loggers, streams, tasks and soft time limits, wired through Celery's signals."""
