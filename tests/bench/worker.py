"""The worker: takes tasks and reports them, with nothing to do in between."""

from __future__ import annotations

from typing import Final

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics, task_group
from penstock.contracts.wire import Sent, outgoing
from penstock.core.state.outputs import ScheduledTask
from penstock.log.kafka import KafkaConsumer, KafkaProducer
from penstock.sdk import Worker, task
from penstock.server.tuning import tune
from tests.bench.process import READY, BenchError, Parent
from tests.bench.transport import PortSink, PortSource, RawSink, RawSource, Sink, Source
from tests.bench.workflows import TASK_DEF, TENANT, report_of

POLL_S: Final = 0.2


def work(parent: Parent, *, avro: Avro, topics: Topics, source: Source, sink: Sink) -> None:
    """Report every task as done until told to stop."""
    while not parent.stop.is_set():
        values = source.poll(POLL_S)
        for value in values:
            scheduled, _ = avro.decode(value)
            if not isinstance(scheduled, ScheduledTask):
                raise BenchError(f"a {type(scheduled).__name__} is no task")
            report = report_of(scheduled)
            out = outgoing(avro, Sent(command=report, principal="bench"), None)
            sink.append(
                topics.commands, out.key, out.value, out.headers, scheduled.report_partition
            )
        sink.sent()
        if values:
            source.done()


def run_bare_worker(parent: Parent, bootstrap: str, cluster: str, partitions: int) -> None:
    """A bare loop on the log port."""
    topics = Topics(cluster, partitions)
    topic = topics.task(TENANT, TASK_DEF)
    source = PortSource(KafkaConsumer(bootstrap, topic, task_group(topics, TENANT, TASK_DEF)))
    sink = PortSink(KafkaProducer(bootstrap))
    parent.tell(READY)
    work(parent, avro=Avro(), topics=topics, source=source, sink=sink)
    source.close()
    sink.close()


def run_sdk_worker(parent: Parent, bootstrap: str, cluster: str, partitions: int) -> None:
    """The worker that users have."""
    with Worker(task(name=TASK_DEF)(_echo), url=f"kafka://{bootstrap}/{cluster}"):
        parent.tell(READY)
        parent.stop.wait()


def _echo(text: str) -> str:
    return text


def run_raw_worker(
    parent: Parent, bootstrap: str, cluster: str, partitions: int, linger_ms: float
) -> None:
    """A worker of the ceiling: nothing but confluent-kafka and Avro."""
    topics = Topics(cluster, partitions)
    source = RawSource(bootstrap, topics.task(TENANT, TASK_DEF), partitions)
    sink = RawSink(bootstrap, linger_ms)
    tune()
    parent.tell(READY)
    work(parent, avro=Avro(), topics=topics, source=source, sink=sink)
    source.close()
    sink.close()
