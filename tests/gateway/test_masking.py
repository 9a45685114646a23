"""What is masked is not shown over HTTP, and workers get it."""

import json
from typing import Any

from tests.gateway.served import Served, one_task

PERSON = [
    {"name": "name", "type": "STR"},
    {"name": "card", "type": "STR", "required": False, "masked": True},
]
CLEAR = {"card": "4711-clear", "name": "Ada"}
PIN = "4712-clear"
MASKED = {"card": "*****", "name": "Ada"}


def test_masked_values_are_shown_as_stars(served: Served) -> None:
    served.good("PUT", "/v1/struct-defs?wait=all", {"name": "mask-person", "fields": PERSON})
    served.a_task_def(
        "mask-task",
        input_vars=[
            {"name": "pin", "type": "STR", "masked": True},
            {"name": "person", "type": "STRUCT<mask-person>"},
        ],
        return_type="STRUCT<mask-person>",
    )
    inputs = {name: {"from": "VARIABLE", "name": name} for name in ("pin", "person")}
    body = one_task("mask-spec", "mask-task", inputs=inputs)
    body["spec"]["threads"]["main"]["variables"] = [
        {"name": "pin", "type": "STR", "masked": True},
        {"name": "person", "type": "STRUCT<mask-person>"},
        {"name": "none", "type": "STR", "masked": True, "default": ""},
    ]
    served.good("PUT", "/v1/wf-specs?wait=all", body)
    run = served.run("mask-spec", variables={"pin": PIN, "person": CLEAR})

    [task] = served.poll("mask-task")
    assert task["inputs"] == {"pin": PIN, "person": CLEAR}, "workers get the clear values"
    own = {name: task[name] for name in ("wf_run_id", "guid", "attempt")}
    aside = {**own, "number": 0, "value": {"pin": PIN}, "logs": f"pin {PIN}"}
    served.good("POST", "/v1/tasks/checkpoint", aside)
    served.succeed(task, CLEAR)

    path = f"/v1/wf-runs/{run}"
    (kept,) = served.good("GET", f"{path}/task-runs/{task['guid']}/checkpoints")["items"]
    assert (kept["value"], kept["logs"]) == ("*****", "*****")
    assert served.good("GET", path)["status"] == "COMPLETED"
    variables = served.good("GET", f"{path}/variables")["items"]
    shown = {item["name"]: item["value"] for item in variables}
    assert shown == {"pin": "*****", "person": MASKED, "none": "*****"}
    [task_run] = served.good("GET", f"{path}/task-runs")["items"]
    assert task_run["inputs"] == {"pin": "*****", "person": MASKED}
    assert task_run["attempts"][0]["output"] == MASKED
    assert served.good("GET", f"{path}/node-runs")["items"][1]["output"] == MASKED
    assert served.good("GET", f"{path}/node-runs/0/1")["output"] == MASKED

    later = {"schedule_id": "mask", "wf_spec": "mask-spec", "cron": "0 0 1 1 *"}
    given = {"pin": PIN, "person": CLEAR}
    served.good("POST", "/v1/schedules", later | {"variables": given})
    assert served.good("GET", "/v1/schedules/mask")["variables"] == {
        "pin": "*****",
        "person": MASKED,
    }
    assert CLEAR["card"] not in json.dumps(served.good("GET", "/v1/schedules"))
    served.good("DELETE", "/v1/schedules/mask")


def test_an_events_masked_fields_are_shown_as_stars(served: Served) -> None:
    served.good("PUT", "/v1/struct-defs?wait=all", {"name": "mask-who", "fields": PERSON})
    event = {"name": "mask-event", "content_type": "ARRAY<STRUCT<mask-who>>"}
    served.good("PUT", "/v1/external-event-defs?wait=all", event)
    put = {"wf_run_id": "mask-run", "event_def": "mask-event", "content": [CLEAR]}
    answer = served.good("POST", "/v1/external-events", put)
    listed = served.good(
        "GET", f"/v1/wf-runs/mask-run/external-events?at_least={answer['position']}"
    )
    assert [item["content"] for item in listed["items"]] == [[MASKED]]


