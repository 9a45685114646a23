"""R8: what depends on the environment comes into rows by a command only. The fold asks, the owner
answers every open question; the first answer closes it, others change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from penstock.core import fire
from penstock.core.command import Command
from penstock.core.commands.cron_answer import CronAnswer
from penstock.core.commands.delete_schedule import DeleteSchedule
from penstock.core.commands.pause_schedule import PauseSchedule
from penstock.core.schedules.schedules import CronAsk
from penstock.core.state.partition_state import PartitionState
from penstock.core.state.timers import TimerKind
from penstock.processor.cron_asks import CronAnswerer
from tests.controls import chain
from tests.scenarios.driver import Driver
from tests.scenarios.schedules import Plan, come_to, moments, ms, schedule
from tests.scenarios.story import accepted, register

NOON = "2024-01-01 12:00"


@pytest.fixture
def memory(memory: Driver) -> Driver:
    """An engine that knows the spec `job`, one January midnight."""
    register(memory, "job", chain())
    come_to(memory, "2024-01-01 00:00")
    return memory


@pytest.fixture
def unanswered(memory: Driver, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A schedule whose question nobody answers."""
    monkeypatch.setattr(CronAnswerer, "answers", lambda self, partition: iter(()))
    return schedule(memory, "noon", "0 12 * * *")


def _by_owner(plan: Plan, command: Command) -> None:
    """The owner appends a command."""
    courier = plan.driver.processor._courier
    message = courier.command(plan.partition, command, tenant="default")
    plan.driver.log.append_and_wait(message)
    plan.driver.settle()


def _ask_of(plan: Plan) -> CronAsk:
    ask = plan.rows.peek(CronAsk, "default", plan.id)
    assert ask is not None
    return ask


def _refusals(memory: Driver) -> list[str]:
    return [told.code for told in memory.events() if hasattr(told, "code")]


def test_r08_the_first_answer_closes_the_question(memory: Driver, unanswered: Plan) -> None:
    """A second one, and one that differs, are refused."""
    ask = _ask_of(unanswered)
    first = CronAnswer(schedule_id="noon", ask=ask.number, due_ms=(ms(NOON),))
    later = CronAnswer(schedule_id="noon", ask=ask.number, due_ms=(ms("2024-01-02 12:00"),))
    cannot = CronAnswer(schedule_id="noon", ask=ask.number, problem="no such zone")
    for answer in (first, first, later, cannot):
        _by_owner(unanswered, answer)
    assert _refusals(memory) == ["ASK_CLOSED"] * 3
    assert moments(unanswered.is_now("ACTIVE").state.due) == [NOON]
    come_to(memory, NOON)
    assert unanswered.started() == [NOON]


@pytest.mark.parametrize(
    ("due", "code"),
    [
        (lambda after: (), "BAD_VALUE"),
        (lambda after: (after,), "BAD_VALUE"),
        (lambda after: (after + 2, after + 1), "BAD_VALUE"),
        (lambda after: (after + 1, after + 1), "BAD_VALUE"),
        (lambda after: tuple(range(after + 1, after + 12)), "BAD_VALUE"),
        (lambda after: (2**62,), "BAD_VALUE"),
    ],
)
def test_r08_a_wrong_answer_leaves_the_question_open(
    memory: Driver, unanswered: Plan, due: Callable[[int], tuple[int, ...]], code: str
) -> None:
    """The next one that is right closes it."""
    ask = _ask_of(unanswered)
    wrong = CronAnswer(schedule_id="noon", ask=ask.number, due_ms=due(ask.after_ms))
    _by_owner(unanswered, wrong)
    assert _refusals(memory) == [code]
    assert _ask_of(unanswered) == ask
    _by_owner(unanswered, CronAnswer(schedule_id="noon", ask=ask.number, due_ms=(ms(NOON),)))
    unanswered.is_now("ACTIVE")


