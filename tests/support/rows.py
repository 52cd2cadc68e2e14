"""Records of every kind as rows of the conformance table: what is sent, and what a collector must have."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from corpus import ESCAPED, NASTY

from celery_syslog import bind, context
from celery_syslog.address import parse_address
from celery_syslog.context import TaskContext
from celery_syslog.formatters import encoder_for
from celery_syslog.settings import settings_from
from celery_syslog.wire.codes import FACILITY_NAMES, SEVERITY_NAMES

from .seen import Seen

__all__ = ["FORMS", "KEPT", "LONG", "SHORT", "Channel", "Row", "make_rows"]

#: The message alone; text, JSON and CEE with a task and fields; the message with its line breaks kept.
FORMS = ("bare", "text", "json", "cee")
KEPT = "kept"

SHORT = {name: text for name, text in NASTY.items() if len(text) < 10_000}

#: Texts that become several messages on any channel.
LONG = {
    "long words": " ".join(f"word{number:07} " for number in range(20_000)),
    **{name: text for name, text in NASTY.items() if name not in SHORT},
}

_LEVELS = {10: "debug", 20: "info", 25: "notice", 30: "warning", 40: "err", 50: "crit"}
_IDENTS = ("celery", "celery@web1", "shop.beat_2-x", "shop/worker")
_HOSTS = ("web1", "web-1.example.org", "10.1.2.3", "Web_2")
_ZONES = {"UTC0": 0, "<+0545>-5:45": 345, "<-0330>3:30": -210}
_MICROSECONDS = (0, 1, 250_000, 999_999, 123_456)

# Months ago, so that no collector can have taken the time of arrival for it; at noon, when no zone puts
# its clocks forward; and on a day with one digit, which RFC 3164 pads.
_MOMENT = (datetime.now(timezone.utc) - timedelta(days=70)).replace(
    day=8, hour=12, minute=0, second=0, microsecond=0
)

TASK_FIELDS = {
    "task_id": "3f2b9c0e-0000-4000-8000-123456789abc",
    "task_name": "shop.tasks.pay",
    "root_id": "11111111-0000-4000-8000-123456789abc",
    "retries": 2,
    "queue": "mail",
    "worker": "celery@web1",
}


class Channel(NamedTuple):
    """A way into a collector: ``target`` names the collector's attribute with its socket path or port.

    ``url`` is what the encoder is made for; ``framing`` is ``datagram``, ``octet`` or ``lf``.
    """

    name: str
    url: str
    target: str
    protocol: str
    framing: str = "datagram"

    @property
    def title(self) -> str:
        """The name a test of it bears."""
        return f"{self.name} {self.protocol}"


class Row(NamedTuple):
    """One record of the table; ``fields`` is the payload it must have as JSON, None as text."""

    channel: Channel
    form: str
    name: str
    messages: tuple[bytes, ...]
    sent: Seen
    fields: Mapping[str, Any] | None


class _Plan(NamedTuple):
    """What a row is made of; the number of the row picks a value of each kind."""

    number: int
    channel: Channel
    form: str
    name: str
    text: str

    @property
    def level(self) -> int:
        return list(_LEVELS)[self.number % len(_LEVELS)]

    @property
    def severity(self) -> str:
        return _LEVELS[self.level]

    @property
    def facility(self) -> int:
        return self.number * 5 % len(FACILITY_NAMES)

    @property
    def ident(self) -> str:
        return _IDENTS[self.number // 2 % len(_IDENTS)]

    @property
    def host(self) -> str:
        return _HOSTS[self.number // 3 % len(_HOSTS)]

    @property
    def zone(self) -> str:
        return list(_ZONES)[self.number % len(_ZONES)]

    @property
    def pid(self) -> int:
        return 100_000 + self.number

    @property
    def time(self) -> datetime:
        days = self.number % 2 * 10
        moment = _MOMENT + timedelta(days, self.number, _MICROSECONDS[self.number % len(_MICROSECONDS)])
        return moment.astimezone(timezone(timedelta(minutes=_ZONES[self.zone])))

    @property
    def extra(self) -> dict[str, Any]:
        """Fields given as ``extra=``: the text itself too, unless it is far too long for a field."""
        note = {"note": self.text} if len(self.text) < 10_000 else {}
        return {"order": 7, "nested": {"a": [1, {"b": 'ü"]'}]}, 'weird name=]"': "v", **note}


def make_rows(channels: Mapping[Channel, Iterable[str]]) -> list[Row]:
    """Return the table: for each channel and form a row for every short text and the long ones named."""
    plans: list[_Plan] = []
    for channel, long in channels.items():
        texts = {**SHORT, **{name: LONG[name] for name in long}}
        for form in (*FORMS, KEPT):
            chosen = {name: text for name, text in SHORT.items() if "\n" in text} if form == KEPT else texts
            if form == KEPT and channel.framing == "lf":
                continue
            for name, text in chosen.items():
                plans.append(_Plan(len(plans), channel, form, name, text))
    return [_row(plan) for plan in plans]


def _row(plan: _Plan) -> Row:
    form = plan.form if plan.form in ("json", "cee") else "%(message)s"
    settings = settings_from(
        url=plan.channel.url,
        protocol=plan.channel.protocol,
        facility=plan.facility,
        hostname=plan.host,
        format=form,
        multiline="keep" if plan.form == KEPT else "escape",
    )
    encode = encoder_for(settings, parse_address(plan.channel.url), plan.ident, plan.pid)
    with _around(plan):
        messages = tuple(encode(_record(plan)))
    return Row(plan.channel, plan.form, plan.name, messages, _sent(plan), _fields(plan))


def _in_task(form: str) -> bool:
    return form in ("text", "json", "cee")


def _record(plan: _Plan) -> logging.LogRecord:
    record = logging.LogRecord("shop.cart", plan.level, "/app/shop.py", 7, plan.text, (), None)
    record.created = plan.time.timestamp()
    if _in_task(plan.form):
        record.__dict__.update(plan.extra, syslog_event="stdout")
    return record


@contextmanager
def _around(plan: _Plan) -> Iterator[None]:
    """Be in the row's zone and, if it has one, its task."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = plan.zone
    time.tzset()
    task = TaskContext(**TASK_FIELDS) if _in_task(plan.form) else None
    context.set_task_provider(lambda: task)
    try:
        with bind(**({"tenant": 'ä]"\\'} if task else {})):
            yield
    finally:
        context.set_task_provider(None)
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def _escaped(plan: _Plan) -> str:
    """Return the text as the corpus has it after escaping, by no code of the package."""
    found = ESCAPED[plan.name][1] if plan.name in ESCAPED else plan.text.replace("\n", "#012")
    return found.replace("#012", "\n") if plan.form == KEPT else found


