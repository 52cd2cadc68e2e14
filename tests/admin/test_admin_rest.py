"""The client of the management API: every call, against a real broker."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from kombu import Connection
from support.waiting import free_port, wait_until

from example_project.admin import rest
from example_project.admin.management import CHECKS, Management, ManagementError
from example_project.admin.nodes import ManagedNode
from example_project.admin.values import Binding, Exchange, Permission, Queue, User
from example_project.amqp.stage.perform import perform
from example_project.show import Screen

PAGE = Path(__file__).parents[2] / "docs" / "amqp" / "rest.md"

pytestmark = pytest.mark.xdist_group("rabbitmq-admin")

#: Names that only survive if every part of a path is quoted.
HOST, QUEUE, KEY = "a host/b", "queue 100%/é", "key.*/~#%2F é"


@pytest.fixture
def api(managed: ManagedNode) -> Iterator[Management]:
    """A client as the administrator."""
    with Management(managed.management_url) as client:
        yield client


@pytest.fixture
def host(api: Management) -> Iterator[str]:
    """A virtual host of the test's own."""
    api.create_vhost(HOST)
    yield HOST
    api.delete_vhost(HOST)


def test_broker(managed: ManagedNode, api: Management) -> None:
    """Version, nodes and connections are the broker's own."""
    assert api.overview()["rabbitmq_version"].count(".") == 2
    assert api.nodes() == {managed.node: True}
    with Connection(managed.url) as connection:
        connection.connect()
        port = connection.connection.sock.getsockname()[1]
        wait_until(lambda: any(f":{port} -> " in name for name in api.connections()), "our connection")


@pytest.mark.parametrize("name", CHECKS)
def test_checks_of_a_healthy_broker(api: Management, name: str) -> None:
    """Each check that needs no argument passes."""
    assert api.check(name) == (True, "")


def test_checks_that_fail(managed: ManagedNode, api: Management) -> None:
    """A check that fails says why; one that does not exist is an error."""
    assert api.check("port-listener", str(managed.port)).ok
    assert api.check("port-listener", str(free_port())) == (False, "No active listener")
    assert not api.check("protocol-listener", "mqtt").ok
    managed.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        failed = wait_until(lambda: (not (check := api.check("alarms")).ok) and check, "an alarm")
        assert "alarm" in failed.reason
        assert not api.check("local-alarms").ok
    finally:
        managed.ctl("set_vm_memory_high_watermark", "0.4")
    wait_until(lambda: api.check("alarms").ok, "the alarm to end")
    with pytest.raises(ManagementError) as caught:
        api.check("no-such-check")
    assert caught.value.status == 404


def test_virtual_hosts(api: Management) -> None:
    """Created twice is created; deleted twice is an error."""
    api.create_vhost(HOST)
    api.create_vhost(HOST)
    assert set(api.vhosts()) == {"/", HOST}
    api.delete_vhost(HOST)
    assert api.vhosts() == ["/"]
    with pytest.raises(ManagementError) as caught:
        api.delete_vhost(HOST)
    assert caught.value.status == 404


def test_users_and_permissions(managed: ManagedNode, api: Management, host: str) -> None:
    """A user gets in with its password, sees what its tags allow, and is shut out again."""
    user, password = "a user/ü", "pass:word/@%"
    api.create_user(user, password, ["monitoring", "policymaker"])
    try:
        assert User(user, ("monitoring", "policymaker")) in api.users()
        mine = Permission(user, host, "^$", "^orders\\.", ".*")
        api.set_permission(mine)
        assert mine in api.permissions(host)
        address = f"127.0.0.1:{managed.http_port}"
        with Management(f"http://a%20user%2F%C3%BC:pass%3Aword%2F%40%25@{address}/") as other:
            assert host in other.vhosts()
            with pytest.raises(ManagementError, match="Not administrator") as caught:
                other.users()
            assert caught.value.status == 401
        api.delete_permission(user, host)
        assert mine not in api.permissions(host)
    finally:
        api.delete_user(user)
    assert user not in {found.name for found in api.users()}


