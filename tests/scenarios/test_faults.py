"""Every mistake that can be seen in a spec is refused when it is registered, under a name of its
own on which users may rely, with the thread and the node where it is.
"""

from typing import Any

import pytest

from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.faults import FAULTS_MAX
from penstock.core.definitions.wf_spec import WfSpec
from tests.controls import chain, declared, task
from tests.scenarios import faulty_flow, faulty_starts, faulty_threads, faulty_values
from tests.scenarios.driver import Driver
from tests.scenarios.faulty import BEFORE, DEFINITIONS, Faulty
from tests.scenarios.story import accepted, refused

TABLES = (faulty_flow, faulty_threads, faulty_values, faulty_starts)
LINES = tuple(line for table in TABLES for line in table.LINES)
ACCEPTED = tuple(spec for table in TABLES for spec in table.ACCEPTED)

# Many specs in one story: what a crash after each of its records would show, each story shows.
in_memory = pytest.mark.parametrize("memory", ["memory"], indirect=True)


@in_memory
@pytest.mark.parametrize("kind", FaultKind)
def test_a_fault_has_a_name_a_place_and_a_sentence(memory: Driver, kind: FaultKind) -> None:
    """And is the only one, unless the mistake makes others."""
    lines = [line for line in LINES if line.kind is kind]
    assert lines, f"{kind} has no line in the table"
    for command in DEFINITIONS:
        accepted(memory, command)
    for command in BEFORE if kind is FaultKind.TYPE_FROZEN else ():
        accepted(memory, command)
    for line in lines:
        _is_refused(memory, line)


def _is_refused(memory: Driver, line: Faulty) -> None:
    answer = memory.send(PutWfSpec(name="faulty", spec=line.spec))
    assert answer.code in ("BAD_SPEC", "DEFINITION_UNKNOWN"), (line.kind, answer)
    fault = next((one for one in answer.faults if one.kind == line.kind), None)
    assert fault is not None, (line.kind, answer)
    assert (fault.thread, fault.node) == (line.thread, line.node), answer
    assert line.says in fault.message
    assert line.says in answer.message
    assert line.besides or len(answer.faults) == 1, answer


@in_memory
@pytest.mark.parametrize("spec", ACCEPTED)
def test_what_may_be_right_is_taken(memory: Driver, spec: Any) -> None:
    """A refusal is certain."""
    for command in DEFINITIONS:
        accepted(memory, command)
    accepted(memory, PutWfSpec(name="faulty", spec=spec))


def test_a_spec_that_runs_itself_is_seen_when_it_is_a_revision(memory: Driver) -> None:
    """A child follows a major version: a new major one runs the one before, which ends."""
    itself = {"type": "RUN_CHILD_WF", "wf_spec": "w"}
    accepted(memory, PutWfSpec(name="w", spec=chain()))
    answer = refused(memory, PutWfSpec(name="w", spec=chain(itself)), "BAD_SPEC")
    assert [fault.kind for fault in answer.faults] == [FaultKind.ENDLESS_CHILD_RUNS]
    major = chain(itself, variables=(declared("new", "INT"),))
    assert accepted(memory, PutWfSpec(name="w", spec=major)).body["major"] == 1
    assert memory.get(WfSpec, "w", 2) is not None


def test_faults_are_told_again_with_the_answer(memory: Driver) -> None:
    """A command that is sent again gets them, too; those that need a change of the spec come first,
    and no more are told than one can read.
    """
    accepted(memory, PutWfSpec(name="child", spec=chain()))
    late = [task("late") for _ in range(FAULTS_MAX + 5)]
    put = PutWfSpec(name="w", spec=chain(*late, {"type": "SLEEP"}))
    first = refused(memory, put, "BAD_SPEC", command_id="put")
    assert len(first.faults) == FAULTS_MAX
    assert first.faults[0].kind == FaultKind.SLEEP_CHOICE
    again = refused(memory, put, "BAD_SPEC", command_id="put")
    assert again.repeated
    assert again.faults == first.faults
