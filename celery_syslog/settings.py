"""The settings: one declaration of name, default, parser and meaning, read into one frozen value.

Every mistake is found in the same pass and reported together, so that a user mends them once.
"""

import difflib
import logging
import re
import string
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, NamedTuple, get_args, get_type_hints

from .address import Address, parse_addresses
from .context import TASK_FIELDS
from .errors import ConfigurationError
from .wire.codes import FACILITIES, SEVERITIES, facility_code, severity_code

__all__ = ["PREFIX", "SETTINGS", "Setting", "Settings", "load", "settings_from", "unknown_keys"]

#: What the keys begin with in ``app.conf``.
PREFIX = "syslog_"

IDENT_FIELDS = ("app", "node", "program")


class _Fault(ValueError):
    """What a parser raises: what is allowed, and the names a hint may be taken from."""

    def __init__(self, allowed: str, names: Iterable[str] = (), given: object = None) -> None:
        super().__init__(allowed)
        self.names = tuple(names)
        self.given = given


def _choice(*names: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if isinstance(value, str) and value.strip().lower() in names:
            return value.strip().lower()
        raise _Fault(" or ".join(names), names)

    return parse


def _facility(value: Any) -> int:
    try:
        return facility_code(value)
    except ValueError as error:
        raise _Fault(str(error), FACILITIES) from None


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "on": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "0": False}
    if str(value).strip().lower() in words:
        return words[str(value).strip().lower()]
    raise _Fault("True or False", words)


def _optional(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else parse(value)


def _seconds(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if isinstance(value, bool) or not 0 <= number < 86400:
        raise _Fault("seconds, from 0 to 86400")
    return number


_UNITS = {"": 1, "b": 1, "k": 2**10, "kib": 2**10, "m": 2**20, "mib": 2**20, "g": 2**30, "gib": 2**30}


def _count(least: int, what: str) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        text = value.strip().lower() if isinstance(value, str) else value
        if isinstance(text, str) and (match := re.fullmatch(r"([0-9]+)\s*([a-z]*)", text)):
            unit = _UNITS.get(match[2]) if what == "bytes" or not match[2] else None
            text = int(match[1]) * unit if unit else None
        if isinstance(text, int) and not isinstance(text, bool) and text >= least:
            return text
        raise _Fault(f"{what}, {least} or more" + (" (as in 65536 or '64 KiB')" if what == "bytes" else ""))

    return parse


def _level(value: Any) -> int:
    """A level by name (also one registered with logging.addLevelName) or number."""
    names = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")
    if isinstance(value, str):
        text = value.strip().upper()
        number = int(text) if text.isdigit() else logging.getLevelName(text)
        if isinstance(number, int):
            return number
    elif isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise _Fault(f"a level name ({', '.join(names)}) or number", names, value)


def _levels(value: Any) -> dict[int, int]:
    if not isinstance(value, Mapping):
        raise _Fault("a mapping of level (name or number) to severity")
    found = {}
    for level, severity in value.items():
        number = _level(level)
        try:
            found[number] = severity_code(severity)
        except ValueError as error:
            raise _Fault(f"severities: {error}", SEVERITIES, severity) from None
    return found


def _ident(value: Any) -> str:
    allowed = "text, with {app}, {node} or {program} in it if wanted"
    if not isinstance(value, str) or not value.strip():
        raise _Fault(allowed)
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(value) if name is not None]
        for name in names:
            if name not in IDENT_FIELDS:
                raise _Fault(allowed, [f"{{{known}}}" for known in IDENT_FIELDS], f"{{{name}}}")
        value.format(**dict.fromkeys(IDENT_FIELDS, "x"))
    except _Fault:
        raise
    except (ValueError, KeyError, IndexError, AttributeError):
        raise _Fault(allowed) from None
    return value


def _format(value: Any) -> str:
    if isinstance(value, str) and value.strip().lower() in ("json", "cee"):
        return value.strip().lower()
    try:
        logging.PercentStyle(value).validate()
    except (TypeError, ValueError):
        raise _Fault(
            "'json', 'cee' or a %-style format such as '%(levelname)s:%(name)s:%(message)s'"
        ) from None
    return str(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return dict(value)
    raise _Fault("a mapping with text keys")


_SSL_KEYS = ("ca_certs", "certfile", "keyfile", "cert_reqs", "password", "ciphers", "server_hostname")
_CERT_REQS = ("none", "optional", "required")


def _ssl(value: Any) -> Mapping[str, Any]:
    found = _mapping(value)
    for key in found:
        if key not in _SSL_KEYS:
            raise _Fault(f"the keys {', '.join(_SSL_KEYS)}", _SSL_KEYS, key)
    # The numbers are those of the ssl module, which is not loaded for this.
    required = found.get("cert_reqs", "required")
    word = required.lower().removeprefix("cert_") if isinstance(required, str) else required
    if word not in (*_CERT_REQS, 0, 1, 2):
        raise _Fault(f"cert_reqs = {' or '.join(_CERT_REQS)}", _CERT_REQS, word)
    return found


def _context(value: Any) -> bool | tuple[str, ...]:
    if isinstance(value, (list, tuple, set, frozenset)):
        for name in value:
            if name not in TASK_FIELDS:
                raise _Fault(f"True, False or a list of {', '.join(TASK_FIELDS)}", TASK_FIELDS, name)
        return tuple(name for name in TASK_FIELDS if name in value)
    try:
        return _bool(value)
    except _Fault:
        raise _Fault(f"True, False or a list of {', '.join(TASK_FIELDS)}") from None


def _redact(value: Any) -> tuple[str, ...]:
    """Field names and regular expressions, both kept as text (compiled where they are used)."""
    items = [value] if isinstance(value, (str, re.Pattern)) else value
    if not isinstance(items, (list, tuple, set, frozenset)):
        raise _Fault("a list of field names and regular expressions")
    found = []
    for item in items:
        text = item.pattern if isinstance(item, re.Pattern) else item
        try:
            re.compile(text)
        except (re.error, TypeError):
            raise _Fault("a list of field names and regular expressions") from None
        found.append(text)
    return tuple(found)


def _enterprise_id(value: Any) -> str:
    """RFC 5424 section 7.2.2: a private enterprise number, further numbers after dots allowed."""
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,10})*", text, re.ASCII):
        raise _Fault("a private enterprise number such as '32473'")
    return text


