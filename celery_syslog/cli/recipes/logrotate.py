"""logrotate: old files renamed, compressed and deleted, and the daemon told to open new ones."""

from __future__ import annotations

from . import Recipe

__all__ = ["logrotate"]

_TEXT = """\
# logrotate: the files that rsyslog or syslog-ng writes for Celery's workers.
# Save as /etc/logrotate.d/celery, test with `logrotate -d /etc/logrotate.d/celery`.
{folder}/*.log {{
    daily
    rotate {keep}
    maxsize 100M
    missingok
    notifempty
    compress
    # The daemon may still write to the file just renamed.
    delaycompress
    sharedscripts
    postrotate
        # SIGHUP: open the files anew. The workers notice nothing.
        kill -HUP "$(cat {pid_file})"
    endscript
}}
"""


def logrotate(recipe: Recipe) -> str:
    """Return a file for /etc/logrotate.d."""
    return _TEXT.format(folder=recipe.folder, keep=recipe.keep, pid_file=recipe.pid_file)
