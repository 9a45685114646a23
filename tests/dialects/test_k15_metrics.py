"""What an attempt has measured stands in it; a series that is measured again adds up. It is
searched across executions, and added up over time.
"""

from __future__ import annotations

from typing import Any

import pytest
from starlette.datastructures import QueryParams

from penstock.core.commands.set_labels import SetLabels
from penstock.core.state.task_rows import Metric, MetricKind
from penstock.core.state.transitions import TaskStatus
from penstock.core.values.timestamps import timestamp_text
from penstock.core.views.kestra.dialect import Kestra
from penstock.gateway import run_window
from penstock.gateway.metric_search import MetricSearch, by_bucket, metrics_in, sums
from penstock.gateway.run_window import Window, is_whole, newest, next_window, page_of
from tests.dialects.searching import from_another_node, window
from tests.dialects.works import RETRIED, RETRY_MS, WORK, FlowRun, flow, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted

COUNTER, TIMER = MetricKind.COUNTER, MetricKind.TIMER
KESTRA = Kestra()


def test_k15_counters_and_timers_with_tags(driver: Driver) -> None:
    run = task(driver, flow(driver, RETRIED))
    run.beats(metrics=(Metric("rows", COUNTER, 2.0, {"table": "a"}),))
    measured = (
        Metric("rows", COUNTER, 3.0, {"table": "a"}),
        Metric("rows", COUNTER, 7.0, {"table": "b"}),
        Metric("took", TIMER, 7.213673, {}),
    )
    accepted(driver, run.report(TaskStatus.TASK_FAILED, error="no", metrics=measured))
    driver.pass_ms(RETRY_MS)
    run.wait(lambda: run.task_run.status == "TASK_SCHEDULED", "the next attempt")
    task(driver, run).succeeds().completes(None)
    first, second = run.only("work")["attempts"]
    assert first["metrics"] == [
        {"name": "rows", "tags": {"table": "a"}, "value": 5.0, "type": "counter"},
        {"name": "rows", "tags": {"table": "b"}, "value": 7.0, "type": "counter"},
        {"name": "took", "tags": {}, "type": "timer", "value": "PT0.007213673S"},
    ]
    assert second["metrics"] == []


def measured(driver: Driver, *metrics: Metric, text: str = WORK) -> FlowRun:
    """A run whose task has measured something."""
    run = task(driver, flow(driver, text))
    accepted(driver, run.report(TaskStatus.TASK_SUCCESS, metrics=metrics))
    return run


def asked(
    driver: Driver, query: str, cursor: str | None = None, *, ordered: bool = False
) -> Window[MetricSearch]:
    """What a query looks through."""
    return window(driver, MetricSearch.of(QueryParams(query)), cursor, ordered=ordered)


