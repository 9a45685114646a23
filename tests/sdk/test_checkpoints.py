"""What a task puts aside is there for its next attempt, wherever its workers are."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from penstock import (
    Client,
    Conflict,
    PenstockError,
    TaskContext,
    Unavailable,
    Worker,
    Workflow,
    secret,
    task,
    workflow,
)
from penstock.core.limits import CHECKPOINTS_MAX
from penstock.sdk.checkpoints import Checkpoints
from penstock.testing import Engine
from tests.sdk.servers import running_server
from tests.sdk.test_words import Way, bad_way

pytestmark = pytest.mark.timeout(120)


@dataclass
class Progress:
    page: int
    seen: list[str]


@task(max_attempts=3)
def cp_reading(ctx: TaskContext, pages: int) -> list[str]:
    """Reads a page, puts it aside, and fails; and goes on with the next."""
    progress = ctx.last_checkpoint(Progress) or Progress(0, [])
    while progress.page < pages:
        progress = Progress(progress.page + 1, [*progress.seen, f"{progress.page} {ctx.attempt}"])
        ctx.checkpoint(progress)
        assert ctx.last_checkpoint(Progress) == progress
        if progress.page < pages:
            raise ConnectionError("the line is down")
    return progress.seen


@task(max_attempts=3)
async def cp_reading_async(ctx: TaskContext, pages: int) -> list[str]:
    progress = ctx.last_checkpoint(Progress) or Progress(0, [])
    while progress.page < pages:
        progress = Progress(progress.page + 1, [*progress.seen, f"{progress.page} {ctx.attempt}"])
        await ctx.checkpoint(progress)
        if progress.page < pages:
            raise ConnectionError("the line is down")
    return progress.seen


@task(max_attempts=2)
async def cp_hurrying(ctx: TaskContext) -> Any:
    """Does not wait for its checkpoint."""
    if ctx.attempt == 1:
        ctx.checkpoint({"at": ctx.attempt})
        raise ConnectionError("the line is down")
    return ctx.last_checkpoint()


@workflow
def cp_read(pages: int) -> list[str]:
    return cp_reading(pages)


@workflow
def cp_read_async(pages: int) -> list[str]:
    return cp_reading_async(pages)


@workflow
def cp_hurry() -> Any:
    return cp_hurrying()


ALL: tuple[Workflow[..., Any], ...] = (cp_read, cp_read_async, cp_hurry)
EXPECTED = ["0 1", "1 2", "2 3"]
Start = Callable[..., Any]


def _go_on(start: Start) -> None:
    """To the end; what was put aside is seen."""
    read, read_async = start(cp_read, pages=3), start(cp_read_async, pages=3)
    assert start(cp_hurry).result(timeout=60) == {"at": 1}
    for run in (read, read_async):
        assert run.result(timeout=60) == EXPECTED
        (task_run,) = run.task_runs()
        assert len(task_run.attempts) == 3
        kept = run.checkpoints(task_run.guid)
        assert [(one.number, one.attempt, one.value["page"]) for one in kept] == [
            *((0, 1, 1), (1, 2, 2), (2, 3, 3)),
        ]


def test_in_a_test_of_a_users() -> None:
    with Engine(*ALL) as engine:
        _go_on(engine.run)


def test_over_http(client: Client, server: str) -> None:
    client.register(*ALL)
    with Worker(*ALL, url=server):
        _go_on(client.run)


def test_over_kafka(kafka_bootstrap: str, tmp_path: Path) -> None:
    name = f"t{secrets.token_hex(6)}"
    arguments = ("server", "--kafka", kafka_bootstrap, "--cluster", name)
    with running_server(tmp_path / "data", *arguments) as url, Client(url) as client:
        client.register(*ALL)
        with Worker(*ALL, url=f"kafka://{kafka_bootstrap}/{name}"):
            _go_on(client.run)


def test_one_whose_answer_was_lost_is_kept_once(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server, Client(server) as client:
        client.register(cp_read)
        with bad_way(server, 2, "/checkpoint") as url, Worker(cp_read, url=url):
            assert client.run(cp_read, pages=3).result(timeout=60) == EXPECTED
        assert Way.lost == 2


def test_one_of_an_attempt_that_is_over_is_raised(client: Client, server: str) -> None:
    """Its function would go on beside the attempt that has taken its place."""
    second_has_ended, first_has_ended = Event(), Event()
    told: list[object] = []

    @task(timeout=1.0, max_attempts=2, name="cp-late")
    def late(ctx: TaskContext) -> int:
        if ctx.attempt == 1:
            try:
                assert second_has_ended.wait(60)
                ctx.checkpoint("too late")
            except Conflict as conflict:
                told.extend((conflict.code, conflict.status, ctx.stop))
                raise
            finally:
                first_has_ended.set()
        return ctx.attempt

    @workflow(name="cp-be-late")
    def be_late() -> int:
        return late()

    client.register(be_late)
    with Worker(be_late, url=server):
        run = client.run(be_late)
        assert run.result(timeout=60) == 2
        second_has_ended.set()
        assert first_has_ended.wait(60)
    assert told == ["ATTEMPT_ENDED", 409, "over"]
    (task_run,) = run.task_runs()
    assert run.checkpoints(task_run.guid) == []


def _too_many() -> Workflow[..., Any]:
    """34 of 250 KB are more than a task may have: 20 are of its first attempt."""

    @task(max_attempts=2, name="cp-filling")
    def filling(ctx: TaskContext) -> list[Any]:
        put = 0
        try:
            for _ in range(20):
                ctx.checkpoint("x" * 250_000)
                put += 1
        except PenstockError as error:
            return [ctx.attempt, put, error.code, str(error)]
        raise ConnectionError("on with the next attempt")

    @workflow(name="cp-fill")
    def fill() -> list[Any]:
        return filling()

    return fill


FULL = [2, 13, "LIMIT"]


def test_more_than_a_task_may_have_is_raised_over_http(client: Client, server: str) -> None:
    fill = _too_many()
    client.register(fill)
    with Worker(fill, url=server):
        run = client.run(fill)
        *seen, said = run.result(timeout=90)
    assert seen == FULL and "a task may have 1000 checkpoints" in said
    (task_run,) = run.task_runs()
    assert len(run.checkpoints(task_run.guid)) == 33


def test_more_than_a_task_may_have_is_raised_over_kafka(
    kafka_bootstrap: str, tmp_path: Path
) -> None:
    """Where nobody hears that the engine has refused one."""
    fill, name = _too_many(), f"t{secrets.token_hex(6)}"
    arguments = ("server", "--kafka", kafka_bootstrap, "--cluster", name)
    with running_server(tmp_path / "data", *arguments) as url, Client(url) as client:
        client.register(fill)
        with Worker(fill, url=f"kafka://{kafka_bootstrap}/{name}"):
            run = client.run(fill)
            *seen, said = run.result(timeout=90)
        assert seen == FULL and "a task may have 1000 checkpoints" in said
        (task_run,) = run.task_runs()
        assert len(run.checkpoints(task_run.guid)) == 33


@pytest.fixture
def context() -> TaskContext:
    return TaskContext(attempt=2, checkpoint={"page": 1, "seen": ["a"]})


def test_a_function_called_by_itself_has_them_too(context: TaskContext) -> None:
    assert context.last_checkpoint(Progress) == Progress(1, ["a"])
    assert cp_reading(context, 2) == ["a", "1 2"]
    assert context.last_checkpoint() == {"page": 2, "seen": ["a", "1 2"]}
    assert TaskContext().last_checkpoint() is None
    assert asyncio.run(cp_reading_async(TaskContext(), 1)) == ["0 1"]


def test_what_can_not_be_put_is_said(context: TaskContext) -> None:
    with pytest.raises(ValueError, match="can not be made JSON"):
        context.checkpoint(object())
    with pytest.raises(ValueError, match="bytes: a value may have at most"):
        context.checkpoint("x" * 300_000)
    with pytest.raises(ValueError, match="no int"):
        context.last_checkpoint(int)
    for number in range(CHECKPOINTS_MAX):
        context.checkpoint(number)
    with pytest.raises(PenstockError, match="1000 checkpoints"):
        context.checkpoint(0)
    assert context.last_checkpoint(int) == CHECKPOINTS_MAX - 1


def test_one_at_a_time() -> None:
    """In an async function that does not wait for them they could come in any order."""
    sent: list[tuple[int, Future[None]]] = []
    checkpoints = Checkpoints(lambda number, _, kept: sent.append((number, kept)), 4, "before")

    async def put() -> None:
        first = checkpoints.put("a")
        with pytest.raises(RuntimeError, match="await it"):
            checkpoints.put("b")
        assert (checkpoints.newest, checkpoints.under_way) == ("before", sent[0][1])
        sent[0][1].set_exception(Unavailable("LOG", "away"))
        with pytest.raises(Unavailable):
            await first
        second = checkpoints.put("b")
        sent[1][1].set_result(None)
        await second
        checkpoints.put("c")

    asyncio.run(put())
    assert checkpoints.newest == "b"
    assert [number for number, _ in sent] == [4, 4, 5]


def test_a_secret_is_not_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_SECRET_CP_KEY", "swordfish")

    @task(max_attempts=2, name="cp-telling")
    def telling(ctx: TaskContext, key: str) -> Any:
        if ctx.attempt == 1:
            ctx.checkpoint({"key": key})
            raise ConnectionError("the line is down")
        return ctx.last_checkpoint()

    @workflow(name="cp-tell")
    def tell() -> Any:
        return telling(secret("cp_key"))

    with Engine(tell) as engine:
        assert engine.run(tell).result() == {"key": "*****"}
