"""R6: a record at which process after process ends is ruled on. Here what ends them is a lack of
memory, which the fold passes on; in tests/crash/test_deadly.py they are killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from penstock.contracts.wire import read_command
from penstock.core import fire
from penstock.core.command import CommandType
from penstock.core.commands import TYPE_OF
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.state.timers import TimerKind
from penstock.processor import partition
from penstock.processor.at_hand import ENDS_MAX, PART_BYTES_MAX, AtHand
from penstock.store.rowstore import RowStore
from tests.controls import chain, event, sleeps, task
from tests.scenarios.driver import Driver, memory_driver
from tests.scenarios.standbys import StandbyNode, commit
from tests.scenarios.story import Story, refused, register, run


@dataclass
class Machine:
    """While it lacks memory, whoever stops a run (or that one), or has slept, ends the process."""

    driver: Driver
    lacks: bool = True
    run_id: str = ""

    def dies(self, does: Callable[[], object], times: int = 1) -> None:
        """A process ends while it does something, each that is begun after it does, too, and the
        next one has begun.
        """
        for number in range(times):
            with pytest.raises(MemoryError):
                (self.driver.settle if number else does)()
            self.driver.restart()

    def dies_at(self, does: Callable[[], object]) -> None:
        """As that, at some time, of another process than the driver's."""
        with pytest.raises(MemoryError):
            _for_ever(does)

    def stops(self, *stories: Story) -> None:
        """Somebody does."""
        self.driver.send_together(*(StopWfRun(wf_run_id=story.id) for story in stories))

    def handler(self, known: Callable[..., Any]) -> Callable[..., Any]:
        """What does it."""

        def handle(turn: Any, asked: Any) -> Any:
            if self.lacks and asked.wf_run_id.endswith(self.run_id):
                raise MemoryError
            return known(turn, asked)

        return handle


def _for_ever(does: Callable[[], object]) -> None:
    while True:
        does()


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    """An engine whose fold says what it has at hand, with one partition."""
    with memory_driver(tmp_path, partitions=1) as made:
        made.folding = tmp_path / "folding"
        made.restart()
        yield made