def test_r08_an_answer_to_an_earlier_question_changes_nothing(
    memory: Driver, unanswered: Plan
) -> None:
    """Paused and let go on meanwhile, or deleted and made again: it is another question."""
    first = _ask_of(unanswered)
    accepted(memory, PauseSchedule(schedule_id="noon"))
    late = CronAnswer(schedule_id="noon", ask=first.number, due_ms=(ms(NOON),))
    _by_owner(unanswered, late)
    accepted(memory, PauseSchedule(schedule_id="noon", paused=False))
    assert _ask_of(unanswered).number != first.number
    _by_owner(unanswered, late)
    accepted(memory, DeleteSchedule(schedule_id="noon"))
    _by_owner(unanswered, late)
    schedule(memory, "noon", "0 12 * * *")
    _by_owner(unanswered, late)
    assert _refusals(memory) == ["ASK_CLOSED"] * 4
    assert unanswered.state.due == ()


def test_r08_a_client_can_not_answer(memory: Driver, unanswered: Plan) -> None:
    """Only the owner of the partition."""
    answer = CronAnswer(schedule_id="noon", ask=_ask_of(unanswered).number, due_ms=(ms(NOON),))
    assert memory.send(answer).code == "FORBIDDEN"


def test_r08_the_next_owner_answers_what_is_open(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is a row: whoever owns the partition sees it."""
    with monkeypatch.context() as silent:
        silent.setattr(CronAnswerer, "answers", lambda self, partition: iter(()))
        plan = schedule(memory, "noon", "0 12 * * *")
        come_to(memory, "2024-01-01 03:00")
        memory.restart()
        memory.settle()
        assert _ask_of(plan)
    memory.restart()
    memory.settle()
    assert moments(plan.is_now("ACTIVE").state.due)[0] == NOON


def test_r08_an_answer_that_is_lost_is_given_again(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while, and then less and less often; what was answered is not answered again."""
    sent: list[Any] = []
    now_s = [100.0]
    memory.processor._errands.cron = CronAnswerer(lambda: now_s[0])
    with monkeypatch.context() as losing:
        losing.setattr(memory.log, "append", sent.append)
        plan = schedule(memory, "noon", "0 12 * * *")
        for at_s, answers in ((104, 1), (105, 2), (114, 2), (115, 3), (134, 3), (135, 4)):
            now_s[0] = float(at_s)
            memory.tick()
            assert len(sent) == answers, at_s
    now_s[0] = 1_000.0
    memory.settle()
    assert plan.is_now("ACTIVE").state.due
    end = memory.log.bounds(plan.partition)[1]
    now_s[0] = 5_000.0
    memory.tick()
    assert memory.log.bounds(plan.partition)[1] == end + 1, "the tick, and no answer"


def test_r08_many_questions_are_all_answered(memory: Driver) -> None:
    """Not all at one look: the log goes on in between."""
    plans = [
        schedule(memory, f"late-{number}", "0 12 * * *", start_at_ms=ms("2024-01-01 06:00"))
        for number in range(40)
    ]
    come_to(memory, NOON)
    for plan in plans:
        assert plan.is_now("ACTIVE").started() == [NOON]
        state = plan.rows.peek(PartitionState)
        assert state is not None
        assert state.open_asks == 0


def test_r06_a_defect_of_a_schedule_stops_it_visibly(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its neighbour goes on; no run is blamed."""

    def broken(turn: Any, timer: Any) -> None:
        if timer.detail == "broken":
            raise ZeroDivisionError
        due(turn, timer)

    due = fire._FIRE[TimerKind.SCHEDULE]
    monkeypatch.setitem(fire._FIRE, TimerKind.SCHEDULE, broken)
    bad, good = schedule(memory, "broken", "0 12 * * *"), schedule(memory, "good", "0 12 * * *")
    come_to(memory, NOON)
    assert good.started() == [NOON]
    assert "defect" in bad.is_now("FAILED").state.reason
    monkeypatch.setitem(fire._FIRE, TimerKind.SCHEDULE, due)
    accepted(memory, PauseSchedule(schedule_id="broken", paused=False))
    come_to(memory, "2024-01-02 12:00")
    assert bad.started() == ["2024-01-02 12:00"]