def _hostname(value: Any) -> str:
    """RFC 5424 section 6: HOSTNAME = 1*255PRINTUSASCII."""
    if isinstance(value, str) and re.fullmatch(r"[!-~]{1,255}", value):
        return value
    raise _Fault("1 to 255 printable ASCII characters without spaces")


def _path(value: Any) -> str:
    if isinstance(value, str) and value and "\0" not in value:
        return value
    if hasattr(value, "__fspath__"):
        return str(value)
    raise _Fault("a directory")


class Setting(NamedTuple):
    """What one setting is: its parser and one line of meaning; ``secret`` values are never shown."""

    parse: Callable[[Any], Any]
    doc: str
    secret: bool = False


class Settings(NamedTuple):
    """Every setting of the package, checked. ``Settings()`` holds the defaults."""

    url: Annotated[
        tuple[Address, ...],
        Setting(parse_addresses, "Where to: a socket path or URL, or several in failover order.", True),
    ] = ()
    facility: Annotated[int, Setting(_facility, "Facility, by name or number.")] = 1
    ident: Annotated[
        str, Setting(_ident, "APP-NAME or tag; may use {app}, {node}, {program} (worker, beat).")
    ] = "celery"
    level: Annotated[
        int | None, Setting(_optional(_level), "Threshold of our handler; None: the worker's level.")
    ] = None
    protocol: Annotated[
        str,
        Setting(
            _choice("auto", "rfc3164", "rfc5424"),
            "rfc3164 or rfc5424; auto: rfc3164 on unix sockets, rfc5424 elsewhere.",
        ),
    ] = "auto"
    format: Annotated[str, Setting(_format, "%-style format of the message part, or 'json' or 'cee'.")] = (
        logging.BASIC_FORMAT
    )
    task_format: Annotated[
        str | None,
        Setting(
            _optional(_format),
            "The same for records made inside a task; None: syslog_format with task name and id.",
        ),
    ] = None
    console: Annotated[bool, Setting(_bool, "Keep Celery's console or file handlers beside ours.")] = True
    redirect_stdouts: Annotated[
        bool | None,
        Setting(_optional(_bool), "Capture print and stderr; None: follow worker_redirect_stdouts."),
    ] = None
    stdout_level: Annotated[int, Setting(_level, "Level of lines captured from stdout.")] = logging.INFO
    stderr_level: Annotated[int, Setting(_level, "Level of lines captured from stderr.")] = logging.WARNING
    multiline: Annotated[
        str,
        Setting(
            _choice("escape", "split", "keep"),
            "Line breaks: escape (#012), split (one message a line), keep (where framing allows).",
        ),
    ] = "escape"
    max_size: Annotated[
        int | None,
        Setting(
            _optional(_count(480, "bytes")),
            "Bytes a message; None: by transport (unix 8192, udp 2048, streams 65536).",
        ),
    ] = None
    oversize: Annotated[
        str,
        Setting(
            _choice("split", "truncate"),
            "Longer messages: split into numbered parts, or truncate with a marker.",
        ),
    ] = "split"
    timeout: Annotated[
        float,
        Setting(_seconds, "Seconds one log call may wait for a stalled collector, once per incident."),
    ] = 0.25
    connect_timeout: Annotated[
        float,
        Setting(_seconds, "Seconds for a connect or TLS handshake; never spent inside a log call."),
    ] = 5.0
    flush_timeout: Annotated[float, Setting(_seconds, "Seconds for a flush at exit.")] = 5.0
    buffer: Annotated[
        int, Setting(_count(0, "records"), "Records kept in memory while the collector is away.")
    ] = 10000
    overflow: Annotated[
        str,
        Setting(_choice("drop_oldest", "drop_newest"), "What goes when the buffer or spool is full."),
    ] = "drop_oldest"
    spool: Annotated[
        str | None,
        Setting(_optional(_path), "Directory where undelivered records survive a SIGKILL; None: no spool."),
    ] = None
    spool_size: Annotated[int, Setting(_count(65536, "bytes"), "Bound of the spool in bytes.")] = 64 * 2**20
    use_ssl: Annotated[
        Mapping[str, Any] | None,
        Setting(
            _optional(_ssl),
            "TLS files, with the keys of broker_use_ssl (ca_certs, certfile, keyfile, cert_reqs).",
            True,
        ),
    ] = None
    fields: Annotated[Mapping[str, Any], Setting(_mapping, "Constant fields on every record.", True)] = {}
    context: Annotated[
        bool | tuple[str, ...],
        Setting(_context, "Task fields on every record; or a list of the fields wanted."),
    ] = True
    task_data: Annotated[
        bool,
        Setting(_bool, "Also args, kwargs and return_value of Celery's own lines (may hold secrets)."),
    ] = False
    redact: Annotated[
        tuple[str, ...], Setting(_redact, "Regular expressions and field names to mask.", True)
    ] = ()
    propagate: Annotated[bool, Setting(_bool, "bind() fields travel to published tasks.")] = False
    levels: Annotated[
        Mapping[int, int], Setting(_levels, "Level (name or number) -> severity, over the ranges.")
    ] = {}
    enterprise_id: Annotated[
        str, Setting(_enterprise_id, "Private enterprise number of the SD-IDs (celery@PEN).")
    ] = "32473"
    hostname: Annotated[
        str | None, Setting(_optional(_hostname), "HOSTNAME field; None: the machine's name.")
    ] = None

    def __repr__(self) -> str:
        shown = (f"{name}={_shown(name, value)}" for name, value in self._asdict().items())
        return f"Settings({', '.join(shown)})"


