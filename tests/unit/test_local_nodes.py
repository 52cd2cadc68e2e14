"""Which nodes ``celery_syslog.local_nodes`` gives: processes, or containers where a Docker engine answers."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

pytest.importorskip("pytest_celery")

from support.waiting import short_folder, wait_until

from celery_syslog.local_nodes.process import LocalProcess

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]


class Engine(BaseHTTPRequestHandler):
    """As much of Docker's engine as says that one is there."""

    def do_GET(self) -> None:
        """Tell the version, and answer a ping."""
        body = b"OK" if self.path.endswith("/_ping") else b'{"ApiVersion": "1.44"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def engine() -> Iterator[str]:
    """The URL of a socket where Docker seems to listen."""
    with short_folder() as folder, ThreadingUnixStreamServer(str(folder / "docker.sock"), Engine) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"unix://{folder}/docker.sock"
        server.shutdown()
        thread.join()


def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, engine: str, code: str) -> None:
    """Run a test against an engine, with the fixtures of pytest-celery that need a real one replaced."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("DOCKER_HOST", engine)
    pytester.makepyfile(
        containers="""
            import pytest
            from types import SimpleNamespace

            @pytest.fixture
            def default_rabbitmq_broker():
                return "RabbitMQ's container"

            @pytest.fixture
            def default_worker_container():
                return "the worker's container"

            @pytest.fixture
            def default_pytest_celery_network():
                return SimpleNamespace(attrs={"IPAM": {"Config": [{"Gateway": "172.18.0.1"}]}})
        """,
        test_it=f'pytest_plugins = ["containers", "celery_syslog.local_nodes"]\n{code}',
    )
    plugin = ("-p", "no:celery_syslog", "-p", "celery_syslog.pytest_plugin", "-p", "no:cacheprovider")
    pytester.runpytest_subprocess(*plugin, "-W", "error", timeout=120).assert_outcomes(passed=1)


def test_containers_where_docker_answers(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    """Broker and worker are pytest-celery's own, and the receiver is where a container reaches it."""
    code = """
def test_it(request, local_nodes, syslog_receiver, worker_syslog_url):
    assert not local_nodes
    assert request.getfixturevalue("default_rabbitmq_broker") == "RabbitMQ's container"
    assert request.getfixturevalue("default_worker_container") == "the worker's container"
    assert syslog_receiver.url.startswith("tcp://0.0.0.0:")
    assert worker_syslog_url == syslog_receiver.url.replace("0.0.0.0", "172.18.0.1")
"""
    # These ask for the broker's address, which no container here has.
    code += """
import pytest

@pytest.fixture
def default_worker_command(): return []

@pytest.fixture
def default_worker_env(): return {}

@pytest.fixture
def celery_setup_app():
    from celery import Celery
    return Celery()
"""
    run(pytester, monkeypatch, engine, code)


def test_processes_where_none_answers(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an engine there are processes, no warning, and the receiver is the usual one."""
    code = """
def test_it(local_nodes, syslog_receiver, worker_syslog_url):
    assert local_nodes
    assert worker_syslog_url == syslog_receiver.url
    assert worker_syslog_url.startswith("unix://")
"""
    run(pytester, monkeypatch, f"unix://{pytester.path}/none", code)


def test_without_pytest_celery(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project that has not installed it is told so, in a line."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest("import sys; sys.modules['pytest_celery'] = None")
    pytester.makepyfile("pytest_plugins = 'celery_syslog.local_nodes'")
    result = pytester.runpytest_subprocess("-p", "no:celery", "-p", "no:cacheprovider", timeout=120)
    result.stdout.fnmatch_lines(["*local_nodes needs pytest-celery: pip install pytest-celery*"])


def test_a_process_is_what_docker_calls_a_container(tmp_path: Path) -> None:
    """It has an id, a status, logs over restarts, a host name in its command, and takes signals."""
    code = "import signal, sys; print(sys.argv[1], flush=True); signal.pause()"
    process = LocalProcess("node", ["python", "-c", code, "name@%h"], {"FLAVOUR": "tea"}, tmp_path)
    assert (process.status, process.pid, process.logs()) == ("created", 0, b"")
    process.kill()
    process.stop()
    expected = f"name@{process.attrs['Config']['Hostname']}\n"
    assert process.id.startswith(expected[5:17])
    process.start()
    process.start()
    wait_until(lambda: process.fresh_logs() == expected, "its name", detail=process.logs)
    assert process.status == "running"
    process.restart()
    wait_until(lambda: process.fresh_logs() == expected, "its name again", detail=process.logs)
    assert process.logs().decode() == expected * 2
    command = "python -c 'import os; print(os.environ[\"FLAVOUR\"], os.getcwd())'"
    assert process.exec_run(command) == (0, f"tea {tmp_path}\n".encode())
    process.kill("SIGUSR1")
    wait_until(lambda: process.status == "exited", "its end")
    process.kill(signal.SIGKILL)
    assert process.exec_run([sys.executable, "-c", "raise SystemExit(3)"]).exit_code == 3


def test_killing_a_process_kills_its_children(tmp_path: Path) -> None:
    """As a container's end ends all that is in it."""
    code = (
        "import signal, subprocess, sys; child = subprocess.Popen(['sleep', '600'])\n"
        "print(child.pid, flush=True); sys.stdin.read(); signal.pause()"
    )
    process = LocalProcess("node", ["python", "-c", code], {}, tmp_path)
    process.start()
    child = int(wait_until(process.fresh_logs, "its child", detail=process.logs))
    assert os.getsid(child) == process.pid
    process.kill()
    wait_until(lambda: not _runs(child), "the child's end")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
