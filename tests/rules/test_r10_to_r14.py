"""R10 ids, R11 partitioning, R12 duplicates, R13 opening a store, R14 muting."""

from pathlib import Path

import pytest

from penstock.contracts.topics import Topics
from penstock.contracts.wire import Sent, outgoing
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.ids import derive_guid, partition_of, partition_of_run
from penstock.core.limits import ANSWER_WINDOW_MS
from penstock.core.state.partition_state import CommandAnswer
from penstock.core.state.rows import Rows
from penstock.log.memory import MemoryLog
from penstock.log.port import Mark, Message
from penstock.processor.preflight import preflight
from tests.controls import chain, event, task
from tests.scenarios.driver import Clock, Driver, memory_driver
from tests.scenarios.story import accepted, refused, register, run


def test_r10_ids_are_functions_of_the_log(memory: Driver) -> None:
    """The guid is the hash of where the run began and where the task stands."""
    register(memory, "two", chain(task("one"), task("two")))
    story = run(memory, "two").task("one")
    first = story.taken.guid
    number = partition_of_run(story.id, 3)
    assert first == derive_guid(number, story.run.born_offset, story.id, 0, 1)
    second = story.succeeds().task("two").taken.guid
    assert second == derive_guid(number, story.run.born_offset, story.id, 0, 2)
    assert len({first, second}) == 2


