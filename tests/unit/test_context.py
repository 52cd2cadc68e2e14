"""Context: bound fields and the task, in blocks, functions, coroutines and threads."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest
from records import TASK_ID, extra, in_task, one, record

from celery_syslog import context
from celery_syslog.context import TASK_FIELDS, TaskContext, bind, bound, carried_task, carry

TCP = "tcp://127.0.0.1:1"


def test_block() -> None:
    """Fields are bound inside a block and gone after it, also when it raises."""
    with bind(order=7, step="pay"):
        assert bound() == {"order": 7, "step": "pay"}
    assert bound() == {}
    with suppress(ValueError), bind(order=7):
        raise ValueError
    assert bound() == {}


def test_nesting() -> None:
    """The inner value of a name wins, and the outer one comes back."""
    with bind(a=1, b=1):
        with bind(b=2, c=2):
            assert bound() == {"a": 1, "b": 2, "c": 2}
        assert bound() == {"a": 1, "b": 1}


def test_one_bind_used_again() -> None:
    """A bind may be entered many times, inside itself too."""
    order = bind(order=7)
    with order, order:
        assert bound() == {"order": 7}
    with order:
        assert bound() == {"order": 7}
    assert bound() == {}


def test_decorator() -> None:
    """A decorated function runs with the fields, also when it calls itself, and keeps its name."""

    @bind(step="pay")
    def pay(depth: int, *, factor: int = 2) -> Any:
        """Pay."""
        return pay(depth - 1) if depth else (dict(bound()), factor)

    assert pay(3) == ({"step": "pay"}, 2)
    assert (pay.__name__, pay.__doc__) == ("pay", "Pay.")
    assert bound() == {}


def test_decorated_coroutine() -> None:
    """A decorated coroutine has its fields across awaits, apart from others that run at the same time."""

    @bind(step="pay")
    async def pay(number: int) -> dict[str, Any]:
        with bind(number=number):
            await asyncio.sleep(0)
            return dict(bound())

    async def main() -> list[dict[str, Any]]:
        found = await asyncio.gather(pay(1), pay(2))
        assert bound() == {}
        return found

    assert inspect.iscoroutinefunction(pay)
    assert asyncio.run(main()) == [{"step": "pay", "number": 1}, {"step": "pay", "number": 2}]


def test_generators_are_refused() -> None:
    """A generator would leak its fields into its caller, so it cannot be decorated."""

    def numbers() -> Iterator[int]:
        yield 1

    async def async_numbers() -> AsyncIterator[int]:
        yield 1

    for function in (numbers, async_numbers):
        with pytest.raises(TypeError, match="with bind"):
            bind(a=1)(function)


def test_other_callables() -> None:
    """Anything that can be called can be decorated."""
    assert bind(a=1)(len)([1, 2]) == 2


def test_threads_are_apart() -> None:
    """A thread does not see what another bound."""
    found: list[Any] = []
    with bind(order=7):
        thread = threading.Thread(target=lambda: found.append(dict(bound())))
        thread.start()
        thread.join()
    assert found in ([{}], [{"order": 7}])  # free-threaded Pythons inherit it


def test_carry() -> None:
    """A function that is carried has the task and fields of where it was carried from, in any thread."""
    found: list[Any] = []

    def work(number: int) -> None:
        found.append((number, one(record(), url=TCP)))

    with in_task(), bind(order=7):
        carried = carry(work)
    threads = [threading.Thread(target=carried, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for number, _ in found) == [0, 1]
    for _, message in found:
        assert message.task_id == TASK_ID
        assert dict(extra(message)) == {"order": "7"}
    assert carried_task() is None
    assert one(record(), url=TCP).task_id is None


def test_carry_on() -> None:
    """What was carried to a thread can be carried on from there."""
    with in_task():
        outer = carry(lambda: carry(carried_task))
    inner = outer()
    found = inner()
    assert found is not None
    assert found.task_id == TASK_ID


def test_task_in_a_carried_thread() -> None:
    """A task that runs where another was carried to is the task of its records."""
    with in_task():
        carried = carry(lambda: one(record(), url=TCP).task_id)
    with in_task(TaskContext("inner", "x")):
        assert carried() == "inner"


def test_fields_of_a_task() -> None:
    """A task's fields are those that are known, in order."""
    assert TaskContext("i", queue="q", retries=0).fields() == {"task_id": "i", "retries": 0, "queue": "q"}
    assert list(TaskContext(*map(str, range(8))).fields()) == list(TASK_FIELDS)  # type: ignore[arg-type]


def test_provider() -> None:
    """The Celery layer says which task runs; taken away, there is none."""
    with in_task() as current:
        assert context.current_task() is current
    assert context.current_task() is None
