"""What a review of the first engine found, each held by a test."""

import time
from typing import Any

import orjson
import pytest

from penstock.contracts import schema_of
from penstock.contracts.wire import Sent, outgoing
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.ids import partition_of_run
from penstock.core.state.backoff import Backoff
from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import TaskStatus
from penstock.log.port import Fenced, LogFatal, LogUnavailable, Message, Refused
from tests.controls import (
    a_task_def,
    chain,
    compare,
    declared,
    edge,
    ends,
    event,
    literal,
    output_of,
    spec,
    task,
    variable,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run


@pytest.mark.parametrize("end", ["fails", "throws"])
def test_a_run_that_ended_while_halting_can_not_be_resumed(memory: Driver, end: str) -> None:
    """It is refused; it was a defect."""
    register(memory, "broken", chain(task("broken")))
    story = run(memory, "broken").task("broken").is_stopped()
    story.fails() if end == "fails" else story.throws("no-money")
    refused(memory, ResumeWfRun(wf_run_id=story.id), "WF_RUN_ENDED")
    assert story.thread.halt_reasons == ()


def test_a_negative_thread_is_unknown(memory: Driver) -> None:
    """And the run is well."""
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits")
    refused(memory, StopWfRun(wf_run_id=story.id, thread=-1), "THREAD_UNKNOWN")
    story.is_now("RUNNING").gets("go").completes()


def test_a_backoff_never_overflows_and_never_takes_long() -> None:
    """Whatever its multiplier."""
    assert Backoff(base_ms=1_000, multiplier=1e306).delay_ms(500) == 24 * 3_600_000
    begin_s = time.thread_time()
    assert Backoff(base_ms=1, multiplier=1.0000001).delay_ms(1_000_000) == 1
    assert time.thread_time() - begin_s < 0.1


def test_a_backoff_that_explodes_is_refused(memory: Driver) -> None:
    """At registration."""
    accepted(memory, a_task_def("t"))
    body = chain(task("t", backoff={"base_ms": 1, "multiplier": 1e306}))
    assert "multiplier" in refused(memory, PutWfSpec(name="w", spec=body), "BAD_SPEC").message


def test_the_order_of_keys_in_json_does_not_reach_the_rows(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that writes them unsorted; the value comes back in a failure's message (I1)."""
    wrong = chain(task("n", inputs={"n": variable("v")}), variables=(declared("v", "JSON_OBJ"),))
    waits = chain(
        event("go"), task("n", inputs={"n": variable("v")}), variables=(declared("v", "JSON_OBJ"),)
    )
    accepted(memory, a_task_def("n", n="INT"))
    body = PutWfSpec(name="wrong", spec=wrong)
    assert "Cannot assign JSON_OBJ to INT" in refused(memory, body, "BAD_SPEC").message
    pathy = waits["threads"]["main"]["nodes"]["n2"]["inputs"]["n"]
    pathy["path"] = "$.inner"
    register(memory, "waits", waits, a_task_def("n", n="INT"))
    monkeypatch.setattr(schema_of, "dump_json", lambda value: orjson.dumps(value))
    story = run(memory, "waits", v={"inner": {"z": 1, "a": 2}})
    monkeypatch.undo()
    memory.restart()
    memory.settle()
    story.gets("go").ends_with("VAR_SUB_ERROR")


def test_many_timers_in_one_batch_cost_what_few_do(memory: Driver) -> None:
    """Their queue is not read from its head again for each (it took 53 s)."""
    register(memory, "waits", chain(event("never", timeout_ms=1_000)))
    for number in range(4_000):
        out = outgoing(
            memory.avro, Sent(command=RunWf(wf_spec="waits", wf_run_id=f"r{number}")), None
        )
        memory.log.append(Message(memory.topics.commands, out.key, out.value, out.headers))
    memory.settle()
    begin_s = time.thread_time()
    for _ in range(5):
        memory.pass_ms(2_000)
    assert time.thread_time() - begin_s < 20
    failed = [told for told in memory.events() if getattr(told, "status", "") == "ERROR"]
    assert len(failed) == 4_000


@pytest.mark.fault(36)
def test_a_loop_does_not_starve_the_timers_of_others(memory: Driver) -> None:
    """When the budget of nodes is spent, the other clocks have their turn (R3)."""
    again = edge("wait", compare(output_of("wait"), "NOT_EQUALS", literal("stop")))
    register(
        memory, "loop", spec("wait", {"wait": event("go", again, edge("exit")), "exit": ends()})
    )
    register(memory, "waits", chain(event("never", timeout_ms=1)))
    loop_id = next(f"l{n}" for n in range(99) if partition_of_run(f"l{n}", 3) == 1)
    other_id = next(f"o{n}" for n in range(99) if partition_of_run(f"o{n}", 3) == 1)
    for number in range(3_500):
        accepted(memory, PutExternalEvent(wf_run_id=loop_id, event_def="go", content=number))
    other = run(memory, "waits", other_id)
    assert memory.clock is not None
    memory.clock.now_ms += 10
    run(memory, "loop", loop_id)
    told = [one for one in memory.events() if getattr(one, "wf_run_id", "") == other_id]
    assert told[-1].status == "ERROR"
    other.ends_with("TIMEOUT")


def test_a_revoke_that_can_not_commit_still_lets_go(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition that is not ours is not read on."""
    register(memory, "quick", chain())
    processor = memory.processor

    def unavailable(partition: int, mark: Any) -> None:
        raise LogUnavailable("a hiccup")

    monkeypatch.setattr(memory.log, "commit", unavailable)
    processor._owned.partitions[0].committed_offset = -1
    with pytest.raises(LogUnavailable):
        processor.revoked([0])
    assert processor.owned() == [1, 2]


def test_an_owner_that_is_fenced_while_it_rules_gives_up_one_partition(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others go on."""
    from penstock.core.command import CommandType
    from penstock.core.commands import TYPE_OF

    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits")
    number = partition_of_run(story.id, 3)
    known = TYPE_OF[StopWfRun]
    broken = CommandType(StopWfRun, lambda turn, command: 1 // 0, known.key, known.repeats)
    monkeypatch.setitem(TYPE_OF, StopWfRun, broken)

    def fenced(partition: int, mark: Any) -> None:
        raise Fenced("another owner")

    monkeypatch.setattr(memory.log, "commit", fenced)
    out = outgoing(memory.avro, Sent(command=StopWfRun(wf_run_id=story.id)), "c")
    memory.log.append(Message(memory.topics.commands, out.key, out.value, out.headers))
    memory.processor.step()
    assert number not in memory.processor.owned()
    assert memory.processor.failure is None
    monkeypatch.undo()
    memory.restart()
    memory.settle()


def test_a_task_that_is_held_waits_for_the_resume_too(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its topic comes while the thread is halted: nothing works in a halted run."""
    register(memory, "held", chain(task("held")))
    refusing = _NoTopic(memory, monkeypatch)
    story = run(memory, "held")
    story.is_stopped().is_now("HALTED")
    refusing.on = False
    memory.processor._errands.held_tasks._look_s = 0.0
    memory.settle()
    [task_run] = memory.scan(TaskRun, story.id)
    assert task_run.status is TaskStatus.TASK_PENDING
    story.is_resumed().task("held").succeeds().completes()


def test_a_stop_before_a_task_is_held_settles(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HALTING becomes HALTED when the task turns out to be nowhere."""
    register(memory, "held", chain(task("held")))
    refusing = _NoTopic(memory, monkeypatch)
    for command in (RunWf(wf_spec="held", wf_run_id="h"), StopWfRun(wf_run_id="h")):
        out = outgoing(memory.avro, Sent(command=command), None)
        memory.log.append(Message(memory.topics.commands, out.key, out.value, out.headers))
    memory.settle()
    refusing.on = False
    Story(memory, "h").is_now("HALTED").is_resumed().task("held").succeeds().completes()


def test_the_same_event_command_again_is_one_event(memory: Driver) -> None:
    """Without a guid of the client's: the command's id makes it."""
    register(memory, "two", chain(event("paid"), event("paid")))
    story = run(memory, "two")
    put = PutExternalEvent(wf_run_id=story.id, event_def="paid", content=1)
    accepted(memory, put, command_id="pay")
    assert accepted(memory, put, command_id="pay").repeated
    story.is_now("RUNNING")
    accepted(memory, put, command_id="pay-again")
    story.completes()


def test_true_is_not_one(memory: Driver) -> None:
    """Equal means equal bytes."""
    versions = [
        accepted(memory, PutWfSpec(name="w", spec=chain(returns=literal(value)))).body["version"]
        for value in (True, 1, 1.0, 1.0)
    ]
    assert versions == [1, 2, 3, 3]


def test_a_report_that_was_followed_by_a_retry_is_answered_again(memory: Driver) -> None:
    """The first answer again; another report for that attempt is stale."""
    register(memory, "w", chain(task("shaky", max_attempts=2)))
    story = run(memory, "w").task("shaky").fails("first")
    again = accepted(memory, story.report(TaskStatus.TASK_FAILED, error="first"))
    assert again.repeated
    refused(memory, story.report(TaskStatus.TASK_SUCCESS), "ATTEMPT_STALE")
    story.task("shaky").succeeds().completes()


def test_a_command_to_a_run_on_the_wrong_partition_says_so(memory: Driver) -> None:
    """Not that the run is unknown."""
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits")
    wrong = (partition_of_run(story.id, 3) + 1) % 3
    out = outgoing(memory.avro, Sent(command=StopWfRun(wf_run_id=story.id)), "c")
    future = memory.processor.expect("default", "c")
    memory.log.append(Message(memory.topics.commands, out.key, out.value, out.headers, wrong))
    memory.settle()
    assert future.result(0).answer.code == "WRONG_PARTITION"


def test_garbage_with_the_headers_of_the_engine_blocks_no_channel(memory: Driver) -> None:
    """It is a dead letter; definitions keep coming."""
    headers = {"source": b"0", "stamp": b"999999999:0", "previous": b""}
    for number in range(3):
        memory.log.append(Message(memory.topics.commands, b"k", b"garbage", headers, number))
    memory.settle()
    assert [letter.code for letter in memory.dead_letters()] == ["MALFORMED"] * 3
    register(memory, "quick", chain())
    for _ in range(6):
        run(memory, "quick").completes()


def test_labels_are_bounded_together(memory: Driver) -> None:
    """They are in the run's hot row."""
    register(memory, "quick", chain())
    labels = {f"l{number}": "x" * 400 for number in range(60)}
    refused(memory, RunWf(wf_spec="quick", wf_run_id="r", labels=labels), "LIMIT")


class _NoTopic:
    """The topics of tasks are not there, while it is on."""

    def __init__(self, driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        self.on = True
        deliver, ensure = driver.log.deliver, driver.log.ensure_topics

        def delivering(messages: Any, sent: Any = None) -> list[Refused]:
            bad = [one for one in messages if self.on and ".tasks." in one.topic]
            refusals = [Refused(one, "NO_TOPIC", "as the test says") for one in bad]
            return deliver([one for one in messages if one not in bad], sent) + refusals

        def ensuring(topics: Any) -> None:
            if self.on:
                raise LogFatal("not allowed")
            ensure(topics)

        monkeypatch.setattr(driver.log, "deliver", delivering)
        monkeypatch.setattr(driver.log, "ensure_topics", ensuring)
