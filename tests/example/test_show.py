"""What a person sees: colour on a terminal only, and nothing that steers it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from example_project.report import Report
from example_project.show import Screen
from example_project.tally import Seen, Tally


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")


ERROR = Seen("err", "7", "ERROR it broke")


def test_colour_on_a_terminal() -> None:
    """An error is red there."""
    terminal = Terminal()
    Screen(terminal).line(ERROR, True)
    assert "\x1b[31m" in terminal.text
    assert "ERROR it broke" in terminal.text


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colour_where_not_wanted(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """NO_COLOR, or a terminal that cannot, turns it off."""
    monkeypatch.setenv(name, value)
    terminal = Terminal()
    Screen(terminal).line(ERROR, True)
    assert terminal.text == "  err           7  ERROR it broke\n"


def test_plain_into_a_file() -> None:
    """Neither colour nor progress goes anywhere but to a terminal."""
    stream = io.StringIO()
    screen = Screen(stream)
    screen.progress(1, 2, "lines")
    screen.line(ERROR, True)
    screen.end_progress()
    assert stream.getvalue() == "  err           7  ERROR it broke\n"


def test_lines_never_steer_the_terminal() -> None:
    """Control characters in a line are not passed on."""
    stream = io.StringIO()
    Screen(stream).line(Seen("info", "7", "a\x1b[2Jb\nc\rd\x9be\u202ef"), True)
    assert stream.getvalue() == "  info          7  a?[2Jb?c?d?e?f\n"


def test_long_lines_are_cut_to_the_width() -> None:
    """One line that arrived takes one row of the terminal."""
    terminal = Terminal()
    Screen(terminal).line(Seen("info", "7", "x" * 500), True)
    assert len(terminal.text.rstrip("\n")) < 60
    assert terminal.text.endswith("…\n")


def test_progress_stays_below_the_lines() -> None:
    """The bar is erased before a line and drawn again after it."""
    terminal = Terminal()
    screen = Screen(terminal)
    screen.progress(1, 2, "lines")
    screen.say("line")
    screen.end_progress()
    bar = f"  {'█' * 10}{'░' * 10} 1/2 lines"
    clear = "\r\x1b[2K"
    assert terminal.text == f"{clear}{bar}{clear}line\n{bar}{clear}"


def test_quiet() -> None:
    """Quiet means no lines and no progress, on a terminal too."""
    terminal = Terminal()
    screen = Screen(terminal, quiet=True)
    screen.progress(1, 2, "lines")
    screen.line(ERROR, True)
    screen.end_progress()
    assert terminal.text == ""


def test_any_encoding() -> None:
    """A stream that cannot write a character gets another one, not an exception."""
    terminal = Terminal("ascii")
    screen = Screen(terminal)
    screen.progress(1, 2, "lines")
    screen.line(Seen("info", "7", "Grüße 🐇"), True)
    assert "Gr??e ?" in terminal.text
    assert "#" in terminal.text


def test_report_tells_each_fault(tmp_path: Path) -> None:
    """The report names what is missing and unexpected, and where the worker's console is."""
    stream = io.StringIO()
    tally = Tally("r0000", 1)
    tally.add(Seen("info", "7", "[r0000-1-levels] surprise"))
    report = Report("r0000", "example-r0000", tally, 1.5, True, console=tmp_path / "worker.log")
    report.show(Screen(stream))
    text = stream.getvalue()
    assert "missing  worker  info  @... ready." in text
    assert f"{tally.total.expected} lines were expected, 1 arrived" in text
    assert str(tmp_path / "worker.log") in text
    assert not report.good
    assert '"text": "[r0000-1-levels] surprise"' in report.as_json()


def test_report_of_what_cannot_be_read() -> None:
    """Without a way to read lines back the report claims nothing and says where to look."""
    stream = io.StringIO()
    report = Report("r0000", "example-r0000", Tally("r0000", 1), 1.5, False)
    report.show(Screen(stream))
    assert report.good
    assert "grep example-r0000" in stream.getvalue()
    assert "missing" not in stream.getvalue()
    assert '"arrived": null' in report.as_json()
