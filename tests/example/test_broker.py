"""The broker that is a folder: every message comes whole, in turn, whoever reads meanwhile."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from kombu import Connection
from support.waiting import DEADLINE

from example_project.broker import Channel, Transport


def connection(folder: Path) -> Connection:
    """Return a connection. Kombu remembers bindings by process: no two tests may share a queue's name."""
    (folder / "queues").mkdir(exist_ok=True)
    options = {name: str(folder / "queues") for name in ("data_folder_in", "data_folder_out")}
    options["control_folder"] = str(folder / "control")
    return Connection(
        "filesystem://localhost/",
        transport=Transport,
        transport_options={**options, "polling_interval": 0.01},
    )


def test_order(tmp_path: Path) -> None:
    """Messages are read in the order they were written."""
    with connection(tmp_path) as link, link.SimpleQueue("work") as queue:
        for number in range(20):
            queue.put(number)
        assert [queue.get(timeout=DEADLINE).payload for _ in range(20)] == list(range(20))


def test_reader_beside_a_writer(tmp_path: Path) -> None:
    """A reader that never rests sees whole messages only (Kombu's own transport fails here at times)."""

    def write() -> None:
        with connection(tmp_path) as link, link.SimpleQueue("beside") as queue:
            for _ in range(300):
                queue.put({"text": "x" * 20000})

    writer = threading.Thread(target=write)
    # The queue first: two that declare it at the same moment get in each other's way in Kombu.
    with connection(tmp_path) as link, link.SimpleQueue("beside", no_ack=True) as queue:
        writer.start()
        try:
            assert all(len(queue.get(timeout=DEADLINE).payload["text"]) == 20000 for _ in range(300))
        finally:
            writer.join()
    assert os.listdir(tmp_path / "queues") == []


def test_no_message_before_it_is_whole(tmp_path: Path, monkeypatch) -> None:
    """At the moment a message gets its name, all of it is in the file."""
    named = []
    rename = Path.rename

    def spy(draft: Path, target: Path) -> Path:
        named.append((os.listdir(target.parent), draft.read_text()))
        return rename(draft, target)

    monkeypatch.setattr(Path, "rename", spy)
    with connection(tmp_path) as link:
        channel = link.channel()
        assert isinstance(channel, Channel)
        channel._put("work", {"n": 1})
        assert channel._get("work") == {"n": 1}
    ((listed, text),) = named
    assert text == '{"n": 1}'
    assert not any(name.partition(".")[2] == "work.msg" for name in listed)
