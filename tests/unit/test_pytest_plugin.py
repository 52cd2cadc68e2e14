"""The pytest plugin: fixtures that receive, leave no trace, and cost nothing unless used."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]

#: Loads the plugin from the source tree, whether the package is installed or not.
#: pytest-celery's plugins are left out for speed.
OTHERS = ("-p", "no:celery", "-p", "no:docker_tools", "-p", "no:hypothesispytest", "-p", "no:cacheprovider")
PLUGIN = ("-p", "no:celery_syslog", "-p", "celery_syslog.pytest_plugin", *OTHERS)


@pytest.fixture(autouse=True)
def _source_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


def run(pytester: pytest.Pytester, code: str, *options: str, **outcomes: int) -> pytest.RunResult:
    """Run a test file in a pytest of its own and check the outcomes."""
    pytester.makepyfile(code)
    result = pytester.runpytest_subprocess(*PLUGIN, "-W", "error", *options, timeout=120)
    result.assert_outcomes(**outcomes)
    return result


def test_the_fixtures_give_running_receivers(pytester: pytest.Pytester) -> None:
    """One receiver is ready at once, more can be made, with any URL and keyword, all closed after."""
    code = """
        import os, socket, pytest
        from celery_syslog.receiver import Limits
        seen = []

        def test_one(syslog_receiver):
            seen.append(syslog_receiver)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.connect(syslog_receiver.url.removeprefix("unix://"))
                sender.send(b"<14>hello")
            assert syslog_receiver.wait_for(1)[0].msg == "hello"

        @pytest.mark.parametrize("syslog_receiver", ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"], indirect=True)
        def test_parametrized(syslog_receiver, request):
            seen.append(syslog_receiver)
            assert syslog_receiver.url[:3] == request.node.callspec.params["syslog_receiver"][:3]

        def test_more(make_syslog_receiver, syslog_receiver):
            limits = Limits(messages=5)
            seen.extend([syslog_receiver, make_syslog_receiver()])
            seen.append(make_syslog_receiver("udp://127.0.0.1:0", limits=limits))
            assert len({receiver.url for receiver in seen[-3:]}) == 3

        def test_all_closed():
            assert len(seen) == 6
            assert {receiver.state for receiver in seen} == {"stopped"}
    """
    run(pytester, code, passed=5)


def test_a_failed_wait_is_a_short_failure(pytester: pytest.Pytester) -> None:
    """A wait that fails shows its text and the test's own line, not the receiver's insides."""
    code = """
        def test_nothing_comes(syslog_receiver):
            syslog_receiver.wait_for(1, timeout=0)
    """
    result = run(pytester, code, failed=1)
    result.stdout.fnmatch_lines(["E*WaitTimeout: waited 0 s for 1 message on unix://*; none came"])
    assert "deadline" not in result.stdout.str()


def test_everything_is_put_back(pytester: pytest.Pytester) -> None:
    """After a test, loggers, streams, warnings and Celery's set-up are what they were before it."""
    code = """
        import logging, os, sys, warnings
        import pytest

        def state():
            from celery.app.log import Logging
            named = [logging.getLogger(name) for name in (None, "old", "new", "celery", "celery.task")]
            return [
                [(one.handlers[:], one.filters[:], one.level, one.propagate, one.disabled) for one in named],
                (sys.stdout, sys.stderr, warnings.showwarning, logging.root.manager.disable, Logging._setup),
                {name: text for name, text in os.environ.items() if "LOG" in name},
            ]

        @pytest.fixture(scope="module", autouse=True)
        def module():
            handler = logging.NullHandler()
            logging.getLogger("old").addHandler(handler)
            logging.getLogger("old").setLevel("ERROR")
            yield
            assert logging.getLogger("old").handlers == [handler]
            logging.getLogger("old").removeHandler(handler)

        before = []

        def test_before():
            before.append(state())

        @pytest.mark.parametrize("number", [1, 2])
        def test_change(number, syslog_receiver):
            from celery import Celery
            from celery.app.log import Logging
            assert not Logging._setup
            app = Celery("proj", broker="memory://")
            app.log.setup(loglevel="DEBUG", redirect_stdouts=True)
            assert Logging._setup and type(sys.stdout).__name__ == "LoggingProxy"
            logging.getLogger("new").addHandler(logging.StreamHandler())
            logging.getLogger("new").disabled = True
            logging.getLogger("old").handlers.clear()
            logging.getLogger("old").setLevel("DEBUG")
            logging.getLogger("old").propagate = False
            logging.getLogger("old").addFilter(lambda record: False)
            logging.disable("INFO")

        def test_after():
            assert state() == before[0]
    """
    run(pytester, code, passed=4)


def test_our_handlers_are_closed_before_their_receiver(pytester: pytest.Pytester) -> None:
    """A handler a test leaves on a logger is closed while the receiver still listens."""
    code = """
        import logging

        class Ours(logging.Handler):
            __module__ = "celery_syslog.handler"

        class Handler(Ours):  # a user's subclass is ours too

            def close(self):
                closed.append(self.receiver.state)
                super().close()

        closed = []

        def test_leave(syslog_receiver):
            handler = Handler()
            handler.receiver = syslog_receiver
            logging.getLogger("some").addHandler(handler)

        def test_closed():
            assert closed == ["reading"]
            assert logging.getLogger("some").handlers == []
    """
    run(pytester, code, passed=2)


def test_pytests_own_capture_goes_on(pytester: pytest.Pytester) -> None:
    """capsys and caplog work beside the fixtures, in either order, in this test and the next."""
    code = """
        import logging, sys

        def test_before(capsys, caplog, syslog_receiver):
            sys.stdout = sys.__stdout__
            logging.getLogger("x").warning("one")
            assert caplog.messages == ["one"]

        def test_after(syslog_receiver, capsys, caplog):
            print("two")
            logging.getLogger("x").warning("three")
            assert capsys.readouterr().out == "two\\n"
            assert caplog.messages == ["three"]

        def test_plain(capsys):
            print("four")
            assert capsys.readouterr().out == "four\\n"
            logging.getLogger("x").warning("five")
            assert 0
    """
    result = run(pytester, code, passed=2, failed=1)
    result.stdout.fnmatch_lines(["*Captured log call*", "*five*"])


def test_it_works_under_xdist(pytester: pytest.Pytester) -> None:
    """Tests that run at the same time have receivers of their own."""
    pytest.importorskip("xdist")
    code = """
        import socket, pytest

        @pytest.mark.parametrize("number", range(20))
        def test_own(syslog_receiver, number):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.connect(syslog_receiver.url.removeprefix("unix://"))
                sender.send(b"<14>%d" % number)
            assert [message.msg for message in syslog_receiver.wait_for(1)] == [str(number)]
    """
    run(pytester, code, "-n", "2", passed=20)


def test_loading_it_costs_next_to_nothing(pytester: pytest.Pytester) -> None:
    """A pytest run loads nothing of the package but its front door, and one that receives nothing heavy."""
    pytester.makeconftest("""
        import sys

        def pytest_unconfigure(config):
            print("modules:", *sorted(sys.modules))
    """)
    pytester.makepyfile(
        test_plain="def test_plain(): pass",
        test_used="def test_used(syslog_receiver): syslog_receiver.stop()",
    )

    def loaded(name: str, *options: str) -> set[str]:
        result = pytester.runpytest_subprocess(*options, "-p", "no:xdist", f"test_{name}.py", timeout=120)
        result.assert_outcomes(passed=1)
        return set(next(line for line in result.outlines if line.startswith("modules:")).split()[1:])

    without = loaded("plain", "-p", "no:celery_syslog", *OTHERS)
    assert loaded("plain", *PLUGIN) - without == {"celery_syslog", "celery_syslog.pytest_plugin"}
    used = loaded("used", *PLUGIN) - without
    assert "celery_syslog.receiver" in used
    assert not used & {"celery", "kombu", "ssl", "asyncio", "pytest_celery", "docker"}


def test_a_project_may_override_the_fixtures(pytester: pytest.Pytester) -> None:
    """A fixture of the same name in the user's conftest wins, and may build on ours."""
    pytester.makeconftest("""
        import pytest

        @pytest.fixture
        def syslog_receiver(make_syslog_receiver):
            return make_syslog_receiver("tcp://127.0.0.1:0")
    """)
    run(pytester, "def test_tcp(syslog_receiver): assert syslog_receiver.url[:4] == 'tcp:'", passed=1)


def test_fixtures_tell_what_they_are(pytester: pytest.Pytester) -> None:
    """``pytest --fixtures`` has a sentence for each."""
    result = pytester.runpytest_subprocess(*PLUGIN, "--fixtures", timeout=120)
    result.stdout.fnmatch_lines(
        [
            "make_syslog_receiver -- *",
            "*Make started receivers*",
            "syslog_receiver -- *",
            "*A started SyslogReceiver*",
        ]
    )


def test_it_is_declared() -> None:
    """The project's metadata makes every pytest load it, under the package's name."""
    declared = re.search(
        r'\[project.entry-points.pytest11\]\ncelery_syslog = "([\w.]+)"',
        (ROOT / "pyproject.toml").read_text(),
    )
    assert declared is not None
    assert declared[1] == "celery_syslog.pytest_plugin"
    found = metadata.entry_points(group="pytest11")
    assert {entry.value for entry in found if entry.name == "celery_syslog"} <= {declared[1]}
