"""What is masked is not shown over HTTP, and workers get it."""

from tests.gateway.served import Served, one_task

PERSON = [
    {"name": "name", "type": "STR"},
    {"name": "card", "type": "STR", "required": False, "masked": True},
]
CLEAR = {"card": "4711", "name": "Ada"}
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
    run = served.run("mask-spec", variables={"pin": "0000", "person": CLEAR})

    [task] = served.poll("mask-task")
    assert task["inputs"] == {"pin": "0000", "person": CLEAR}, "workers get the clear values"
    served.succeed(task, CLEAR)

    path = f"/v1/wf-runs/{run}"
    assert served.good("GET", path)["status"] == "COMPLETED"
    variables = served.good("GET", f"{path}/variables")["items"]
    shown = {item["name"]: item["value"] for item in variables}
    assert shown == {"pin": "*****", "person": MASKED, "none": "*****"}
    [task_run] = served.good("GET", f"{path}/task-runs")["items"]
    assert task_run["inputs"] == {"pin": "*****", "person": MASKED}
    assert task_run["attempts"][0]["output"] == MASKED
    assert served.good("GET", f"{path}/node-runs")["items"][1]["output"] == MASKED
    assert served.good("GET", f"{path}/node-runs/0/1")["output"] == MASKED


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
