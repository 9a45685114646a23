"""Two tenants that have the same names never see each other, and can do nothing to each other.

Every operation of the OpenAPI document is tried by one of them, with all its parameters and bodies,
over a world in which both have one of everything under one name: nothing of the other's is in any
answer, and no row of the other's changes. Topics and metrics are looked at, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from penstock.core.state.outputs import ScheduledTask
from penstock.gateway.access import OPEN
from penstock.gateway.app import ROUTES
from penstock.gateway.load import Limits
from penstock.gateway.openapi import document
from penstock.gateway.sent_events import MEDIA
from penstock.store.rowstore import META
from tests.chaos.scene import until
from tests.controls import chain, user_task
from tests.gateway.keys import client_of, everything, guarded
from tests.gateway.served import Served, one_task, shape_of_error, waiting_for_event
from tests.gateway.test_streams import told

ONE, TWO = "same-one", "same-two"
MINE, THEIRS = "this-is-one-s-own", "this-is-two-s-own"
KEY = "k" * 20
SAME = dict.fromkeys(
    (
        *("name", "wf_run_id", "event_def", "task_def", "application", "workflow", "schedule_id"),
        *("key", "wf_spec", "user_id", "guid", "task_run", "webhook", "task"),
    ),
    "same",
)
DOCUMENT = document(ROUTES)
PLACES = {"tenant": TWO, "thread": 0, "position": 1, "comment": 0, "number": 0, "attempt": 1}


class Apart:
    """The world: both tenants, and what the other one had before, on any node; `served` is the one
    that is asked.
    """

    def __init__(self, nodes: list[Served], one: httpx.Client, two: httpx.Client) -> None:
        self.nodes, self.served, self.one, self.two = nodes, nodes[0], one, two
        mine, theirs = furnish(one, MINE), furnish(two, THEIRS)
        self.guids = mine, theirs
        self.there: dict[str, Any] = {**SAME, **PLACES, "guid": theirs, "task_run": theirs}
        self.before = self.rows_of_two()

    def rows_of_two(self) -> dict[tuple[int, bytes], bytes]:
        """All rows that are, or tell, of the other tenant."""
        found: dict[tuple[int, bytes], bytes] = {}
        owned = (
            (node.made.processor, n) for node in self.nodes for n in node.made.processor.owned()
        )
        for processor, number in owned:
            view = processor.view(number)
            assert view is not None
            for key, data in view._view.scan(b"", META):
                if any(TWO.encode() in text or THEIRS.encode() in text for text in (key, data)):
                    found[number, key] = data
        return found


def furnish(client: httpx.Client, mark: str, name: str = "same") -> str:
    """One of everything under one name, with a mark in it; gives the guid of the task."""
    tail = name.removeprefix("same")

    def send(method: str, path: str, body: Any) -> Any:
        answer = client.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    about = {"name": name, "description": mark}
    send("PUT", "/v1/task-defs?wait=all", about)
    send("PUT", "/v1/external-event-defs?wait=all", about | {"correlation": {}})
    for kind in ("user-task-defs", "workflow-event-defs"):
        send("PUT", f"/v1/{kind}?wait=all", about)
    send("PUT", "/v1/struct-defs", about | {"fields": [{"name": "n", "type": "INT"}]})
    send("PUT", "/v1/applications", about | {"webhook_url": f"https://{mark}.example/"})
    spec = one_task(name, name)
    spec["spec"]["threads"]["main"]["variables"] = [
        {"name": "it", "type": "STR", "searchable": True}
    ]
    send("PUT", "/v1/wf-specs?wait=all", spec)
    send("PUT", "/v1/wf-specs?wait=all", waiting_for_event(f"waits{tail}", name))
    send("PUT", "/v1/webhooks", {**about, "wf_spec": name, "key": KEY})
    send(
        "PUT",
        "/v1/wf-specs?wait=all",
        {"name": f"asks{tail}", "spec": chain(user_task(name, user="a"))},
    )
    labels = {"whose": mark}
    run = {"wf_spec": name, "wf_run_id": name, "variables": {"it": mark}, "labels": labels}
    send("POST", "/v1/wf-runs", run)
    send(
        "POST",
        "/v1/wf-runs",
        {"wf_spec": f"asks{tail}", "wf_run_id": f"asks{tail}", "labels": labels},
    )
    schedule = {"schedule_id": name, "wf_spec": name, "cron": "0 0 1 1 *", "labels": labels}
    send("POST", "/v1/schedules", schedule)
    send("POST", "/v1/external-events", {"wf_run_id": name, "event_def": name, "content": mark})
    send("POST", "/v1/correlated-events", {"event_def": name, "key": name, "content": mark})
    [task] = send("POST", f"/v1/task-queues/{name}/poll", {"worker": mark, "wait_ms": 20_000})[
        "tasks"
    ]
    report = {field: task[field] for field in ("wf_run_id", "guid", "attempt")}
    measured = [{"name": mark, "kind": "counter", "value": 1.0}]
    said = {"status": "TASK_SUCCESS", "output": mark, "logs": mark, "metrics": measured}
    send("POST", "/v1/tasks/report", report | said)
    bulk = {"verb": "set-labels", "arguments": {"labels": {"by": mark}}}
    job = send("POST", "/v1/bulk", bulk | {"filter": {"wf_spec": f"waits{tail}"}})["bulk_id"]
    until(lambda: send("GET", f"/v1/bulk/{job}", None)["status"] != "RUNNING", "the job's end")
    return task["guid"]


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    """A gateway with little patience that asks for credentials, and both tenants."""
    limits = Limits(answer_timeout_s=5.0, read_timeout_s=0.05)
    with (
        guarded(tmp_path_factory.mktemp("apart"), limits=limits) as served,
        two_in([served]) as made,
    ):
        yield made


@contextmanager
def two_in(nodes: list[Served]) -> Iterator[Apart]:
    """Both tenants, who ask the first of some nodes."""
    served = nodes[0]
    with (
        client_of(served, ONE, everything(ONE)) as one,
        client_of(served, TWO, everything(TWO)) as two,
    ):
        for name, mark in ((ONE, MINE), (TWO, THEIRS)):
            served.good("PUT", "/v1/tenants?wait=all", {"name": name, "description": mark})
            for whose in (None, ONE, TWO):
                quota = {"tenant": name, "principal": whose, "live_runs": 1_000}
                served.good("PUT", "/v1/quotas?wait=all", quota)
        yield Apart(nodes, one, two)


def path_of(path: str, guid: str) -> str:
    """The path of a route, with the names of what is there."""
    named = SAME | PLACES | {"key": KEY if "webhooks/" in path else "same", "guid": guid}
    return re.sub(r"\{(\w+)(:whole)?\}", lambda found: str(named.get(found[1], "same")), path)


def answered(client: httpx.Client, method: str, path: str, **asked: Any) -> tuple[int, str]:
    """The status and the text of an answer; of a stream what comes first. What it tells later is
    tried in test_streams_apart.py.
    """
    with client.stream(method, path, **asked) as answer:
        if answer.headers["content-type"].startswith(MEDIA):
            _, data = next(told(answer.iter_lines()), ("", None))
            return answer.status_code, str(data)
        answer.read()
    return answer.status_code, answer.text


def test_what_one_has_is_shown_to_it_and_nothing_of_the_other_s(apart: Apart) -> None:
    """Under the same names, and under the ids of the other's things."""
    shown = 0
    for guid in apart.guids:
        for route in ROUTES:
            if route.method == "GET":
                path = path_of(route.path, guid)
                _, text = answered(apart.one, "GET", path)
                assert THEIRS not in text, path
                shown += MINE in text
    assert shown >= 40


