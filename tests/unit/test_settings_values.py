"""The settings: defaults as documented, every fault in one report, no secret shown."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from celery_syslog.errors import ConfigurationError
from celery_syslog.settings import SETTINGS, Settings, load, settings_from, unknown_keys


def test_defaults_are_the_documented_ones() -> None:
    """An empty configuration gives exactly the defaults of the settings page."""
    settings, faults = load({})
    assert faults == ()
    assert settings == Settings()
    assert settings.format == logging.BASIC_FORMAT
    assert (settings.timeout, settings.connect_timeout, settings.flush_timeout) == (0.25, 5.0, 5.0)
    assert (settings.buffer, settings.spool_size, settings.overflow) == (10000, 67108864, "drop_oldest")
    assert (settings.facility, settings.ident, settings.protocol) == (1, "celery", "auto")
    assert (settings.stdout_level, settings.stderr_level) == (logging.INFO, logging.WARNING)


def test_every_setting_has_one_line_of_meaning() -> None:
    """The declaration is complete: a parser and a sentence for each field."""
    assert set(SETTINGS) == set(Settings._fields)
    assert all(setting.doc.endswith(".") and "\n" not in setting.doc for setting in SETTINGS.values())


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("facility", "local0", 16),
        ("facility", "LOG_LOCAL0", 16),
        ("facility", 16, 16),
        ("facility", "16", 16),
        ("level", "warning", 30),
        ("level", 15, 15),
        ("level", None, None),
        ("console", "no", False),
        ("redirect_stdouts", "true", True),
        ("protocol", "RFC5424", "rfc5424"),
        ("format", "JSON", "json"),
        ("max_size", "8 KiB", 8192),
        ("spool_size", "1g", 2**30),
        ("buffer", "500", 500),
        ("timeout", "0.5", 0.5),
        ("context", ["retries", "task_id"], ("task_id", "retries")),
        ("redact", re.compile("x+"), ("x+",)),
        ("redact", ["password", "x+"], ("password", "x+")),
        ("levels", {"INFO": "notice", 15: 7}, {20: 5, 15: 7}),
        ("enterprise_id", 32473, "32473"),
        ("hostname", "web-1.example", "web-1.example"),
        ("ident", "{app}-{program}", "{app}-{program}"),
    ],
)
def test_values_are_understood(name: str, value: Any, expected: Any) -> None:
    """Each setting takes the forms people write: names in any case, numbers, units."""
    if name == "spool_size":
        settings = settings_from(spool="/var/spool/x", **{name: value})
    else:
        settings = settings_from(**{name: value})
    assert getattr(settings, name) == expected


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("facility", "locl0", "did you mean local0?"),
        ("facility", 24, "0 to 23"),
        ("facility", True, "0 to 23"),
        ("level", "WARNIG", "did you mean WARNING?"),
        ("protocol", "rfc3614", "did you mean rfc3164?"),
        ("multiline", "escpae", "did you mean escape?"),
        ("oversize", 3, "split or truncate"),
        ("overflow", "drop_old", "did you mean drop_oldest?"),
        ("format", "{message}", "%-style"),
        ("format", 3, "%-style"),
        ("task_format", "plain words", "%-style"),
        ("ident", "{nod}", "did you mean {node}?"),
        ("ident", "", "text, with {app}"),
        ("ident", "{", "text, with {app}"),
        ("timeout", -1, "seconds"),
        ("timeout", float("nan"), "seconds"),
        ("timeout", True, "seconds"),
        ("max_size", 100, "480 or more"),
        ("max_size", "8 parsecs", "bytes"),
        ("buffer", "5 KiB", "records"),
        ("console", "maybe", "True or False"),
        ("context", ["task_idd"], "did you mean task_id?"),
        ("context", "sometimes", "True, False or a list"),
        ("redact", ["("], "regular expressions"),
        ("redact", 3, "regular expressions"),
        ("levels", {"INFO": "notce"}, "did you mean notice?"),
        ("levels", {"INFOO": "notice"}, "did you mean INFO?"),
        ("levels", 3, "mapping"),
        ("fields", {1: 2}, "mapping with text keys"),
        ("use_ssl", {"ca_cert": "x"}, "did you mean ca_certs?"),
        ("enterprise_id", "acme", "private enterprise number"),
        ("hostname", "two words", "without spaces"),
        ("spool", 3, "a directory"),
        ("url", "tpc://h", "did you mean tcp://?"),
    ],
)
def test_wrong_values_are_refused_with_help(name: str, value: Any, says: str) -> None:
    """A wrong value is named with its key, what is allowed and the nearest right name."""
    settings, faults = load({name: value}, "syslog_")
    assert len(faults) == 1
    assert f"syslog_{name}" in faults[0]
    assert says in faults[0]
    assert getattr(settings, name) == getattr(Settings(), name)


def test_all_faults_come_in_one_report() -> None:
    """The report has every mistake, also the names that do not exist."""
    with pytest.raises(ConfigurationError) as caught:
        settings_from(facility="x", level="y", timeot=1, url="z")
    assert len(caught.value.faults) == 4
    assert "did you mean timeout?" in str(caught.value)


def test_settings_that_contradict_each_other_are_faults() -> None:
    """Values that are right alone and wrong together are found too."""
    with pytest.raises(ConfigurationError) as caught:
        settings_from(url="tcp://h?framing=lf", multiline="keep", use_ssl={"ca_certs": "x"}, spool_size="1m")
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize(
    "given",
    [
        {"url": "amqp://me:hunter2@h"},
        {"url": "tls://h", "use_ssl": {"password": "hunter2"}},
        {"fields": {"token": "hunter2"}},
        {"redact": ["hunter2"]},
    ],
)
def test_secrets_are_not_in_the_repr(given: dict[str, Any]) -> None:
    """repr() of the settings may be logged: it masks what may be secret."""
    assert "hunter2" not in repr(settings_from(**given))


@pytest.mark.parametrize(
    "given",
    [
        {"url": "tcp://me:hunter2@h"},
        {"use_ssl": {"pasword": "hunter2"}},
        {"fields": {3: "hunter2"}},
        {"redact": ["(hunter2"]},
    ],
)
def test_secrets_are_not_in_the_report(given: dict[str, Any]) -> None:
    """The report of a fault never repeats a value that may be secret."""
    _, faults = load(given)
    assert faults
    assert "hunter2" not in "".join(faults)


def test_unknown_keys_are_found_in_every_form() -> None:
    """A misspelt key is found in either case and under a namespace; other people's keys are not ours."""
    assert unknown_keys(["syslog_url", "SYSLOG_URL", "broker_url"]) == ()
    assert "did you mean syslog_facility?" in unknown_keys(["syslog_facilty"])[0]
    assert "did you mean SYSLOG_FACILITY?" in unknown_keys(["SYSLOG_FACILTY"])[0]
    found = unknown_keys(["CELERY_SYSLOG_URLS", "CELERY_SYSLOG_URL", "SYSLOG_SERVER"], "CELERY_")
    assert len(found) == 1
    assert "did you mean CELERY_SYSLOG_URL?" in found[0]
