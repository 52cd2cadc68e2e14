"""``celery syslog listen`` as a user has it: on a terminal, in a pipe, with a real worker sending."""

from __future__ import annotations

import json
import re
import signal
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner
from support.command import run, start
from support.process import celery, environment
from support.shopping import TASKS, shop_worker
from support.waiting import wait_until

from celery_syslog.cli import syslog
from celery_syslog.cli.filters import Filter
from celery_syslog.cli.show import as_line
from celery_syslog.wire.decode import decode

LINE = '<%d>1 2026-11-24T10:00:00.25Z web1 celery 12 - [celery@32473 task_id="%s"] %s'


def send(place: str, *lines: str) -> None:
    """Send datagrams to a unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(place)
        for line in lines:
            sender.send(line.encode())


def test_worker_on_a_terminal(folder: Path) -> None:
    """A worker's lines come live and in colour; a failed task's traceback is unfolded; Ctrl-C is status 0."""
    with start(folder, "syslog", "listen", f"{folder}/log", tty=True) as listen:
        listen.wait_text("Ctrl-C ends")
        with shop_worker(folder):
            listen.wait_text("ValueError: card refused")
            listen.wait_text("paid order 7")
            listen.wait_text("runtime=")
        assert listen.end(signal.SIGINT) == 0
    plain = re.sub(r"\x1b\[[\d;]*m", "", listen.out)
    assert re.search(r"\d\d:\d\d:\d\d\.\d{3} warning shop\[\d+\] +\w{8} paid order 7  .*amount=42", plain)
    assert "\x1b[33mwarning" in listen.out
    assert re.search(r"\n +│ Traceback \(most recent call last\):", plain)
    assert "Traceback" not in plain.replace("│ Traceback", "")
    assert not (folder / "log").exists()


def test_one_task_and_its_children(folder: Path) -> None:
    """--task shows a task and what it started, and nothing of others; each line is a JSON object."""
    arguments = ("syslog", "listen", f"{folder}/log", "--task", TASKS[0][:8], "--json")
    with start(folder, *arguments) as listen:
        listen.wait_text("listening on")
        with shop_worker(folder):
            listen.wait_text("paid order 7")
            listen.wait_text('"runtime"')
        assert listen.end(signal.SIGTERM) == 0
    found = [json.loads(line) for line in listen.out.splitlines()]
    assert {row["task_name"] for row in found} == {"shop.checkout", "shop.pay"}
    assert all(TASKS[0] in (row["task_id"], row["fields"].get("root_id")) for row in found)
    assert "card refused" not in listen.out


def test_listening_place_of_the_app(folder: Path) -> None:
    """Without a URL it is the app's own; --count ends it; what is raw can be decoded later."""
    with start(folder, "-A", "proj", "syslog", "listen", "--raw", "-n", "2") as listen:
        listen.wait_text(f"listening on unix://{folder}/log")
        send(f"{folder}/log", LINE % (14, "a", "one"), LINE % (11, "b", "two"))
        assert listen.end() == 0
    assert listen.out.splitlines() == [LINE % (14, "a", "one"), LINE % (11, "b", "two")]
    (folder / "capture").write_text(listen.out)
    shown = run(folder, "syslog", "decode", "capture", "--severity", "err", "--json")
    assert json.loads(shown.stdout)["message"] == "two"


