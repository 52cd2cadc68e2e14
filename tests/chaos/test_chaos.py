"""The chaos suite: whatever happens to the collector or to a process, the promises hold.

The short profile runs by default, the long one with ``CELERY_SYSLOG_CHAOS=long``. The same scenarios
with the standard library's handler beside ours make the figures in docs/reliability.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.chaos import scenarios
from support.chaos.run import Outcome
from support.chaos.scenarios import LONG, SHORT, Profile, Scenario
from support.waiting import short_folder

Run = Callable[[Scenario], Outcome]

TIMEOUT = 0.25  # the default of syslog_timeout


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path."""
    with short_folder() as path:
        yield path


@pytest.fixture
def run(folder: Path) -> Run:
    """Run a scenario with the package's handler and check what holds in every one of them."""
    profile: Profile = LONG if os.environ.get("CELERY_SYSLOG_CHAOS") == "long" else SHORT

    def run_scenario(scenario: Scenario) -> Outcome:
        outcome = scenario("package", profile, folder)
        assert outcome.emitted > 0
        assert (outcome.doubled, outcome.foreign, outcome.disordered) == (0, 0, 0), outcome
        return outcome

    return run_scenario


def quick(outcome: Outcome) -> None:
    """No call waited longer than it may; the machine's own lateness at that time does not count."""
    assert outcome.longest <= TIMEOUT + 0.05 + 2 * outcome.noise, outcome
    assert outcome.cpu999 <= 0.001 + outcome.noise, outcome


@pytest.mark.parametrize("scenario", [scenarios.restarts, scenarios.restarts_stream])
def test_restarts(run: Run, scenario: Scenario) -> None:
    """A collector restarted under load: nothing lost, nothing doubled, each process's order kept."""
    outcome = run(scenario)
    assert outcome.lost == 0
    assert outcome.counters["reconnects"] > 0
    assert outcome.counters["sent"] == outcome.emitted


def test_stall(run: Run) -> None:
    """While the collector does not read, one call waits and no more; the buffer keeps everything."""
    outcome = run(scenarios.stall)
    assert outcome.lost == 0
    assert outcome.counters["stalls"] == 2
    quick(outcome)


def test_stall_beyond_the_buffer(run: Run) -> None:
    """What the buffer could not keep is counted exactly, and the log itself says how much it was."""
    outcome = run(scenarios.stall_small)
    assert outcome.lost > 0
    assert outcome.lost == outcome.dropped == outcome.reported
    assert outcome.emitted == outcome.received + outcome.dropped
    quick(outcome)


def test_sigkill_with_a_spool(run: Run) -> None:
    """What had returned from a log call before the SIGKILL is sent by the next process."""
    assert run(scenarios.kills).lost == 0


def test_disk_full(run: Run) -> None:
    """When the spool's disk is full, memory takes the rest; the refusal is counted."""
    outcome = run(scenarios.disk_full)
    assert outcome.lost == 0
    assert outcome.counters["spool_errors"] > 0


@pytest.mark.parametrize("scenario", [scenarios.fork_storm, scenarios.threads, scenarios.recursion])
def test_concurrency(run: Run, scenario: Scenario) -> None:
    """Short-lived processes, threads, and log calls inside log calls: no loss, no foreign bytes."""
    assert run(scenario).lost == 0


def test_greenlets(run: Run) -> None:
    """500 greenlets through a stall and a restart: no loss and no native thread."""
    pytest.importorskip("gevent")
    outcome = run(scenarios.greenlets)
    assert outcome.lost == 0
    assert outcome.threads == 1


@pytest.mark.parametrize("scenario", [scenarios.exits, scenarios.stalled_exit])
def test_ends(run: Run, scenario: Scenario) -> None:
    """However a process ends, what it had logged arrives."""
    assert run(scenario).lost == 0


def test_rsyslog(run: Run) -> None:
    """A real rsyslogd restarted under load loses no more than its own socket held each time.

    That is at most net.unix.max_dgram_qlen messages and one: the kernel had taken them, and rsyslogd
    ended without reading them.
    """
    outcome = run(scenarios.rsyslog)
    held = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text()) + 1
    assert outcome.lost <= held * max(5, SHORT.restarts // 4)
    assert outcome.counters["sent"] == outcome.emitted
