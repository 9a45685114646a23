"""The checker of liveness sees what it should, and knows every type there is."""

from typing import Any

import pytest

from penstock.core.nodes import NODE_TYPES
from penstock.core.state.event_rows import EventWaiter
from penstock.core.state.rows import Row
from penstock.core.state.run import HaltReason, NodeRun, TaskRun, ThreadRun, WfRun
from penstock.core.state.timers import Timer, TimerKind
from penstock.store.memory import MemoryStore
from penstock.store.rowstore import RowStore
from tests.controls import chain, event, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import register, run
from tests.sim import belongs, liveness
from tests.sim.tables import Tables


def test_each_node_type_that_waits_says_for_what() -> None:
    """A new type adds a line to WAITS."""
    assert set(liveness.WAITS) == {
        node.name for node in NODE_TYPES if node.waits or node.begins or node.ends
    }


def test_each_reason_to_halt_and_each_timer_has_a_line() -> None:
    """New ones add theirs."""
    assert set(liveness.TAKEN_AWAY_BY) == set(HaltReason)
    assert set(belongs.BELONGS) == set(TimerKind)


BROKEN = [
    (EventWaiter, None, "waits for nothing"),
    (TaskRun, None, "waits for nothing"),
    (Timer, None, "without a time-out|lost its timer|waits for nothing"),
    (ThreadRun, {"status": "HALTED"}, "waits for nothing"),
    (ThreadRun, {"status": "HALTING", "halt_reasons": ("MANUAL_HALT",)}, "waits for nothing"),
    (NodeRun, {"status": "COMPLETED"}, "waits for nothing"),
    (WfRun, {"status": "COMPLETED"}, "its entrypoint thread"),
    (WfRun, None, "rows without a run"),
]


@pytest.mark.parametrize(("kind", "change", "seen"), BROKEN)
def test_a_fault_is_seen(
    memory: Driver, kind: type[Row], change: dict[str, Any] | None, seen: str
) -> None:
    """Rows are changed or taken away behind the engine's back, in a copy."""
    _three_that_wait(memory)
    found: list[str] = []
    for store in memory.memory_stores.values():
        rows = Tables(store).of(kind)
        copy = _copy(store)
        changes: dict[bytes, Row | None] = {}
        for row in rows:
            before = row.own_key()
            for name, value in (change or {}).items():
                setattr(row, name, value)
            changes[before] = None if change is None else row
        copy.write(changes, copy.position())
        found += liveness.problems(Tables(copy._store))
    assert any(part in problem for problem in found for part in seen.split("|")), found


def test_what_an_ended_run_leaves_behind_is_seen(memory: Driver) -> None:
    """A timer, or a waiter."""
    register(memory, "w", chain())
    story = run(memory, "w").completes()
    for row in (
        Timer(1, 5, "default", story.id, TimerKind.NODE, "0", 1),
        EventWaiter("default", story.id, "e", 0, 1),
    ):
        tables = Tables()
        for store in memory.memory_stores.values():
            tables.apply(dict(store.scan(b"", b"\xff")))
        group = tables.group(("default", story.id))
        assert liveness.problems_of(group) == []
        group.put(row.own_key(), row)
        [problem] = liveness.problems_of(group)
        assert "leaves behind" in problem


def _three_that_wait(memory: Driver) -> None:
    """For an event, for a report, for a backoff."""
    register(memory, "event", chain(event("go", timeout_ms=9_000)))
    register(memory, "task", chain(task("work", max_attempts=3, backoff={"base_ms": 9_000})))
    run(memory, "event")
    run(memory, "task").task("work").starts()
    run(memory, "task").task("work").fails()
    run(memory, "task").task("work").starts().is_stopped()
    tables = [Tables(store) for store in memory.memory_stores.values()]
    assert [problem for table in tables for problem in liveness.problems(table)] == []


def _copy(store: MemoryStore) -> RowStore:
    copy = MemoryStore()
    copy.write(dict(store.scan(b"", b"\xff\xff")))
    return RowStore(copy)
