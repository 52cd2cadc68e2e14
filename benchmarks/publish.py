"""Results, chart and the page about them, written anew from a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .report import chart, markdown

__all__ = ["BEGIN", "END", "publish", "renewed"]

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
CHART = ROOT / "docs" / "img" / "performance.svg"

#: What the page's generated part stands between.
BEGIN, END = "<!-- figures: python -m benchmarks --write -->", "<!-- end of figures -->"


def renewed(page: str, runs: list[dict[str, Any]]) -> str:
    """Return a page with its generated part made of these runs."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{markdown(runs)}\n\n{END}{rest.split(END)[1]}"


def publish(run: dict[str, Any]) -> None:
    """Keep a run as the last one of its Python version, and write the page of all of them."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"python{run['python']}.json").write_text(json.dumps(run, indent=1) + "\n")
    runs = [json.loads(file.read_text()) for file in sorted(RESULTS.glob("python*.json"))]
    PAGE.write_text(renewed(PAGE.read_text(), runs))
    CHART.parent.mkdir(exist_ok=True)
    CHART.write_text(chart(runs[0]))
