"""The composition root: log, stores, processor and gateway in one process, opened in order and
closed in reverse.
"""

from __future__ import annotations

import asyncio
import gc
import math
import signal
import socket
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Final, Protocol

from msgspec import Struct
from starlette.applications import Starlette

from penstock.config import PARTITIONS_DEFAULT, PORT_DEFAULT, Config
from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.gateway.app import drain, make_app
from penstock.gateway.load import Limits
from penstock.gateway.nodes import FixedOwners, Nodes
from penstock.gateway.readiness import unanswered
from penstock.gateway.serve import http_server, listen, loop_factory, url_of
from penstock.gateway.web import Gateway
from penstock.log.port import EngineLog, Member
from penstock.processor.directory import (
    Belongs,
    CannotStart,
    belongs_to,
    clear,
    locked,
    mark,
    set_listening,
)
from penstock.processor.disk import MIB, Disk
from penstock.processor.failpoints import Failpoints
from penstock.processor.preflight import look_at_disk, preflight
from penstock.processor.processor import Processor
from penstock.processor.recovery import Opener
from penstock.processor.snapshots.bringing import Place
from penstock.processor.snapshots.parts import open_place, snapshot_parts
from penstock.processor.snapshots.snapshotter import Schedule
from penstock.processor.verify import Verified, Verifier
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import RowStore

DEV_LOCK_WAIT_S: Final = 2.0
LOOK_S: Final = 0.1
GC_THRESHOLDS: Final = (100_000, 50, 100)
"""Rows and records make much garbage and no cycles: looking for cycles less often saves a tenth."""
SWITCH_S: Final = 0.0005  # the fold and the event loop wait for each other often, and not long


class Parts(Struct, frozen=True):
    """What a server is made of."""

    belongs: Belongs
    log: EngineLog
    avro: Avro
    topics: Topics
    processor: Processor
    app: Starlette
    hand_over: Callable[[], None] | None = None


class Beside(Protocol):
    """What runs in a server's process beside it, and reaches it as others do."""

    def start(self, url: str) -> None:
        """The server is ready. Returns at once."""
        ...

    def stop(self) -> None:
        """The server is about to stop. Returns at once; may be called more than once."""
        ...


