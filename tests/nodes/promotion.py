"""A standby that is promoted while it is far behind (catalogue row 48), on real servers and a real
Kafka: what was put out, and how long it took to the first answer.

`python -m tests.nodes.promotion 200000` does it with so many runs, half of them on the partition
that is taken over.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from msgspec import Struct

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.contracts.wire import STAMP, Sent, outgoing
from penstock.core.commands.run_wf import RunWf
from penstock.core.ids import partition_of_run
from penstock.log.kafka import KafkaEngineLog
from penstock.log.port import LogUnavailable, Message
from tests.gateway.served import one_task
from tests.kafka_broker import running_kafka
from tests.nodes.cluster import PARTITIONS, Node

WAIT_S = 600.0
MORE = 500
"""Runs that the standby can not have folded; its owner does in less than a session's time-out."""


class Promotion(Struct, frozen=True):
    """What came of it."""

    behind: int  # records, when its owner was told to stop
    first_answer_s: float
    missing: int
    repeated: int
    unstamped: int


def promotion(folder: Path, kafka: str, cluster: str, runs: int) -> Promotion:
    """One server folds all; another one begins to, and gets it all."""
    nodes: list[Node] = []
    for name in ("one", "other"):
        data = folder / name / "data"
        data.parent.mkdir()
        nodes.append(Node(data, kafka, cluster, ("--standbys", "1")))
    one, other = nodes
    topics = Topics(cluster, PARTITIONS)
    log = KafkaEngineLog(
        kafka,
        commands=topics.commands,
        partitions=PARTITIONS,
        on_demand=topics.on_demand,
        group=f"{cluster}.looking",
    )
    try:
        one.start()
        one.accepted("PUT", "/v1/task-defs?wait=all", {"name": "work"})
        one.accepted("PUT", "/v1/wf-specs?wait=all", one_task("works", "work"))
        started = _start_runs(log, topics, range(runs))
        _wait(lambda: all(_lags(one)))
        time.sleep(1.0)  # its marks are committed
        other.start()
        _wait(lambda: bool(_standing(other)))
        standby, *_ = _standing(other)  # of both, if Kafka has given it none yet
        other.signal(signal.SIGSTOP)  # it may be quick
        started += _start_runs(log, topics, range(runs, runs + MORE))
        _wait(lambda: all(_lags(one)))
        behind = _end(one, standby["partition"]) - standby["next_offset"]
        began_s = time.monotonic()
        other.signal(signal.SIGCONT)
        one.terminate()
        started.append(_run_on(other, standby["partition"]))
        first_answer_s = time.monotonic() - began_s
        assert one.ended(60) == 0
        _wait(lambda: all(_lags(other)))
        stamps, told = _task_records(log, topics)
        return Promotion(
            behind=behind,
            first_answer_s=first_answer_s,
            missing=len(set(started) - told),
            repeated=sum(stamps.values()) - len(stamps),
            unstamped=stamps[b""],
        )
    finally:
        for node in nodes:
            node.stop()
        log.close()


def _start_runs(log: KafkaEngineLog, topics: Topics, numbers: range) -> list[str]:
    avro = Avro()
    ids = [f"bulk-{number}" for number in numbers]
    for wf_run_id in ids:
        command = RunWf(wf_spec="works", wf_run_id=wf_run_id)
        sent = Sent(command=command, tenant="default", principal="test")
        out = outgoing(avro, sent, wf_run_id)
        message = Message(topics.commands, out.key, out.value, out.headers, out.partition)
        while True:
            try:
                log.append(message)
                break
            except LogUnavailable:  # the local queue is full
                time.sleep(0.05)
    log.flush(WAIT_S)
    return ids


def _run_on(node: Node, number: int) -> str:
    """A run on this partition, asked for until it is answered."""
    ids = (f"after-{n}" for n in range(1_000))
    wf_run_id = next(one for one in ids if partition_of_run(one, PARTITIONS) == number)
    body = {"wf_spec": "works", "wf_run_id": wf_run_id}

    def is_answered() -> bool:
        answer = node.call("POST", "/v1/wf-runs", body, command_id="after")
        assert answer.is_success or answer.status_code in (429, 503, 504), answer.text
        return answer.is_success

    _wait(is_answered)
    return wf_run_id


def _lags(node: Node) -> list[bool]:
    """Of each partition, whether it has folded all there is."""
    shown = node.accepted("GET", "/v1/cluster")["partitions"]
    return [one["status"] == "RUNNING" and one["next_offset"] == one["log_end"] for one in shown]


def _end(node: Node, number: int) -> int:
    return int(node.accepted("GET", "/v1/cluster")["partitions"][number]["log_end"])


def _standing(node: Node) -> list[Any]:
    shown = node.accepted("GET", "/v1/cluster")["standing_by"]
    return [one for one in shown if one["next_offset"] is not None]


def _task_records(log: KafkaEngineLog, topics: Topics) -> tuple[Counter[bytes], set[str]]:
    """The stamps of all task records, and the runs that they are of."""
    topic = topics.task("default", "work")
    settings = topics.on_demand(topic)
    assert settings is not None, "it is a task topic"
    records = [one for n in range(settings.partitions) for one in log.read_all(topic, n)]
    stamps = Counter(record.headers.get(STAMP, b"") for record in records)
    return stamps, {(record.key or b"").decode() for record in records}


def _wait(done: Any) -> None:
    deadline = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.05)


def main(runs: int) -> None:
    """Say what came of it."""
    with running_kafka() as kafka, tempfile.TemporaryDirectory() as folder:
        cluster = f"promotion-{time.time_ns() % 10**9}"
        found = promotion(Path(folder), kafka, cluster, runs)
        sys.stdout.write(f"{found}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
