"""Scenarios of schedules: what a test asks of one, and how time comes to a moment."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from penstock.core.commands.schedule_wf import ScheduleWf
from penstock.core.ids import partition_of_run
from penstock.core.schedules.schedules import CronAsk, Firing, Schedule, ScheduleState
from penstock.core.state.partition_state import PartitionState
from penstock.core.state.rows import Rows
from penstock.core.state.timers import Timer
from tests.scenarios.driver import WAIT_S, Driver
from tests.scenarios.story import Story, accepted


def ms(text: str) -> int:
    """A moment, as `2024-03-31 00:59` in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


def moments(times_ms: Any) -> list[str]:
    """Moments as texts."""
    return [f"{datetime.fromtimestamp(at / 1_000, UTC):%Y-%m-%d %H:%M}" for at in times_ms]


def come_to(driver: Driver, text: str) -> None:
    """Nothing happens until this moment: the engine may have been down. Then it is told once."""
    assert driver.clock is not None
    driver.clock.now_ms = ms(text)
    driver.tick()


def live_through(driver: Driver, *texts: str) -> None:
    """Time passes, and the engine is up at each of these moments."""
    for text in texts:
        come_to(driver, text)


class Plan:
    """A schedule under test."""

    def __init__(self, driver: Driver, schedule_id: str) -> None:
        self.driver = driver
        self.id = schedule_id
        self.partition = partition_of_run(schedule_id, driver.topics.partitions)

    @property
    def rows(self) -> Rows:
        """Rows of its partition."""
        view = self.driver.processor.view(self.partition)
        assert view is not None
        return Rows(view)

    @property
    def state(self) -> ScheduleState:
        """How far it has come."""
        row = self.rows.peek(ScheduleState, "default", self.id)
        assert row is not None
        return row

    @property
    def firings(self) -> tuple[Firing, ...]:
        """What came of its due times."""
        return self.state.firings

    def started(self) -> list[str]:
        """The due times for which runs were started, each of which is there."""
        for firing in self.firings:
            if firing.wf_run_id is not None and firing.outcome != "REFUSED":
                assert Story(self.driver, firing.wf_run_id).run.status
        return moments(firing.due_ms for firing in self.firings if firing.wf_run_id is not None)

    def outcomes(self) -> list[tuple[str, bool]]:
        """Each due time, and whether it was missed."""
        return [
            (moments([firing.due_ms])[0], firing.outcome == "MISSED") for firing in self.firings
        ]

    def is_now(self, status: str) -> Plan:
        """It has this status, or comes to have it, and waits for no answer."""
        deadline = time.monotonic() + (0 if self.driver.clock else WAIT_S)
        while self.state.status != status or self.state.ask is not None:
            assert time.monotonic() < deadline, self.state
            time.sleep(0.005)
        return self

    def leaves_nothing(self) -> None:
        """No row, timer or question of it is there."""
        rows = self.rows
        assert rows.peek(Schedule, "default", self.id) is None
        assert rows.peek(ScheduleState, "default", self.id) is None
        assert [ask for ask in rows.scan(CronAsk) if ask.schedule_id == self.id] == []
        assert [timer for timer in rows.scan(Timer) if timer.detail == self.id] == []
        state = rows.peek(PartitionState)
        assert state is not None
        assert state.open_asks == len(list(rows.scan(CronAsk)))


def schedule(driver: Driver, schedule_id: str, cron: str | None = None, **settings: Any) -> Plan:
    """Make a schedule that must be accepted, once its partition knows the spec."""
    settings = {"wf_spec": "job"} | settings
    command = ScheduleWf(schedule_id=schedule_id, cron=cron, **settings)
    deadline = time.monotonic() + WAIT_S
    while (answer := driver.send(command)).code == "SPEC_UNKNOWN" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert answer.ok, answer
    assert accepted(driver, command).repeated
    return Plan(driver, schedule_id)
