"""Text to bytes that cannot start a second message, break framing or drive a terminal."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["CONTROLS", "CONTROLS_BUT_LF", "escape", "octal"]

#: The control characters of ASCII.
CONTROLS = bytes(range(0x20)) + b"\x7f"
CONTROLS_BUT_LF = CONTROLS.replace(b"\n", b"")

# C0, DEL and C1 controls, the two Unicode line separators, and surrogates (which UTF-8 cannot carry).
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_FORBIDDEN_BUT_LF = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@lru_cache(256)
def octal(char: str) -> str:
    """Return a character as its UTF-8 bytes, each as ``#`` and three octal digits.

    That is how rsyslog itself shows what it may not pass on: LF is ``#012``, ESC ``#033``, U+2028
    ``#342#200#250``. A lone surrogate that stands for an undecodable byte (PEP 383) becomes that
    byte, ``#377``; any other becomes the three bytes it would have had.
    """
    try:
        data = char.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = char.encode("utf-8", "surrogatepass")
    return "".join(f"#{byte:03o}" for byte in data)


def escape(text: str, keep_newlines: bool = False) -> bytes:
    """Return ``text`` as UTF-8 with every control character and line separator in octal.

    ``keep_newlines`` lets LF through, and nothing else. Never raises, whatever the text holds.
    """
    if text.isascii():
        data = text.encode()
        if len(data.translate(None, CONTROLS_BUT_LF if keep_newlines else CONTROLS)) == len(data):
            return data
    if keep_newlines:
        return _FORBIDDEN_BUT_LF.sub(_octal_match, text).encode()
    # Line feeds are nearly all there is in a traceback, and replaced so they take no call each.
    return _FORBIDDEN.sub(_octal_match, text.replace("\n", "#012")).encode()


def _octal_match(match: re.Match[str]) -> str:
    return octal(match[0])
