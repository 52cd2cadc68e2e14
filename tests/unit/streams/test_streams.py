"""A line written to stdout or stderr is one log record."""

from __future__ import annotations

import io
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from celery_syslog.worker.streams import install_streams

if TYPE_CHECKING:
    from conftest import Captured

PIECES = st.lists(st.text(st.sampled_from("ab \r\né\ud800%"), max_size=9), max_size=12)


def test_print_is_one_record(captured: Captured) -> None:
    """However many arguments a print has, it is one record with the text a console would show."""
    print("a", "b", 1)
    print("x", end="")
    print("y", flush=True)
    print("two\nlines", sep="")
    assert captured.lines == ["a b 1", "xy", "two", "lines"]


def test_empty_print_says_nothing(captured: Captured) -> None:
    """A print without visible text makes no record."""
    print()
    print("")
    print("  ")
    print("", end="")
    assert captured.lines == []


def test_record_of_a_line(captured: Captured) -> None:
    """A record has the stream's level and name, the place of the print, and text that is not formatted."""
    print("100% %s", file=sys.stdout)
    number = sys._getframe().f_lineno - 1
    print("wrong", file=sys.stderr)
    out, err = captured.records
    assert (out.levelno, err.levelno) == (logging.INFO, logging.WARNING)
    assert (out.syslog_event, err.syslog_event) == ("stdout", "stderr")  # type: ignore[attr-defined]
    assert (out.name, out.getMessage()) == ("celery.redirected", "100% %s")
    assert (out.pathname, out.lineno, out.funcName) == (__file__, number, "test_record_of_a_line")
    assert (err.lineno, err.exc_info, err.args) == (number + 2, None, ())


@pytest.mark.parametrize("how", ["write", "writelines", "buffer"])
def test_every_way_of_writing_names_its_caller(captured: Captured, how: str) -> None:
    """Our own frames never show in a record."""
    if how == "write":
        sys.stdout.write("text\n")
    elif how == "writelines":
        sys.stdout.writelines(["te", "xt\n"])
    else:
        sys.stdout.buffer.write(b"text\n")
    assert captured.lines == ["text"]
    assert captured.records[0].funcName == "test_every_way_of_writing_names_its_caller"


def test_unfinished_line_has_the_place_of_its_beginning(captured: Captured) -> None:
    """What flush_partial sends names the write that began it."""
    print("part", end="")
    number = sys._getframe().f_lineno - 1
    sys.stdout.write(" of a line")
    captured.streams.flush_partial()
    captured.streams.flush_partial()
    assert captured.lines == ["part of a line"]
    assert captured.records[0].lineno == number


def test_level_of_the_loggers_does_not_count(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """A captured line is not lost because the worker logs errors only, or logging is disabled below one."""
    monkeypatch.setattr(logging.getLogger(), "level", logging.CRITICAL)
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)
    print("still here")
    assert captured.lines == ["still here"]


def test_disabled_logger_leaves_the_line_on_the_console(captured: Captured) -> None:
    """A dictConfig that disables existing loggers sends lines to the real stream; installing mends it."""
    logger = logging.getLogger("celery.redirected")
    logger.disabled = True
    print("first")
    install_streams()
    assert not logger.disabled
    print("second")
    assert (captured.lines, captured.out.getvalue()) == (["second"], "first\n")


def test_flush_keeps_the_line_whole(captured: Captured) -> None:
    """Flushing in the middle of a line does not break it."""
    print("one ", end="", flush=True)
    sys.stdout.flush()
    sys.stdout.buffer.flush()
    print("line")
    assert captured.lines == ["one line"]


def test_streams_do_not_mix(captured: Captured) -> None:
    """Lines of stdout and stderr are put together apart from one another."""
    sys.stdout.write("o1")
    sys.stderr.write("e1")
    sys.stdout.write("o2\n")
    sys.stderr.write("e2\n")
    assert captured.lines == ["o1o2", "e1e2"]


