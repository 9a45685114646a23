"""What a user's classes, exceptions and words may be like: the attempt is told of all the same, and
its worker goes on.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Any

import pytest

from penstock import Client, RetryLater, RunFailed, TaskContext, TaskError, Worker, task, workflow
from penstock.core.limits import PROGRESS_BYTES_MAX, VALUE_BYTES_MAX
from penstock.core.state.transitions import TaskStatus
from penstock.sdk.task import TaskDef
from tests.sdk.test_attempts import ran


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Groundless(Exception):
    @property
    def __cause__(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        raise RuntimeError("no cause")


@dataclass
class Picky:
    x: int

    def __post_init__(self) -> None:
        raise KeyError("picky")


WRONG: Any = 3  # where a text is wanted, or a number
NOT_TOLD: Any = SyntaxError("no", ("file", 1, 1, WRONG))


def that_raises(error: Exception, *, is_async: bool) -> TaskDef[..., Any]:
    """A task that does nothing else."""

    @task
    def fails() -> None:
        raise error

    @task
    async def fails_async() -> None:
        raise error

    return fails_async if is_async else fails


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Speechless(), "Speechless: <exception str() failed>"),
        (TaskError(WRONG, "m"), "TypeError: "),
        (RetryLater("later", after_s="x"), "TypeError: "),  # pyright: ignore[reportArgumentType]
        (TaskError("no-mail", ValueError("why")), "why"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_what_an_exception_says_may_be_wrong_too(
    error: Exception, words: str, is_async: bool
) -> None:
    """The attempt is told of all the same, and its slot goes on."""
    assert (ran(that_raises(error, is_async=is_async)).error or "").startswith(words)


@pytest.mark.parametrize(
    ("error", "is_async", "words"),
    [
        (NOT_TOLD, False, "SyntaxError object at"),
        (NOT_TOLD, True, "AttributeError: "),
        (Groundless("no"), False, "Groundless object at"),
        (Groundless("no"), True, "RuntimeError: no cause"),
    ],
)
def test_an_exception_that_no_traceback_can_be_made_of(
    error: Exception, is_async: bool, words: str
) -> None:
    """Where it is being handled, what is raised instead hangs on it, and can not be told either."""
    report = ran(that_raises(error, is_async=is_async))
    assert (report.status, words in str(report.error)) == (TaskStatus.TASK_FAILED, True)


def test_inputs_whose_class_raises_anything() -> None:
    @task
    def takes(at: Picky) -> None: ...

    @task
    async def takes_async(at: Picky) -> None: ...

    for one in (takes, takes_async):
        report = ran(one, at={"x": 1})
        assert (report.status, report.error) == (TaskStatus.TASK_FAILED, "KeyError: 'picky'")


def test_a_measure_that_can_not_be_told_fails_nothing() -> None:
    """The engine would refuse the report for it, and the task would run out of its time."""

    @task
    def measured(ctx: TaskContext) -> None:
        for value in (math.nan, math.inf, -math.inf):
            ctx.counter("rows", value)
        tags: Any = {"printer": 3, 4: "east"}
        ctx.counter("rows \ud800", 1, tags)

    (rows,) = ran(measured).metrics
    assert (rows.name, rows.tags) == ("rows ?", {"printer": "3", "4": "east"})


class Rows(float):
    """As numbers of numpy are: what they are added to becomes one of them."""

    def __radd__(self, other: float) -> Rows:
        return Rows(other + float(self))


def test_a_series_stays_a_finite_number() -> None:
    """Also where two finite ones add up to none, and where a class of the user's counts."""

    @task
    def measured(ctx: TaskContext) -> None:
        for value in (1e308, 1e308, -1e307):
            ctx.counter("rows", value)
        ctx.counter("printed", Rows(2))
        ctx.counter("printed", Rows(3))
        ctx.timer("took", 1e308)

    rows, printed = ran(measured).metrics
    assert rows.value == 9e307
    assert (type(printed.value), printed.value) == (float, 5.0)


def test_progress_is_a_value_and_small() -> None:
    """What is none is told at its line; what is too large for the engine goes without."""
    ctx = TaskContext()
    with pytest.raises(ValueError, match="progress"):
        ctx.heartbeat(object())  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="progress"):
        ctx.heartbeat({"done": math.nan})
    assert ctx.take_pulse() is None
    ctx.heartbeat({"done": 3})
    assert ctx.take_pulse() == ({"done": 3},)
    for many in (PROGRESS_BYTES_MAX, VALUE_BYTES_MAX):
        ctx.heartbeat("x" * many)
        assert ctx.take_pulse() == (None,)


@task
async def wd_raises(kind: str) -> None:
    raise {"interrupt": KeyboardInterrupt, "exit": SystemExit, "words": Speechless}[kind]


@task
async def wd_ends_the_loop(kind: str) -> str:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0)
    return kind


@workflow
def wd_raising(kind: str) -> None:
    wd_raises(kind)


@workflow
def wd_ending(kind: str) -> str:
    return wd_ends_the_loop(kind)


@pytest.mark.timeout(120)
def test_async_functions_go_on_after_one_that_has_ended_the_event_loop(
    client: Client, server: str
) -> None:
    """asyncio lets two exceptions through to who runs the loop, and any function may stop it."""
    client.register(wd_raising, wd_ending)
    with Worker(wd_raising, wd_ending, url=server):
        for kind in ("interrupt", "exit", "words"):
            with pytest.raises(RunFailed) as raised:
                client.run(wd_raising, kind=kind).result(timeout=30)
            assert raised.value.code == "TASK_FAILURE"
            assert client.run(wd_ending, kind=kind).result(timeout=30) == kind
