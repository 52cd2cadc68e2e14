"""The fuzzer's corpus holds, and where atheris is installed the fuzzer itself runs a little."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from targets import TARGETS

HERE = Path(__file__).parent
SEEDS = [(path.parent.name, path.name) for path in sorted((HERE / "corpus").glob("*/*"))]


@pytest.mark.parametrize(("target", "seed"), SEEDS)
def test_corpus(target: str, seed: str) -> None:
    """Every input kept in the corpus, whole and cut at every byte, keeps the target's properties."""
    data = (HERE / "corpus" / target / seed).read_bytes()
    for end in range(len(data) + 1):
        TARGETS[target](data[:end])


def test_corpus_is_there() -> None:
    """Each target has a corpus, and it is small."""
    assert {target for target, _ in SEEDS} == set(TARGETS)
    assert sum(path.stat().st_size for path in (HERE / "corpus").glob("*/*")) < 50000


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("target", TARGETS)
def test_fuzzer(target: str, tmp_path: Path) -> None:
    """A short run of the fuzzer finds nothing."""
    command = [sys.executable, str(HERE / "fuzz.py"), target, "-runs=5000", "-seed=1"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
