"""Replays of runs that were migrated, in versions that they have left."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.edit_variable import EditVariable
from tests.controls import chain, declared, event, nop, task, variable
from tests.scenarios.driver import Driver
from tests.scenarios.migrating import can_not, migrates, next_version
from tests.scenarios.story import Story, accepted, register, run
from tests.scenarios.test_replay import replay

HIDDEN = {"access": "PRIVATE_VAR"}


def _asks(*variables: Any) -> Any:
    return chain(event("go"), variables=variables)


def _left(memory: Driver, edited: str | None = None, **given: Any) -> Story:
    """A run that is in a version without the variable of its first one."""
    register(memory, "order", _asks(declared("who", "STR", default="nobody", **HIDDEN)))
    story = run(memory, "order", **given)
    if edited is not None:
        accepted(memory, EditVariable(wf_run_id=story.id, name="who", value=edited))
    next_version(memory, "order", _asks(declared("n", "INT", default=1)))
    return migrates(story)


@pytest.mark.parametrize("edited", [None, "eve"])
def test_a_variable_that_has_gone_is_what_it_was(memory: Driver, edited: str | None) -> None:
    """From the beginning, in a version that has it, and not its default; changed meanwhile or not.
    From a node behind the migration it was not there.
    """
    story = _left(memory, edited, who="ada")
    assert replay(story, version=1).value("who") == "ada"
    assert replay(story).value("n") == 1
    story.gets("go").completes()
    assert replay(story, version=1, position=1).value("who") == "nobody"


def test_one_that_took_its_default_takes_the_one_of_then(memory: Driver) -> None:
    """A third version has another default."""
    story = _left(memory)
    next_version(memory, "order", _asks(declared("who", "STR", default="somebody", **HIDDEN)))
    assert replay(story, version=3).value("who") == "nobody"
    third = replay(run(memory, "order"), version=1)
    assert third.value("who") == "somebody"


def test_a_replay_of_a_run_that_was_migrated_twice(memory: Driver) -> None:
    """What had gone first is still there."""
    story = _left(memory, who="ada")
    next_version(memory, "order", _asks(declared("m", "INT", default=2)))
    migrates(story)
    assert replay(story, version=1).value("who") == "ada"
    assert replay(story, version=2).value("n") == 1


def test_one_that_was_masked_stays_so(memory: Driver) -> None:
    """Though the version that is asked for says nothing of it."""
    key = declared("key", "STR", **HIDDEN)
    register(memory, "order", _asks(key | {"masked": True}))
    story = run(memory, "order", key="s3cret")
    next_version(memory, "order", _asks())
    migrates(story)
    next_version(memory, "order", chain(event("go"), returns=variable("key"), variables=(key,)))
    again = replay(story, version=3).gets("go").completes("s3cret")
    assert again.thread.masked


@pytest.mark.parametrize("other", [nop(), None], ids=["another type", "gone"])
def test_a_replay_that_waits_for_its_place_keeps_the_node_it_goes_to(
    memory: Driver, other: Any
) -> None:
    """It stands at its beginning still; that there is a way on is not seen there."""
    limit = {"limit": {"most": 1}}
    register(memory, "order", chain(event("go"), task("work")) | limit)
    story = run(memory, "order").gets("go")
    again = replay(story, position=2)
    assert again.run.held
    others = () if other is None else (other,)
    next_version(memory, "order", chain(event("go"), *others) | limit)
    can_not(again, "'n2'", version=2)
    next_version(memory, "order", chain(event("go"), nop(), task("work")) | limit)
    migrates(again, version=3, nodes={"main": {"n2": "n3"}})
    story.task("work").succeeds().completes()
    again.task("work").succeeds().completes()
