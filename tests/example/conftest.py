"""What the tests of the example project share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from demo_process import ROOT, Starter
from support.waiting import short_folder

if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # last: the package under test is the installed one, where there is one


@pytest.fixture
def start() -> Iterator[Starter]:
    """Start the demo with ``start(*arguments)``; what it started ends with the test."""
    with short_folder() as folder:
        starter = Starter(folder)
        try:
            yield starter
        finally:
            starter.close()
