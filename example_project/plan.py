"""What is sent: one round of tasks, each under an id that says which it is."""

from collections.abc import Iterator
from typing import NamedTuple

from celery import Signature, chain, chord, group

from . import tasks

__all__ = ["Job", "work"]


class Job(NamedTuple):
    """One row of the table: a task, or several that work together."""

    name: str
    signature: Signature


def work(run: str, number: int) -> Iterator[Job]:
    """Yield the jobs of one round.

    A task's id is ``run-round-job`` or ``run-round-job.part`` instead of Celery's random one. Since
    every line carries the id of its task, every line can then be told from every other.
    """

    def named(signature: Signature, job: str) -> Signature:
        return signature.set(task_id=f"{run}-{number}-{job}")

    # The chord first, since its members have to be waited for.
    members = (named(tasks.add.si(n, n), f"chord.{n}") for n in (1, 2, 3))
    yield Job("chord", chord(members, named(tasks.total.s(), "chord.sum")))
    for task in (tasks.levels, tasks.prints, tasks.libraries, tasks.texts):
        yield Job(task.__name__, named(task.si(), task.__name__))
    links = ((1, 1, 1), (2, 2), (3, 3))
    first, *rest = (named(tasks.add.s(*numbers), f"chain.{part}") for part, *numbers in links)
    yield Job("chain", chain(first, *rest))
    yield Job("group", group(named(tasks.add.si(n, 1), f"group.{n}") for n in (1, 2, 3)))
    for task in (tasks.handles, tasks.raises, tasks.declares, tasks.retries):
        yield Job(task.__name__, named(task.si(), task.__name__))
    yield Job("asked", named(tasks.asked.si("drawer"), "asked"))
    # Those that end badly last: the others need not wait for the time they take.
    for task in (tasks.killed, tasks.slow, tasks.stuck):
        yield Job(task.__name__, named(task.si(), task.__name__))
