"""RUN_THREADS: a node runs threads and waits for them, each once or one for each value."""

from copy import deepcopy
from typing import Any

import pytest

from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.flow import room
from penstock.core.limits import THREADS_AFTER_MAX, THREADS_PER_CHUNK
from penstock.core.state import turn
from penstock.core.state.run import Variable
from penstock.core.state.thread_rows import AwaitedEnd, EachThread, LiveChild
from penstock.core.state.timers import Clock, Timer
from tests.controls import (
    Json,
    chain,
    declared,
    event,
    handled,
    interrupted,
    literal,
    nop,
    output_of,
    runs,
    runs_each,
    spec,
    task,
    threads,
    throws,
    variable,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run

INPUT = declared("INPUT", "INT")
INDEX = declared("INDEX", "INT")
WORK = chain(task("work"), variables=(INPUT, INDEX))
ELEMENTS = (EachThread, AwaitedEnd, LiveChild)
"""What is there while threads are at work; what they were given stays, for a replay."""


def each(*nodes: Json, child: Json = WORK, values: Any = (5, 6, 7), **settings: Any) -> Json:
    """A spec that runs a child for each value, then goes on with these nodes."""
    node = runs_each("child", literal(list(values)), **settings)
    return threads(chain(node, *nodes, returns=output_of("n1")), child=deepcopy(child))


def begun(story: Story) -> list[str]:
    """How the threads below the entrypoint are, in the order in which they began."""
    return [str(story.thread_run(number).status) for number in range(1, story.run.threads)]


def test_a_thread_is_run_for_each_value(driver: Driver) -> None:
    """It is given the value and its number; all of them run at once."""
    register(driver, "each", each())
    story = run(driver, "each")
    for _ in range(3):
        story.task("work").succeeds()
    story.completes(3)
    given = [(story.value("INPUT", number), story.value("INDEX", number)) for number in (1, 2, 3)]
    assert given == [(5, 0), (6, 1), (7, 2)]
    assert [row for kind in ELEMENTS for row in driver.scan(kind, story.id)] == []


def test_at_most_so_many_are_at_work(memory: Driver) -> None:
    """When one ends, the next begins."""
    register(memory, "some", each(values=range(5), concurrency=2))
    story = run(memory, "some")
    for number in range(1, 6):
        live = [1 for status in begun(story) if status == "RUNNING"]
        assert len(live) == min(2, 6 - number)
        story.task("work")
        assert story.taken.thread == number
        story.succeeds()
    story.completes(5)


def test_threads_are_run_once_each(memory: Driver) -> None:
    """With what they are given, which is worked out once; what they are called is no matter."""
    node = runs("one", "two", variables={"INPUT": variable("number")})
    main = chain(node, returns=output_of("n1"), variables=(declared("number", "INT", default=4),))
    one, two = (chain(task(f"work-{name}"), variables=(INPUT,)) for name in ("one", "two"))
    register(memory, "both", threads(main, one=one, two=two))
    story = run(memory, "both")
    assert [story.thread_run(number).thread_spec for number in (1, 2)] == ["one", "two"]
    assert [row.value for row in memory.scan(Variable, story.id) if row.thread] == [4, 4]
    story.task("work-two").succeeds().is_now("RUNNING").task("work-one").succeeds().completes(2)


def graph(concurrency: int = 0) -> Json:
    """d comes after b and c, these after a; e after nobody."""
    after = {"d": ["b", "c"], "b": ["a"], "c": ["a"]}
    node = runs("d", "b", "c", "a", "e", after=after, concurrency=concurrency)
    below = {name: chain(task(name)) for name in "abcde"}
    return threads(chain(node, returns=output_of("n1")), **below)


def names(story: Story) -> str:
    """The names of the threads, in the order in which they began."""
    numbers = range(1, story.run.threads)
    return "".join(story.thread_run(number).thread_spec for number in numbers)


def test_a_thread_begins_when_all_have_ended_that_it_comes_after(driver: Driver) -> None:
    """And not before."""
    register(driver, "graph", graph())
    story = run(driver, "graph")
    assert names(story) == "ae"
    story.task("a").succeeds().thread_is(1, "COMPLETED").task("b").succeeds()
    assert names(story) == "aebc"
    story.task("e").succeeds().is_now("RUNNING")
    assert names(story) == "aebc"
    story.task("c").succeeds().task("d").succeeds().completes(5)
    assert names(story) == "aebcd"


def test_a_graph_may_be_run_one_by_one(memory: Driver) -> None:
    """Who was held back goes before who has not been seen yet."""
    register(memory, "graph", graph(concurrency=1))
    story = run(memory, "graph")
    for name in "abcde":
        story.task(name).succeeds()
    story.completes(5)
    assert names(story) == "abcde"


@pytest.mark.parametrize(
    ("values", "output"), [([], 0), ("[]", 0), ("[1, 2]", 2), ([1] * (THREADS_PER_CHUNK + 2), 130)]
)
def test_values_may_be_text_or_none_at_all(memory: Driver, values: Any, output: int) -> None:
    """A text is read as JSON; with no values nothing is run."""
    node = runs_each("child", variable("values"))
    main = chain(node, returns=output_of("n1"), variables=(declared("values", "JSON_OBJ"),))
    main["threads"]["main"]["nodes"]["n1"]["values"] = variable("values", "$.of")
    register(memory, "text", threads(main, child=chain(nop(), variables=(INPUT,))))
    run(memory, "text", values={"of": values}).completes(output)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (3, "INT is no array"),
        ("no", "'no' is no JSON"),
        ("[NaN]", "is no JSON"),
        ('{"a": 1}', "JSON_OBJ is no array"),
        (None, "NULL is no array"),
        ([1, None], "value 1 is null"),
        ([1, "x"], "INPUT|INT"),
        ("[" * 99 + "]" * 99, "nested deeper"),
    ],
)
def test_values_that_are_wrong_fail_the_node(memory: Driver, values: Any, said: str) -> None:
    """Before any thread is begun."""
    main = chain(
        runs_each("child", variable("values", "$.of")), variables=(declared("values", "JSON_OBJ"),)
    )
    child = chain(nop(), variables=(declared("INPUT", "INT", required=True),))
    register(memory, "wrong", threads(main, child=child))
    story = run(memory, "wrong", values={"of": values}).ends_with("VAR_SUB_ERROR")
    assert story.thread.failure is not None
    assert any(part in story.thread.failure.message for part in said.split("|"))
    assert story.run.threads == 1


