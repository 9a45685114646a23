"""What compose.secure.yaml describes, without containers: a Kafka with its settings, the users and
rights that its `setup` makes with Kafka's own scripts, and nodes of the engine.

Only places and addresses differ from the files, and one listener more, that nobody has rights at:
by it the tests see that the broker answers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from penstock.config import read_kafka_settings
from tests.chaos.brokers import free_ports
from tests.deploy.described import (
    DEPLOY,
    SECURE,
    Here,
    Started,
    compose,
    engines,
    image,
    properties,
    started,
)
from tests.kafka_broker import Broker, BrokerError, prepare

BIN = Path(sys.executable).parent
TOOLS = {
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-broker-api-versions.sh": "org.apache.kafka.tools.BrokerApiVersionsCommand",
}
TRIES = 5
READY_S = 90.0
SCRIPT_S = 180.0
SETTINGS = DEPLOY / "kafka" / "secure.properties"


class Node:
    """One service of the compose file, as a process."""

    def __init__(self, started: Started, port: int, folder: Path) -> None:
        self.words, self.environment = started
        self.url = f"https://127.0.0.1:{port}"
        self._log = folder / "printed.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, with no variable of ours but those that it is given."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.words, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )

    def wait(self, health: list[str]) -> None:
        """Wait until the image's health check is content."""
        deadline = time.monotonic() + READY_S
        while subprocess.run(health, env=self.environment, capture_output=True).returncode != 0:
            assert self._process is not None and self._process.poll() is None, self.printed()
            assert time.monotonic() < deadline, self.printed()
            time.sleep(0.3)

    def stop(self, grace_s: float) -> int:
        """SIGTERM, as Docker sends it; the exit code. Raises TimeoutExpired where Docker kills."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(grace_s)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait(10)

    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def printed(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")[-4_000:]


class Secured:
    """All of it. `here` says where things are."""

    def __init__(self, folder: Path, here: Here, kafka: str, nodes: dict[str, Node]) -> None:
        self.secrets = folder / "secrets"
        self.here = here
        self.kafka = kafka  # where clients come in
        self.nodes = nodes
        self._folder = folder

    @property
    def ca(self) -> Path:
        """Whose signatures are good."""
        return self.secrets / "ca.crt"

    @property
    def admin_key(self) -> str:
        """The first key of the engine."""
        return (self.secrets / "admin.key").read_text().strip()

    def settings_of(self, user: str) -> dict[str, str]:
        """How a user's clients come to Kafka."""
        return read_kafka_settings(self.secrets / f"{user}.conf")

    def script(self, name: str, *words: str, **environment: str) -> str:
        """Run one of the scripts for operators."""
        setup = compose(SECURE)["services"]["setup"]
        given = {name: self.here.text(value) for name, value in setup["environment"].items()}
        given["KAFKA_BIN"] = str(self._folder / "bin")
        return run_script(self._folder / "mounted" / name, *words, **(given | environment))

    @property
    def admin(self) -> dict[str, str]:
        """How the brokers' administrator comes to Kafka with librdkafka, which wants two files."""
        return {
            "bootstrap.servers": self.here.text("kafka:9092"),
            "security.protocol": "SSL",
            "ssl.ca.location": str(self.ca),
            "ssl.certificate.location": str(self.secrets / "broker.crt"),
            "ssl.key.location": str(self.secrets / "broker.key"),
        }


