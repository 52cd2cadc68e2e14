"""The project a command works for: its Celery app and what that says about syslog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from celery_syslog.settings import Settings
from celery_syslog.worker import wiring
from celery_syslog.worker.config import Configuration

if TYPE_CHECKING:
    from celery_syslog.worker.wiring import Installation

__all__ = ["Project", "app_of", "project_of", "settings_of"]


class Project(NamedTuple):
    """An app, what is configured for it, and what its install did (None: nobody called it)."""

    app: Any
    configuration: Configuration
    installation: Installation | None
    broken: str  # what importing the app's own modules raised, "" if nothing

    @property
    def name(self) -> str:
        """The app's name."""
        return str(self.app.main or "the app")


def app_of(ctx: click.Context) -> Any:
    """Return the app given by -A, CELERY_APP or a celeryconfig module; None when there is none."""
    app = getattr(ctx.obj, "app", None)
    root = ctx.find_root().params
    if app is not None and "app" in root and root["app"] is None:
        # Celery puts its empty default app there.
        app.loader.read_configuration()
        return app if app.loader.configured else None
    return app


def project_of(ctx: click.Context) -> Project:
    """Return the project; raises click.UsageError when the command line names none."""
    app = app_of(ctx)
    if app is None:
        parts = ctx.command_path.split()
        raise click.UsageError(f"which app? As in: {parts[0]} -A proj {' '.join(parts[1:])}", ctx)
    broken = ""
    try:
        # install() may be called in any of them, and celery_syslog.auto is one.
        app.loader.import_default_modules()
    except Exception as error:
        broken = f"{type(error).__name__}: {error}"
    return Project(app, wiring.configuration_of(app), wiring.installation_of(app), broken)


def settings_of(project: Project) -> Settings:
    """Return the checked settings; raises click.ClickException naming every fault."""
    faults = project.configuration.faults
    if faults:
        raise click.ClickException("; ".join(faults))
    return project.configuration.settings
