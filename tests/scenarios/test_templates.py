"""Templates: what `{{ }}` means from where a thread stands, what it costs, and what it hides."""

from typing import Any

import pytest

from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.set_labels import SetLabels
from penstock.core.ids import derive_guid
from penstock.core.state.run import TaskRun, Variable
from tests.controls import (
    a_struct_def,
    a_task_def,
    chain,
    compare,
    declared,
    edge,
    ends,
    handled,
    literal,
    nop,
    output_of,
    published,
    secret,
    spec,
    starts,
    starts_each,
    task,
    template,
    threads,
    throws,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run

ECHO = a_task_def("echo", what="JSON_OBJ")
SAY = a_task_def("say", "JSON_OBJ", text="STR")


def says(text: Any, gives: str = "TEXT") -> Any:
    """A task that is given what a template says."""
    return task("say", inputs={"text": template(text, gives)})


def said(story: Story) -> str:
    """What the next task was given; it succeeds."""
    text = story.task("say").taken.inputs["text"]
    story.succeeds({})
    return text


def test_a_task_run_is_told_of_itself(driver: Driver) -> None:
    """Exactly these keys, for a task that stands below nothing."""
    inputs = {"what": template({"whole": "{{ taskrun }}", "{{ task.id }}": "{{ task.type }}"})}
    register(driver, "echoing", chain(task("echo", inputs=inputs)), ECHO)
    story = run(driver, "echoing").task("echo")
    whole = story.taken.inputs["what"]["whole"]
    assert sorted(whole) == ["attemptsCount", "id", "startDate"]
    assert whole["id"] == story.taken.guid
    assert whole["attemptsCount"] == 0
    assert story.taken.inputs["what"]["n1"] == "echo"
    story.succeeds().completes()


def test_a_run_is_known_by_its_flow_inputs_and_labels(memory: Driver) -> None:
    text = (
        "{{ flow.namespace }}|{{ flow.id }}|{{ flow.revision }}|{{ flow.tenantId }}|"
        "{{ execution.id == execution.originalId }}|{{ inputs }}|{{ inputs.hidden is defined }}|"
        "{{ labels }}|{{ vars.a }}|{{ startsAt }}"
    )
    body = chain(
        says(text),
        variables=(
            declared("n", "INT"),
            declared("startsAt", "STR", default="root"),
            declared("hidden", "STR", access="PRIVATE_VAR"),
            declared("vars", "JSON_OBJ", default={"a": "b"}),
        ),
    )
    body |= {"namespace": "company.team", "labels": {"a": "spec", "system.x": "1", "b": "spec"}}
    register(memory, "company.team.hello", body, SAY)
    given = RunWf(
        wf_spec="company.team.hello", wf_run_id="r1", variables={"n": 5}, labels={"b": "given"}
    )
    accepted(memory, given)
    story = Story(memory, "r1")
    assert story.run.labels == {"a": "spec", "system.x": "1", "b": "given"}
    assert said(story) == (
        'company.team|hello|1|default|true|{"n":5,"startsAt":"root","vars":{"a":"b"}}|false|'
        '{"a":"spec","b":"given","system":{"x":"1"}}|b|root'
    )
    story.completes()
    accepted(memory, SetLabels(wf_run_id="r1", labels={"c": "3"}, remove=("a",)))
    answer = accepted(memory, ReplayWfRun(wf_run_id="r1"))
    again = Story(memory, answer.body["wf_run_id"])
    assert again.run.labels == {"system.x": "1", "b": "given", "c": "3"}, "as the old one has them"


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("hello", {"namespace": "company"}),
        ("companyhello", {"namespace": "company"}),
        ("a..b.hello", {"namespace": "a..b"}),
        ("hello", {"labels": {f"l{number}": "x" for number in range(65)}}),
        ("hello", {"labels": {"l": "x" * 20_000}}),
        ("hello", {"labels": {"": "x"}}),
    ],
)
def test_a_namespace_and_labels_are_checked(memory: Driver, name: str, about: Any) -> None:
    spec_ = chain(nop()) | about
    refused(memory, PutWfSpec(name=name, spec=spec_), "BAD_NAME" if ".." in name else "BAD_SPEC")


