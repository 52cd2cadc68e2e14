"""The configuration: Celery's keys first, then celery-syslog's; environment variables fill in the places.

Nothing has to be set: by default the broker is a folder and syslog is the machine's own socket. The
demo sets the variables for the worker it starts.
"""

import json
import os
from pathlib import Path

from kombu import Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES

_folder = Path(os.environ.get("EXAMPLE_FOLDER") or Path.home() / ".cache" / "celery-syslog-example")
_queues, _results = _folder / "queues", _folder / "results"
for _path in (_queues, _results):
    _path.mkdir(parents=True, exist_ok=True)

# Celery

broker_url = os.environ.get("EXAMPLE_BROKER") or "filesystem://localhost/"
if broker_url.startswith("filesystem:"):
    TRANSPORT_ALIASES["filesystem"] = "example_project.broker:Transport"  # it says why
    broker_transport_options = {
        "data_folder_in": str(_queues),
        "data_folder_out": str(_queues),
        "control_folder": str(_folder / "control"),
        "polling_interval": 0.1,
    }
else:
    # A broker that reaches many at once: `python -m example_project.events` shows what the workers tell.
    worker_send_task_events = task_send_sent_event = True
# A queue of our own: a broker shared with others must give us none of their tasks, nor them ours. Both
# go by themselves when nobody uses them any more.
_name = os.environ.get("EXAMPLE_IDENT") or "example"
task_queues = [Queue(_name, Exchange(_name, auto_delete=True), routing_key=_name, expires=300.0)]
task_default_queue = task_default_exchange = task_default_routing_key = _name
broker_connection_retry_on_startup = True
result_backend = f"file://{_results}"
result_chord_retry_interval = 0.5
worker_concurrency = 2
# Seconds until a task of a killed process counts as lost. Celery's ten leave time for a result that is
# still on its way; here nothing is.
worker_lost_wait = 1.0

# celery-syslog. Without the first line: the local socket, /dev/log on Linux.

syslog_url = os.environ.get("EXAMPLE_SYSLOG") or None
syslog_ident = _name
# Seconds that a log call may wait for a collector that does not read. Production keeps the default, a
# quarter of a second; on a busy laptop that is no stall, and a task that is killed here keeps no line.
syslog_timeout = 5.0
# What a line says; the defaults name the logger and the task as well.
syslog_format = "%(levelname)s %(message)s"
syslog_task_format = "%(levelname)s [%(task_id)s] %(message)s"
# The worker runs at INFO, so that Celery's own debug lines stay out; tasks.py logs from DEBUG on.
syslog_level = "DEBUG"

# Whatever `--set KEY=VALUE` says wins.

globals().update(json.loads(os.environ.get("EXAMPLE_SET") or "{}"))
