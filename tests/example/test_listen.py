"""Reading lines back: from the receiver, and from the file a collector writes."""

from __future__ import annotations

import json
from pathlib import Path

from support.waiting import wait_until

from celery_syslog import SyslogHandler
from example_project.listen import FileSource, NoSource, ReceiverSource
from example_project.tally import Seen

IDENT = "example-r0000"


def text_line(text: str, tag: str = f"{IDENT}[7]:") -> bytes:
    return f"Nov 23 18:47:01 host {tag} {text}\n".encode()


def test_receiver() -> None:
    """What a handler sends comes with the severity of its header and the sender's process id."""
    import logging
    import os

    source = ReceiverSource()
    handler = SyslogHandler(source.url, ident=IDENT, format="%(message)s")
    try:
        handler.handle(logging.LogRecord("x", logging.ERROR, "", 0, "it: broke", (), None))
        found = wait_until(source.poll, "a line")
        assert found == [Seen("err", str(os.getpid()), "it: broke")]
        assert source.poll() == []
    finally:
        handler.close()
        source.close()


def test_file_from_where_it_ends(tmp_path: Path) -> None:
    """What was there before, and what others log, is not read."""
    file = tmp_path / "syslog"
    file.write_bytes(text_line("INFO before"))
    source = FileSource(file, IDENT)
    with file.open("ab") as out:
        out.write(
            text_line("WARNING [x] a: b") + text_line("ERROR no", "other[8]:") + text_line("CRITICAL yes")
        )
    assert source.poll() == [Seen("warning", "7", "WARNING [x] a: b"), Seen("crit", "7", "CRITICAL yes")]
    assert source.poll() == []


def test_file_in_pieces(tmp_path: Path) -> None:
    """A line counts once it is whole, wherever the file ended in between; the file may come late."""
    file = tmp_path / "syslog"
    source = FileSource(file, IDENT)
    assert source.poll() == []
    data = text_line("INFO Grüße, 🐇")
    found = []
    with file.open("ab", buffering=0) as out:
        for index in range(len(data)):
            out.write(data[index : index + 1])
            found.append(source.poll())
    assert found[-1] == [Seen("info", "7", "INFO Grüße, 🐇")]
    assert not any(found[:-1])


def test_file_cut_back(tmp_path: Path) -> None:
    """A file that became shorter is read from its start, as after a rotation by copying."""
    file = tmp_path / "syslog"
    file.write_bytes(text_line("INFO a long line, there before"))
    source = FileSource(file, IDENT)
    file.write_bytes(text_line("INFO new"))
    assert source.poll() == [Seen("info", "7", "INFO new")]


def test_file_of_json(tmp_path: Path) -> None:
    """JSON objects give the severity by number; text of another level does not matter then."""
    file = tmp_path / "out.jsonl"
    source = FileSource(file, IDENT)
    message = {"pri": "11", "syslogtag": f"{IDENT}[7]:", "msg": " INFO: said an error"}
    file.write_text(json.dumps(message) + "\n")
    assert source.poll() == [Seen("err", "7", " INFO: said an error")]


def test_nothing_to_read() -> None:
    """Some collectors cannot be read back, and the source says so."""
    assert not NoSource().readable
    assert NoSource().poll() == []
