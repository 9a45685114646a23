"""Reads that nobody can answer truly just then, under load (45): each says so, none is old."""

from __future__ import annotations

import shutil
import signal
import time
from typing import Any

import httpx
import pytest

from tests.chaos.conftest import Play
from tests.chaos.report import Figures
from tests.chaos.scene import PARTITIONS, has_all, until
from tests.chaos.traffic import Ack, Traffic
from tests.crash.server import LOST
from tests.nodes.cluster import Node

pytestmark = [pytest.mark.chaos_long, pytest.mark.timeout(240)]
ASKED_DIRECTLY = {"Penstock-Forwarded-By": "http://somebody"}
NOT_JUST_NOW = (421, 503)


def _newest(traffic: Traffic) -> list[Ack]:
    """Of each partition, the last run that was started and acknowledged."""
    starts = {one.partition: one for one in traffic.acks if one.command == "RunWf"}
    assert len(starts) == PARTITIONS
    return list(starts.values())


def _ask(node: Node, ack: Ack, **headers: str) -> httpx.Response:
    path = f"/v1/wf-runs/{ack.of}?at_least={ack.position}"
    return httpx.get(node.url + path, headers=headers, timeout=30.0)


@pytest.mark.fault(45)
def test_who_was_an_owner_and_whoever_asks_too_much_is_told_so(
    play: Play, kafka_bootstrap: str, figures: Figures
) -> None:
    scene = play(kafka_bootstrap, kafka_bootstrap)
    scene.start()
    still, other = scene.nodes
    until(lambda: still.url in other.owners().values(), "both have something")
    with scene.traffic() as traffic:
        traffic.until_acknowledged(100)
        for node in scene.nodes:
            for ack in _newest(traffic):
                _future_and_foreign_tokens(node, ack)
        still.signal(signal.SIGSTOP)
        try:
            until(lambda: has_all(other), "the other one has all")
            traffic.until_acknowledged(100)
            newest = _newest(traffic)
        finally:
            still.signal(signal.SIGCONT)
        for ack in newest:  # what it had is another's by now
            answer = _ask(still, ack, **ASKED_DIRECTLY)
            assert answer.status_code in NOT_JUST_NOW, answer.text
            assert answer.headers["Retry-After"], answer.headers
        for ack in newest:
            _until_shown(still, ack)
        traffic.until_acknowledged(100)
    scene.finish(traffic, figures)


def _future_and_foreign_tokens(node: Node, ack: Ack) -> None:
    partition, offset = map(int, ack.position.split(":"))
    path = f"/v1/wf-runs/{ack.of}?at_least="
    foreign = node.call("GET", f"{path}{(partition + 1) % PARTITIONS}:{offset}")
    assert _code(foreign) == (400, "BAD_TOKEN"), foreign.text
    future = node.call("GET", f"{path}{partition}:{offset + 10**9}")
    assert _code(future) == (504, "POSITION_TIMEOUT"), future.text
    reached = future.json()["position"].split(":")
    assert int(reached[0]) == partition and int(reached[1]) >= offset


def _code(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error"]["code"]


def _until_shown(node: Node, ack: Ack) -> None:
    """Until it is there, it is not there just now: never missing, never older than was asked."""
    deadline = time.monotonic() + 60
    while True:
        assert time.monotonic() < deadline, node.printed()
        try:
            answer = _ask(node, ack)
        except LOST:  # it does not listen yet
            time.sleep(0.05)
            continue
        if answer.is_success:
            assert answer.json()["wf_run_id"] == ack.of
            shown, asked = answer.headers["Penstock-Position"].split(":"), ack.position.split(":")
            assert shown[0] == asked[0] and int(shown[1]) >= int(asked[1])
            return
        assert answer.status_code in (*NOT_JUST_NOW, 504), answer.text
        time.sleep(0.02)


@pytest.mark.fault(45)
def test_who_folds_its_log_anew_answers_when_it_has(
    play: Play, kafka_bootstrap: str, figures: Figures
) -> None:
    scene = play(kafka_bootstrap)
    scene.start()
    node = scene.node
    with scene.traffic() as traffic:
        traffic.until_acknowledged(150)
        newest = _newest(traffic)
        scene.kill(node)
        shutil.rmtree(node.data / "stores")
        node.launch("before_produce=sleep:2@1")
        for ack in newest:
            _until_shown(node, ack)
        traffic.until_acknowledged(100)
    scene.finish(traffic, figures)
