"""What a command printed on a terminal, drawn as an SVG: text, colours and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple
from xml.sax.saxutils import escape

__all__ = ["plain", "svg"]

_SGR = re.compile(r"\x1b\[([\d;]*)m")
_OTHER = re.compile(r"\x1b\[[\d;?]*[A-Za-ln-z]|\r")

_BASIC = ("#282c34", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d7dae0")
_BRIGHT = ("#5c6370", "#ff7b86", "#b5e890", "#ffd68a", "#7cc7ff", "#e08cf5", "#6fd8e5", "#ffffff")
_TEXT, _BACK = "#d7dae0", "#1e2127"

_WIDTH, _HEIGHT, _PAD = 8.43, 19, 14


class Style(NamedTuple):
    """How a character looks."""

    colour: str = _TEXT
    bold: bool = False
    dim: bool = False

    def changed(self, codes: list[int]) -> Style:
        """Return the style after an SGR sequence."""
        style = self
        while codes:
            code = codes.pop(0)
            if code == 0:
                style = Style()
            elif code in (1, 2):
                style = style._replace(bold=code == 1, dim=code == 2)
            elif 30 <= code <= 37:
                style = style._replace(colour=_BASIC[code - 30])
            elif 90 <= code <= 97:
                style = style._replace(colour=_BRIGHT[code - 90])
            elif code == 38 and codes[:1] == [5]:
                style = style._replace(colour=_of_256(codes[1]))
                del codes[:2]
        return style


def _of_256(number: int) -> str:
    if number < 16:
        return (_BASIC + _BRIGHT)[number]
    if number > 231:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    levels = (0, 95, 135, 175, 215, 255)
    red, green, blue = (number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6
    return f"#{levels[red]:02x}{levels[green]:02x}{levels[blue]:02x}"


def plain(text: str) -> str:
    """Return what was printed without colours."""
    return _SGR.sub("", _OTHER.sub("", text))


def _rows(text: str, columns: int) -> Iterator[list[tuple[str, Style]]]:
    """Yield the terminal's rows: long lines go on in the next one."""
    style = Style()
    for line in _OTHER.sub("", text).rstrip("\n").split("\n"):
        cells: list[tuple[str, Style]] = []
        position = 0
        for match in [*_SGR.finditer(line), None]:
            end = match.start() if match else len(line)
            cells += [(char, style) for char in line[position:end]]
            if match:
                style = style.changed([int(code or 0) for code in match[1].split(";")])
                position = match.end()
        for start in range(0, max(len(cells), 1), columns):
            yield cells[start : start + columns]


def svg(text: str, title: str, columns: int) -> str:
    """Return the picture of a terminal ``columns`` wide that shows ``text``."""
    rows = list(_rows(text, columns))
    width, height = round(columns * _WIDTH + 2 * _PAD), len(rows) * _HEIGHT + 2 * _PAD
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(plain(text))}</desc>",
        f'<rect width="100%" height="100%" rx="8" fill="{_BACK}"/>',
        '<g font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="14">',
    ]
    for number, row in enumerate(rows):
        column = 0
        for style, group in groupby(row, key=lambda cell: cell[1]):
            run = "".join(char for char, _ in group)
            if run.strip():
                out.append(_text(run, style, column, number))
            column += len(run)
    return "\n".join([*out, "</g>", "</svg>", ""])


def _text(run: str, style: Style, column: int, row: int) -> str:
    x = _PAD + (column + len(run) - len(run.lstrip())) * _WIDTH
    y = _PAD + row * _HEIGHT + 14
    run = run.strip()
    bold = ' font-weight="bold"' if style.bold else ""
    dim = ' opacity="0.6"' if style.dim else ""
    # textLength keeps the columns straight in whatever font there is.
    size = f'textLength="{len(run) * _WIDTH:.1f}" xml:space="preserve"'
    return f'<text x="{x:.1f}" y="{y}" fill="{style.colour}"{bold}{dim} {size}>{escape(run)}</text>'
