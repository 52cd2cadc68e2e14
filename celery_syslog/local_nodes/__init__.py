"""pytest-celery's ``celery_setup`` without Docker: broker and worker are processes of this machine.

A pytest plugin to be asked for: ``pytest_plugins = ["celery_syslog.local_nodes"]`` in the top
``conftest.py``, with pytest-celery 1.x installed. Where a Docker engine answers, its containers are used.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

try:
    from pytest_celery import CeleryTestBroker, CeleryTestContainer, CeleryWorkerContainer
except ModuleNotFoundError as error:  # of an ImportError pytest would show the name of this plugin only
    raise pytest.UsageError(
        "celery_syslog.local_nodes needs pytest-celery: pip install pytest-celery"
    ) from error

from celery_syslog import SyslogReceiver, __version__

from . import utils
from .containers import LocalRabbitMQContainer, local
from .process import LocalProcess
from .rabbitmq import MissingProgram, RabbitMqProcess

__all__ = [
    "celery_backend_cluster",
    "celery_backend_cluster_config",
    "celery_broker",
    "celery_setup_app",
    "default_rabbitmq_broker",
    "default_worker_app",
    "default_worker_container",
    "default_worker_pytest_celery_pkg",
    "default_worker_utils_module",
    "local_nodes",
    "local_rabbitmq",
    "syslog_receiver",
    "worker_syslog_url",
]

#: Where a receiver listens that containers must reach; they know this machine by their gateway.
_ANY = "0.0.0.0"  # noqa: S104


@pytest.fixture(scope="session")
def local_nodes() -> bool:
    """Whether nodes are processes of this machine: where no Docker engine answers. Override to decide."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # docker-py leaves a socket open if none answers
        try:
            return not _docker_answers()
        finally:
            gc.collect()


def _docker_answers() -> bool:
    import docker

    try:
        client = docker.from_env(timeout=5)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except docker.errors.DockerException:
        return False


@pytest.fixture
def celery_broker(celery_rabbitmq_broker: CeleryTestBroker) -> CeleryTestBroker:
    """The broker, RabbitMQ; pytest-celery's own runs each test with every broker it knows."""
    return celery_rabbitmq_broker


@pytest.fixture
def celery_backend_cluster() -> None:
    """No nodes for results: they come back through the broker."""


@pytest.fixture
def celery_backend_cluster_config() -> dict[str, list[str]]:
    """Results come back through the broker."""
    return {"urls": ["rpc://"], "host_urls": ["rpc://"]}


@pytest.fixture(scope="session")
def local_rabbitmq() -> Iterator[RabbitMqProcess]:
    """A private RabbitMQ node, one for the whole run; tests that need it are skipped if there is none."""
    with tempfile.TemporaryDirectory(prefix="cs-", ignore_cleanup_errors=True) as folder:
        try:
            node = RabbitMqProcess(Path(folder))
        except MissingProgram as missing:
            pytest.skip(str(missing))
        try:
            yield node
        finally:
            node.close()


@pytest.fixture
def default_rabbitmq_broker(request: pytest.FixtureRequest, local_nodes: bool) -> CeleryTestContainer:
    """The broker's container, or the private node in the place of one."""
    if not local_nodes:
        return request.getfixturevalue("default_rabbitmq_broker")
    node = request.getfixturevalue("local_rabbitmq")
    node.start()  # after a test that has killed it
    container = LocalRabbitMQContainer(node)
    container.ready()
    return container


@pytest.fixture
def default_worker_container(
    request: pytest.FixtureRequest,
    local_nodes: bool,
    default_worker_container_cls: type[CeleryWorkerContainer],
    default_worker_command: list[str],
    default_worker_env: dict[str, str],
    celery_setup_app: Any,
    tmp_path: Path,
) -> Iterator[CeleryTestContainer]:
    """The worker's container, or a worker process that sees the modules this process sees.

    After the test the process is stopped and its queue deleted, so that the next test finds none.
    """
    if not local_nodes:
        yield request.getfixturevalue("default_worker_container")
        return
    folder = tmp_path / "worker"
    _write(folder, request.getfixturevalue("default_worker_initial_content"))
    celery_setup_app.set_current()  # writing the content has made an app of its own the current one
    given = default_worker_env.get("PYTHONPATH", "").split(os.pathsep)  # /app is the container's folder
    path = [str(folder), *given, str(request.config.rootpath), *sys.path]
    env = {**default_worker_env, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    process = LocalProcess("worker", default_worker_command, env, folder)
    process.start()
    container = local(default_worker_container_cls)(process)
    try:
        container.ready()
        yield container
    finally:
        process.stop()
        broker = request.getfixturevalue("default_rabbitmq_broker")
        if broker.status == "running":
            broker.delete_queue(container.worker_queue())


def _write(folder: Path, content: dict[str, bytes]) -> None:
    for name, data in content.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


@pytest.fixture
def default_worker_utils_module() -> ModuleType:
    """The module by which ``get_running_processes_info()`` looks at the worker's own processes."""
    return utils


@pytest.fixture(scope="session")
def default_worker_pytest_celery_pkg() -> str:
    """What Docker's image installs for the worker: this package, with pytest-celery."""
    return f"celery-syslog[test]=={__version__}"


@pytest.fixture
def syslog_receiver(
    make_syslog_receiver: Callable[..., SyslogReceiver], request: pytest.FixtureRequest, local_nodes: bool
) -> SyslogReceiver:
    """A started SyslogReceiver as ever; where the worker is in a container, at a port that it can reach."""
    given = getattr(request, "param", None)
    if given is None and not local_nodes:
        given = f"tcp://{_ANY}:0"
    return make_syslog_receiver(*([] if given is None else [given]))


@pytest.fixture
def worker_syslog_url(
    request: pytest.FixtureRequest, syslog_receiver: SyslogReceiver, local_nodes: bool
) -> str:
    """The URL of ``syslog_receiver`` as the worker sees it."""
    if local_nodes:
        return syslog_receiver.url
    network: Any = request.getfixturevalue("default_pytest_celery_network")
    return syslog_receiver.url.replace(_ANY, network.attrs["IPAM"]["Config"][0]["Gateway"])


@pytest.fixture
def celery_setup_app(celery_setup_app: Any) -> Iterator[Any]:
    """The test's own app, which sends tasks and waits for results; closed after the test."""
    yield celery_setup_app
    results: Any = getattr(celery_setup_app.backend, "result_consumer", None)
    if getattr(results, "_connection", None) is not None:  # stop() takes for granted that it has begun
        results.stop()
    celery_setup_app.close()


@pytest.fixture
def default_worker_app(celery_setup_app: Any, worker_syslog_url: str) -> Any:
    """The worker's app: it logs to ``syslog_receiver``, as JSON, so that task and event can be told."""
    celery_setup_app.conf.update(
        imports=["celery_syslog.auto"], syslog_url=worker_syslog_url, syslog_format="json"
    )
    return celery_setup_app