#: Setting name (without prefix) -> its declaration.
SETTINGS: Mapping[str, Setting] = {
    name: next(part for part in get_args(hint) if isinstance(part, Setting))
    for name, hint in get_type_hints(Settings, include_extras=True).items()
}


def _shown(name: str, value: object) -> str:
    """Return a value as it may be printed: secrets masked, long ones cut."""
    if isinstance(value, tuple) and value and all(isinstance(part, Address) for part in value):
        return repr("; ".join(map(str, value)))
    if SETTINGS[name].secret and value:
        return f"<{type(value).__name__}>"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def load(given: Mapping[str, Any], prefix: str = "") -> tuple[Settings, tuple[str, ...]]:
    """Return the settings of a mapping and a fault for every value that is wrong.

    ``given`` has names without prefix; a wrong value leaves its default. ``prefix`` is what the
    faults print before the names. Unknown names are faults too.
    """
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, value in given.items():
        setting = SETTINGS.get(name)
        if setting is None:
            faults.append(f"{prefix}{name}: no such setting{_near(name, SETTINGS, prefix)}")
            continue
        try:
            values[name] = setting.parse(value)
        except ConfigurationError as error:
            faults += [f"{prefix}{name}: {fault}" for fault in error.faults]
        except _Fault as fault:
            wrong = value if fault.given is None else fault.given
            hint = _near(str(wrong), fault.names)
            faults.append(f"{prefix}{name} = {_shown(name, value)}: allowed is {fault}{hint}")
    settings = Settings(**values)
    if faults:
        return settings, tuple(faults)
    return settings, tuple(f"{prefix}{fault}" for fault in _contradictions(settings, given))


