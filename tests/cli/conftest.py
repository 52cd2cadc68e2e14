"""A folder with a project, as a new user has it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.waiting import short_folder

PROJECT = """
from celery import Celery
from celery_syslog import install

app = Celery("proj", broker="memory://")
app.conf.syslog_url = "FOLDER/log"
install(app)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A private folder with ``proj.py``; its collector's socket is ``log`` in the same folder."""
    with short_folder() as path:
        (path / "proj.py").write_text(PROJECT.replace("FOLDER", str(path)))
        yield path


@pytest.fixture
def project(folder: Path) -> Callable[[str], Path]:
    """Add lines to ``proj.py``; FOLDER in them is the folder."""

    def add(lines: str) -> Path:
        file = folder / "proj.py"
        file.write_text(file.read_text() + textwrap.dedent(lines).replace("FOLDER", str(folder)))
        return folder

    return add
