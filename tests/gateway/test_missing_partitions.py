"""A partition that is stopped takes nothing from who follows the others: he is told of them, and
which one is missing, and why.
"""

from __future__ import annotations

import secrets
from itertools import islice
from pathlib import Path

import pytest

from penstock import Client
from penstock.core.ids import partition_of_run
from tests.controls import chain, event
from tests.gateway.served import PARTITIONS, Served, serving
from tests.gateway.stopping import STOPPED, open_it_again, stop_a_partition
from tests.gateway.test_streams import told

OTHERS = sorted(set(range(PARTITIONS)) - {STOPPED})


def register(served: Served) -> None:
    """What runs wait for, so that they are there as long as it takes."""
    served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "go"})
    spec = {"name": "waits", "spec": chain(event("go"))}
    served.good("PUT", "/v1/wf-specs?wait=all", spec)


def run_on(served: Served, number: int) -> str:
    """A run on this partition."""
    ids = (f"waits-{secrets.token_hex(6)}" for _ in range(1_000))
    wf_run_id = next(one for one in ids if partition_of_run(one, PARTITIONS) == number)
    return served.run("waits", wf_run_id=wf_run_id)


def test_streams_go_on_without_a_partition_that_is_stopped(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        register(served)
        with (
            served.http.stream("GET", "/v1/changes/wf-runs/follow") as before,
            served.http.stream("GET", "/v1/changes/follow") as positions,
        ):
            events, changes = told(before.iter_lines()), told(positions.iter_lines())
            assert next(events)[0] == "begin" and next(changes)[0] == "changed"
            stop_a_partition(served)
            for one in (events, changes):
                name, data = next(shown for shown in one if shown[0] == "missing")
                assert [(each["partition"], each["code"]) for each in data["partitions"]]
            for number in OTHERS:
                wanted = run_on(served, number)
                while True:
                    name, data = next(events)
                    assert name in ("missing", "begin", "run"), data
                    if name == "run" and data["wf_run_id"] == wanted:
                        break
                assert any(
                    position.startswith(f"{number}:")
                    for name, data in islice(changes, 10)
                    if name == "changed"
                    for position in data["positions"]
                )


def test_a_partition_that_is_back_begins_anew_and_is_missing_no_more(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        register(served)
        other = run_on(served, OTHERS[0])
        stop_a_partition(served)
        with served.http.stream("GET", "/v1/changes/wf-runs/follow") as stream:
            events = told(stream.iter_lines())
            assert [one["partition"] for one in next(events)[1]["partitions"]] == [STOPPED]
            assert next(events)[0] == "begin"
            open_it_again(served, other)
            while (news := next(events)) != ("missing", {"partitions": []}):
                assert news[0] in ("run", "begin", "missing"), news
            while (news := next(events))[0] != "begin":
                assert news[0] == "run", news
            assert any(one.startswith(f"{STOPPED}:") for one in news[1]["positions"])
            wanted = run_on(served, STOPPED)
            while (news := next(events))[0] != "run" or news[1]["wf_run_id"] != wanted:
                assert news[0] != "error", news


def test_a_stream_that_begins_later_says_at_first_what_is_missing(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        register(served)
        stop_a_partition(served)
        with served.http.stream("GET", "/v1/changes/wf-runs/follow") as stream:
            events = told(stream.iter_lines())
            name, data = next(events)
            [missing] = data["partitions"]
            assert (name, missing["partition"], missing["code"]) == (
                "missing",
                STOPPED,
                "INTEGRITY",
            )
            assert "stopped" in missing["message"]
            name, data = next(events)
            assert name == "begin"
            assert [one.partition(":")[0] for one in data["positions"]] == [str(n) for n in OTHERS]
        with Client(served.url) as client:
            missed, begun, found = [], False, ""
            for news in client.follow_runs():
                if news.what == "missing":
                    missed = [one.partition for one in news.missing]
                elif news.what == "begin" and not begun:
                    begun, found = True, run_on(served, OTHERS[0])
                elif news.wf_run_id == found:
                    break
            assert missed == [STOPPED]


@pytest.mark.parametrize("path", ["/v1/wf-runs/{run}/follow", "/v1/wf-runs/{run}/logs/follow"])
def test_a_run_on_a_stopped_partition_is_not_followed(tmp_path: Path, path: str) -> None:
    with serving(tmp_path) as served:
        register(served)
        there = run_on(served, STOPPED)
        with served.http.stream("GET", path.format(run=there)) as stream:
            stop_a_partition(served)
            *_, (name, data) = told(stream.iter_lines())
            assert (name, data["code"], data["status"]) == ("error", "INTEGRITY", 503)
        assert served.refused("GET", path.format(run=there))[:2] == (503, "INTEGRITY")
