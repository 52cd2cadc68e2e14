"""The AMQP lessons as a new user runs them, on a real RabbitMQ: what they claim happens, nothing is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest
from demo_process import ROOT, SECONDS
from support.inbox import Inbox
from support.rabbitmq import RabbitMq
from support.waiting import free_port, wait_until

from example_project.amqp import LESSONS

#: What a lesson must have shown, among others: methods and answers of the broker, its picture, its claims.
SHOWN = {
    "hello": ["-> basic.publish", "<- basic.deliver -> basic.ack", "--> 1 consumer", "{'hello': 'world'}"],
    "architecture": ["Connection refused", "6 orders wait, for 0 consumers", "|-- order.* --> [billing."],
    "channels": ["[2] -> channel.open <- channel.open-ok", "404) NOT_FOUND", "channel 1 alone was closed"],
    "producers": ["no exchange 'orders.", "no answer, no error", "(orders."],
    "confirms": [
        "<- basic.nack",
        "<- basic.return <- basic.ack",
        "312 NO_ROUTE",
        "x-overflow=reject-publish",
    ],
    "consumers": [
        "1000 messages took 1001 questions",
        "[0, 3, 6], [1, 4, 7] and [2, 5, 8]",
        "messages/s by get",
    ],
    "acknowledgements": ["marked as redelivered", "-> basic.reject", "taken and lost"],
    "deadletters": ["reason=rejected", "reason=expired", "reason=maxlen", "==dead letters==> (morgue."],
    "queues": ["amq.gen-", "405) RESOURCE_LOCKED", "406) PRECONDITION_FAILED", "Left out"],
    "exchanges": [
        "log.* got ['log.disk']",
        "# got all of them",
        "all: a4 | any: a4, a5",
        "|-- message.* -->",
    ],
    "messages": ["image/png", "transient/s", "Refusing to deserialize", "Left out"],
    "parallel": ["24 by 4: each job done once", "faster than one after the other", "their sum is 4324"],
    "events": [
        "# heard ['order.paid'",
        "event   worker-online",
        "task-received, task-started, task-succeeded",
    ],
    "rpc": ["2 + 3 is 5, from calls.", "timed out", "2 + 3 is 5, correlation id"],
    "outside": ["'task': 'lessons.add'", "'status': 'SUCCESS'", "2 + 3 is 5"],
}
on_rabbitmq = pytest.mark.xdist_group("rabbitmq")


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start ``python -m example_project.amqp``."""
    return subprocess.Popen(
        [sys.executable, "-m", "example_project.amqp", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str) -> tuple[int, str, str]:
    """Run it to its end; return exit status, stdout and stderr."""
    with start(*arguments) as process:
        out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out, err


def succeed(*arguments: str) -> str:
    """Run it, expect that all it claims happens, and return what it printed."""
    status, out, err = run(*arguments)
    assert (status, err) == (0, ""), out + err
    return out


def left_behind(node: RabbitMq, out: str) -> list[str]:
    """The queues and exchanges of a run that are still on the broker."""
    token = re.search(r"tag lesson-\w+-(\w+)", out)
    assert token is not None, out
    there = node.ctl("list_queues", "name", "-q") + node.ctl("list_exchanges", "name", "-q")
    return [name for name in there.splitlines() if name.endswith(token[1])]


def test_list() -> None:
    """Without arguments the lessons are listed in their order, each with what it shows in one line."""
    lines = succeed().splitlines()[1 : 1 + len(LESSONS)]
    listed = [re.fullmatch(r" +(\d+)  (\w+) +(\S.*\.)", line) for line in lines]
    assert [(int(found[1]), found[2]) for found in listed if found] == [
        (number, module.rpartition(".")[2]) for number, module in enumerate(LESSONS, 1)
    ]


@on_rabbitmq
@pytest.mark.parametrize("lesson", SHOWN)
def test_lesson(rabbitmq: RabbitMq, lesson: str) -> None:
    """A lesson succeeds on a broker that serves others too, shows what it is about, and leaves nothing."""
    out = succeed(lesson, "--url", rabbitmq.url)
    for text in (*SHOWN[lesson], "What it declared", "What to try next:", "Syslog got the same "):
        assert text in out, out
    assert not left_behind(rabbitmq, out)


@on_rabbitmq
def test_lessons_on_a_node_of_their_own() -> None:
    """With --private, lessons restart their broker and make users; nothing of it is left on the machine."""
    out = succeed("queues", "vhosts", "messages", "--private")
    for text in (
        "the durable queue is there again, the other one is not",
        "so are its exchange and binding",
        "530) NOT_ALLOWED - access to vhost 'second.",
        "403) ACCESS_REFUSED - access to queue 'outbox'",
        "What it declared in the virtual host first.",
        "what is left: ['persistent']",
    ):
        assert text in out, out
    assert "Left out" not in out


@pytest.mark.parametrize(
    ("lesson", "differs"),
    [
        ("hello", "nothing goes over a wire"),
        ("exchanges", "'#' for one word or more"),
        ("acknowledgements", "not acknowledge is lost"),
    ],
)
def test_in_memory(lesson: str, differs: str) -> None:
    """Without a broker, what Kombu's in-memory transport can carry runs there, and says what differs."""
    out = succeed(lesson)
    assert differs in out
    assert "apt-get install rabbitmq-server" in out
    assert " ok " in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["confirms"], ["confirms needs RabbitMQ", "apt-get install rabbitmq-server", "--private"]),
        (["vhosts", "--url", "memory://"], ["vhosts makes a virtual host and a user", "--private"]),
        (["hello", "--url", "amqp://guest:secret@127.0.0.1:{port}//"], ["127.0.0.1:{port}", "refused"]),
        (["helo"], ["no lesson 'helo'", "hello"]),
        (["hello", "--syslog", "carrier-pigeon://x"], ["--syslog", "carrier-pigeon"]),
    ],
)
def test_what_has_to_be_mended(arguments: list[str], words: list[str]) -> None:
    """What the user has to mend is said in one line, without passwords, and is exit status 2."""
    port = str(free_port())
    status, _, err = run(*(argument.format(port=port) for argument in arguments))
    assert status == 2
    for word in words:
        assert word.format(port=port) in err.splitlines()[-1], err
    assert "secret" not in err
    assert "Traceback" not in err


@on_rabbitmq
def test_interrupted(rabbitmq: RabbitMq) -> None:
    """Ctrl-C in the middle of a lesson ends it, and what it had declared is deleted all the same."""
    with start("consumers", "--url", rabbitmq.url) as process:
        assert process.stdout is not None
        told = []
        while not told or "Polling" not in told[-1]:
            told.append(process.stdout.readline())
            assert told[-1], process.communicate()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err) == (130, "")
    assert not left_behind(rabbitmq, "".join(told) + out)


def test_syslog(collector: Inbox) -> None:
    """What the lesson says on the screen is what a collector gets, one line each."""
    lines = succeed("acknowledgements", "--syslog", collector.url).splitlines()
    claims = [line for line in lines if line.startswith("  ok ")]
    assert claims

    def received() -> bool:
        return set(claims) <= {message.msg for message in collector.receiver.messages}

    wait_until(received, "the lesson's lines", detail=lambda: collector.receiver.raw)
