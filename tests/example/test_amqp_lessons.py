"""The AMQP lessons as a new user runs them, on a real RabbitMQ: what they claim happens, nothing is left."""

from __future__ import annotations

import importlib
import re
import signal
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
from kombu import Connection, Exchange, Queue
from support.inbox import Inbox
from support.lessons import SECONDS, run, start, succeed
from support.rabbitmq import RabbitMq
from support.waiting import free_port, wait_until

from example_project.amqp import LESSONS
from example_project.amqp.stage import Failed, Stage, command
from example_project.amqp.stage.perform import perform
from example_project.show import Screen

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
    "restms": ["the GET is answered by the message", "confirm.select-ok -> basic.publish <- basic.ack"],
    "outside": ["'task': 'lessons.add'", "'status': 'SUCCESS'", "2 + 3 is 5"],
}
on_rabbitmq = pytest.mark.xdist_group("rabbitmq")


def names(node: RabbitMq) -> set[str]:
    """The queues and exchanges that are on the broker."""
    return {
        *node.ctl("list_queues", "name", "-q").splitlines(),
        *node.ctl("list_exchanges", "name", "-q").splitlines(),
    }


@pytest.fixture(scope="module")
def broker(rabbitmq: RabbitMq) -> Iterator[RabbitMq]:
    """The shared broker, on which all lessons together must leave nothing behind."""
    before = names(rabbitmq)
    yield rabbitmq
    # What belongs to a connection goes a moment after it.
    wait_until(
        lambda: names(rabbitmq) <= before, "nothing to be left", detail=lambda: names(rabbitmq) - before
    )


def test_list() -> None:
    """Without arguments the lessons are listed in their order, each with what it shows in one line."""
    lines = succeed().splitlines()[1 : 1 + len(LESSONS)]
    listed = [re.fullmatch(r" +(\d+)  (\w+) +(\S.*\.)", line) for line in lines]
    assert [(int(found[1]), found[2]) for found in listed if found] == [
        (number, module.rpartition(".")[2]) for number, module in enumerate(LESSONS, 1)
    ]


@on_rabbitmq
@pytest.mark.parametrize("lesson", SHOWN)
def test_lesson(broker: RabbitMq, lesson: str) -> None:
    """A lesson succeeds on a broker that serves others too, shows what it is about, and leaves nothing."""
    out = succeed(lesson, "--url", broker.url)
    for text in (*SHOWN[lesson], "What it declared", "What to try next:", "Syslog got the same "):
        assert text in out, out


@pytest.mark.parametrize(
    ("lesson", "differs"),
    [
        ("hello", "nothing goes over a wire"),
        ("exchanges", "topic patterns are read less exactly"),
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


def exists(broker: RabbitMq, queue: str) -> bool:
    """Tell whether a queue is on the broker."""
    with Connection(broker.url) as connection:
        try:
            Queue(queue)(connection.channel()).queue_declare(passive=True)
        except connection.channel_errors:
            return False
    return True


@on_rabbitmq
def test_interrupted(broker: RabbitMq) -> None:
    """Ctrl-C in the middle of a lesson ends it quietly; what it had declared is deleted all the same."""
    with start("consumers", "--url", broker.url) as process:
        assert process.stdout is not None
        told = [""]
        while "Polling" not in told[-1]:
            told.append(process.stdout.readline())
            assert told[-1], process.communicate()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err) == (130, "")
    token = re.search(r"tag lesson-consumers-(\w+)", "".join(told))
    assert token is not None
    assert not exists(broker, f"numbers.{token[1]}")


def lesson_with(run: object) -> ModuleType:
    """A lesson that consists of this function."""
    lesson = ModuleType("made_up", "A lesson.")
    lesson.__dict__.update(run=run, __file__=__file__)
    return lesson


@on_rabbitmq
@pytest.mark.parametrize("error", [Failed("a claim"), ValueError("a mistake"), KeyboardInterrupt()])
def test_broken_lesson(broker: RabbitMq, error: BaseException) -> None:
    """A false claim or a mistake is one line, and either way what was declared is deleted."""
    stages = []

    def run(stage: Stage) -> None:
        stages.append(stage)
        with stage.connect() as connection:
            Queue(stage.name("box"), Exchange(stage.name("hall")), routing_key="x")(connection).declare()
        raise error

    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else Failed
    with pytest.raises(expected) as raised:
        perform(lesson_with(run), broker.url, None, None, Screen(StringIO()))
    if isinstance(error, ValueError):
        assert re.fullmatch(r"ValueError: a mistake \(made_up, line \d+\)", str(raised.value))
    box = stages[0].name("box")
    assert set(stages[0].trace.topologies["/"].queues) == {box}
    assert not exists(broker, box)


def test_a_claim_that_does_not_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """A lesson whose claim does not hold ends with exit status 1 and the claim in one line."""
    (tmp_path / "doubtful.py").write_text(
        '"""Doubtful."""\nMEMORY = "nothing"\n\n\n'
        'def run(stage):\n    stage.check(1 > 2, "%d is more than %d", 1, 2)\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(command, "LESSONS", ("doubtful",))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert command.main(["doubtful"]) == 1
    assert capsys.readouterr().err == "example_project.amqp: this did not happen: 1 is more than 2\n"


def test_what_to_try_next() -> None:
    """Every lesson says what to try next, and the lessons that it names are there."""
    known = {module.rpartition(".")[2] for module in LESSONS}
    for module in LESSONS:
        following = importlib.import_module(module).NEXT
        assert set(re.findall(r"example_project\.amqp (\w+)", following)) <= known
        assert all(line.startswith("  ") and len(line) <= 110 for line in following.splitlines())


def test_syslog(collector: Inbox) -> None:
    """What the lesson says on the screen is what a collector gets, one line each."""
    lines = succeed("acknowledgements", "--syslog", collector.url).splitlines()
    claims = [line for line in lines if line.startswith("  ok ")]
    assert claims

    def received() -> bool:
        return set(claims) <= {message.msg for message in collector.receiver.messages}

    wait_until(received, "the lesson's lines", detail=lambda: collector.receiver.raw)
