"""All of compose.secure.yaml without containers: besides Kafka and the nodes, the secrets, and the
users and rights that the service `setup` makes with Kafka's own scripts.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from penstock.config import read_kafka_settings
from tests.deploy.composed import SCRIPT_S, Node, kafka_of, nodes_of, run_script
from tests.deploy.described import DEPLOY, SECURE, Here, compose
from tests.kafka_broker import prepare

SETTINGS = DEPLOY / "kafka" / "secure.properties"
TOOLS = {
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-broker-api-versions.sh": "org.apache.kafka.tools.BrokerApiVersionsCommand",
}


class Secured:
    """What there is."""

    def __init__(self, folder: Path, here: Here) -> None:
        self.nodes: dict[str, Node] = {}
        self.here = here
        self.kafka = here.text("kafka:9094")  # where clients come in
        self._folder = folder
        self._secrets = folder / "secrets"

    @property
    def ca(self) -> Path:
        """Whose signatures are good."""
        return self._secrets / "ca.crt"

    @property
    def admin_key(self) -> str:
        """The first key of the engine."""
        return (self._secrets / "admin.key").read_text().strip()

    def renew(self, name: str) -> None:
        """A new certificate, as docs/SECURITY.md has it made."""
        for end in ("crt", "key"):
            (self._secrets / f"{name}.{end}").unlink()
        _make_secrets(self._secrets)

    def settings_of(self, user: str) -> dict[str, str]:
        """How a user's clients come to Kafka."""
        return read_kafka_settings(self._secrets / f"{user}.conf")

    @property
    def admin(self) -> dict[str, str]:
        """How the brokers' administrator comes to Kafka with librdkafka, which wants two files."""
        return {
            "bootstrap.servers": self.here.text("kafka:9092"),
            "security.protocol": "SSL",
            "ssl.ca.location": str(self.ca),
            "ssl.certificate.location": str(self._secrets / "broker.crt"),
            "ssl.key.location": str(self._secrets / "broker.key"),
        }

    def script(self, name: str, *words: str, **environment: str) -> str:
        """Run a script as `setup` would: one of those that it mounts, or of another place."""
        setup = compose(SECURE)["services"]["setup"]
        given = {name: self.here.text(value) for name, value in setup["environment"].items()}
        given["KAFKA_BIN"] = str(self._folder / "bin")
        return run_script(self._folder / "mounted" / name, *words, **(given | environment))

    def refused_by_kafka(self, user: str, name: str, *words: str) -> str:
        """Run one of Kafka's own scripts as a user; what it says as it fails."""
        settings = self.settings_of(user)
        known = f'username="{user}" password="{settings["sasl.password"]}"'
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
        said = self._folder / f"{user}.properties"
        said.write_text(
            f"security.protocol={settings['security.protocol']}\n"
            f"sasl.mechanism={settings['sasl.mechanism']}\n"
            f"sasl.jaas.config={login} {known};\n"
            f"ssl.truststore.type=PEM\nssl.truststore.location={self.ca}\n"
        )
        script = [str(self._folder / "bin" / name), "--bootstrap-server", self.kafka]
        done = subprocess.run(
            [*script, "--command-config", str(said), *words],
            capture_output=True,
            text=True,
            timeout=SCRIPT_S,
            check=False,
        )
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr


@contextmanager
def secured(folder: Path, worker_tasks: str) -> Iterator[Secured]:
    """Kafka with its users and rights, and three nodes that are ready."""
    described = compose(SECURE, {"WORKER_TASKS": worker_tasks})
    secrets, mounted = folder / "secrets", folder / "mounted"
    _make_secrets(secrets)
    places = {"/run/secrets": str(secrets), "/etc/penstock": str(mounted)}
    with ExitStack() as stack:
        places |= kafka_of(stack, SETTINGS, Here(places), folder)
        made = Secured(folder, Here(places))
        _kafka_scripts(folder / "bin")
        _set_up(made, mounted, described["services"]["setup"])
        made.nodes = stack.enter_context(nodes_of(described, places, folder))
        nodes = {f"https://{name}:7070": node.url for name, node in made.nodes.items()}
        made.here = Here(places | nodes)
        yield made


def _make_secrets(folder: Path) -> None:
    run_script(DEPLOY / "compose" / "secrets.sh", FOLDER=str(folder), AT=str(folder))


def _kafka_scripts(folder: Path) -> None:
    """Kafka's own, which its jars come without."""
    folder.mkdir()
    java, jars = prepare()
    for name, main in TOOLS.items():
        script = folder / name
        quick = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m"
        quick += " -Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        script.write_text(f'#!/bin/sh\nexec "{java.command}" {quick} -cp "{jars}/*" {main} "$@"\n')
        script.chmod(0o755)


def _set_up(made: Secured, mounted: Path, service: Any) -> None:
    """What the service `setup` does."""
    mounted.mkdir()
    for volume in service["volumes"]:
        source, target, _ = volume.split(":")
        copy = made.here.file((SECURE.parent / source).resolve(), mounted)
        assert str(copy) == made.here.text(target)
    shell, script = service["command"]
    assert shell == "sh"
    made.script(Path(script).name, WORKER_TASKS=service["environment"]["WORKER_TASKS"])
