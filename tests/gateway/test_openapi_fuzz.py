"""What the OpenAPI document allows, and what it forbids, is sent to a live gateway: every answer is
a documented one, in status and in shape, and none is a defect. All goes to the node that has the
partitions, and to one that has none and sends it on.

Half of the requests name things that are there, so that they come further than to a 404. Of streams
the first events are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from penstock.gateway.app import ROUTES
from penstock.gateway.auth import Security
from penstock.gateway.load import Limits
from penstock.gateway.openapi import document
from tests.gateway.served import serving, waiting_for_event
from tests.gateway.spare import spare_beside


def without_forms_in_forms() -> Any:
    """The document, but for two fields whose forms hold each other without end: to generate these
    takes minutes. They are any JSON here.
    """
    made = document(ROUTES)
    schemas = made["components"]["schemas"]
    schemas["PutWfSpecBody"]["properties"]["spec"] = {}
    schemas["EvaluateBody"]["properties"]["expression"] = {}
    return made


SCHEMA = schemathesis.openapi.from_dict(without_forms_in_forms())
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}
EXAMPLES = 8
WAIT_MS_MAX = 5
NAME = "fuzzed"
NAMES = ("name", "wf_spec", "task_def", "event_def", "application", "workflow")
KEY = "0123456789abcdef" * 2
FIELD = {"name": "field", "type": "STR"}
ANSWER_S = 10.0
FOLLOWED_S = 1.0
"""How long a stream is read that does not end; so there are fewer examples of them."""
LABELS = sorted(OPERATIONS, key=lambda of: (of.startswith("DELETE"), of))
"""What deletes comes last: the others need what is there."""
TESTED = CHECKS.get_by_names(
    [
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "response_headers_conformance",
    ]
)

SETTINGS = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
FEWER = settings(SETTINGS, max_examples=EXAMPLES // 2)


class World(NamedTuple):
    """Two nodes, and the names of what is there."""

    urls: tuple[str, str]
    there: dict[str, Any]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Nodes with little patience, and one of many kinds of things with them."""
    limits = Limits(answer_timeout_s=5.0, read_timeout_s=0.05)
    with (
        serving(tmp_path_factory.mktemp("fuzz"), limits) as served,
        spare_beside(served, tmp_path_factory.mktemp("spare"), security=Security()) as spare,
    ):
        served.a_task_def(NAME)
        served.a_wf_spec(NAME, NAME, max_attempts=3)
        served.good("PUT", "/v1/external-event-defs?wait=all", {"name": NAME, "correlation": {}})
        served.good("PUT", "/v1/wf-specs?wait=all", waiting_for_event("waits", NAME))
        served.good("PUT", "/v1/user-task-defs?wait=all", {"name": NAME, "fields": [FIELD]})
        url = "https://example.com/hooks"
        served.good("PUT", "/v1/applications?wait=all", {"name": NAME, "webhook_url": url})
        context = [{"name": "context", "type": "JSON_OBJ"}]
        served.a_task_def("step", input_vars=context, return_type="JSON_OBJ")
        flow = {"name": NAME, "tasks": ["step"]}
        served.good("PUT", f"/v1/applications/{NAME}/workflows?wait=all", flow)
        served.good("PUT", "/v1/webhooks?wait=all", {"name": NAME, "wf_spec": NAME, "key": KEY})
        plan = {"schedule_id": NAME, "wf_spec": NAME, "cron": "0 0 1 1 *"}
        served.good("POST", "/v1/schedules", plan)
        served.run("waits", wf_run_id="waits")
        served.run(NAME)
        (task,) = served.poll(NAME)
        there = {name: task[name] for name in ("wf_run_id", "guid", "attempt")}
        there |= dict.fromkeys(NAMES, NAME)
        there |= {"worker": "w", "key": KEY, "schedule_id": NAME, "task_run": task["guid"]}
        yield World((served.url, spare.url), there)


@pytest.mark.slow
@pytest.mark.parametrize("label", LABELS)
def test_every_answer_is_documented(label: str, world: World) -> None:
    operation, tried, patience_s = OPERATIONS[label], SETTINGS, ANSWER_S
    if label.endswith("/follow"):
        tried, patience_s = FEWER, (ANSWER_S, FOLLOWED_S)
    right = operation.as_strategy()
    wrong = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    reaching, free = st.tuples(right, st.just(True)), st.tuples(right, st.just(False))
    mixed = st.one_of(free, st.tuples(wrong, st.booleans())) if can_be_wrong(operation) else free

    def ask(asked: tuple[Any, bool]) -> None:
        case, known = asked
        if known:
            name_what_is_there(case, world.there)
        be_impatient(case)
        for url in world.urls:
            response = case.call(base_url=url, timeout=patience_s)
            assert response.status_code != 500, (case.as_curl_command(), response.text)
            case.validate_response(response, checks=TESTED)

    tried(given(reaching)(ask))()
    tried(given(mixed)(ask))()


def can_be_wrong(operation: Any) -> bool:
    """Whether there is anything in a request that could be against the document."""
    return bool(operation.body) or any(True for _ in operation.iter_parameters())


def name_what_is_there(case: Any, there: dict[str, Any]) -> None:
    """Put the names of known things where the request has others, and leave out what can only be
    known from an answer.
    """
    for name in ("at_least", "cursor"):
        (case.query or {}).pop(name, None)
    for fields in (case.path_parameters, case.query, case.body):
        if isinstance(fields, dict):
            fields |= {name: there[name] for name in fields.keys() & there.keys()}
    if case.headers is not None:
        case.headers.pop("Penstock-Tenant", None)


def be_impatient(case: Any) -> None:
    """Wait for next to nothing: that is not what is tested."""
    for fields in (case.query, case.body):
        if isinstance(fields, dict) and isinstance(fields.get("wait_ms"), int):
            fields["wait_ms"] = min(fields["wait_ms"], WAIT_MS_MAX)
