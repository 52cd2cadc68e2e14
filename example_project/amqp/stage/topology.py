"""What was declared in one virtual host, and a picture of it in plain text."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

__all__ = ["Topology"]

_FLAGS = ("durable", "exclusive", "auto_delete")
_DEAD_LETTERS = "x-dead-letter-exchange"


class Binding(NamedTuple):
    """An arrow of the picture: which key (or which headers) leads from an exchange to a queue."""

    exchange: str
    key: str
    queue: str


class Topology:
    """Exchanges and queues by name with what the picture says about them, bindings, consumers."""

    def __init__(self) -> None:
        self.exchanges: dict[str, str] = {}
        self.queues: dict[str, str] = {}
        self.bindings: list[Binding] = []
        #: How many messages were published to each exchange; "" is the default one.
        self.published: Counter[str] = Counter()
        #: The most consumers that each queue had at a time.
        self.consumers: Counter[str] = Counter()
        self._consuming: dict[str, str] = {}
        self._dead_letters: dict[str, str] = {}

    def exchange(self, name: str, kind: str, options: Mapping[str, Any]) -> None:
        """Note an exchange."""
        self.exchanges[name] = ", ".join([kind, *_flags(options)])

    def queue(self, name: str, options: Mapping[str, Any]) -> None:
        """Note a queue."""
        arguments = dict(options.get("arguments") or {})
        if _DEAD_LETTERS in arguments:
            self._dead_letters[name] = arguments.pop(_DEAD_LETTERS)
        words = [*_flags(options), *(f"{key}={value}" for key, value in arguments.items())]
        self.queues[name] = ", ".join(words)

    def bind(self, exchange: str, key: str, arguments: Mapping[str, Any] | None, queue: str) -> None:
        """Note a binding, once however often it is made."""
        headers = ", ".join(f"{name}={value}" for name, value in (arguments or {}).items())
        binding = Binding(exchange, key or headers, queue)
        if binding not in self.bindings:
            self.bindings.append(binding)

    def consume(self, queue: str, tag: str) -> None:
        """Note a consumer."""
        self._consuming[tag] = queue
        self.consumers[queue] = max(self.consumers[queue], list(self._consuming.values()).count(queue))

    def cancel(self, tag: str) -> None:
        """Note that a consumer has gone."""
        self._consuming.pop(tag, None)

    def picture(self) -> list[str]:
        """Draw it, line by line: each exchange, and below it the queues that it feeds."""
        lines = []
        for name, kind in self.exchanges.items():
            lines.append(f"{self._producers(name)}({name})  {kind}")
            arrows = [bound for bound in self.bindings if bound.exchange == name]
            lines += _branches((bound.key, self._queue(bound.queue)) for bound in arrows)
        bound_queues = {bound.queue for bound in self.bindings}
        alone = [name for name in self.queues if name not in bound_queues]
        if alone:
            lines.append(
                f"{self._producers('')}(the default exchange: each queue is bound to it by its name)"
            )
            lines += _branches((name, self._queue(name)) for name in alone)
        return lines

    def _producers(self, exchange: str) -> str:
        count = self.published[exchange]
        return f"{count} published --> " if count else ""

    def _queue(self, name: str) -> str:
        text = f"[{name}]"
        if self.queues.get(name):
            text += f"  {self.queues[name]}"
        if name in self._dead_letters:
            text += f"  ==dead letters==> ({self._dead_letters[name]})"
        if count := self.consumers[name]:
            text += f" --> {count} consumer{'s' if count > 1 else ''}"
        return text


def _branches(arrows: Iterable[tuple[str, str]]) -> list[str]:
    drawn = [f"|-- {key} --> {queue}" if key else f"|----> {queue}" for key, queue in arrows]
    if drawn:
        drawn[-1] = "`" + drawn[-1][1:]
    return [f"   {line}" for line in drawn]


def _flags(options: Mapping[str, Any]) -> list[str]:
    return [flag.replace("_", "-") for flag in _FLAGS if options.get(flag)]
