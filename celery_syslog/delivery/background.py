"""Starting a thread in which no signal handler ever runs, from anywhere, be it a signal handler."""

from __future__ import annotations

# Not the threading module: its start() waits and takes locks, and this may run in a signal handler.
# gevent replaces what these names stand for, so they are looked up when used.
import _thread
import signal
from collections.abc import Callable

__all__ = ["start_thread"]

# Those that a fault raises cannot be blocked in any meaningful way.
_FAULTS = {getattr(signal, name, None) for name in ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT")}
_SIGNALS = signal.valid_signals() - _FAULTS if hasattr(signal, "pthread_sigmask") else set()


def start_thread(run: Callable[[], None]) -> bool:
    """Start a thread; False when none can be had (the interpreter is ending)."""
    # The thread inherits that all signals are blocked. One sent to the process would otherwise find
    # it where the main thread has blocked it: billiard does so for the moment in which dying would
    # leave a lock behind and hang the whole pool (Worker._do_exit).
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS) if _SIGNALS else None
    try:
        _thread.start_new_thread(run, ())
    except RuntimeError:
        return False
    finally:
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return True
