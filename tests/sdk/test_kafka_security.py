"""A Kafka that asks who one is, over TLS: server, worker and sender say it, by a file or by an
argument, and no process shows the password to others.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from penstock import Client, CommandSender, Worker, task, workflow
from penstock.config import KAFKA_CONFIG_VARIABLE, Tls
from penstock.contracts.topics import Topics
from penstock.log.kafka import KafkaProducer
from penstock.log.kafka.topics import KafkaTopics
from penstock.log.port import LogError, LogUnavailable, Message
from tests.chaos.scene import until
from tests.gateway.certificates import Authority
from tests.kafka_broker import Broker, BrokerError, free_ports
from tests.sdk.servers import exists, running_server

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

PASSWORD = "not-for-others"
LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
SASL = {
    "sasl.mechanism": "PLAIN",
    "sasl.username": "penstock",
    "sasl.password": PASSWORD,
}


class Door(NamedTuple):
    """A listener, what lets one in, and what does not."""

    address: str
    settings: dict[str, str]
    wrong: tuple[dict[str, str], ...]


@task
def ks_double(x: int) -> int:
    return 2 * x


@workflow
def ks_twice(x: int) -> int:
    return ks_double(x)


TRIES = 5


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Door]]:
    """Listeners of a broker: one that asks for a password, over TLS, and one for a certificate."""
    folder = tmp_path_factory.mktemp("certificates")
    ours, others = Authority(folder, "ours"), Authority(folder, "others")
    with ExitStack() as stack:
        asking, checking = _started(stack, ours)
        yield {
            "password": _with_password(f"127.0.0.1:{asking}", ours, others),
            "certificate": _with_certificate(f"127.0.0.1:{checking}", ours, others),
        }


def _started(stack: ExitStack, ours: Authority) -> tuple[int, int]:
    """The ports of those listeners; what somebody has taken meanwhile is chosen again."""
    for attempt in range(TRIES):
        own, asking, checking = free_ports(3)
        settings = _settings(own, asking, checking, ours)
        try:
            stack.enter_context(Broker(port=own, heap_mib=384, settings=settings))
        except BrokerError:
            if attempt == TRIES - 1:
                raise
        else:
            return asking, checking
    raise AssertionError


def _settings(own: int, asking: int, checking: int, ours: Authority) -> dict[str, str]:
    """Brokers are not asked by each other."""
    tls = ours.signed("broker")
    assert tls.cert is not None and tls.key is not None
    keys = ours.ca.with_name("broker.pem")
    keys.write_bytes(tls.key.read_bytes() + tls.cert.read_bytes())
    own_ones = f"BROKER://127.0.0.1:{own},CONTROLLER://127.0.0.1:{own + 1}"  # as Broker has them
    listeners = f"{own_ones},ASKING://127.0.0.1:{asking},CHECKING://127.0.0.1:{checking}"
    return {
        "listeners": listeners,
        "advertised.listeners": listeners,
        "listener.security.protocol.map": (
            "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,ASKING:SASL_SSL,CHECKING:SSL"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keys),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(ours.ca),
        "listener.name.asking.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.asking.plain.sasl.jaas.config": f'{LOGIN} user_penstock="{PASSWORD}";',
        "listener.name.checking.ssl.client.auth": "required",
    }


def _with_password(address: str, ours: Authority, others: Authority) -> Door:
    """Refused are another password, no TLS, and a broker that the client does not know."""
    settings = {"security.protocol": "SASL_SSL", "ssl.ca.location": str(ours.ca), **SASL}
    wrong = (
        {},
        settings | {"sasl.password": "guessed"},
        settings | {"security.protocol": "SASL_PLAINTEXT"},
        settings | {"ssl.ca.location": str(others.ca)},
    )
    return Door(address, settings, wrong)


def _with_certificate(address: str, ours: Authority, others: Authority) -> Door:
    """Refused are no certificate, and one that another authority has signed."""
    known = {"security.protocol": "SSL", "ssl.ca.location": str(ours.ca)}
    settings = known | _shown(ours.signed("client"))
    wrong = (
        {},
        known,
        known | _shown(others.signed("stranger")),
        settings | {"ssl.ca.location": str(others.ca)},
    )
    return Door(address, settings, wrong)


def _shown(tls: Tls) -> dict[str, str]:
    return {"ssl.certificate.location": str(tls.cert), "ssl.key.location": str(tls.key)}


@pytest.fixture(scope="module", params=["password", "certificate"])
def door(request: pytest.FixtureRequest, doors: dict[str, Door]) -> Door:
    """Each of them in turn."""
    return doors[request.param]


@pytest.fixture(scope="module")
def settings_file(door: Door, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As an operator writes it."""
    path = tmp_path_factory.mktemp("secure") / "kafka.conf"
    lines = (f"{name} = {value}" for name, value in door.settings.items())
    path.write_text("\n".join(["# of the cluster", "", *lines]))
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def server(door: Door, settings_file: Path) -> Iterator[str]:
    """A server that is let in by what is in the file."""
    data = settings_file.parent / "data"
    arguments = ("server", "--kafka", door.address, "--kafka-config-file", str(settings_file))
    with running_server(data, *arguments, "--partitions", "2") as url:
        yield url


def test_server_worker_and_sender_are_let_in(
    door: Door, server: str, settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an argument, or by the file that the environment names."""
    with Client(server) as client:
        client.register(ks_twice)
        with Worker(ks_twice, url=f"kafka://{door.address}", kafka_settings=door.settings):
            assert client.run(ks_twice, x=4).result(timeout=60) == 8
        monkeypatch.setenv(KAFKA_CONFIG_VARIABLE, str(settings_file))
        with (
            Worker(ks_twice, url=f"kafka://{door.address}"),
            CommandSender(door.address) as sender,
        ):
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


def test_who_does_not_say_who_he_is_is_not_let_in(door: Door, server: str) -> None:
    """Nor who takes the broker for another one."""
    assert server

    def knock(settings: dict[str, str]) -> None:
        message = Message(Topics("penstock", 0).commands, b"k", b"v", {}, 0)
        producer = KafkaProducer(door.address, settings=settings)
        try:
            with pytest.raises(LogError):
                producer.append_and_wait(message, timeout_s=5)
        finally:
            producer.close()

    with ThreadPoolExecutor(len(door.wrong)) as pool:
        list(pool.map(knock, door.wrong))


def test_who_is_refused_is_told_so(doors: dict[str, Door]) -> None:
    """Not only that nobody has answered in time."""
    address, right, _ = doors["password"]
    for settings, told in (
        (right | {"sasl.password": "guessed"}, "[Aa]uthentication failed"),
        (right | {"ssl.ca.location": "probe"}, "SSL handshake failed"),
    ):
        topics = KafkaTopics(address, settings, None)
        with pytest.raises(LogUnavailable, match=f"do not let this client in.*{told}"):
            topics.describe(["any"], timeout_s=10)