def test_labels_of_spec_and_run_together_are_bounded(memory: Driver) -> None:
    labels = {f"s{number}": "x" for number in range(40)}
    register(memory, "labelled", chain(nop()) | {"labels": labels})
    given = {f"r{number}": "x" for number in range(40)}
    refused(memory, RunWf(wf_spec="labelled", wf_run_id="r1", labels=given), "LIMIT")
    accepted(memory, RunWf(wf_spec="labelled", wf_run_id="r1", labels=labels))


def test_values_of_loops_are_seen_from_below(driver: Driver) -> None:
    """`value` is a text, and of direct children only; those above are found through parents, from
    which such are left out as have none.
    """
    deep = chain(
        says("{{ taskrun.value ?? 'none' }}|{{ parents | toJson }}|{{ parent.taskrun.value }}")
    )
    inner = chain(
        says("{{ taskrun.value }}|{{ taskrun.iteration }}|{{ parents | toJson }}"),
        starts("deep"),
        waits_for(output_of("n2")),
        variables=(declared("INPUT", "INT"), declared("INDEX", "INT", default=7)),
    )
    outer = chain(
        starts_each("inner", literal([5])),
        waits_for(output_of("n1")),
        variables=(declared("INPUT", "STR"),),
    )
    main = chain(starts_each("outer", literal(["a"])), waits_for(output_of("n1")))
    register(driver, "loops", threads(main, outer=outer, inner=inner, deep=deep), SAY)
    story = run(driver, "loops")
    assert said(story) == '5|7|[{"taskrun":{"value":"a"}}]'
    assert said(story) == 'none|[{"taskrun":{"value":"5"}},{"taskrun":{"value":"a"}}]|5'
    story.completes()


def test_a_task_run_knows_its_parent(memory: Driver) -> None:
    child = chain(says("{{ taskrun.parentId }} {{ taskrun.value is defined }}"))
    main = chain(nop(), starts("child"), waits_for(output_of("n2")))
    register(memory, "family", threads(main, child=child), SAY)
    story = run(memory, "family")
    text = said(story)
    partition = memory.processor.owned()
    born = story.run.born_offset
    ids = {derive_guid(number, born, story.id, 0, 2) for number in partition}
    assert text.split()[0] in ids
    assert text.split()[1] == "false"
    assert [story.thread_run(number).started_at for number in (0, 1)] == [None, 2]


def test_handlers_know_where_they_were_started(memory: Driver) -> None:
    """Handlers of a thread's own failure, and of one that it waits for; interrupts."""
    failing = chain(throws("broken"))
    failing["threads"]["main"]["nodes"]["n1"].pop("edges")
    failing["threads"]["main"]["nodes"].pop("exit")
    fixed = chain(says("{{ taskrun.value ?? 'no value' }}"), variables=(declared("INPUT", "STR"),))
    wait = waits_for(output_of("n1"), thread_handlers=[{"thread": "fixed"}])
    main = chain(starts("failing"), wait)
    register(memory, "handling", threads(main, failing=failing, fixed=fixed), SAY)
    story = run(memory, "handling")
    assert said(story) == "no value"
    story.completes()
    assert story.thread_run(2).parent == 1
    assert story.thread_run(2).started_at == 1

    main = chain(handled(task("work"), ("fixed", None)))
    register(memory, "own", threads(main, fixed=fixed), SAY)
    story = run(memory, "own").task("work").fails()
    assert said(story) == "no value"
    assert story.thread_run(1).started_at == 1


def test_a_handler_does_not_run_for_a_value(memory: Driver) -> None:
    """Though its node starts threads for values, and it has an INPUT."""
    fixed = chain(
        says("{{ taskrun.value ?? 'no value' }}"),
        variables=(declared("INPUT", "STR", default="content"),),
    )
    main = chain(handled(starts_each("child", template("{{ 5 }}")), ("fixed", None)))
    register(memory, "handling", threads(main, fixed=fixed, child=chain(nop())), SAY)
    assert said(run(memory, "handling")) == "no value"


