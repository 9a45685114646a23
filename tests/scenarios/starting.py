"""Runs that ends of other runs start: specs that wait for them, and the runs that have come."""

from __future__ import annotations

import time
from typing import Any

from penstock.core.state.facts import AuditEntry
from penstock.core.state.keys import after_prefix, kind_of_run_key, run_id_of, runs_prefix
from penstock.core.state.run import WfRun
from penstock.core.state.start_rows import StartWatch
from tests.controls import Json, chain, declared, task, variable
from tests.scenarios.driver import WAIT_S, Driver
from tests.scenarios.story import Story

FIRST = chain(task("work"), returns=variable("n"), variables=(declared("n", "INT", default=7),))
"""A run that others may wait for."""

SEEN = (declared("of", "STR"), declared("state", "STR"), declared("n", "INT"))
WHAT_IT_SEES: Json = {
    "of": variable("wf_run_id"),
    "state": variable("state"),
    "n": variable("output"),
}


def after(made: Json, *starts: Json) -> Json:
    """The spec, with these starts."""
    return made | {"starts": list(starts)}


def start(wf_spec: str | None = "first", name: str = "go", **settings: Any) -> Json:
    """A start after ends of this spec's runs."""
    watched = {} if wf_spec is None else {"wf_spec": wf_spec}
    return {"id": name, **watched, **settings}


def second(**settings: Any) -> Json:
    """A spec that tells what it has seen of the end of a first run."""
    return after(chain(variables=SEEN), start(inputs=WHAT_IT_SEES, **settings))


def runs_of(driver: Driver, wf_spec: str, count: int) -> list[Story]:
    """The runs of a spec, when there are so many."""
    deadline = time.monotonic() + (0 if driver.clock else WAIT_S)
    while len(found := _runs_of(driver, wf_spec)) != count:
        assert time.monotonic() < deadline, (wf_spec, found)
        time.sleep(0.01)
    return [Story(driver, wf_run_id) for wf_run_id in found]


def _runs_of(driver: Driver, wf_spec: str) -> list[str]:
    prefix = runs_prefix("default")
    found: list[str] = []
    for _, view in driver._views():
        for key in view.keys(prefix, after_prefix(prefix)):
            if kind_of_run_key(key) == WfRun.KIND:
                run = view.get(WfRun, key)
                found += [run_id_of(key)] if run is not None and run.wf_spec == wf_spec else []
    return found


def refusals(story: Story) -> list[Any]:
    """What was refused after the ends of a run."""
    rows = story.driver.scan(AuditEntry, story.id)
    return [row.detail for row in rows if row.verb == "StartAfterEnd:refused"]


def watches(driver: Driver) -> list[StartWatch]:
    """What is watched, on each partition."""
    prefix = StartWatch.key("default")
    return [
        row
        for _, view in driver._views()
        for _, row in view.scan(StartWatch, prefix, after_prefix(prefix))
    ]
