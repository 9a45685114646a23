"""Records that a log on Kafka has no more, or not yet, when somebody comes to read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from penstock.log.port import Gone, Message
from tests.contract.logs import PARTITIONS, KafkaLogs, commands, owner, read


@pytest.fixture
def logs(kafka_bootstrap: str, cluster_name: str) -> Iterator[KafkaLogs]:
    made = KafkaLogs(cluster_name, kafka_bootstrap)
    yield made
    made.close()


@pytest.mark.fault(21)
@pytest.mark.parametrize("fixed", [None, range(PARTITIONS)], ids=["member", "fixed"])
def test_of_a_log_that_begins_later_it_is_told_once_what_is_gone(
    logs: KafkaLogs, fixed: Sequence[int] | None
) -> None:
    log = logs.open(assignment=fixed)
    log.deliver(commands(logs, *[b"x"] * 20))
    admin = AdminClient({"bootstrap.servers": logs.bootstrap})
    cut = TopicPartition(f"{logs.cluster}.commands", 0, 10)
    for future in admin.delete_records([cut]).values():
        future.result(10)

    assert log.bounds(0) == (10, 20)
    first = log.read_at(0, 3)
    assert first is not None and first.offset == 10
    owner(log, lambda partition: 10 if partition == 0 else 0)
    assert len(read(log, 10)) == 10
    log.read_from(0, 3)
    with pytest.raises(Gone, match="partition 0 can not be read from 3") as gone:
        read(log, 1)
    assert gone.value.partition == 0
    log.deliver([Message(f"{logs.cluster}.commands", b"k", b"of another", partition=1)])
    assert [one.value for one in read(log, 1, extra_s=0.3)] == [b"of another"]
    log.read_from(0, 10)
    assert [one.offset for one in read(log, 10)] == list(range(10, 20))
