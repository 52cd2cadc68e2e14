"""Facility and severity codes."""

from __future__ import annotations

import pytest

from celery_syslog.wire.codes import (
    FACILITIES,
    SEVERITY_NAMES,
    facility_code,
    severity_code,
    severity_of_level,
)


@pytest.mark.parametrize(
    ("level", "name"),
    [
        *[(60, "crit"), (50, "crit"), (45, "err"), (40, "err"), (35, "warning"), (30, "warning")],
        *[(27, "notice"), (25, "notice"), (22, "info"), (20, "info"), (15, "debug"), (10, "debug")],
        *[(1, "debug"), (0, "debug"), (-1, "debug")],
    ],
)
def test_levels_take_the_severity_of_their_range(level: int, name: str) -> None:
    """A custom level lies in a range and takes its severity, whatever it is called."""
    assert SEVERITY_NAMES[severity_of_level()(level)] == name


def test_overrides_come_first() -> None:
    """A level named in syslog_levels takes that severity; its neighbours keep the range's."""
    severity = severity_of_level({20: 5})
    assert (severity(20), severity(21)) == (5, 6)


def test_every_facility_code_has_a_name() -> None:
    """All 24 facilities of RFC 5424 table 1 can be named."""
    assert set(FACILITIES.values()) == set(range(24))


@pytest.mark.parametrize("value", ["x", "", "24", -1, 24, 1.5, None, True, "\uff11"])
def test_wrong_facilities(value: object) -> None:
    """Anything but a known name or code is a ValueError that lists what is allowed."""
    with pytest.raises(ValueError, match="local7"):
        facility_code(value)


def test_severities_by_usual_names() -> None:
    """The long names people use mean the same as syslog(3)'s short ones."""
    assert severity_code("error") == severity_code("err") == severity_code(3) == 3
