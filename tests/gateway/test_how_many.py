"""How many there are is counted by the filters of a search, and a count says if it is not all."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from penstock.core.definitions.principals import Action
from penstock.gateway import run_window, wf_run_search
from tests.controls import chain, declared, event
from tests.gateway.keys import client_of, grant, guarded
from tests.gateway.served import Served, one_task

TENANT = "counted"
RUNS = 24
OF = {"wf_spec": "hm-run"}
KINDS: list[tuple[str, dict[str, Any], int]] = [
    ("wf-runs", OF, RUNS),
    ("wf-runs", {**OF, "version": 1, "status": "RUNNING"}, RUNS),
    ("wf-runs", {**OF, "status": "COMPLETED"}, 0),
    ("wf-runs", {**OF, "variable": "who:ada"}, RUNS // 2),
    ("wf-runs", {**OF, "variable": ["who:ada", "n:2"]}, RUNS // 6),
    ("wf-runs", {**OF, "variable": "who:ada", "status": "HALTED"}, 0),
    ("node-runs", {**OF, "type": "EXTERNAL_EVENT", "status": "RUNNING"}, RUNS),
    ("node-runs", {**OF, "event_def": "hm-other"}, 0),
    ("external-events", {**OF, "claimed": "false"}, RUNS // 3),
    ("external-events", {"event_def": "none"}, 0),
    ("workflow-events", {"event_def": "hm-told"}, RUNS),
    ("task-runs", {"task_def": "hm-work", "status": "TASK_SCHEDULED"}, 5),
    ("task-runs", {"view": "kestra", "wf_spec": "hm-works", "status": "CREATED"}, 5),
]


@pytest.fixture(scope="module", autouse=True)
def _there(served: Served) -> None:
    def good(method: str, path: str, **body: Any) -> None:
        served.good(method, f"/v1/{path}", body, tenant=TENANT)

    for name in ("hm-go", "hm-other"):
        good("PUT", "external-event-defs?wait=all", name=name)
    good("PUT", "workflow-event-defs?wait=all", name="hm-told")
    good("PUT", "task-defs?wait=all", name="hm-work")
    throws = {"type": "THROW_EVENT", "workflow_event_def": "hm-told"}
    found = (declared("who", "STR", searchable=True), declared("n", "INT", searchable=True))
    spec = chain(throws, event("hm-go"), variables=found)
    good("PUT", "wf-specs?wait=all", name="hm-run", spec=spec)
    good("PUT", "wf-specs?wait=all", **one_task("hm-works", "hm-work"))
    for number in range(RUNS):
        given = {"who": "ada" if number % 2 else "bob", "n": number % 3}
        wf_run_id = f"hm-{number}"
        good("POST", "wf-runs", wf_spec="hm-run", wf_run_id=wf_run_id, variables=given)
        if number % 3 == 0:
            good("POST", "external-events", wf_run_id=wf_run_id, event_def="hm-other", content=1)
    for _ in range(5):
        good("POST", "wf-runs", wf_spec="hm-works")


def counted(served: Served, kind: str, asked: dict[str, Any]) -> list[Any]:
    """The answers, until nothing is left to be counted."""
    words, answers = asked, list[Any]()
    while True:
        path = f"/v1/counts/{kind}?{urlencode(words, doseq=True)}"
        answers.append(served.good("GET", path, tenant=TENANT))
        if answers[-1]["cursor"] is None:
            return answers
        words = {**asked, "cursor": answers[-1]["cursor"]}


@pytest.mark.parametrize(("kind", "asked", "wanted"), KINDS)
def test_a_count_is_of_what_the_filters_name(
    served: Served, kind: str, asked: dict[str, Any], wanted: int
) -> None:
    [answer] = counted(served, kind, asked)
    assert (answer["count"], answer["lower_bound"]) == (wanted, False)


@pytest.mark.parametrize(("kind", "asked", "wanted"), KINDS)
def test_a_count_that_is_not_all_says_so_and_goes_on(
    served: Served,
    kind: str,
    asked: dict[str, Any],
    wanted: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of them come to what there is, however little is looked at for each."""
    monkeypatch.setattr(run_window, "ROWS_PER_WINDOW_MAX", 20)
    monkeypatch.setattr(wf_run_search, "ENTRIES_PER_PAGE_MAX", 6)
    answers = counted(served, kind, asked)
    assert sum(one["count"] for one in answers) == wanted
    assert [one["lower_bound"] for one in answers] == [True] * (len(answers) - 1) + [False]
    assert len(answers) > 1


def test_a_run_with_more_than_is_looked_at_makes_a_lower_bound(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_window, "ROWS_OF_RUN_MAX", 1)
    [answer] = counted(served, "node-runs", OF)
    assert answer["count"] <= RUNS
    assert (answer["lower_bound"], answer["cursor"]) == (True, None)


def test_what_is_wrong_is_refused(served: Served) -> None:
    for path, status, code in (
        ("wf-runs?variable=who:ada", 400, "BAD_REQUEST"),
        ("wf-runs?wf_spec=hm-run&variable=who:ada&cursor=eHg", 400, "BAD_REQUEST"),
        ("wf-runs?cursor=eHg", 400, "BAD_REQUEST"),
        ("wf-runs?limit=1", 400, "BAD_REQUEST"),
        ("wf-runs?wf_spec=none&variable=who:ada", 404, "SPEC_UNKNOWN"),
        ("node-runs?status=LATE", 400, "BAD_REQUEST"),
        ("user-tasks", 404, "NOT_FOUND"),
    ):
        refused = served.refused("GET", f"/v1/counts/{path}", tenant=TENANT)
        assert refused[:2] == (status, code), path


def test_what_may_not_be_read_is_not_counted(tmp_path_factory: pytest.TempPathFactory) -> None:
    with guarded(tmp_path_factory.mktemp("counts")) as served:
        served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "go"}, tenant=TENANT)
        found = (declared("who", "STR", searchable=True),)
        for name in ("seen", "hidden"):
            spec = {"name": name, "spec": chain(event("go"), variables=found)}
            served.good("PUT", "/v1/wf-specs?wait=all", spec, tenant=TENANT)
            body = {"wf_spec": name, "variables": {"who": "ada"}}
            served.good("POST", "/v1/wf-runs", body, tenant=TENANT)
        reads = grant(TENANT, "WORKFLOW", Action.READ, "seen")
        with client_of(served, "sees", reads) as client:
            assert client.get("/v1/counts/wf-runs").json()["count"] == 1
            assert client.get("/v1/counts/node-runs?type=EXTERNAL_EVENT").json()["count"] == 1
            by = "/v1/counts/wf-runs?variable=who:ada&wf_spec="
            assert client.get(f"{by}seen").json()["count"] == 1
            assert client.get(f"{by}hidden").status_code == 403
        with client_of(served, "blind", grant(TENANT, "TASK", Action.READ, "seen")) as client:
            assert client.get("/v1/counts/wf-runs").status_code == 403
