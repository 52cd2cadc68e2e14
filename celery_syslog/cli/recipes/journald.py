"""journald: room for a worker's bursts, and bounds that keep its lines long enough."""

from __future__ import annotations

from . import Recipe

__all__ = ["journald"]

_TEXT = """\
# journald: room for what Celery's workers send.
# Save as /etc/systemd/journald.conf.d/celery.conf, then `systemctl restart systemd-journald`.
# For workers with a journal of their own (LogNamespace=celery in their unit) save it as
# /etc/systemd/journald@celery.conf instead.
# See the lines with: journalctl -t {ident}  (journald://: also journalctl CELERY_TASK_ID=…)
[Journal]
# Kept over a reboot.
Storage=persistent
# By default 10000 lines in 30 s, then the rest of a service's burst is lost.
RateLimitIntervalSec=0
# What all of it may take, and for how long it is kept.
SystemMaxUse=1G
RuntimeMaxUse=64M
MaxRetentionSec={keep}day
# Worker output that goes to the unit's stdout; the socket has no such limit.
LineMax={size}K
# A syslog daemon that reads the journal (imjournal) gets them without this.
ForwardToSyslog=no
"""


def journald(recipe: Recipe) -> str:
    """Return a file for /etc/systemd/journald.conf.d."""
    return _TEXT.format(ident=recipe.ident, keep=recipe.keep, size=max(recipe.kibibytes, 48))
