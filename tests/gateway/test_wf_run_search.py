"""Runs are found by values of variables over HTTP."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.controls import chain, declared, event, starts_each, threads, variable
from tests.gateway.served import Served

VARIABLES = (
    declared("customer", "STR", searchable=True),
    declared("count", "INT", searchable=True),
    declared("rate", "DOUBLE", searchable=True),
    declared("ready", "BOOL", searchable=True),
    declared("order", "JSON_OBJ", json_indexes=[{"path": '$["a:b"].total', "type": "INT"}]),
    declared("plain", "STR"),
    declared("secret", "STR", masked=True),
)


@pytest.fixture(scope="module", autouse=True)
def _registered(served: Served) -> None:
    served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "ws-go"})
    spec = chain(event("ws-go"), variables=VARIABLES)
    served.good("PUT", "/v1/wf-specs?wait=all", {"name": "ws-order", "spec": spec})


def found(served: Served, condition: str, *, limit: int = 100, **params: Any) -> list[str]:
    """The ids of all pages of a search."""
    query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in params.items())
    path = f"/v1/wf-runs?wf_spec=ws-order&variable={quote(condition, safe='')}&limit={limit}"
    path += query and f"&{query}"
    ids: list[str] = []
    answer = served.good("GET", path)
    while True:
        assert len(answer["items"]) <= limit
        ids += [row["wf_run_id"] for row in answer["items"]]
        if answer["cursor"] is None:
            return ids
        answer = served.good("GET", f"{path}&cursor={answer['cursor']}")


def test_runs_are_found_by_values_of_all_simple_types(served: Served) -> None:
    given = {"customer": "a:b €", "count": -7, "rate": 5.0, "ready": True}
    wf_run_id = served.run("ws-order", variables=given)
    served.run("ws-order", variables={"customer": "a", "count": 7, "rate": 5.5, "ready": False})
    conditions = ("customer:a:b €", "count:-7", "rate:5", "rate:5.0", "rate:5e0", "ready:true")
    for condition in conditions:
        assert found(served, condition) == [wf_run_id], condition
    assert found(served, "customer:A:b €") == []
    assert found(served, "customer:") == []


def test_runs_are_found_by_parts_of_json(served: Served) -> None:
    wf_run_id = served.run("ws-order", variables={"order": {"a:b": {"total": 12}}})
    assert found(served, "order:12", path='$["a:b"].total') == [wf_run_id]
    assert found(served, "order:13", path='$["a:b"].total') == []


def test_pages_have_each_run_once(served: Served) -> None:
    ids = {served.run("ws-order", variables={"customer": "many"}) for _ in range(9)}
    for limit in (1, 2, 100):
        seen = found(served, "customer:many", limit=limit)
        assert len(seen) == len(ids)
        assert set(seen) == ids


def test_a_run_is_found_as_it_is_now(served: Served) -> None:
    wf_run_id = served.run("ws-order", variables={"customer": "before"})
    edit = {"name": "customer", "value": "after"}
    served.good("POST", f"/v1/wf-runs/{wf_run_id}/actions/edit-variable", edit)
    assert found(served, "customer:before") == []
    assert found(served, "customer:after") == [wf_run_id]
    served.good("POST", f"/v1/wf-runs/{wf_run_id}/actions/kill", {})
    served.good("POST", f"/v1/wf-runs/{wf_run_id}/actions/delete", {})
    assert found(served, "customer:after") == []


def test_a_run_with_many_such_threads_is_found_once(served: Served) -> None:
    child = chain(event("ws-go"), variables=(declared("INPUT", "INT"), VARIABLES[0]))
    values = {"customer": {"from": "VALUE", "value": "each"}}
    main = chain(
        starts_each("child", variable("list"), **values),
        event("ws-go"),
        variables=(declared("list", "JSON_ARR"),),
    )
    spec = {"name": "ws-each", "spec": threads(main, child=child)}
    served.good("PUT", "/v1/wf-specs?wait=all", spec)
    ids = {served.run("ws-each", variables={"list": [1, 2, 3]}) for _ in range(2)}
    path = "/v1/wf-runs?wf_spec=ws-each&variable=customer:each"
    whole = served.good("GET", path)["items"]
    assert len(whole) == 2
    first = served.good("GET", f"{path}&limit=1")
    second = served.good("GET", f"{path}&limit=1&cursor={first['cursor']}")
    assert {page["items"][0]["wf_run_id"] for page in (first, second)} == ids


def test_a_version_says_how_a_value_is_read(served: Served) -> None:
    """The newest does, if none is named."""
    hidden = {"access": "PRIVATE_VAR", "searchable": True}
    for kind in ("INT", "STR"):
        spec = chain(event("ws-go"), variables=(declared("n", kind, **hidden),))
        served.good("PUT", "/v1/wf-specs?wait=all", {"name": "ws-two", "spec": spec})
    path = "/v1/wf-runs?wf_spec=ws-two&variable=n:x"
    assert served.good("GET", path)["items"] == []
    assert served.refused("GET", f"{path}&version=1")[:2] == (400, "BAD_REQUEST")


def test_what_is_wrong_is_refused_by_name(served: Served) -> None:
    wrong = [
        ("variable=customer:x", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&path=$.a", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=customer:x&order=newest", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=customer:x&status=LATE", 400, "BAD_REQUEST"),
        ("path=$.a", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=customer", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=:x", 400, "BAD_ID"),
        ("wf_spec=ws-order&variable=a%00b:x", 400, "BAD_ID"),
        ("wf_spec=ws-order&variable=count:many", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=order:12", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=order:12&path=$.b", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=customer:x&path=$.b", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=plain:x", 400, "VARIABLE_UNKNOWN"),
        ("wf_spec=ws-order&variable=secret:x", 400, "VARIABLE_UNKNOWN"),
        ("wf_spec=ws-none&variable=customer:x", 404, "SPEC_UNKNOWN"),
        ("wf_spec=ws-order&variable=customer:x&version=9", 404, "SPEC_UNKNOWN"),
        ("wf_spec=ws-order&variable=customer:x&version=0", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=customer:x&cursor=eHg", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=customer:x&limit=0", 400, "BAD_REQUEST"),
    ]
    for query, status, code in wrong:
        assert served.refused("GET", f"/v1/wf-runs?{query}")[:2] == (status, code), query
