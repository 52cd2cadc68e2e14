"""The way back from an incident, step by step, in the one thread a process has for it."""

from __future__ import annotations

import _thread  # gevent replaces what its names stand for, so they are looked up when used
import errno
from collections.abc import Callable
from time import monotonic

from .. import trouble
from ..settings import Settings
from ..transports import pause
from .adoption import Adoption
from .background import start_thread
from .engine import BATCH, BLOCKED, EMPTY, Engine
from .incident import DOWN, DRAINING, HEALTHY, STALLED, Backoff
from .listener import LISTEN, Listener

__all__ = ["OnRecovered", "Recovery"]

#: Makes the record that tells what was lost, from the counts by reason and the incident's seconds.
OnRecovered = Callable[[dict[str, int], float], "bytes | None"]

#: Seconds between two batches, so that log calls get at the lock.
_BREATH = 0.00005
#: Seconds to pause when a socket claims to be writable and is not.
_SPIN = 0.001
#: Seconds between two attempts of a flush to connect over a network.
_AGAIN = 0.02
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
        self._stepping = _thread.allocate_lock()
        self._local = not any(address.host for address in engine.line.addresses)
        # A local connect costs microseconds, and while a busy process waits for it the buffer fills.
        self._backoff = Backoff(0.01, 0.1) if self._local else Backoff(0.1, 30.0)
        self._dial_at = 0.0
        self._dialled_at = 0.0
        # Not begun afresh after an incident: a home that answers and then stalls is left alone for longer.
        self._home = Backoff(0.5, 60.0)
        self._home_at = 0.0
        self._listener = Listener(engine)
        self._adoption = Adoption(engine, settings.spool)

    @property
    def running(self) -> bool:
        """Whether the thread is there; it ends only under the engine's lock, and not in trouble."""
        return self._engine.attended

    def needed(self) -> bool:
        """Tell whether there is anything to do that log calls do not do by themselves."""
        line = self._engine.line
        if self._engine.incident.state != HEALTHY or line.index > 0 or line.confirms:
            return True
        return self._adoption.due and line.transport is not None and self._adoption.look()

    def forget(self) -> None:
        """Let go of what is the parent's, in a forked child."""
        self._adoption.forget()

    def start(self) -> bool:
        """Start the thread unless it runs; False when none can be had (the interpreter is ending)."""
        if self.running:
            return True
        with self._engine.lock:
            if not self.running:
                self._engine.attended = True
                if not start_thread(self._run):
                    self._leave()
            return self.running

    def _leave(self) -> None:
        """Have the next log call start another thread, if one is needed; lock held, or in trouble."""
        self._engine.attended = False
        if self._engine.line.confirms:
            self._engine.direct = None

    def stop(self) -> None:
        """Let the thread end soon: there is nothing to bring back any more."""
        self._adoption.stopped = True

    def _run(self) -> None:
        try:
            while True:
                delay = self._step_alone(_WATCH)
                if delay is None:
                    return
                if delay:
                    pause(delay)
        except BaseException as error:  # a fault of ours must not end in silence
            self._leave()
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
                delay = self.step(timeout)
                if timeout and delay:
                    pause(min(timeout, delay))
            elif self._local or timeout:
                self._dial_now(timeout)
        finally:
            self._stepping.release()
            self._engine.say()

    def _dial_now(self, timeout: float) -> None:
        """Connect without the thread's patience; over a network not as often as the machine could."""
        wait = 0.0 if self._local else self._dialled_at + _AGAIN - monotonic()
        if wait > 0:
            pause(min(timeout, wait))
        self._dialled_at = monotonic()
        if not self._dial(min(timeout, self._settings.connect_timeout)):
            pause(min(timeout, 0.005))

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
        if self._listener.progress():
            self._backoff.reset()  # the last connection was good for something
        delay = self._dial_at - monotonic()
        if delay > 0:
            return delay
        # Also after a success: a collector that takes connections and drops them is not hammered.
        self._dial_at = monotonic() + self._backoff.delay()
        self._dial(self._settings.connect_timeout)
        return 0.0

    def _dial(self, timeout: float) -> bool:
        engine = self._engine
        transport, index, failures = engine.line.dial(timeout, avoid=engine.avoid)
        with engine.lock:
            # At the end of a flush there may be too little time for any answer, which says nothing.
            hasty = timeout < self._settings.connect_timeout
            for address, error in [
                failure for failure in failures if not hasty or failure[1].errno != errno.ETIMEDOUT
            ][:1]:
                engine.news.failure(address, error, engine.line.addresses[index] if transport else None)
            if transport is None:
                return False
            if engine.incident.state != DOWN:
                transport.abandon()  # closed in the meantime
                return False
            engine.line.install(transport, index)
            engine.incident.connected()
            engine.avoid = -1
        return True

    def _watch(self, watch: float) -> float:
        engine = self._engine
        transport = engine.line.transport
        if transport is None or transport.writable(watch):
            with engine.lock:
                engine.incident.writable()
        elif len(engine.line.addresses) > 1 and monotonic() - engine.incident.since > _GIVE_UP:
            with engine.lock:
                engine.avoid = engine.line.index
                engine.lose_line()
                engine.incident.down(monotonic())
        return 0.0

    def _drain(self) -> float:
        engine = self._engine
        before = engine.delivered()
        with engine.lock:
            outcome = engine.pump(BATCH)
            if outcome == EMPTY:
                engine.settled()  # a connection that broke in the meantime is noticed here
            well = outcome == EMPTY and engine.incident.state == DRAINING
            seconds = monotonic() - engine.incident.since
            dropped = engine.incident.take_dropped() if well else {}
            if well and not dropped:
                engine.incident.over()
                engine.patience.restore()
                if not engine.line.confirms:
                    self._backoff.reset()
                self._adoption.again()
                engine.settle()
        if dropped:
            # Not under the lock: whoever makes the record may log, or wait for locks of its own.
            self._tell_losses(dropped, seconds)
        if outcome == BLOCKED:
            return 0.0 if engine.delivered() > before else _SPIN
        return max(_BREATH, engine.line.transport.pace if engine.line.transport else 0.0)

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
        if self._adoption.busy and not engine.settled():
            return _SPIN  # what was adopted stays where it is until it has arrived
        if self._adoption.step():
            return _BREATH
        return self._homeward()

    def _homeward(self) -> float | None:
        """Go back to the first address when it answers; the end of the thread when there already."""
        engine = self._engine
        with engine.lock:
            if engine.incident.state != HEALTHY or len(engine.store):
                return 0.0
            listening = self._listener.look()
            if engine.line.index <= 0 or engine.line.transport is None:
                if listening:
                    return LISTEN
                self._leave()
                return None
        now = monotonic()
        if self._home_at > now:
            return min(self._home_at - now, LISTEN) if listening else self._home_at - now
        due, self._home_at = self._home_at, now + self._home.delay()
        if due:
            self._go_home()
        return 0.0

    def _go_home(self) -> None:
        engine = self._engine
        transport, index, _ = engine.line.dial(self._settings.connect_timeout, engine.line.index)
        if transport is None:
            return
        with engine.lock:
            well = engine.incident.state == HEALTHY and engine.line.index > index
            if not well or not transport.writable(0.0):
                transport.abandon()
                return
            engine.lose_line(polite=True)
            engine.line.install(transport, index)
            self._home_at = 0.0
            engine.advance()