def test_values_that_are_masked_stay_so(memory: Driver) -> None:
    """In the threads, and in what is said of them."""
    masked = declared("values", "JSON_OBJ", masked=True)
    main = chain(runs_each("child", variable("values", "$.of")), variables=(masked,))
    register(memory, "masked", threads(main, child=WORK))
    story = run(memory, "masked", values={"of": [1]})
    rows = memory.scan(Variable, story.id, 1)
    assert {row.name: row.masked for row in rows} == {"INPUT": True, "INDEX": False}
    for wrong in ("hush", ["hush"]):
        failure = run(memory, "masked", values={"of": wrong}).thread.failure
        assert failure is not None
        assert "hush" not in failure.message


def test_the_first_failure_stops_further_starts(driver: Driver) -> None:
    """The node fails with it when those at work have ended, and handlers are for it."""
    node = each(task("after"), values=range(9), concurrency=3)
    main = node["threads"]["main"]["nodes"]
    main["n1"] = handled(main["n1"], ("mend", "CHILD_FAILURE"))
    node["threads"]["mend"] = chain(task("mend"))["threads"]["main"]
    register(driver, "fails", node)
    story = run(driver, "fails").task("work").succeeds().task("work").fails()
    assert story.taken.thread == 2
    story.task("work").succeeds().thread_is(3, "COMPLETED").is_now("RUNNING").no_task("mend")
    story.task("work").fails().thread_is(4, "ERROR").task("mend").succeeds()
    story.task("after").succeeds()
    assert begun(story)[:4] == ["COMPLETED", "ERROR", "COMPLETED", "ERROR"]
    failure = story.nodes[1].failure
    assert failure is not None
    assert (failure.name, "thread 2" in failure.message) == ("CHILD_FAILURE", True)
    assert story.thread.failed_children == 0


def test_an_exception_keeps_its_name_and_content(memory: Driver) -> None:
    """As where threads are waited for by themselves."""
    child = spec("out", {"out": throws("sorry", "", variable("INPUT"))}, INPUT)
    register(memory, "throws", each(child=child))
    story = run(memory, "throws").ends_with("sorry", "EXCEPTION")
    assert story.thread.failure is not None
    assert story.thread.failure.content == 5


def test_the_only_thread_may_give_the_output(driver: Driver) -> None:
    """As if it were called: what it returns is the node's output."""
    node = {**runs("child"), "gives_output": True}
    child = chain(task("work"), returns=output_of("n1"))
    register(driver, "calls", threads(chain(node, returns=output_of("n1")), child=child))
    story = run(driver, "calls")
    story.task("work").succeeds({"a": 1})
    story.completes({"a": 1})


