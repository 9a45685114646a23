"""No route, no stream and no event tells what is masked: all that the OpenAPI document has is asked
of runs that took masked values in, handed them on and gave them out in every way (test_masking.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.gateway import test_masking as masking
from tests.gateway.served import Served, serving, wait_until
from tests.gateway.test_tenants_apart import DOCUMENT, asked_of

CLEAR = "-clear"
"""What all clear values have in them, and nothing else."""
LATER = "2999-01-01T00:00:00Z"
RUNS = (
    masking.test_masked_values_are_shown_as_stars,
    masking.test_an_events_masked_fields_are_shown_as_stars,
    masking.test_what_is_made_of_a_masked_variable_is_masked,
    masking.test_an_output_that_becomes_a_masked_variable_is_masked,
    masking.test_a_message_does_not_quote_what_is_masked,
)
NAMES = {
    "external-event-defs": "token", "user-task-defs": "taint-form", "struct-defs": "mask-person",
    "workflow-event-defs": "taint-event", "task-defs": "taint-task", "wf-specs": "taint",
}  # fmt: skip
assert CLEAR in masking.CLEAR_TEXT and CLEAR in masking.PIN and CLEAR in masking.CLEAR["card"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("masked") / "data") as served:
        for furnish in RUNS:
            furnish(served)
        later = {"schedule_id": "mask", "wf_spec": "taint", "cron": "0 0 1 1 *"}
        served.good("POST", "/v1/schedules", later | {"variables": {"pin": masking.PIN}})
        known = {"name": "mask-key", "content_type": "STRUCT<mask-person>", "correlation": {}}
        served.good("PUT", "/v1/external-event-defs?wait=all", known)
        lies = {"event_def": "mask-key", "key": "k", "content": masking.CLEAR}
        served.good("POST", "/v1/correlated-events", lies)
        yield served


def raw(served: Served, path: str, **asked: Any) -> tuple[int, str]:
    """The status and all bytes of an answer; of a stream what comes until it rests."""
    patience = httpx.Timeout(30.0, read=1.0 if path.endswith("/follow") else 30.0)
    text = ""
    with served.http.stream("GET", path, timeout=patience, **asked) as answer:
        with suppress(httpx.ReadTimeout):
            for piece in answer.iter_text():
                text += piece
        return answer.status_code, text


def places(served: Served) -> Iterator[dict[str, Any]]:
    """Of each run, what the parameters of a path may say."""
    for run in served.good("GET", "/v1/wf-runs?limit=100")["items"]:
        path = f"/v1/wf-runs/{run['wf_run_id']}"
        tasks = served.good("GET", f"{path}/task-runs")["items"]
        forms = served.good("GET", f"{path}/user-task-runs")["items"]
        yield {
            "wf_run_id": run["wf_run_id"],
            "task_run": tasks[0]["guid"] if tasks else "none",
            "guid": forms[0]["guid"] if forms else "none",
            "wf_spec": run["wf_spec"],
        }


def queries(template: str, there: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of an operation, in all views; a stream is asked for once."""
    for asked in asked_of(template, "get", there):
        yield asked["params"]
        if template.endswith("/follow"):
            break
        if "view" in asked["params"]:
            yield {**asked["params"], "view": "wundaflow"}


@pytest.mark.timeout(240)  # some thousand requests
def test_no_route_shows_what_is_masked(world: Served) -> None:
    """With each parameter alone, in all views, as of now and of a moment."""
    fixed = {"thread": 0, "position": 1, "schedule_id": "mask", "event_def": "mask-key", "key": "k"}
    fixed |= {"task_def": "taint-task", "view": "kestra", "at": LATER, "number": 0}
    stars: set[str] = set()
    for one in places(world):
        for template in DOCUMENT["paths"]:
            if "get" not in DOCUMENT["paths"][template]:
                continue
            kind = template.split("/")[2] if template.count("/") > 1 else ""
            there = fixed | {"name": NAMES.get(kind, "none")} | one
            path = template.format_map(defaultdict(lambda: "none", there))
            is_of_run = "{wf_run_id}" in template
            if not is_of_run and one["wf_spec"] != "taint":  # once is enough
                continue
            for query in queries(template, there):
                status, text = raw(world, path, params=query)
                assert status < 500, (path, query, text)
                assert CLEAR not in text, (path, query)
                if "*****" in text:
                    stars.add(template)
    assert len(stars) >= 15, stars


def test_an_expression_does_not_show_it(world: Served) -> None:
    told: set[tuple[str, int]] = set()
    for one in places(world):
        for name in ("pin", "copy", "got"):
            asked = {"wf_run_id": one["wf_run_id"], "template": ["{{ " + name + " }}"]}
            answer = world.call("POST", "/v1/expressions/evaluate", asked)
            assert CLEAR not in answer.text
            told.add((name, answer.status_code))
    assert {name for name, status in told if status == 200} == {"pin", "copy", "got"}, told


def test_nothing_that_is_told_as_it_happens_shows_it(world: Served) -> None:
    paths = ("/v1/changes/follow", "/v1/changes/wf-runs/follow")
    with world.http.stream("GET", paths[0]) as first, world.http.stream("GET", paths[1]) as second:
        lines = [first.iter_lines(), second.iter_lines()]
        heard = [until(stream, "positions") for stream in lines]
        run = world.run("taint", variables={"pin": masking.CLEAR_TEXT})
        [task] = world.poll("taint-task")
        world.succeed(task, "fine")
        heard += [until(lines[0], "positions"), until(lines[1], run)]
    assert CLEAR not in "".join(heard)


def until(lines: Iterator[str], word: str) -> str:
    """What a stream says until it has said this."""
    text = ""
    while word not in text:
        text += next(lines)
    return text


def test_no_event_for_the_outside_has_it(world: Served) -> None:
    made = world.made
    told: list[bytes] = []

    def of_taint() -> bool:
        told[:] = [
            record.value or b""
            for number in range(made.topics.partitions)
            for record in made.log.read_all(made.topics.events, number)
        ]
        return any(b"taint" in one for one in told)

    wait_until(of_taint)
    assert [one for one in told if CLEAR.encode() in one] == []
