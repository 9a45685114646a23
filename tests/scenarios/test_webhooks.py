"""Webhooks: whoever posts to one starts a run, once for each id, with what the request says."""

from typing import Any

import pytest
from msgspec.structs import replace

from penstock.core.commands.delete_webhook import DeleteWebhook
from penstock.core.commands.delete_wf_spec import DeleteWfSpec
from penstock.core.commands.put_webhook import PutWebhook
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.run_by_webhook import RunByWebhook
from penstock.core.definitions.webhooks import Webhook, key_hash
from penstock.core.ids import partition_of_run
from penstock.core.state.run import Variable, WfRun
from tests.controls import chain, declared, event
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run

KEY = "a-key-that-is-long-enough"
HASH = key_hash("hook", KEY)
HOOK = PutWebhook("hook", "job", HASH)
TRIGGER = declared("trigger", "JSON_OBJ")


def a_job(driver: Driver, *variables: Any, **body: Any) -> None:
    """A spec that waits, with these variables."""
    register(driver, "job", chain(event("go"), variables=variables) | body)


def posted(driver: Driver, wf_run_id: str = "r", body: Any = None, **more: Any) -> Story:
    """A request that must be taken; waits until the run's partition knows the webhook."""
    driver.wait_until_open()
    command = RunByWebhook("hook", wf_run_id, body, **more)
    while (answer := driver.send(command)).code == "WEBHOOK_UNKNOWN":
        pass
    assert answer.ok, answer
    assert answer.body["wf_run_id"] == wf_run_id
    return Story(driver, wf_run_id)


def value(story: Story, name: str) -> Any:
    """What a variable of the entrypoint is; null has no row."""
    row = story.driver.get(Variable, story.id, 0, name)
    return None if row is None else row.value


def test_a_request_starts_a_run_that_is_told_of_it(driver: Driver) -> None:
    """On whatever partition the run lives; the webhook's labels are the run's."""
    a_job(driver, TRIGGER)
    accepted(driver, replace(HOOK, labels={"by": "post"}, trigger="on-order"))
    for wf_run_id in ("one", "two", "three", "four"):
        headers, parameters = {"content-type": ["text/plain"]}, {"a": ["1", "2"]}
        story = posted(driver, wf_run_id, {"n": 1}, headers=headers, parameters=parameters)
        assert value(story, "trigger") == {
            "id": "on-order",
            "type": "webhook",
            "body": {"n": 1},
            "headers": headers,
            "parameters": parameters,
        }
        assert story.run.labels == {"by": "post"}
        story.gets("go").completes()
    if driver.clock is not None:
        numbers = {partition_of_run(one, 3) for one in ("one", "two", "three", "four")}
        assert len(numbers) > 1


def test_the_same_request_again_starts_nothing(memory: Driver) -> None:
    """Whatever the webhook has become: changed, or gone. Another one under the id is refused."""
    a_job(memory, declared("at", "TIMESTAMP"), declared("id", "STR"))
    inputs = {"at": "{{ now() }}", "id": "{{ uuid() }}"}
    accepted(memory, replace(HOOK, inputs=inputs))
    story = posted(memory)
    first = value(story, "at"), value(story, "id")
    assert all(first)
    memory.pass_ms(5_000)
    assert accepted(memory, RunByWebhook("hook", "r")).repeated
    accepted(memory, replace(HOOK, labels={"new": "one"}))
    assert accepted(memory, RunByWebhook("hook", "r")).repeated
    accepted(memory, DeleteWebhook("hook"))
    assert accepted(memory, RunByWebhook("hook", "r")).repeated
    assert (value(story, "at"), value(story, "id")) == first
    assert story.run.labels == {}
    refused(memory, RunByWebhook("hook", "r", 1), "ALREADY_EXISTS")
    refused(memory, RunByWebhook("hook", "s"), "WEBHOOK_UNKNOWN")
    assert memory.get(WfRun, "s") is None


def test_variables_are_made_of_the_request(memory: Driver) -> None:
    """A template that is one expression gives its value, deep ones too; nothing else has a name."""
    variables = (declared("n", "INT"), declared("said", "STR"), declared("all", "JSON_OBJ"))
    a_job(memory, *variables, TRIGGER)
    inputs = {
        "n": "{{ trigger.body.n }}",
        "said": "{{ trigger.type }} {{ trigger.id }} {{ trigger.parameters.q[0] ?? 'none' }}",
        "all": {"deep": ["{{ trigger.body }}", 7]},
        "trigger": None,
    }
    accepted(memory, replace(HOOK, inputs=inputs))
    story = posted(memory, "a", {"n": 5}, parameters={"q": ["x"]})
    assert [value(story, one) for one in ("n", "said")] == [5, "webhook hook x"]
    assert value(story, "all") == {"deep": [{"n": 5}, 7]}
    assert value(story, "trigger") is None
    assert value(posted(memory, "b", {"n": 6}, parameters={}), "said") == "webhook hook none"


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("INT", "7", 7),
        ("INT", 7.0, 7),
        ("DOUBLE", "0.5", 0.5),
        ("BOOL", "true", True),
        ("TIMESTAMP", "2026-01-31T12:00:00+01:00", "2026-01-31T11:00:00.000Z"),
        ("BYTES", "aGk=", b"hi"),
        ("STR", 7, "7"),
        ("STR", {"a": [1]}, '{"a":[1]}'),
        ("STR", None, None),
        ("INT", None, None),
        ("JSON_ARR", [1], [1]),
        ("MAP<STR,INT>", {"a": 1}, {"a": 1}),
    ],
)
def test_what_is_text_is_read_as_its_variable_wants(
    memory: Driver, kind: str, given: Any, expected: Any
) -> None:
    """And any value is a text, if text is wanted."""
    a_job(memory, declared("v", kind))
    accepted(memory, replace(HOOK, inputs={"v": "{{ trigger.body }}"}))
    assert value(posted(memory, "r", given), "v") == expected


