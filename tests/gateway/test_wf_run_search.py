"""Runs are found by values of variables over HTTP."""

from typing import Any
from urllib.parse import urlencode

import pytest

from penstock.gateway import wf_run_search
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


def found(
    served: Served, *conditions: str, wf_spec: str = "ws-order", limit: int = 100, **params: Any
) -> list[str]:
    """The ids of all pages of a search."""
    words = {"wf_spec": wf_spec, "variable": conditions, "limit": limit, **params}
    path = f"/v1/wf-runs?{urlencode(words, doseq=True)}"
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
    assert found(served, 'order$["a:b"].total:12') == [wf_run_id]
    assert found(served, 'order$["a:b"].total:13') == []


def test_pages_have_each_run_once(served: Served) -> None:
    ids = {served.run("ws-order", variables={"customer": "many"}) for _ in range(9)}
    for limit in (1, 2, 100):
        seen = found(served, "customer:many", limit=limit)
        assert len(seen) == len(ids)
        assert set(seen) == ids


def test_runs_have_all_of_several_values(served: Served) -> None:
    """Each in many runs, but few in all of them: pages are as if these were all there is."""
    first, second, both = set[str](), set[str](), set[str]()
    for number in range(30):
        first.add(served.run("ws-order", variables={"customer": "cross", "count": number}))
        second.add(served.run("ws-order", variables={"customer": "other", "count": 4711}))
        if number % 6 == 0:
            given = {"customer": "cross", "count": 4711, "order": {"a:b": {"total": number}}}
            both.add(served.run("ws-order", variables=given))
    for limit in (1, 2, 100):
        seen = found(served, "customer:cross", "count:4711", limit=limit)
        assert len(seen) == len(both)
        assert set(seen) == both
    assert set(found(served, "customer:cross")) == first | both
    assert set(found(served, "count:4711")) == second | both
    three = ("count:4711", 'order$["a:b"].total:6', "customer:cross")
    assert len(found(served, *three)) == 1
    assert found(served, *three, "customer:other") == []
    assert set(found(served, "customer:cross", "customer:cross")) == first | both


