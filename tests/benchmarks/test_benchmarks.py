"""The benchmark suite runs, and its pages say what it said; how fast anything is, is not asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent.parent

if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the suite reads /proc")


def test_a_quick_run(tmp_path: Path) -> None:
    """A run gives each case its figures, and says of those left out why."""
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "--quick",
        "--only",
        "rfc",
        "--json",
        str(tmp_path / "run"),
    ]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=True)
    run = json.loads((tmp_path / "run").read_text())
    assert run["calls"]
    for row in run["calls"]:
        assert row["name"] in result.stdout
        assert row.get("missing") or (row["cpu_us"] > 0 and row["ratio"] > 0 and row["wall_us"] > 0)
    ours = {row["name"] for row in run["calls"] if not row.get("missing")}
    assert {"RFC 3164 text, in a task", "RFC 5424, ten parameters"} <= ours
    from benchmarks.report import chart

    assert len(ElementTree.fromstring(chart(run)).findall("{*}rect")) == len(
        [row for row in run["calls"] if row["group"] in ("formats", "peers") and not row.get("missing")]
    )


def test_the_page_shows_the_results() -> None:
    """docs/performance.md and the chart are what the committed results make of them."""
    from benchmarks.publish import CHART, PAGE, RESULTS, renewed
    from benchmarks.report import chart

    runs = [json.loads(file.read_text()) for file in sorted(RESULTS.glob("python*.json"))]
    assert runs
    assert PAGE.read_text() == renewed(PAGE.read_text(), runs)
    assert CHART.read_text() == chart(runs[0])


def test_the_scale_page_is_the_simulation() -> None:
    """docs/scale.md shows the table that the simulation gives."""
    from benchmarks.scale import table

    assert table() in (ROOT / "docs" / "scale.md").read_text()


def test_the_simulation_keeps_every_line() -> None:
    """Below its capacity a road delivers all but what is on its way; above, it carries its capacity."""
    from benchmarks.scale import ROADS, saturation, simulate

    for road in ROADS:
        most, _ = saturation(road)
        calm, crowded = simulate(road, most * 0.5), simulate(road, most * 2)
        for outcome in (calm, crowded):
            assert outcome.arrived + outcome.lost + outcome.held == pytest.approx(1)
        assert calm.lost == 0
        assert calm.arrived > 0.98
        assert crowded.arrived <= 0.51
