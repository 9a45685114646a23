"""The composition root: log, stores, processor and gateway in one process, opened in order and
closed in reverse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from starlette.applications import Starlette

from penstock.config import Config
from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.errors import Outdated
from penstock.gateway.app import make_app
from penstock.gateway.load import Limits
from penstock.gateway.nodes import Nodes
from penstock.log.port import EngineLog, Member
from penstock.processor.directory import (
    Belongs,
    CannotStart,
    belonging,
    check_log,
    folding_in,
    mark,
    staging_in,
)
from penstock.processor.disk import MIB, Disk
from penstock.processor.preflight import look_at_disk, preflight
from penstock.processor.processor import Processor
from penstock.processor.recovery import Opener
from penstock.processor.snapshots.parts import snapshot_parts
from penstock.processor.snapshots.restorer import Restorer
from penstock.processor.verify import Verified, Verifier, forget_verifications
from penstock.server.opening import (
    belongs_of,
    failpoints_of,
    known_of,
    limits_of,
    lock_wait_s,
    log_of,
    owners_of,
    place_of,
    schedule_of,
    security_of,
    standbys_of_node,
)
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import RowStore


class Parts(Struct, frozen=True):
    """What a server is made of."""

    belongs: Belongs
    log: EngineLog
    avro: Avro
    topics: Topics
    processor: Processor
    app: Starlette
    hand_over: Callable[[], None] | None = None


@contextmanager
def parts(config: Config, *, limits: Limits | None = None, url: str = "") -> Generator[Parts]:
    """All parts, with the processor running; `url` is where others reach this node. The data
    directory must be locked.
    """
    failpoints = failpoints_of(config.failpoints)
    with ExitStack() as closing:
        belongs = belongs_of(config)
        topics = Topics(belongs.cluster, belongs.partitions)
        disk = Disk(config.data, config.disk_free_mib * MIB)
        look_at_disk(disk)
        log = log_of(config, belongs, topics, url)
        closing.callback(log.close)
        _know_again(config.data, belongs, log, topics)
        forget_verifications(staging_in(config.data))
        avro = Avro()
        snapshots = closing.enter_context(
            snapshot_parts(
                place_of(config),
                log=log,
                schedule=schedule_of(config),
                truncate_log=config.truncate_log,
                failpoints=failpoints,
            )
        )
        opener = _opener(config, log, avro, topics, snapshots.restorer)
        owners = owners_of(config, belongs, topics, url)
        processor = Processor(
            log=log,
            avro=avro,
            topics=topics,
            opener=opener,
            failpoints=failpoints,
            stale_after_s=_stale_after_s(config),
            snapshots=snapshots.snapshotter,
            disk=disk,
            standbys=standbys_of_node(config, owners, url, log, avro, opener),
            known=known_of(config, owners),
        )
        app = make_app(
            processor=processor,
            log=log,
            avro=avro,
            topics=topics,
            limits=limits or limits_of(config),
            nodes=None if owners is None else Nodes(owners, url, standbys=config.standbys),
            data=config.data,
            security=security_of(config),
        )
        closing.callback(processor.stop)
        processor.start()
        hand_over = None if config.own is not None else _hand_over(processor, log)
        yield Parts(belongs, log, avro, topics, processor, app, hand_over)


def _opener(
    config: Config, log: EngineLog, avro: Avro, topics: Topics, restorer: Restorer | None
) -> Opener:
    return Opener(
        log=log,
        avro=avro,
        topics=topics,
        stores=RocksStores(config.data / "stores", log.partitions),
        lock_wait_s=lock_wait_s(config),
        adopt_log=config.adopt_log,
        restorer=restorer,
        folding=folding_in(config.data),
    )


def _stale_after_s(config: Config) -> float:
    """After how long without its log somebody else may have what this process has: never, where it
    is not a group that gives it.
    """
    alone = config.kafka is None or config.own is not None
    return math.inf if alone else config.session_timeout_ms / 1_000


def _know_again(data: Path, belongs: Belongs, log: EngineLog, topics: Topics) -> None:
    """See that the log is fit, and the one that the directory was made with."""
    if belongs.topic_id:
        check_log(data, belongs, log.topic_id)
    try:
        preflight(log, topics)
    except Outdated as error:
        raise CannotStart(str(error)) from error
    mark(data, replace(belongs, topic_id=log.topic_id))


def verify(config: Config) -> list[Verified]:
    """Compare the stores of a data directory that no server has open with their log."""
    belongs = belonging(config.data)
    if not belongs.embedded and config.kafka is None:
        raise CannotStart(f"{config.data} belongs to a log on Kafka; say where with --kafka")
    with ExitStack() as closing:
        topics = Topics(belongs.cluster, belongs.partitions)
        log = log_of(config, belongs, topics)
        closing.callback(log.close)
        verifier = Verifier(log, Avro(), topics, place_of(config), staging_in(config.data))
        found: list[Verified] = []
        for number in range(belongs.partitions):
            if (config.data / "stores" / f"partition-{number}").exists():
                store = RowStore(RocksStores(config.data / "stores").open(number))
                closing.callback(store.close)
                found += verifier.verify(number, store.view())
        return found


def _hand_over(processor: Processor, log: EngineLog) -> Callable[[], None] | None:
    """Have the other members of the group take over at once."""
    if not isinstance(log, Member):
        return None

    def hand_over() -> None:
        processor.stop(leave=log.leave)

    return hand_over
