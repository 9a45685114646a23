"""R15 standbys; catalogue rows 23 and 48."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.contracts.wire import STAMP, Sent, outgoing
from penstock.core.command import CommandType
from penstock.core.commands import TYPE_OF
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.ids import wf_run_id_of
from penstock.log.port import Assigned, LogUnavailable, Message
from penstock.processor.snapshots.directory import DirectoryObjects
from penstock.processor.standing import standbys_of
from penstock.store.port import StoreError
from tests.controls import chain, event, task
from tests.scenarios.driver import Driver, refold
from tests.scenarios.snapshots import SnapshotDriver, snapshot_driver, some_runs
from tests.scenarios.standbys import StandbyNode, commit
from tests.scenarios.story import register, run


@pytest.fixture
def node(memory: Driver, tmp_path: Path) -> Iterator[StandbyNode]:
    """It stands by for all partitions of `memory`."""
    made = StandbyNode(memory, tmp_path / "standby")
    yield made
    made.end()


def stamps(driver: Driver, topic: str, partitions: int) -> Counter[bytes]:
    """The stamps of all that was put out to a topic."""
    records = [one for n in range(partitions) for one in driver.log.read_all(topic, n)]
    return Counter(record.headers[STAMP] for record in records)


def append_runs(driver: Driver, wf_spec: str, count: int) -> None:
    """Starts that nobody has folded yet."""
    for number in range(count):
        command_id = f"not-folded-{number}"
        command = RunWf(wf_spec=wf_spec, wf_run_id=wf_run_id_of("default", command_id))
        sent = Sent(command=command, tenant="default", principal="test")
        out = outgoing(driver.avro, sent, command_id)
        driver.log.append_and_wait(
            Message(driver.topics.commands, out.key, out.value, out.headers, out.partition)
        )


def test_r15_who_takes_over_behind_the_mark_does_not_lower_it(
    memory: Driver, node: StandbyNode, tmp_path: Path
) -> None:
    """It dies while it still folds what its predecessor delivered; whoever comes next must know
    that all of it was delivered.
    """
    register(memory, "work", chain(task("work"), event("go")))
    run(memory, "work")
    commit(memory)
    node.catch_up()
    append_runs(memory, "work", 100)
    memory.settle()
    commit(memory)
    marks, topic = node.marks(), memory.topics.task("default", "work")
    node.processor._records_per_poll = 5
    node.processor._commit_s = 0.0
    node.processor.subscribe()
    for _ in range(3):
        node.processor._commit_s = 0.0
        node.processor.step()
    behind = node.processor._owned.partitions.values()
    assert any(partition.next_offset < marks[partition.shard.partition] for partition in behind)
    assert node.marks() == marks
    node.processor._prove()
    assert node.marks() == marks
    third = StandbyNode(memory, tmp_path / "third")
    third.take_over()
    assert max(stamps(memory, topic, memory.topics.partitions).values()) == 1
    third.end()


def test_r15_a_standby_that_can_not_be_opened_leaves_what_is_owned_alone(
    node: StandbyNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leader of its partition is away."""
    asked: list[int] = []

    def away(number: int) -> None:
        asked.append(number)
        raise LogUnavailable("its leader is away")

    monkeypatch.setattr(node.standbys._opener, "open_standby", away)
    for step in range(12):
        node.step()
        assert len(asked) <= step + 1, "one a step: owners have their turn between"
    assert sorted(asked) == list(node.partitions), "each was tried once, and is tried again later"