def test_nobody_comes_in_by_naming_the_other_tenant(apart: Apart) -> None:
    for route in ROUTES:
        if route.path not in OPEN:
            path = path_of(route.path, apart.guids[1])
            answer = apart.one.request(route.method, path, headers={"Penstock-Tenant": TWO})
            assert shape_of_error(answer)[:2] == (403, "PERMISSION_DENIED"), path


@pytest.mark.parametrize(
    "query",
    [
        *("/v1/wf-runs", f"/v1/wf-runs?wf_spec=same&variable=it:{THEIRS}"),
        *("/v1/task-runs?wf_spec=same", f"/v1/task-runs?label=whose:{THEIRS}"),
        *(f"/v1/task-metrics?name={THEIRS}", "/v1/task-metrics/per-bucket?bucket=all"),
        *("/v1/wf-specs/same/counts?bucket=all", "/v1/task-defs/same/counts?bucket=all"),
        "/v1/user-task-defs/same/counts?bucket=all",
        *("/v1/counts/wf-runs", "/v1/counts/node-runs?node=work"),
        *("/v1/user-task-runs?user_task_def=same", "/v1/schedules"),
        *("/v1/node-runs?node=work", "/v1/external-events?event_def=same", "/v1/workflow-events"),
        *("/v1/correlated-events?event_def=same", "/v1/task-defs?prefix=sa", "/v1/quota"),
    ],
)
def test_searches_and_counts_are_of_one_s_own(apart: Apart, query: str) -> None:
    answer = apart.one.get(query)
    assert answer.status_code == 200, answer.text
    assert THEIRS not in answer.text
    if "/v1/counts/" in query:
        assert answer.json()["count"] == apart.two.get(query).json()["count"] > 0
    elif "counts" in query:
        [bucket] = answer.json()["items"]
        assert {one["count"] for one in bucket["counts"].values()} == {1}
    if THEIRS in query:
        assert answer.json()["items"] == []


def test_a_search_that_is_followed_is_of_one_s_own(apart: Apart) -> None:
    with apart.one.stream("GET", "/v1/changes/wf-runs/follow") as stream:
        events = told(stream.iter_lines())
        numbers: set[str] = set()
        while len(numbers) < apart.served.made.topics.partitions:
            numbers |= {one.partition(":")[0] for one in next(events)[1]["positions"]}
        for client in (apart.two, apart.one):
            labels = {"labels": {"by": "her" if client is apart.one else THEIRS}}
            ids = [one["wf_run_id"] for one in client.get("/v1/wf-runs").json()["items"]]
            for wf_run_id in ids:
                acted = client.post(f"/v1/wf-runs/{wf_run_id}/actions/set-labels", json=labels)
                assert acted.status_code == 200, acted.text
        for _ in ids:
            name, run = next(events)
            assert (name, run["labels"]["by"]) == ("run", "her")
    apart.before = apart.rows_of_two()


