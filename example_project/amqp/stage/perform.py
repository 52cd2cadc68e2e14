"""One lesson from beginning to end: its lines on screen and in syslog, its picture, nothing left behind."""

import logging
import shutil
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from kombu.utils.url import maybe_sanitize_url

from celery_syslog import SyslogHandler, SyslogReceiver
from celery_syslog.address import parse_addresses

from ...node import PrivateNode
from ...show import Screen
from .stage import Failed, Stage

__all__ = ["perform"]


class _Voice(logging.Handler):
    """Shows the lesson's lines and remembers them."""

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self.screen = screen
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Show a line."""
        self.said.append(record.getMessage())
        self.screen.say(self.said[-1])


def perform(
    lesson: ModuleType, url: str, node: PrivateNode | None, syslog: str | None, screen: Screen
) -> None:
    """Run a lesson; raises Failed, with what went wrong in one line, and cleans up in any case."""
    name = lesson.__name__.rpartition(".")[2]
    with _folder() as folder, _receiver(syslog) as receiver:
        stage = Stage(name, url, folder, syslog or receiver.url, node)
        ident = f"lesson-{name}-{stage.token}"
        screen.say(screen.paint(f"{name}: {(lesson.__doc__ or '').partition(chr(10))[0]}", "bold"))
        screen.say(f"  broker  {_shown(url)}")
        where = "; ".join(map(str, parse_addresses(syslog))) if syslog else "a receiver in this process"
        screen.say(f"  syslog  {where}, tag {ident}")
        with _voice(stage, ident, screen) as said:
            try:
                lesson.run(stage)
            except Failed:
                raise
            except Exception as error:
                raise Failed(_where(error, lesson)) from error
            finally:
                _clean_up(stage, screen)
            for line in _closing(stage, lesson):
                screen.say(line)
        if not syslog:
            _compare(receiver, ident, said, screen)


def _clean_up(stage: Stage, screen: Screen) -> None:
    try:
        stage.clean_up()
    except Exception as error:  # the broker may be gone, and must not hide how the lesson ended
        if not stage.node:
            screen.say(
                f"Not everything could be deleted ({error}): look for names that end in {stage.token}."
            )


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="celery-syslog-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _receiver(syslog: str | None) -> Iterator[SyslogReceiver]:
    receiver = SyslogReceiver("unix://")
    if syslog:
        yield receiver  # not started: a real collector hears us
        return
    with receiver:
        yield receiver


@contextmanager
def _voice(stage: Stage, ident: str, screen: Screen) -> Iterator[list[str]]:
    """Let the lesson's logger speak to the screen and to syslog; yields what it says."""
    voice = _Voice(screen)
    handlers = (voice, SyslogHandler(stage.syslog, ident=ident, format="%(message)s"))
    stage.log.setLevel(logging.INFO)
    stage.log.propagate = False
    for handler in handlers:
        stage.log.addHandler(handler)
    try:
        yield voice.said
    finally:
        for handler in handlers:
            stage.log.removeHandler(handler)
            handler.close()


def _shown(url: str) -> str:
    if not url:
        return "the lesson's own"
    return "in memory, no RabbitMQ" if url.startswith("memory:") else str(maybe_sanitize_url(url))


def _where(error: Exception, lesson: ModuleType) -> str:
    """Return an unexpected error as one line, with the lesson's line where it happened."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"line {frame.lineno}" for frame in frames if frame.filename == lesson.__file__]
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text} ({lesson.__name__}, {lines[-1] if lines else 'elsewhere'})"


def _closing(stage: Stage, lesson: ModuleType) -> Iterator[str]:
    for host, topology in stage.trace.topologies.items():
        if picture := topology.picture():
            yield f"What it declared in the virtual host {host} (nothing of it stays):"
            yield from (f"  {line}" for line in picture)
    if following := getattr(lesson, "NEXT", ""):
        yield "What to try next:"
        yield following


def _compare(receiver: SyslogReceiver, ident: str, said: list[str], screen: Screen) -> None:
    receiver.stop()  # reads what the kernel still holds
    heard = [message for message in receiver.messages if message.ident == ident]
    if [message.msg for message in heard] != said:
        raise Failed(f"syslog got {len(heard)} of the {len(said)} lines as they were logged")
    others = receiver.received - len(heard)
    screen.say(f"Syslog got the same {len(said)} lines{f' and {others} of the worker' if others else ''}.")
