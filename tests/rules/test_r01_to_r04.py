"""R1 time, R2 the ticker, R3 budgets, R4 commands between partitions."""

from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from penstock.contracts.wire import Sent, command_value, engine_headers
from penstock.core.commands.install_definition import InstallDefinition
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.definitions.defs import TaskDef
from penstock.core.fold import ENGINE_PRINCIPAL, Origin
from penstock.core.state.partition_state import NEVER_MS, InChannel, PartitionState
from penstock.core.state.rows import Rows
from penstock.core.state.timers import Clock
from penstock.log.port import Message
from penstock.processor import ticker as ticker_module
from penstock.processor.ticker import Ticker
from tests.controls import chain, compare, edge, ends, event, literal, output_of, spec, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, register, run


@pytest.mark.fault(25)
def test_r01_a_clock_that_jumps_back_counts_nothing(memory: Driver) -> None:
    """Durations add up differences; a jump back of an hour delays nothing by more than itself."""
    register(memory, "patient", chain(task("shaky", max_attempts=2, backoff={"base_ms": 1_000})))
    story = run(memory, "patient").task("shaky").fails()
    assert memory.clock is not None
    memory.clock.now_ms -= 3_600_000
    memory.tick()
    assert story.task_run.status == "TASK_PENDING"
    memory.pass_ms(1_000)
    story.task("shaky").succeeds().completes()
    assert story.run.ended_ms == memory.clock.now_ms, "dates are the log's own"


def test_r01_timers_fire_in_order_before_the_command(memory: Driver) -> None:
    """Two time-outs are due at one tick: the earlier one first."""
    register(memory, "a", chain(event("e", timeout_ms=2_000)))
    register(memory, "b", chain(event("e", timeout_ms=1_000)))
    stories = [run(memory, "a", f"run-{number}") for number in range(4)]
    stories += [run(memory, "b", f"early-{number}") for number in range(4)]
    memory.pass_ms(9_000)
    failed = [told.wf_run_id for told in memory.events() if getattr(told, "failure", None)]
    for number in range(memory.topics.partitions):
        here = [wf_run_id for wf_run_id in failed if _partition(memory, wf_run_id) == number]
        assert here == sorted(here, key=lambda of: (not of.startswith("early"), of))
    assert sorted(failed) == sorted(story.id for story in stories)


@pytest.mark.fault(24)
def test_r02_the_ticker_is_level_triggered() -> None:
    """Due: now; one under way: not again; never due: never; liveness timers: every half minute."""
    ticker = Ticker()
    idle = PartitionState()
    assert ticker.due_in_s(0, idle) is None
    due = _with_due(Clock.DURATION, 0)
    assert ticker.due_in_s(0, due) == 0
    ticker.sent(0)
    assert (ticker.due_in_s(0, due) or 0) > 0.5
    ticker.came(0, 0)
    assert ticker.due_in_s(0, due) == 0
    far = _with_due(Clock.AWAKE, 2**61)
    ticker.sent(1)
    ticker.came(1, 0)
    assert 0 < (ticker.due_in_s(1, far) or 0) <= 30


@pytest.mark.fault(24, 25)
@pytest.mark.parametrize("here", [True, False], ids=["ours", "the broker's"])
def test_r02_a_clock_that_is_set_back_delays_no_tick(
    monkeypatch: pytest.MonkeyPatch, here: bool
) -> None:
    """An hour; the broker's is heard of through another partition."""
    now = SimpleNamespace(wall_s=1e6, steady_s=1e3)
    clocks = SimpleNamespace(time=lambda: now.wall_s, monotonic=lambda: now.steady_s)
    monkeypatch.setattr(ticker_module, "time", clocks)
    ticker, append_ms = Ticker(), int(1e9)
    state = replace(_with_due(Clock.DURATION, 2_000), append_ms=append_ms)
    assert ticker.due_in_s(0, state) == pytest.approx(2)
    if here:
        now.wall_s -= 3_600
    else:
        ticker.sent(1)
        ticker.came(1, append_ms - 3_600_000)
    now.wall_s += 2
    now.steady_s += 2
    assert ticker.due_in_s(0, state) == pytest.approx(0)


