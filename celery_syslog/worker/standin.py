"""What stands in for a standard stream: always open, with the real one behind it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["LogBuffer", "StandIn", "caller"]


def caller() -> FrameType:
    """Return the frame that called the function that calls this one.

    Where there is none (C code calls that function itself, at exit or in a greenlet), its own frame.
    """
    frame = sys._getframe(1)
    return frame.f_back or frame


class StandIn(io.IOBase):
    """The part of a stream that is the same for text and bytes.

    ``event`` is ``stdout`` or ``stderr``. The real stream is looked up on every use: it may be None
    (``pythonw``), closed, or replaced.
    """

    def __init__(self, event: str) -> None:
        self.name = f"<{event}>"
        self._real_name = f"__{event}__"

    @property
    def closed(self) -> bool:
        """Always False."""
        return False

    def close(self) -> None:
        """Flush and stay open, as a library that closes stdout must not silence later prints."""
        self.flush()

    def flush(self) -> None:
        """Flush the real stream; a line is sent when it ends, so an unfinished one stays."""
        real = getattr(sys, self._real_name)
        if real is not None:
            try:
                real.flush()
            except (OSError, ValueError, RuntimeError):
                pass  # closed, full or broken: a print must not fail for it

    def pass_on(self, text: str) -> None:
        """Write text to the real stream at once; where there is none, or it is broken, it is lost."""
        real = getattr(sys, self._real_name)
        if real is None:
            return
        try:
            try:
                real.write(text)
            except UnicodeEncodeError:
                encoding = real.encoding or "ascii"
                real.write(text.encode(encoding, "backslashreplace").decode(encoding))
            real.flush()
        except (OSError, ValueError, RuntimeError):
            pass  # nowhere left to say it

    def fileno(self) -> int:
        """Return the descriptor of the real stream, which what is written to it directly goes to.

        Raises io.UnsupportedOperation when there is none.
        """
        real = getattr(sys, self._real_name)
        try:
            number: int = real.fileno()
        except (AttributeError, ValueError):
            raise io.UnsupportedOperation("fileno") from None
        return number

    def isatty(self) -> bool:
        """Return False: what is written goes to a log."""
        return False

    def writable(self) -> bool:
        """Return True."""
        return True


class LogBuffer(StandIn, io.BufferedIOBase):
    """The bytes side of a captured stream, ``sys.stdout.buffer``: bytes become text of that stream."""

    mode = "wb"

    def __init__(self, event: str, accept: Callable[[bytes, FrameType], None]) -> None:
        super().__init__(event)
        self._accept = accept

    @property
    def raw(self) -> Any:
        """The unbuffered stream, which is this one: nothing is held back here."""
        return self

    def write(self, data: ReadableBuffer, /) -> int:
        """Take bytes, which may end inside a character; return how many."""
        whole = bytes(memoryview(data))
        self._accept(whole, caller())
        return len(whole)
