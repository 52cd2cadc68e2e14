"""Any value as text or as something JSON can hold, without ever failing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .record import pass_on, safe_repr, safe_str

__all__ = ["as_text", "plain", "simpler"]

_DEPTH = 20

# Python refuses to write longer integers in decimal (sys.set_int_max_str_digits).
_INT_BITS = 4096

_SCALARS = (int, float, bool, type(None))
_CONTAINERS = (Mapping, list, tuple, set, frozenset)


def as_text(value: object) -> str:
    """Return a field's value as text: containers as JSON, anything else as ``str`` has it."""
    if type(value) is str:
        return value
    if type(value) in _SCALARS:
        return safe_str(value)
    if isinstance(value, _CONTAINERS):
        import json  # slow to load, and seldom needed

        return json.dumps(plain(value), ensure_ascii=False)
    return safe_repr(value) if isinstance(value, (bytes, bytearray)) else safe_str(value)


def plain(value: Any, inside: tuple[int, ...] = ()) -> Any:
    """Return a copy of ``value`` that any JSON encoder takes; ``inside`` are the containers it is in.

    Keys become text, objects what ``simpler`` makes of them, NaN and infinities their names, and a
    container inside itself or more than 20 deep ``"..."``.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value) if value.bit_length() <= _INT_BITS else hex(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if len(inside) >= _DEPTH or id(value) in inside:
        return "..."
    inside = (*inside, id(value))
    try:
        if isinstance(value, Mapping):
            return {safe_str(key): plain(inner, inside) for key, inner in value.items()}
        if isinstance(value, _CONTAINERS):
            return [plain(inner, inside) for inner in value]
    except Exception as error:
        pass_on(error)
        return safe_repr(value)
    return plain(simpler(value), inside)


def simpler(value: Any) -> Any:
    """Return an object JSON has no form for as something simpler, if need be its text."""
    kind = type(value)
    try:
        if hasattr(kind, "__dataclass_fields__"):
            return {name: getattr(value, name) for name in kind.__dataclass_fields__}
        if hasattr(kind, "__members__"):  # an enum
            return value.value
        if hasattr(kind, "isoformat"):
            return str(value.isoformat())
    except Exception as error:
        pass_on(error)
    if isinstance(value, BaseException):
        return f"{kind.__name__}: {safe_str(value)}"
    return safe_repr(value) if isinstance(value, (bytes, bytearray)) else safe_str(value)