CLEAR_TEXT = "0000-clear"


def _node(kind: str, to: str, **settings: Any) -> Any:
    return {"type": kind, "edges": [{"to": to}], **settings}


def _variable(name: str, path: str | None = None) -> Any:
    return {"from": "VARIABLE", "name": name} | ({} if path is None else {"path": path})


def _everything(served: Served, run: str) -> str:
    """All that is told of a run over HTTP."""
    path = f"/v1/wf-runs/{run}"
    parts = ("", "/variables", "/task-runs", "/node-runs", "/history", "/external-events",
             "/workflow-events", "/user-task-runs", "/waits", "/variables?at=2999-01-01T00:00:00Z",
             "/node-runs?at=2999-01-01T00:00:00Z")  # fmt: skip
    told = [served.good("GET", f"{path}{part}") for part in parts]
    return json.dumps(told)


def _taint(served: Served) -> None:
    """A spec that passes a masked variable on in every way."""
    served.a_task_def("taint-task", input_vars=[{"name": "note", "type": "STR"}])
    event = {"name": "taint-event", "content_type": "STR"}
    served.good("PUT", "/v1/workflow-event-defs?wait=all", event)
    served.good("PUT", "/v1/user-task-defs?wait=all", {"name": "taint-form", "fields": []})
    plain = {"name": "got", "type": "STR"}
    child: Any = {
        "entrypoint": "main",
        "threads": {
            "main": {
                "nodes": {
                    "a": _node("ENTRYPOINT", "z"),
                    "z": {"type": "EXIT", "returns": _variable("got")},
                },
                "variables": [plain],
            }
        },
    }  # fmt: skip
    served.good("PUT", "/v1/wf-specs?wait=all", {"name": "taint-child", "spec": child})
    copied = {"variable": "copy", "value": {
        "from": "FORMAT", "template": "pin {0}", "args": [_variable("pin")]}}  # fmt: skip
    nodes: Any = {
        "a": {"type": "ENTRYPOINT", "edges": [{"to": "b", "mutations": [copied]}]},
        "b": _node("TASK", "c", task_def="taint-task", inputs={"note": _variable("copy")}),
        "c": _node("THROW_EVENT", "d", workflow_event_def="taint-event", content=_variable("copy")),
        "d": _node("RUN_CHILD_WF", "e", wf_spec="taint-child", inputs={"got": _variable("copy")}),
        "e": _node("WAIT_FOR_CHILD_WF", "f", wf_run_id={"from": "NODE_OUTPUT", "node": "d"}),
        "f": _node("START_THREAD", "g", thread="below", variables={"low": _variable("copy")}),
        "g": _node("USER_TASK", "h", user_task_def="taint-form",
                   user_id={"from": "VALUE", "value": "ada"}, notes=_variable("copy")),
        "h": {"type": "EXIT", "returns": {"from": "NODE_OUTPUT", "node": "e"}},
    }  # fmt: skip
    thrown = {"name": "no-luck", "message": "", "content": _variable("low")}
    below: Any = {
        "nodes": {"a": _node("ENTRYPOINT", "z"), "z": {"type": "EXIT", "throws": thrown}},
        "variables": [{"name": "low", "type": "STR"}],
    }
    pin = {"name": "pin", "type": "STR", "masked": True}
    main = {"nodes": nodes, "variables": [pin, {"name": "copy", "type": "STR"}]}
    spec = {"entrypoint": "main", "threads": {"main": main, "below": below}}
    served.good("PUT", "/v1/wf-specs?wait=all", {"name": "taint", "spec": spec})


