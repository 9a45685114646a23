"""What a worker makes of every way in which a user's function can end."""

import asyncio
import sys
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
import pytest

from penstock import TaskContext, TaskDef, TaskError, task
from penstock.core.commands.report_task import ReportTask
from penstock.core.limits import (
    ATTEMPT_LOGS_CHARS_MAX,
    ATTEMPT_METRIC_SERIES_MAX,
    VALUE_BYTES_MAX,
)
from penstock.core.state.outputs import ScheduledTask
from penstock.core.state.transitions import TaskStatus
from penstock.sdk.attempt import Attempt
from penstock.sdk.progress import Progress, Seen


@dataclass
class Point:
    x: int
    label: str = ""


class Line(msgspec.Struct):
    start: Point
    raw: bytes


class Pair(TypedDict):
    left: int
    right: int


def ran(of: TaskDef[..., Any], /, **inputs: Any) -> ReportTask:
    scheduled = ScheduledTask(
        tenant="default", wf_run_id="run", guid="guid", task_def=of.name, attempt=2, inputs=inputs,
        wf_spec="wf", version=1, node="1-n", thread=0, scheduled_at_ms=0, timeout_ms=1000,
        max_attempts=3, report_partition=0,
    )  # fmt: skip
    attempt = Attempt(of, scheduled, "me")
    report = asyncio.run(_awaited(attempt)) if of.is_async else attempt.run()
    assert (report.wf_run_id, report.guid, report.attempt) == ("run", "guid", 2)
    assert report.worker == "me"
    assert report.started_at_ms is not None
    return report


async def _awaited(attempt: Attempt) -> ReportTask:
    begun = attempt.begin_async()
    if isinstance(begun, ReportTask):
        return begun
    running = asyncio.ensure_future(begun)
    await asyncio.wait([running])
    return attempt.ended(running)


def test_inputs_come_as_the_hints_say() -> None:
    @task
    def everything(
        a: int, b: float, c: bytes, point: Point, line: Line, pair: Pair,
        points: list[Point], maybe: str | None,
    ) -> str:  # fmt: skip
        return repr((a, b, c, point, line, pair, points, maybe))

    report = ran(
        everything, a=1, b=2, c="aGk=", point={"x": 1}, line={"start": {"x": 2}, "raw": "aGk="},
        pair={"left": 1, "right": 2}, points=[{"x": 3, "label": "c"}], maybe=None,
    )  # fmt: skip

    assert report.output == repr(
        (
            1,
            2.0,
            b"hi",
            Point(1),
            Line(Point(2), b"hi"),
            {"left": 1, "right": 2},
            [Point(3, "c")],
            None,
        )
    )


@pytest.mark.parametrize("inputs", [{"x": "one"}, {"x": None}, {}, {"x": 1.5}])
def test_inputs_that_do_not_fit(inputs: dict[str, Any]) -> None:
    @task
    def one(x: int) -> int:
        return x

    report = ran(one, **inputs)

    assert report.status is TaskStatus.TASK_INPUT_VAR_SUB_ERROR
    assert "inputs of one" in (report.error or "")


def test_outputs_go_as_json() -> None:
    @task
    def line() -> Line:
        return Line(Point(1), b"hi")

    @task
    def raw() -> bytes:
        return b"hi"

    @task
    def anything():
        return {"p": Point(1), 2: (1, 2)}

    assert ran(line).output == {"start": {"x": 1, "label": ""}, "raw": b"hi"}
    assert ran(raw).output == b"hi"
    assert ran(anything).output == {"p": {"x": 1, "label": ""}, "2": [1, 2]}


@pytest.mark.parametrize(
    "value", ["text", object(), float("nan"), 2**63, [object()], {"a": float("inf")}]
)
def test_outputs_that_do_not_fit(value: Any) -> None:
    @task
    def wrong() -> int:
        return value

    @task
    def untyped():
        return value

    assert ran(wrong).status is TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR
    if value != "text":
        assert ran(untyped).status is TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR


def test_an_output_that_is_too_large() -> None:
    @task
    def large() -> str:
        return "x" * (VALUE_BYTES_MAX + 1)

    report = ran(large)

    assert report.status is TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR
    assert report.output is None


def test_a_dataclass_that_is_not_what_its_hints_say() -> None:
    @task
    def lying() -> Point:
        return Point("not a number")  # pyright: ignore[reportArgumentType]

    assert ran(lying).status is TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR


def test_an_exception_is_a_failure_with_its_traceback() -> None:
    @task
    def fails() -> None:
        raise ValueError("no\x00 \ud800")

    report = ran(fails)

    assert report.status is TaskStatus.TASK_FAILED
    assert report.error == "ValueError: no\\0 ?"
    assert "in fails" in report.logs
    assert "penstock/sdk" not in report.logs


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
def test_nothing_that_is_raised_goes_further(error: BaseException) -> None:
    @task
    def ends() -> None:
        raise error

    assert ran(ends).status is TaskStatus.TASK_FAILED


