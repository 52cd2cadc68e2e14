"""RELP, the Reliable Event Logging Protocol, as rsyslog's imrelp speaks it: frames, and the client's side.

Every message is a numbered frame, and the collector answers each one once it has taken it over. The
specification is ``doc/relp.html`` of librelp; its grammar::

    RELP-FRAME = TXNR SP COMMAND SP DATALEN [SP DATA] LF
    TXNR       = NUMBER          ; 0: a hint of the server that is not answered
    COMMAND    = 1*32ALPHA
    DATALEN    = NUMBER          ; of DATA, which is left out if it is 0
    NUMBER     = 1*9DIGIT
    RSP        = 3DIGIT [SP TEXT] [LF OFFERS]   ; DATA of the command "rsp"
"""

from __future__ import annotations

import errno
import re
from typing import NamedTuple

from ..errors import DecodeError, TransportError
from .escape import escape

__all__ = ["WINDOW", "Frame", "RelpReader", "RelpSession", "pack"]

#: Messages that may be on their way at a time; librelp's own default.
WINDOW = 128

#: Largest answer that a session reads, in bytes.
_MAX_ANSWER = 1 << 16

_LAST_TXNR = 999_999_999

_HEADER = re.compile(rb"([0-9]{1,9}) ([A-Za-z]{1,32}) ([0-9]{1,9})([ \n])")
_HEADER_SO_FAR = re.compile(
    rb"[0-9]{0,9}|[0-9]{1,9} [A-Za-z]{0,32}|[0-9]{1,9} [A-Za-z]{1,32} [0-9]{0,9}",
)
_LONGEST_HEADER = 9 + 1 + 32 + 1 + 9 + 1

_ANSWER = re.compile(rb"([0-9]{3})(?: ([^\n]*))?(?:\n|\Z)")

_OPENING = b"relp_version=0\nrelp_software=celery-syslog\ncommands=syslog"


class Frame(NamedTuple):
    """One frame, whichever side sent it."""

    txnr: int
    command: str
    data: bytes = b""


def pack(txnr: int, command: bytes, data: bytes = b"") -> bytes:
    """Return a frame as bytes."""
    return b"%d %b %d %b\n" % (txnr, command, len(data), data) if data else b"%d %b 0\n" % (txnr, command)


