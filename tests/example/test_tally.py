"""Counting lines: exactly what is expected and nothing else makes an exact tally."""

from __future__ import annotations

import pytest

from example_project.expect import LAST_WORDS, LINES
from example_project.parts import Parts
from example_project.tally import Cell, Seen, Tally

RUN = "r0000"


def seen(severity: str, text: str, pid: str = "7") -> Seen:
    return Seen(severity, pid, text)


def lines(rounds: int = 1) -> list[Seen]:
    """Return the lines of a faultless run, made from the declarations."""
    found = []
    for number in range(1, rounds + 1):
        for job, declared in LINES.items():
            if job == "worker" and number > 1:
                continue
            for line in declared:
                task = "" if line.anonymous else f"[{RUN}-{number}-{job}"
                text = line.text.replace("*", " ~ ").replace("{pid}", "7")
                found += [seen(line.severity, f"{task}{'' if text[0] == ']' else ' '}{text}")] * line.times
    # The pool can tell of a dead process only after its last words.
    return sorted(found, key=lambda line: LAST_WORDS.text not in line.text)


def tallied(arrived: list[Seen], rounds: int = 1) -> Tally:
    tally = Tally(RUN, rounds)
    for line in arrived:
        tally.add(line)
    return tally


@pytest.mark.parametrize("rounds", [1, 3])
def test_all_lines_once_is_exact(rounds: int) -> None:
    """The declared lines, and no others, satisfy the declaration; the table adds up."""
    tally = tallied(lines(rounds), rounds)
    assert tally.exact, (tally.missing, tally.doubled, tally.strays)
    assert tally.total.expected == tally.total.arrived == len(lines(rounds))
    cells = tally.cells().values()
    assert sum(cell.expected for cell in cells) == sum(cell.arrived for cell in cells) == tally.total.expected


def test_each_line_is_missed() -> None:
    """Whichever single line is lost, the tally is not exact and names one missing line."""
    everything = lines()
    for index, lost in enumerate(everything):
        tally = tallied(everything[:index] + everything[index + 1 :])
        assert not tally.exact, lost
        assert tally.total.arrived < tally.total.expected


def test_each_line_is_noticed_twice() -> None:
    """Whichever single line comes twice, the tally is not exact and says which."""
    everything = lines()
    for line in everything:
        tally = tallied([*everything, line])
        assert not tally.exact, line
        assert tally.doubled.total() == 1


def test_severity_counts() -> None:
    """A line with another severity is not the line that was expected."""
    changed = [
        line._replace(severity="notice") if "for the record" in line.text else line for line in lines()
    ]
    tally = tallied(changed)
    assert tally.missing.total() == 1
    assert tally.strays == [line for line in changed if line.severity == "notice"]
    assert tally.cells()["levels", "notice"] == Cell(0, 1)


def test_unexpected_line_of_a_task() -> None:
    """A line that carries a task's id and was not declared spoils the tally; the worker's own do not."""
    tally = tallied([*lines(), seen("info", "mingle: all alone"), seen("info", f"[{RUN}-1-levels] surprise")])
    assert tally.others == 1
    assert [line.text for line in tally.strays] == [f"[{RUN}-1-levels] surprise"]
    assert not tally.exact


def test_another_run_is_not_ours() -> None:
    """Lines of another run count for nothing."""
    other = [line._replace(text=line.text.replace(RUN, "r1111")) for line in lines() if RUN in line.text]
    assert tallied(other).total.arrived == 0


def test_polls_come_in_pairs() -> None:
    """However often a chord is polled, a poll's two lines belong together."""
    again = seen("info", "Task celery.chord_unlock[x] retry: Retry in 0.5s")
    receipt = seen("info", "Task celery.chord_unlock[x] received")
    assert tallied([*lines(), again, receipt, again, receipt]).exact
    assert tallied([*lines(), again]).missing.total() == 1
    assert tallied([*lines(), receipt]).doubled.total() == 1


def test_killed_process_is_told_by_its_pid() -> None:
    """The pool's line counts for the process that said its last words; one more is welcome."""
    pool = "Process 'ForkPoolWorker-1' pid:{} exited with 'signal 9 (SIGKILL)'"
    tally = tallied([*lines(), seen("err", pool.format(8)), seen("err", f"[{RUN}-1-stuck] {pool.format(8)}")])
    assert tally.exact
    assert tally.others == 2


def test_parts_make_one_line() -> None:
    """A line in parts is the line, however the parts of several processes mix; each part is needed."""
    parts = Parts()
    cut = [seen("info", f"INFO [x] (part {n}/3) {'abc'[n - 1]}") for n in (1, 2, 3)]
    other = seen("info", "INFO whole", "8")
    assert [parts.whole(line) for line in (cut[0], other, cut[1], cut[2])] == [
        *(None, other, None),
        seen("info", "INFO [x] abc"),
    ]
    assert parts.whole(cut[1]) == cut[1]
    assert [parts.whole(cut[0]), parts.whole(cut[2])] == [None, cut[2]]