@pytest.mark.fault(27)
def test_r03_what_exceeds_a_turn_goes_on_while_others_do(memory: Driver) -> None:
    """A loop over 3,000 events takes turns; a run started behind it is done before the loop is."""
    again = edge("wait", compare(output_of("wait"), "NOT_EQUALS", literal("stop")))
    register(
        memory, "loop", spec("wait", {"wait": event("go", again, edge("exit")), "exit": ends()})
    )
    register(memory, "quick", chain())
    loop_id = _id_on(memory, 1)
    for number in range(3_000):
        content = "stop" if number == 2_999 else f"go {number}"
        accepted(memory, PutExternalEvent(wf_run_id=loop_id, event_def="go", content=content))
    run(memory, "loop", loop_id).completes()
    ends_at = [
        told.wf_run_id for told in memory.events() if getattr(told, "status", "") == "COMPLETED"
    ]
    assert ends_at == [loop_id]
    ticks = memory.log.read_all(memory.topics.commands, 1)[-3:]
    assert all(record.key is None for record in ticks), "the loop went on in turns of its own"


def test_r04_repeats_and_gaps_of_engine_commands_are_dropped(memory: Driver) -> None:
    """Only the one whose "previous" is the last taken counts."""
    accepted(memory, PutTaskDef(name="first"))
    accepted(memory, PutTaskDef(name="second"))
    [first, second] = memory.log.read_all(memory.topics.commands, 1)
    for again in (first, second, first):
        memory.log.append_and_wait(
            Message(again.topic, again.key, again.value, again.headers, again.partition)
        )
    _append_engine_command(memory, "gap", Origin(0, "999:0", "998:0"))
    memory.settle()
    assert _task_def(memory, 1, "second") is not None
    assert _task_def(memory, 1, "gap") is None
    channel = _rows(memory, 1).peek(InChannel, 0)
    assert channel is not None
    _append_engine_command(memory, "next", Origin(0, "1000:0", channel.last))
    memory.settle()
    assert _task_def(memory, 1, "next") is not None


def test_r04_a_client_can_not_send_an_engine_command(memory: Driver) -> None:
    """It is refused, and the partition goes on."""
    answer = memory.send(InstallDefinition(kind="TaskDef", row=b""))
    assert answer.code == "FORBIDDEN"


def _append_engine_command(memory: Driver, name: str, origin: Origin) -> None:
    row = TaskDef("default", name, (), None, True, "", 0)
    from msgspec.msgpack import encode

    command = InstallDefinition(kind="TaskDef", row=encode(row))
    value = command_value(memory.avro, Sent(command=command, principal=ENGINE_PRINCIPAL))
    memory.log.append_and_wait(
        Message(memory.topics.commands, None, value, engine_headers(origin, 1), 1)
    )


def _rows(memory: Driver, number: int) -> Rows:
    view = memory.processor.view(number)
    assert view is not None
    return Rows(view)


def _task_def(memory: Driver, number: int, name: str) -> TaskDef | None:
    return _rows(memory, number).peek(TaskDef, "default", name)


def _partition(memory: Driver, wf_run_id: str) -> int:
    from penstock.core.ids import partition_of_run

    return partition_of_run(wf_run_id, memory.topics.partitions)


def _id_on(memory: Driver, number: int) -> str:
    return next(
        wf_run_id
        for wf_run_id in (f"run-{at}" for at in range(1_000))
        if _partition(memory, wf_run_id) == number
    )


def _with_due(clock: Clock, due_ms: int) -> PartitionState:
    bounds = [NEVER_MS] * len(Clock)
    bounds[clock] = due_ms
    return PartitionState(next_due_ms=tuple(bounds))