def test_what_is_made_of_a_masked_variable_is_masked(served: Served) -> None:
    """Wherever it goes: other variables, tasks, threads, child runs, events, outputs, failures."""
    _taint(served)
    run = served.run("taint", variables={"pin": CLEAR_TEXT})
    [task] = served.poll("taint-task")
    assert task["inputs"] == {"note": f"pin {CLEAR_TEXT}"}, "workers get the clear values"
    served.succeed(task, "fine")
    told = _everything(served, run)
    assert CLEAR_TEXT not in told
    [form] = served.good("GET", f"/v1/wf-runs/{run}/user-task-runs")["items"]
    assert form["notes"] == "*****"
    found = served.good("GET", "/v1/user-task-runs?user_id=ada&user_task_def=taint-form")
    assert CLEAR_TEXT not in json.dumps(found)
    done = f"/v1/user-task-runs/{run}/{form['guid']}/actions/complete"
    served.good("POST", done, {"user_id": "ada", "results": {}})

    told = _everything(served, run)
    assert CLEAR_TEXT not in told
    shown = served.good("GET", f"/v1/wf-runs/{run}")
    assert shown["threads"][1]["failure"]["content"] == "*****"
    children = [n["output"] for n in served.good("GET", f"/v1/wf-runs/{run}/node-runs")["items"]
                if n["node"] == "d"]  # fmt: skip
    assert CLEAR_TEXT not in _everything(served, children[0])
    assert served.good("GET", f"/v1/wf-runs/{children[0]}")["output"] == "*****"


def test_an_output_that_becomes_a_masked_variable_is_masked(served: Served) -> None:
    """Of a task, of an event that was put, of a form."""
    served.a_task_def("token-task", return_type="STR")
    served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "token", "content_type": "STR"})

    def kept(to: str, node: str) -> Any:
        value = {"from": "NODE_OUTPUT", "node": node}
        return [{"to": to, "mutations": [{"variable": "pin", "value": value}]}]

    nodes: Any = {
        "a": _node("ENTRYPOINT", "b"),
        "b": {"type": "TASK", "task_def": "token-task", "edges": kept("c", "b")},
        "c": {"type": "EXTERNAL_EVENT", "event_def": "token", "edges": kept("d", "c")},
        "d": {"type": "EXIT"},
    }
    pin = {"name": "pin", "type": "STR", "masked": True}
    spec = {"entrypoint": "main", "threads": {"main": {"nodes": nodes, "variables": [pin]}}}
    served.good("PUT", "/v1/wf-specs?wait=all", {"name": "tokens", "spec": spec})
    run = served.run("tokens")
    [task] = served.poll("token-task")
    put = {"wf_run_id": run, "event_def": "token", "content": CLEAR_TEXT}
    before = served.good("POST", "/v1/external-events", put)["position"]
    served.succeed(task, CLEAR_TEXT)
    assert served.good("GET", f"/v1/wf-runs/{run}")["status"] == "COMPLETED"
    [event] = served.good("GET", f"/v1/wf-runs/{run}/external-events?at={before}")["items"]
    assert (event["claimed_by"], event["content"]) == (None, "*****"), "what is taken later, too"
    assert CLEAR_TEXT not in _everything(served, run)


def test_a_message_does_not_quote_what_is_masked(served: Served) -> None:
    """Neither of a failure, nor of a refusal."""
    bad = {"from": "CAST", "type": "INT", "value": _variable("pin")}
    nodes: Any = {"a": _node("ENTRYPOINT", "z"), "z": {"type": "EXIT", "returns": bad}}
    pins = [
        {"name": "pin", "type": "STR", "masked": True},
        {"name": "n", "type": "INT", "masked": True},
    ]
    spec = {"entrypoint": "main", "threads": {"main": {"nodes": nodes, "variables": pins}}}
    served.good("PUT", "/v1/wf-specs?wait=all", {"name": "quotes", "spec": spec})
    run = served.run("quotes", variables={"pin": CLEAR_TEXT})
    shown = served.good("GET", f"/v1/wf-runs/{run}")
    assert shown["failure"]["name"] == "VAR_SUB_ERROR"
    assert "masked" in shown["failure"]["message"]
    assert CLEAR_TEXT not in _everything(served, run)
    start = {"wf_spec": "quotes", "variables": {"n": CLEAR_TEXT}}
    status, code, message = served.refused("POST", "/v1/wf-runs", start)[:3]
    assert (status, code) == (400, "BAD_VALUE")
    assert CLEAR_TEXT not in str(message)
