"""The Celery application. The last line is all that celery-syslog asks for."""

from celery import Celery

from celery_syslog import install

__all__ = ["app"]

app = Celery("example_project", include=["example_project.tasks"])
app.config_from_object("example_project.config")

install(app)
