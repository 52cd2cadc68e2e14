"""Writes what the chaos suite found into docs/reliability.md, the package beside the standard library.

``python -m support.chaos.page [short|long]``, in the folder ``tests``.
"""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from pathlib import Path

from .run import Outcome
from .scenarios import LONG, SCENARIOS, SHORT, Profile

__all__ = ["main", "table"]

PAGE = Path(__file__).parents[3] / "docs" / "reliability.md"
BEGIN, END = "<!-- figures: written by tests/support/chaos/page.py -->", "<!-- end of figures -->"


def run(profile: Profile) -> dict[str, dict[str, Outcome]]:
    """Run every scenario with both handlers."""
    found: dict[str, dict[str, Outcome]] = {}
    for name, scenario in SCENARIOS.items():
        for kind in ("package", "stdlib"):
            folder = Path(tempfile.mkdtemp(prefix="cs-", dir="/tmp"))
            try:
                found.setdefault(name, {})[kind] = scenario(kind, profile, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            print(name, kind, found[name][kind], file=sys.stderr)
    return found


def _cells(outcome: Outcome) -> str:
    share = f"{outcome.lost:,} ({outcome.lost / outcome.emitted:.1%})" if outcome.lost else "0"
    damaged = outcome.doubled + outcome.foreign + outcome.disordered
    longest = f"{outcome.longest * 1000:.0f} ms" if outcome.longest else "-"
    return f"{outcome.emitted:,} | {share} | {outcome.reported:,} | {damaged} | {longest}"


def table(found: dict[str, dict[str, Outcome]], profile: Profile) -> str:
    """Return the figures as Markdown."""
    system = f"Python {platform.python_version()}, {platform.system()} {platform.release()}"
    lines = [
        f"Profile `{profile.name}`, {system}.",
        "",
        "| | handler | logged | lost | told in the log | doubled, damaged, disordered | longest call |",
        "|-|-|-:|-:|-:|-:|-:|",
    ]
    for name, outcomes in found.items():
        lines.append(f"| {name} | celery-syslog | {_cells(outcomes['package'])} |")
        lines.append(f"| | SysLogHandler | {_cells(outcomes['stdlib'])} |")
    lines += ["", "What is done in each:", ""]
    lines += [f"- **{name}**: {(scenario.__doc__ or '').strip()}" for name, scenario in SCENARIOS.items()]
    return "\n".join(lines)


def main() -> None:
    """Run, and replace the figures in the page."""
    profile = LONG if sys.argv[1:] == ["long"] else SHORT
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{table(run(profile), profile)}\n{END}{after}")


if __name__ == "__main__":
    main()
