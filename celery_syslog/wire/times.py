"""The two timestamps of syslog: RFC 3339 as RFC 5424 narrows it, and RFC 3164's, which has no year."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

__all__ = ["MONTHS", "UNKNOWN_YEAR", "format_bsd", "format_iso", "parse_bsd", "parse_iso"]

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

#: The year of an RFC 3164 time read without a reference: a leap year, so that every date exists.
UNKNOWN_YEAR = 1972

# RFC 5424 section 6: TIMESTAMP = FULL-DATE "T" FULL-TIME, TIME-SECFRAC = "." 1*6DIGIT,
# TIME-OFFSET = "Z" / TIME-NUMOFFSET; upper case only, no leap seconds.
_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,6}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)

# RFC 3164 section 4.1.2: "Mmm dd hh:mm:ss", a day below 10 with a space before it.
_BSD = re.compile(
    rf"({'|'.join(MONTHS)}) ([ 0-9]?[0-9]) ([0-9]{{2}}):([0-9]{{2}}):([0-9]{{2}})(?:\.[0-9]{{1,6}})?"
)


def format_iso(moment: datetime) -> str:
    """Return RFC 5424's TIMESTAMP, to the microsecond; a moment without a zone is taken as UTC."""
    if moment.utcoffset() is None:
        moment = moment.replace(tzinfo=timezone.utc)
    offset = moment.utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    text = moment.replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"{text}{sign}{minutes // 60:02}:{minutes % 60:02}" if minutes else f"{text}Z"


def parse_iso(text: str) -> datetime | None:
    """Return the aware moment a TIMESTAMP names, or None if it is not one."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    *clock, fraction, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes)) if sign else timedelta()
    try:
        zone = timezone(-offset if sign == "-" else offset)
        year, month, day, hour, minute, second = map(int, clock)
        return datetime(year, month, day, hour, minute, second, int((fraction or "0").ljust(6, "0")), zone)
    except ValueError:
        return None


def format_bsd(moment: datetime) -> str:
    """Return RFC 3164's TIMESTAMP: ``Mmm dd hh:mm:ss``."""
    return f"{MONTHS[moment.month - 1]} {moment.day:2} {moment:%H:%M:%S}"


def parse_bsd(text: str, now: datetime | None = None) -> tuple[datetime, int] | None:
    """Return the moment at the start of ``text`` and where it ends, or None if there is none.

    ``now`` gives the year (the one that brings the moment nearest) and the zone, if it has one.
    """
    match = _BSD.match(text)
    if match is None:
        return None
    month = MONTHS.index(match[1]) + 1
    day, hour, minute, second = int(match[2]), int(match[3]), int(match[4]), int(match[5])
    years = (UNKNOWN_YEAR,) if now is None else (now.year, now.year - 1, now.year + 1)
    found = []
    for year in years:
        try:
            zone = None if now is None else now.tzinfo
            found.append(datetime(year, month, day, hour, minute, second, tzinfo=zone))
        except ValueError:
            continue  # 29 February in a common year
    if not found:
        return None
    best = found[0] if now is None else min(found, key=lambda moment: abs(moment - now))
    return best, match.end()
