"""The composition root: log, stores, processor and gateway in one process, opened in order and closed in reverse.

DIR/lock          held by the process that has the directory
DIR/log           the embedded log, if there is no Kafka
DIR/stores/       a store for each partition
DIR/cluster.json  what the directory belongs to: fixed when it is made
DIR/server.json   where the server that runs on it listens
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import shutil
import signal
import socket
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec
import uvicorn
from msgspec import Struct
from starlette.applications import Starlette

from penstock.config import PARTITIONS_DEFAULT, PORT_DEFAULT, Config
from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.gateway.app import make_app, release
from penstock.gateway.engine import Limits
from penstock.log.port import EngineLog
from penstock.processor.failpoints import Failpoints
from penstock.processor.processor import Processor
from penstock.processor.recovery import Opener
from penstock.processor.verify import Verified, verify_view
from penstock.store.port import StoreError
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import RowStore

DEV_LOCK_WAIT_S: Final = 2.0
LOOK_S: Final = 0.1
DRAIN_S: Final = 5


class CannotStart(Exception):
    """The server can not be started like this; the message says why and what to do."""


class Belongs(Struct, frozen=True):
    """What a data directory belongs to."""

    cluster: str
    partitions: int
    embedded: bool


class Listening(Struct, frozen=True):
    """Where the server of a data directory listens."""

    url: str


class Parts(Struct, frozen=True):
    """What a server is made of."""

    belongs: Belongs
    log: EngineLog
    avro: Avro
    topics: Topics
    processor: Processor
    app: Starlette


def run(config: Config, tell: Callable[[str], None]) -> int:
    """Run a server until a signal ends it; the exit code. Raises CannotStart or a LogError before it runs."""
    with locked(config.data, _lock_wait_s(config)), _socket(config) as listener:
        if config.fresh:
            _clear(config.data)
        url = _url(listener)
        with parts(config) as made:
            _tell_what_runs(config, made.belongs, url, tell)
            (config.data / "server.json").write_bytes(msgspec.json.encode(Listening(url)))
            try:
                with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                    return runner.run(_serve(made, listener, tell))
            finally:
                (config.data / "server.json").unlink(missing_ok=True)


@contextmanager
def parts(config: Config, *, limits: Limits | None = None) -> Generator[Parts]:
    """All parts, with the processor running. The data directory must be locked."""
    failpoints = _failpoints(config.failpoints)
    with ExitStack() as closing:
        belongs = _belongs(config)
        topics = Topics(belongs.cluster, belongs.partitions)
        log = _open_log(config, belongs, topics)
        closing.callback(log.close)
        log.ensure_topics(topics.fixed())
        avro = Avro()
        opener = Opener(
            log=log,
            avro=avro,
            topics=topics,
            stores=RocksStores(config.data / "stores"),
            lock_wait_s=_lock_wait_s(config),
            adopt_log=config.adopt_log,
        )
        processor = Processor(
            log=log, avro=avro, topics=topics, opener=opener, failpoints=failpoints
        )
        app = make_app(
            processor=processor,
            log=log,
            avro=avro,
            topics=topics,
            limits=limits or Limits(blocking_appends=config.sync),
        )
        closing.callback(processor.stop)
        processor.start()
        yield Parts(belongs, log, avro, topics, processor, app)


def verify(config: Config) -> list[Verified]:
    """Compare the stores of a data directory that no server has open with their log."""
    file = config.data / "cluster.json"
    if not file.exists():
        raise CannotStart(f"{config.data} is no data directory: it has no cluster.json")
    belongs = msgspec.json.decode(file.read_bytes(), type=Belongs)
    if not belongs.embedded and config.kafka is None:
        raise CannotStart(f"{config.data} belongs to a log on Kafka; say where with --kafka")
    with ExitStack() as closing:
        topics = Topics(belongs.cluster, belongs.partitions)
        log = _open_log(config, belongs, topics)
        closing.callback(log.close)
        avro, found = Avro(), list[Verified]()
        for number in range(belongs.partitions):
            if (config.data / "stores" / f"partition-{number}").exists():
                store = RowStore(RocksStores(config.data / "stores").open(number))
                closing.callback(store.close)
                view = store.view()
                found.append(
                    verify_view(log=log, avro=avro, topics=topics, number=number, view=view)
                )
        return found


def listening(data: Path) -> str | None:
    """Where the server that has a data directory says that it listens."""
    with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
        return msgspec.json.decode((data / "server.json").read_bytes(), type=Listening).url
    return None


@contextmanager
def locked(data: Path, wait_s: float) -> Generator[None]:
    """Hold a data directory; wait a while for a process that is ending, and take it from nobody."""
    data.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_s
    with (data / "lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() >= deadline:
                    where = listening(data)
                    raise CannotStart(
                        f"{data} is in use by another process"
                        + (f", which listens on {where}" if where else "")
                        + "; stop it, or name another directory with --data"
                    ) from error
                time.sleep(LOOK_S)
        yield


def _lock_wait_s(config: Config) -> float:
    return DEV_LOCK_WAIT_S if config.kafka is None else config.session_timeout_ms / 1_000


def _clear(data: Path) -> None:
    """Begin anew: only what we have made is removed."""
    for name in ("log", "stores"):
        shutil.rmtree(data / name, ignore_errors=True)
    (data / "cluster.json").unlink(missing_ok=True)


def _belongs(config: Config) -> Belongs:
    """What the data directory belongs to; a new one is marked."""
    file = config.data / "cluster.json"
    if not file.exists():
        partitions = config.partitions or PARTITIONS_DEFAULT
        if config.kafka is not None:
            partitions = _partitions_on_kafka(config) or partitions
        made = Belongs(config.cluster, partitions, config.kafka is None)
        file.write_bytes(msgspec.json.encode(made))
    belongs = msgspec.json.decode(file.read_bytes(), type=Belongs)
    if belongs.embedded != (config.kafka is None):
        other = "an embedded log" if belongs.embedded else "a log on Kafka"
        raise CannotStart(f"{config.data} belongs to {other}; name another directory with --data")
    if belongs.cluster != config.cluster:
        raise CannotStart(
            f"{config.data} belongs to the cluster {belongs.cluster!r}, not {config.cluster!r}"
        )
    if config.partitions not in (None, belongs.partitions):
        raise CannotStart(
            f"the log has {belongs.partitions} partitions, not {config.partitions}: their number is"
            " fixed when it is made"
        )
    return belongs


def _partitions_on_kafka(config: Config) -> int | None:
    """How many partitions the commands topic has, if there is one."""
    from penstock.log.kafka_topics import KafkaTopics, TopicFound

    assert config.kafka is not None, "asked of Kafka only"
    name = Topics(config.cluster, 1).commands
    found = KafkaTopics(config.kafka, config.kafka_settings, None).describe([name])[name]
    return found.partitions if isinstance(found, TopicFound) else None


def _open_log(config: Config, belongs: Belongs, topics: Topics) -> EngineLog:
    if config.kafka is None:
        from penstock.log.embedded import EmbeddedLog

        return EmbeddedLog(
            config.data / "log",
            commands=topics.commands,
            partitions=belongs.partitions,
            on_demand=topics.on_demand,
            sync=config.sync,
        )
    from penstock.log.kafka import KafkaEngineLog

    return KafkaEngineLog(
        config.kafka,
        commands=topics.commands,
        partitions=belongs.partitions,
        on_demand=topics.on_demand,
        group=f"{belongs.cluster}.engine",
        settings=config.kafka_settings,
        session_timeout_ms=config.session_timeout_ms,
    )


def _failpoints(armed: str) -> Failpoints:
    try:
        return Failpoints(armed)
    except ValueError as error:
        raise CannotStart(str(error)) from error


def _socket(config: Config) -> socket.socket:
    """A listening socket; a free port is taken in place of the default one only."""
    ports = [PORT_DEFAULT, 0] if config.port is None else [config.port]
    for port in ports:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((config.host, port))
            listener.listen(2048)
            return listener
        except OSError as error:
            listener.close()
            if port == ports[-1]:
                raise CannotStart(
                    f"can not listen on {config.host}:{port}: {error.strerror}"
                ) from error
    raise AssertionError("one of the ports is the last")


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"


def _tell_what_runs(
    config: Config, belongs: Belongs, url: str, tell: Callable[[str], None]
) -> None:
    log = f"Kafka at {config.kafka}" if config.kafka else f"embedded, in {config.data / 'log'}"
    tell(f"penstock, cluster {belongs.cluster}")
    tell(f"  http    {url}")
    tell(f"  log     {log}, {belongs.partitions} partitions")
    tell(f"  stores  {config.data / 'stores'}")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


class HttpServer(uvicorn.Server):
    """Uvicorn, with the signals left to us: the processor is stopped after the last request, not killed."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take no signal."""
        yield


