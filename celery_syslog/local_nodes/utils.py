"""What pytest-celery runs beside a worker to ask about its processes; copied into the worker's folder."""

from __future__ import annotations

import json
import os

import psutil

COLUMNS = ["pid", "name", "username", "cmdline", "cpu_percent", "memory_percent", "create_time"]


def get_running_processes_info(columns: list[str] | None = None) -> str:
    """Return the worker's processes as JSON: in a container all there are, else those of its session."""
    session = int(os.environ.get("NODE_SESSION", "0"))
    found = psutil.process_iter(columns or COLUMNS)
    return json.dumps([one.info for one in found if not session or _session(one.pid) == session])


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1
