"""Private nodes for administrators: with the management plugin, or several that may become a cluster."""

import json
import secrets
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from ..node import PrivateNode, free_port

__all__ = ["ManagedNode", "Member", "separate_nodes"]

#: One scheduler that sleeps when there is nothing to do: several nodes and their tools share this machine.
_CALM = {
    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
    "RABBITMQ_CTL_ERL_ARGS": "+S 1:1 +sbwt none +A 1",
}


class ManagedNode(PrivateNode):
    """A private node with the management plugin: its web page and REST API are at ``management_url``.

    ``seconds`` is how often it counts. The rates on the page need RabbitMQ's own five.
    """

    def __init__(self, seconds: int = 1) -> None:
        self.http_port = free_port()
        address = ["management.tcp.ip = 127.0.0.1", f"management.tcp.port = {self.http_port}"]
        counting = f"collect_statistics_interval = {1000 * seconds}"
        super().__init__(["rabbitmq_management"], [*address, counting])
        self._env |= _CALM

    @property
    def management_url(self) -> str:
        """Where the page and the API are, for the user ``guest``."""
        return f"http://guest:guest@127.0.0.1:{self.http_port}"

    def ready(self) -> bool:
        """Tell whether it speaks AMQP and HTTP."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/", timeout=5) as answer:
                return bool(answer.status == 200) and super().ready()
        except OSError:
            return False


class Member(PrivateNode):
    """A node that can reach the others of its group: they share a cookie and a name server."""

    def __init__(self, name: str, group: PrivateNode | None) -> None:
        super().__init__()
        self.node = f"{name}@localhost"
        self._env |= {"RABBITMQ_NODENAME": self.node, **_CALM}
        if group is not None:
            shared = group.environment()
            self._env |= {key: shared[key] for key in ("HOME", "ERL_EPMD_PORT")}

    def told_json(self, *arguments: str) -> Any:
        """Return what ``rabbitmqctl`` prints about this node, as an object."""
        return json.loads(self.ctl("-q", *arguments, "--formatter", "json"))


@contextmanager
def separate_nodes(*names: str) -> Iterator[list[Member]]:
    """Start nodes, all at once, that could form a cluster and do not yet; end them afterwards."""
    with ExitStack() as stack:
        members: list[Member] = []
        for name in names:
            members.append(Member(name, members[0] if members else None))
            stack.callback(members[-1].close)
        # Left to themselves each would write a cookie of its own, and not let the others in.
        cookie = members[0].folder / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        with ThreadPoolExecutor(len(members)) as pool:
            list(pool.map(Member.start, members))
        yield members
