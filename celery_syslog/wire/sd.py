"""STRUCTURED-DATA of RFC 5424: names and values to bytes and back."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import DecodeError
from .escape import CONTROLS, escape

__all__ = ["NAME_LENGTH", "clean_name", "element", "encode_sd", "parse_sd", "quote"]

#: RFC 5424 section 6: SD-NAME = 1*32PRINTUSASCII ; except '=', SP, ']', %d34 (")
NAME_LENGTH = 32

_NAME = rb"[!#-<>-\\^-~]"
_NOT_NAME = re.compile(r"[^!#-<>-\\^-~]")
_ID = re.compile(rb"\[(" + _NAME + rb"+)")
_PARAM = re.compile(rb" (" + _NAME + rb'+)="')
_SPECIAL = re.compile(rb'["\\\]]')
_TO_QUOTE = CONTROLS + b'"\\]'
_ESCAPED = re.compile(rb'\\(["\\\]])')


def clean_name(name: str) -> str:
    """Return a name as SD-NAME allows it: other characters become ``_``, the rest is cut."""
    return _NOT_NAME.sub("_", name)[:NAME_LENGTH] or "_"


def quote(value: str) -> bytes:
    """Return a PARAM-VALUE.

    RFC 5424 section 6.3.3: '"', '\\' and ']' MUST be escaped by a backslash; controls go as ``#ooo``.
    """
    data = value.encode() if value.isascii() else escape(value)
    if len(data.translate(None, _TO_QUOTE)) == len(data):
        return data
    return _SPECIAL.sub(rb"\\\g<0>", escape(value))


def element(sd_id: str, params: Mapping[str, str]) -> bytes:
    """Return one SD-ELEMENT: ``"[" SD-ID *(SP SD-PARAM) "]"``."""
    pairs = [b' %b="%b"' % (clean_name(name).encode(), quote(value)) for name, value in params.items()]
    return b"[%b%b]" % (clean_name(sd_id).encode(), b"".join(pairs))


def encode_sd(data: Mapping[str, Mapping[str, str]]) -> bytes:
    """Return STRUCTURED-DATA: ``NILVALUE / 1*SD-ELEMENT``."""
    return b"".join([element(sd_id, params) for sd_id, params in data.items()]) or b"-"


def parse_sd(data: bytes, start: int, strict: bool) -> tuple[dict[str, dict[str, str]], int]:
    """Return the elements at ``start`` and where they end; raises DecodeError.

    A PARAM-NAME given twice (section 7.2.1 allows that for ``ip``) has its values joined by commas.
    Strict also enforces the length of names, that each SD-ID comes once, the escaping of ``]`` and UTF-8.
    """
    if data[start : start + 1] == b"-":
        return {}, start + 1
    found: dict[str, dict[str, list[str]]] = {}
    while match := _ID.match(data, start):
        sd_id = _name(match, strict)
        if strict and sd_id in found:
            raise DecodeError(f"SD-ID {sd_id} a second time", start)
        start = _params(data, match.end(), found.setdefault(sd_id, {}), strict)
    if not found:
        raise DecodeError("STRUCTURED-DATA: '-' or '[' and a name were expected", start)
    joined = {
        sd_id: {name: ",".join(values) for name, values in params.items()} for sd_id, params in found.items()
    }
    return joined, start


def _params(data: bytes, start: int, params: dict[str, list[str]], strict: bool) -> int:
    while match := _PARAM.match(data, start):
        name = _name(match, strict)
        end = _value_end(data, match.end(), strict)
        raw = _ESCAPED.sub(rb"\1", data[match.end() : end])
        try:
            value = raw.decode("utf-8", "strict" if strict else "replace")
        except UnicodeDecodeError as error:
            raise DecodeError(f"PARAM-VALUE of {name}: not UTF-8", match.end() + error.start) from None
        params.setdefault(name, []).append(value)
        start = end + 1
    if data[start : start + 1] != b"]":
        raise DecodeError("SD-ELEMENT: a space and a name, or ']', were expected", start)
    return start + 1


def _value_end(data: bytes, start: int, strict: bool) -> int:
    """Return where the closing quote is.

    Section 6.3.3: a backslash followed by none of the three characters is a regular backslash.
    """
    while match := _SPECIAL.search(data, start):
        if match[0] == b'"':
            return match.start()
        if match[0] == b"]" and strict:
            raise DecodeError("PARAM-VALUE: ']' without a backslash", match.start())
        escapes = match[0] == b"\\" and data[match.end() : match.end() + 1] in (b'"', b"\\", b"]")
        start = match.end() + 1 if escapes else match.end()
    raise DecodeError("PARAM-VALUE: no closing quote", len(data))


def _name(match: re.Match[bytes], strict: bool) -> str:
    if strict and len(match[1]) > NAME_LENGTH:
        raise DecodeError(f"SD-NAME: more than {NAME_LENGTH} characters", match.start(1))
    return match[1].decode("ascii")
