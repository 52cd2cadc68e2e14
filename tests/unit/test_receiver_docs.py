"""docs/testing.md tells the truth: every file it shows is run as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text()
FILES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL))

#: Needs RabbitMQ and the installed package: run by tests/docs.
ELSEWHERE = "test_setup.py"


def test_every_sample_is_a_file() -> None:
    """No Python on the page escapes the tests below."""
    assert len(FILES) == PAGE.count("```python")


TESTS = [name for name in FILES if name.startswith("test_") and name != ELSEWHERE]


@pytest.mark.parametrize("name", TESTS)
def test_sample_tests_pass(name: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's tests pass in a project that holds its files, with warnings as errors."""
    for file, code in FILES.items():
        (pytester.path / file).write_text(code)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{pytester.path}")
    plugin = ("-p", "no:celery_syslog", "-p", "celery_syslog.pytest_plugin", "-p", "no:celery")
    result = pytester.runpytest_subprocess(*plugin, "-W", "error", name, timeout=240)
    assert result.ret == 0
    result.assert_outcomes(passed=FILES[name].count("def test_") + FILES[name].count("parametrize("))


def test_the_listener_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script without pytest listens, and ends when it is quiet."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "listen.py").write_text(FILES["listen.py"])
    result = subprocess.run(
        [sys.executable, "-W", "error", "listen.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert re.fullmatch(r"listening on udp://127.0.0.1:[1-9]\d*\n", result.stdout)
    assert result.stderr == ""