def run(config: Config, tell: Callable[[str], None], beside: Beside | None = None) -> int:
    """Run a server until a signal ends it; the exit code. Raises CannotStart or a LogError before
    it runs.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(*GC_THRESHOLDS)
    with locked(config.data, _lock_wait_s(config)), _socket(config) as listener:
        set_listening(config.data, None)  # what a killed server said does not hold any more
        if config.fresh:
            clear(config.data)
        url = url_of(listener)
        with parts(config, url=config.advertise or url) as made:
            _tell_what_runs(config, made.belongs, url, tell)

            def ready() -> None:
                set_listening(config.data, url)
                tell("ready; Ctrl-C stops")
                if beside is not None:
                    beside.start(url)

            def stopping() -> None:
                if beside is not None:
                    beside.stop()

            try:
                with asyncio.Runner(loop_factory=loop_factory()) as runner:
                    notice_s = config.drain_notice_s
                    return runner.run(_serve(made, listener, tell, ready, stopping, notice_s))
            finally:
                set_listening(config.data, None)


@contextmanager
def parts(config: Config, *, limits: Limits | None = None, url: str = "") -> Generator[Parts]:
    """All parts, with the processor running; `url` is where others reach this node. The data
    directory must be locked.
    """
    failpoints = _failpoints(config.failpoints)
    with ExitStack() as closing:
        belongs = _belongs(config)
        topics = Topics(belongs.cluster, belongs.partitions)
        disk = Disk(config.data, config.disk_free_mib * MIB)
        look_at_disk(disk)
        log = log_of(config, belongs, topics, url)
        closing.callback(log.close)
        preflight(log, topics)
        mark(config.data, belongs)
        avro = Avro()
        snapshots = closing.enter_context(
            snapshot_parts(
                _place(config),
                log=log,
                schedule=_schedule(config),
                truncate_log=config.truncate_log,
                failpoints=failpoints,
            )
        )
        opener = Opener(
            log=log,
            avro=avro,
            topics=topics,
            stores=RocksStores(config.data / "stores"),
            lock_wait_s=_lock_wait_s(config),
            adopt_log=config.adopt_log,
            restorer=snapshots.restorer,
        )
        processor = Processor(
            log=log,
            avro=avro,
            topics=topics,
            opener=opener,
            failpoints=failpoints,
            stale_after_s=math.inf if config.kafka is None else config.session_timeout_ms / 1_000,
            snapshots=snapshots.snapshotter,
            disk=disk,
        )
        app = make_app(
            processor=processor,
            log=log,
            avro=avro,
            topics=topics,
            limits=limits or _limits(config),
            nodes=_nodes(config, belongs, topics, url),
            data=config.data,
        )
        closing.callback(processor.stop)
        processor.start()
        hand_over = None if config.own is not None else _hand_over(processor, log)
        yield Parts(belongs, log, avro, topics, processor, app, hand_over)


def verify(config: Config) -> list[Verified]:
    """Compare the stores of a data directory that no server has open with their log."""
    belongs = belongs_to(config.data)
    if belongs is None:
        raise CannotStart(f"{config.data} is no data directory: it has no cluster.json")
    if not belongs.embedded and config.kafka is None:
        raise CannotStart(f"{config.data} belongs to a log on Kafka; say where with --kafka")
    with ExitStack() as closing:
        topics = Topics(belongs.cluster, belongs.partitions)
        log = log_of(config, belongs, topics)
        closing.callback(log.close)
        verifier = Verifier(log, Avro(), topics, _place(config))
        found: list[Verified] = []
        for number in range(belongs.partitions):
            if (config.data / "stores" / f"partition-{number}").exists():
                store = RowStore(RocksStores(config.data / "stores").open(number))
                closing.callback(store.close)
                found += verifier.verify(number, store.view())
        return found


def _place(config: Config) -> Place | None:
    """Where snapshots are kept."""
    if config.snapshots is None:
        return None
    stores = RocksStores(config.data / "stores")
    return open_place(config.snapshots, stores, config.data / "staging")


def _schedule(config: Config) -> Schedule:
    return Schedule(
        every_s=config.snapshot_every_s,
        every_records=config.snapshot_records,
        keep=config.snapshots_kept,
    )


def _limits(config: Config) -> Limits:
    return Limits(
        in_flight_max=config.in_flight_max,
        lag_records_max=config.lag_max,
        blocking_appends=config.sync,
        metrics_names=config.metrics_names,
    )


def _lock_wait_s(config: Config) -> float:
    return DEV_LOCK_WAIT_S if config.kafka is None else config.session_timeout_ms / 1_000


def _belongs(config: Config) -> Belongs:
    """What the data directory belongs to; of a new one, what it will."""
    belongs = belongs_to(config.data)
    if belongs is None:
        partitions = partitions_on_kafka(config) or config.partitions or PARTITIONS_DEFAULT
        belongs = Belongs(config.cluster, partitions, config.kafka is None)
    if belongs.embedded != (config.kafka is None):
        other = "an embedded log" if belongs.embedded else "a log on Kafka"
        raise CannotStart(f"{config.data} belongs to {other}; name another directory with --data")
    if belongs.cluster != config.cluster:
        raise CannotStart(
            f"{config.data} belongs to the cluster {belongs.cluster!r}, not {config.cluster!r}"
        )
    foreign = [one for one in (*(config.own or ()), *config.peers) if one >= belongs.partitions]
    if foreign:
        raise CannotStart(
            f"there is no partition {foreign[0]} to own: the log has {belongs.partitions}"
        )
    if config.partitions not in (None, belongs.partitions):
        raise CannotStart(
            f"the log has {belongs.partitions} partitions, not {config.partitions}: their number is"
            " fixed when it is made"
        )
    return belongs


def partitions_on_kafka(config: Config) -> int | None:
    """How many partitions the commands topic has, if there is one on Kafka."""
    from penstock.log.kafka.topics import KafkaTopics

    if config.kafka is None:
        return None
    asked = KafkaTopics(config.kafka, config.kafka_settings, None)
    return asked.partitions_of(Topics(config.cluster, 1).commands)


def log_of(config: Config, belongs: Belongs, topics: Topics, url: str = "") -> EngineLog:
    """The log that a data directory belongs to."""
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
        group=_group(belongs),
        settings=config.kafka_settings,
        session_timeout_ms=config.session_timeout_ms,
        assignment=config.own,
        client_id=url,
    )


def _group(belongs: Belongs) -> str:
    return f"{belongs.cluster}.engine"


def _nodes(config: Config, belongs: Belongs, topics: Topics, url: str) -> Nodes | None:
    """Who else there is; None if nobody can be."""
    if config.kafka is None or not url:
        return None
    if config.own is not None:
        return Nodes(FixedOwners(url, frozenset(config.own), config.peers), url)
    from penstock.log.kafka import KafkaOwners

    owners = KafkaOwners(
        config.kafka,
        settings=config.kafka_settings,
        group=_group(belongs),
        commands=topics.commands,
    )
    return Nodes(owners, url)


def _hand_over(processor: Processor, log: EngineLog) -> Callable[[], None] | None:
    """Have the other members of the group take over at once."""
    if not isinstance(log, Member):
        return None

    def hand_over() -> None:
        processor.stop()
        log.leave()

    return hand_over


def _failpoints(armed: str) -> Failpoints:
    try:
        return Failpoints(armed)
    except ValueError as error:
        raise CannotStart(str(error)) from error


def _socket(config: Config) -> socket.socket:
    """A listening socket; a free port is taken in place of the default one only."""
    ports = [PORT_DEFAULT, 0] if config.port is None else [config.port]
    try:
        return listen(config.host, ports)
    except OSError as error:
        raise CannotStart(
            f"can not listen on {config.host}:{ports[-1]}: {error.strerror}"
        ) from error


def _tell_what_runs(
    config: Config, belongs: Belongs, url: str, tell: Callable[[str], None]
) -> None:
    log = f"Kafka at {config.kafka}" if config.kafka else f"embedded, in {config.data / 'log'}"
    tell(f"penstock, cluster {belongs.cluster}")
    tell(f"  http    {url}")
    tell(f"  log     {log}, {belongs.partitions} partitions")
    tell(f"  stores  {config.data / 'stores'}")
    if config.snapshots is not None:
        tell(f"  snapshots in {config.snapshots}, every {config.snapshot_every_s:g} s")


async def _serve(
    made: Parts,
    listener: socket.socket,
    tell: Callable[[str], None],
    ready: Callable[[], None],
    stopping: Callable[[], None],
    notice_s: float,
) -> int:
    """Serve until a signal, or until the processor can not go on.

    A signal drains: readiness is red at once; for `notice_s` whoever sends requests here may see
    it; then no connection is taken any more, and those that are there have DRAIN_S to end. If there
    are other nodes they get the partitions at once; else these are let go of when this has
    returned. A second signal waits for nothing.
    """
    server = http_server(made.app)
    loop = asyncio.get_running_loop()
    gateway: Gateway = made.app.state.gateway
    handing: list[asyncio.Task[None]] = []

    def stop_listening() -> None:
        server.should_exit = True

    def stop() -> None:
        stopping()
        if gateway.load.draining:
            server.force_exit = server.should_exit = True
            return
        drain(gateway)
        handing.append(loop.create_task(_hand_over_to_others(made)))
        if made.processor.failure is None and notice_s > 0:
            loop.call_later(notice_s, stop_listening)
        else:
            stop_listening()

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop)
    looking = [
        loop.create_task(_tell_when_open(made, tell, ready)),
        loop.create_task(_stop_when_failed(made.processor, stop)),
    ]
    await server.serve(sockets=[listener])
    for task in looking:
        task.cancel()
    await asyncio.gather(*handing)
    failure = made.processor.failure
    if failure is not None:
        tell(f"penstock: the processor has stopped: {failure!r}")
        return 1
    return 0


async def _tell_when_open(
    made: Parts, tell: Callable[[str], None], ready: Callable[[], None]
) -> None:
    """Wait until all partitions are open, here or with others."""
    while await unanswered(made.app.state.gateway):
        await asyncio.sleep(LOOK_S)
    for number, stopped in sorted(made.processor.stopped.items()):
        tell(f"penstock: partition {number} is stopped: {stopped}")
    ready()


async def _hand_over_to_others(made: Parts) -> None:
    """Let the others have the partitions while requests come to their end: what is under way goes
    on there. Whoever is alone keeps them until nobody asks any more.
    """
    gateway: Gateway = made.app.state.gateway
    nodes = gateway.forwarder.nodes
    if nodes is None or made.hand_over is None:
        return
    if (await nodes.look()).members - {nodes.here}:
        await asyncio.to_thread(made.hand_over)


async def _stop_when_failed(processor: Processor, stop: Callable[[], None]) -> None:
    """Stop all when the processor can not go on."""
    while processor.failure is None:
        await asyncio.sleep(LOOK_S)
    stop()
