"""Who follows a run, or everything, is told when something has changed."""

import json
import threading
from collections.abc import Iterator

import pytest

from tests.controls import chain, event
from tests.gateway.served import Served


@pytest.fixture(scope="module", autouse=True)
def _registered(served: Served) -> None:
    served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "ch-go"})
    spec = {"name": "ch-run", "spec": chain(event("ch-go"))}
    served.good("PUT", "/v1/wf-specs?wait=all", spec)


def events_of(lines: Iterator[str]) -> Iterator[list[str]]:
    """The positions of each event."""
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))["positions"]


def test_a_run_is_followed(served: Served) -> None:
    wf_run_id, other = served.run("ch-run"), served.run("ch-run")
    with served.http.stream("GET", f"/v1/wf-runs/{wf_run_id}/follow") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        events = events_of(stream.iter_lines())
        [first] = next(events)
        served.good("POST", f"/v1/wf-runs/{other}/actions/stop", {})
        told = served.good("POST", f"/v1/wf-runs/{wf_run_id}/actions/stop", {})
        [second] = next(events)
    partition, offset = told["position"].split(":")
    assert first.split(":")[0] == second.split(":")[0] == partition
    assert int(second.split(":")[1]) >= int(offset)


def test_a_run_is_told_of_what_happens_below_it(served: Served) -> None:
    above = served.run("ch-run")
    with served.http.stream("GET", f"/v1/wf-runs/{above}/follow") as stream:
        events = events_of(stream.iter_lines())
        next(events)
        served.run("ch-run", parent=above)
        assert next(events)


def test_a_run_that_is_not_there_is_not_followed(served: Served) -> None:
    assert served.refused("GET", "/v1/wf-runs/ch-none/follow")[1] == "WF_RUN_UNKNOWN"


def test_everything_is_followed(served: Served) -> None:
    with served.http.stream("GET", "/v1/changes/follow") as stream:
        events = events_of(stream.iter_lines())
        before = next(events)
        assert len(before) == served.made.log.partitions
        timer = threading.Timer(0.2, served.run, ("ch-run",))
        timer.start()
        after = next(events)
        timer.join()
    assert before != after
