"""What a task's function logs and measures is seen while it runs, each line once; over HTTP."""

from __future__ import annotations

import time

import pytest

from penstock import Client, TaskContext, Worker, task, workflow

pytestmark = pytest.mark.timeout(150)


@task(heartbeat=30.0)
def wd_telling(ctx: TaskContext) -> None:
    for number in range(3):
        ctx.log(f"line {number}")
        ctx.counter("rows", 2)
        time.sleep(1.5)
    ctx.log("the last")
    ctx.counter("rows", 1)


@workflow
def wd_tell() -> None:
    wd_telling()


def test_words_come_while_a_task_runs_each_once(client: Client, server: str) -> None:
    client.register(wd_tell)
    with Worker(wd_tell, url=server):
        run = client.run(wd_tell)
        deadline = time.monotonic() + 45
        while not (seen := [line.message for line in run.logs().items]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (measured,) = run.metrics().items
        assert (seen[0], measured.value >= 2) == ("line 0", True)
        assert run.task_runs()[0].status == "TASK_RUNNING"
        run.result(timeout=20)
    assert [line.message for line in run.logs().items] == ["line 0", "line 1", "line 2", "the last"]
    assert run.metrics().items[0].value == 7
    assert run.task_runs()[0].attempts[0].logs == "line 0\nline 1\nline 2\nthe last"


def test_what_did_not_get_through_is_taken_again() -> None:
    context = TaskContext()
    context.log("one")
    context.counter("rows", 2)
    words = context.take_words()
    assert not context.has_words
    context.log("two")
    context.counter("rows", 3)
    context.give_back(words)
    logs, (rows,) = context.take_words()
    assert (logs, rows.value) == ("one\ntwo", 5)
    assert context.take_words() == ("", ())


@task
def wd_refused(ctx: TaskContext) -> None:
    ctx.log("before")
    time.sleep(1.2)
    ctx.heartbeat("x" * 1_000_000)
    time.sleep(0.8)
    ctx.log("after")


@workflow
def wd_refuse() -> None:
    wd_refused()


def test_a_heartbeat_that_is_refused_loses_no_line(client: Client, server: str) -> None:
    client.register(wd_refuse)
    with Worker(wd_refuse, url=server):
        run = client.run(wd_refuse)
        run.result(timeout=20)
    assert [line.message for line in run.logs().items] == ["before", "after"]
