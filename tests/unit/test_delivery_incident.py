"""The decisions of the delivery, on a clock of the test's own."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from celery_syslog.delivery.incident import (
    DOWN,
    DRAINING,
    EARNED,
    HEALTHY,
    STALLED,
    Backoff,
    Incident,
    Patience,
)


class TestPatience:
    """How long log calls wait."""

    def test_a_hung_collector_uses_it_up_once(self) -> None:
        """Waiting without progress takes the whole patience, and no more than it."""
        patience = Patience(0.25)
        patience.refill(1000)
        patience.spend(10.0, 10.25)
        patience.refill(1000)
        assert patience.left <= 0

    def test_progress_earns_it_back(self) -> None:
        """A collector that takes a record within the earned time can be waited for without end."""
        patience = Patience(0.25)
        for count in range(100_000):
            patience.refill(count)
            patience.spend(count * 0.01, count * 0.01 + EARNED * 0.99)
            assert patience.left > 0.2

    def test_a_slow_collector_uses_it_up(self) -> None:
        """A collector that takes 0.2 s for every record costs a second call at most."""
        patience = Patience(0.25)
        waited = 0
        while patience.left > 0:
            patience.refill(waited)
            patience.spend(waited * 1.0, waited * 1.0 + 0.2)
            waited += 1
        assert waited == 2

    def test_it_never_exceeds_the_limit(self) -> None:
        """However much was delivered, one incident costs the limit."""
        patience = Patience(0.25)
        patience.refill(10**9)
        assert patience.left == 0.25

    def test_threads_waiting_at_the_same_time_pay_once(self) -> None:
        """Eight threads that wait for the same 0.1 s spend 0.1 s."""
        patience = Patience(0.25)
        for _ in range(8):
            patience.spend(5.0, 5.1)
        assert round(patience.left, 6) == 0.15

    @given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 1)), max_size=50))
    def test_never_more_is_spent_than_time_passed(self, waits: list[tuple[float, float]]) -> None:
        """Whatever overlaps, the patience spent is at most the time between first start and last end."""
        patience = Patience(100.0)
        ends = sorted((start + length, start) for start, length in waits)
        for end, start in ends:
            patience.spend(start, end)
        passed = max((end for end, _ in ends), default=0) - min((start for _, start in ends), default=0)
        assert 100.0 - patience.left <= passed + 1e-6


class TestBackoff:
    """The delays between attempts."""

    def test_it_doubles_up_to_the_last(self) -> None:
        """Without jitter the delays double and then stay."""
        backoff = Backoff(0.1, 1.0, jitter=lambda: 1.0)
        assert [backoff.delay() for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
        backoff.reset()
        assert backoff.delay() == 0.1

    def test_jitter_takes_up_to_half(self) -> None:
        """The shortest delay is half of the longest, so that a fleet does not come back in step."""
        assert Backoff(0.1, 1.0, jitter=lambda: 0.0).delay() == 0.05

    @given(st.floats(0, 0.999))
    def test_delays_grow(self, jitter: float) -> None:
        """With the same jitter no delay is shorter than the one before."""
        backoff = Backoff(0.01, 30.0, jitter=lambda: jitter)
        delays = [backoff.delay() for _ in range(20)]
        assert all(first <= second for first, second in pairwise(delays))


class TestIncident:
    """The states."""

    def test_the_way_of_a_stall(self) -> None:
        """Stalled, draining, stalled again and healthy is one incident."""
        incident = Incident()
        assert incident.stall(1.0)
        assert (incident.state, incident.since) == (STALLED, 1.0)
        incident.writable()
        assert incident.state == DRAINING
        incident.blocked()
        assert incident.state == STALLED
        assert not incident.stall(2.0)
        incident.writable()
        incident.over()
        assert incident.state == HEALTHY

    def test_the_way_of_an_outage(self) -> None:
        """A lost connection counts from the first trouble, and connecting is not yet health."""
        incident = Incident()
        incident.stall(1.0)
        assert incident.down(2.0)
        assert (incident.state, incident.since) == (DOWN, 1.0)
        incident.connected()
        assert incident.state == DRAINING

    def test_out_of_turn(self) -> None:
        """What a late thread reports changes nothing when the state has moved on."""
        incident = Incident()
        incident.connected()
        incident.writable()
        incident.blocked()
        assert incident.state == HEALTHY
        incident.down(1.0)
        incident.writable()
        incident.blocked()
        assert incident.state == DOWN

    def test_losses_add_up_by_reason(self) -> None:
        """Losses are summed by reason and handed over once."""
        incident = Incident()
        incident.lose("stalled", 2)
        incident.lose("down", 1)
        incident.lose("stalled", 3)
        assert incident.take_dropped() == {"stalled": 5, "down": 1}
        assert incident.take_dropped() == {}
