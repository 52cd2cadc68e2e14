"""docs/testing.md's real worker, run as a user would: in a folder of its own, by plain ``pytest``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from support.waiting import program

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


@pytest.mark.xdist_group("local_nodes")
def test_sample_with_a_real_worker(tmp_path: Path) -> None:
    """Two files, no conftest, no options but warnings as errors: one test passes."""
    pytest.importorskip("pytest_celery")
    program("rabbitmq-server", "/usr/lib/rabbitmq/bin")
    assert any(entry.name == "celery_syslog" for entry in entry_points(group="pytest11"))
    files = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE.read_text(), re.DOTALL))
    for name in ("shop.py", "test_setup.py"):
        (tmp_path / name).write_text(files[name])
    # As in our own tests, Docker's image would hold a released celery-syslog and not this one.
    environment = {**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/no-docker"}
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280
    )
    assert re.search(r"^1 passed in", result.stdout, re.MULTILINE), result.stdout + result.stderr
    assert result.returncode == 0