def run_script(script: Path, *words: str, **environment: str) -> str:
    """Run a shell script; what it printed."""
    done = subprocess.run(
        ["sh", str(script), *words],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=SCRIPT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def secured(folder: Path, worker_tasks: str) -> Iterator[Secured]:
    """Kafka with its users and rights, and three nodes that are ready."""
    described = compose(SECURE, {"WORKER_TASKS": worker_tasks})
    secrets = folder / "secrets"
    run_script(DEPLOY / "compose" / "secrets.sh", FOLDER=str(secrets), AT=str(secrets))
    with ExitStack() as stack:
        places = {"/run/secrets": str(secrets), "/etc/penstock": str(folder / "mounted")}
        places |= _kafka_of(stack, secrets)
        made = Secured(folder, Here(places), places["kafka:9094"], {})
        _set_up(made, folder, described["services"]["setup"])
        nodes = engines(described)
        ports = dict(zip(nodes, free_ports(len(nodes)), strict=True))
        for name in nodes:
            places[f"{name}:7070"] = f"127.0.0.1:{ports[name]}"
        for name, service in nodes.items():
            own = folder / name
            (own / "data").mkdir(parents=True)
            data = {image().volumes[0]: str(own / "data")}
            made.nodes[name] = _node(Here(places | data), service, ports[name], own)
        stack.callback(_stop_all, made.nodes)
        for node in made.nodes.values():
            node.start()
        for node in made.nodes.values():
            node.wait(health_check())
        yield made


def health_check() -> list[str]:
    """The image's, here."""
    script = "/opt/penstock/ready.py"
    return [Here({script: str(DEPLOY / "image" / "ready.py")}).text(w) for w in image().healthcheck]


def _node(here: Here, service: Any, port: int, folder: Path) -> Node:
    words, environment = here.started(started(service))
    words = [Here({"0.0.0.0": "127.0.0.1"}).text(word) for word in words]
    environment["PATH"] = f"{BIN}:{os.environ['PATH']}"
    return Node(Started([*words, f"--port={port}"], environment), port, folder)


def _stop_all(nodes: dict[str, Node]) -> None:
    for node in nodes.values():
        if node.is_running():
            node.stop(20)


def _kafka_of(stack: ExitStack, secrets: Path) -> dict[str, str]:
    """A broker with the settings of secure.properties; where it listens, by what they are called
    there. A port that somebody has taken meanwhile is chosen again.
    """
    for attempt in range(TRIES):
        look, brokers, clients = free_ports(3)
        settings = _settings(secrets, look, brokers, clients)
        try:
            stack.enter_context(Broker(port=look, heap_mib=384, settings=settings))
        except BrokerError:
            if attempt == TRIES - 1:
                raise
        else:
            return {"kafka:9092": f"127.0.0.1:{brokers}", "kafka:9094": f"127.0.0.1:{clients}"}
    raise AssertionError


def _settings(secrets: Path, look: int, brokers: int, clients: int) -> dict[str, str]:
    settings = properties(Here({"/run/secrets": str(secrets)}).file(SETTINGS, secrets.parent))
    for name in ("controller.quorum.voters", "log.dirs"):  # Broker says where these are
        del settings[name]
    ports = {"LOOK": look, "CONTROLLER": look + 1, "BROKER": brokers, "CLIENTS": clients}
    listeners = ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())
    settings["listeners"] = settings["advertised.listeners"] = listeners
    settings["listener.security.protocol.map"] += ",LOOK:PLAINTEXT"
    return settings


def _set_up(made: Secured, folder: Path, service: Any) -> None:
    """What the service `setup` does, with Kafka's scripts as they are in its image."""
    mounted = folder / "mounted"
    mounted.mkdir()
    for volume in service["volumes"]:
        source, target, _ = volume.split(":")
        copy = made.here.file((SECURE.parent / source).resolve(), mounted)
        assert str(copy) == made.here.text(target)
    _kafka_scripts(folder / "bin")
    shell, script = service["command"]
    assert shell == "sh"
    made.script(Path(script).name, WORKER_TASKS=service["environment"]["WORKER_TASKS"])


def _kafka_scripts(folder: Path) -> None:
    """Kafka's own, which its jars come without."""
    folder.mkdir()
    java, jars = prepare()
    for name, main in TOOLS.items():
        script = folder / name
        quick = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m"
        script.write_text(f'#!/bin/sh\nexec "{java.command}" {quick} -cp "{jars}/*" {main} "$@"\n')
        script.chmod(0o755)
