"""Reading the native protocol of journald, by no code of the package."""

from __future__ import annotations

__all__ = ["parse_entry"]


def parse_entry(data: bytes) -> list[tuple[str, bytes]]:
    """Return the fields of an entry, in order; fails on anything that journald would not take."""
    found = []
    while data:
        end = data.index(b"\n")
        name, equals, value = data[:end].partition(b"=")
        data = data[end + 1 :]
        if not equals:
            size = int.from_bytes(data[:8], "little")
            value, data = data[8 : 8 + size], data[8 + size :]
            assert len(value) == size
            assert data[:1] == b"\n"
            data = data[1:]
        assert name.isascii()
        found.append((name.decode(), value))
    return found
