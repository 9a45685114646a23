"""Clients that say the same again and again, a forged time, and bytes that are no commands, under
load (28, 26, 32); and a task that nobody works on (43).
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from confluent_kafka import Producer

from penstock.contracts.avro import Avro
from penstock.contracts.wire import Sent, outgoing
from penstock.core.commands.run_wf import RunWf
from penstock.core.ids import partition_of_run
from tests.chaos.conftest import Play
from tests.chaos.report import Figures
from tests.chaos.scene import PARTITIONS, until
from tests.chaos.traffic import SPEC
from tests.controls import chain, sleeps, task
from tests.nodes.cluster import Node
from tests.operations.works import scraped

pytestmark = pytest.mark.timeout(180)
TIMES = 1_000
NOISE = 300
WAITING = 20
FORGED = 20
NOT_LONG_MS = 1_500
YEAR_2100_MS = 4_102_444_800_000


@pytest.mark.fault(28)
def test_the_same_command_a_thousand_times_has_one_effect(
    play: Play, kafka_bootstrap: str, figures: Figures
) -> None:
    """And a thousand equal answers, but for where and that they are repeats."""
    scene = play(kafka_bootstrap)
    scene.start()
    with (
        scene.traffic() as traffic,
        httpx.Client(base_url=scene.node.url, timeout=30.0) as http,
    ):

        def say(_: int) -> httpx.Response:
            headers = {"Penstock-Command-Id": "the-same"}
            return http.post("/v1/wf-runs", json={"wf_spec": SPEC}, headers=headers)

        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(say, range(TIMES)))
    told = [answer.json() for answer in answers]
    assert sorted(answer.status_code for answer in answers) == [200] * (TIMES - 1) + [201]
    assert sum(not one["repeated"] for one in told) == 1
    for one in told:
        del one["repeated"], one["position"]
    assert told == [told[0]] * TIMES
    scene.finish(traffic, figures, calm=True, others={told[0]["wf_run_id"]})


@pytest.mark.chaos_long
@pytest.mark.fault(26)
def test_a_command_from_the_year_2100_is_of_today(
    play: Play, kafka_bootstrap: str, figures: Figures
) -> None:
    """Else all that sleeps, or has a time-out, would be due as it comes."""
    scene = play(kafka_bootstrap)
    scene.start()
    node = scene.node
    node.accepted("PUT", "/v1/wf-specs?wait=all", {"name": "sleeps", "spec": chain(sleeps(3_600))})
    producer = Producer({"bootstrap.servers": kafka_bootstrap})
    forged = [f"forged-{number}" for number in range(FORGED)]
    with scene.traffic() as traffic:
        traffic.until_acknowledged(50)
        for run in forged:
            made = outgoing(Avro(), Sent(command=RunWf(wf_spec="sleeps", wf_run_id=run)), run)
            producer.produce(
                f"{scene.cluster}.commands",
                made.value,
                made.key,
                headers=list(made.headers.items()),
                partition=partition_of_run(run, PARTITIONS),
                timestamp=YEAR_2100_MS,
            )
        assert producer.flush(20) == 0
        traffic.until_acknowledged(100)
        for run in forged:
            assert node.accepted("GET", f"/v1/wf-runs/{run}")["status"] == "RUNNING"
    scene.finish(traffic, figures, calm=True, others=forged)


@pytest.mark.fault(32)
def test_bytes_that_are_no_commands_stop_nobody(
    play: Play, kafka_bootstrap: str, figures: Figures
) -> None:
    """Each is a dead letter with a reason; the traffic goes on between them."""
    scene = play(kafka_bootstrap)
    scene.start()
    chance = random.Random(32)
    producer = Producer({"bootstrap.servers": kafka_bootstrap})
    with scene.traffic() as traffic:
        traffic.until_acknowledged(50)
        for number in range(NOISE):
            value = None if number % 10 == 0 else chance.randbytes(chance.randrange(200))
            key = None if number % 7 == 0 else chance.randbytes(8)
            partition = number % PARTITIONS
            producer.produce(f"{scene.cluster}.commands", value, key, partition=partition)
        assert producer.flush(20) == 0
        traffic.until_acknowledged(100)
    scene.finish(traffic, figures, calm=True, dead_letters=NOISE)


@pytest.mark.chaos_long
@pytest.mark.fault(43)
def test_a_task_that_nobody_works_on_holds_up_its_own_runs_only(
    play: Play, kafka_bootstrap: str, figures: Figures
) -> None:
    """Nor does one that a worker takes, and is not heard of again: those run into their time-out.
    One that was never begun has none.
    """
    scene = play(kafka_bootstrap, more=("--metrics-names",))
    scene.start()
    node = scene.node
    waiting = _started(node, "nobodys")
    held = _started(node, "held")
    with scene.traffic() as traffic:
        traffic.until_acknowledged(150)
        until(lambda: _waiting_records(node) == WAITING, "the queue is told")
        until(lambda: _taken(node, "held") == 0 and _statuses(node, held) == {"ERROR"}, "time-outs")
    assert _statuses(node, waiting) == {"RUNNING"}
    [task_run] = node.accepted("GET", f"/v1/wf-runs/{held[0]}/task-runs")["items"]
    assert task_run["status"] == "TASK_TIMEOUT"
    scene.finish(traffic, figures, calm=True, others={*waiting, *held})


def _started(node: Node, name: str) -> list[str]:
    """Runs of a workflow of this one task."""
    spec = {"name": name, "spec": chain(task(name, timeout_ms=NOT_LONG_MS))}
    node.accepted("PUT", "/v1/task-defs?wait=all", {"name": name})
    node.accepted("PUT", "/v1/wf-specs?wait=all", spec)
    told = (node.accepted("POST", "/v1/wf-runs", {"wf_spec": name}) for _ in range(WAITING))
    return [one["wf_run_id"] for one in told]


def _taken(node: Node, name: str) -> int:
    """How many tasks a worker has just begun, of which it tells nothing more."""
    poll = {"worker": "silent", "tasks_max": WAITING, "wait_ms": 0}
    return len(node.accepted("POST", f"/v1/task-queues/{name}/poll", poll)["tasks"])


def _statuses(node: Node, runs: list[str]) -> set[str]:
    return {node.accepted("GET", f"/v1/wf-runs/{run}")["status"] for run in runs}


def _waiting_records(node: Node) -> float:
    labels = frozenset({("tenant", "default"), ("task_def", "nobodys")})
    return scraped(node.http).series.get(("penstock_task_queue_records", labels), 0.0)
