"""R9 versions: what is in force, who moves it, and who must not fold on.

There is one version as yet. A later build is this one with a greater FOLD_VERSION; what it does
otherwise is played with real processes (tests/chaos/test_upgrades.py).
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.contracts.wire import VERSION, Sent, command_value, engine_headers, outgoing
from penstock.core.commands.barrier import Barrier
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.set_event_marker import SetEventMarker
from penstock.core.errors import Outdated
from penstock.core.fold import ENGINE_PRINCIPAL, Origin
from penstock.core.state import versions
from penstock.core.state.outputs import CommandRefused
from penstock.core.state.partition_state import InChannel, PartitionState
from penstock.core.state.rows import Rows
from penstock.core.state.turn import FIRST_STAMP
from penstock.log.port import Message
from penstock.processor import raising
from penstock.processor.preflight import preflight
from penstock.processor.raising import Raiser
from tests.controls import chain
from tests.scenarios.driver import Driver, memory_driver
from tests.scenarios.story import register, run


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """This is a build that knows version 2."""
    monkeypatch.setattr(versions, "FOLD_VERSION", 2)
    monkeypatch.setattr(raising, "FOLD_VERSION", 2)


def in_force(driver: Driver) -> list[int]:
    """The version of each partition."""
    views = [driver.processor.view(number) for number in range(driver.topics.partitions)]
    states = [Rows(view).peek(PartitionState) for view in views if view is not None]
    return [1 if state is None else state.fold_version for state in states]


def send_barrier(driver: Driver, version: int) -> None:
    courier = driver.processor._courier
    driver.log.append_and_wait(courier.command(0, Barrier(version=version), tenant="default"))


def refusals(driver: Driver) -> list[tuple[str, str]]:
    told = [event for event in driver.events() if isinstance(event, CommandRefused)]
    return [(event.command, event.code) for event in told]


def append(driver: Driver, version: bytes | None, command_id: str) -> str | None:
    """A client's RunWf that says what version it was made under; the code of its answer."""
    out = outgoing(driver.avro, Sent(command=RunWf(wf_spec="quick", wf_run_id="later")), command_id)
    headers = {name: value for name, value in out.headers.items() if name != VERSION}
    if version is not None:
        headers[VERSION] = version
    future = driver.processor.expect("default", command_id)
    driver.log.append_and_wait(Message(driver.topics.commands, out.key, out.value, headers, None))
    driver.settle()
    return future.result(0).answer.code


def test_r09_a_command_of_a_later_version_is_refused(memory: Driver) -> None:
    """What moves the version in force is the engine's own; time mends it, so nothing is kept."""
    register(memory, "quick", chain())
    assert append(memory, b"7", "c") == "VERSION_UNKNOWN"
    assert append(memory, b"1", "c") is None


@pytest.mark.usefixtures("later")
def test_r09_a_later_build_takes_what_says_nothing_as_of_the_first_version(
    memory: Driver,
) -> None:
    """So it folds what an older one has folded, and to the same."""
    register(memory, "quick", chain())
    assert append(memory, None, "c") is None
    assert in_force(memory) == [1, 1, 1]


def test_r09_what_can_not_be_read_and_is_of_a_later_version_is_refused_too(
    memory: Driver,
) -> None:
    """As it is by the build that can read it: neither keeps anything of it."""
    headers = {VERSION: b"2"}
    memory.log.append_and_wait(Message(memory.topics.commands, b"k", b"\xc3\x01later", headers, 0))
    memory.settle()
    assert [letter.code for letter in memory.dead_letters()] == ["VERSION_UNKNOWN"]


@pytest.mark.usefixtures("later")
def test_r09_a_barrier_moves_all_partitions(memory: Driver) -> None:
    """It is decided on partition 0 and sent to the others; runs go on under it."""
    register(memory, "quick", chain())
    send_barrier(memory, 2)
    memory.settle()
    assert in_force(memory) == [2, 2, 2]
    run(memory, "quick").completes()
    assert not refusals(memory)


