"""Runs are listed newest first, by what a filter names, over HTTP."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from penstock.core.state.run import WfRun
from penstock.gateway.reads import View
from penstock.gateway.run_window import Begun, Window
from tests.controls import chain, event
from tests.gateway.served import PARTITIONS, Served


@pytest.fixture(scope="module", autouse=True)
def _registered(served: Served) -> None:
    served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "nr-go"})
    for name in ("nr-order", "nr-other"):
        spec = chain(event("nr-go"))
        served.good("PUT", "/v1/wf-specs?wait=all", {"name": name, "spec": spec})


def found(served: Served, limit: int = 200, **words: Any) -> list[str]:
    """The ids of all pages, which must be in one order."""
    words = {"order": "newest", "limit": limit, **words}
    answer = served.good("GET", f"/v1/wf-runs?{urlencode(words, doseq=True)}")
    items: list[Any] = []
    while True:
        assert len(answer["items"]) <= limit
        items += answer["items"]
        if answer["cursor"] is None:
            break
        more = urlencode({**words, "cursor": answer["cursor"]}, doseq=True)
        answer = served.good("GET", f"/v1/wf-runs?{more}")
    times = [one["started_at"] for one in items]
    assert times == sorted(times, reverse=True)
    return [one["wf_run_id"] for one in items]


def test_the_newest_runs_come_first_and_each_once(served: Served) -> None:
    ids = [served.run("nr-order", labels={"test": "first"}) for _ in range(7)]
    for limit in (1, 3, 200):
        seen = found(served, limit=limit, label="test:first")
        assert sorted(seen) == sorted(ids)


def test_runs_are_filtered_by_what_they_are(served: Served) -> None:
    labels = {"test": "filter"}
    stopped = served.run("nr-order", labels=labels)
    other = served.run("nr-other", labels={**labels, "Colour": "Blue"})
    served.good("POST", f"/v1/wf-runs/{stopped}/actions/stop", {})
    mine = {"label": "test:filter"}
    assert found(served, status="HALTED", **mine) == [stopped]
    assert found(served, status=["HALTED", "ERROR"], **mine) == [stopped]
    assert sorted(found(served, status=["HALTED", "RUNNING"], **mine)) == sorted([stopped, other])
    assert found(served, wf_spec="nr-other", **mine) == [other]
    assert found(served, q="colour:bl", **mine) == [other]
    assert found(served, q=stopped[:20].upper(), **mine) == [stopped]
    assert found(served, label=["test:filter", "Colour:Blue"]) == [other]
    assert found(served, started_after="2100-01-01T00:00:00Z", **mine) == []
    assert found(served, started_before="2000-01-01T00:00:00Z", **mine) == []


def test_child_runs_are_found_by_the_run_above(served: Served) -> None:
    above = served.run("nr-order", labels={"test": "family"})
    below = served.run("nr-order", parent=above, labels={"test": "family"})
    assert found(served, trigger_wf_run_id=above) == [below]
    assert found(served, label="test:family", child_filter="MAIN") == [above]
    assert served.good("GET", f"/v1/wf-runs/{below}")["parent"] == above
    assert served.good("GET", f"/v1/wf-runs/{above}")["parent"] is None


def test_words_that_do_not_go_together_are_refused(served: Served) -> None:
    for query, word in (
        ("order=oldest", "newest"),
        ("order=newest&variable=a:b&wf_spec=nr-order", "variable"),
        ("order=newest&status=LATE", "RUNNING"),
        ("order=newest&cursor=eA", "cursor"),
        ("status=RUNNING&version=1", "wf_spec"),
    ):
        status, code, message = served.refused("GET", f"/v1/wf-runs?{query}")
        assert (status, code) == (400, "BAD_REQUEST"), query
        assert word in message, query


def test_a_page_costs_what_it_shows(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many runs there are: in no partition are more read than a page has, and one."""
    for _ in range(60):
        served.run("nr-order", labels={"test": "cost"})
    read: list[str] = []
    runs_of = Window._runs

    def counted(self: Window[Any], view: View, begins: Begun) -> Iterator[tuple[Begun, WfRun]]:
        for place, run in runs_of(self, view, begins):
            read.append(run.wf_run_id)
            yield place, run

    monkeypatch.setattr(Window, "_runs", counted)
    page = served.good("GET", "/v1/wf-runs?order=newest&limit=5")
    assert len(page["items"]) == 5
    assert page["cursor"] is not None
    assert 5 < len(read) <= PARTITIONS * 6