class RelpReader:
    """Cuts a byte stream into frames; what is fed may be split anywhere.

    DATA of more than ``max_size`` bytes is a fault, so no more than that and a header is held. A stream
    that breaks the rules raises DecodeError, after every whole frame before the fault has been returned;
    from then on every call raises.
    """

    def __init__(self, max_size: int = _MAX_ANSWER) -> None:
        self.max_size = max_size
        self._buffer = b""
        self._position = 0  # of the buffer's first byte in the stream
        self._fault: DecodeError | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes as they came and return the frames that are whole now."""
        if self._fault is not None:
            raise self._fault
        buffer = self._buffer = self._buffer + data
        frames: list[Frame] = []
        start = 0
        try:
            while start < len(buffer):
                end, frame = self._next(buffer, start)
                if frame is None:
                    break
                start = end
                frames.append(frame)
        except DecodeError as fault:
            self._fault = fault
            if not frames:
                raise
        self._buffer = buffer[start:]
        self._position += start
        return frames

    def _next(self, buffer: bytes, start: int) -> tuple[int, Frame | None]:
        """Return where the frame that begins at ``start`` ends, and the frame; None if it is not whole."""
        header = _HEADER.match(buffer, start)
        if header is None:
            if _HEADER_SO_FAR.fullmatch(buffer[start : start + _LONGEST_HEADER]) is None:
                raise DecodeError("RELP: the header of a frame was expected", self._position + start)
            return start, None
        txnr, command, length, separator = header.groups()
        size, begin = int(length), header.end()
        if size > self.max_size:
            raise DecodeError(
                f"RELP: {size} bytes in a frame, at most {self.max_size}", self._position + start
            )
        if separator == b"\n":
            if size:
                raise DecodeError("RELP: a frame ends without its data", self._position + start)
            return begin, Frame(int(txnr), command.decode())
        end = begin + size
        if end >= len(buffer):
            return start, None
        if buffer[end] != 0x0A:
            raise DecodeError("RELP: a frame does not end with LF", self._position + start)
        return end + 1, Frame(int(txnr), command.decode(), buffer[begin:end])


def _ended(how: str) -> TransportError:
    """Return the fault of a connection that just ended, as any may; all others have no errno."""
    return TransportError(errno.ECONNRESET, f"the collector {how}")


class RelpSession:
    """The client's side of one connection: what to send, and what came of it.

    ``pending`` are the messages that were sent and not confirmed, by transaction number, oldest first. A
    session goes from ``new`` over ``opening`` to ``ready``, and over ``closing`` to ``closed``. Once
    ``fault`` is set the connection is of no use any more, and what is pending has to be sent again.
    """

    def __init__(self, window: int = WINDOW) -> None:
        self.window = window
        self.state = "new"
        self.pending: dict[int, bytes] = {}
        self.fault: TransportError | None = None
        self._reader = RelpReader()
        self._txnr = 1

    def open(self) -> bytes:
        """Return the frame that begins the session, with what we offer."""
        self.state = "opening"
        return self._numbered(b"open", _OPENING)

    def syslog(self, data: bytes) -> bytes:
        """Return the next message's frame; it counts as sent once ``sent`` says so."""
        return pack(self._txnr, b"syslog", data)

    def sent(self, data: bytes) -> None:
        """Note that the frame of ``data`` is on its way as a whole."""
        self.pending[self._txnr] = data
        self._advance()

    @property
    def full(self) -> bool:
        """Whether the next message has to wait for the answer to another."""
        return len(self.pending) >= self.window

    def close(self) -> bytes:
        """Return the frame that ends the session."""
        self.state = "closing"
        return self._numbered(b"close")

    def _numbered(self, command: bytes, data: bytes = b"") -> bytes:
        frame = pack(self._txnr, command, data)
        self._advance()
        return frame

    def _advance(self) -> None:
        self._txnr = self._txnr + 1 if self._txnr < _LAST_TXNR else 1

    def receive(self, data: bytes) -> list[bytes]:
        """Take bytes as they came, b"" for the end, and return the messages that are confirmed now.

        Never raises; what is wrong with what came is in ``fault`` afterwards.
        """
        confirmed: list[bytes] = []
        if self.fault is not None:
            return confirmed
        try:
            if not data and self.state != "closed":
                raise _ended("closed the connection")
            for txnr, command, answer in self._reader.feed(data):
                if command == "rsp":
                    self._answered(txnr, answer, confirmed)
                elif command == "serverclose" and self.state in ("closing", "closed"):
                    self.state = "closed"
                elif command == "serverclose":
                    raise _ended("ended the session")
                else:
                    raise TransportError(f"the collector sent {command!r}, which is no answer")
        except DecodeError as error:
            self.fault = TransportError(f"what the collector sent is not {error}")
        except TransportError as error:
            self.fault = error
        return confirmed

    def _answered(self, txnr: int, data: bytes, confirmed: list[bytes]) -> None:
        if self.state == "closing" and not data:
            self.state = "closed"  # imrelp answers this one without a code
            return
        if data != b"200 OK" or txnr not in self.pending:
            found = _ANSWER.match(data)
            if found is None:
                raise TransportError("the collector sent an answer without a code")
            if found[1] != b"200":
                text = escape(data[:200].decode(errors="replace")).decode()
                raise TransportError(f"the collector refused {self._subject(txnr)}: {text}")
        message = self.pending.pop(txnr, None)
        if message is not None:
            confirmed.append(message)
        elif self.state == "opening":
            self._offered(data)
        elif self.state == "closing":
            self.state = "closed"
        else:
            raise TransportError(f"the collector answered frame {txnr}, which was not waiting for it")

    def _subject(self, txnr: int) -> str:
        if txnr in self.pending:
            return f"a record of {len(self.pending[txnr])} bytes"
        return "the session" if self.state == "opening" else f"frame {txnr}"

    def _offered(self, data: bytes) -> None:
        """Begin, if the collector takes syslog messages; one that does not say so is believed to."""
        offers = dict(line.partition(b"=")[::2] for line in data.split(b"\n")[1:])
        commands = offers.get(b"commands", b"syslog").split(b",")
        if b"syslog" not in commands:
            raise TransportError("the collector does not offer to take syslog messages over RELP")
        self.state = "ready"
