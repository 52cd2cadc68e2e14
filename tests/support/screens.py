"""Records the screens of the docs: real commands on a real terminal, drawn as SVG.

``python -m support.screens docs/img`` (tox run -e docs-screens) writes them anew.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from celery_syslog import SyslogReceiver

from .command import COLUMNS, start
from .shopping import shop_worker
from .svg import svg
from .waiting import short_folder, wait_until

__all__ = ["SCREENS", "record"]

#: Where the folder of a recording is shown to be.
_SHOWN = "/tmp"

_CHECKED = """
import logging.handlers
from celery import Celery, signals
from celery_syslog import install

app = Celery("proj")
app.conf.syslog_url = ["FOLDER/log", "FOLDER/gone"]
app.conf.syslog_facilty = "local0"
install(app)

@signals.after_setup_logger.connect
def old_recipe(logger, **_):
    logger.addHandler(logging.handlers.SysLogHandler("FOLDER/log"))
"""


def listen(folder: Path) -> str:
    """Return the screen of ``celery syslog listen`` while a worker has two orders, one of which fails."""
    with start(folder, "syslog", "listen", f"{folder}/log", tty=True) as running:
        running.wait_text("Ctrl-C ends")
        with shop_worker(folder):
            running.wait_text("ValueError: card refused")
            wait_until(lambda: running.out.count("succeeded in") == 3, "three tasks to succeed")
        running.end(signal.SIGINT)
    return f"$ celery syslog listen {folder}/log\n{running.out}"


def check(folder: Path) -> str:
    """Return the screen of ``celery syslog check`` for a project with a few mistakes."""
    (folder / "proj.py").write_text(_CHECKED.replace("FOLDER", str(folder)))
    checking = ("-A", "proj", "syslog", "check")
    with SyslogReceiver(f"unix://{folder}/log"), start(folder, *checking, tty=True) as running:
        running.end()
    return f"$ celery -A proj syslog check\n{running.out}"


#: File name -> what makes it.
SCREENS: Mapping[str, Callable[[Path], str]] = {"listen": listen, "check": check}


def record(name: str) -> str:
    """Return what a screen shows, colours included."""
    with short_folder() as folder:
        text = SCREENS[name](folder).replace(str(folder), _SHOWN)
    package = str(Path(sys.prefix) / "lib")
    tests = str(Path(__file__).parents[1])
    return text.replace(package, "lib").replace(tests, "").replace("/support/shop.py", "shop.py")


def main(folder: Path) -> None:
    """Write every screen."""
    folder.mkdir(exist_ok=True)
    for name in SCREENS:
        (folder / f"{name}.svg").write_text(svg(record(name), f"celery syslog {name}", COLUMNS))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
