"""What the scenarios of migration share."""

from __future__ import annotations

import time
from typing import Any

from penstock.core.commands.migrate_wf_run import MigrateWfRun
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.state.migration_rows import Migration
from penstock.core.state.outputs import Answer
from tests.scenarios.driver import WAIT_S, Driver
from tests.scenarios.story import Story, accepted

Json = dict[str, Any]


def next_version(driver: Driver, name: str, spec: Json) -> int:
    """Register a spec whose definitions are there; its version."""
    return accepted(driver, PutWfSpec(name=name, spec=spec)).body["version"]


def asks(story: Story, **plan: Any) -> Answer:
    """Ask for a migration; waits until the run's partition knows the version."""
    deadline = time.monotonic() + (0 if story.driver.clock else WAIT_S)
    while True:
        answer = story.driver.send(MigrateWfRun(wf_run_id=story.id, **plan))
        if answer.code != "SPEC_UNKNOWN" or time.monotonic() > deadline:
            return answer
        time.sleep(0.01)


def migrates(story: Story, **plan: Any) -> Story:
    """The run is migrated, to the newest version if none is named, and nothing is left of the
    plan.
    """
    answer = asks(story, **plan)
    assert answer.ok, answer
    version: int = answer.body["version"]
    story.wait(lambda: story.run.version == version, f"to be in version {version}")
    assert story.run.sweep is None
    assert story.run.migrates_to is None
    assert story.driver.get(Migration, story.id) is None
    return story


def can_not(story: Story, said: str, code: str = "MIGRATION_IMPOSSIBLE", **plan: Any) -> Story:
    """The plan is refused, its reason says this, and no row of the run changes."""
    before = story.rows()
    answer = asks(story, **plan)
    assert answer.code == code, answer
    assert said in answer.message, answer.message
    assert story.rows() == before
    return story
