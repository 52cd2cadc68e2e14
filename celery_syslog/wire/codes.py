"""Facility and severity codes and their names (RFC 5424 section 6.2.1, tables 1 and 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = [
    "FACILITIES",
    "FACILITY_NAMES",
    "LEVEL_SEVERITIES",
    "SEVERITIES",
    "SEVERITY_NAMES",
    "facility_code",
    "severity_code",
    "severity_of_level",
]

#: Severity code -> name, most urgent first. The names are those of syslog(3).
SEVERITY_NAMES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")

#: Facility code -> name. 12 to 15 have no name in syslog(3); these are the ones of RFC 5424's table.
FACILITY_NAMES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news"),
    *("uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock"),
    *("local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"),
)

FACILITIES: Mapping[str, int] = {
    **{name: code for code, name in enumerate(FACILITY_NAMES)},
    "security": 4,
    "console": 14,
    "solaris-cron": 15,
}

SEVERITIES: Mapping[str, int] = {
    **{name: code for code, name in enumerate(SEVERITY_NAMES)},
    "emergency": 0,
    "panic": 0,
    "critical": 2,
    "error": 3,
    "warn": 4,
    "informational": 6,
}

#: The floor of each range of Python levels and the severity it becomes. A level between two named
#: ones takes the severity of the range it lies in, so a custom level never turns into a guess.
LEVEL_SEVERITIES = ((50, 2), (40, 3), (30, 4), (25, 5), (20, 6))


def facility_code(value: object) -> int:
    """Return the code of a facility given by name or number.

    Raises ValueError for anything else; the text says what is allowed.
    """
    return _code(value, FACILITIES, len(FACILITY_NAMES))


def severity_code(value: object) -> int:
    """Return the code of a severity given by name or number; raises ValueError like facility_code."""
    return _code(value, SEVERITIES, len(SEVERITY_NAMES))


def _code(value: object, names: Mapping[str, int], count: int) -> int:
    if isinstance(value, str):
        name = value.strip().lower().removeprefix("log_")
        if name in names:
            return names[name]
        if name.isascii() and name.isdigit() and int(name) < count:
            return int(name)
    elif isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count:
        return value
    raise ValueError(f"a name ({', '.join(list(names)[:count])}) or a number from 0 to {count - 1}")


def severity_of_level(overrides: Mapping[int, int] | None = None) -> Callable[[int], int]:
    """Return a function from a Python level number to a severity code.

    ``overrides`` names severities for exact levels; every other level takes that of its range.
    """
    exact = dict(overrides or {})

    def severity(level: int) -> int:
        found = exact.get(level)
        if found is None:
            found = next((code for floor, code in LEVEL_SEVERITIES if level >= floor), 7)
            exact[level] = found
        return found

    return severity