def test_outputs_are_seen_by_the_whole_run(driver: Driver) -> None:
    """From any thread, by the values of the loops; whole, or a part."""
    inner = chain(
        published(says("{{ taskrun.value }}")),
        says("{{ currentEachOutput(outputs.work).word }} {{ outputs.first }}"),
        variables=(declared("INPUT", "STR"),),
    )
    nodes = inner["threads"]["main"]["nodes"]
    nodes["work"] = nodes.pop("n1")
    nodes["0-entrypoint"]["edges"] = [edge("work")]
    outer = chain(
        starts_each("inner", literal(["x", "y"])),
        waits_for(output_of("n1")),
        variables=(declared("INPUT", "STR"),),
    )
    main = spec(
        "first",
        {
            "first": published(says("hello")) | {"edges": [edge("each")]},
            "each": starts_each("outer", literal(["a"])) | {"edges": [edge("wait")]},
            "wait": waits_for(output_of("each")) | {"edges": [edge("last")]},
            "last": says("{{ outputs.work.a.x.word }} {{ outputs.work['a'] }} {{ outputs }}")
            | {"edges": [edge("z")]},
            "z": ends(),
        },
    )
    register(driver, "outputs", threads(main, outer=outer, inner=inner), SAY)
    story = run(driver, "outputs").task("say", text="hello").succeeds({"f": 1})
    words = sorted(["x", "y"])
    texts: list[str] = []
    for _ in range(4):
        text = story.task("say").taken.inputs["text"]
        texts.append(text)
        story.succeeds({"word": text.upper()} if text in words else {})
    assert sorted(texts) == ['X {"f":1}', 'Y {"f":1}', "x", "y"]
    each = '{"x":{"word":"X"},"y":{"word":"Y"}}'
    assert said(story) == f'X {each} {{"first":{{"f":1}},"work":{{"a":{each}}}}}'
    story.completes()


def test_a_template_asks_for_what_is_not_there(memory: Driver) -> None:
    """It fails, and may be handled; unless it says what else to take."""
    register(memory, "lost", chain(says("{{ outputs.none.x }}")), SAY)
    story = run(memory, "lost").ends_with("VAR_SUB_ERROR")
    assert story.thread.failure is not None
    assert "outputs.none is not there" in story.thread.failure.message
    register(memory, "other", chain(says("{{ outputs.none.x ?? inputs.y ?? z ?? 'other' }}")), SAY)
    story = run(memory, "other")
    assert said(story) == "other"


def test_templates_are_conditions_and_values_of_variables(memory: Driver) -> None:
    """Of edges: they see what an edge has changed before."""
    more = edge("n", template("{{ n < 3 }}", "TRUTH"), n=template("{{ n + 1 }}"))
    double = edge("z", n=template("{{ n * 2 }}"), text=template("{{ inputs.n }}|{{ n }}", "TEXT"))
    nodes = {"n": nop(more, double), "z": ends(variable("text"))}
    variables = (declared("n", "INT", default=0), declared("text", "STR"))
    register(memory, "counting", spec("n", nodes, *variables))
    run(memory, "counting").completes("6|6")


@pytest.mark.parametrize(
    ("given", "says_what"),
    [
        (template("{{ x"), "there is no }}"),
        (template({"a": ["{{ x | nope }}"]}), "$.a[0]: template, "),
        (template("{{ 'a' ~ secret('key') }}"), "only a worker knows a secret"),
        (template("{{ secret('key') }}", "TRUTH"), "only a worker knows a secret"),
        (template("{{ x }}", "TRUTH"), "Cannot assign BOOL to"),
    ],
)
def test_a_wrong_template_is_refused_with_its_place(
    memory: Driver, given: Any, says_what: str
) -> None:
    accepted(memory, a_task_def("loose", text="JSON_OBJ"))
    broken = chain(task("loose", inputs={"text": given}))
    answer = refused(memory, PutWfSpec(name="broken", spec=broken), "BAD_SPEC")
    assert says_what in answer.message, answer


def test_a_template_that_is_a_secret_is_one(memory: Driver) -> None:
    """As the form SECRET is: an input as a whole, of type STR."""
    register(memory, "whole", chain(says("{{ secret('smtp_key') }}")), SAY)
    story = run(memory, "whole").task("say", text=None)
    assert story.taken.secrets == {"text": "smtp_key"}
    accepted(memory, a_task_def("count", n="INT"))
    inputs = {"n": template("{{ secret('smtp_key') }}")}
    refused(memory, PutWfSpec(name="b", spec=chain(task("count", inputs=inputs))), "BAD_SPEC")
    inputs = {"text": template("{{ secret('no name') }}")}
    refused(memory, PutWfSpec(name="b", spec=chain(task("say", inputs=inputs))), "BAD_SPEC")
    inputs = {"text": secret("smtp_key")}
    accepted(memory, PutWfSpec(name="b", spec=chain(task("say", inputs=inputs))))
    returned = chain(returns=template("{{ secret('smtp_key') }}"))
    refused(memory, PutWfSpec(name="b", spec=returned), "BAD_SPEC")


