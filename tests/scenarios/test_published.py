"""Published outputs outlive what is done to a run: replays, migrations, deletion; and are read
together only as far as that is cheap.
"""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.flow import published as published_outputs
from penstock.core.operators import replay_outputs
from penstock.core.state.published import PublishedOutput
from tests.controls import (
    a_task_def,
    chain,
    declared,
    edge,
    ends,
    literal,
    nop,
    output_of,
    published,
    runs,
    runs_each,
    sleeps,
    spec,
    starts_each,
    task,
    template,
    threads,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.migrating import can_not, migrates, next_version
from tests.scenarios.story import Story, register, run
from tests.scenarios.test_replay import not_replayed, replay

Json = dict[str, Any]
SAY = a_task_def("say", "JSON_OBJ", text="STR")


def says(text: str) -> Json:
    """A task that is given what a template says."""
    return task("say", inputs={"text": template(text, "TEXT")})


def each_of(values: list[Any]) -> Json:
    """n1 publishes; for each value `work` does; n4 sees all of that."""
    child = spec(
        "work",
        {"work": published(says("{{ taskrun.value }}")) | {"edges": [edge("z")]}, "z": ends()},
        declared("INPUT", "STR"),
    )
    main = chain(
        published(says("first")),
        starts_each("child", literal(values)),
        waits_for(output_of("n2")),
        says("{{ outputs }}"),
    )
    return threads(main, child=child)


def passed(driver: Driver, *values: str) -> Story:
    """A run that has come to its last task."""
    register(driver, "each", each_of(list(values)), SAY)
    story = run(driver, "each").task("say", text="first").succeeds({"n": 1})
    for _ in values:
        story.task("say").succeeds({"of": story.taken.inputs["text"]})
    return story


SEEN = '{"n1":{"n":1},"work":{"x":{"of":"x"},"y":{"of":"y"}}}'


def test_a_replay_sees_what_was_published_before(driver: Driver) -> None:
    """And a replay of the replay."""
    story = passed(driver, "x", "y").task("say", text=SEEN)
    again = replay(story, position=4).task("say", text=SEEN)
    once_more = replay(again, position=1).task("say", text=SEEN).succeeds({})
    once_more.completes()
    last = replay(once_more).task("say", text=SEEN).succeeds({})
    last.completes()
    fresh = replay(story).task("say", text="first")
    assert fresh.driver.scan(PublishedOutput, fresh.id) == []


def test_a_long_value_is_told_by_its_beginning(memory: Driver) -> None:
    """And looked up as a whole; a replay has it, too."""
    long = "v" * 300
    story = passed(memory, long).task("say")
    [row] = memory.scan(PublishedOutput, story.id, "work")
    assert row.values == (long[:256] + "~" + row.path,)
    again = replay(story, position=4)
    [copied] = memory.scan(PublishedOutput, again.id, "work")
    assert (copied.path, copied.values, copied.value) == (row.path, row.values, row.value)


def test_a_replay_does_not_see_what_was_published_after(memory: Driver) -> None:
    story = passed(memory, "x").task("say")
    again = replay(story, position=2)
    assert [row.node for row in memory.scan(PublishedOutput, again.id)] == ["n1"]
    again.task("say", text="x").succeeds({}).task("say", text='{"n1":{"n":1},"work":{"x":{}}}')


def test_an_output_that_was_published_again_is_not_had_as_it_was(memory: Driver) -> None:
    """Such a replay is refused, and all others are not."""
    more = edge("one", template("{{ n < 2 }}", "TRUTH"))
    nodes = {
        "one": published(says("{{ n }}")) | {"edges": [edge("two", n=template("{{ n + 1 }}"))]},
        "two": nop(more, edge("three")),
        "three": says("{{ outputs.one.n }}") | {"edges": [edge("z")]},
        "z": ends(),
    }
    register(memory, "again", spec("one", nodes, declared("n", "INT", default=0)), SAY)
    story = run(memory, "again").task("say").succeeds({"n": 1}).task("say").succeeds({"n": 2})
    story.task("say", text="2")
    not_replayed(story, "OLD_VALUE_GONE", position=2)
    replay(story, position=5).task("say", text="2")
    replay(story, position=1).task("say", text="0")


def test_a_replay_carries_so_many(monkeypatch: pytest.MonkeyPatch, memory: Driver) -> None:
    monkeypatch.setattr(replay_outputs, "REPLAY_PUBLISHED_MAX", 2)
    story = passed(memory, "x", "y").task("say", text=SEEN)
    not_replayed(story, "LIMIT", position=4)
    replay(story, position=2)


def test_a_run_that_is_deleted_leaves_none(memory: Driver) -> None:
    story = passed(memory, "x", "y").task("say").succeeds({})
    story.completes()
    assert len(memory.scan(PublishedOutput, story.id)) == 3
    memory.send(DeleteWfRun(wf_run_id=story.id))
    assert memory.rows_of_run(story.id) == {}


def test_a_node_that_publishes_keeps_its_name(memory: Driver) -> None:
    """Others find its output by that."""
    old = chain(published(says("a")), sleeps(60), says("{{ outputs.n1.v }}"))
    register(memory, "w", old, SAY)
    story = run(memory, "w").task("say").succeeds({"v": 1}).at_node("n2")
    nodes = {
        "first": published(says("a")) | {"edges": [edge("n2")]},
        "n2": sleeps(60) | {"edges": [edge("n3")]},
        "n3": says("{{ outputs.n1.v }}") | {"edges": [edge("exit")]},
        "exit": ends(),
    }
    next_version(memory, "w", spec("first", nodes))
    can_not(story, "publishes its output under its name", nodes={"main": {"n1": "first"}})
    next_version(memory, "w", chain(published(says("b")), sleeps(60), says("{{ outputs.n1 }}")))
    migrates(story)
    memory.pass_ms(60_000)
    story.task("say", text='{"v":1}')


def test_so_many_are_read_together(monkeypatch: pytest.MonkeyPatch, memory: Driver) -> None:
    monkeypatch.setattr(published_outputs, "PUBLISHED_READ_MAX", 2)
    story = passed(memory, "x", "y").ends_with("VAR_SUB_ERROR")
    assert story.thread.failure is not None
    assert "name the one that is wanted" in story.thread.failure.message


def test_what_is_read_is_paid_for(monkeypatch: pytest.MonkeyPatch, memory: Driver) -> None:
    monkeypatch.setattr(published_outputs, "PUBLISHED_STEPS", 4_000)
    story = passed(memory, "x", "y").ends_with("VAR_SUB_ERROR")
    assert story.thread.failure is not None
    assert "steps" in story.thread.failure.message


def test_what_a_skipped_node_is_given_is_published(memory: Driver) -> None:
    register(memory, "w", chain(published(sleeps(60)), says("{{ outputs.n1 }}")), SAY)
    story = run(memory, "w").is_skipped()
    story.task("say", text="")


def rounds(times: int) -> Json:
    """A thread that goes round: before each round it publishes its number, in the name of `loop`,
    and at its beginning, too; what comes behind sees the last one.
    """
    told = {"gives": template({"round": "{{ n }}"}), "publish": {"name": "loop"}}
    more = edge("again", template(f"{{{{ n < {times} }}}}", "TRUTH"), n=template("{{ n + 1 }}"))
    nodes = {
        "again": nop(edge("one")) | told,
        "one": says("{{ outputs.loop.round }}") | {"edges": [more, edge("z")]},
        "z": ends(),
    }
    body = spec("again", nodes, declared("n", "INT", default=1))
    body["threads"]["main"]["nodes"]["0-entrypoint"] |= told
    return threads(chain(runs("body"), says("{{ outputs.loop.round }}")), body=body)


def test_what_a_node_gives_that_does_nothing_else(driver: Driver) -> None:
    """It is an output as any other: of a NOP and of an ENTRYPOINT."""
    given = nop() | {"gives": template("{{ {'sum': n + 1} }}")}
    main = chain(given, returns=output_of("n1", "$.sum"), variables=(declared("n", "INT"),))
    main["threads"]["main"]["nodes"]["0-entrypoint"]["gives"] = literal([1])
    register(driver, "w", main)
    story = run(driver, "w", n=2).completes(3)
    assert [one.output for one in story.nodes] == [[1], {"sum": 3}, None]
    run(driver, "w").ends_with("VAR_SUB_ERROR")


def test_a_run_gives_nothing_before_it_has_its_place(memory: Driver) -> None:
    """Then what its ENTRYPOINT gives is worked out, and may be wrong."""
    main = chain(sleeps(1), variables=(declared("n", "INT"),)) | {"limit": {"most": 1}}
    begin = main["threads"]["main"]["nodes"]["0-entrypoint"]
    begin |= {"gives": template("{{ {'n': n + 1} }}"), "publish": {"name": "begun"}}
    register(memory, "w", main)
    first, queued, wrong = run(memory, "w", n=1), run(memory, "w", n=2), run(memory, "w")
    assert [row.value for row in memory.scan(PublishedOutput, first.id)] == [{"n": 2}]
    assert memory.scan(PublishedOutput, queued.id) == []
    memory.pass_ms(1_000)
    assert [row.value for row in memory.scan(PublishedOutput, queued.id)] == [{"n": 3}]
    memory.pass_ms(1_000)
    queued.completes()
    wrong.ends_with("VAR_SUB_ERROR")


def test_what_is_made_of_something_masked_is_masked(memory: Driver) -> None:
    given = nop() | {"gives": template("{{ n }}!"), "publish": True}
    main = chain(given, variables=(declared("n", "STR", masked=True),))
    register(memory, "w", main)
    story = run(memory, "w", n="x").completes()
    [row] = memory.scan(PublishedOutput, story.id)
    assert (row.value, row.masked) == ("x!", True)


def test_what_a_thread_publishes_again_and_again(driver: Driver) -> None:
    """Is there while it goes on, and one row."""
    register(driver, "w", rounds(3), SAY)
    story = run(driver, "w")
    for number in (1, 2, 3):
        story.task("say", text=str(number)).succeeds({})
    story.task("say", text="3").succeeds({}).completes()
    assert len(driver.scan(PublishedOutput, story.id)) == 1


def test_what_a_thread_publishes_as_it_begins_a_replay_has_as_it_was(memory: Driver) -> None:
    """Whatever it has published since: from the variables of that place it is published again, in a
    replay of the replay, too.
    """
    register(memory, "w", rounds(3), SAY)
    story = run(memory, "w").task("say").succeeds({}).task("say")
    second = story.taken.guid
    story.succeeds({}).task("say", text="3").succeeds({}).task("say", text="3")
    again = replay(story, guid=second).task("say", text="2")
    once_more = replay(again).task("say", text="2")
    again.succeeds({}).task("say", text="3")
    twice = replay(again, guid=again.taken.guid).task("say", text="3")
    twice.succeeds({}).task("say", text="3").succeeds({}).completes()
    once_more.succeeds({}).task("say", text="3")


def test_a_version_that_publishes_no_more_has_nothing_to_begin_with(memory: Driver) -> None:
    """So the replay is refused, rather than told something of a later round."""
    register(memory, "w", rounds(2), SAY)
    story = run(memory, "w").task("say")
    first = story.taken.guid
    story.succeeds({}).task("say").succeeds({}).task("say")
    silent = rounds(2)
    del silent["threads"]["body"]["nodes"]["0-entrypoint"]["publish"]
    register(memory, "w", silent, SAY)
    replay(story, guid=first).task("say", text="1")
    not_replayed(story, "OLD_VALUE_GONE", guid=first, version=story.run.version + 1)


def test_outputs_by_number(memory: Driver) -> None:
    """Of threads that run for values, each below its own; a helping node stands for its step."""
    told = {"publish": {"name": "each", "part": "said", "numbered": True}}
    child = spec(
        "at.work",
        {
            "at.work": says("{{ taskrun.iteration }}{{ taskrun.items }}")
            | {"edges": [edge("at.told")]},
            "at.told": nop(edge("z")) | {"gives": output_of("at.work", "$.v")} | told,
            "z": ends(),
        },
        declared("INPUT", "STR"),
        declared("INDEX", "INT"),
    )
    seen = says("{{ outputs.each.said[1] }}{{ outputs.each.said['2'] }} {{ outputs.each }}")
    nodes = {
        "each": runs_each("child", literal(["x", "x"])) | {"edges": [edge("seen")]},
        "seen": seen | {"edges": [edge("end")]},
        "end": ends(),
    }
    register(memory, "w", threads(spec("each", nodes), child=child), SAY)
    story = run(memory, "w")
    for number, text in ((1, "a"), (2, "b")):
        story.task("say", text=f"{number}x").succeeds({"v": text})
    story.task("say", text='ab {"said":{"1":"a","2":"b"}}').succeeds({}).completes()
