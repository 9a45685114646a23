"""What is recorded of a run tells its story when it is folded alone, or says that it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from penstock.core.commands.put_principal import PutPrincipal
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.definitions.principals import Action, Grant, Resource
from penstock.core.errors import Code
from penstock.core.state.run import WfRun
from penstock.gateway.past import sees_all
from penstock.gateway.recorded import SHARED, recording_of
from penstock.gateway.stories import parting, story_of
from penstock.processor.past import Past
from penstock.processor.recording import of_json
from penstock.processor.refold import refolded
from tests.controls import chain, sleeps, task
from tests.replay.recording import a_full_log
from tests.scenarios.driver import Driver, memory_driver
from tests.scenarios.story import accepted, register, run


def recordings(driver: Driver) -> dict[str, Any]:
    """Of every run that there is, as they leave a server."""
    found: dict[str, Any] = {}
    for number in range(driver.topics.partitions):
        view = driver.processor.view(number)
        past = Past(
            log=driver.log, avro=driver.avro, topics=driver.topics, number=number, view=view
        )
        assert view is not None, "all partitions are open"
        for key in view.keys(b"default\x00r", b"default\x00s"):
            _, run_id, *rest = key.split(b"\x00")
            if rest == [WfRun.KIND]:
                told = recording_of(past, "default", run_id[1:].decode(), sees_all)
                found[told["wf_run_id"]] = json.loads(msgspec.json.encode(told))
    return found


def test_of_a_log_of_everything(tmp_path: Path) -> None:
    """Runs that end in every way: what parts was begun by a schedule."""
    with memory_driver(tmp_path) as driver:
        a_full_log(driver)
        found = recordings(driver)
        assert len(found) > 5
        for told in found.values():
            recording = of_json(told)
            rows = refolded(recording).rows
            again = story_of(rows, recording.tenant, recording.wf_run_id)
            assert (parting(told["history"], again) is None) == (told["parts"] is None)
        parted = [told for told in found.values() if told["parts"] is not None]
        assert all("command" not in told["turns"][0] for told in parted), "a timer began these"
        assert len(parted) < len(found) / 10


def test_of_senders_with_grants(tmp_path: Path) -> None:
    """Nobody's grants leave the server. What was allowed is done again, what was denied is not."""
    with memory_driver(tmp_path) as driver:
        register(driver, "spec", chain(sleeps(5), task("work")))
        of_all = Grant(("*",), (Resource.ALL_RESOURCES,), (Action.ALL_ACTIONS,))
        elsewhere = Grant(("their-tenant",), (Resource.WORKFLOW,), (Action.RUN,), ("their-spec",))
        for name, grants in {"test": (of_all, elsewhere), "stranger": (elsewhere,)}.items():
            accepted(driver, PutPrincipal(name=name, grants=grants))
        driver.settle()
        story = run(driver, "spec", "granted")
        assert driver.clock is not None
        driver.clock.now_ms += 10_000  # so that the timer fires in the turn of what is denied
        denied = driver.send(StopWfRun(wf_run_id=story.id), principal="stranger")
        assert denied.code is Code.PERMISSION_DENIED
        story.task("work").succeeds(1).completes()
        told = recordings(driver)[story.id]
        assert told["parts"] is None
        assert any("command" not in one for one in told["turns"]), "the turn stays, for its timer"
        assert {one["principal"] for one in told["turns"] if "command" in one} == {"test"}
        written = json.dumps(told)
        assert "their" not in written and "stranger" not in written
        assert refolded(of_json(told)).rows.peek(WfRun, "default", story.id) is not None


def test_of_runs_that_wait_for_the_same_limit(tmp_path: Path) -> None:
    """Who had to wait for others, waits for nobody when folded alone: that is said."""
    with memory_driver(tmp_path) as driver:
        spec = chain(task("work"))
        register(driver, "narrow", {**spec, "limit": {"most": 1, "behavior": "QUEUE"}})
        stories = [run(driver, "narrow", f"n{number}") for number in range(4)]
        for _ in stories:
            [taken] = driver.tasks("work")
            next(one for one in stories if one.id == taken.wf_run_id).has(taken).succeeds(1)
        found = recordings(driver)
        assert len(found) == len(stories)
        for told in found.values():
            assert told["parts"] is None or SHARED in told["parts"]
            assert {one["fields"].get("wf_run_id") for one in told["turns"] if "fields" in one} <= {
                told["wf_run_id"],
                None,
            }, "no other run is in it"
