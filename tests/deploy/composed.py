"""What a compose file describes, without containers: a Kafka with the settings that it mounts, and
its nodes, started by the same words and variables.

Only places and addresses differ from the files, and one listener more, at which nobody is asked:
by it the tests see that the broker answers. Where there are rights, nobody has any there.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.deploy.described import (
    DEPLOY,
    Here,
    Started,
    engines,
    image,
    properties,
    started,
)
from tests.kafka_broker import Broker, BrokerError, free_ports

BIN = Path(sys.executable).parent
TRIES = 5
READY_S = 180.0
STOP_S = 20.0
SCRIPT_S = 600.0  # Kafka's scripts start a JVM each


class Node:
    """One service of a compose file, as a process."""

    def __init__(self, said: Started, folder: Path) -> None:
        self._words, self._environment = said
        [self.url] = set(re.findall(r"https?://127\.0\.0\.1:\d+", " ".join(self._words)))
        self._log = folder / "printed.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, with no variable but those that it is given, and wait until the image's health
        check is content.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._words, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + READY_S
        while not self.is_healthy():
            assert self._process.poll() is None, self.printed()
            assert time.monotonic() < deadline, self.printed()
            time.sleep(0.3)

    def is_healthy(self) -> bool:
        """What the image's health check says."""
        script = "/opt/penstock/ready.py"
        here = Here({script: str(DEPLOY / "image" / Path(script).name)})
        words = [here.text(word) for word in image().healthcheck]
        done = subprocess.run(words, env=self._environment, capture_output=True, check=False)
        return done.returncode == 0

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


@contextmanager
def nodes_of(described: Any, places: Mapping[str, str], folder: Path) -> Iterator[dict[str, Node]]:
    """The nodes of a compose file, once all are ready."""
    services = engines(described)
    ports = dict(zip(services, free_ports(len(services)), strict=True))
    known = {**places, "0.0.0.0": "127.0.0.1"}
    known |= {f"{name}:7070": f"127.0.0.1:{port}" for name, port in ports.items()}
    nodes: dict[str, Node] = {}
    for name, service in services.items():
        own = folder / name
        (own / "data").mkdir(parents=True)
        here = Here(known | {image().volumes[0]: str(own / "data")})
        said = here.started(started(service))
        said.environment["PATH"] = f"{BIN}:{os.environ['PATH']}"
        nodes[name] = Node(said._replace(words=[*said.words, f"--port={ports[name]}"]), own)
    try:
        with ThreadPoolExecutor(len(nodes)) as threads:
            list(threads.map(Node.start, nodes.values()))
        yield nodes
    finally:
        for node in nodes.values():
            if node.is_running():
                node.stop(STOP_S)


def kafka_of(stack: ExitStack, file: Path, here: Here, folder: Path) -> dict[str, str]:
    """A broker with the settings of a file; where it listens, by what it is called in containers. A
    port that somebody has taken meanwhile is chosen again.
    """
    said = properties(here.file(file, folder))
    called = dict(re.findall(r"(\w+)://:(\d+)", said["listeners"]))
    del called["CONTROLLER"]
    for name in ("controller.quorum.voters", "log.dirs"):  # Broker says where these are
        del said[name]
    for attempt in range(TRIES):
        look, *ports = free_ports(1 + len(called))
        listening = dict(zip(called, ports, strict=True)) | {"LOOK": look, "CONTROLLER": look + 1}
        listeners = ",".join(f"{name}://127.0.0.1:{port}" for name, port in listening.items())
        settings = said | {
            "listeners": listeners,
            "advertised.listeners": listeners,
            "listener.security.protocol.map": f"{said[PROTOCOLS]},LOOK:PLAINTEXT",
        }
        try:
            stack.enter_context(Broker(port=look, heap_mib=384, settings=settings))
        except BrokerError:
            if attempt == TRIES - 1:
                raise
        else:
            return {f"kafka:{port}": f"127.0.0.1:{listening[n]}" for n, port in called.items()}
    raise AssertionError


PROTOCOLS = "listener.security.protocol.map"


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