def test_a_page_looks_at_so_much_and_goes_on_there(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many looks it takes, nothing is lost or comes twice."""
    both = set[str]()
    for number in range(40):
        served.run("ws-order", variables={"customer": "much", "ready": False})
        served.run("ws-order", variables={"customer": "less", "ready": True, "rate": 77.0})
        if number % 20 == 0:
            given = {"customer": "much", "ready": True, "rate": 77.0}
            both.add(served.run("ws-order", variables=given))
    asked = ("customer:much", "ready:true", "rate:77")
    monkeypatch.setattr(wf_run_search, "ENTRIES_PER_PAGE_MAX", 5)
    words = {"wf_spec": "ws-order", "variable": asked}
    first = served.good("GET", f"/v1/wf-runs?{urlencode(words, doseq=True)}")
    assert first["cursor"] is not None
    seen = found(served, *asked)
    assert len(seen) == len(both)
    assert set(seen) == both


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


def test_runs_of_a_version_are_found(served: Served) -> None:
    """By its number, and as a revision of a major version."""
    who = declared("who", "STR", searchable=True)
    bodies = [
        chain(event("ws-go"), variables=(who,)),
        chain(event("ws-go"), event("ws-go"), variables=(who,)),
        chain(event("ws-go"), variables=(who, declared("more", "INT"))),
    ]
    ids: list[str] = []
    for body in bodies:
        served.good("PUT", "/v1/wf-specs?wait=all", {"name": "ws-three", "spec": body})
        ids.append(served.run("ws-three", variables={"who": "ada"}))
    asks: list[tuple[dict[str, int], list[str]]] = [
        ({}, ids),
        ({"version": 1}, ids[:1]),
        ({"version": 3}, ids[2:]),
        ({"major": 0}, ids[:2]),
        ({"major": 0, "revision": 1}, ids[1:2]),
        ({"major": 1, "revision": 0}, ids[2:]),
        ({"major": 0, "version": 2}, ids[1:2]),
    ]
    for which, wanted in asks:
        assert set(found(served, "who:ada", wf_spec="ws-three", **which)) == set(wanted), which
        assert found(served, "who:eve", wf_spec="ws-three", **which) == []
        path = f"/v1/wf-runs?{urlencode({'wf_spec': 'ws-three', **which})}"
        assert {one["wf_run_id"] for one in served.good("GET", path)["items"]} == set(wanted)
    path = "/v1/wf-runs?wf_spec=ws-three"
    for none in ("version=9", "major=7", "major=0&revision=2", "version=3&major=0"):
        assert served.good("GET", f"{path}&{none}")["items"] == []
        refused = served.refused("GET", f"{path}&{none}&variable=who:ada")
        assert refused[:2] == (404, "SPEC_UNKNOWN"), none
    for wrong in ("revision=1", "version=-1", "version=x", "major=1.0"):
        assert served.refused("GET", f"{path}&{wrong}")[:2] == (400, "BAD_REQUEST"), wrong
    assert served.refused("GET", "/v1/node-runs?major=1")[:2] == (400, "BAD_REQUEST")


def test_a_version_may_be_as_large_as_is_said(served: Served) -> None:
    """Which is a whole number of 64 bits."""
    path, largest = "/v1/wf-runs?wf_spec=ws-order&version=", 2**63 - 1
    for number in (0, 10**9, 10**10, largest):
        assert served.good("GET", f"{path}{number}")["items"] == [], number
        refused = served.refused("GET", f"{path}{number}&variable=customer:x")
        assert refused[:2] == (404, "SPEC_UNKNOWN"), number
        refused = served.refused("GET", f"/v1/wf-specs/ws-order?version={number or 9}")
        assert refused[:2] == (404, "SPEC_UNKNOWN"), number
    for number in (largest + 1, 10**19, -1):
        assert served.refused("GET", f"{path}{number}")[:2] == (400, "BAD_REQUEST"), number
    major = f"/v1/wf-runs?wf_spec=ws-order&major={largest}&revision={largest}"
    assert served.good("GET", major)["items"] == []
    assert served.refused("GET", f"{major}&variable=customer:x")[:2] == (404, "SPEC_UNKNOWN")
    odd = f"/v1/wf-runs?wf_spec=ws-order&major=0&revision={largest}&variable=customer:x"
    assert served.refused("GET", odd)[:2] == (404, "SPEC_UNKNOWN")


def test_what_is_wrong_is_refused_by_name(served: Served) -> None:
    wrong = [
        ("variable=customer:x", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&path=$.a", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=customer:x&order=newest", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=customer:x&status=LATE", 400, "BAD_REQUEST"),
        ("path=$.a", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=order$.b:1:&variable=customer", 400, "BAD_REQUEST"),
        (
            "wf_spec=ws-order&" + "&".join(f"variable=count:{n}" for n in range(11)),
            400,
            "BAD_REQUEST",
        ),
        ("wf_spec=ws-order&variable=customer", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=:x", 400, "BAD_ID"),
        ("wf_spec=ws-order&variable=a%00b:x", 400, "BAD_ID"),
        ("wf_spec=ws-order&variable=count:many", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=order:12", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=order$.b:12", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=customer$.b:x", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=plain:x", 400, "VARIABLE_UNKNOWN"),
        ("wf_spec=ws-order&variable=secret:x", 400, "VARIABLE_UNKNOWN"),
        ("wf_spec=ws-none&variable=customer:x", 404, "SPEC_UNKNOWN"),
        ("wf_spec=ws-order&variable=customer:x&version=9", 404, "SPEC_UNKNOWN"),
        ("wf_spec=ws-order&variable=order$.b", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=order$b:x", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=customer:x&cursor=eHg", 400, "BAD_REQUEST"),
        ("wf_spec=ws-order&variable=customer:x&limit=0", 400, "BAD_REQUEST"),
    ]
    for query, status, code in wrong:
        assert served.refused("GET", f"/v1/wf-runs?{query}")[:2] == (status, code), query