def _contradictions(settings: Settings, given: Mapping[str, Any]) -> Iterable[str]:
    """Values that are right alone and wrong together."""
    schemes = {address.scheme for address in settings.url}
    if settings.use_ssl and not schemes & {"tls", "relp+tls", "amqps"}:
        yield "use_ssl: needs a tls://, relp+tls:// or amqps:// URL in syslog_url"
    if "spool_size" in given and settings.spool is None:
        yield "spool_size: has no effect without syslog_spool"
    if "journald" in schemes and len(schemes) > 1:
        yield "url: journald:// takes entries of its own form, so no other kind of URL can stand beside it"
    for address in settings.url:
        if settings.multiline == "keep" and address.option("framing") == "lf":
            yield f"multiline = 'keep': LF framing ({address}) cannot carry line breaks; use framing=octet"


def _near(name: str, names: Iterable[str], prefix: str = "") -> str:
    lowered = {known.lower(): known for known in names}
    found = difflib.get_close_matches(name.lower(), lowered, 1, 0.6)
    return f"; did you mean {prefix}{lowered[found[0]]}?" if found else ""


def settings_from(**given: Any) -> Settings:
    """Return the settings given as keyword arguments; raises ConfigurationError naming every fault."""
    settings, faults = load(given)
    if faults:
        raise ConfigurationError(faults)
    return settings


def unknown_keys(keys: Iterable[str], namespace: str = "") -> tuple[str, ...]:
    """Return a warning for each ``syslog_*`` key, in either case, that is no setting.

    Under a ``namespace`` (``CELERY_`` in Django) only keys that begin with it are ours to judge.
    """
    found = []
    for key in sorted(set(keys)):
        bare = key.lower().removeprefix(namespace.lower())
        ours = key.lower().startswith(namespace.lower()) and bare.startswith(PREFIX)
        if ours and bare[len(PREFIX) :] not in SETTINGS:
            lead = namespace + (PREFIX.upper() if key.isupper() else PREFIX)
            names = [name.upper() if key.isupper() else name for name in SETTINGS]
            found.append(f"unknown setting {key}{_near(bare[len(PREFIX) :], names, lead)}")
    return tuple(found)
