"""What a worker can not send over HTTP, or the server can not read: it says less then. Nothing that
a function says comes to this (test_wild_attempts.py): here it is put where only the worker does.
"""

from __future__ import annotations

import math

import pytest

from penstock import Client, TaskContext, Worker, task, workflow
from penstock.core.state.task_rows import Metric, MetricKind
from penstock.sdk.context import Words
from tests.sdk.test_wild_attempts import Rows

pytestmark = pytest.mark.timeout(120)
UNSAYABLE = {
    "text": Metric("half a \ud800", MetricKind.COUNTER, 1.0, {}),  # orjson raises
    "class": Metric("rows", MetricKind.COUNTER, Rows(1), {}),  # msgspec raises
    "number": Metric("rows", MetricKind.COUNTER, math.inf, {}),  # it goes as null: 400
}


@task
def us_measures(ctx: TaskContext, what: str) -> str:
    ctx.give_back(Words("a line", (UNSAYABLE[what],)))
    return what


@workflow
def us_measuring(what: str) -> str:
    return us_measures(what)


@task(heartbeat=3.0)
def us_takes_long(ctx: TaskContext, what: str) -> str:
    ctx.give_back(Words("a line", (UNSAYABLE[what],)))
    ctx.wait(8.0)
    return what


@workflow
def us_taking_long(what: str) -> str:
    return us_takes_long(what)


@pytest.mark.parametrize("what", UNSAYABLE)
def test_a_report_goes_without_what_was_measured(client: Client, server: str, what: str) -> None:
    client.register(us_measuring)
    with Worker(us_measuring, url=server, slots=1):
        run = client.run(us_measuring, what=what)
        assert run.result(timeout=30) == what
    assert [one.message for one in run.logs().items] == ["a line"]
    assert run.metrics().items == []


def test_a_heartbeat_goes_without_words(client: Client, server: str) -> None:
    """They come with the report, as far as that can be."""
    client.register(us_taking_long)
    with Worker(us_taking_long, url=server):
        runs = {what: client.run(us_taking_long, what=what) for what in UNSAYABLE}
        for what, run in runs.items():
            assert run.result(timeout=40) == what
            assert [one.message for one in run.logs().items] == ["a line"]