def test_exchanges_queues_bindings(api: Management, host: str) -> None:
    """What was declared is there, as declared, may be declared again, and goes when deleted."""
    api.create_exchange("goods", "topic", vhost=host)
    assert Exchange("goods", "topic", True, False) in api.exchanges(host)
    for kind in ("classic", "quorum", "stream"):
        api.create_queue(kind, kind, vhost=host)
    api.create_queue(QUEUE, vhost=host)
    api.create_queue(QUEUE, vhost=host)
    with pytest.raises(ManagementError, match="x-queue-type") as caught:
        api.create_queue(QUEUE, "quorum", vhost=host)
    assert caught.value.status == 400
    found = {queue.name: queue.type for queue in api.queues(host)}
    assert found == {"classic": "classic", "quorum": "quorum", "stream": "stream", QUEUE: "classic"}

    both = [Binding("goods", QUEUE, KEY), Binding("goods", QUEUE, "")]
    for binding in both:
        api.bind(binding, vhost=host)
    default = Binding("", QUEUE, QUEUE)
    assert sorted(api.bindings(QUEUE, vhost=host)) == sorted([default, *both])
    for binding in both:
        api.unbind(binding, vhost=host)
    assert api.bindings(QUEUE, vhost=host) == [default]

    api.delete_exchange("goods", vhost=host)
    assert "goods" not in {exchange.name for exchange in api.exchanges(host)}
    api.delete_queue(QUEUE, vhost=host)
    with pytest.raises(ManagementError) as caught:
        api.queue(QUEUE, vhost=host)
    assert caught.value.status == 404


def test_messages(api: Management, host: str) -> None:
    """Any bytes and properties come back; kept ones come again; what nobody wants is told."""
    api.create_queue(QUEUE, vhost=host)
    assert api.publish(b"\x00\xff", QUEUE, vhost=host, delivery_mode=2, headers={"n": 1})
    assert api.publish("é".encode(), QUEUE, vhost=host)
    assert not api.publish(b"x", "nobody", vhost=host)
    for redelivered in (False, True):
        first, second = api.get(QUEUE, 5, keep=True, vhost=host)
        assert (first.body, first.routing_key, first.redelivered) == (b"\x00\xff", QUEUE, redelivered)
        assert first.properties == {"delivery_mode": 2, "headers": {"n": 1}}
        assert (first.remaining, second.remaining, second.properties) == (1, 0, {})
    counted = wait_until(lambda: (queue := api.queue(QUEUE, vhost=host)).messages and queue, "a count")
    assert counted == Queue(QUEUE, "classic", True, 2, 0)
    assert [message.body for message in api.get(QUEUE, vhost=host)] == [b"\x00\xff"]
    api.purge_queue(QUEUE, vhost=host)
    assert api.get(QUEUE, vhost=host) == []


@pytest.mark.parametrize("password", ["s3cret-one", "s3cret%20two"])
def test_passwords_stay_secret(managed: ManagedNode, password: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a refusal, nor a broker that is away, nor a log or a repr shows the password."""
    caplog.set_level(logging.DEBUG)
    told = []
    for port, status in ((managed.http_port, 401), (free_port(), 0)):
        with Management(f"http://guest:{password}@127.0.0.1:{port}") as client:
            with pytest.raises(ManagementError) as caught:
                client.create_user("x", password)
            assert caught.value.status == status
            told += [repr(client), str(caught.value), repr(caught.value), caught.value.reason]
    assert "s3cret" not in "".join(told) + caplog.text
    assert f":{managed.http_port}/api/" in "".join(told)


def test_no_call_without_a_test_and_a_row() -> None:
    """Every public method is called in this file and stands in the page's table, once."""
    calls = {name for name, _ in inspect.getmembers(Management, inspect.isfunction) if name[0] != "_"}
    calls.remove("close")
    here = Path(__file__).read_text()
    assert not [name for name in calls if not re.search(rf"\b(api|client|other)\.{name}\(", here)]
    assert sorted(re.findall(r"^\| `(\w+)\(", PAGE.read_text(), re.MULTILINE)) == sorted(calls)


def test_page(managed: ManagedNode, api: Management, capsys: pytest.CaptureFixture[str]) -> None:
    """The page's program runs as it stands, but for the broker's place, and leaves nothing behind."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(
        compile(code.replace("http://guest:guest@localhost:15672", managed.management_url), str(PAGE), "exec")
    )
    _, message, refusal = capsys.readouterr().out.splitlines()
    assert message == "b'a crate' in.large"
    assert refusal.startswith("400 inequivalent arg 'x-queue-type'")
    assert api.vhosts() == ["/"]


def test_lesson(
    managed: ManagedNode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lesson holds what it claims (on this node instead of one of its own), and tells no password."""
    monkeypatch.setattr(rest, "ManagedNode", lambda: nullcontext(managed))
    monkeypatch.setattr("secrets.token_urlsafe", lambda: "s3cret")
    perform(rest, "", None, None, Screen())
    out = capsys.readouterr().out
    assert "access to vhost '/' refused for user 'clerk'" in out
    assert "the virtual host is gone" in out
    assert "s3cret" not in out
