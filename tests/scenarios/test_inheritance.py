"""What a run inherits is held against the version that the run above it really follows."""

from __future__ import annotations

import pytest

from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.run_wf import RunWf
from tests.controls import Json, chain, compare, declared, event, holds, literal, variable
from tests.scenarios.driver import Driver
from tests.scenarios.migrating import asks, can_not, migrates, next_version
from tests.scenarios.story import Story, accepted, refused, register, run

N, M = declared("n", "INT", default=1), declared("m", "INT", default=1)


def _below(name: str, *, major: int | None = None) -> Json:
    """A spec that waits for a variable of its parent."""
    inherited = declared(name, "INT", access="INHERITED_VAR")
    waits = chain(holds(compare(variable(name), "EQUALS", literal(5))), variables=(inherited,))
    return waits | {"parent": "top"} | ({} if major is None else {"parent_major": major})


def _start(story: Story, wf_spec: str = "below", name: str = "child") -> RunWf:
    return RunWf(wf_spec=wf_spec, wf_run_id=name, parent=story.id)


def test_an_older_parent_run_is_none_for_what_it_has_not(memory: Driver) -> None:
    """The newest version of the parent has the variable, the run's own has not."""
    register(memory, "top", chain(event("go"), variables=(N,)))
    old = run(memory, "top")
    next_version(memory, "top", chain(event("go"), variables=(N, M)))
    register(memory, "below", _below("m"))
    new = run(memory, "top")
    answer = refused(memory, _start(old), "PARENT_REQUIRED")
    assert "in version 1: variable 'm' is inherited, but 'top' has none" in answer.message
    accepted(memory, _start(new))
    accepted(memory, EditVariable(wf_run_id=new.id, name="m", value=5))
    Story(memory, f"{new.id}.child").completes()


def test_a_run_that_is_migrated_can_be_the_parent(memory: Driver) -> None:
    """It follows the new version, and is held against that."""
    register(memory, "top", chain(event("go"), variables=(N,)))
    story = run(memory, "top")
    next_version(memory, "top", chain(event("go"), variables=(N, M)))
    register(memory, "below", _below("m"))
    story.refuses(_start(story), "PARENT_REQUIRED")
    accepted(memory, _start(migrates(story)))


def test_a_newer_version_does_not_take_away_what_a_run_has(memory: Driver) -> None:
    """The spec was registered when the parent had the variable; a run of that version has it."""
    register(memory, "top", chain(event("go"), variables=(N, M)))
    register(memory, "below", _below("m"))
    old = run(memory, "top")
    next_version(memory, "top", chain(event("go"), variables=(N,)))
    accepted(memory, _start(old))
    refused(memory, _start(run(memory, "top")), "PARENT_REQUIRED")


def test_a_private_variable_is_not_inherited_from_any_version(memory: Driver) -> None:
    """Whatever the newest version says of it."""
    hidden = declared("n", "INT", access="PRIVATE_VAR")
    register(memory, "top", chain(event("go"), variables=(hidden,)))
    old = run(memory, "top")
    next_version(memory, "top", chain(event("go"), variables=(N,)))
    register(memory, "below", _below("n"))
    old.refuses(_start(old), "PARENT_REQUIRED")


def test_a_spec_may_name_the_major_version_of_its_parent(memory: Driver) -> None:
    """Revisions of it fit; runs of other major versions do not, though they have the variable."""
    register(memory, "top", chain(event("go"), variables=(N,)))
    first = run(memory, "top")
    next_version(memory, "top", chain(event("go"), event("go"), variables=(N,)))
    revision = run(memory, "top")
    next_version(memory, "top", chain(event("go"), variables=(N, M)))
    other = run(memory, "top")
    register(memory, "below", _below("n", major=0))
    accepted(memory, _start(first))
    accepted(memory, _start(revision))
    answer = refused(memory, _start(other), "PARENT_REQUIRED")
    assert "version 3 of 'top' is not of major version 0" in answer.message


def test_a_migration_wants_a_parent_that_fits(memory: Driver) -> None:
    """Also where both versions inherit from the same spec."""
    register(memory, "top", chain(event("go"), variables=(N,)))
    story = run(memory, "top")
    register(memory, "below", _below("n"))
    accepted(memory, _start(story))
    below = Story(memory, f"{story.id}.child")
    next_version(memory, "top", chain(event("go"), variables=(N, M)))
    next_version(memory, "below", _below("m"))
    can_not(below, "in version 1: variable 'm' is inherited, but 'top' has none")
    migrates(story)
    migrates(below)
    assert asks(below).ok


@pytest.mark.parametrize(
    ("made", "code", "said"),
    [
        (_below("n", major=3), "DEFINITION_UNKNOWN", "not registered in major version 3"),
        (_below("m", major=0), "BAD_SPEC", "'m' is inherited, but 'top' has none of this name"),
        (_below("n", major=-1), "BAD_SPEC", "not the right form"),
        (chain(event("go")) | {"parent_major": 0}, "BAD_SPEC", "but there is no parent"),
    ],
)
def test_what_is_seen_of_a_major_version_at_registration(
    memory: Driver, made: Json, code: str, said: str
) -> None:
    """It is checked against its newest revision, not against the newest version."""
    register(memory, "top", chain(event("go"), variables=(N,)))
    next_version(memory, "top", chain(event("go"), variables=(N, M)))
    answer = refused(memory, PutWfSpec(name="below", spec=made), code)
    assert said in answer.message