def test_progress_bar_is_its_last_state(captured: Captured) -> None:
    """What a carriage return overwrites is not logged."""
    for state in ("10%", "50%", "100%"):
        print(f"\r{state}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    assert captured.lines == ["100%"]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PIECES)
def test_any_writes_are_the_lines_of_their_text(captured: Captured, pieces: list[str]) -> None:
    """Any sequence of writes makes the records of the text as a whole, whichever method takes it."""
    del captured.records[:]
    sys.stdout.write("".join(pieces))
    captured.streams.flush_partial()
    expected = captured.lines
    for write in (sys.stdout.write, lambda piece: print(piece, end=""), lambda p: sys.stdout.writelines(p)):
        del captured.records[:]
        for piece in pieces:
            write(piece)
        captured.streams.flush_partial()
        assert captured.lines == expected


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=("Cs",))), st.integers(1, 5))
def test_bytes_may_come_split_inside_a_character(captured: Captured, text: str, size: int) -> None:
    """Bytes in pieces of any size are decoded as the whole would be."""
    del captured.records[:]
    sys.stdout.write(text)
    captured.streams.flush_partial()
    expected = captured.lines
    del captured.records[:]
    data = text.encode()
    for start in range(0, len(data), size):
        assert sys.stdout.buffer.write(memoryview(data)[start : start + size]) <= size
    captured.streams.flush_partial()
    assert captured.lines == expected


def test_bytes_that_are_no_text_are_shown(captured: Captured) -> None:
    """Bytes that are not UTF-8 become an escape, also when the line ends inside a character."""
    print("prefix ", end="")
    sys.stdout.buffer.write(bytearray(b"\xff ok\n\xe2\x82"))
    captured.streams.flush_partial()
    sys.stdout.buffer.write(b"next\n")
    assert captured.lines == ["prefix \\xff ok", "\\xe2\\x82", "next"]


def test_lone_surrogates_are_text(captured: Captured) -> None:
    """Any str at all becomes a record."""
    print("file \udcff name", "\ud83d")
    assert captured.lines == ["file \udcff name \ud83d"]


def test_subclasses_of_str_are_plain_text(captured: Captured) -> None:
    """A str whose methods were overridden is taken by its characters."""

    class Odd(str):
        def __str__(self) -> str:
            raise AssertionError

        split = __len__ = __contains__ = __add__ = None  # type: ignore[assignment]

    sys.stdout.writelines([Odd("odd"), Odd("\n")])
    assert captured.lines == ["odd"]
    assert type(captured.records[0].msg) is str


@pytest.mark.parametrize("wrong", [b"bytes", None, 1])
def test_only_text_is_written(captured: Captured, wrong: Any) -> None:
    """Anything but a str is a TypeError, as on every text stream: libraries tell streams apart by it."""
    with pytest.raises(TypeError, match="must be str"):
        sys.stdout.write(wrong)
    with pytest.raises(TypeError, match="must be str"):
        sys.stdout.writelines([wrong])
    with pytest.raises(TypeError):
        sys.stdout.buffer.write("text")  # type: ignore[arg-type]
    assert captured.lines == []


def test_written_length_is_returned(captured: Captured) -> None:
    """write() returns characters, the buffer's bytes, as the io module promises."""
    assert sys.stdout.write("é\n") == 2
    assert sys.stdout.buffer.write("é\n".encode()) == 3


def test_closing_changes_nothing(captured: Captured) -> None:
    """A library that closes stdout, or uses it in a with block, does not silence later prints."""
    with sys.stdout, sys.stdout.buffer:
        print("inside")
    sys.stdout.close()
    sys.stdout.buffer.close()
    sys.stderr.close()
    assert not sys.stdout.closed
    assert not sys.stdout.buffer.closed
    print("after")
    assert captured.lines == ["inside", "after"]


def test_what_libraries_ask_of_a_stream(captured: Captured) -> None:
    """The attributes of a standard stream are there, and what cannot be is UnsupportedOperation."""
    out: Any = sys.stdout
    assert isinstance(out, io.TextIOBase)
    assert (out.name, out.mode, out.encoding, out.errors) == ("<stdout>", "w", "utf-8", "backslashreplace")
    assert (out.newlines, out.line_buffering, out.write_through) == (None, True, False)
    assert (out.isatty(), out.writable(), out.readable(), out.seekable()) == (False, True, False, False)
    assert out.reconfigure(encoding="latin-1", line_buffering=False) is None
    buffer = out.buffer
    assert isinstance(buffer, io.BufferedIOBase)
    assert (buffer.raw, buffer.mode, buffer.name) == (buffer, "wb", "<stdout>")
    assert (buffer.isatty(), buffer.writable(), buffer.readable()) == (False, True, False)
    for stream in (out, buffer):
        for call in (stream.read, stream.readline, stream.detach, stream.tell, stream.truncate):
            with pytest.raises(io.UnsupportedOperation):
                call()
        with pytest.raises(io.UnsupportedOperation):
            stream.seek(0)