@pytest.mark.parametrize(
    "text",
    [
        "{{ code }}",
        "{{ inputs.code }}",
        "{{ inputs }}",
        "{{ person.name }}",
        "{% if code == 'x' %}yes{% endif %}",
        "{{ render('{{ code }}') }}",
        "{{ outputs.shown }}",
        "{{ outputs }}",
    ],
)
def test_what_is_made_of_something_masked_is_masked(memory: Driver, text: str) -> None:
    accepted(memory, a_struct_def("person", {"name": "name", "type": "STR", "masked": True}))
    masked = declared("code", "STR", masked=True, default="x")
    person = declared("person", "STRUCT<person>", default={"name": "ada"})
    shown = published(says("n")) | {"edges": [edge("n", code=output_of("shown", "$.v"))]}
    nodes = {
        "shown": shown,
        "n": nop(edge("z", text=template(text, "TEXT"), plain=template("{{ n }}", "TEXT"))),
        "z": ends(),
    }
    variables = (declared("text", "STR"), declared("plain", "STR"), declared("n", "INT", default=1))
    register(memory, "masking", spec("shown", nodes, masked, person, *variables), SAY)
    story = run(memory, "masking").task("say", text="n").succeeds({"v": "x"}).completes()
    rows = {row.name: row for row in memory.scan(Variable, story.id, 0)}
    assert rows["text"].masked
    assert not rows["plain"].masked
    assert rows["plain"].value == "1"


def test_what_is_wrong_with_a_masked_value_is_not_said(memory: Driver) -> None:
    masked = declared("code", "STR", masked=True, default="1234")
    register(memory, "quiet", chain(says("{{ code | dateAdd(1) }}"), variables=(masked,)), SAY)
    story = run(memory, "quiet").ends_with("VAR_SUB_ERROR")
    assert story.thread.failure is not None
    assert "1234" not in story.thread.failure.message
    assert memory.scan(TaskRun, story.id) == []


def test_a_value_for_which_a_thread_runs_may_be_masked(memory: Driver) -> None:
    child = chain(
        published(says("{{ taskrun.id }}")),
        says("{{ taskrun.value }}"),
        variables=(declared("INPUT", "STR", masked=True),),
    )
    main = chain(
        starts_each("child", literal(["s1"])),
        waits_for(output_of("n1")),
        says("{{ outputs }}"),
    )
    register(memory, "masked", threads(main, child=child), SAY)
    story = run(memory, "masked")
    said(story)
    assert said(story) == "s1"
    assert story.task_run.masked == ("text",)
    assert said(story) == '{"n1":{"s1":{}}}'
    assert story.task_run.masked == ("text",), "what the keys are is hidden, too"


HOSTILE = [
    "{% for a in 1..9999 %}{{ big }}{% endfor %}",
    "{% for a in 1..9999 %}{{ outputs[a] ?? '' }}{% endfor %}",
    "{{ big ~ big ~ big }}",
    "{{ outputs.each }}",
    "{{parents}}" * 5_500,
    "{{ render(self) }}",
    "{{ 'a' * 99999999 }}",
    "{{ render(long ~ 1) }}{{ render(long ~ 2) }}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_template_fails_its_run_alone(memory: Driver, text: str) -> None:
    """It may cost so much, and no more; the next run goes on as ever."""
    variables = (
        declared("big", "STR", default="x" * 200_000),
        declared("self", "STR", default="{{ render(self) }}"),
        declared("long", "STR", default="{{1}}" * 8_000),
    )
    register(memory, "hostile", chain(says(text), variables=variables), SAY)
    run(memory, "hostile").ends_with("VAR_SUB_ERROR")
    register(memory, "good", chain(says("ok")), SAY)
    assert said(run(memory, "good")) == "ok"


def test_compare_stays_what_it_was(memory: Driver) -> None:
    """A template is a part of an expression as any other."""
    both = compare(template("{{ n }}"), "EQUALS", literal(5))
    nodes = {
        "n": nop(edge("z", both), edge("no")),
        "z": ends(literal("yes")),
        "no": ends(literal("no")),
    }
    register(memory, "parts", spec("n", nodes, declared("n", "INT", default=5)))
    run(memory, "parts").completes("yes")
