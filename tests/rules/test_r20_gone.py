"""R20 and R14: a partition whose log has not what comes next is stopped by its name, in the process
that runs; the others go on.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from penstock.contracts.topics import Topics
from penstock.core.ids import partition_of_run
from penstock.log.kafka import KafkaProducer
from penstock.log.memory import MemoryLog
from penstock.log.port import Message
from tests.controls import chain
from tests.crash.server import Server
from tests.operations.works import until
from tests.scenarios.driver import Driver
from tests.scenarios.story import register, run
from tests.small_disk import fill, small_disk

SIZE_MIB, FREE_MIB = 64, 16
PARTITIONS = 2
RECORDS = 5


def _on(partition: int) -> str:
    """The id of a run there."""
    names = (f"r{number}" for number in count())
    return next(name for name in names if partition_of_run(name, PARTITIONS) == partition)


def test_r20_records_that_go_while_it_runs_stop_their_partition_alone(memory: Driver) -> None:
    assert isinstance(memory.log, MemoryLog)
    register(memory, "quick", chain())
    for _ in range(RECORDS):
        memory.log.append_and_wait(Message(memory.topics.commands, None, b"noise", partition=1))
    memory.log.truncate(1, memory.log.bounds(1)[1])
    memory.settle()
    assert memory.processor.failure is None
    [(number, stopped)] = memory.processor.stopped.items()
    assert (number, stopped.cause) == (1, "DATA_LOSS")
    assert 0 in memory.processor.owned() and 1 not in memory.processor.owned()
    assert memory.processor.waiting == {}
    run(memory, "quick", _on(0)).completes()


@pytest.mark.kafka
@pytest.mark.fault(21)
@pytest.mark.timeout(180)
def test_r20_a_server_without_room_for_longer_than_the_log_keeps_says_what_is_gone(
    tmp_path: Path, kafka_bootstrap: str, cluster_name: str
) -> None:
    """While it waits for room its position stands still, and what comes behind that is deleted."""
    with small_disk(tmp_path / "small", SIZE_MIB) as small:
        server = Server(small / "data", kafka_bootstrap, cluster_name)
        try:
            server.start(None, "--disk-free-mib", str(FREE_MIB))
            quick = {"name": "quick", "spec": chain()}
            server.accepted("PUT", "/v1/wf-specs?wait=all", quick)
            filler = fill(small, FREE_MIB - 4)
            until(lambda: "NO_ROOM" in server.call("GET", "/readyz").text)
            _come_and_go(kafka_bootstrap, Topics(cluster_name, PARTITIONS).commands)
            filler.unlink()
            until(lambda: "stopped" in server.call("GET", "/readyz").text)
            [reason] = server.call("GET", "/readyz").json()["reasons"]
            assert reason.startswith("partition 1 is stopped: DATA_LOSS: the log begins at ")
            assert server.call("GET", "/healthz").status_code == 200
            assert "partition 1 is stopped, DATA_LOSS" in _doctor(server)
            started = {"wf_spec": "quick", "wf_run_id": _on(0)}
            server.accepted("POST", "/v1/wf-runs", started)
            done = server.accepted("GET", f"/v1/wf-runs/{_on(0)}?until=ended&wait_ms=10000")
            assert done["status"] == "COMPLETED"
        finally:
            server.stop()


def _come_and_go(bootstrap: str, topic: str) -> None:
    """Records of partition 1 that are deleted before anybody has read them."""
    producer = KafkaProducer(bootstrap)
    noise = Message(topic, None, b"noise", partition=1)
    end = max(producer.append_and_wait(noise).offset for _ in range(RECORDS)) + 1
    producer.close()
    cut = TopicPartition(topic, 1, end)
    client = AdminClient({"bootstrap.servers": bootstrap})
    client.delete_records([cut])[cut].result(10)


def _doctor(server: Server) -> str:
    """What it says of this server."""
    words = ["doctor", "--url", f"http://127.0.0.1:{server.port}"]
    done = subprocess.run(
        [sys.executable, "-m", "penstock.cli", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout
