"""The delivery across fork, exec-less exits, interpreter shutdown and gevent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.raw_socket import RawSocket
from support.waiting import DEADLINE, short_folder, wait_until

import celery_syslog
from celery_syslog.delivery import Delivery
from celery_syslog.delivery.counters import DIRECT, Counters
from celery_syslog.settings import settings_from


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path."""
    with short_folder() as path:
        yield path


@pytest.fixture
def collector(folder: Path) -> Iterator[RawSocket]:
    """A datagram collector at ``folder/log``."""
    made = RawSocket(folder / "log")
    yield made
    made.close()


@pytest.fixture
def delivery(folder: Path) -> Iterator[Delivery]:
    """A delivery to ``folder/log``."""
    settings = settings_from(url=str(folder / "log"), timeout=0.01)
    made = Delivery(settings.url, settings)
    yield made
    made.close(0)


def in_child(work: Callable[[], object]) -> None:
    """Run something in a forked process that leaves by os._exit, as a worker's children do."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def run(folder: Path, program: str) -> dict[str, Any]:
    """Run a program with ``url`` set in a fresh interpreter; return what it printed as JSON."""
    package = str(Path(celery_syslog.__file__).parent.parent)
    text = f"url = {str(folder / 'log')!r}\n" + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", text],
        env={**os.environ, "PYTHONPATH": package},
        capture_output=True,
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.splitlines()
    return dict(json.loads(lines[-1])) if lines else {}


class TestFork:
    """A forked child has nothing of its parent's."""

    def test_a_connection_of_its_own(self, delivery: Delivery, collector: RawSocket) -> None:
        """Parent and child each send through their own socket, and neither disturbs the other's."""
        delivery.send(b"parent 1")
        transport = delivery._engine.line.transport
        assert transport is not None
        fd = transport.fileno()  # type: ignore[attr-defined]
        inode = os.fstat(fd).st_ino

        def work() -> None:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(fd)
            delivery.send(b"child")
            delivery.close()

        in_child(work)
        delivery.send(b"parent 2")
        assert collector.read() == [b"parent 1", b"child", b"parent 2"]
        assert os.fstat(fd).st_ino == inode

    def test_held_records_are_the_parents(self, delivery: Delivery, folder: Path) -> None:
        """What the parent holds is sent by the parent alone."""
        delivery.send(b"held")

        def work() -> None:
            counts = delivery.counters.snapshot()
            assert (counts["emitted"], counts["buffered"]) == (0, 0)
            delivery.flush(0)

        in_child(work)
        collector = RawSocket(folder / "log")
        assert collector.read_until(1) == [b"held"]
        collector.close()

    def test_a_lock_held_at_the_fork(self, delivery: Delivery, collector: RawSocket) -> None:
        """A child forked while another thread holds the lock can log."""
        held, release = threading.Event(), threading.Event()

        def hold() -> None:
            with delivery._engine.lock:
                held.set()
                release.wait(DEADLINE)

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait(DEADLINE)
        in_child(lambda: delivery.send(b"child"))
        release.set()
        holder.join()
        assert collector.read() == [b"child"]

    def test_recovery_in_the_child(self, delivery: Delivery, folder: Path) -> None:
        """A child forked during an incident recovers by itself."""
        delivery.send(b"parent")

        def work() -> None:
            delivery.send(b"child")
            assert delivery.flush(DEADLINE)

        pid = os.fork()
        if not pid:
            try:
                work()
            finally:
                os._exit(0)
        collector = RawSocket(folder / "log")
        assert sorted(collector.read_until(2)) == [b"child", b"parent"]
        os.waitpid(pid, 0)
        collector.close()

    def test_counts_of_relatives(self, delivery: Delivery, collector: RawSocket) -> None:
        """The parent reads what its children counted, while they live and after."""
        for number in range(3):
            in_child(lambda number=number: [delivery.send(b"x") for _ in range(number + 1)])  # type: ignore[misc]
        delivery.send(b"parent")
        rows = delivery.counters.processes()
        mine = [row for row in rows if row["pid"] == os.getpid()]
        assert [(row["emitted"], row["alive"]) for row in mine] == [(1, True)]
        others = sorted(row["emitted"] for row in rows if row["pid"] not in (0, os.getpid()))
        assert others == [1, 2, 3]
        assert not any(row["alive"] for row in rows if row["pid"] != os.getpid())

    def test_rows_are_given_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """More children than rows: nothing of what the dead ones counted is lost."""
        monkeypatch.setattr("celery_syslog.delivery.counters._ROWS", 16)
        counters = Counters()

        def count() -> None:
            counters.renew()
            counters.add(DIRECT)

        for _ in range(50):
            in_child(count)
        assert sum(row["emitted"] for row in counters.processes()) == 50