def test_what_does_not_fit_a_masked_variable_is_not_told(memory: Driver) -> None:
    a_job(memory, declared("v", "INT", masked=True))
    accepted(memory, replace(HOOK, inputs={"v": "{{ trigger.body }}"}))
    for body in ("s3cret", ["s3cret"]):
        answer = refused(memory, RunByWebhook("hook", "r", body), "BAD_VALUE")
        assert "s3cret" not in answer.message and "it is not INT" in answer.message


@pytest.mark.parametrize(
    ("inputs", "body"),
    [
        ({"n": "{{ trigger.body.n }}"}, {"n": "five"}),
        ({"n": "{{ trigger.body.n }}"}, {"n": {"a": 1}}),
        ({"n": "{{ trigger.body.x.y }}"}, 7),
        ({"n": "{{ trigger.nothing + 1 }}"}, None),
        ({"n": "{{ inputs.n }}"}, None),
        ({"n": "{% for x in trigger.body %}{{ trigger.body | json }}{% endfor %}"}, [1] * 5_000),
        ({}, "x" * 300_000),
        ({}, {"a": ["x" * 100_000] * 3}),
    ],
)
def test_a_request_that_does_not_fit_is_refused(memory: Driver, inputs: Any, body: Any) -> None:
    a_job(memory, declared("n", "INT"), TRIGGER)
    accepted(memory, replace(HOOK, inputs=inputs))
    refused(memory, RunByWebhook("hook", "r", body), "BAD_VALUE")
    assert memory.get(WfRun, "r") is None
    accepted(memory, replace(HOOK, inputs={"n": 1}))
    posted(memory, "r")


def test_it_starts_the_newest_version(memory: Driver) -> None:
    """What that wants and the webhook does not give is refused by name."""
    a_job(memory, declared("n", "STR"))
    accepted(memory, replace(HOOK, inputs={"n": "{{ trigger.body }}"}))
    assert posted(memory, "a", "x").run.version == 1
    newer = (
        ((declared("m", "STR"),), "VARIABLE_UNKNOWN"),
        ((declared("n", "STR", required=True),), "VARIABLE_REQUIRED"),
        (
            (declared("n", "STR"), *(declared(x, "STR", default=x * 200_000) for x in "xy")),
            "TOO_LARGE",
        ),
    )
    for variables, code in newer:
        accepted(memory, PutWfSpec(name="job", spec=chain(variables=variables)))
        body = None if code == "VARIABLE_REQUIRED" else "z" * 200_000
        refused(memory, RunByWebhook("hook", "b", body), code)
    assert posted(memory, "b", "x").run.version == 4
    for version in range(1, 5):
        accepted(memory, DeleteWfSpec(name="job", version=version))
    refused(memory, RunByWebhook("hook", "c", "x"), "SPEC_UNKNOWN")


def test_a_spec_that_has_come_to_inherit_is_not_started(memory: Driver) -> None:
    a_job(memory)
    accepted(memory, HOOK)
    accepted(memory, PutWfSpec(name="above", spec=chain()))
    accepted(memory, PutWfSpec(name="job", spec=chain() | {"parent": "above"}))
    refused(memory, RunByWebhook("hook", "r"), "PARENT_REQUIRED")
    refused(memory, replace(HOOK, labels={"a": "b"}), "PARENT_REQUIRED")


def test_a_webhook_is_changed_and_deleted(driver: Driver) -> None:
    """It stays with its WfSpec, and keeps when it was made. The same again is a repeat."""
    a_job(driver)
    register(driver, "other", chain())
    assert accepted(driver, HOOK).body == {"name": "hook", "version": 1}
    assert accepted(driver, HOOK).repeated
    made = driver.get(Webhook, "hook")
    assert made is not None and KEY not in repr(made)
    changed = replace(HOOK, key_hash=key_hash("hook", KEY + "2"))
    assert accepted(driver, changed).body == {"name": "hook", "version": 2}
    now = driver.get(Webhook, "hook")
    assert now is not None and now.key_hash != made.key_hash
    assert now.created_ms == made.created_ms <= now.updated_ms
    refused(driver, replace(HOOK, wf_spec="other"), "ALREADY_EXISTS")
    accepted(driver, DeleteWebhook("hook"))
    assert driver.get(Webhook, "hook") is None
    refused(driver, DeleteWebhook("hook"), "WEBHOOK_UNKNOWN")
    assert accepted(driver, replace(HOOK, wf_spec="other")).body == {"name": "hook", "version": 1}


