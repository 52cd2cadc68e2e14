"""The way back from an incident, step by step, in the one thread a process has for it."""

from __future__ import annotations

# Not the threading module: its start() waits and takes locks, and this may run in a signal handler.
# gevent replaces what these names stand for, so they are looked up when used.
import _thread
from collections.abc import Callable
from time import monotonic

from .. import trouble
from ..settings import Settings
from ..transports import pause
from .adoption import Adoption
from .engine import BATCH, BLOCKED, EMPTY, Engine
from .incident import DOWN, DRAINING, HEALTHY, STALLED, Backoff

__all__ = ["OnRecovered", "Recovery"]

#: Makes the record that tells what was lost, from the counts by reason and the incident's seconds.
OnRecovered = Callable[[dict[str, int], float], "bytes | None"]

#: Seconds between two batches, so that log calls get at the lock.
_BREATH = 0.00005
#: Seconds to pause when a socket claims to be writable and is not.
_SPIN = 0.001
#: Seconds a stalled collector is watched in one go.
_WATCH = 0.5
#: Seconds after which a stalled collector is given up for the next address.
_GIVE_UP = 2.0


class Recovery:
    """Brings an engine back to health; its thread lives only as long as there is something to do."""

    def __init__(self, engine: Engine, settings: Settings, report: OnRecovered) -> None:
        self._engine = engine
        self._settings = settings
        self._report = report
        self._running = False
        self._wake = _thread.allocate_lock()
        self._stepping = _thread.allocate_lock()
        self._local = not any(address.host for address in engine.line.addresses)
        self._backoff = Backoff(0.01, 1.0) if self._local else Backoff(0.1, 30.0)
        self._dial_at = 0.0
        self._adoption = Adoption(engine, settings.spool)

    def needed(self) -> bool:
        """Tell whether there is anything to do that log calls do not do by themselves."""
        line = self._engine.line
        if self._engine.incident.state != HEALTHY or line.index > 0:
            return True
        return self._adoption.due and line.transport is not None and self._adoption.look()

    def forget(self) -> None:
        """Let go of what is the parent's, in a forked child."""
        self._adoption.forget()

    def start(self) -> bool:
        """Start the thread unless it runs; False when none can be had (the interpreter is ending)."""
        if self._running:  # it ends only under the lock, and not in trouble
            return True
        with self._engine.lock:
            if not self._running:
                self._wake = _thread.allocate_lock()
                self._wake.acquire()
                self._running = True
                try:
                    _thread.start_new_thread(self._run, ())
                except RuntimeError:
                    self._running = False
            return self._running

    def stop(self) -> None:
        """Let the thread end soon: there is nothing to bring back any more."""
        self._adoption.stopped = True
        try:
            self._wake.release()
        except RuntimeError:
            pass  # nobody pauses

    def _run(self) -> None:
        try:
            while True:
                delay = self._step_alone(_WATCH)
                if delay is None:
                    return
                if delay:
                    self._wake.acquire(timeout=delay)
        except BaseException as error:  # a fault of ours must not end in silence
            self._running = False
            trouble.tell("recovery", f"recovery failed and will be tried again: {error!r}")
            if not isinstance(error, Exception):
                raise

    def _step_alone(self, watch: float) -> float | None:
        if not self._stepping.acquire(blocking=False):
            return 0.01
        try:
            return self.step(watch)
        finally:
            self._stepping.release()
            self._engine.say()

    def attempt(self, timeout: float) -> None:
        """Do at once, in the caller's thread and within ``timeout`` seconds, what helps to flush."""
        if not self._stepping.acquire(blocking=False):
            # The thread is at it.
            pause(min(timeout, 0.002))
            return
        try:
            state = self._engine.incident.state
            if state == HEALTHY:
                self._push_on(timeout)
            elif state != DOWN:
                self.step(timeout)
            elif (self._local or timeout) and not self._dial(min(timeout, self._settings.connect_timeout)):
                pause(min(timeout, 0.005))
        finally:
            self._stepping.release()
            self._engine.say()

    def _push_on(self, timeout: float) -> None:
        engine = self._engine
        with engine.lock:
            outcome = engine.pump(BATCH)
            transport = engine.line.transport
        if outcome == BLOCKED and transport is not None:
            transport.writable(timeout)

    def step(self, watch: float) -> float | None:
        """Do the next thing and return the seconds to pause after it, None when all is well."""
        state = self._engine.incident.state
        if state == DOWN:
            return self._dial_when_due()
        if state == STALLED:
            return self._watch(watch)
        if state == DRAINING:
            return self._drain()
        return self._healthy(watch)

    def _dial_when_due(self) -> float:
        delay = self._dial_at - monotonic()
        if delay > 0:
            return delay
        # Also after a success: a collector that takes connections and drops them is not hammered.
        self._dial_at = monotonic() + self._backoff.delay()
        self._dial(self._settings.connect_timeout)
        return 0.0

    def _dial(self, timeout: float) -> bool:
        engine = self._engine
        try:
            transport, index = engine.line.dial(timeout)
        except OSError as error:
            with engine.lock:
                engine.tell(error)
            return False
        with engine.lock:
            if engine.incident.state != DOWN:
                transport.abandon()  # closed in the meantime
                return False
            engine.line.install(transport, index)
            engine.incident.connected()
        return True

    def _watch(self, watch: float) -> float:
        engine = self._engine
        transport = engine.line.transport
        if transport is None or transport.writable(watch):
            with engine.lock:
                engine.incident.writable()
        elif len(engine.line.addresses) > 1 and monotonic() - engine.incident.since > _GIVE_UP:
            with engine.lock:
                engine.lose_line()
                engine.incident.down(monotonic())
        return 0.0

    def _drain(self) -> float:
        engine = self._engine
        before = engine.delivered()
        with engine.lock:
            outcome = engine.pump(BATCH)
            seconds = monotonic() - engine.incident.since
            dropped = engine.incident.take_dropped() if outcome == EMPTY else {}
            if outcome == EMPTY and not dropped:
                engine.incident.over()
                engine.patience.restore()
                self._backoff.reset()
                self._adoption.again()
                engine.settle()
        if dropped:
            # Not under the lock: whoever makes the record may log, or wait for locks of its own.
            self._tell_losses(dropped, seconds)
        if outcome == BLOCKED:
            return 0.0 if engine.delivered() > before else _SPIN
        return _BREATH

    def _tell_losses(self, dropped: dict[str, int], seconds: float) -> None:
        try:
            data = self._report(dropped, seconds)
        except Exception as error:
            trouble.tell("report", f"the record about losses could not be made: {error!r}")
            data = None
        if data is None:
            counts = ", ".join(f"{count} {reason}" for reason, count in dropped.items())
            trouble.tell("dropped", f"records were dropped in {seconds:.1f} s: {counts}")
        else:
            self._engine.enter(data)

    def _healthy(self, watch: float) -> float | None:
        """Do what is left to do when all is well: send what others left, and go home."""
        engine = self._engine
        if len(engine.store):
            self._push_on(watch)
            return _BREATH
        dropped = engine.incident.take_dropped()
        if dropped:
            self._tell_losses(dropped, 0.0)
        if self._adoption.step():
            return _BREATH
        return self._homeward()

    def _homeward(self) -> float | None:
        """Go back to the first address when it answers; the end of the thread when there already."""
        engine = self._engine
        with engine.lock:
            if engine.incident.state != HEALTHY or len(engine.store):
                return 0.0
            if engine.line.index <= 0 or engine.line.transport is None:
                self._running = False
                return None
        delay = self._dial_at - monotonic()
        if delay > 0:
            return delay
        self._dial_at = monotonic() + self._backoff.delay()
        try:
            transport, index = engine.line.dial(self._settings.connect_timeout, engine.line.index)
        except OSError:
            return 0.0
        with engine.lock:
            if engine.incident.state == HEALTHY and engine.line.index > index:
                engine.lose_line(polite=True)
                engine.line.install(transport, index)
                engine.advance()
            else:
                transport.abandon()
        return 0.0