def test_a_task_error_is_a_business_exception() -> None:
    @task
    def refuses() -> None:
        raise TaskError("OUT_OF_STOCK", "none left", {"left": 0})

    @task
    async def refuses_async() -> None:
        raise TaskError("OUT_OF_STOCK", "none left", {"left": 0})

    for one in (refuses, refuses_async):
        report = ran(one)
        assert report.status is TaskStatus.TASK_EXCEPTION
        assert (report.exception, report.error) == ("OUT_OF_STOCK", "none left")
        assert report.output == {"left": 0}


@pytest.mark.parametrize("name", ["out of stock", "TIMEOUT", ""])
def test_a_task_error_that_can_have_no_such_name_fails_the_attempt(name: str) -> None:
    """The engine would refuse the report, and nobody would see why."""

    @task
    def refuses() -> None:
        raise TaskError(name, "none left")

    report = ran(refuses)
    assert report.status is TaskStatus.TASK_FAILED
    assert report.error is not None
    assert "none left; as its name, use 1-128 letters" in report.error


def test_async_functions_and_their_errors() -> None:
    @task
    async def twice(x: int) -> int:
        await asyncio.sleep(0)
        return x * 2

    @task
    async def fails() -> None:
        await asyncio.sleep(0)
        raise KeyError("x")

    assert ran(twice, x=2).output == 4
    report = ran(fails)
    assert report.error == "KeyError: 'x'"
    assert "in fails" in report.logs


def test_the_context_and_its_bounded_log() -> None:
    @task
    def logs(text: str, ctx: TaskContext) -> str:
        ctx.log("first")
        for _ in range(3):
            ctx.log(text)
        return f"{ctx.wf_run_id} {ctx.idempotency_key} {ctx.attempt}"

    report = ran(logs, text="x" * 40_000)

    assert report.output == "run guid 2"
    assert report.logs.startswith("first\nxxx")
    assert len(report.logs) == ATTEMPT_LOGS_CHARS_MAX
    assert report.logs.endswith("(cut)")


def test_deep_recursion_is_an_ordinary_failure() -> None:
    @task
    def deep(x: int) -> int:
        return deep.function(x + 1)

    report = ran(deep, x=sys.getrecursionlimit())

    assert report.status is TaskStatus.TASK_FAILED
    assert len(report.logs) <= ATTEMPT_LOGS_CHARS_MAX


def test_the_mark_follows_the_first_record_that_is_not_done() -> None:
    progress = Progress()
    for offset in (3, 4, 9, 10):  # offsets have holes
        assert progress.came(offset)

    assert progress.done(4) is None
    assert progress.done(9) is None
    assert progress.done(3) == 10
    assert progress.done(3) is None  # said twice
    assert not progress.came(9)  # it comes again
    assert progress.done(10) == 11
    assert not progress.came(10)
    assert progress.came(11)


def test_what_was_not_begun_comes_again_when_its_partition_does() -> None:
    progress, seen = Progress(), Seen()
    for offset in (3, 4, 9, 10):
        assert progress.came(offset)
    assert seen.is_new("a", 1)

    progress.drop(9)
    seen.forget("a", 1)

    assert progress.done(4) is None
    assert progress.done(10) is None  # it has gone, and nothing is said of it
    assert not progress.is_through
    assert progress.done(3) == 5
    assert progress.is_through
    assert progress.came(9)
    assert progress.done(9) == 10
    assert seen.is_new("a", 1)


def test_what_was_seen_is_known_for_a_while() -> None:
    seen = Seen(limit=2)
    assert seen.is_new("a", 1)
    assert not seen.is_new("a", 1)
    assert seen.is_new("a", 2)
    assert not seen.is_new("a", 1)
    for guid in "bcdef":
        assert seen.is_new(guid, 1)
    assert seen.is_new("a", 1)  # memory is bounded


def test_what_is_measured_travels_with_the_report() -> None:
    @task
    def measured(ctx: TaskContext) -> None:
        ctx.counter("rows", 2)
        ctx.counter("rows", 3)
        ctx.counter("rows", 1, {"kind": "x" * 200})
        ctx.timer("rows", 0.25)

    rows, of_kind, took = ran(measured).metrics
    assert (rows.name, rows.kind, rows.value, rows.tags) == ("rows", "counter", 5.0, {})
    assert of_kind.tags == {"kind": "x" * 128}
    assert (took.kind, took.value) == ("timer", 250.0)


def test_an_attempt_has_a_hundred_series() -> None:
    @task
    def measured(ctx: TaskContext) -> None:
        for number in range(1_000):
            ctx.counter(f"c{number}")
        ctx.counter("c0")
        raise ValueError("what was measured before an error counts, too")

    metrics = ran(measured).metrics
    assert len(metrics) == ATTEMPT_METRIC_SERIES_MAX
    assert metrics[0].value == 2.0


def test_masked_inputs_are_registered_as_such() -> None:
    @task(masked=("card",))
    def charge(cents: int, card: str) -> None: ...

    assert [var.masked for var in charge.definition.input_vars] == [False, True]
