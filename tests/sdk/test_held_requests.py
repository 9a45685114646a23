"""A server that holds requests, since it waits for partitions: a worker's signs of life for others
do not wait behind them, and no report waits long for one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event

import pytest

from penstock import Client, TaskContext, Worker, task, workflow
from penstock.sdk.http_source import CONNECTIONS_MAX
from tests.promises import is_kept
from tests.sdk.front import Front, Gate, standing_before
from tests.sdk.test_stopping import runs, wait_until

pytestmark = pytest.mark.timeout(180)
COME_S = 60.0
HEARTBEAT_S = 4.0
REPORTED_S = 8.0  # after a heartbeat is held; it would be waited for twice as long

GOES_ON = Event()


@task(heartbeat=HEARTBEAT_S)
def he_living(ctx: TaskContext) -> int:
    assert GOES_ON.wait(150)
    return ctx.attempt


@task
def he_quick() -> str:
    return "done"


@task(heartbeat=60.0)
def he_telling(ctx: TaskContext) -> None:
    ctx.log("said before")
    assert GOES_ON.wait(150)
    ctx.log("said last")


@workflow
def he_live() -> int:
    return he_living()


@workflow
def he_hurry() -> str:
    return he_quick()


@workflow
def he_tell() -> None:
    he_telling()


@pytest.fixture
def front(client: Client, server: str) -> Iterator[Front]:
    client.register(he_live, he_hurry, he_tell)
    GOES_ON.clear()
    with standing_before(server) as made:
        try:
            yield made
        finally:
            for gate in made.gates.values():
                gate.opened.set()


def test_signs_of_life_do_not_wait_behind_reports(client: Client, front: Front) -> None:
    reports = front.gates["report"] = Gate(100)
    with Worker(he_live, he_hurry, url=front.url, slots=CONNECTIONS_MAX + 2):
        try:
            living = client.run(he_live)
            wait_until(lambda: runs(living))
            quick = [client.run(he_hurry) for _ in range(CONNECTIONS_MAX + 1)]
            wait_until(lambda: reports.held == CONNECTIONS_MAX)
            time.sleep(2 * HEARTBEAT_S)
            assert runs(living)
        finally:
            reports.opened.set()
            GOES_ON.set()
        assert living.result(timeout=COME_S) == 1
        assert {run.result(timeout=COME_S) for run in quick} == {"done"}


def test_one_that_is_held_is_followed_by_the_next_in_time(client: Client, front: Front) -> None:
    beats = front.gates["heartbeat"] = Gate(1)
    with Worker(he_live, url=front.url):
        try:
            living = client.run(he_live)
            wait_until(lambda: beats.held == 1)
            time.sleep(2 * HEARTBEAT_S)
            assert runs(living)
        finally:
            GOES_ON.set()
        assert living.result(timeout=COME_S) == 1


def test_a_report_does_not_wait_long_for_one(client: Client, front: Front) -> None:
    """What it has said is said once, though nobody knows whether it was heard."""

    def reported_s() -> float:
        GOES_ON.clear()
        beats = front.gates["heartbeat"] = Gate(100)
        run = client.run(he_tell)
        try:
            wait_until(lambda: beats.held == 1)
            begun = time.monotonic()
            GOES_ON.set()
            run.result(timeout=COME_S)
            took_s = time.monotonic() - begun
        finally:
            beats.opened.set()
        assert [one.message for one in run.logs().items] == ["said before", "said last"]
        return took_s

    with Worker(he_tell, url=front.url):
        is_kept(REPORTED_S, reported_s)
