"""The threads that write to a captured stream: each one's unfinished line, kept beyond its end."""

from __future__ import annotations

import codecs
import functools
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from types import FrameType

from .lines import LineBuffer
from .recorder import Emitting, Place

__all__ = ["Writer", "Writers", "place_of"]

_decoder = codecs.getincrementaldecoder("utf-8")


def place_of(frame: FrameType) -> Place:
    """Return where a frame is."""
    code = frame.f_code
    return code.co_filename, frame.f_lineno, code.co_name


class _Token:
    """Kept in the data of a thread alone, it dies with the thread."""

    __slots__ = ("__weakref__",)


class Writer(LineBuffer):
    """What one thread has written to one stream, and where its unfinished line began."""

    __slots__ = ("_decoder", "_watch", "emitting", "ident", "name", "place")

    def __init__(self, emitting: Emitting) -> None:
        super().__init__()
        self.emitting = emitting
        self.ident = threading.get_ident()
        self.name = threading.current_thread().name
        self.place: Place = ("(unknown file)", 0, "(unknown function)")
        self._decoder: codecs.IncrementalDecoder | None = None
        self._watch: weakref.ref[_Token] | None = None

    def __bool__(self) -> bool:
        """Whether anything is unfinished, a character too, or ready."""
        return super().__bool__() or (self._decoder is not None and bool(self._decoder.getstate()[0]))

    def watch(self, token: _Token, ended: functools.partial[None]) -> None:
        """Call ``ended`` when the token dies."""
        self._watch = weakref.ref(token, ended)

    def decode(self, data: bytes) -> str:
        """Return the text of UTF-8 bytes; a character not yet complete waits for the next ones."""
        if self._decoder is None:
            self._decoder = _decoder("backslashreplace")
        return self._decoder.decode(data)

    def finish(self) -> None:
        """End the unfinished line, and character."""
        if self._decoder is not None:
            self.feed(self._decoder.decode(b"", True))
        super().finish()

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self._decoder = None


class Writers:
    """The writers of one stream, one a thread: a greenlet, where gevent has patched ``threading``.

    ``local.writer`` is the calling thread's, if it has one. Those of threads that ended with
    something unsent wait in ``ended``. Nothing is sent from a thread's end itself: there the thread
    is half gone, and under gevent it is the hub, which must not wait.
    """

    def __init__(self, emitting: threading.local) -> None:
        self.local = threading.local()
        self.ended: deque[Writer] = deque()
        self._emitting = emitting
        self._live: dict[int, Writer] = {}

    def mine(self) -> Writer:
        """Return the calling thread's writer, made on first use."""
        try:
            writer: Writer = self.local.writer
        except AttributeError:
            writer = self._new()
        return writer

    def _new(self) -> Writer:
        try:
            emitting = self._emitting.here
        except AttributeError:
            emitting = self._emitting.here = Emitting()
        writer, token = Writer(emitting), _Token()
        writer.watch(token, functools.partial(self._end, writer))
        self._live[id(writer)] = writer
        self.local.token = token
        self.local.writer = writer
        return writer

    def _end(self, writer: Writer, _token: object) -> None:
        self._live.pop(id(writer), None)
        if writer:
            self.ended.append(writer)

    def take_ended(self) -> Iterator[Writer]:
        """Take the writers of ended threads, oldest first."""
        while self.ended:
            try:
                yield self.ended.popleft()
            except IndexError:
                return  # another thread took it

    def live(self) -> list[Writer]:
        """Return the writers of the threads that have not ended."""
        return list(self._live.values())

    def forget(self) -> None:
        """In a forked child: drop what the parent's threads had not finished, the caller's too."""
        self.ended.clear()
        self._live.clear()
        writer = getattr(self.local, "writer", None)
        if writer is not None:
            writer.clear()
            self._live[id(writer)] = writer