@pytest.fixture
def machine(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine(driver)
    known = TYPE_OF[StopWfRun]
    stop = CommandType(StopWfRun, made.handler(known.handle), known.key, known.repeats)
    monkeypatch.setitem(TYPE_OF, StopWfRun, stop)
    slept = made.handler(fire._FIRE[TimerKind.NODE])
    monkeypatch.setitem(fire._FIRE, TimerKind.NODE, slept)
    yield made
    made.lacks = False
    assert driver.digests_and_refolds_agree()


def verdicts(driver: Driver) -> list[Any]:
    """All that there are."""
    records = driver.log.read_all(driver.topics.verdicts)
    return [driver.avro.decode(record.value or b"")[0] for record in records]


def position(driver: Driver) -> int:
    """How far what is kept has come."""
    return RowStore(driver.memory_stores[0]).position().next_offset


@pytest.mark.fault(51)
def test_r06_a_record_that_keeps_killing_the_process_is_ruled_on(
    driver: Driver, machine: Machine
) -> None:
    """The run ends with ENGINE_DEFECT, its neighbour is well, whoever asks again is told so, and an
    operator may take the run up.
    """
    register(driver, "waits", chain(event("go"), task("after")))
    story, neighbour = run(driver, "waits"), run(driver, "waits")
    stop = StopWfRun(wf_run_id=story.id)
    machine.dies(lambda: driver.send(stop, command_id="stop"), ENDS_MAX)
    driver.settle()
    story.ends_with("ENGINE_DEFECT")
    [verdict] = verdicts(driver)
    assert verdict.part == "command"
    assert f"{ENDS_MAX} processes have ended here" in verdict.reason
    assert refused(driver, stop, "ENGINE_DEFECT", command_id="stop").repeated
    neighbour.gets("go").task("after").succeeds().completes()
    story.is_rescued().gets("go").task("after").succeeds().completes()


def test_r06_a_timer_that_keeps_killing_the_process_is_ruled_on(
    driver: Driver, machine: Machine
) -> None:
    """The timer's part is, and not the record that happened to bring the time."""
    register(driver, "sleeps", chain(sleeps(1)))
    register(driver, "quick", chain())
    story = run(driver, "sleeps")
    machine.dies(lambda: driver.pass_ms(2_000), ENDS_MAX)
    driver.settle()
    story.ends_with("ENGINE_DEFECT")
    [verdict] = verdicts(driver)
    assert verdict.part.startswith("timer:")
    run(driver, "quick").completes()


def test_r06_who_ends_less_often_is_not_ruled_on(driver: Driver, machine: Machine) -> None:
    """The machine lacked something for a while. What comes after has as many tries."""
    register(driver, "waits", chain(event("go")))
    for story in (run(driver, "waits"), run(driver, "waits")):
        machine.lacks = True
        machine.dies(lambda story=story: machine.stops(story), ENDS_MAX - 1)
        machine.lacks = False
        driver.settle()
        story.thread_is(0, "HALTED")
    assert verdicts(driver) == []


def test_r06_a_record_at_which_a_process_has_ended_is_folded_alone(
    driver: Driver, machine: Machine
) -> None:
    """So that what came with it in a batch has no part in its end: what comes before is kept."""
    register(driver, "waits", chain(event("go")))
    before, story = run(driver, "waits"), run(driver, "waits")
    machine.run_id, written = story.id, position(driver)
    machine.dies(lambda: machine.stops(before, story))
    assert position(driver) == written
    machine.dies(driver.settle)
    assert position(driver) == written + 1
    machine.dies(driver.settle)
    driver.settle()
    before.thread_is(0, "HALTED")
    story.ends_with("ENGINE_DEFECT")


@pytest.mark.fault(51)
def test_r06_below_the_delivered_mark_who_keeps_ending_stops(
    driver: Driver, machine: Machine
) -> None:
    """What was delivered was folded once: the partition is stopped by name, and the process lives.
    One that is begun by a hand tries once more; a build that is mended goes on.
    """
    machine.lacks = False
    register(driver, "waits", chain(event("go")))
    story = run(driver, "waits").is_stopped()
    driver.lose_stores()
    driver.restart()
    machine.lacks = True
    for tries in (ENDS_MAX, 1):
        machine.dies(driver.settle, tries)
        driver.settle()
        [stopped] = driver.processor.stopped.values()
        assert stopped.cause == "BUILD"
        assert "processes have ended here" in str(stopped)
        driver.restart()
    machine.lacks = False
    driver.settle()
    story.thread_is(0, "HALTED")
    assert verdicts(driver) == []


def test_r06_a_standby_that_keeps_ending_stops_and_nobody_else(
    driver: Driver, machine: Machine, tmp_path: Path
) -> None:
    """It folds the record alone, too; its owner has folded it, so there is nothing to rule on. With
    more memory it goes on.
    """
    machine.lacks = False
    register(driver, "waits", chain(event("go")))
    before, story = run(driver, "waits"), run(driver, "waits")
    machine.run_id = story.id
    machine.stops(before, story)
    commit(driver)
    machine.lacks = True
    node = StandbyNode(driver, tmp_path / "standby")
    for _ in range(ENDS_MAX):
        machine.dies_at(node.step)
        kept = node.positions()[0]
        node.end()
        node.begin()
    assert kept == position(driver) - 1
    while not node.standbys.stopped():
        node.step()
    [stopped] = node.standbys.stopped().values()
    assert stopped.cause == "BUILD"
    machine.lacks = False
    node.end()
    node.begin()
    node.catch_up()
    assert node.digests() == driver.digests()
    node.end()
    assert verdicts(driver) == []


def test_r06_what_ends_the_process_before_it_is_read_stops(
    driver: Driver, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ruling does not help there, so that after as many tries once more the partition is stopped
    by name.
    """
    register(driver, "waits", chain(event("go")))
    story = run(driver, "waits")
    ends = driver.log.bounds(0)[1]

    def read(avro: Any, *, offset: int, **record: Any) -> Any:
        if machine.lacks and offset == ends:
            raise MemoryError
        return read_command(avro, offset=offset, **record)

    monkeypatch.setattr(partition, "read_command", read)
    machine.dies(lambda: driver.send(RunWf(wf_spec="waits")), ENDS_MAX)
    machine.dies(driver.settle, ENDS_MAX + 1)
    driver.settle()
    [stopped] = driver.processor.stopped.values()
    assert stopped.cause == "BUILD"
    machine.lacks = False
    driver.restart()
    driver.settle()
    story.gets("go").completes()


def test_r06_what_was_folded_well_after_all_begins_to_count_anew(
    driver: Driver, machine: Machine
) -> None:
    """Also where its store is lost, much later, and all is folded again."""
    register(driver, "waits", chain(event("go")))
    story = run(driver, "waits")
    machine.dies(lambda: machine.stops(story), ENDS_MAX - 1)
    machine.lacks = False
    driver.settle()
    driver.lose_stores()
    driver.restart()
    machine.lacks = True
    machine.dies(driver.settle, ENDS_MAX - 1)
    machine.lacks = False
    driver.settle()
    story.thread_is(0, "HALTED")


def test_r06_a_part_is_named_whole_or_not_at_all(tmp_path: Path) -> None:
    """A verdict on another part than the one that ends would be of no use, and for ever."""
    file = tmp_path / "partition-0"
    longest = "timer:" + "x" * (PART_BYTES_MAX - 6)
    at_hand = AtHand(file)
    at_hand.begin(7)
    at_hand.at_work(longest)
    assert AtHand(file).ended == (7, longest, 1)
    at_hand.at_work(longest + "x")
    assert AtHand(file).ended == (7, longest, 1)


def test_r06_without_room_for_its_file_nothing_is_known(tmp_path: Path) -> None:
    """The fold goes on all the same."""
    (tmp_path / "folding").write_bytes(b"no directory")
    file = tmp_path / "folding" / "partition-0"
    AtHand(file).begin(7)
    assert AtHand(file).ended.times == 0


@pytest.mark.parametrize("damage", [lambda there: there[:100], lambda there: bytes(len(there))])
def test_r06_a_file_that_is_damaged_is_made_anew(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    """Whoever has lost it begins to count again."""
    file = tmp_path / "partition-0"
    AtHand(file).begin(7)
    assert AtHand(file).ended == (7, "command", 1)
    file.write_bytes(damage(file.read_bytes()))
    assert AtHand(file).ended.times == 0