@pytest.mark.usefixtures("later")
def test_r09_the_version_never_goes_down(memory: Driver) -> None:
    """A Barrier for the version in force, or one below, is refused."""
    for version in (1, 2, 2, 1):
        send_barrier(memory, version)
    memory.settle()
    assert in_force(memory) == [2, 2, 2]
    assert refusals(memory) == [("Barrier", "VERSION_UNKNOWN")] * 3


@pytest.mark.usefixtures("later")
def test_r09_a_command_of_a_partition_that_has_moved_moves_its_target(memory: Driver) -> None:
    """It may come before the barrier, and is not lost; the barrier then finds it done."""
    courier = memory.processor._courier
    command = SetEventMarker(
        event_def="paid", key="k", wf_run_id="r", thread=0, position=1, since_ms=0, waits=False
    )
    origin = Origin(1, "5:0", FIRST_STAMP)
    value = command_value(
        memory.avro, Sent(command=command, tenant="default", principal=ENGINE_PRINCIPAL)
    )
    headers = engine_headers(origin, 2)
    memory.log.append_and_wait(Message(memory.topics.commands, None, value, headers, 2))
    memory.settle()
    assert in_force(memory) == [1, 1, 2]
    view = memory.processor.view(2)
    assert view is not None and list(Rows(view).scan(InChannel)) == [InChannel(1, "5:0")]
    memory.log.append_and_wait(courier.command(0, Barrier(version=2), tenant="default"))
    memory.settle()
    assert in_force(memory) == [2, 2, 2] and not refusals(memory)


@pytest.mark.fault(46)
def test_r09_a_build_below_the_version_in_force_does_not_fold_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither where the barrier comes, nor behind it; where a mark says so it does not begin."""
    with memory_driver(tmp_path) as driver:
        register(driver, "quick", chain())
        send_barrier(driver, 2)
        with pytest.raises(Outdated, match="knows 1: a newer one has to take its place"):
            driver.settle()
        monkeypatch.setattr(versions, "FOLD_VERSION", 2)
        driver.restart()
        driver.settle()
        assert in_force(driver) == [2, 2, 2]
        driver.processor.stop()
        monkeypatch.setattr(versions, "FOLD_VERSION", 1)
        with pytest.raises(Outdated):
            preflight(driver.log, driver.topics)
        driver.processor = driver._begin()
        with pytest.raises(Outdated):
            driver.settle()


def test_r09_what_only_a_newer_build_can_read_between_partitions_is_not_passed_over(
    tmp_path: Path,
) -> None:
    """It was sent by one that has moved already; to drop it would be another fold."""
    with memory_driver(tmp_path) as driver:
        headers = engine_headers(Origin(1, "5:0", FIRST_STAMP), 2)
        driver.log.append_and_wait(
            Message(driver.topics.commands, None, b"\xc3\x01later", headers, 2)
        )
        with pytest.raises(Outdated):
            driver.settle()


def raised(driver: Driver, known: Callable[[], int | None], wait_s: float = 5.0) -> list[int]:
    """What is in force after so long, or as soon as it has moved, with those who know."""
    raiser = Raiser(known, settled_s=0.05)
    raiser._look_s, driver.processor._errands._raiser = 0.0, raiser
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline and in_force(driver) == [1, 1, 1]:
        driver.processor.step()
        driver.settle()
    return in_force(driver)


@pytest.mark.usefixtures("later")
def test_r09_the_log_moves_when_all_nodes_know_the_next_version(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while one of them does not, and not while nobody can say; never beyond this build."""
    monkeypatch.setattr(raising, "LOOK_S", 0.01)
    assert raised(memory, lambda: 1, 0.3) == [1, 1, 1]
    assert raised(memory, lambda: None, 0.3) == [1, 1, 1]
    assert raised(memory, lambda: 9) == [2, 2, 2]
    assert not refusals(memory)
