"""The Gantt's order: roots by when they began, children below their parent by when they began."""

from __future__ import annotations

from itertools import pairwise

from penstock.core.views.kestra.gantt import gantt
from tests.dialects.bench import run_flow
from tests.scenarios.driver import Driver

FLOW = """
id: tree
namespace: company.team
tasks:
  - id: a
    type: parallel
    tasks:
      - {id: a1, type: sequential, tasks: [{id: a1x, type: return}, {id: a1y, type: return}]}
      - {id: a2, type: return}
  - id: b
    type: for-each
    values: [1, 2]
    tasks: [{id: b1, type: return}]
  - {id: c, type: return}
"""


def test_k20_the_order_of_a_tree(driver: Driver) -> None:
    flow = run_flow(driver, FLOW)
    flow.completes(None)
    rows = gantt(flow.execution["taskRunList"])
    shown = [(depth, one["taskId"], one.get("value")) for depth, one in rows]
    assert [row for row in shown if row[0] == 0] == [(0, "a", None), (0, "b", None), (0, "c", None)]
    names = [name for _, name, _ in shown]
    assert set(names[1:5]) == {"a1", "a1x", "a1y", "a2"}
    assert names.index("a1y") == names.index("a1x") + 1 == names.index("a1") + 2
    assert shown[6:8] == [(1, "b1", "1"), (1, "b1", "2")]
    for (_, before), (_, after) in pairwise(rows):
        if before.get("parentTaskRunId") == after.get("parentTaskRunId"):
            assert before["state"]["startDate"] <= after["state"]["startDate"]


def test_k20_a_parent_that_is_not_among_them_hides_no_child() -> None:
    """A page of task runs may begin anywhere."""
    one = {"id": "x", "parentTaskRunId": "gone", "state": {"startDate": "2026"}}
    assert gantt([one]) == [(0, one)]


def test_k20_who_began_first_stands_first() -> None:
    """In whatever order they come."""
    given = [("c", 3, None), ("a2", 9, "a"), ("b", 2, None), ("a1", 4, "a"), ("a", 1, None)]
    listed = [
        {"id": name, "state": {"startDate": f"2026-01-0{day}"}}
        | ({} if parent is None else {"parentTaskRunId": parent})
        for name, day, parent in given
    ]
    assert [(depth, one["id"]) for depth, one in gantt(listed)] == [
        *((0, "a"), (1, "a1"), (1, "a2"), (0, "b"), (0, "c")),
    ]
