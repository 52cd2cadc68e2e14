"""Text in pieces becomes the same lines as the whole text would."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from celery_syslog.worker import lines
from celery_syslog.worker.lines import LIMIT, LineBuffer

TEXT = st.text(st.sampled_from("ab \r\n\n\t\u2028é\ud800"), max_size=60)


def fed(*pieces: str) -> list[str]:
    """The lines of pieces of text, the last one ended."""
    buffer = LineBuffer()
    for piece in pieces:
        buffer.feed(piece)
    buffer.finish()
    return list(buffer.lines)


def by_character(text: str, limit: int) -> list[str]:
    """The rules of LineBuffer, one character at a time."""
    found, state, before = [], "", ""
    for character in text + "\n":
        if character == "\n":
            found.append(state or before)
            state = before = ""
        elif character == "\r":
            state, before = "", state or before
        else:
            state += character
            if len(state) == limit:
                found.append(state)
                state = before = ""
    return [line for line in found if line.strip()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b 1\n", ["a b 1"]),
        ("one\ntwo\n", ["one", "two"]),
        ("one\n\n\ntwo", ["one", "two"]),
        ("", []),
        ("\n", []),
        ("  \t \n", []),
        ("  a \n", ["  a "]),
        ("10%\r50%\r100%\n", ["100%"]),
        ("\r10%\r50%", ["50%"]),
        ("text\r\nmore\r\n", ["text", "more"]),
        ("text\r", ["text"]),
        ("text\r\r\r\n", ["text"]),
        ("bar\r   \rdone\n", ["done"]),
        ("bar\r   \r\n", []),
        ("a\x0bb\x0cc\x85d\u2028e\n", ["a\x0bb\x0cc\x85d\u2028e"]),
        ("a\x00\udc80\n", ["a\x00\udc80"]),
    ],
)
def test_lines_of_a_text(text: str, expected: list[str]) -> None:
    """A line ends at a line feed, shows its last state, and is left out when it shows nothing."""
    assert fed(text) == expected


@settings(deadline=None)
@given(st.lists(TEXT, max_size=12), st.integers(1, 9))
def test_pieces_do_not_matter(pieces: list[str], limit: int) -> None:
    """Any pieces give the lines of the whole text, which are those of the rules read literally."""
    with patch.object(lines, "LIMIT", limit):
        expected = by_character("".join(pieces), limit)
        assert fed(*pieces) == expected
        assert fed("".join(pieces)) == expected
        assert fed(*"".join(pieces)) == expected


def test_endless_line_is_cut() -> None:
    """A line that never ends goes out in parts of LIMIT characters, nothing lost between them."""
    buffer = LineBuffer()
    for _ in range(300):
        buffer.feed("x" * 999)
    assert [len(line) for line in buffer.lines] == [LIMIT] * (300 * 999 // LIMIT)
    buffer.finish()
    assert "".join(buffer.lines) == "x" * 300 * 999


def test_one_huge_write_is_cut() -> None:
    """A line longer than LIMIT in one write is cut the same way."""
    assert list(map(len, fed("y" * (3 * LIMIT + 1) + "\nz\n"))) == [LIMIT, LIMIT, LIMIT, 1, 1]


@pytest.mark.parametrize("turn", ["\r{:3d}%", "{:3d}%\r"])
def test_bar_needs_no_memory(turn: str) -> None:
    """A progress bar without a line feed holds its last state alone, however long it turns."""
    buffer = LineBuffer()
    for count in range(50_000):
        buffer.feed(turn.format(count % 101))
        assert sum(map(len, buffer._parts)) < 10
    assert not buffer.lines
    buffer.finish()
    assert list(buffer.lines) == [f"{49_999 % 101:3d}%"]


def test_empty_pieces_need_no_memory() -> None:
    """Empty writes, which libraries use to try a stream out, leave nothing behind."""
    buffer = LineBuffer()
    for _ in range(10):
        buffer.feed("")
    assert buffer.empty
    assert not buffer
