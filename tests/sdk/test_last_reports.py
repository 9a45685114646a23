"""A worker over HTTP that stops while its server is away: how long what it has done is tried to be
told, and what is said of what was not.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread

import pytest

import penstock.sdk.worker
from penstock import Client, RunHandle, TaskContext, Unavailable, Worker, task, workflow
from penstock.sdk.http_source import HttpSource
from tests.sdk.front import Front, Said, standing_before
from tests.sdk.test_strange_answers import COME_S, wait_until

pytestmark = pytest.mark.timeout(180)

LEAST_S = 0.2  # in place of the seconds that the last reports have at least
AWAY = (Said(503),)
BEGUN, GOES_ON, ENDED = Event(), Event(), Event()
TOLD: list[str] = []


@task(timeout=150)
def lr_held(ctx: TaskContext) -> int:
    BEGUN.set()
    assert GOES_ON.wait(150)
    return ctx.attempt


@workflow
def lr_holding() -> int:
    return lr_held()


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(penstock.sdk.worker, "REPORTS_S", LEAST_S)
    TOLD.clear()
    for one in (BEGUN, GOES_ON, ENDED):
        one.clear()


@pytest.fixture
def front(server: str) -> Iterator[Front]:
    with standing_before(server) as made:
        yield made


class Stopping:
    """Stops a worker whose only report is not answered."""

    def __init__(self, client: Client, front: Front, grace_s: float) -> None:
        client.register(lr_holding)
        self.hurries = Event()
        self.said: list[bool] = []
        self._front = front
        self._worker = Worker(lr_holding, url=front.url)
        self._grace_s = grace_s
        self._thread = Thread(target=self._stop)
        self._worker.start()
        self.run: RunHandle[int] = client.run(lr_holding)
        assert BEGUN.wait(COME_S)
        front.says = AWAY
        GOES_ON.set()
        wait_until(lambda: front.told["report"] >= 3)
        self._thread.start()

    def _stop(self) -> None:
        self.said.append(self._worker.stop(grace_s=self._grace_s, hurry=self.hurries.is_set))

    def goes_on(self) -> None:
        """Its report is tried again and again, for longer than it has at least."""
        told = self._front.told["report"]
        wait_until(lambda: self._front.told["report"] >= told + 4)
        assert self.said == []

    def says(self) -> bool:
        """What it says in the end."""
        self._thread.join(COME_S)
        (said,) = self.said
        return said


def test_reports_have_what_is_left_of_the_grace(client: Client, front: Front) -> None:
    stopping = Stopping(client, front, grace_s=600.0)
    stopping.goes_on()
    front.says = ()
    assert stopping.says() is True
    assert stopping.run.result(timeout=COME_S) == 1


def test_a_second_signal_ends_it(
    client: Client, front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    stopping = Stopping(client, front, grace_s=600.0)
    stopping.goes_on()
    stopping.hurries.set()
    assert stopping.says() is False
    assert "1 reports did not get through" in caplog.text
    stopping.run.kill()


def test_a_report_that_was_not_answered_in_time_is_told_of(client: Client, front: Front) -> None:
    stopping = Stopping(client, front, grace_s=0.5)
    assert stopping.says() is False
    stopping.run.kill()


@task(timeout=150)
def lr_keeping(ctx: TaskContext) -> None:
    BEGUN.set()
    assert GOES_ON.wait(150)
    try:
        ctx.checkpoint("too late")
    except Unavailable as unavailable:
        TOLD.append(unavailable.code)
        raise
    finally:
        ENDED.set()


@workflow
def lr_keep() -> None:
    lr_keeping()


def test_a_checkpoint_while_it_closes_is_answered(
    client: Client, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its function was handed back, and goes on: it may not wait for ever."""
    monkeypatch.setattr(penstock.sdk.worker, "REPORTS_S", COME_S)
    client.register(lr_keep)
    worker = Worker(lr_keep, url=front.url)
    worker.start()
    run = client.run(lr_keep)
    assert BEGUN.wait(COME_S) and worker._running is not None
    source = worker._running[0]
    assert isinstance(source, HttpSource)
    front.says = AWAY
    stopping = Thread(target=worker.stop, kwargs={"grace_s": 0.0})
    stopping.start()
    wait_until(lambda: source._looking.done())  # it waits for the report that it hands back
    GOES_ON.set()
    assert ENDED.wait(COME_S / 2)
    assert TOLD == ["WORKER_LEFT"] and stopping.is_alive()
    front.says = ()
    stopping.join(COME_S)
    run.kill()
