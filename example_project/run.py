"""The demo itself: start everything, send the tasks, follow the lines, stop everything, report."""

import json
import os
import secrets
import shutil
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from kombu import pools

from .checks import check_broker, check_platform, check_syslog
from .listen import FileSource, NoSource, ReceiverSource, Source
from .options import Options
from .parts import Parts
from .report import Report
from .show import Screen
from .tally import Tally
from .worker import Worker, WorkerFailed

__all__ = ["Demo"]

#: Seconds without a new line, once all tasks are done, after which no more is waited for.
QUIET = 3.0
_STEP = 0.05


class Demo:
    """One run: what was asked for, what is counted and where it is shown."""

    def __init__(self, options: Options, screen: Screen) -> None:
        self.options = options
        self.screen = screen
        self.run = f"r{secrets.token_hex(2)}"
        #: The syslog tag. It is on every line, so lines that name no task can be told from others' too.
        self.ident = f"example-{self.run}"
        self.tally = Tally(self.run, options.tasks)
        self._parts = Parts()
        self._deadline = time.monotonic() + options.timeout
        self._results: list[Any] = []

    def perform(self) -> Report:
        """Run the demo; raises Problem if it cannot begin. The worker is stopped in any case."""
        check_platform()
        check_syslog(self.options.addresses)
        folder = Path(tempfile.mkdtemp(prefix="celery-syslog-"))
        report = None
        try:
            with closing(self._source()) as source:
                self._configure(folder, source)
                check_broker(os.environ["EXAMPLE_BROKER"])
                report = self._with_worker(Worker(folder), source)
        finally:
            if self.options.broker and report is not None:
                self._leave_broker()
            pools.reset()  # the connections on which the tasks were sent
            if report is None or report.good:
                shutil.rmtree(folder, ignore_errors=True)
        return report

    def _source(self) -> Source:
        if not self.options.syslog:
            return ReceiverSource()
        if self.options.log_file:
            return FileSource(self.options.log_file, self.ident)
        return NoSource()

    def _configure(self, folder: Path, source: Source) -> None:
        """Set what config.py reads: for the worker, which inherits it, and for our own sending."""
        url = source.url if isinstance(source, ReceiverSource) else self.options.syslog
        os.environ |= {
            "EXAMPLE_FOLDER": str(folder),
            "EXAMPLE_BROKER": self.options.broker or "filesystem://localhost/",
            "EXAMPLE_SYSLOG": url or "",
            "EXAMPLE_IDENT": self.ident,
            "EXAMPLE_SET": json.dumps(self.options.set),
        }

    def _leave_broker(self) -> None:
        """Delete the queues of the tasks and the answers; they would go by themselves, but later."""
        from .celery import app

        try:
            with app.connection_for_write() as connection, connection.channel() as channel:
                channel.queue_delete(app.thread_oid)
                queue = app.amqp.queues[self.ident](channel)
                queue.declare()  # a broker without bindings of its own (Redis) must know this one
                queue.delete()
        except Exception:  # each of Kombu's transports has its own; the report matters more
            pass

    def _with_worker(self, worker: Worker, source: Source) -> Report:
        began, trouble = time.monotonic(), ""
        try:
            with worker:
                self._introduce(worker)
                try:
                    self._wait_until_ready(worker, source)
                    self._send(source)
                    self._follow(worker, source)
                    self._progress(source, "the worker stops")
                except KeyboardInterrupt:
                    self.screen.say("  Stopping: the worker finishes what it has begun.")
                    raise
        except WorkerFailed as error:
            trouble = str(error)
        source.settle()
        self._take(source)
        return Report(
            self.run, self.ident, self.tally, time.monotonic() - began, source.readable, trouble, worker.log
        )

    def _introduce(self, worker: Worker) -> None:
        options, say = self.options, self.screen.say
        if self.screen.quiet:
            return
        say(f"celery-syslog: example run {self.run}")
        say(f"  broker  {'a folder' if not options.broker else options.broker_shown}")
        if (options.broker or "").startswith("amqp"):
            say("  results in files, and over rpc:// for the task that is asked")
        if options.broker:
            say(f"  events  python -m example_project.events --broker {options.broker_shown}")
        say(f"  syslog  {'a receiver in this process' if not options.syslog else options.syslog}")
        say(f"  worker  process {worker.pid}, two children")
        say()

    def _wait_until_ready(self, worker: Worker, source: Source) -> None:
        while not worker.ready():
            worker.check()
            if time.monotonic() > self._deadline:
                raise WorkerFailed("the worker was not ready in time")
            self._take(source)
            self._progress(source, "the worker starts")
            time.sleep(_STEP)

    def _send(self, source: Source) -> None:
        # Not before now: importing the tasks reads the configuration.
        from .plan import work

        for number in range(1, self.options.tasks + 1):
            for job in work(self.run, number):
                self._results.append(job.signature.apply_async())
                self._progress(source, f"sending {job.name}")
            self._take(source)

    def _follow(self, worker: Worker, source: Source) -> None:
        """Take lines until all are there and all tasks done; missing ones are not waited for long."""
        pending, changed = list(self._results), time.monotonic()
        while pending or self.tally.missing:
            worker.check()
            now = time.monotonic()
            if self._take(source):
                changed = now
            pending = [result for result in pending if not result.ready()]
            if not pending and (now - changed > QUIET or not source.readable):
                return
            if now > self._deadline:
                raise WorkerFailed(f"{len(pending)} of {len(self._results)} jobs not done in time")
            self._progress(source, f"{len(pending)} of {len(self._results)} jobs to do")
            time.sleep(_STEP)

    def _take(self, source: Source) -> int:
        new = source.poll()
        for seen in new:
            line = self._parts.whole(seen)
            self.screen.line(seen, line is None or self.tally.add(line))
        return len(new)

    def _progress(self, source: Source, text: str) -> None:
        if source.readable:
            expected, arrived = self.tally.total
            self.screen.progress(arrived, expected, f"lines, {text}")
        else:
            done = sum(result.ready() for result in self._results)
            self.screen.progress(done, len(self._results), f"jobs, {text}")
