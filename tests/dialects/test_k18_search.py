"""Task runs across executions, by the filters of their page."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.datastructures import QueryParams

from penstock.core.commands.set_labels import SetLabels
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.state.rows import Rows
from penstock.core.state.run import WfRun
from penstock.core.values.timestamps import timestamp_text
from penstock.core.views.kestra.dialect import Kestra
from penstock.core.views.seen import Seen
from penstock.gateway import task_run_search
from penstock.gateway.reads import Reads
from penstock.gateway.task_run_search import (
    Mark,
    Search,
    Window,
    by_day,
    counts,
    newest,
    next_window,
    page_of,
)
from penstock.gateway.watch import Watch
from tests.dialects.bench import deploy, run_flow
from tests.dialects.works import flow, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted

INNER = "id: inner\nnamespace: company.other\ntasks: [{id: deep, type: return, format: x}]\n"
OUTER = (
    "id: outer\nnamespace: company.team\ntasks:\n"
    "  - {id: sub, type: subflow, namespace: company.other, flowId: inner}\n"
)


def seen_of(rows: Rows, run: WfRun, spec: WfSpec, partition: int) -> Seen:
    """A run, at a time of no interest."""
    return Seen(rows, run, spec, partition, 0)


def window(driver: Driver, query: str, cursor: str | None = None) -> Window:
    """What a query looks through."""
    reads = Reads(processor=driver.processor, watch=Watch(), partitions=driver.topics.partitions)
    return Window(
        reads=reads,
        tenant="default",
        dialect=Kestra(),
        asked=Search.of(QueryParams(query)),
        seen_of=seen_of,
        mark=Mark.of(cursor),
    )


def found(driver: Driver, query: str, limit: int = 100) -> list[dict[str, Any]]:
    """The task runs that a query finds, over all pages."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        looked = window(driver, query, cursor)
        more, cursor = page_of(newest(looked, looked.begins, limit), looked.mark, limit)
        items += more
        if cursor is None:
            return items


def test_filters(driver: Driver) -> None:
    first = task(driver, flow(driver))
    accepted(driver, SetLabels(first.id, {"team": "red"}))
    driver.pass_ms(20)
    deploy(driver, INNER)
    outer = run_flow(driver, OUTER)
    outer.completes(None)
    assert [one["taskId"] for one in found(driver, "")][-1] == "work"
    for query, names in {
        "namespace=company.team": {"work", "sub"},
        "namespace=company": {"work", "sub", "deep"},
        "namespace=comp": set[str](),
        "wf_spec=inner": {"deep"},
        "wf_spec=company.other.inner": {"deep"},
        "task=work": {"work"},
        "task_def=return": {"deep"},
        "state=SUCCESS": {"sub", "deep"},
        "state=SUCCESS&state=RUNNING": {"work", "sub", "deep"},
        "state=KILLED": set[str](),
        "label=team:red": {"work"},
        "label=team:blue": set[str](),
        f"trigger_wf_run_id={outer.id}": {"deep"},
        "child_filter=CHILD": {"deep"},
        "child_filter=MAIN": {"work", "sub"},
        "q=WOR": {"work"},
        f"q={first.id}": {"work"},
    }.items():
        assert {one["taskId"] for one in found(driver, query)} == names, query


def test_ranges_pages_and_days(driver: Driver) -> None:
    runs = []
    for _ in range(3):
        runs.append(flow(driver).id)
        driver.pass_ms(20)
    in_order = [one["executionId"] for one in found(driver, "")]
    assert in_order == runs[::-1]
    assert [one["executionId"] for one in found(driver, "", limit=1)] == in_order
    [_, middle, _] = found(driver, "")
    began = middle["state"]["startDate"]
    later = found(driver, f"start_date={began}")
    assert [one["executionId"] for one in later] == in_order[:2]
    earlier = found(driver, f"end_date={began}")
    assert [one["executionId"] for one in earlier] == in_order[2:]
    looked = window(driver, "")
    counts_found = counts(looked, looked.begins)
    counted, cursor = by_day(counts_found), next_window(counts_found)
    assert sum(day["states"]["CREATED"] for day in counted) == 3
    assert [day["day"] for day in counted] == sorted({began[:10], newest_day(driver)})
    assert cursor is None


def newest_day(driver: Driver) -> str:
    """The day on which the newest began."""
    return found(driver, "")[0]["state"]["startDate"][:10]


def test_a_window_that_is_full_is_followed_by_another(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is in order by itself, and none is missing."""
    monkeypatch.setattr(task_run_search, "ENTRIES_PER_WINDOW_MAX", 2)
    runs = {flow(driver).id for _ in range(3)}
    looked = window(driver, "")
    assert len(list(looked.within(looked.begins))) <= len(looked.begins)
    assert looked.ended_at
    assert {one["executionId"] for one in found(driver, "")} == runs


def test_times_are_texts() -> None:
    """As everywhere in the routes."""
    assert Search.of(QueryParams(f"start_date={timestamp_text(5)}")).start_ms == 5
