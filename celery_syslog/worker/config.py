"""Our settings in a Celery configuration: plain, uppercase or under a namespace such as Django's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from celery_syslog.settings import PREFIX, SETTINGS, Settings, load, unknown_keys

if TYPE_CHECKING:
    from celery import Celery

__all__ = ["Configuration", "read"]


class Configuration(NamedTuple):
    """What an app's configuration says: the settings, what is wrong and what is merely odd."""

    settings: Settings
    faults: tuple[str, ...]
    warnings: tuple[str, ...]
    sources: Mapping[str, str] = {}
    """Setting name -> the key it was found under, or ``install(name=…)``; none for a default."""

    def report(self) -> str:
        """Return one text that names every fault and warning; empty when there is none."""
        if self.faults:
            count = "a setting is" if len(self.faults) == 1 else f"{len(self.faults)} settings are"
            head = f"nothing is sent to syslog, because {count} wrong (the console log goes on):"
        else:
            head = "the configuration has keys that mean nothing:"
        lines = self.faults + self.warnings
        return "\n  ".join((head, *lines)) if lines else ""


def read(app: Celery, overrides: dict[str, Any]) -> Configuration:
    """Return what ``app.conf`` and the overrides of ``install`` say, every fault included.

    Keys are looked up as ``syslog_x``, ``SYSLOG_X`` and with the app's namespace in front
    (celery/utils/collections.py, ConfigurationView).
    """
    conf = app.conf
    namespace = conf.__dict__.get("prefix") or ""
    keys = set(conf.keys())
    given: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name in SETTINGS:
        for key in (PREFIX + name, (PREFIX + name).upper()):
            if key in conf:
                given[name] = conf[key]
                written = (namespace + key.upper(), namespace + key, key.upper())
                sources[name] = next((one for one in written if one in keys), key)
                break
    sources |= {name: f"install({name}=…)" for name in overrides}
    settings, faults = load(given | overrides, PREFIX)
    return Configuration(settings, faults, unknown_keys(keys, namespace), sources)