def test_several_places_at_once(folder: Path) -> None:
    """Datagrams, a TCP stream and UDP come together."""
    places = (f"{folder}/log", "udp://127.0.0.1:0", "tcp://127.0.0.1:0")
    with start(folder, "syslog", "listen", *places, "-n", "3") as listen:
        listen.wait_text("listening on tcp://127.0.0.1:")
        ports = dict(re.findall(r"listening on (udp|tcp)://127.0.0.1:(\d+)", listen.err))
        send(f"{folder}/log", LINE % (14, "a", "from unix"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto((LINE % (14, "a", "from udp")).encode(), ("127.0.0.1", int(ports["udp"])))
        with socket.create_connection(("127.0.0.1", int(ports["tcp"]))) as tcp:
            tcp.sendall((LINE % (14, "a", "from tcp")).encode() + b"\n")
        assert listen.end() == 0
    assert sorted(re.findall(r"from \w+", listen.out)) == ["from tcp", "from udp", "from unix"]


@pytest.mark.parametrize("lines_after", [0, 2])
def test_reader_that_goes_away(folder: Path, lines_after: int) -> None:
    """`listen | head -1` ends quietly with status 0, whether or not more comes."""
    script = '"$@" | head -1; echo "status ${PIPESTATUS[0]}"'
    command = ["bash", "-c", script, "bash", *celery(), "syslog", "listen", f"{folder}/log"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as shell:
        wait_until((folder / "log").exists, "it to listen")
        send(f"{folder}/log", LINE % (14, "a", "first"))
        assert shell.stdout is not None
        assert "first" in shell.stdout.readline()
        if lines_after:
            send(f"{folder}/log", *[LINE % (14, "a", "more")] * lines_after)
        out, err = shell.communicate(timeout=60)
    assert out == "status 0\n"
    assert err.splitlines() == [f"listening on unix://{folder}/log"]


def test_tls(folder: Path) -> None:
    """tls:// takes a certificate and decrypts what comes."""
    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1")
    own.private_key_and_cert_chain_pem.write_to_path(folder / "own.pem")
    with start(folder, "syslog", "listen", "tls://127.0.0.1:0", "--cert", "own.pem", "-n", "1") as listen:
        listen.wait_text("listening on tls://127.0.0.1:")
        port = int(re.findall(r"tls://127.0.0.1:(\d+)", listen.err)[0])
        context = ssl.create_default_context()
        authority.configure_trust(context)
        with context.wrap_socket(
            socket.create_connection(("127.0.0.1", port)), server_hostname="127.0.0.1"
        ) as tls:
            tls.sendall((LINE % (14, "a", "secret")).encode() + b"\n")
        assert listen.end() == 0
    assert "secret" in listen.out


def test_places_that_cannot_be_had(folder: Path) -> None:
    """One line says what is wrong and what to do; status 1."""
    (folder / "file").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        for place, said in (
            (f"{folder}/file", "something that is no socket is there"),
            (url, "Address already in use; take another place"),
            ("relp://127.0.0.1", "a receiver listens on"),
            ("udp://127.0.0.1:1x", "not a valid host and port"),
        ):
            failed = CliRunner().invoke(syslog, ["listen", place])
            assert failed.exit_code == 1
            assert said in failed.output
            assert failed.output.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "As in: celery syslog listen udp://127.0.0.1:5514"),
        (("tls://127.0.0.1:0",), "tls:// needs --cert FILE"),
    ],
)
def test_wrong_usage_shows_the_right_one(arguments: tuple[str, ...], said: str) -> None:
    """What is missing is named, as it would be written; status 2."""
    failed = CliRunner().invoke(syslog, ["listen", *arguments])
    assert failed.exit_code == 2
    assert said in failed.output


def test_no_color_is_respected(folder: Path) -> None:
    """NO_COLOR leaves a terminal without colour (no-color.org)."""
    with start(folder, "syslog", "listen", f"{folder}/log", "-n", "1", tty=True, NO_COLOR="1") as listen:
        listen.wait_text("Ctrl-C ends")
        send(f"{folder}/log", LINE % (11, "a", "one"))
        assert listen.end() == 0
    assert "one" in listen.out
    assert "\x1b" not in listen.out


def test_raw_messages_do_not_drive_the_terminal(folder: Path) -> None:
    """What would be written to a file as it came is shown with its control characters in octal."""
    with start(folder, "syslog", "listen", f"{folder}/log", "--raw", "-n", "1", tty=True) as listen:
        listen.wait_text("Ctrl-C ends")
        send(f"{folder}/log", "<14>a: \x1b]0;title\x07 \x9b31m")
        assert listen.end() == 0
    assert listen.out.splitlines()[-1] == "<14>a: #033]0;title#007 #302#23331m"


def test_a_task_keeps_its_colour() -> None:
    """The same id has the same colour in every line, and few ids share one."""
    colours = {}
    for number in range(40):
        line = as_line(decode((LINE % (14, f"task{number}", "m")).encode()))
        again = as_line(decode((LINE % (11, f"task{number}", "other")).encode()))
        (colour,) = re.findall(r"\x1b\[(38;5;\d+)m", line)
        assert re.findall(r"\x1b\[(38;5;\d+)m", again) == [colour]
        colours[number] = colour
    assert len(set(colours.values())) > 8


def test_known_children_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Following a task for ever takes no memory without end: the oldest children are forgotten."""
    monkeypatch.setattr("celery_syslog.cli.filters._KNOWN", 3)
    wanted = Filter("root", None, ())
    row = '<14>1 - - c - - [celery@32473 task_id="t%d" root_id="root"] m'
    assert all(wanted(decode((row % number).encode())) for number in range(10))
    assert len(wanted._family) == 3
