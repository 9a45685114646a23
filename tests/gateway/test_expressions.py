"""Expressions and templates tried at a place of a run, over HTTP and on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.cli import main
from penstock.sdk.client import Client
from tests.gateway.served import Served, one_task

PATH = "/v1/expressions/evaluate"


@pytest.fixture(scope="module")
def tried(served: Served) -> tuple[str, Any]:
    """A run that stands at its task, and the task."""
    served.a_task_def("try-task", input_vars=[{"name": "text", "type": "STR"}])
    text = {"from": "TEMPLATE", "template": "{{ greeting }} {{ taskrun.id }}"}
    body = one_task("try-spec", "try-task", inputs={"text": text})
    body["spec"]["threads"]["main"]["variables"] = [
        {"name": "greeting", "type": "STR", "default": "hello"},
        {"name": "pin", "type": "STR", "masked": True, "default": "4711"},
    ]
    served.good("PUT", "/v1/wf-specs?wait=all", body)
    run = served.run("try-spec")
    [task] = served.poll("try-task")
    assert task["inputs"]["text"] == f"hello {task['guid']}"
    return run, task


def test_a_template_is_tried_where_a_thread_stands(served: Served, tried: tuple[str, Any]) -> None:
    run, task = tried
    before = served.good("GET", f"/v1/wf-runs/{run}/history")

    asked = {"wf_run_id": run, "template": ["{{ taskrun.id }}", "{{ 1 + 1 }}", {"n": "{{ task }}"}]}
    answer = served.good("POST", PATH, asked)
    assert answer["value"][:2] == [task["guid"], 2]
    assert answer["value"][2] == {"n": {"id": "work", "type": "try-task"}}
    assert not answer["masked"]

    asked = {"wf_run_id": run, "task_run": task["guid"], "template": "{{ greeting }}", "as": "TEXT"}
    assert served.good("POST", PATH, asked)["value"] == "hello"
    asked = {"wf_run_id": run, "position": 0, "template": "{{ task.id }}"}
    assert served.good("POST", PATH, asked)["value"] == "start"
    greeting = {"from": "VARIABLE", "name": "greeting"}
    asked = {"wf_run_id": run, "expression": {"from": "SIZE_OF", "value": greeting}}
    assert served.good("POST", PATH, asked)["value"] == 5
    assert served.good("GET", f"/v1/wf-runs/{run}/history") == before


def test_a_template_is_tried_at_a_task_run_of_a_block(served: Served) -> None:
    """By the id that is shown, though it has no row of its own."""
    flow = "id: f\nnamespace: try\ntasks:\n  - id: block\n    type: sequential\n"
    flow += "    tasks: [{id: wait, type: pause}]\n"
    with Client(served.url) as client:
        run = served.run(client.deploy(flow).name)
    shown = served.good("GET", f"/v1/wf-runs/{run}/task-runs?view=kestra")["items"]
    for one in shown:
        asked = {"wf_run_id": run, "task_run": one["id"], "template": "{{ [taskrun.id, task.id] }}"}
        assert served.good("POST", PATH, asked)["value"] == [one["id"], one["taskId"]]
    assert [one["taskId"] for one in shown] == ["block", "wait"]


@pytest.mark.parametrize(
    "template",
    [
        "{{ pin }}",
        "a {{ inputs }}",
        "{{ inputs.pin }}",
        "{{ pin == '4711' }}",
        "{{ pin | dateAdd(1) }}",
        *(f"{{{{ pin < '{than}' ? 1 : {other} }}}}" for than in "19" for other in ("no", "null")),
        *(f"{{{{ (pin < '{than}' ? no : null) ?? pin }}}}" for than in "19"),
        "{{ nothing.there ?? pin }}",
        "{% for a in 1..9999 %}{{ pin }}{% endfor %}",
        "{% if pin < '5' %}{% for a in 1..9999 %}{{ a }}{% endfor %}{% endif %}",
    ],
)
def test_who_reads_something_masked_gets_stars_whatever_comes_of_it(
    served: Served, tried: tuple[str, Any], template: str
) -> None:
    """A value, null and a problem look the same: else each answer would tell of a character."""
    answer = served.good("POST", PATH, {"wf_run_id": tried[0], "template": template})
    assert answer == {"value": "*****", "masked": True}


@pytest.mark.parametrize("name", ["person", "nobody"])
@pytest.mark.parametrize("value", [{"pin": "4711", "name": "ann"}, {"pin": None, "name": "ann"}])
def test_masked_fields_are_stars_and_the_others_are_not(
    served: Served, name: str, value: dict[str, Any]
) -> None:
    """Of a struct: an expression that follows a path reads what it leads to, a template all."""
    fields = [
        {"name": "pin", "type": "STR", "masked": True, "required": False},
        {"name": "name", "type": "STR"},
    ]
    served.good("PUT", "/v1/struct-defs?wait=all", {"name": "try-person", "fields": fields})
    served.a_task_def("try-idle")
    body = one_task("try-struct", "try-idle")
    variables = [{"name": one, "type": "STRUCT<try-person>"} for one in ("person", "nobody")]
    body["spec"]["threads"]["main"]["variables"] = variables
    served.good("PUT", "/v1/wf-specs?wait=all", body)
    run = served.run("try-struct", variables={"person": value})
    served.poll("try-idle")

    def of(path: str) -> tuple[int, Any]:
        expression = {"from": "VARIABLE", "name": name, "path": path}
        found = served.call("POST", PATH, {"wf_run_id": run, "expression": expression})
        return found.status_code, found.json().get("value")

    assert of("$.pin") == (200, "*****")
    assert of("$.name") == (200, "ann" if name == "person" else None)
    asked = {"wf_run_id": run, "template": f"{{{{ {name}.pin < '5' ? 1 : nothing }}}}"}
    assert served.good("POST", PATH, asked) == {"value": "*****", "masked": True}


def test_a_filter_by_a_masked_value_is_refused(served: Served, tried: tuple[str, Any]) -> None:
    """Of runs by what a variable holds."""
    for path in ("/v1/wf-runs", "/v1/counts/wf-runs"):
        found = served.refused("GET", f"{path}?wf_spec=try-spec&variable=pin:4711")
        assert found[:2] == (400, "VARIABLE_UNKNOWN")


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"template": "{{ nobody }}"}, 422, "NO_VALUE"),
        ({"template": "{% for a in 1..9999 %}{{ a }}{% endfor %}"}, 422, "NO_VALUE"),
        ({"template": "{{ x"}, 400, "BAD_VALUE"),
        ({"template": "a {{ secret('x') }}"}, 400, "BAD_VALUE"),
        ({"expression": {"from": "SECRET", "name": "x"}}, 422, "NO_VALUE"),
        ({"expression": {"from": "NOWHERE"}}, 400, "BAD_REQUEST"),
        ({}, 400, "BAD_REQUEST"),
        ({"template": None, "expression": {"from": "NOW"}}, 400, "BAD_REQUEST"),
        ({"template": "x", "thread": 5}, 404, "THREAD_UNKNOWN"),
        ({"template": "x", "thread": -1}, 404, "THREAD_UNKNOWN"),
        ({"template": "x", "thread": 2**63 - 1}, 404, "THREAD_UNKNOWN"),
        ({"template": "x", "position": 99}, 404, "NODE_RUN_UNKNOWN"),
        ({"template": "x", "position": -1}, 404, "NODE_RUN_UNKNOWN"),
        ({"template": "x", "task_run": "none"}, 404, "TASK_RUN_UNKNOWN"),
        ({"template": "x", "task_run": "a\x00b"}, 400, "BAD_ID"),
        ({"template": "x", "wf_run_id": "nobody"}, 404, "WF_RUN_UNKNOWN"),
        ({"template": "x", "wf_run_id": "../x"}, 400, "BAD_ID"),
        ({"template": "x", "more": 1}, 400, "BAD_REQUEST"),
    ],
)
def test_errors_have_codes(
    served: Served, tried: tuple[str, Any], asked: Any, status: int, code: str
) -> None:
    found = served.refused("POST", PATH, {"wf_run_id": tried[0]} | asked)
    assert found[:2] == (status, code), found


def test_another_tenant_sees_no_run(served: Served, tried: tuple[str, Any]) -> None:
    asked = {"wf_run_id": tried[0], "template": "x"}
    assert served.refused("POST", PATH, asked, tenant="other")[1] == "WF_RUN_UNKNOWN"


def test_the_command_line_tries_a_template(
    served: Served, tried: tuple[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run, task = tried
    assert main(["eval", "--url", served.url, run, "{{ greeting }}"]) == 0
    assert main(["eval", "--url", served.url, f"{run}/{task['guid']}", "{{ [1, pin] }}"]) == 0
    assert main(["eval", "--url", served.url, run, "{{ [1, 'ü'] }}", "--position", "1"]) == 0
    assert main(["eval", "--url", served.url, run, "{{ [1] }}", "--text"]) == 0
    assert capsys.readouterr().out == 'hello\n*****\n[1, "ü"]\n[1]\n'

    assert main(["eval", "--url", served.url, run, "{{ nobody }}"]) == 1
    assert "NO_VALUE: nobody is not there" in capsys.readouterr().err
    assert main(["eval", "--url", "http://127.0.0.1:1", run, "x"]) == 5
    assert "UNREACHABLE" in capsys.readouterr().err