def test_topics_are_of_one_tenant_or_say_of_whom_each_record_is(apart: Apart) -> None:
    made = apart.served.made
    tasks = made.log.consumer(made.topics.task(TWO, "same"), "looking-at-two")
    try:
        records = tasks.poll(10, 5.0)
    finally:
        tasks.close()
    assert records
    for record in records:
        task, envelope = made.avro.decode(record.value or b"")
        assert isinstance(task, ScheduledTask) and task.tenant == TWO
        assert MINE.encode() not in (record.value or b"")
    told = 0
    for number in range(made.topics.partitions):
        for record in made.log.read_all(made.topics.events, number):
            _, envelope = made.avro.decode(record.value or b"")
            if THEIRS.encode() in (record.value or b""):
                assert envelope["tenant"] == TWO
                told += 1
    assert told > 0


def test_metrics_tell_of_no_tenant(apart: Apart) -> None:
    """And are for who may see the cluster."""
    metrics = apart.served.call("GET", "/metrics").text
    assert metrics
    for secret in (MINE, THEIRS, ONE, TWO):
        assert secret not in metrics
    assert apart.one.get("/metrics").status_code == 403


def value_of(name: str, schema: Any, there: dict[str, Any], depth: int = 0) -> Any:
    """Something that a schema allows: what is there, where the name says what it is."""
    schema = resolved(schema)
    if name in there:
        return there[name]
    for kind in ("anyOf", "oneOf", "allOf"):
        if kind in schema:
            wanted = [one for one in schema[kind] if resolved(one).get("type") != "null"]
            return value_of(name, wanted[0], there, depth)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type", "string")
    if kind == "object":
        return body_of(schema, there, depth)
    if kind == "array":
        return [value_of(name, schema.get("items", {}), there, depth)]
    plain = {"string": "same", "integer": max(1, schema.get("minimum", 1)), "number": 1.0}
    return plain.get(kind, False)


def body_of(schema: Any, there: dict[str, Any], depth: int = 0, *, whole: bool = True) -> Any:
    """An object with all fields, or with those alone that it must have; not endlessly deep."""
    schema = resolved(schema)
    needed = schema.get("required", ())
    return {
        name: value_of(name, one, there, depth + 1)
        for name, one in schema.get("properties", {}).items()
        if name in needed or (whole and depth < 3)
    }


def resolved(schema: Any) -> Any:
    """A schema, or the one that it refers to."""
    if "$ref" not in schema:
        return schema
    return DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]


def asked_of(path: str, method: str, there: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Requests of an operation: without anything, with each parameter alone and with all; with the
    body that it must have, and with all of it.
    """
    operation = DOCUMENT["paths"][path][method]
    params = {
        one["name"]: value_of(one["name"], one["schema"], there)
        for one in map(referred, operation.get("parameters", ()))
        if one["in"] == "query" and one["name"] not in ("at_least", "cursor", "wait_ms", "wait")
    }
    queries = [{}, *({name: value} for name, value in params.items()), params]
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" not in content:
        yield from ({"params": query} for query in queries)
        return
    schema = content["application/json"]["schema"]
    impatient = {"wait_ms": 1, "tasks_max": 1}
    for whole in (False, True):
        body = value_of("", schema, there) if whole else body_of(schema, there, whole=False)
        if isinstance(body, dict):
            body |= {name: value for name, value in impatient.items() if name in body}
        yield from ({"params": query, "json": body} for query in (queries[0], queries[-1]))


def referred(parameter: Any) -> Any:
    """A parameter, or the one that it refers to."""
    if "$ref" not in parameter:
        return parameter
    return DOCUMENT["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]


@pytest.mark.timeout(240)  # some hundreds of requests, each compared with all rows
def test_nothing_that_one_asks_reaches_the_other(apart: Apart) -> None:
    """Each operation of the document, what deletes last: none tells anything of the other's, and
    none changes a row of it. A good part of what is asked does something.
    """
    assert {one.path.replace(":whole", "") for one in ROUTES} == set(DOCUMENT["paths"])
    operations = [
        (path, method)
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
        if method in ("get", "put", "post", "delete")
    ]
    good = 0
    for path, method in sorted(operations, key=lambda one: (one[1] == "delete", one)):
        answers: list[int] = []
        target = path_of(path, apart.guids[1])
        for asked in asked_of(path, method, apart.there):
            status, text = answered(apart.one, method, target, **asked)
            assert status != 500, (method, target, asked, text)
            assert THEIRS not in text, (method, target, asked)
            answers.append(status)
        good += any(status < 300 for status in answers)
        assert apart.rows_of_two() == apart.before, (method, target)
    assert good >= 50, f"{good} of {len(operations)} do something"
    assert apart.two.get("/v1/wf-runs/same").json()["status"] == "COMPLETED"
