"""Searches across runs, a window at a time, over partitions of which one has much and another next
to nothing: all is found, once, and in one order over all windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from starlette.datastructures import QueryParams

from penstock.core.commands.report_task import ReportTask
from penstock.core.ids import partition_of_run
from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import TaskStatus
from penstock.gateway import run_window
from penstock.gateway.canonical import Canonical
from penstock.gateway.cursors import cursor_text
from penstock.gateway.errors import ApiError
from penstock.gateway.newest_runs import RunSearch, runs_in
from penstock.gateway.run_window import Mark, Place, Window, newest, page_of
from penstock.gateway.task_run_search import Search, task_runs_in
from tests.controls import chain, task
from tests.dialects.searching import from_another_node, window
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, register, run

PLAIN = Canonical()
pytestmark = pytest.mark.parametrize("memory", ["memory"], indirect=True)  # the rows are read only

Pages = Iterator[tuple[list[dict[str, Any]], Window[Any]]]
NODES: dict[str, Callable[[list[int]], list[list[int]]]] = {
    "one node": lambda numbers: [numbers],
    "a node each": lambda numbers: [[number] for number in numbers],
}
"""Which node has which of the partitions."""


def pages(
    driver: Driver,
    look: Callable[[str | None], Window[Any]],
    tell: Callable[[Window[Any], list[int]], list[dict[str, Any]]],
    nodes: str,
    limit: int,
) -> Pages:
    """The pages of a search, put together by one node of what each has found."""
    cursor: str | None = None
    while True:
        told: list[dict[str, Any]] = []
        for numbers in NODES[nodes](sorted(look(cursor).begins)):
            told += from_another_node(tell(look(cursor), numbers))
        looked = look(cursor)
        items, cursor = page_of(told, looked, limit)
        assert len(items) <= limit
        yield from_another_node(items), looked
        if cursor is None:
            return


def run_pages(driver: Driver, nodes: str, limit: int) -> Pages:
    def look(cursor: str | None) -> Window[RunSearch]:
        return window(driver, RunSearch.of(QueryParams("")), cursor, ordered=True)

    def tell(looked: Window[RunSearch], numbers: list[int]) -> list[dict[str, Any]]:
        return newest(looked, runs_in(looked, PLAIN, numbers), limit)

    return pages(driver, look, tell, nodes, limit)


def task_pages(driver: Driver, nodes: str, limit: int) -> Pages:
    def look(cursor: str | None) -> Window[Search]:
        return window(driver, Search.of(QueryParams(""), PLAIN), cursor, ordered=True)

    def tell(looked: Window[Search], numbers: list[int]) -> list[dict[str, Any]]:
        return newest(looked, task_runs_in(looked, PLAIN, numbers), limit)

    return pages(driver, look, tell, nodes, limit)


def of_partition(driver: Driver, number: int) -> Iterator[str]:
    """Ids of runs that belong to a partition."""
    partitions = driver.topics.partitions
    names = (f"run-{at}" for at in range(10_000))
    return (name for name in names if partition_of_run(name, partitions) == number)


def some_runs(driver: Driver) -> list[Story]:
    """Two dozen of the first partition, every sixth of the second, one of each other; three begin
    at the same moment.
    """
    register(driver, "works", chain(task("one"), task("two")))
    partitions = driver.topics.partitions
    assert partitions > 2
    ids = [of_partition(driver, number) for number in range(partitions)]
    stories = [run(driver, "works", next(ids[number])) for number in range(2, partitions)]
    for count in range(24):
        if count % 3 == 0:
            driver.pass_ms(20)
        stories.append(run(driver, "works", next(ids[0])))
        if count % 6 == 5:
            stories.append(run(driver, "works", next(ids[1])))
    return stories


def in_order(stories: list[Story]) -> list[str]:
    return [story.id for story in sorted(stories, key=lambda story: Place.of(story.run))]


@pytest.mark.parametrize("nodes", NODES)
@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_runs_are_in_one_order_over_all_windows(
    memory: Driver, nodes: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stories = some_runs(memory)
    for rows_max in (1, 9, 30, 50_000):
        monkeypatch.setattr(run_window, "ROWS_PER_WINDOW_MAX", rows_max)
        found, windows = [], set[Any]()
        for items, looked in run_pages(memory, nodes, limit):
            found += [one["wf_run_id"] for one in items]
            windows.add(looked.mark.begins)
        assert found == in_order(stories), rows_max
        assert (len(windows) == 1) is (rows_max == 50_000)


@pytest.mark.parametrize("nodes", NODES)
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_task_runs_are_each_found_once_newest_first_in_a_window(
    memory: Driver, nodes: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that began first have the newest tasks."""
    stories = some_runs(memory)
    memory.tasks("one", len(stories))
    for story in stories:
        memory.pass_ms(20)
        [first] = memory.scan(TaskRun, story.id)
        memory.send(ReportTask(story.id, first.guid, 1, TaskStatus.TASK_SUCCESS))
    began = {story.id: Place.of(story.run) for story in stories}
    rows = [row for story in stories for row in memory.scan(TaskRun, story.id)]
    every = {(row.wf_run_id, row.guid): row.history[0].at_ms for row in rows}
    assert len(every) == 2 * len(stories)
    for rows_max in (1, 40, 50_000):
        monkeypatch.setattr(run_window, "ROWS_PER_WINDOW_MAX", rows_max)
        found: list[tuple[str, str]] = []
        windows: dict[Any, list[tuple[str, str]]] = {}
        for items, looked in task_pages(memory, nodes, limit):
            page = [(one["wf_run_id"], one["guid"]) for one in items]
            windows.setdefault(looked.mark.begins, []).extend(page)
            found += page
        assert len(found) == len(every)
        assert {*found} == every.keys()
        last: Place | None = None
        for within in windows.values():
            times = [every[one] for one in within]
            assert times == sorted(times, reverse=True)
            places = [began[wf_run_id] for wf_run_id, _ in within]
            assert last is None or all(place > last for place in places)
            last = max(places, default=last)


def test_runs_that_begin_meanwhile_move_nothing(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page further on has what it would have had: the end of its window is in its cursor."""
    stories = some_runs(memory)
    monkeypatch.setattr(run_window, "ROWS_PER_WINDOW_MAX", 30)
    found: list[str] = []
    ids = of_partition(memory, 1)
    for items, _ in run_pages(memory, "one node", 2):
        found += [one["wf_run_id"] for one in items]
        memory.pass_ms(20)
        run(memory, "works", f"later-{next(ids)}")
    assert found == in_order(stories)


@pytest.mark.parametrize(
    "until", [("x", "y"), (-1, "a"), (1, "a\x00"), (1,), "x"], ids=lambda one: str(one)
)
def test_a_cursor_that_was_not_given_is_refused(memory: Driver, until: Any) -> None:
    cursor = cursor_text(msgspec.json.encode((None, None, until)))
    with pytest.raises(ApiError, match="cursor"):
        Mark.of(cursor)