def http_server(app: Starlette) -> HttpServer:
    """A server for an application."""
    return HttpServer(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=DRAIN_S,
        )
    )


async def _serve(made: Parts, listener: socket.socket, tell: Callable[[str], None]) -> int:
    """Serve until a signal, or until the processor can not go on."""
    server = http_server(made.app)

    def stop() -> None:
        server.force_exit = server.should_exit  # the second time
        server.should_exit = True
        release(made.app.state.gateway)

    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop)
    looking = loop.create_task(_look_after(made.processor, stop, tell))
    await server.serve(sockets=[listener])
    looking.cancel()
    failure = made.processor.failure
    if failure is not None:
        tell(f"penstock: the processor has stopped: {failure!r}")
        return 1
    return 0


async def _look_after(
    processor: Processor, stop: Callable[[], None], tell: Callable[[str], None]
) -> None:
    """Say when the first partitions are open, and stop all when the processor does."""
    ready = False
    while processor.failure is None:
        if not ready and (processor.owned() or processor.stopped):
            ready = True
            for number, stopped in sorted(processor.stopped.items()):
                tell(f"penstock: partition {number} is stopped: {stopped}")
            if processor.owned():
                tell("ready; Ctrl-C stops")
        await asyncio.sleep(LOOK_S)
    stop()


__all__ = [
    "CannotStart",
    "StoreError",
    "http_server",
    "listening",
    "locked",
    "parts",
    "run",
    "verify",
]