def test_a_webhook_is_of_its_tenant(memory: Driver) -> None:
    a_job(memory)
    accepted(memory, HOOK)
    refused(memory, RunByWebhook("hook", "r"), "WEBHOOK_UNKNOWN", tenant="other")
    refused(memory, DeleteWebhook("hook"), "WEBHOOK_UNKNOWN", tenant="other")
    refused(memory, HOOK, "SPEC_UNKNOWN", tenant="other")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"name": "a/b"}, "BAD_NAME"),
        ({"name": ""}, "BAD_NAME"),
        ({"wf_spec": "nobody"}, "SPEC_UNKNOWN"),
        ({"key_hash": KEY}, "BAD_VALUE"),
        ({"key_hash": HASH.upper()}, "BAD_VALUE"),
        ({"key_hash": ""}, "BAD_VALUE"),
        ({"headers": ("Content-Type",)}, "BAD_VALUE"),
        ({"headers": ("authorization",)}, "BAD_VALUE"),
        ({"headers": ("cookie",)}, "BAD_VALUE"),
        ({"headers": ("x" * 65,)}, "BAD_VALUE"),
        ({"headers": tuple(f"x-{number}" for number in range(21))}, "LIMIT"),
        ({"labels": {str(number): "" for number in range(65)}}, "LIMIT"),
        ({"labels": {"": "x"}}, "BAD_NAME"),
        ({"inputs": {"n": "{{ trigger. }}"}}, "BAD_VALUE"),
        ({"inputs": {"n": "{{ secret('A') }}"}}, "BAD_VALUE"),
        ({"inputs": {"m": 1, "n": 1}}, "VARIABLE_UNKNOWN"),
        ({"inputs": {}}, "VARIABLE_REQUIRED"),
        ({"inputs": {"n": ["x" * 40_000] * 2}}, "LIMIT"),
        ({"trigger": "x" * 5_000}, "LIMIT"),
        ({"description": "x" * 5_000}, "LIMIT"),
    ],
)
def test_a_webhook_is_refused(memory: Driver, changed: dict[str, Any], code: str) -> None:
    a_job(memory, declared("n", "INT", required=True))
    hook = replace(HOOK, inputs={"n": 1})
    refused(memory, replace(hook, **changed), code)
    assert memory.get(Webhook, "hook") is None


def test_labels_of_a_run_are_bounded_together(memory: Driver) -> None:
    """Those of the WfSpec, and of the webhook."""
    a_job(memory, labels={f"a{number}": "" for number in range(40)})
    accepted(memory, replace(HOOK, labels={f"b{number}": "" for number in range(40)}))
    refused(memory, RunByWebhook("hook", "r"), "LIMIT")


def test_a_run_has_a_client_s_id(memory: Driver) -> None:
    a_job(memory)
    accepted(memory, HOOK)
    refused(memory, RunByWebhook("hook", "a.b"), "BAD_ID")
    accepted(memory, RunByWebhook("hook", "a"), command_id="once")
    assert accepted(memory, RunByWebhook("hook", "a"), command_id="once").repeated
    refused(memory, RunByWebhook("hook", "a", 1), "COMMAND_ID_REUSED", command_id="once")
    run(memory, "job", "taken")
    refused(memory, RunByWebhook("hook", "taken"), "ALREADY_EXISTS")


def test_a_trigger_of_another_type_is_told_if_that_fits(memory: Driver) -> None:
    """Else the request is refused."""
    a_job(
        memory,
        declared(
            "trigger", "STRUCT{body:INT,headers:JSON_OBJ,id:STR,parameters:JSON_OBJ,type:STR}"
        ),
    )
    accepted(memory, HOOK)
    told = {"headers": {"a": ["b"]}, "parameters": {"c": ["d"]}}
    assert value(posted(memory, "one", 1, **told), "trigger")["body"] == 1
    refused(memory, RunByWebhook("hook", "two", "x", **told), "BAD_VALUE")


def test_a_trigger_that_can_be_no_request_is_given_by_the_inputs(memory: Driver) -> None:
    """Else the request is refused: that nobody tells it does not go unsaid."""
    a_job(memory, declared("trigger", "INT"))
    accepted(memory, HOOK)
    refused(memory, RunByWebhook("hook", "two", 1), "BAD_VALUE")
    accepted(memory, replace(HOOK, inputs={"trigger": "{{ trigger.body }}"}))
    assert value(posted(memory, "two", 1), "trigger") == 1
