"""A Kafka that asks who one is: server, worker and sender say it, by a file or by an argument, and
no process shows the password to others.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from penstock import Client, CommandSender, Worker, task, workflow
from penstock.config import KAFKA_CONFIG_VARIABLE
from penstock.contracts.topics import Topics
from penstock.log.kafka import KafkaProducer
from penstock.log.port import LogError, Message
from tests.chaos.brokers import free_ports
from tests.chaos.scene import until
from tests.kafka_broker import Broker, BrokerError
from tests.sdk.servers import exists, running_server

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

PASSWORD = "not-for-others"
LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
SETTINGS = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "penstock",
    "sasl.password": PASSWORD,
}


@task
def ks_double(x: int) -> int:
    return 2 * x


@workflow
def ks_twice(x: int) -> int:
    return ks_double(x)


TRIES = 5


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """The address of the listener that asks."""
    with ExitStack() as stack:
        yield f"127.0.0.1:{_started(stack)}"


def _started(stack: ExitStack) -> int:
    """The port of that listener; ports that somebody has taken meanwhile are chosen again."""
    for attempt in range(TRIES):
        own, port = free_ports(2)
        try:
            stack.enter_context(Broker(port=own, heap_mib=384, settings=_settings(own, port)))
        except BrokerError:
            if attempt == TRIES - 1:
                raise
        else:
            return port
    raise AssertionError


def _settings(own: int, port: int) -> dict[str, str]:
    """Brokers are not asked by each other."""
    listeners = f"BROKER://127.0.0.1:{own},CONTROLLER://127.0.0.1:{own + 1}"  # as Broker has them
    return {
        "listeners": f"{listeners},GUARDED://127.0.0.1:{port}",
        "advertised.listeners": f"{listeners},GUARDED://127.0.0.1:{port}",
        "listener.security.protocol.map": (
            "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT"
        ),
        "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.guarded.plain.sasl.jaas.config": (f'{LOGIN} user_penstock="{PASSWORD}";'),
    }


@pytest.fixture(scope="module")
def settings_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As an operator writes it."""
    path = tmp_path_factory.mktemp("secure") / "kafka.conf"
    lines = ["# of the cluster", "", *(f"{name} = {value}" for name, value in SETTINGS.items())]
    path.write_text("\n".join(lines))
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def server(guarded: str, settings_file: Path) -> Iterator[str]:
    """A server that is let in by what is in the file."""
    data = settings_file.parent / "data"
    arguments = ("server", "--kafka", guarded, "--kafka-config-file", str(settings_file))
    with running_server(data, *arguments, "--partitions", "2") as url:
        yield url


def test_server_worker_and_sender_are_let_in(
    guarded: str, server: str, settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an argument, or by the file that the environment names."""
    with Client(server) as client:
        client.register(ks_twice)
        with Worker(ks_twice, url=f"kafka://{guarded}", kafka_settings=SETTINGS):
            assert client.run(ks_twice, x=4).result(timeout=60) == 8
        monkeypatch.setenv(KAFKA_CONFIG_VARIABLE, str(settings_file))
        with Worker(ks_twice, url=f"kafka://{guarded}"), CommandSender(guarded) as sender:
            wf_run_id = sender.run_wf("ks_twice", {"x": 5})
            sender.flush()
            run = client.handle(wf_run_id)
            until(lambda: exists(run.status), "the run that was sent over Kafka")
            assert run.result(timeout=60) == 10


def test_nobody_sees_the_password(server: str) -> None:
    """Not in the arguments of any process of ours."""
    assert server
    shown = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-u", str(os.getuid())],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "--kafka-config-file" in shown
    assert PASSWORD not in shown


def test_who_does_not_say_who_he_is_is_not_let_in(guarded: str, server: str) -> None:
    """Nor with another password."""
    assert server
    message = Message(Topics("penstock", 0).commands, b"k", b"v", {}, 0)
    for settings in ({}, SETTINGS | {"sasl.password": "guessed"}):
        producer = KafkaProducer(guarded, settings=settings)
        try:
            with pytest.raises(LogError):
                producer.append_and_wait(message, timeout_s=5)
        finally:
            producer.close()
