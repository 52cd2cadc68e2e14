"""Framing of syslog over streams: octet counting and LF (RFC 6587), written and read incrementally."""

from __future__ import annotations

from ..errors import DecodeError

__all__ = ["MAX_FRAME", "FrameReader", "frame_lf", "frame_octet"]

#: Largest frame a reader accepts unless told otherwise, in bytes.
MAX_FRAME = 1 << 20

_LENGTH_DIGITS = 10


def frame_octet(data: bytes) -> bytes:
    """Return a message in octet counting.

    RFC 6587 section 3.4.1: ``SYSLOG-FRAME = MSG-LEN SP SYSLOG-MSG``, MSG-LEN in octets.
    """
    return b"%d %b" % (len(data), data)


def frame_lf(data: bytes) -> bytes:
    """Return a message with LF as its trailer (RFC 6587 section 3.4.2).

    An LF inside would end the message early, so it is written as ``#012``.
    """
    if b"\n" in data:
        data = data.replace(b"\n", b"#012")
    return data + b"\n"


class FrameReader:
    """Cuts a byte stream into messages; what is fed may be split anywhere.

    ``framing`` is ``octet``, ``lf`` or ``auto``: then the first frame decides for the whole stream.
    Octet counting is taken to be in use when the stream begins with a length, a space and ``<``;
    a length alone could as well be a line of text that starts with a number.

    At most ``max_size`` bytes and one length are held. A stream that breaks the rules raises
    DecodeError, after every whole frame before the fault has been returned; from then on every call raises.
    """

    def __init__(self, max_size: int = MAX_FRAME, framing: str = "auto") -> None:
        if framing not in ("auto", "octet", "lf"):
            raise ValueError(f"framing must be auto, octet or lf, not {framing!r}")
        self.max_size = max_size
        self.framing = framing
        self._buffer = bytearray()
        self._searched = 0  # how far the LF was looked for, so that input stays linear
        self._position = 0  # of the buffer's first byte in the stream
        self._fault: DecodeError | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes as they came and return the messages that are whole now."""
        if self._fault is not None:
            raise self._fault
        self._buffer += data
        frames: list[bytes] = []
        start = 0
        try:
            while start < len(self._buffer):
                if self.framing == "auto" and not self._detect():
                    break
                end, frame = self._octet(start) if self.framing == "octet" else self._line(start)
                if end < 0:
                    break
                start = end
                if frame:
                    frames.append(frame)
        except DecodeError as fault:
            self._fault = fault
            if not frames:
                raise
        del self._buffer[:start]
        self._position += start
        self._searched = max(0, self._searched - start)
        return frames

    def close(self) -> bytes:
        """Return what is left of an unfinished message, b"" if nothing is; the reader starts afresh.

        Raises DecodeError if a fault has not been told yet.
        """
        fault, self._fault = self._fault, None
        tail = bytes(self._buffer)
        self._buffer.clear()
        self._position = self._searched = 0
        if fault is not None:
            raise fault
        if self.framing == "octet":
            return tail.partition(b" ")[2]
        return tail.rstrip(b"\r\0")

    def _detect(self) -> bool:
        """Settle which framing is in use; False while the bytes so far fit both."""
        head = bytes(self._buffer[: _LENGTH_DIGITS + 2])
        digits = len(head) - len(head.lstrip(b"0123456789"))
        if digits == 0 or digits > _LENGTH_DIGITS or head[:1] == b"0":
            self.framing = "lf"
        elif len(head) > digits + 1 or (len(head) > digits and head[digits] != 0x20):
            self.framing = "octet" if head[digits : digits + 2] == b" <" else "lf"
        return self.framing != "auto"

    def _octet(self, start: int) -> tuple[int, bytes]:
        """RFC 6587 section 3.4.1: ``MSG-LEN = NONZERO-DIGIT *DIGIT``. Return end (-1: not yet), frame."""
        space = self._buffer.find(b" ", start, start + _LENGTH_DIGITS + 1)
        length = bytes(self._buffer[start : space if space >= 0 else start + _LENGTH_DIGITS + 1])
        if not length.isdigit() or length[:1] == b"0" or len(length) > _LENGTH_DIGITS:
            raise DecodeError("octet counting: a length was expected", self._position + start)
        if space < 0:
            return -1, b""
        size = int(length)
        if size > self.max_size:
            raise DecodeError(f"frame of {size} bytes, at most {self.max_size}", self._position + start)
        end = space + 1 + size
        if end > len(self._buffer):
            return -1, b""
        return end, bytes(self._buffer[space + 1 : end])

    def _line(self, start: int) -> tuple[int, bytes]:
        """RFC 6587 section 3.4.2: ``SYSLOG-FRAME = SYSLOG-MSG TRAILER``. CR and NUL before LF go too."""
        end = self._buffer.find(b"\n", max(start, self._searched))
        size = (end if end >= 0 else len(self._buffer)) - start
        if size > self.max_size:
            raise DecodeError(f"line of more than {self.max_size} bytes", self._position + start)
        if end < 0:
            self._searched = len(self._buffer)
            return -1, b""
        return end + 1, bytes(self._buffer[start:end]).rstrip(b"\r\0")
