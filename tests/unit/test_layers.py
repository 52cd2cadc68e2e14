"""The architecture, as a test: who may import whom, and what a bare import costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import celery_syslog

PACKAGE = Path(celery_syslog.__file__).parent

#: A module imports only from lower ranks. A folder has one rank; inside it, modules are free.
RANKS = {
    "errors": 0,
    "wire": 1,
    "address": 1,
    "settings": 2,
    "context": 2,
    "events": 2,
    "trouble": 2,
    "transports": 2,
    "receiver": 2,
    "formatters": 3,
    "delivery": 3,
    "handler": 4,
    "": 5,
    "worker": 6,
    "auto": 7,
    "cli": 7,
    "relay": 7,
    "pytest_plugin": 7,
    "local_nodes": 7,
}

#: Which outside modules belong to which layers only.
CELERY = {"worker", "auto", "cli", "relay"}
KOMBU = {"relay", "transports.amqp"}
SOCKETS = {"transports", "receiver", "handler", "local_nodes"}  # the handler asks for the host's name


def modules() -> list[tuple[str, Path]]:
    """Every module as its dotted name inside the package, with its file."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found.append((".".join(part for part in parts if part != "__init__"), path))
    return found


def imports(name: str, path: Path) -> set[str]:
    """The absolute names of the modules a file imports while it is loaded or run.

    Imports for type checkers alone do not count.
    """
    package = f"celery_syslog.{name}" if path.name == "__init__.py" and name else "celery_syslog"
    if path.name != "__init__.py":
        package = ".".join(f"celery_syslog.{name}".split(".")[:-1])
    found = set()
    tree = ast.parse(path.read_text())
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                stem = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*stem, base] if base else stem)
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def layer(dotted: str) -> str:
    """The layer a ``celery_syslog...`` name belongs to; "" is the package's own __init__."""
    first = dotted.removeprefix("celery_syslog").lstrip(".").split(".")[0]
    return first if first in RANKS else ""


def test_every_module_has_a_rank() -> None:
    """A new module or folder must be given its place in the architecture."""
    assert {name.split(".")[0] for name, _ in modules()} <= set(RANKS)


def test_modules_import_only_from_lower_ranks() -> None:
    """No module knows of a layer above it, or of another one beside it in the upper layers."""
    wrong = []
    for name, path in modules():
        own = name.split(".")[0]
        for imported in imports(name, path):
            if not imported.startswith("celery_syslog"):
                continue
            other = layer(imported)
            below = RANKS[other] < RANKS[own] or other == own
            # Rank 2 is a set of small modules that build on one another (settings on context).
            beside = RANKS[other] == RANKS[own] <= 2
            # The package's front door loads what it offers on first use, inside functions.
            door = own == "" and path.parent == PACKAGE
            if not (below or beside or door):
                wrong.append(f"{name or '__init__'} imports {imported}")
    assert not wrong


def test_foreign_libraries_stay_in_their_layer() -> None:
    """Celery, kombu and sockets appear only where the architecture puts them."""
    wrong = []
    for name, path in modules():
        own = name.split(".")[0]
        for imported in imports(name, path):
            top = imported.split(".")[0]
            if top in ("celery", "billiard") and own not in CELERY and name:
                wrong.append(f"{name} imports {imported}")
            if top == "kombu" and name not in KOMBU:
                wrong.append(f"{name} imports {imported}")
            if top in ("socket", "ssl") and own not in SOCKETS:
                wrong.append(f"{name} imports {imported}")
    assert not wrong


def test_import_is_light() -> None:
    """Importing the package and its names loads neither Celery nor anything heavy."""
    code = (
        "import sys; before = set(sys.modules); import celery_syslog; "
        "from celery_syslog import SyslogHandler, bind, install, uninstall; "
        "print(' '.join(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in result.stdout.split()}
    assert not loaded & {"celery", "kombu", "billiard", "ssl", "asyncio", "pythonjsonlogger", "inspect"}


def test_public_names_are_what_the_package_offers() -> None:
    """``__all__`` and the names that can be imported agree."""
    assert all(getattr(celery_syslog, name) is not None for name in celery_syslog.__all__)