def found(driver: Driver, query: str, limit: int = 100) -> list[dict[str, Any]]:
    """The metrics that a query finds, over all pages."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        looked = asked(driver, query, cursor, ordered=True)
        page = newest(looked, metrics_in(looked, KESTRA, looked.begins), limit)
        told = from_another_node(page)
        more, cursor = page_of(told, looked, limit)
        items += from_another_node(more)
        if cursor is None:
            return items


def summed(driver: Driver, query: str, bucket: str = "all") -> dict[tuple[str, str], list[Any]]:
    """What the metrics of a query come to, by name and kind."""
    looked = asked(driver, query)
    told = from_another_node(sums(looked, KESTRA, bucket, looked.begins))
    assert next_window(told) is None
    items = by_bucket(told, bucket)
    assert len({(one["name"], one["kind"], one["from"]) for one in items}) == len(items)
    return {
        (one["name"], one["kind"]): [one[name] for name in ("count", "sum", "min", "max", "avg")]
        for one in items
    }


def test_k15_they_are_found_across_executions(driver: Driver) -> None:
    first = measured(driver, Metric("rows", COUNTER, 2.0, {"table": "a"}))
    accepted(driver, SetLabels(first.id, {"team": "red"}))
    driver.pass_ms(20)
    second = measured(
        driver, Metric("rows", COUNTER, 5.0, {"table": "b"}), Metric("took", TIMER, 8.0)
    )
    newest_first = [(second.id, "took"), (second.id, "rows"), (first.id, "rows")]
    for limit in (1, 100):
        told = found(driver, "", limit)
        assert [(one["executionId"], one["name"]) for one in told] == newest_first
    began = timestamp_text(second.task_run.attempt.started_ms or 0)
    for query, values in {
        "name=rows": [5.0, 2.0],
        "name=row": [],
        "name=took": [8.0],
        "tag=table:a": [2.0],
        "tag=table:a&tag=table:b": [],
        "task=work": [8.0, 5.0, 2.0],
        "task=other": [],
        "task_def=hand&name=rows": [5.0, 2.0],
        "task_def=foot": [],
        "namespace=company": [8.0, 5.0, 2.0],
        "namespace=other": [],
        "wf_spec=f&label=team:red": [2.0],
        "wf_spec=g": [],
        f"started_after={began}": [8.0, 5.0],
        f"started_before={began}": [2.0],
    }.items():
        assert [one["value"] for one in found(driver, query)] == values, query
    [rows] = found(driver, "tag=table:a")
    assert rows == {
        "namespace": "company.team",
        "flowId": "f",
        "taskId": "work",
        "executionId": first.id,
        "taskRunId": first.only("work")["id"],
        "attemptNumber": 0,
        "name": "rows",
        "type": "counter",
        "value": 2.0,
        "tags": {"table": "a"},
        "timestamp": rows["timestamp"],
    }


def test_k15_they_are_added_up(driver: Driver) -> None:
    measured(driver, Metric("rows", COUNTER, 2.0, {"table": "a"}))
    measured(driver, Metric("rows", COUNTER, 6.0, {"table": "b"}), Metric("rows", TIMER, 1.0))
    all_of_them = {
        ("rows", "counter"): [2, 8.0, 2.0, 6.0, 4.0],
        ("rows", "timer"): [1, 1.0, 1.0, 1.0, 1.0],
    }
    assert summed(driver, "") == all_of_them
    assert summed(driver, "tag=table:b") == {("rows", "counter"): [1, 6.0, 6.0, 6.0, 6.0]}
    assert summed(driver, "name=cells") == {}


@pytest.mark.parametrize(("bucket", "shape"), [("minute", 16), ("hour", 13), ("day", 10)])
def test_k15_they_are_added_up_over_time(driver: Driver, bucket: str, shape: int) -> None:
    """A bucket begins with the minute, the hour or the day, in UTC."""
    run = measured(driver, Metric("rows", COUNTER, 2.0))
    looked = asked(driver, "")
    [one] = by_bucket(sums(looked, KESTRA, bucket, looked.begins), bucket)
    began = timestamp_text(run.task_run.attempt.started_ms or 0)
    assert one["from"] == began[:shape] + "0000-00-00T00:00:00.000Z"[shape:]


def test_k15_what_lies_between_attempts_is_counted_too(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of very many steps, few of which have measured anything, is looked at in part."""
    steps = "".join(f"  - {{id: s{number}, type: return}}\n" for number in range(20))
    work = "  - {id: work, type: task, taskDef: hand}\n"
    run = task(driver, flow(driver, "tasks:\n" + steps + work).works())
    rows = (Metric("rows", COUNTER, 2.0),)
    accepted(driver, run.report(TaskStatus.TASK_SUCCESS, metrics=rows))
    for rows_max, whole, found_count in ((1_000, True, 1), (30, False, 0)):
        monkeypatch.setattr(run_window, "ROWS_OF_RUN_MAX", rows_max)
        looked = asked(driver, "")
        told = newest(looked, metrics_in(looked, KESTRA, looked.begins), 10)
        assert is_whole(told, looked.mark) is whole
        assert len(page_of(told, looked, 10)[0]) == found_count


def test_k15_a_window_that_is_full_is_followed_by_another(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has measured nothing was looked at, too; the sums of all windows add up."""
    monkeypatch.setattr(run_window, "ROWS_PER_WINDOW_MAX", 2)
    runs = {measured(driver, Metric("rows", COUNTER, 1.0)).id for _ in range(3)}
    measured(driver)
    assert {one["executionId"] for one in found(driver, "name=rows")} == runs
    total, cursor, windows = 0.0, None, 0
    while windows == 0 or cursor is not None:
        looked = asked(driver, "", cursor)
        told = sums(looked, KESTRA, "all", looked.begins)
        total += sum(one["sum"] for one in by_bucket(told, "all"))
        cursor, windows = next_window(told), windows + 1
    assert (total, windows > 1) == (3.0, True)
