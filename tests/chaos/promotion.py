"""A standby that is promoted while it is far behind, under load (48): what was put out, and how
long it took to the first answer.

`python -m tests.chaos.promotion 100000` does it with so many records that it is behind.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec import Struct

from penstock.contracts.topics import Topics
from penstock.contracts.wire import STAMP
from penstock.core.ids import partition_of_run
from tests.chaos.checkers import Found
from tests.chaos.report import Figures
from tests.chaos.scene import PARTITIONS, Scene, append_runs, log_of, until
from tests.chaos.traffic import define
from tests.gateway.served import one_task
from tests.kafka_broker import running_kafka
from tests.nodes.cluster import Node

TASK, BEFORE, MEANWHILE = "behind-work", "works", "works-too"
STANDBY = ("--standbys", "1")
WAIT_S = 600.0
MORE = 500
"""Runs that the standby can not have folded; its owner does in less than a session's time-out."""


class Promotion(Struct, frozen=True):
    """What came of it."""

    behind: int  # records, when its owner was told to stop
    first_answer_s: float
    missing: int
    unstamped: int
    found: Found

    def told(self) -> str:
        """A line for people."""
        return (
            f"a standby that was {self.behind} records behind was promoted: first answer after"
            f" {self.first_answer_s:.1f} s; {self.found.records} records, outputs missing"
            f" {self.missing}, unstamped {self.unstamped}, sent twice {self.found.sent_twice}"
        )


def promotion(scene: Scene, figures: Figures, runs: int) -> Promotion:
    """One server folds all; another one begins to, and gets it all, while clients go on."""
    one, other = scene.nodes
    one.start()
    _define(one)
    started = append_runs(scene, lambda _: BEFORE, runs)
    until(lambda: all(_lags(one)), "all is folded", WAIT_S)
    time.sleep(1.0)  # its marks are committed
    other.start()
    until(lambda: bool(_standing(other)), "it stands by", WAIT_S)
    standby, *_ = _standing(other)  # of several, if Kafka has given it none yet
    other.signal(signal.SIGSTOP)  # it may be quick
    started += append_runs(scene, lambda _: MEANWHILE, MORE)
    until(lambda: all(_lags(one)), "its owner has them", WAIT_S)
    behind = _end(one, standby["partition"]) - standby["next_offset"]
    began_s = time.monotonic()
    with scene.traffic() as traffic:
        other.signal(signal.SIGCONT)
        one.terminate()
        started.append(_run_on(other, standby["partition"]))
        first_answer_s = time.monotonic() - began_s
        assert one.ended(60) == 0
        traffic.until_acknowledged(100, WAIT_S)
    found = scene.finish(traffic, figures, others=started)
    stamps, told = _task_records(scene)
    return Promotion(behind, first_answer_s, len(set(started) - told), stamps[b""], found)


def _define(node: Node) -> None:
    """What the runs before, and meanwhile, are of; nobody works on their task."""
    define(node)
    node.accepted("PUT", "/v1/task-defs?wait=all", {"name": TASK})
    for name in (BEFORE, MEANWHILE):
        node.accepted("PUT", "/v1/wf-specs?wait=all", one_task(name, TASK))


def _run_on(node: Node, number: int) -> str:
    """A run on this partition, asked for until it is answered."""
    ids = (f"after-{n}" for n in range(1_000))
    wf_run_id = next(one for one in ids if partition_of_run(one, PARTITIONS) == number)
    body = {"wf_spec": BEFORE, "wf_run_id": wf_run_id}

    def is_answered() -> bool:
        answer = node.call("POST", "/v1/wf-runs", body, command_id="after")
        assert answer.is_success or answer.status_code in (421, 429, 503, 504), answer.text
        return answer.is_success

    until(is_answered, "it answers", WAIT_S)
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


def _task_records(scene: Scene) -> tuple[Counter[bytes], set[str]]:
    """The stamps of all records of that task, and the runs that they are of."""
    topics = Topics(scene.cluster, PARTITIONS)
    topic = topics.task("default", TASK)
    with closing(log_of(scene)) as log:
        records = [one for number in range(PARTITIONS) for one in log.read_all(topic, number)]
    stamps = Counter(record.headers.get(STAMP, b"") for record in records)
    return stamps, {(record.key or b"").decode() for record in records}


def main(behind: int) -> int:
    """Say what came of it; 1 if something is missing, or has no stamp."""
    with running_kafka() as kafka, tempfile.TemporaryDirectory() as folder:
        cluster = f"promotion-{time.time_ns() % 10**9}"
        scene = Scene(Path(folder) / "nodes", [kafka, kafka], cluster, more=STANDBY)
        try:
            made = promotion(scene, lambda **_: None, behind * PARTITIONS)
        finally:
            scene.stop()
    sys.stdout.write(f"{made.told()}\n")
    return 1 if made.missing or made.unstamped else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
