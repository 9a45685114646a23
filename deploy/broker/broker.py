"""One real Kafka broker without Docker, for the tests and for `make kafka`.

Needs Java 17+; and Maven once, to bring Kafka's jars (pom.xml) into the checkout's build folder.
As root on a machine with apt-get it installs the two itself if they are missing.
Only the standard library is used, so that it runs before anything else is installed.

    python deploy/broker/broker.py --port 9092 --data build/broker/data

Rules: it listens on 127.0.0.1 only; it is ready when it answers a Metadata request, not when the
port opens; it is stopped through its own process object, never by name.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import ctypes
import os
import random
import shutil
import signal
import socket
import string
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from kafka_jars import BUILD, HERE, BrokerError, Java, prepare, run, say

READY_TIMEOUT_S = 120
STOP_TIMEOUT_S = 15
START_TRIES = 3
HOST = "127.0.0.1"


class Broker:
    """One Kafka process. `start`, use `bootstrap`, `stop`; or as a context manager.

    Without `data` it keeps its data in a temporary folder that `stop` deletes. Without `port` it
    chooses one. After `kill`, `start` goes on with the same data and ports.
    `settings` go before those of server.properties, `environment` is added to the process's. With
    `joins` it is a broker more in the cluster of that one, whose controller it asks.
    Start it from the main thread: on Linux it ends with the thread that started it.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        data: Path | None = None,
        heap_mib: int = 768,
        settings: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        joins: Broker | None = None,
    ) -> None:
        self._ports = (port, port + 1) if port else None  # Kafka's, the controller's
        self._settings = dict(settings or {})
        self._environment = {**os.environ, **(environment or {})}
        self._joins = joins
        self.cluster_id = joins.cluster_id if joins else _cluster_id()
        self._kept_data = data
        self._heap_mib = heap_mib
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port or 0
        self.data = data or Path()

    @property
    def bootstrap(self) -> str:
        """The host and port for `bootstrap.servers`."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def log_file(self) -> Path:
        """Where the broker's own messages go."""
        return self.data / "broker.log"

    def start(self) -> None:
        """Start and wait until it answers; a port lost to somebody else is chosen again."""
        java, jars = prepare()
        if self.data == Path():
            self.data = Path(tempfile.mkdtemp(prefix="penstock-kafka-"))
        self.data.mkdir(parents=True, exist_ok=True)
        try:
            for attempt in range(1, START_TRIES + 1):
                ports = self._ports or _two_ports()
                try:
                    self._start_once(java, jars, ports)
                except BrokerError:
                    if self._ports or attempt == START_TRIES:
                        raise
                else:
                    self._ports = ports
                    return
        except BaseException:
            self.stop()
            raise

    def _start_once(self, java: Java, jars: Path, ports: tuple[int, int]) -> None:
        for port in ports:
            _check_free(port)
        self.port, controller_port = ports
        log_dir = self.data / "kafka"
        properties = self.data / "server.properties"
        template = string.Template((HERE / "server.properties").read_text())
        places = {"port": self.port, "controller_port": controller_port, "log_dir": log_dir}
        settings = self._joining(self._joins) | self._settings if self._joins else self._settings
        more = "".join(f"{name}={value}\n" for name, value in settings.items())
        properties.write_text(template.substitute(places) + more)  # of two, Kafka takes the last

        classpath = ["-cp", f"{jars}/*"]
        if not (log_dir / "meta.properties").exists():
            tool = [java.command, "-XX:TieredStopAtLevel=1", *classpath, "kafka.tools.StorageTool"]
            arguments = ["format", "-t", self.cluster_id, "-c", str(properties)]
            arguments += [] if self._joins else ["--standalone"]
            run([*tool, *arguments], "formatting Kafka's storage", 60)

        memory = [f"-Xmx{self._heap_mib}m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"]
        level = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        command = [java.command, *memory, level, *classpath, "kafka.Kafka", str(properties)]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.data,
                env=self._environment,
                start_new_session=True,  # a Ctrl-C is for the one who started us
                preexec_fn=_end_with_parent,
            )
        self._wait_until_ready()

    def _joining(self, other: Broker) -> dict[str, str]:
        """What makes it a broker alone, beside another that is the controller as well."""
        assert other._ports is not None, "the other one has been started"
        return {
            "process.roles": "broker",
            "node.id": str(self.port),  # nobody else has it
            "listeners": f"BROKER://{HOST}:{self.port}",
            "advertised.listeners": f"BROKER://{HOST}:{self.port}",
            "controller.quorum.bootstrap.servers": f"{HOST}:{other._ports[1]}",
        }

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise BrokerError(f"Kafka ended while starting:\n{self._log_tail()}")
            if answers(HOST, self.port):
                return
            time.sleep(0.05)
        self.kill()
        raise BrokerError(f"Kafka did not answer in {READY_TIMEOUT_S} s:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        if not self.log_file.exists():
            return "(it wrote nothing)"
        return self.log_file.read_text(errors="replace")[-4000:]

    def wait(self) -> int:
        """Wait until the process ends by itself, and return its exit code."""
        return self._process.wait() if self._process else 0

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self._end(signal.SIGKILL, STOP_TIMEOUT_S)

    def terminate(self) -> None:
        """End it cleanly, and keep its data; `start` goes on with them."""
        self._end(signal.SIGTERM, STOP_TIMEOUT_S)

    def stop(self) -> None:
        """End it cleanly, by force if it takes too long, and delete its temporary data."""
        try:
            self._end(signal.SIGTERM, STOP_TIMEOUT_S)
        finally:
            if self._kept_data is None and self.data != Path():
                shutil.rmtree(self.data, ignore_errors=True)
                self.data = Path()

    def _end(self, how: signal.Signals, timeout_s: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.send_signal(how)
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        except BaseException:  # an impatient second Ctrl-C
            process.kill()
            process.wait()
            raise

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def answers(host: str, port: int, *, timeout_s: float = 2.0) -> bool:
    """Tell whether a broker that has joined its cluster answers a Metadata request there."""
    body = struct.pack(">hhih4si", 3, 1, 1, 4, b"wait", 0)  # Metadata v1, id 1, no topics
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            head = _read_exactly(connection, 12)
    except OSError:
        return False
    _size, correlation_id, broker_count = struct.unpack(">iii", head)
    return correlation_id == 1 and broker_count >= 1


def _read_exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise ConnectionError("closed early")
        data += chunk
    return data


def _two_ports() -> tuple[int, int]:
    [first] = free_ports(1)
    return first, first + 1


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses, nor gets by chance while their server is away for a moment: they lie
    below those that systems give to whoever names none. The one behind each is free as well.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(15_000, 32_000, 2)
        with contextlib.suppress(BrokerError):
            _check_free(port)
            _check_free(port + 1)
            if port not in found:
                found.append(port)
    return found


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise BrokerError(f"port {port} on {HOST} is not free: {error}") from None


def _cluster_id() -> str:
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):  # the tool would take it for an option
            return text


def _make_end_with_parent() -> Callable[[], object] | None:
    """On Linux, have the kernel end the broker should its parent die without a goodbye."""
    if sys.platform != "linux":
        return None
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return None
    pr_set_pdeathsig = 1
    return lambda: prctl(pr_set_pdeathsig, int(signal.SIGTERM))


_end_with_parent = _make_end_with_parent()


# --- the command line -----------------------------------------------------------------------------


@contextlib.contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(arguments: list[str] | None = None) -> int:
    """Run the broker in the foreground until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Run one Kafka broker on this machine.")
    parser.add_argument("--port", type=int, default=9092, help="Kafka's port (default 9092)")
    parser.add_argument(
        "--data", type=Path, default=BUILD / "data", help="folder for its data, kept between runs"
    )
    parser.add_argument("--heap-mib", type=int, default=768, help="Java heap (default 768)")
    parser.add_argument("--prepare", action="store_true", help="only fetch what it needs")
    options = parser.parse_args(arguments)
    try:
        with _terminate_as_interrupt():
            if options.prepare:
                prepare()
                return 0
            broker = Broker(
                port=options.port, data=options.data.resolve(), heap_mib=options.heap_mib
            )
            with broker:
                say(f"Kafka is ready on {broker.bootstrap}; data in {broker.data}")
                say("Ctrl-C stops it")
                code = broker.wait()
                raise BrokerError(f"Kafka ended by itself ({code}); see {broker.log_file}")
    except KeyboardInterrupt:
        say("stopped")
        return 0
    except BrokerError as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
