"""Task runs across executions, by the filters of their page."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.datastructures import QueryParams

from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.set_labels import SetLabels
from penstock.core.state.search_rows import RunBegun
from penstock.core.values.timestamps import timestamp_text
from penstock.core.views.kestra.dialect import Kestra
from penstock.gateway import run_window
from penstock.gateway.run_window import Window, is_whole, newest, next_window, page_of
from penstock.gateway.task_run_search import Search, by_day, counts, task_runs_in
from tests.dialects.bench import deploy, run_flow
from tests.dialects.searching import from_another_node, window
from tests.dialects.works import flow, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted

KESTRA = Kestra()
INNER = "id: inner\nnamespace: company.other\ntasks: [{id: deep, type: return, format: x}]\n"
OUTER = (
    "id: outer\nnamespace: company.team\ntasks:\n"
    "  - {id: sub, type: subflow, namespace: company.other, flowId: inner}\n"
)
TWO = """
id: two
namespace: company.team
tasks: [{id: one, type: return, format: x}, {id: other, type: return, format: x}]
"""


def asked(
    driver: Driver, query: str, cursor: str | None = None, *, ordered: bool = False
) -> Window[Search]:
    """What a query looks through."""
    return window(driver, Search.of(QueryParams(query), KESTRA), cursor, ordered=ordered)


def found(driver: Driver, query: str, limit: int = 100) -> list[dict[str, Any]]:
    """The task runs that a query finds, over all pages."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        looked = asked(driver, query, cursor, ordered=True)
        told = newest(looked, task_runs_in(looked, KESTRA, looked.begins), limit)
        more, cursor = page_of(told, looked, limit)
        items += from_another_node(more)
        if cursor is None:
            return items


def test_k18_filters(driver: Driver) -> None:
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
        "status=SUCCESS": {"sub", "deep"},
        "status=SUCCESS&status=RUNNING": {"work", "sub", "deep"},
        "status=KILLED": set[str](),
        "label=team:red": {"work"},
        "label=team:blue": set[str](),
        f"trigger_wf_run_id={outer.id}": {"deep"},
        "child_filter=CHILD": {"deep"},
        "child_filter=MAIN": {"work", "sub"},
        "q=WOR": {"work"},
        f"q={first.id}": {"work"},
    }.items():
        assert {one["taskId"] for one in found(driver, query)} == names, query


def test_k18_ranges_pages_and_days(driver: Driver) -> None:
    runs = []
    for _ in range(3):
        runs.append(flow(driver).id)
        driver.pass_ms(20)
    in_order = [one["executionId"] for one in found(driver, "")]
    assert in_order == runs[::-1]
    assert [one["executionId"] for one in found(driver, "", limit=1)] == in_order
    [_, middle, _] = found(driver, "")
    began = middle["state"]["startDate"]
    later = found(driver, f"started_after={began}")
    assert [one["executionId"] for one in later] == in_order[:2]
    earlier = found(driver, f"started_before={began}")
    assert [one["executionId"] for one in earlier] == in_order[2:]
    looked = asked(driver, "")
    counts_found = counts(looked, KESTRA, looked.begins)
    counted, cursor = by_day(counts_found), next_window(counts_found)
    assert sum(day["states"]["CREATED"] for day in counted) == 3
    assert [day["day"] for day in counted] == sorted({began[:10], newest_day(driver)})
    assert cursor is None


def newest_day(driver: Driver) -> str:
    """The day on which the newest began."""
    return found(driver, "")[0]["state"]["startDate"][:10]


def test_k18_a_window_that_is_full_is_followed_by_another(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each goes further back in every partition, and none is missing or out of its order."""
    monkeypatch.setattr(run_window, "ROWS_PER_WINDOW_MAX", 2)
    runs: list[str] = []
    for _ in range(6):
        runs.append(flow(driver).id)
        driver.pass_ms(20)
    looked = asked(driver, "")
    assert len(list(looked.within(looked.begins, KESTRA.task_runs))) <= len(looked.begins)
    assert looked.ended_at
    told = [one["executionId"] for one in found(driver, "")]
    assert told == runs[::-1]


def test_k18_those_that_began_too_late_are_not_looked_at(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first window begins at the end of the time that is asked for; here it has one run of each
    partition.
    """
    monkeypatch.setattr(run_window, "ROWS_PER_WINDOW_MAX", 1)
    first = task(driver, flow(driver))
    driver.pass_ms(20)
    second = flow(driver)
    began = second.execution["state"]["startDate"]
    driver.pass_ms(20)
    for _ in range(4):
        flow(driver)
    looked = asked(driver, f"started_before={began}")
    seen = {seen.run.wf_run_id for seen, _ in looked.within(looked.begins, KESTRA.task_runs)}
    assert seen == {first.id}


def test_k18_a_run_that_is_deleted_is_not_found(driver: Driver) -> None:
    """Nothing of it stays, whether it was the newest or not."""
    runs = [flow(driver).is_killed(0).ends_with("KILLED").id for _ in range(2)]
    accepted(driver, DeleteWfRun(runs[0]))
    assert [one["executionId"] for one in found(driver, "")] == runs[1:]
    assert {row.wf_run_id for row in driver.everywhere(RunBegun)} == set(runs[1:])


def test_k18_a_run_of_which_more_is_there_than_is_looked_at_is_told(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_flow(driver, TWO).completes(None)
    for rows_max, whole, found_count in ((1_000, True, 2), (1, False, 0)):
        monkeypatch.setattr(run_window, "ROWS_OF_RUN_MAX", rows_max)
        looked = asked(driver, "")
        told = newest(looked, task_runs_in(looked, KESTRA, looked.begins), 10)
        assert is_whole(told, looked.mark) is whole
        assert len(page_of(told, looked, 10)[0]) == found_count


def test_k18_times_are_texts() -> None:
    """As everywhere in the routes."""
    assert Search.of(QueryParams(f"started_after={timestamp_text(5)}"), KESTRA).start_ms == 5
