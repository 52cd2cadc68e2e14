"""The figures of a run as text for a terminal, as Markdown for the docs and as a chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

__all__ = ["chart", "markdown", "tables", "text"]

Row = Mapping[str, Any]
Table = tuple[str, Sequence[str], list[list[str]]]

_TITLES = {
    "formats": "Formats, unix socket",
    "records": "Kinds of records",
    "roads": "Roads",
    "states": "States of the collector, and threads",
    "references": "For comparison",
    "peers": "Peers",
}


def _verdict(value: float, goal: Any, more: bool = False) -> str:
    if goal is None:
        return ""
    met = value >= goal if more else value <= goal
    return f"{'>=' if more else '<='} {goal:g}: {'met' if met else 'not met'}"


def tables(run: Mapping[str, Any]) -> list[Table]:
    """Return the tables of a run: title, heads, rows."""
    found: list[Table] = []
    for group, title in _TITLES.items():
        rows = [row for row in run["calls"] if row["group"] == group]
        if rows:
            heads = (
                "a log call",
                "us of CPU",
                "x floor",
                "instructions x floor",
                "bytes",
                "us by the clock",
                "goal",
            )
            found.append((title, heads, [_call(row) for row in rows]))
    if run.get("worker"):
        heads = (
            "prefork worker",
            "us of CPU a task, nowhere",
            "with syslog",
            "share of its tasks per CPU second",
            "tasks/s by the clock",
            "goal",
        )
        rows = [
            [
                row["name"],
                f"{row['nowhere_cpu_us']:g}",
                f"{row['syslog_cpu_us']:g}",
                f"{row['share']:.3f}",
                f"{row['nowhere_tasks_per_s']} / {row['syslog_tasks_per_s']}",
                _verdict(row["share"], row.get("goal"), more=True),
            ]
            for row in run["worker"]
        ]
        found.append(("A whole worker", heads, rows))
    if run.get("footprint"):
        rows = [
            [row["name"], f"{row['value']:g} {row['unit']}", _verdict(row["value"], row["goal"])]
            for row in run["footprint"]
        ]
        found.append(("Before anything is sent", ("what", "figure", "goal"), rows))
    return found


def _call(row: Row) -> list[str]:
    if row.get("missing"):
        return [row["name"], f"left out: {row['missing']}", "", "", "", "", ""]
    counted = f"{row['instruction_ratio']:.2f}" if "instruction_ratio" in row else ""
    return [
        row["name"],
        f"{row['cpu_us']:.2f}",
        f"{row['ratio']:.2f}",
        counted,
        str(row["bytes"] or ""),
        f"{row['wall_us']:.2f}",
        _verdict(row["ratio"], row.get("goal")),
    ]


def text(run: Mapping[str, Any]) -> str:
    """Return the tables for a terminal."""
    lines = [run["title"]]
    for title, heads, rows in tables(run):
        widths = [max(len(line[index]) for line in (heads, *rows)) for index in range(len(heads))]
        lines += ["", title]
        for line in (heads, *rows):
            cells = [
                cell.rjust(width) if index and "left out" not in cell else cell.ljust(width)
                for index, (cell, width) in enumerate(zip(line, widths, strict=True))
            ]
            lines.append(f"  {'  '.join(cells).rstrip()}")
    return "\n".join(lines)


def markdown(runs: Iterable[Mapping[str, Any]]) -> str:
    """Return the tables of several runs for a page."""
    parts = []
    for run in runs:
        parts.append(f"## {run['title']}")
        for title, heads, rows in tables(run):
            parts.append(f"### {title}")
            lines = [f"|{'|'.join(heads)}|", f"|{'|'.join('-' for _ in heads)}|"]
            parts.append("\n".join([*lines, *(f"|{'|'.join(row)}|" for row in rows)]))
    return "\n\n".join(parts)


def chart(run: Mapping[str, Any]) -> str:
    """Return an SVG of bars: what a log call costs with us and with each peer, over the floor."""
    shown = [row for row in run["calls"] if row["group"] in ("formats", "peers") and not row.get("missing")]
    shown.sort(key=lambda row: row["ratio"])
    height, label, scale = 22, 300, 110
    most = max([row["ratio"] for row in shown], default=1.0)
    width = int(label + most * scale + 60)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{len(shown) * height + 54}" '
        'font-family="sans-serif" font-size="13">',
        "<style>text{fill:#1f2328}.us{fill:#1a7f5a}.peer{fill:#9aa4b2}"
        ".floor{stroke:#cf222e;stroke-dasharray:4 3}"
        "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}</style>",
        f'<text x="8" y="18">CPU time of a log call over the floor, {escape(run["title"])}</text>',
    ]
    for number, row in enumerate(shown):
        top = 30 + number * height
        kind = "us" if row["group"] == "formats" else "peer"
        name = f"celery-syslog: {row['name']}" if kind == "us" else row["name"]
        parts.append(f'<text x="{label - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>')
        length = row["ratio"] * scale
        parts.append(
            f'<rect class="{kind}" x="{label}" y="{top + 2}" width="{length:.0f}" height="{height - 6}"/>'
        )
        parts.append(f'<text x="{label + length + 6:.0f}" y="{top + 14}">{row["ratio"]:.2f}</text>')
    bottom = 30 + len(shown) * height
    parts.append(f'<line class="floor" x1="{label + scale}" x2="{label + scale}" y1="26" y2="{bottom}"/>')
    parts.append(
        f'<text x="{label + scale}" y="{bottom + 16}" text-anchor="middle">1.0: one send</text></svg>'
    )
    return "\n".join(parts) + "\n"
