"""Fault 50: a Kafka that is set up wrongly is refused, and each setting is named (R16)."""

from collections.abc import Mapping

import pytest

from penstock.contracts.topics import Topics, TopicSettings
from penstock.log.kafka import KafkaEngineLog
from penstock.log.kafka.survey import judged
from penstock.log.kafka.topics import KafkaTopics, TopicFound
from penstock.log.port import LogFatal
from penstock.processor.preflight import preflight

PARTITIONS = 2
GOOD = {"max.message.bytes": "1048588", "min.insync.replicas": "2"}


def refusal(bootstrap: str, topics: Topics, name: str, **changed: str) -> str:
    """Make one topic otherwise than it should be; what preflight says."""
    [wanted] = [one for one in topics.fixed() if one.name == name]
    settings = dict(wanted.config) | {key.replace("_", "."): to for key, to in changed.items()}
    partitions = int(settings.pop("partitions", wanted.partitions))
    KafkaTopics(bootstrap, {}, None).make(TopicSettings(name, partitions, settings))
    with pytest.raises(LogFatal) as refused:
        run_preflight(bootstrap, topics)
    return str(refused.value)


def run_preflight(bootstrap: str, topics: Topics) -> None:
    log = KafkaEngineLog(
        bootstrap,
        commands=topics.commands,
        partitions=topics.partitions,
        on_demand=topics.on_demand,
        group=f"{topics.cluster}.engine",
    )
    try:
        preflight(log, topics)
    finally:
        log.close()


def test_what_is_right_is_taken_and_one_replica_is_told(
    kafka_bootstrap: str, cluster_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    run_preflight(kafka_bootstrap, Topics(cluster_name, PARTITIONS))
    [warning] = [record.message for record in caplog.records if "replica" in record.message]
    assert f"{cluster_name}.commands" in warning


@pytest.mark.fault(50)
def test_each_wrong_setting_of_commands_is_named(kafka_bootstrap: str, cluster_name: str) -> None:
    topics = Topics(cluster_name, PARTITIONS)
    said = refusal(
        kafka_bootstrap,
        topics,
        topics.commands,
        message_timestamp_type="CreateTime",
        retention_ms="1000",
        retention_bytes="1000",
        partitions="3",
    )
    assert "message.timestamp.type=CreateTime, not LogAppendTime" in said
    assert "retention.ms=1000, not -1" in said
    assert "retention.bytes=1000, not -1" in said
    assert "3 partitions, not 2" in said


def test_small_records_are_refused(kafka_bootstrap: str, cluster_name: str) -> None:
    topics = Topics(cluster_name, PARTITIONS)
    said = refusal(kafka_bootstrap, topics, topics.events, max_message_bytes="1000")
    assert f"{topics.events} has max.message.bytes=1000" in said


def test_more_in_sync_than_there_are_is_refused(kafka_bootstrap: str, cluster_name: str) -> None:
    topics = Topics(cluster_name, PARTITIONS)
    said = refusal(kafka_bootstrap, topics, topics.verdicts, min_insync_replicas="2")
    assert f"{topics.verdicts} has min.insync.replicas=2 and 1 replicas" in said


@pytest.mark.parametrize(
    ("has", "replicas", "wrong", "doubtful"),
    [
        (GOOD, 3, "", ""),
        (GOOD | {"min.insync.replicas": "1"}, 3, "", "min.insync.replicas=1"),
        (GOOD | {"unclean.leader.election.enable": "true"}, 3, "", "unclean.leader.election"),
        (GOOD, 1, "nothing can be written", "one replica"),
        (GOOD | {"max.message.bytes": "1048587"}, 3, "max.message.bytes=1048587", ""),
    ],
)
def test_how_settings_are_judged(
    has: Mapping[str, str], replicas: int, wrong: str, doubtful: str
) -> None:
    found = TopicFound("id", PARTITIONS, has_leaders=True, replicas=replicas)
    refused, told = judged(TopicSettings("x", PARTITIONS), found, has)
    assert bool(refused) == bool(wrong) and wrong in "; ".join(refused)
    assert bool(told) == bool(doubtful) and doubtful in "; ".join(told)
