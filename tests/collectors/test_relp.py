"""RELP into a real rsyslogd: every field, full speed, TLS by both of its libraries, and kills on the way."""

from __future__ import annotations

import logging
import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from support.conformance import Departure, differences, undocumented
from support.proxy import Proxy
from support.relp import Pems, RelpRsyslog
from support.rows import LONG, Channel, make_rows
from support.waiting import wait_until

from celery_syslog import SyslogHandler, trouble
from celery_syslog.delivery import Delivery
from celery_syslog.settings import settings_from

pytestmark = pytest.mark.xdist_group("rsyslog")

KEPT = Departure(
    "writes line feeds that were kept as `#012`",
    lambda row: row.form == "kept",
    lambda seen: seen._replace(text=seen.text.replace("\n", "#012")),
)

LONG_RUN = os.environ.get("CELERY_SYSLOG_CHAOS") == "long"


@contextmanager
def handler(url: str, **settings: Any) -> Iterator[tuple[logging.Logger, SyslogHandler]]:
    """A logger of its own with a handler that writes the bare message."""
    made = SyslogHandler(url, **{"format": "%(message)s", "buffer": 10**6, **settings})
    logger = logging.Logger("relp", logging.INFO)
    logger.addHandler(made)
    try:
        yield logger, made
    finally:
        made.close()


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of an authority, a server for 127.0.0.1 and a client."""
    folder = tmp_path_factory.mktemp("pems")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca")
    for name, identity in (("server", "127.0.0.1"), ("client", "worker.example.org")):
        issued = authority.issue_cert(identity, common_name=identity)
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
        for number, part in enumerate(issued.cert_chain_pems):
            part.write_to_path(folder / f"{name}.pem", append=number > 0)
    return {name: folder / name for name in ("ca", "server.pem", "server.key", "client.pem", "client.key")}


def test_comes_back_as_sent() -> None:
    """Every message of the table comes back with every field; line feeds kept are as rsyslog has them."""
    channel = Channel("imrelp", "relp://collector", "relp_port", "rfc5424", "relp")
    rows = make_rows({channel: tuple(LONG)})
    with RelpRsyslog() as daemon:
        settings = settings_from(url=daemon.relp_url, buffer=10**6)
        delivery = Delivery(settings.url, settings)
        for row in rows:
            for message in row.messages:
                delivery.send(message)
        assert delivery.flush(60)
        delivery.close()
        problems = differences(rows, daemon.seen(), [KEPT])
    assert not problems, "\n".join(problems[:50])
    assert not undocumented([KEPT.says])


def test_full_speed() -> None:
    """100,000 records at full speed: all of them once, in order, and the session ended as imrelp wants it."""
    count = 100_000
    with RelpRsyslog(text_only=True) as daemon:
        started = daemon.told()
        with handler(daemon.relp_url) as (logger, made):
            for number in range(count):
                logger.info("n%d", number)
            assert made.delivery.flush(60)
            # Acknowledged is written down: that is how this rsyslogd is set up.
            assert daemon.texts() == [f"n{number}" for number in range(count)]
            assert made.delivery.counters.snapshot()["resent"] == 0
        wait_until(lambda: not daemon.connections(), "the connection to be gone")
        assert "imrelp" not in daemon.told().removeprefix(started)


@pytest.mark.parametrize("library", ["openssl", "gnutls"])
def test_tls(pems: dict[str, Path], library: str) -> None:
    """Over TLS records come once, in order, with certificates checked at both ends."""
    files = Pems(pems["ca"], pems["server.pem"], pems["server.key"])
    ours = {"ca_certs": pems["ca"], "certfile": pems["client.pem"], "keyfile": pems["client.key"]}
    use_ssl = {name: str(path) for name, path in ours.items()}
    with (
        RelpRsyslog(text_only=True, pems=files, library=library, peer="worker.example.org") as daemon,
        handler(daemon.relp_url, use_ssl=use_ssl) as (logger, made),
    ):
        for number in range(20_000):
            logger.info("n%d", number)
        assert made.delivery.flush(60)
        assert daemon.texts() == [f"n{number}" for number in range(20_000)]


def test_killed_again_and_again(capsys: pytest.CaptureFixture[str]) -> None:
    """SIGKILL of rsyslogd in the middle, again and again: nothing lost; what comes twice is in a window.

    200,000 records and 20 kills with CELERY_SYSLOG_CHAOS=long, else a tenth of them and four.
    """
    count, kills = (200_000, 20) if LONG_RUN else (20_000, 4)
    dice = random.Random(1)
    trouble.forget()
    with RelpRsyslog(text_only=True) as daemon, handler(daemon.relp_url) as (logger, made):

        def log() -> None:
            for number in range(count):
                logger.info("n%d", number)

        def sent(wanted: float) -> bool:
            return bool(made.delivery.counters.snapshot()["sent"] > wanted)

        sender = threading.Thread(target=log)
        sender.start()
        for kill in range(kills):
            after = (kill + dice.random()) * count / (kills + 1)
            wait_until(partial(sent, after), f"record {after:.0f}")
            daemon.kill()
            daemon.start()
        sender.join()
        assert made.delivery.flush(60)
        texts = daemon.texts()
        counts = made.delivery.counters.snapshot()
    doubled = len(texts) - len(set(texts))
    with capsys.disabled():
        print(f"\n{count:,} records, {kills} kills: {doubled} came twice, {counts['resent']} sent again")
    assert set(texts) == {f"n{number}" for number in range(count)}
    assert doubled <= counts["resent"] <= 128 * kills
    assert list(dict.fromkeys(texts)) == [f"n{number}" for number in range(count)]
    assert (counts["sent"], counts["dropped"]) == (count, {})


def test_killed_sender(tmp_path: Path) -> None:
    """With a spool a process killed right after a log call loses nothing.

    Without one it may: imrelp, which cannot answer it any more, ends the session without reading the rest.
    """
    spool = tmp_path / "spool"
    with RelpRsyslog(text_only=True) as daemon:
        for trial in range(5):
            child = os.fork()
            if not child:
                with handler(daemon.relp_url, spool=str(spool)) as (logger, made):
                    logger.info("first")
                    made.delivery.flush(60)
                    for number in range(300):
                        logger.info("t%d n%d", trial, number)
                    os.kill(os.getpid(), signal.SIGKILL)
            os.waitpid(child, 0)
        with handler(daemon.relp_url, spool=str(spool)) as (logger, made):
            logger.info("heir")
            wait_until(lambda: not list(spool.iterdir()), "the spool to be sent")
            assert made.delivery.flush(60)
        texts = set(daemon.texts())
    assert {f"t{trial} n{number}" for trial in range(5) for number in range(300)} <= texts


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "TLS"])
def test_bad_network(pems: dict[str, Path], secured: bool) -> None:
    """Resets, ends, stalls and refusals on the way, in tiny segments: nothing lost, and in order."""
    files = Pems(pems["ca"], pems["server.pem"], pems["server.key"]) if secured else None
    settings = {"use_ssl": {"ca_certs": str(pems["ca"])}} if secured else {}
    dice = random.Random(2)
    count = 10_000
    with RelpRsyslog(text_only=True, pems=files) as daemon, Proxy(daemon.relp_port) as proxy:
        url = daemon.relp_url.replace(str(daemon.relp_port), str(proxy.port))
        with handler(url, **settings) as (logger, made):
            done = threading.Event()
            mischief = threading.Thread(target=disturb, args=(proxy, dice, done))
            mischief.start()
            for number in range(count):
                logger.info("n%d", number)
                if number % 5 == 0:
                    done.wait(0.0005)
            done.set()
            mischief.join()
            assert made.delivery.flush(60)
            counts = made.delivery.counters.snapshot()
            texts = daemon.texts()
    assert list(dict.fromkeys(texts)) == [f"n{number}" for number in range(count)]
    assert len(texts) - count <= counts["resent"] <= 128 * counts["reconnects"]
    assert counts["reconnects"] > 0
    assert (counts["sent"], counts["dropped"]) == (count, {})


def disturb(proxy: Proxy, dice: random.Random, done: threading.Event) -> None:
    """Do something to the connection every now and then, each thing at least once."""
    things = ["reset", "stall", "drop", "split", "refuse"]
    number = 0
    while not done.wait(dice.uniform(0.02, 0.1)) or number < len(things):
        thing = things[number] if number < len(things) else dice.choice(things)
        number += 1
        getattr(proxy, thing)(*([dice.randrange(1, 100)] if thing == "split" else []))
        if thing in ("stall", "refuse"):
            done.wait(dice.uniform(0.0, 0.4))
            getattr(proxy, {"stall": "resume", "refuse": "listen"}[thing])()