def test_r15_a_standby_that_is_put_down_when_it_is_full_begins_anew(
    memory: Driver, node: StandbyNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.processor.standbys.PENDING_MAX", 10)
    monkeypatch.setattr("penstock.processor.standbys.RETRY_S", 0.05)
    register(memory, "work", chain(task("work"), event("go")))
    commit(memory)
    node.catch_up()
    append_runs(memory, "work", 100)
    memory.settle()
    monkeypatch.setattr("penstock.processor.standbys.LOOK_S", 60.0)
    node.standbys._look_s = time.monotonic() + 60.0
    while not any(one.is_full for one in node.standbys._standbys.values()):
        node.step()
    for standby in node.standbys._standbys.values():
        node.standbys._again(standby, StoreError("its disk is away"))
    commit(memory)
    node.standbys._look_s = 0.0
    monkeypatch.setattr("penstock.processor.standbys.LOOK_S", 0.01)
    node.catch_up()


def test_r15_a_standby_folds_to_the_mark_and_never_past_it(
    memory: Driver, node: StandbyNode
) -> None:
    """Muted: nothing is put out, and nothing committed."""
    register(memory, "work", chain(task("work"), event("go")))
    for _ in range(6):
        run(memory, "work").task("work").succeeds()
    commit(memory)
    before = node.marks(), memory._ends(), len(memory.events())
    node.catch_up()
    assert node.digests() == memory.digests()
    append_runs(memory, "work", 30)
    for _ in range(20):
        node.standbys._look_s = 0.0
        node.step()
    assert node.positions() == node.marks() == before[0]
    assert len(memory.events()) == before[2]
    memory.settle()
    commit(memory)
    node.catch_up()
    assert node.digests() == memory.digests()


@pytest.mark.fault(48)
def test_r15_a_promoted_standby_that_is_behind_leaves_out_nothing(
    memory: Driver, node: StandbyNode
) -> None:
    """What is below the mark is folded muted, what is beyond it is put out, with its stamps; what
    the lost owner had put out beyond its mark comes again, and is known by them."""
    register(memory, "work", chain(task("work"), event("go")))
    run(memory, "work")
    commit(memory)
    node.catch_up()
    stood_at = node.positions()
    append_runs(memory, "work", 400)
    memory.settle()
    commit(memory)
    memory.processor._commit_s = float("inf")  # it has no time for another mark
    append_runs(memory, "work", 410)  # the last ten are new: an id counts once
    memory.settle()
    marks = node.marks()
    topic, count = memory.topics.task("default", "work"), memory.topics.partitions
    wanted, events = stamps(memory, topic, count), stamps(memory, memory.topics.events, count)
    assert max(wanted.values()) == 1
    node.take_over()
    assert node.standbys.numbers() == []
    assert all(marks[n] > (stood_at[n] or 0) for n in node.partitions)
    again = stamps(memory, topic, count)
    assert set(again) == set(wanted)
    assert set(stamps(memory, memory.topics.events, count)) == set(events)
    for stamp, times in again.items():
        _, number, position = stamp.split(b":")[:3]
        assert times == (1 if int(position) < marks[int(number)] else 2)


def test_r15_a_partition_that_came_to_a_standby_is_the_same_store(
    memory: Driver, node: StandbyNode
) -> None:
    """Warm: nothing is opened, and nothing is folded twice."""
    register(memory, "work", chain(event("go")))
    story = run(memory, "work")
    commit(memory)
    node.catch_up()
    stores = [node.standbys._standbys[n].partition for n in node.partitions]
    node.take_over()
    assert node.processor.partitions() == stores
    story.gets("go").completes()


def test_r15_a_standby_folds_by_the_verdicts_of_its_owner(
    memory: Driver, node: StandbyNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if it has not the defect itself."""
    register(memory, "work", chain(event("go")))
    commit(memory)
    node.catch_up()
    known = TYPE_OF[StopWfRun]

    def broken(turn: Any, command: Any) -> Any:
        known.handle(turn, command)
        return 1 // 0

    with monkeypatch.context() as patched:
        patched.setitem(
            TYPE_OF, StopWfRun, CommandType(StopWfRun, broken, known.key, known.repeats)
        )
        story = run(memory, "work")
        memory.send(StopWfRun(wf_run_id=story.id))
        story.ends_with("ENGINE_DEFECT")
    commit(memory)
    node.catch_up()
    assert node.digests() == memory.digests()


def test_r15_a_standby_that_has_a_defect_of_its_own_stops_and_nobody_else(
    memory: Driver, node: StandbyNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner has folded the record, so there is nothing to rule on."""
    register(memory, "work", chain(event("go")))
    story = run(memory, "work").is_stopped()
    commit(memory)
    known = TYPE_OF[StopWfRun]
    broken = CommandType(StopWfRun, lambda turn, command: 1 // 0, known.key, known.repeats)
    with monkeypatch.context() as patched:
        patched.setitem(TYPE_OF, StopWfRun, broken)
        while not node.standbys.stopped():
            node.step()
    [stopped] = node.standbys.stopped().values()
    assert stopped.cause == "BUILD"
    assert memory.log.read_all(memory.topics.verdicts) == []
    story.is_resumed().gets("go").completes()


def test_r15_a_standby_goes_on_where_its_store_stood(memory: Driver, node: StandbyNode) -> None:
    """Stopped and begun again, it folds the rest."""
    register(memory, "work", chain(event("go")))
    commit(memory)
    node.catch_up()
    node.end()
    run(memory, "work")
    commit(memory)
    node.begin()
    node.catch_up()
    assert node.digests() == memory.digests()
    for number in node.partitions:
        position = node.positions()[number]
        assert position is not None
        assert node.digests()[number] == refold(memory, number, 7, position)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[SnapshotDriver]:
    with snapshot_driver(tmp_path / "owner") as made:
        yield made


def _fall_behind(driver: SnapshotDriver, node: StandbyNode) -> None:
    """The standby is away while the log is truncated beyond it."""
    register(driver, "waits", chain(event("go")))
    commit(driver)
    node.catch_up()
    node.end()
    some_runs(driver, 12)
    commit(driver)
    for number, manifest in driver.snapshots().items():
        driver.log.truncate(number, manifest.next_offset)
    some_runs(driver, 6)
    commit(driver)


@pytest.mark.fault(23)
def test_r16_a_standby_that_the_log_has_left_behind_is_restored(
    driver: SnapshotDriver, tmp_path: Path
) -> None:
    """Once: what it had is set aside, and the snapshot is folded on."""
    objects = DirectoryObjects(tmp_path / "owner" / "objects")
    node = StandbyNode(driver, tmp_path / "standby", objects)
    try:
        _fall_behind(driver, node)
        node.begin()
        node.catch_up()
        assert node.digests() == list(driver.digests().values())
        for _ in range(100):
            node.step()
        stores = (tmp_path / "standby" / "stores").iterdir()
        asides = [path.name for path in stores if "." in path.name]
        assert len(asides) == len(set(asides)) == len(node.partitions)
        assert node.standbys.stopped() == {}
    finally:
        node.end()


def test_r16_while_it_reads_the_log_is_truncated_beyond_it(
    driver: SnapshotDriver, tmp_path: Path
) -> None:
    """It is told by the log, not by its next start."""
    objects = DirectoryObjects(tmp_path / "owner" / "objects")
    node = StandbyNode(driver, tmp_path / "standby", objects)
    try:
        some_runs(driver)
        commit(driver)
        while len(node.standbys.numbers()) < len(node.partitions):
            node.step()
        some_runs(driver, 20)
        commit(driver)
        for number, manifest in driver.snapshots().items():
            driver.log.truncate(number, manifest.next_offset)
        node.catch_up()
        assert node.digests() == list(driver.digests().values())
    finally:
        node.end()


def test_r16_without_a_snapshot_it_is_stopped_by_name_and_its_owner_goes_on(
    driver: SnapshotDriver, tmp_path: Path
) -> None:
    """And it is not tried again all the time."""
    node = StandbyNode(driver, tmp_path / "standby")
    try:
        _fall_behind(driver, node)
        node.begin()
        while len(node.standbys.stopped()) < len(node.partitions):
            node.step()
        assert {one.cause for one in node.standbys.stopped().values()} == {"DATA_LOSS"}
        assert min(node.standbys.waits_s()) > 10
        run(driver, "waits").gets("go").completes()
    finally:
        node.end()


def test_who_stands_by_is_who_would_get_the_partition() -> None:
    """Who has least, the first name among equals; a lost owner's partitions go to one after the
    other."""
    members = frozenset("abcd")
    owners = {0: "a", 1: "a", 2: "a", 3: "b", 4: "b", 5: "c", 6: "c"}
    assigned = Assigned(owners, members)
    first = {number: urls[0] for number, urls in standbys_of(assigned, 1).items()}
    assert first == {0: "d", 1: "d", 2: "b", 3: "d", 4: "d", 5: "d", 6: "d"}
    for number, urls in standbys_of(assigned, 9).items():
        assert set(urls) == members - {owners[number]}
        assert len(urls) == 3
    assert standbys_of(Assigned({0: "a"}, frozenset("a")), 2) == {0: ()}
    assert set(standbys_of(assigned, 0).values()) == {()}
