"""What a record is about: the task it was made in and the fields bound around it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token, copy_context
from types import CodeType
from typing import Any, TypeVar, cast

__all__ = ["TASK_FIELDS", "TaskContext", "bind", "bound", "carried_task", "carry", "current_task"]
__all__ += ["set_task_provider"]

#: The fields of a task, in the order they are written.
TASK_FIELDS = (
    *("task_id", "task_name", "root_id", "parent_id", "group_id"),
    *("retries", "queue", "worker"),
)

_Function = TypeVar("_Function", bound=Callable[..., Any])

# inspect's CO_GENERATOR, CO_COROUTINE and CO_ASYNC_GENERATOR; inspect itself is slow to import.
_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200


class TaskContext:
    """The identity of one run of a task: made once per run, read on every record.

    ``cache`` belongs to the formatters: what they rendered for this task, keyed by formatter.
    """

    __slots__ = (*TASK_FIELDS, "cache")

    def __init__(
        self,
        task_id: str | None = None,
        task_name: str | None = None,
        root_id: str | None = None,
        parent_id: str | None = None,
        group_id: str | None = None,
        retries: int | None = None,
        queue: str | None = None,
        worker: str | None = None,
    ) -> None:
        self.task_id = task_id
        self.task_name = task_name
        self.root_id = root_id
        self.parent_id = parent_id
        self.group_id = group_id
        self.retries = retries
        self.queue = queue
        self.worker = worker
        self.cache: dict[Any, Any] = {}

    def fields(self) -> dict[str, Any]:
        """Return the fields that have a value, in the order of TASK_FIELDS."""
        values = ((name, getattr(self, name)) for name in TASK_FIELDS)
        return {name: value for name, value in values if value is not None}


def _no_task() -> TaskContext | None:
    return None


#: Returns the context of the task the caller runs in, or None. Replaced by the Celery layer; read
#: it through the module (``context.current_task()``) so that the replacement is seen.
current_task: Callable[[], TaskContext | None] = _no_task


def set_task_provider(provider: Callable[[], TaskContext | None] | None) -> None:
    """Make ``provider`` answer ``current_task()``; None takes it away again."""
    global current_task
    current_task = provider or _no_task


_NOTHING: Mapping[str, Any] = {}
_bound: ContextVar[Mapping[str, Any]] = ContextVar("celery_syslog_bound", default=_NOTHING)
_carried: ContextVar[TaskContext | None] = ContextVar("celery_syslog_carried", default=None)

#: Returns the fields bound around the caller, inner ones over outer ones; not to be changed.
bound = _bound.get

#: Returns the task that ``carry`` brought into the caller's thread, or None.
carried_task = _carried.get


class bind:  # noqa: N801 - used like a function, as contextlib's are
    """Put fields on every record made in a block or function: ``with bind(order=7):``, ``@bind(step="pay")``.

    Blocks nest, the inner value of a name wins, and each thread, greenlet and asyncio task has its
    own. As a decorator it takes plain and ``async`` functions. Generators are refused with TypeError: the
    fields would leak into the caller between two values; use a block around the loop instead.
    """

    def __init__(self, /, **fields: Any) -> None:
        self.fields = fields
        self._tokens: list[Token[Mapping[str, Any]]] = []

    def __enter__(self) -> None:
        self._tokens.append(_bound.set({**_bound.get(), **self.fields}))

    def __exit__(self, *exc_info: object) -> None:
        _bound.reset(self._tokens.pop())

    def __call__(self, function: _Function) -> _Function:
        """Return ``function`` with the fields bound while it runs."""
        code = getattr(function, "__code__", None)
        flags = code.co_flags if isinstance(code, CodeType) else 0
        if flags & (_GENERATOR | _ASYNC_GENERATOR):
            raise TypeError(
                f"bind cannot decorate the generator {function!r}: use 'with bind(...)' around the loop"
            )

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with bind(**self.fields):
                return function(*args, **kwargs)

        @functools.wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            with bind(**self.fields):
                return await function(*args, **kwargs)

        return cast(_Function, call_async if flags & _COROUTINE else call)


def carry(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` for a thread the task starts: there its records carry this task and its fields.

    ``threading.Thread(target=carry(work)).start()``. What is carried is taken when ``carry`` is called.
    """
    values = copy_context()
    values.run(_carried.set, current_task() or _carried.get())

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return values.copy().run(function, *args, **kwargs)

    return call
