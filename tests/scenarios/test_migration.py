"""MigrateWfRun: a run goes on in another version of its WfSpec."""

from __future__ import annotations

from base64 import b64encode

import pytest

from penstock.core.commands import migrate_wf_run
from penstock.core.commands.migrate_wf_run import MigrateWfRun
from penstock.core.operators import migration_check
from penstock.core.state.facts import AuditEntry
from penstock.core.state.run import NodeOutput, Variable
from tests.controls import (
    a_task_def,
    chain,
    declared,
    edge,
    ends,
    event,
    output_of,
    spec,
    starts,
    task,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.migrating import asks, can_not, migrates, next_version
from tests.scenarios.story import accepted, refused, register, run


def test_a_waiting_run_goes_on_in_the_new_version(driver: Driver) -> None:
    """With a node that is called otherwise, one that is new, and a new variable."""
    register(driver, "order", chain(event("go")), a_task_def("pack", count="INT"))
    story = run(driver, "order").at_node("n1")
    nodes = {
        "wait": event("go", edge("pack")),
        "pack": task("pack", edge("end"), inputs={"count": variable("count")}),
        "end": ends(variable("count")),
    }
    next_version(driver, "order", spec("wait", nodes, declared("count", "INT", default=3)))
    migrates(story, nodes={"main": {"n1": "wait", "exit": "end"}}).at_node("wait")
    assert [node.node for node in story.nodes] == ["0-entrypoint", "wait"]
    story.gets("go").task("pack", count=3).succeeds().completes(3)
    verbs = [row.verb for row in driver.scan(AuditEntry, story.id)]
    assert verbs == ["MigrateWfRun"]


def test_a_new_variable_may_be_given(driver: Driver) -> None:
    """One that is required must be."""
    register(driver, "order", chain(event("go")))
    story = run(driver, "order")
    new = chain(
        event("go"), returns=variable("who"), variables=(declared("who", "STR", required=True),)
    )
    next_version(driver, "order", new)
    can_not(story, "'who': it is new and required")
    can_not(story, "it is new", variables={"other": {"who": "Ada"}})
    can_not(story, "is not in version 2", variables={"main": {"who": "Ada", "age": 3}})
    can_not(story, "variable 'who'", variables={"main": {"who": {"not": "text"}}})
    can_not(story, "an object, by name", "BAD_VALUE", variables={"main": ["Ada"]})
    big = {"x": "x" * 600_000}
    can_not(story, "may have", "TOO_LARGE", variables={"main": big})
    migrates(story, variables={"main": {"who": "Ada"}}).gets("go").completes("Ada")


def test_a_variable_keeps_its_value_or_goes(memory: Driver) -> None:
    """It may become a wider type; another one is refused."""
    hidden = {"access": "PRIVATE_VAR"}
    old = (
        declared("kept", "INT", **hidden),
        declared("wider", "INT", **hidden),
        declared("gone", "STR", **hidden),
    )
    register(memory, "order", chain(event("go"), variables=old))
    story = run(memory, "order", kept=1, wider=2, gone="x")
    other = chain(event("go"), variables=(declared("kept", "BOOL", **hidden),))
    next_version(memory, "order", other)
    can_not(story, "variable 'kept': Cannot assign INT to BOOL: give it another name")
    new = (declared("kept", "INT", **hidden), declared("wider", "DOUBLE", **hidden))
    next_version(memory, "order", chain(event("go"), returns=variable("wider"), variables=new))
    can_not(story, "is there already", variables={"main": {"kept": 5}})
    migrates(story)
    assert {row.name: row.value for row in memory.scan(Variable, story.id)} == {
        "kept": 1,
        "wider": 2.0,
    }
    story.gets("go").completes(2.0)


def test_a_value_that_gets_too_large_is_refused(memory: Driver) -> None:
    """Bytes take a third more as text."""
    hidden = {"access": "PRIVATE_VAR"}
    register(memory, "order", chain(event("go"), variables=(declared("raw", "BYTES", **hidden),)))
    large = run(memory, "order", raw=b64encode(b"x" * 200_000).decode())
    small = run(memory, "order", raw=b64encode(b"x").decode())
    as_text = (declared("raw", "STR", **hidden),)
    next_version(memory, "order", chain(event("go"), variables=as_text))
    can_not(large, "variable 'raw': ")
    large.gets("go").completes()
    migrates(small).gets("go").completes()


def test_a_node_that_is_no_more_must_be_left_or_mapped(memory: Driver) -> None:
    """Names that do not exist are refused, too."""
    register(memory, "w", chain(event("go"), event("on")))
    story = run(memory, "w").at_node("n1")
    two = {"on": event("on", edge("exit")), "exit": ends()}
    next_version(memory, "w", spec("on", two))
    can_not(story, "at node 'n1': the node is not in version 2: map it, or let the thread go on")
    can_not(story, "are not nodes of the two", nodes={"main": {"n1": "nowhere"}})
    can_not(story, "are not nodes of the two", nodes={"main": {"nowhere": "on"}})
    can_not(story, "is not a thread of both", nodes={"other": {"n1": "on"}})
    can_not(story, "can not both be 'on'", nodes={"main": {"n1": "on", "n2": "on"}})
    can_not(story, "are not threads of the two", threads={"other": "main"})
    can_not(story, "waits for on there, not for go", nodes={"main": {"n1": "on"}})
    story.gets("go").at_node("n2")
    migrates(story, nodes={"main": {"n2": "on"}}).gets("on").completes()


def test_which_version_is_chosen_as_for_a_start(memory: Driver) -> None:
    """One that the run follows already is no change; one that is not there, or deleted, is
    refused, as is a run that is not there.
    """
    register(memory, "w", chain(event("go")))
    story = run(memory, "w")
    can_not(story, "there is no WfSpec", "SPEC_UNKNOWN", version=9)
    can_not(story, "name a version or a major one", "BAD_VALUE", version=1, major=0)
    before = story.thread
    assert asks(story, version=1).body["done"]
    assert story.thread == before
    next_version(memory, "w", chain(event("go"), event("go")))
    migrates(story, major=0, revision=1)
    assert story.run.version == 2
    migrates(story, version=1).gets("go").completes()
    refused(memory, MigrateWfRun(wf_run_id=story.id), "WF_RUN_ENDED")
    refused(memory, MigrateWfRun(wf_run_id="no-such-run"), "WF_RUN_UNKNOWN")


def test_a_migration_is_done_once(memory: Driver) -> None:
    """The same command again is the first answer, whatever has become of the run."""
    register(memory, "w", chain(event("go")))
    story = run(memory, "w")
    next_version(memory, "w", chain(event("go"), event("go")))
    command = MigrateWfRun(wf_run_id=story.id, version=2)
    first = accepted(memory, command, command_id="once")
    migrates(story, version=1)
    again = accepted(memory, command, command_id="once")
    assert (again.repeated, again.body) == (True, first.body)
    assert story.run.version == 1


def test_threads_are_migrated_with_their_names(driver: Driver) -> None:
    """Children, what they see of threads above, and the wait for them. A thread that ended well
    stays what it was.
    """
    old = threads(
        chain(
            starts("done"),
            waits_for(output_of("n1")),
            starts("child"),
            waits_for(output_of("n3")),
            variables=(declared("total", "INT", default=1),),
        ),
        done=chain(task("one"), variables=(declared("mine", "STR", default="x"),)),
        child=chain(event("go")),
    )
    register(driver, "w", old, a_task_def("add", n="INT"))
    story = run(driver, "w").task("one").succeeds().thread_is(1, "COMPLETED")
    story.wait(lambda: story.run.threads == 3, "the second child")
    main = chain(
        starts("kid"),
        waits_for(output_of("n1")),
        starts("kid"),
        waits_for(output_of("n3")),
        variables=(declared("total", "INT", default=1),),
    )
    kid = {
        "wait": event("go", edge("add")),
        "add": task("add", edge("end"), inputs={"n": variable("total")}),
        "end": ends(),
    }
    next_version(driver, "w", threads(main, kid=spec("wait", kid)))
    can_not(story, "thread 2 ('child'), at node 'n1': version 2 has no such thread: map it")
    plan = {"threads": {"child": "kid"}, "nodes": {"child": {"n1": "wait"}}}
    can_not(story, "nothing else, is mapped to the entry", threads={"child": "main"})
    migrates(story, **plan).at_node("wait", 2)
    assert (story.thread_run(1).thread_spec, story.thread_run(2).thread_spec) == ("done", "kid")
    assert story.value("mine", 1) == "x"
    story.gets("go").task("add", n=1).succeeds().completes()


def test_a_failed_run_is_migrated_and_restarted(driver: Driver) -> None:
    """With what was wrong put right: the node does another task now."""
    register(driver, "w", chain(task("bad"), event("go")), a_task_def("good"))
    story = run(driver, "w").task("bad").fails().ends_with("TASK_FAILURE")
    next_version(driver, "w", chain(task("good"), event("go")))
    migrates(story).is_now("ERROR").is_begun_again().task("good").succeeds()
    story.at_node("n2").gets("go").completes()


def test_a_halted_run_stays_halted(driver: Driver) -> None:
    """Paused or stopped; it goes on in the new version."""
    register(driver, "w", chain(event("go")))
    story = run(driver, "w").is_paused().is_now("HALTED")
    register(driver, "w", chain(event("go"), event("on")))
    migrates(story).is_now("HALTED").gets("go").at_node("n1")
    story.is_resumed().wait(lambda: story.thread.node == "n2", "to go on")
    story.gets("on").completes()


def test_outputs_are_kept_by_their_new_names(memory: Driver) -> None:
    """Also one that the old version did not keep: it is taken from the node's run."""
    register(
        memory,
        "w",
        chain(task("a"), task("b"), event("go"), returns=output_of("n1")),
        a_task_def("a", returns="INT"),
        a_task_def("b", returns="INT"),
        a_task_def("sum", x="INT", y="INT"),
    )
    story = run(memory, "w").task("a").succeeds(1).task("b").succeeds(2).at_node("n3")
    nodes = {
        "first": task("a", edge("second")),
        "second": task("b", edge("wait")),
        "wait": event("go", edge("sum")),
        "sum": task(
            "sum", edge("exit"), inputs={"x": output_of("first"), "y": output_of("second")}
        ),
        "exit": ends(),
    }
    next_version(memory, "w", spec("first", nodes))
    migrates(story, nodes={"main": {"n1": "first", "n2": "second", "n3": "wait"}})
    kept = {row.node: row.value for row in memory.scan(NodeOutput, story.id)}
    assert kept == {"first": 1, "second": 2}
    story.gets("go").task("sum", x=1, y=2).succeeds().completes()


def test_an_output_that_can_not_be_had_is_refused(
    monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """Of another type; or further back than is looked."""
    monkeypatch.setattr(migration_check, "MIGRATION_NODE_RUNS_MAX", 2)
    old = chain(task("a"), task("b"), event("go"))
    definitions = [a_task_def("a", returns="INT"), a_task_def("b"), a_task_def("c", returns="BOOL")]
    register(memory, "w", old, *definitions)
    far = run(memory, "w").task("a").succeeds(1).task("b").succeeds().at_node("n3")
    near = run(memory, "w").task("a").succeeds(1).task("b").at_node("n2")
    next_version(memory, "w", chain(task("c"), task("b"), event("go"), returns=output_of("n1")))
    can_not(near, "node 'n1' has been passed: its output is INT, and BOOL in version 2")
    next_version(memory, "w", chain(task("a"), task("b"), event("go"), returns=output_of("n1")))
    can_not(far, "is not among its node runs from 2 on")
    migrates(near).succeeds().gets("go").completes(1)
    far.gets("go").completes()


def test_a_killed_run_may_be_migrated_and_restarted(memory: Driver) -> None:
    """As any that has failed."""
    register(memory, "w", chain(event("go")))
    story = run(memory, "w").is_killed().ends_with("KILLED")
    next_version(memory, "w", chain(event("go"), event("go")))
    migrates(story).ends_with("KILLED").is_begun_again().gets("go").gets("go").completes()


def test_a_run_is_migrated_so_often(monkeypatch: pytest.MonkeyPatch, memory: Driver) -> None:
    """What a thread was is kept."""
    monkeypatch.setattr(migrate_wf_run, "MIGRATIONS_PER_RUN_MAX", 2)
    register(memory, "w", chain(event("go")))
    story = run(memory, "w")
    next_version(memory, "w", chain(event("go"), event("go")))
    migrates(migrates(story), version=1)
    can_not(story, "a run may be migrated 2 times", "LIMIT")
    assert [former.version for former in story.thread.formers] == [1, 2]
    story.gets("go").completes()
