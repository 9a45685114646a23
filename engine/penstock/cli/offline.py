"""What operators look at without a server: the log of a data directory or of Kafka, and the stores
that are there. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from msgspec import Struct

from penstock.config import Config
from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.ids import partition_of_run
from penstock.log.port import EngineLog
from penstock.processor.directory import Belongs, CannotStart, belonging, locked
from penstock.processor.past import Past
from penstock.server import log_of, partitions_on_kafka
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import RowStore, RowView


class Offline(Struct, frozen=True):
    """A log, and views of the stores that there are, by partition."""

    log: EngineLog
    avro: Avro
    topics: Topics
    views: dict[int, RowView]

    def past_of(self, wf_run_id: str) -> tuple[Past, int]:
        """What tells the past of a run, and its partition."""
        number = partition_of_run(wf_run_id, self.topics.partitions)
        past = Past(
            log=self.log,
            avro=self.avro,
            topics=self.topics,
            number=number,
            view=self.views.get(number),
        )
        return past, number


@contextmanager
def opened(config: Config, *, has_data: bool) -> Generator[Offline]:
    """The log and the stores of a data directory; or, without one, the log on Kafka alone. Raises
    CannotStart, also when a server has the directory.
    """
    with ExitStack() as closing:
        if has_data:
            belongs = _of_directory(config)
            closing.enter_context(locked(config.data, 0.0))
        else:
            belongs = _of_kafka(config)
        topics = Topics(belongs.cluster, belongs.partitions)
        log = log_of(config, belongs, topics)
        closing.callback(log.close)
        views: dict[int, RowView] = {}
        for number in range(belongs.partitions) if has_data else ():
            if (config.data / "stores" / f"partition-{number}").exists():
                store = RowStore(RocksStores(config.data / "stores").open(number))
                closing.callback(store.close)
                views[number] = store.view()
        yield Offline(log, Avro(), topics, views)


def _of_directory(config: Config) -> Belongs:
    belongs = belonging(config.data)
    if not belongs.embedded and config.kafka is None:
        raise CannotStart(f"{config.data} belongs to a log on Kafka; say where with --kafka")
    return belongs


def _of_kafka(config: Config) -> Belongs:
    partitions = partitions_on_kafka(config)
    if partitions is None:
        raise CannotStart(f"there is no cluster {config.cluster!r} on Kafka at {config.kafka}")
    return Belongs(config.cluster, partitions, embedded=False)
