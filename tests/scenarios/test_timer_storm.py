"""Very many timers that are due at one instant (catalogue row 27)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.contracts.wire import Sent, outgoing
from penstock.core import fire, fold
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.tick import Tick
from penstock.core.limits import TIMERS_PER_TURN_MAX
from penstock.core.state.keys import PARTITION_PREFIX, after_prefix, encode_parts
from penstock.core.state.rows import Row
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.turn import Turn
from penstock.log.port import Message
from penstock.store.rowstore import RowStore
from tests.controls import chain, event
from tests.replay.pasts import compare_pasts
from tests.scenarios.driver import Driver, memory_driver
from tests.scenarios.story import register, run

HOUR_MS = 3_600_000


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Driver]:
    """An engine with one partition."""
    with memory_driver(tmp_path, partitions=1) as driver:
        yield driver


def fired(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Noted from now on: in which turn a node's time was over, and of which run."""
    noted: list[tuple[int, str]] = []
    time_is_over = fire._FIRE[TimerKind.NODE]

    def note(turn: Turn, timer: Timer) -> None:
        noted.append((turn.offset, timer.wf_run_id))
        time_is_over(turn, timer)

    monkeypatch.setitem(fire._FIRE, TimerKind.NODE, note)
    return noted


def timers(driver: Driver) -> list[Timer]:
    """Those of partition 0, in order."""
    view = driver.processor.view(0)
    assert view is not None
    every = PARTITION_PREFIX + Timer.KIND
    return [timer for _, timer in view.scan(Timer, every, after_prefix(every))]


def sleepers(driver: Driver, count: int) -> list[str]:
    """Runs on partition 0 whose time is over in an hour, in the order of their timers."""
    register(driver, "waits", chain(event("go", timeout_ms=HOUR_MS)))
    register(driver, "quick", chain())
    ids = [f"sleeper-{number:05}" for number in range(count)]
    commands = [RunWf(wf_spec="waits", wf_run_id=wf_run_id) for wf_run_id in ids]
    assert all(answer.ok for answer in driver.send_together(*commands))
    return ids


def test_a_timer_is_not_looked_for_among_those_that_are_gone(
    alone: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a store a row that was deleted is stepped over until its files are merged."""
    register(alone, "waits", chain(event("go", timeout_ms=HOUR_MS)))
    for _ in range(20):
        run(alone, "waits")
    [*_, gone] = timers(alone)
    alone.pass_ms(HOUR_MS)
    began: list[bytes] = []
    scan = RowStore.scan

    def noting(self: RowStore, kind: type[Row], start: bytes, end: bytes) -> Any:
        began.extend([start] if kind is Timer else [])
        return scan(self, kind, start, end)

    monkeypatch.setattr(RowStore, "scan", noting)
    run(alone, "waits")
    alone.pass_ms(HOUR_MS)
    clock = PARTITION_PREFIX + Timer.KIND + encode_parts((gone.clock,))
    ours = [start for start in began if start.startswith(clock)]
    assert ours
    assert min(ours) >= clock + encode_parts((gone.due_ms,))
    assert not timers(alone)


def test_other_runs_go_on_between_the_chunks(
    alone: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn fires so many and no more, in order; a start in the midst is answered in the next
    batch, long before the last one has fired."""
    ids, noted = sleepers(alone, 5 * TIMERS_PER_TURN_MAX), fired(monkeypatch)
    assert alone.clock is not None
    alone.clock.now_ms += HOUR_MS + 1
    tick = alone.processor._courier.command(0, Tick(), tenant="default")
    alone.log.append_and_wait(tick)
    alone.step()
    assert [wf_run_id for _, wf_run_id in noted] == ids[:TIMERS_PER_TURN_MAX]
    sent = Sent(
        command=RunWf(wf_spec="quick", wf_run_id="quick"), tenant="default", principal="test"
    )
    out = outgoing(alone.avro, sent, "quick")
    answered = alone.processor.expect("default", "quick")
    message = Message(alone.topics.commands, out.key, out.value, out.headers, out.partition)
    alone.log.append_and_wait(message)
    alone.step()
    assert answered.result(0).answer.ok
    assert len(noted) <= 3 * TIMERS_PER_TURN_MAX
    alone.tick()
    alone.settle()
    assert [wf_run_id for _, wf_run_id in noted] == ids
    offsets = [offset for offset, _ in noted]
    assert max(offsets.count(offset) for offset in set(offsets)) == TIMERS_PER_TURN_MAX


def test_the_past_of_who_was_in_a_storm_is_told_from_its_own_turns(
    alone: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of turns that had no time for all that was due."""
    monkeypatch.setattr(fold, "TIMERS_PER_TURN_MAX", 4)
    sleepers(alone, 30)
    alone.pass_ms(HOUR_MS // 2)
    sleepers_too = [f"later-{number}" for number in range(7)]
    alone.send_together(*[RunWf(wf_spec="waits", wf_run_id=one) for one in sleepers_too])
    alone.pass_ms(HOUR_MS // 2 + 1)
    run(alone, "quick").completes()
    alone.pass_ms(HOUR_MS)
    found = compare_pasts(alone.log, alone.avro, alone.topics, 0)
    assert found.whole == []
    assert found.positions > 60