@pytest.mark.parametrize(
    ("key", "hash_of_java"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_r11_keys_go_where_every_kafka_client_puts_them(key: bytes, hash_of_java: int) -> None:
    """The vectors of the Java client's murmur2."""
    for partitions in (1, 3, 12, 100):
        assert partition_of(key, partitions) == (hash_of_java & 0x7FFFFFFF) % partitions


def test_r11_a_family_of_runs_lives_together() -> None:
    """The key is the part before the first dot."""
    assert partition_of_run("root.child.grandchild", 64) == partition_of_run("root", 64)


def test_r11_a_command_on_the_wrong_partition_is_refused(memory: Driver) -> None:
    """Nothing is made there."""
    register(memory, "quick", chain())
    wrong = (partition_of_run("astray", 3) + 1) % 3
    out = outgoing(memory.avro, Sent(command=RunWf(wf_spec="quick", wf_run_id="astray")), "c")
    future = memory.processor.expect("default", "c")
    memory.log.append_and_wait(
        Message(memory.topics.commands, out.key, out.value, out.headers, wrong)
    )
    memory.settle()
    assert future.result(0).answer.code == "WRONG_PARTITION"


def test_r12_the_same_command_again_gets_the_first_answer(memory: Driver) -> None:
    """A thousand times, with one effect."""
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits")
    stop = StopWfRun(wf_run_id=story.id)
    first = accepted(memory, stop, command_id="stop")
    answers = [accepted(memory, stop, command_id="stop") for _ in range(999)]
    assert {answer.body["status"] for answer in [first, *answers]} == {"HALTED"}
    assert all(answer.repeated for answer in answers)
    assert len(story.run.history) == 3


@pytest.mark.fault(29)
def test_r12_a_command_id_is_for_one_command_of_one_tenant(memory: Driver) -> None:
    """Another body is refused; another tenant has ids of its own."""
    register(memory, "waits", chain(event("go")))
    story, other = run(memory, "waits"), run(memory, "waits")
    accepted(memory, StopWfRun(wf_run_id=story.id), command_id="mine")
    refused(memory, StopWfRun(wf_run_id=other.id), "COMMAND_ID_REUSED", command_id="mine") if (
        partition_of_run(story.id, 3) == partition_of_run(other.id, 3)
    ) else None
    refused(memory, StopWfRun(wf_run_id=story.id, thread=1), "COMMAND_ID_REUSED", command_id="mine")
    refused(
        memory, StopWfRun(wf_run_id=story.id), "WF_RUN_UNKNOWN", command_id="mine", tenant="others"
    )


def test_r12_answers_are_forgotten_after_their_window(memory: Driver) -> None:
    """A row each; the log time decides."""
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits")
    accepted(memory, StopWfRun(wf_run_id=story.id), command_id="old")
    number = partition_of_run(story.id, 3)
    assert _answer(memory, number, "old") is not None
    memory.pass_ms(ANSWER_WINDOW_MS)
    for _ in range(5):
        memory.tick()
    assert _answer(memory, number, "old") is None


def test_r12_a_command_that_came_too_late_is_refused(memory: Driver) -> None:
    """By the log's time."""
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits")
    assert memory.clock is not None
    stop = StopWfRun(wf_run_id=story.id)
    refused(memory, stop, "EXPIRED", not_after_ms=memory.clock.now_ms - 1)
    accepted(memory, stop, not_after_ms=memory.clock.now_ms)


def test_r12_what_time_mends_is_not_remembered(memory: Driver) -> None:
    """SPEC_UNKNOWN a moment ago, fine now."""
    start = RunWf(wf_spec="later", wf_run_id="early")
    refused(memory, start, "SPEC_UNKNOWN", command_id="start")
    put = PutExternalEvent(wf_run_id="early", event_def="go")
    refused(memory, put, "EVENT_DEF_UNKNOWN", command_id="put")
    register(memory, "later", chain(event("go")))
    accepted(memory, start, command_id="start")
    accepted(memory, put, command_id="put")


@pytest.mark.fault(18)
def test_r13_a_store_of_another_log_is_set_aside(memory: Driver) -> None:
    """The log does not hold what was folded: the store is folded anew."""
    register(memory, "hello", chain(task("greet")))
    story = run(memory, "hello").task("greet")
    digests = memory.digests()
    memory.swap_stores(0, 1)
    memory.restart()
    memory.settle()
    assert memory.digests() == digests
    story.succeeds().completes()


def test_r13_a_log_that_lost_its_tail_stops_the_partition(memory: Driver) -> None:
    """By name; nothing is skipped, the others go on."""
    register(memory, "hello", chain())
    memory.cut_log(0)
    memory.restart()
    memory.settle()
    assert memory.processor.stopped[0].cause == "INTEGRITY"
    assert memory.processor.owned() == [1, 2]


def test_r14_what_was_delivered_is_not_sent_again(memory: Driver) -> None:
    """A lost store is folded anew from the log, muted up to the mark."""
    register(memory, "hello", chain(task("greet")))
    story = run(memory, "hello").task("greet")
    events = len(memory.events())
    memory.lose_stores()
    memory.restart()
    memory.settle()
    assert memory.tasks("greet") == []
    assert len(memory.events()) == events
    story.succeeds().completes()
    assert len(memory.events()) > events


def test_r14_without_a_mark_the_partition_stops_and_asks(memory: Driver) -> None:
    """Nobody knows what was delivered."""
    register(memory, "hello", chain())
    memory.forget_marks()
    memory.restart()
    memory.settle()
    assert {stopped.cause for stopped in memory.processor.stopped.values()} == {"NO_MARK"}


@pytest.mark.fault(20)
def test_r14_a_mark_that_is_not_ours_stops_the_partition(memory: Driver) -> None:
    """Somebody has reset the group's offsets by hand."""
    register(memory, "hello", chain())
    memory.processor.stop()
    memory.log.commit(0, Mark(1, ""))
    memory.restart()
    memory.settle()
    assert memory.processor.stopped[0].cause == "NO_MARK"


def test_r14_a_record_may_come_before_the_first_owner_of_its_partition(tmp_path: Path) -> None:
    """Two nodes start on new topics: what one of them sends to a partition of the other, before
    that one has opened it, is folded and not muted."""
    with memory_driver(tmp_path) as other:
        other.send(PutTaskDef(name="early"))
        [sent] = other.log.read_all(other.topics.commands, 2)
    clock, topics = Clock(), Topics("test", 3)
    log = MemoryLog(
        commands=topics.commands, partitions=3, on_demand=topics.on_demand, clock_ms=clock
    )
    preflight(log, topics)
    log.append(Message(topics.commands, sent.key, sent.value, sent.headers, 2))
    late = Driver(log=log, topics=topics, clock=clock)
    late.settle()
    assert late.processor.stopped == {}
    assert late.processor.position(2) == 1
    late.close()


def test_r14_records_of_unmarked_topics_that_others_made_stop_the_partition(
    tmp_path: Path,
) -> None:
    """Whoever made them may have delivered already: an empty partition alone is known to be new."""
    clock, topics = Clock(), Topics("test", 3)
    log = MemoryLog(
        commands=topics.commands, partitions=3, on_demand=topics.on_demand, clock_ms=clock
    )
    preflight(log, topics)
    log.forget_marks()
    log.append(Message(topics.commands, b"k", b"garbage", {}, 2))
    late = Driver(log=log, topics=topics, clock=clock)
    late.settle()
    assert {number: str(stop.cause) for number, stop in late.processor.stopped.items()} == {
        2: "NO_MARK"
    }
    late.close()


def _answer(memory: Driver, number: int, command_id: str) -> CommandAnswer | None:
    view = memory.processor.view(number)
    assert view is not None
    return Rows(view).peek(CommandAnswer, "default", command_id)