class TestExit:
    """The ways a process ends."""

    def test_atexit_flushes(self, folder: Path, collector: RawSocket) -> None:
        """What is held at the normal end of the interpreter is sent, when the collector reads again."""
        program = """
            import logging, celery_syslog
            handler = celery_syslog.SyslogHandler(url, timeout=0, flush_timeout=60, format="%(message)s")
            logging.getLogger().addHandler(handler)
            for number in range(2000):
                logging.warning("message %d", number)
            assert handler.delivery.counters.snapshot()["buffered"]
        """
        reader = threading.Thread(target=collector.read_until, args=(2000,))

        # Only when the program ends may anything be read; its messages fill the socket before that.
        process = subprocess.Popen(
            [sys.executable, "-c", f"url = {str(folder / 'log')!r}\n" + textwrap.dedent(program)],
            env={**os.environ, "PYTHONPATH": str(Path(celery_syslog.__file__).parent.parent)},
        )
        wait_until(lambda: process.poll() is None and len(os.listdir(f"/proc/{process.pid}/task")) > 1, "it")
        reader.start()
        assert process.wait(DEADLINE) == 0
        reader.join()
        assert [line.rpartition(b" ")[2] for line in collector.lines] == [b"%d" % n for n in range(2000)]

    def test_a_hung_collector_at_the_end(self, folder: Path, collector: RawSocket) -> None:
        """A collector that never reads costs the exit the flush timeout, and no more than once."""
        program = """
            import atexit, json, logging, time, celery_syslog
            handler = celery_syslog.SyslogHandler(url, timeout=0, flush_timeout=0.4)
            logging.getLogger().addHandler(handler)
            for number in range(2000):
                logging.warning("message %d", number)
            start = time.monotonic()
            logging.shutdown()
            print(json.dumps({"seconds": time.monotonic() - start}))
        """
        assert run(folder, program)["seconds"] > 0.3

    def test_os_exit_loses_nothing(self, delivery: Delivery, collector: RawSocket) -> None:
        """Nothing has to be flushed for what was sent while all was well."""
        in_child(lambda: [delivery.send(b"%d" % number) for number in range(5)])
        assert collector.read() == [b"%d" % number for number in range(5)]

    def test_sigkill_loses_nothing(self, delivery: Delivery, collector: RawSocket) -> None:
        """A process killed right after a log call has lost nothing."""
        pid = os.fork()
        if not pid:
            delivery.send(b"last words")
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
        assert collector.read() == [b"last words"]


class TestSignals:
    """Signals and the recovery thread."""

    def test_they_are_the_main_threads(self, folder: Path) -> None:
        """A signal that the main thread has blocked for a moment is not taken by the recovery thread.

        billiard blocks SIGTERM while a child says goodbye, holding a lock of the whole pool.
        """
        program = """
            import json, os, signal, time
            from celery_syslog.delivery import Delivery
            from celery_syslog.settings import settings_from
            settings = settings_from(url=url, flush_timeout=0)
            delivery = Delivery(settings.url, settings)
            delivery.send(b"nobody there")
            while len(os.listdir("/proc/self/task")) < 2:
                time.sleep(0.01)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            os.kill(os.getpid(), signal.SIGTERM)
            signal.sigtimedwait({signal.SIGTERM}, 60)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            mine = signal.pthread_sigmask(signal.SIG_BLOCK, [])
            print(json.dumps({"mine": len(mine)}))
        """
        assert run(folder, program)["mine"] == 0


class TestGevent:
    """Under monkey patching."""

    def test_no_native_thread_and_no_standstill(self, folder: Path, collector: RawSocket) -> None:
        """500 greenlets during a stall: others run meanwhile, no thread is made, everything arrives."""
        pytest.importorskip("gevent")
        program = """
            from gevent import monkey
            monkey.patch_all()
            import gevent, json, os, socket, sys, time
            from celery_syslog.delivery import Delivery
            from celery_syslog.settings import settings_from
            threads = lambda: len(os.listdir("/proc/self/task"))
            settings = settings_from(url=url, timeout=0.3)
            delivery = Delivery(settings.url, settings)
            delivery.send(b"first")
            before = threads()
            ticks = 0
            def tick():
                global ticks
                while True:
                    gevent.sleep(0.01)
                    ticks += 1
            ticker = gevent.spawn(tick)
            def work(number):
                for count in range(4):
                    delivery.send(b"%d %d" % (number, count))
                    gevent.sleep(0)
            jobs = [gevent.spawn(work, number) for number in range(500)]
            gevent.joinall(jobs, raise_error=True)
            stalled = delivery.counters.snapshot()
            during = threads()
            open(url + ".stalled", "w").close()
            assert delivery.flush(60)
            print(json.dumps({"threads": [before, during, threads()], "ticks": ticks, "stalled": stalled,
                              "end": delivery.counters.snapshot()}))
        """
        seen: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: seen.append(run(folder, program)))
        thread.start()
        stalled = folder / "log.stalled"
        wait_until(lambda: stalled.exists() or not thread.is_alive(), "the stall")
        collector.read_until(2001)
        thread.join()
        (result,) = seen
        before, during, after = result["threads"]
        assert before == during == after
        assert result["ticks"] > 3
        assert result["stalled"]["stalls"] == 1
        assert result["end"]["sent"] == 2001
        for number in (0, 250, 499):
            mine = [line for line in collector.lines if line.startswith(b"%d " % number)]
            assert mine == [b"%d %d" % (number, count) for count in range(4)]

    def test_patched_after_the_import(self, folder: Path, collector: RawSocket) -> None:
        """A delivery made before the patching works after it, through a stall and back."""
        pytest.importorskip("gevent")
        program = """
            from celery_syslog.delivery import Delivery
            from celery_syslog.settings import settings_from
            settings = settings_from(url=url, timeout=0.05)
            delivery = Delivery(settings.url, settings)
            from gevent import monkey
            monkey.patch_all()
            import gevent, json, os, socket
            def work(number):
                for count in range(10):
                    delivery.send(b"%d %d" % (number, count))
            gevent.joinall([gevent.spawn(work, number) for number in range(50)], raise_error=True)
            assert delivery.flush(60)
            print(json.dumps(delivery.counters.snapshot()))
        """
        reader = threading.Thread(target=collector.read_until, args=(500,))
        reader.start()
        assert run(folder, program)["sent"] == 500
        reader.join()
