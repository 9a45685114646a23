"""Where the tests get their Kafka from; the first that answers is taken.

1. PENSTOCK_TEST_KAFKA=host:port, a broker that is running already. If it is set and does not
   answer, that is an error: nobody wants another broker silently.
2. A Docker daemon, through testcontainers. This branch is unverified: the machines this was
   written on have no Docker engine.
3. Java 17+ and Maven, with deploy/broker/broker.py, which installs them when it may.

`python -m tests.kafka_broker` says which it will be and fetches what it needs (`make test` does).
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "deploy" / "broker"))
import broker

Broker = broker.Broker  # for tests that need one of their own, to kill it
BrokerError = broker.BrokerError
prepare = broker.prepare
free_ports = broker.free_ports
ENVIRONMENT_NAME = "PENSTOCK_TEST_KAFKA"
KAFKA_IMAGE = "apache/kafka:4.3.1"
DOCKER_INFO_TIMEOUT_S = 5
CONTAINER_READY_TIMEOUT_S = 120


@contextmanager
def running_kafka() -> Iterator[str]:
    """Give the bootstrap address of a Kafka that answers, and stop it afterwards if it is ours."""
    provider = choose_provider()
    if provider == "environment":
        yield _from_environment()
    elif provider == "docker":
        with _docker_kafka() as bootstrap:
            yield bootstrap
    else:
        with broker.Broker() as local:
            yield local.bootstrap


def choose_provider() -> str:
    """Return "environment", "docker" or "java"."""
    if os.environ.get(ENVIRONMENT_NAME):
        return "environment"
    return "docker" if docker_answers() else "java"


def docker_answers() -> bool:
    """Tell whether a Docker daemon (not only its client) is there."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        done = subprocess.run(
            [docker, "info"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DOCKER_INFO_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _from_environment() -> str:
    bootstrap = os.environ[ENVIRONMENT_NAME]
    addresses = bootstrap.split(",")
    for address in addresses:
        host, _, port = address.strip().rpartition(":")
        if host and port.isdigit() and broker.answers(host, int(port), timeout_s=5):
            return bootstrap
    raise broker.BrokerError(f"{ENVIRONMENT_NAME}={bootstrap}: no Kafka answers there")


@contextmanager
def _docker_kafka() -> Iterator[str]:
    from testcontainers.core.container import DockerContainer  # only if Docker is there

    [port] = free_ports(1)
    settings = {
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_NODE_ID": "1",
        "KAFKA_LISTENERS": "OUTSIDE://:9092,INSIDE://:9094,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"OUTSIDE://127.0.0.1:{port},INSIDE://localhost:9094",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": (
            "OUTSIDE:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT"
        ),
        "KAFKA_INTER_BROKER_LISTENER_NAME": "INSIDE",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_LOG_RETENTION_MS": "-1",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports("9092/tcp", ("127.0.0.1", port))
    for name, value in settings.items():
        container = container.with_env(name, value)
    with container:
        deadline = time.monotonic() + CONTAINER_READY_TIMEOUT_S
        while not broker.answers("127.0.0.1", port):
            if time.monotonic() > deadline:
                raise broker.BrokerError(f"{KAFKA_IMAGE} did not answer in time")
            time.sleep(0.2)
        yield f"127.0.0.1:{port}"


def main() -> int:
    """Say where Kafka will come from, and fetch what that needs."""
    provider = choose_provider()
    print(f"Kafka for the tests: {provider}", flush=True)
    try:
        if provider == "environment":
            _from_environment()
        elif provider == "java":
            prepare()
    except broker.BrokerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
