"""Install without code: ``imports = ["celery_syslog.auto"]`` in the configuration of a Celery app."""

from celery import current_app

from . import install

install(current_app)