def _sent(plan: _Plan) -> Seen:
    structured = plan.channel.protocol == "rfc5424"
    host = plan.host if plan.channel.framing != "datagram" or structured else ""
    text = _escaped(plan)
    if plan.form == "text":
        text = f"{TASK_FIELDS['task_name']}[{TASK_FIELDS['task_id']}]: {text}"
    return Seen(
        facility=plan.facility,
        severity=SEVERITY_NAMES.index(plan.severity),
        time=plan.time,
        host=host,
        ident=plan.ident,
        pid=str(plan.pid),
        msgid="stdout" if structured and _in_task(plan.form) else "",
        sd=_structured_data(plan) if structured and _in_task(plan.form) else {},
        text=text,
    )


def _structured_data(plan: _Plan) -> dict[str, dict[str, str]]:
    ours = {name: str(value) for name, value in TASK_FIELDS.items()}
    if plan.form != "text":
        return {"celery@32473": ours}
    theirs = {"tenant": 'ä]"\\', "order": "7", "nested": '{"a": [1, {"b": "ü\\"]"}]}', "weird_name___": "v"}
    if "note" in plan.extra:
        theirs["note"] = _escaped(plan)
    return {"celery@32473": ours, "extra@32473": theirs}


def _fields(plan: _Plan) -> dict[str, Any] | None:
    if plan.form not in ("json", "cee"):
        return None
    moment = plan.time.isoformat(timespec="microseconds")
    return {
        "timestamp": moment.removesuffix("+00:00") + "Z" if moment.endswith("+00:00") else moment,
        "severity": plan.severity,
        "facility": FACILITY_NAMES[plan.facility],
        "ident": plan.ident,
        "pid": plan.pid,
        "logger": "shop.cart",
        "level": logging.getLevelName(plan.level),
        "message": plan.text,
        "event": "stdout",
        **TASK_FIELDS,
        "tenant": 'ä]"\\',
        **plan.extra,
    }
