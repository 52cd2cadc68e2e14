"""The command-line page: every command in it is run, in its order, and answers what the page says."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Connection, Exchange, Queue

from example_project.admin.nodes import ManagedNode

PAGE = Path(__file__).parents[2] / "docs" / "amqp" / "command-line.md"

#: What each command prints, as a regular expression: nothing but a success is not enough of an answer.
ANSWERS = {
    "rabbitmq-diagnostics -q ping": r"Ping succeeded",
    "rabbitmq-diagnostics -q check_running": r"is fully booted and running",
    "rabbitmq-diagnostics -q check_local_alarms": r"reported no local alarms",
    "rabbitmq-diagnostics -q check_port_connectivity": r"Successfully connected to ports",
    "rabbitmq-diagnostics -q check_virtual_hosts": r"reported all vhosts as running",
    "rabbitmq-diagnostics -q listeners": r"port: \d+, protocol: amqp\b",
    "rabbitmq-diagnostics -q server_version": r"^\d+\.\d+\.\d+",
    "rabbitmq-diagnostics status": r"Uptime \(seconds\): \d+",
    "rabbitmq-diagnostics memory_breakdown": r"queue_procs: ",
    "rabbitmqctl cluster_status": r"Network Partitions\W+none",
    "rabbitmqctl add_vhost shop": r'Adding vhost "shop"',
    "rabbitmqctl add_user clerk": r'Adding user "clerk"',
    "rabbitmqctl set_permissions -p shop clerk": r'Setting permissions for user "clerk" in vhost "shop"',
    "rabbitmqctl set_user_tags clerk monitoring": r"\[monitoring\]",
    "rabbitmqctl authenticate_user clerk": r"Success",
    "rabbitmqctl list_vhosts": r"^shop$",
    "rabbitmqctl list_users": r"^clerk\t\[monitoring\]$",
    "rabbitmqctl list_permissions -p shop": r"^clerk\t\.\*\t\.\*\t\.\*$",
    "rabbitmqctl list_user_permissions clerk": r"^shop\t\.\*\t\.\*\t\.\*$",
    "rabbitmqctl list_queues -p shop name type": r"^incoming\tclassic\t2\t1\t1$",
    "rabbitmqctl list_exchanges -p shop": r"^orders\tdirect\ttrue$",
    "rabbitmqctl list_bindings -p shop": r"^orders\tincoming\tnew$",
    "rabbitmqctl list_consumers -p shop": r"^incoming\t.*\ttrue\t1\t",
    "rabbitmqctl list_connections": r"^clerk\tshop\trunning\t1$",
    "rabbitmqctl list_channels": r"\t1\t1\t1$|\t1\t0\t1$",
    "rabbitmqctl -q list_queues -p shop name messages --formatter json": r'"incoming","messages":3\}',
    "rabbitmqctl set_policy -p shop bounded": r'Setting policy "bounded"',
    "rabbitmqctl list_policies -p shop": r"^shop\tbounded\t\^log\\\.\tqueues\t.*reject-publish",
    "rabbitmqctl set_vhost_limits -p shop": r"Setting vhost limits",
    "rabbitmqctl list_vhost_limits -p shop": r'"max-queues":100',
    "rabbitmqctl clear_policy -p shop bounded": r'Clearing policy "bounded"',
    "rabbitmqctl purge_queue -p shop incoming": r"Purging queue 'incoming'",
    "rabbitmqctl close_all_connections --vhost shop": r"Closed 1 connections|Closing .*connections",
    "rabbitmqctl delete_queue -p shop incoming": r"Queue was successfully deleted with \d+ ready messages",
    "rabbitmq-plugins list": r"\[E\*\] rabbitmq_management ",
    "rabbitmq-plugins enable rabbitmq_consistent_hash_exchange": r"started \d+ plugins",
    "rabbitmq-plugins is_enabled rabbitmq_consistent_hash_exchange": r"^Plugin \S+ is enabled on",
    "rabbitmq-plugins disable rabbitmq_consistent_hash_exchange": r"stopped \d+ plugins",
    "rabbitmqctl export_definitions definitions.json": r"Exporting definitions",
    "rabbitmqctl delete_vhost shop": r'Deleting vhost "shop"',
    "rabbitmqctl delete_user clerk": r'Deleting user "clerk"',
    "rabbitmqctl import_definitions definitions.json": r"Successfully started definition import|Importing",
}


def sections() -> dict[str, list[str]]:
    """Each heading with the commands below it."""
    parts = re.split(r"^## (.*)$", PAGE.read_text(), flags=re.MULTILINE)[1:]
    found = {}
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        if commands := "".join(blocks).splitlines():
            found[heading] = commands
    return found


@pytest.fixture
def afterwards(managed: ManagedNode) -> Iterator[None]:
    """Leave the node as it was: the last command brings the virtual host back."""
    yield
    for command in (["delete_vhost", "shop"], ["delete_user", "clerk"]):
        managed.ctl(*command)


def shell(node: ManagedNode, command: str, folder: Path) -> str:
    """Run a line of the page, the tools of the private node first on PATH, and return what it printed."""
    path = os.pathsep.join([node.scripts, os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={**os.environ, **node.environment(), "PATH": path},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    if done.returncode:
        return f"exit status {done.returncode}: {done.stdout}"
    return re.sub(r"\x1b\[\d+m", "", done.stdout)


def at_work(connection: Connection) -> None:
    """Be the project whose queue the page looks at: three messages, one of them in a consumer's hands."""
    queue = Queue("incoming", Exchange("orders"), "new")
    channel = connection.channel()
    channel.basic_qos(0, 1, False)
    taken: list[object] = []
    consumer = connection.Consumer(
        queue, channel=channel, callbacks=[lambda _, message: taken.append(message)]
    )
    consumer.consume()
    for number in range(3):
        connection.Producer(channel).publish(number, exchange=queue.exchange, routing_key="new")
    while not taken:  # it may have come while we published
        connection.drain_events(timeout=60)
    assert len(taken) == 1


@pytest.mark.xdist_group("rabbitmq-admin")
@pytest.mark.usefixtures("afterwards")
def test_every_command(managed: ManagedNode, tmp_path: Path) -> None:
    """Each command of the page succeeds, in the page's order, and prints what it is there for."""
    url = f"amqp://clerk:a%20better%20password@127.0.0.1:{managed.port}/shop"
    assert url.replace(f"127.0.0.1:{managed.port}", "localhost") in PAGE.read_text()
    ran, wrong = set(), []
    with Connection(url) as project:
        for heading, commands in sections().items():
            if heading == "What is there":
                at_work(project)
            for command in commands:
                (known,) = [start for start in ANSWERS if f"{command} ".startswith(f"{start} ")][-1:]
                printed = shell(managed, command, tmp_path)
                if not re.search(ANSWERS[known], printed, re.MULTILINE):
                    wrong.append((command, printed))
                ran.add(known)
                if "close_all_connections" in command:
                    with pytest.raises(project.connection_errors, match="back in an hour"):
                        project.drain_events(timeout=60)
    assert not wrong
    assert ran == set(ANSWERS)