def test_an_interrupt_halts_them_all_and_lets_them_go_on(memory: Driver) -> None:
    """Who ended meanwhile is counted, and the next begins, when the handler is done."""
    made = interrupted(each(values=range(3), concurrency=1), ask="ask")
    made["threads"]["ask"] = chain(event("told"))["threads"]["main"]
    register(memory, "asked", made)
    story = run(memory, "asked").task("work").gets("ask")
    story.succeeds().thread_is(1, "HALTED")
    assert story.run.threads == 3, "the third is the handler"
    story.gets("told").thread_is(1, "COMPLETED").task("work").succeeds().task("work").succeeds()
    story.completes(3)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run has room for few threads; also when the log is folded again at the end."""
    monkeypatch.setattr(room, "THREADS_PER_RUN_MAX", 5)


@pytest.mark.usefixtures("small")
def test_a_run_that_is_full_fails_the_node_by_name(memory: Driver) -> None:
    """At once, if they are too many; when it comes to it, if others have taken the room."""
    register(memory, "many", each(values=range(5)))
    below = each(child=chain(runs("leaf")), values=range(3), concurrency=1)
    register(memory, "filled", below | {"threads": below["threads"] | {"leaf": LEAF}})
    assert run(memory, "many").ends_with("LIMIT").run.threads == 1
    story = run(memory, "filled").task("work").succeeds().task("work").succeeds()
    story.ends_with("LIMIT")
    assert begun(story) == ["COMPLETED"] * 4


LEAF = chain(task("work"))["threads"]["main"]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn does little."""
    monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", 4)


@pytest.mark.usefixtures("short")
def test_turns_may_be_short(memory: Driver) -> None:
    """What becomes of it is the same, and nothing is left behind."""
    register(memory, "short", each(child=chain(nop()), values=range(11)))
    story = run(memory, "short")
    for _ in range(100):
        if all(timer.clock != Clock.PENDING for timer in memory.everywhere(Timer)):
            break
        memory.tick()
    story.completes(11)
    assert [row for kind in ELEMENTS for row in memory.scan(kind, story.id)] == []


CHILD = chain(nop(), variables=(INPUT,))["threads"]["main"]
TEXT = chain(nop(), variables=(declared("INPUT", "STR"),))["threads"]["main"]
NUMBERED = chain(nop(), variables=(declared("INDEX", "STR"),))["threads"]["main"]
NEEDS = chain(nop(), variables=(declared("item", "INT", required=True),))["threads"]["main"]
ONE = literal([1])


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (runs(), "names none to run"),
        (runs("child", "child"), "names one twice"),
        (runs("child", "nobody"), "there is no thread 'nobody'"),
        (runs("main"), "is the entrypoint"),
        (runs_each("child", ONE) | {"threads": ["child", "text"]}, "runs one thread"),
        (runs_each("child", ONE, after={"child": []}), "remove `after`"),
        (runs_each("child", literal(1)), "INT is neither an array nor a STR"),
        (runs_each("child", ONE, variables={"INPUT": literal(1)}), "name it otherwise"),
        (runs_each("child", variable("doubles")), "Cannot assign DOUBLE to INT"),
        (runs_each("numbered", ONE), "the number of a value is INT"),
        (runs_each("needs", ONE), "'item' of thread 'needs' must be given"),
        (runs("child", variables={"other": literal(1)}), "has no variable 'other'"),
        (runs("child", "text", variables={"INPUT": literal(1)}), "has different types"),
        (runs("child", after={"child": ["text"]}), "names 'text', which is not among"),
        (runs("child", after={"text": ["child"]}), "names 'text', which is not among"),
        (runs("child", after={"child": ["child"]}), "in a circle: child -> child"),
        (
            runs("child", "text", after={"child": ["text"], "text": ["child"]}),
            "goes round in a circle",
        ),
        (runs("child", after={"child": ["child"] * (THREADS_AFTER_MAX + 1)}), "it may have"),
        (runs("child", concurrency=-1), "concurrency"),
        (runs("child", "text", gives_output=True), "is for a node with one thread"),
        (runs_each("child", ONE, gives_output=True), "and without `values`"),
        (runs_each("child", variable("nothing")), "there is no variable 'nothing'"),
    ],
)
def test_what_can_be_seen_to_be_wrong_is_refused(memory: Driver, node: Json, said: str) -> None:
    """When the spec is registered."""
    main = chain(node, variables=(declared("doubles", "ARRAY<DOUBLE>"),))
    others = {"child": CHILD, "text": TEXT, "numbered": NUMBERED, "needs": NEEDS}
    made = {"entrypoint": "main", "threads": main["threads"] | others}
    answer = refused(memory, PutWfSpec(name="wrong", spec=made), "BAD_SPEC")
    assert said in answer.message, answer.message


def test_a_value_may_become_text(memory: Driver) -> None:
    """Where the thread takes text, as in every other place."""
    main = chain(runs_each("text", variable("doubles")))
    main["threads"]["main"]["variables"] = [declared("doubles", "ARRAY<DOUBLE>")]
    made = {"entrypoint": "main", "threads": main["threads"] | {"text": TEXT}}
    accepted(memory, PutWfSpec(name="text", spec=made))
    story = run(memory, "text", doubles=[1.5]).completes()
    assert story.value("INPUT", 1) == "1.5"
